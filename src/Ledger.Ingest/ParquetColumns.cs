using System.Globalization;
using Ledger.Domain;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;

namespace Ledger.Ingest;

/// <summary>
/// The columns of a Parquet file that are a curve's, of the types that a curve's have; all others are passed over.
/// Instants and decimal numbers that are packed as integers are read as these: Parquet.Net makes times of 100 ns of the
/// first, and reads neither from every encoding.
/// </summary>
internal sealed record ParquetColumns(DataField? Point, DataField Time, DataField Power)
{
    private const string Utc = "TIMESTAMP, adjusted to UTC";

    /// <summary>Units of the time column's integers; null where evidence has dates and Parquet.Net's times.</summary>
    public long? UnitsPerSecond { get; private init; }

    /// <summary>Decimals of the power column's integers, where it has kW as such.</summary>
    public int? Decimals { get; private init; }

    /// <summary>Whether it is evidence, of which less than 100 ns were cut off.</summary>
    public bool IsAgain { get; private init; }

    public bool Has(IEnumerable<string> path)
    {
        var found = new FieldPath(path);
        return found.Equals(Time.Path) || found.Equals(Power.Path) || (Point is not null && found.Equals(Point.Path));
    }

    /// <param name="again">Whether it is evidence. Columns were taken from structures before, the first of several that
    /// say the same, and dates and INT96 as instants; what was recorded so is read again so.</param>
    public static Refusal? Find(ParquetReader reader, bool isPointNamed, bool again, out ParquetColumns? columns)
    {
        columns = null;
        var fields = Fields(reader, again);
        var points = fields.FindAll(field => field.Name == "point");
        var times = fields.FindAll(field => field.Name is "time" or "time_us" or "time_ms");
        var powers = fields.FindAll(field => field.Name is "kw" or "mw");
        if (times.Count == 0 || powers.Count == 0)
            return Refusal.Of(Rejection.MissingField,
                "curve: a Parquet file needs a column time, time_us or time_ms and a column kw or mw");
        if (points.Count == 0 && !isPointNamed)
            return Refusal.Of(Rejection.MissingField,
                "curve: without a column point the settlement point is named beside the file");
        foreach (var same in again ? [] : (List<DataField>[])[points, times, powers])
            if (same.Count > 1)
                return Refusal.Of(Rejection.UnknownField,
                    $"curve: columns {string.Join(" and ", same.Select(field => field.Name))} say the same; a file has one "
                    + "of them");
        if (!again && ReadOtherwiseAgain(reader) is { } inside)
            return Refusal.Of(Rejection.UnknownField, $"curve: column {string.Join('.', inside.Path.ToList())} lies inside "
                + "another, before a curve's own, and has its name");
        var (point, time, power) = (points.FirstOrDefault(), times[0], powers[0]);
        if (((point is null ? null : WrongPoint(point)) ?? WrongTime(time, again) ?? WrongPower(power)) is { } wrong)
            return wrong;
        var units = time.Name switch
        {
            "time_us" => 1_000_000,
            "time_ms" => 1_000,
            _ => AsIntegers(time, ParquetTypes.UnitsPerSecond),
        };
        if (!again && power.SchemaElement is { LogicalType.DECIMAL: { } stated } element
            && (element.Scale ?? 0) != stated.Scale)
            return Refusal.Of(Rejection.Malformed, string.Create(CultureInfo.InvariantCulture,
                $"curve: column {power.Name} states {stated.Scale} decimals, and {element.Scale ?? 0} by its older type"));
        var decimals = power.Name == "kw" ? AsIntegers(power, ParquetTypes.DecimalsOfIntegers) : null;
        fields = Fields(reader, again); // as they are stated now
        DataField Now(DataField field) => fields.First(one => one.Path.Equals(field.Path));
        columns = new(point is null ? null : Now(point), Now(time), Now(power))
        {
            UnitsPerSecond = units,
            Decimals = decimals,
            IsAgain = again,
        };
        return null;
    }

    /// <summary>A column inside another that evidence would be read by, because it is the first of its name: what was
    /// recorded once is derived again as it was.</summary>
    private static DataField? ReadOtherwiseAgain(ParquetReader reader) =>
        ((Func<DataField, bool>[])[field => field.Name == "point",
            field => field.Name is "time" or "time_us" or "time_ms", field => field.Name is "kw" or "mw"])
        .Select(named => reader.Schema.DataFields.FirstOrDefault(named))
        .FirstOrDefault(first => first is { Path.Length: > 1 });

    private static List<DataField> Fields(ParquetReader reader, bool again) =>
        again ? [.. reader.Schema.DataFields] : [.. reader.Schema.Fields.OfType<DataField>()];

    /// <summary>Takes from a column what its integers mean, and says it.</summary>
    private static T? AsIntegers<T>(DataField field, Func<SchemaElement, T?> meaning) where T : struct
    {
        var element = field.SchemaElement!;
        if (meaning(element) is not { } known) return null;
        (element.LogicalType, element.ConvertedType) = (null, null);
        return known;
    }

    private static Refusal? WrongPoint(DataField field) =>
        field.ClrType == typeof(ReadOnlyMemory<char>) && !field.IsArray ? null : Wrong(field, "text (UTF8)");

    private static Refusal? WrongTime(DataField field, bool again)
    {
        if (field.Name != "time")
            return field.ClrType == typeof(long) && !field.IsArray ? null : Wrong(field, "INT64");
        return ParquetTypes.UnitsPerSecond(field.SchemaElement!) is not null && !field.IsArray
            || (again && field is DateTimeDataField { IsAdjustedToUTC: true }) ? null : Wrong(field, Utc);
    }

    private static Refusal? WrongPower(DataField field) => field.Name == "mw"
        ? field.ClrType == typeof(long) && !field.IsArray ? null : Wrong(field, "INT64")
        : !field.IsArray && (field.ClrType == typeof(decimal) || field.ClrType == typeof(double)
            || field.ClrType == typeof(float)) ? null : Wrong(field, "DECIMAL, DOUBLE or FLOAT");

    private static Refusal Wrong(DataField field, string wanted) => Refusal.Of(Rejection.Malformed,
        $"curve: column {field.Name} is {ParquetTypes.NameOf(field.SchemaElement!)}; it has to be {wanted}");
}
