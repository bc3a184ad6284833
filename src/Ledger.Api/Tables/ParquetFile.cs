using System.Globalization;
using Ledger.Domain;
using NodaTime;
using Parquet;
using Parquet.Schema;

namespace Ledger.Api.Tables;

/// <summary>
/// A table as a Parquet file. Energies are DECIMAL of twelve places of a kWh and powers of six of a kW, whatever the
/// rows are, so these columns are of one type in files of several ranges; other figures have as many places as the
/// column needs, so every digit of the CSV is there. Instants are TIMESTAMP in UTC to the microsecond; days, choices
/// and texts are text. A column without values, or whose values no such type holds exactly, is text as well. What is
/// said of the whole is in the file's metadata.
/// </summary>
public static class ParquetFile
{
    private const int DigitsMax = 38; // of a DECIMAL (Parquet format, logical types)
    private const int KwhPlaces = 12, KwPlaces = 6; // decimals that rows show
    private const int RowsOfAGroup = 65_536;

    /// <summary>Reads the rows twice: for the types, and for the values.</summary>
    public static async Task WriteAsync(Table table, Stream into, CancellationToken ct)
    {
        Shape[] shapes = [.. table.Names.Select((name, i) => new Shape(name, i))];
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

    private sealed record Column(DataField Field, int Index, Func<ParquetRowGroupWriter, object?[], Task> WriteAsync);

    /// <summary>What the values of a column are.</summary>
    private sealed class Shape(string name, int index)
    {
        private readonly HashSet<Type> types = [];
        /// <summary>The unit stands last in a name.</summary>
        private readonly int unitPlaces = name.EndsWith("Kwh", StringComparison.Ordinal) ? KwhPlaces
            : name.EndsWith("Kw", StringComparison.Ordinal) ? KwPlaces : 0;
        private int whole, places;
        private bool isExact = true;

        public int Index => index;

        public void Add(object? value)
        {
            if (value is null) return;
            types.Add(value is decimal or Money or Energy or Power ? typeof(decimal) : value.GetType());
            if (value is Instant at) isExact &= at.ToUnixTimeTicks() % NodaConstants.TicksPerMillisecond % 10 == 0
                && at == Instant.FromUnixTimeTicks(at.ToUnixTimeTicks());
            if (value is not (decimal or Money or Energy or Power)) return;
            var text = TableCell.Exact(value).TrimStart('-').Split('.');
            whole = Math.Max(whole, text[0].Length);
            places = Math.Max(places, text.ElementAtOrDefault(1)?.Length ?? 0);
        }

        public Column Column()
        {
            var type = types.Count == 1 ? types.Single()
                : types.Count == 0 && unitPlaces > 0 ? typeof(decimal) : typeof(string);
            if (type == typeof(int)) return Of<int>(new DataField<int>(name, true), value => (int)value);
            if (type == typeof(long)) return Of<long>(new DataField<long>(name, true), value => (long)value);
            if (type == typeof(bool)) return Of<bool>(new DataField<bool>(name, true), value => (bool)value);
            var scale = Math.Max(places, unitPlaces);
            if (type == typeof(decimal) && whole + scale <= DigitsMax)
                return Of<decimal>(new DecimalDataField(name, DigitsMax, scale, isNullable: true), value =>
                    decimal.Parse(TableCell.Exact(value), NumberStyles.Number, CultureInfo.InvariantCulture));
            if (type == typeof(Instant) && isExact)
                return Of<DateTime>(new DateTimeDataField(name, DateTimeFormat.Timestamp, isAdjustedToUTC: true,
                    unit: DateTimeTimeUnit.Micros, isNullable: true), value => ((Instant)value).ToDateTimeUtc());
            var text = new DataField<string>(name, true);
            return new(text, index, (group, values) => group.WriteAsync(text,
                [.. values.Select(value => value is null ? null : TableCell.Exact(value))]));
        }

        private Column Of<T>(DataField field, Func<object, T> read) where T : struct => new(field, index,
            (group, values) => group.WriteAsync<T>(field,
                (ReadOnlyMemory<T?>)Array.ConvertAll(values, value => value is null ? null : (T?)read(value))));
    }
}
