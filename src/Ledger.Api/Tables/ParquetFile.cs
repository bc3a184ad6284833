using System.Globalization;
using Ledger.Domain;
using NodaTime;
using Parquet;
using Parquet.Schema;

namespace Ledger.Api.Tables;

/// <summary>
/// A table as a Parquet file. A column is of one type whatever the rows are, and none at all, because whoever reads
/// several files together has the types of the first: energies and powers are DECIMAL of twelve places of a kWh or kW,
/// other figures of eighteen, integers are INT64, instants TIMESTAMP in UTC to the microsecond, truth values BOOLEAN;
/// days, choices and texts are text. A column with a value that its type does not hold exactly is text with every
/// digit. What is said of the whole is in the file's metadata.
/// </summary>
public static class ParquetFile
{
    private const int DigitsMax = 38; // of a DECIMAL (Parquet format, logical types)
    private const int KwhPlaces = 12, KwPlaces = 12; // decimals that rows show: a power may lie between two samples
    private const int NumberPlaces = KwhPlaces + 6; // an energy times a price of six decimals
    private const int RowsOfAGroup = 65_536;

    /// <summary>Reads the rows twice: for what the types do not hold, and for the values.</summary>
    public static async Task WriteAsync(Table table, Stream into, CancellationToken ct)
    {
        Shape[] shapes = [.. table.Columns.Select((column, i) => new Shape(column, i))];
        foreach (var row in table.Rows)
            foreach (var shape in shapes) shape.Add(row[shape.Index]);
        Column[] columns = [.. shapes.Select(shape => shape.Column())];
        var schema = new ParquetSchema(columns.Select(column => column.Field));
        var writer = await ParquetWriter.CreateAsync(schema, into, cancellationToken: ct).ConfigureAwait(false);
        await using var written = writer.ConfigureAwait(false);
        writer.CustomMetadata = table.About.ToDictionary();
        foreach (var rows in table.Rows.Chunk(RowsOfAGroup))
        {
            using var group = writer.CreateRowGroup();
            foreach (var column in columns)
                await column.WriteAsync(group, [.. rows.Select(row => row[column.Index])]).ConfigureAwait(false);
        }
    }

    private static int PlacesOf(CellKind kind) => kind switch
    {
        CellKind.LargeInteger => 0,
        CellKind.Energy => KwhPlaces,
        CellKind.Power => KwPlaces,
        _ => NumberPlaces,
    };

    private static bool IsFigure(CellKind kind) => kind >= CellKind.Integer;

    private sealed record Column(DataField Field, int Index, Func<ParquetRowGroupWriter, object?[], Task> WriteAsync);

    /// <summary>What a column is: by what is said of it, and where nothing is by its values, or else by its name.
    /// </summary>
    private sealed class Shape(TableColumn column, int index)
    {
        private readonly string name = column.Name;
        private readonly HashSet<CellKind> kinds = [];
        private int whole, places;

        public int Index => index;

        public void Add(object? value)
        {
            if (value is null) return;
            var kind = KindOf(value);
            kinds.Add(kind);
            if (!IsFigure(kind) || kind == CellKind.Integer) return; // 19 digits fit each type
            var text = TableCell.Exact(value).TrimStart('-').Split('.');
            whole = Math.Max(whole, text[0].Length);
            places = Math.Max(places, text.ElementAtOrDefault(1)?.TrimEnd('0').Length ?? 0);
        }

        public Column Column()
        {
            var kind = Kind();
            if (kind == CellKind.Integer)
                return Of<long>(new DataField<long>(name, true),
                    value => Convert.ToInt64(value, CultureInfo.InvariantCulture));
            if (kind == CellKind.TruthValue) return Of<bool>(new DataField<bool>(name, true), value => (bool)value);
            if (kind == CellKind.Instant)
                return Of<DateTime>(new DateTimeDataField(name, DateTimeFormat.Timestamp, isAdjustedToUTC: true,
                    unit: DateTimeTimeUnit.Micros, isNullable: true), value => ((Instant)value).ToDateTimeUtc());
            if (IsFigure(kind))
                return Of<decimal>(new DecimalDataField(name, DigitsMax, PlacesOf(kind), isNullable: true), value =>
                    decimal.Parse(TableCell.Exact(value), NumberStyles.Number, CultureInfo.InvariantCulture));
            var text = new DataField<string>(name, true);
            return new(text, index, (group, values) => group.WriteAsync(text,
                [.. values.Select(value => value is null ? null : TableCell.Exact(value))]));
        }

        private CellKind Kind()
        {
            var unit = TableColumn.UnitOf(name);
            var kind = column.Kind ?? (kinds.Count == 0 ? unit ?? CellKind.Text
                : kinds.Count == 1 && kinds.Single() is not CellKind.Number ? kinds.Single()
                : kinds.All(IsFigure) ? unit ?? CellKind.Number : CellKind.Text);
            var isHeld = !IsFigure(kind) || kind == CellKind.Integer ? kinds.All(each => each == kind)
                : kinds.All(IsFigure) && places <= PlacesOf(kind) && whole <= DigitsMax - PlacesOf(kind);
            return isHeld ? kind : CellKind.Text;
        }

        private Column Of<T>(DataField field, Func<object, T> read) where T : struct => new(field, index,
            (group, values) => group.WriteAsync<T>(field,
                (ReadOnlyMemory<T?>)Array.ConvertAll(values, value => value is null ? null : (T?)read(value))));
    }

    private static CellKind KindOf(object value) => value switch
    {
        int or long => CellKind.Integer,
        Energy => CellKind.Energy,
        Power => CellKind.Power,
        decimal or Money => CellKind.Number,
        bool => CellKind.TruthValue,
        Instant at when IsOfMicroseconds(at) => CellKind.Instant,
        _ => CellKind.Text,
    };

    private static bool IsOfMicroseconds(Instant at) =>
        at.ToUnixTimeTicks() % (NodaConstants.TicksPerMillisecond / 1000) == 0
            && at == Instant.FromUnixTimeTicks(at.ToUnixTimeTicks());
}
