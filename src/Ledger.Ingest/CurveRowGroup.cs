using System.Globalization;
using Ledger.Domain;
using Parquet;
using Parquet.Schema;

namespace Ledger.Ingest;

/// <summary>The columns of one row group of a Parquet curve file, however they are packed, read as exact times and
/// powers.</summary>
internal sealed class CurveRowGroup(ParquetRowGroupReader group, ParquetColumns columns, int rowsBefore)
{
    private const decimal KilowattsMax = Limits.PowerMilliwattsMax / 1_000_000m;
    private const long MicrosecondsPerSecond = 1_000_000;
    private readonly int length = checked((int)group.RowCount);
    private Refusal? refused;

    public async Task<Refusal?> AppendAsync(SettlementPointId? onlyPoint, CurveRows into)
    {
        var runs = columns.Point is { } point
            ? await RunsAsync(point).ConfigureAwait(false) : [(0, onlyPoint!.Value)];
        if (refused is not null) return refused;
        var times = await TimesAsync(columns.Time).ConfigureAwait(false);
        if (refused is not null) return refused;
        var powers = await PowersAsync(columns.Power, into).ConfigureAwait(false);
        if (refused is not null) return refused;
        var samples = new PowerSample[length];
        for (var i = 0; i < samples.Length; i++)
        {
            if (powers[i] is > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax)
                return Bad(columns.Power, i, Rejection.PowerAboveLimit, $"{powers[i]} mW is above {KilowattsMax} kW");
            samples[i] = new PowerSample(times[i], powers[i]);
        }
        if (runs.Count == 1) into.Add(runs[0].Point, samples);
        else for (var i = 0; i < runs.Count; i++)
            into.Add(runs[i].Point, samples[runs[i].From..(i + 1 < runs.Count ? runs[i + 1].From : length)]);
        return null;
    }

    /// <summary>Where rows of another point begin, and of which.</summary>
    private async Task<List<(int From, SettlementPointId Point)>> RunsAsync(DataField field)
    {
        var runs = new List<(int From, SettlementPointId Point)>();
        var names = await ValuesAsync<ReadOnlyMemory<char>>(field).ConfigureAwait(false);
        for (var i = 0; i < length && refused is null; i++)
            if (i > 0 && (names[i].Equals(names[i - 1]) || names[i].Span.SequenceEqual(names[i - 1].Span))) continue;
            else if (SettlementPointId.TryParse(names[i].ToString(), out var point)) runs.Add((i, point));
            else refused = Bad(field, i, Rejection.InvalidIdentifier,
                $"{IntakeText.Quote(names[i].ToString())} is no identifier");
        return runs;
    }

    /// <summary>From 1677 to 2262, as far as nanoseconds reach; beyond lies no curve.</summary>
    public static bool IsUnixTime(long at, long unitsPerSecond) =>
        at / unitsPerSecond is <= 9_223_372_036 and >= -9_223_372_036;

    private async Task<long[]> TimesAsync(DataField field)
    {
        if (columns.UnitsPerSecond is not { } units)
            return Array.ConvertAll(await ValuesAsync<DateTime>(field).ConfigureAwait(false),
                at => (at.Ticks - DateTime.UnixEpoch.Ticks) / 10);
        var times = await ValuesAsync<long>(field).ConfigureAwait(false);
        for (var i = 0; i < times.Length && refused is null; i++)
            if (!IsUnixTime(times[i], units))
                refused = Bad(field, i, Rejection.InvalidTime, $"{times[i]} is no Unix time in {NameOf(units)}");
            else if (units <= MicrosecondsPerSecond) times[i] *= MicrosecondsPerSecond / units;
            else if (times[i] % 1000 is not 0 and var finer && (!columns.IsAgain || finer / 100 != 0))
                refused = Bad(field, i, Rejection.InvalidTime,
                    $"{times[i]} ns: an instant is a whole number of microseconds");
            else times[i] /= 1000;
        return times;
    }

    private static string NameOf(long unitsPerSecond) => unitsPerSecond switch
    {
        1_000 => "milliseconds",
        1_000_000 => "microseconds",
        _ => "nanoseconds",
    };

    private async Task<long[]> PowersAsync(DataField field, CurveRows counts)
    {
        if (columns.Decimals is { } decimals)
        {
            var unit = new decimal(1, 0, 0, false, (byte)decimals);
            return Scaled(field, field.ClrType == typeof(int)
                ? Array.ConvertAll(await ValuesAsync<int>(field).ConfigureAwait(false), number => number * unit)
                : Array.ConvertAll(await ValuesAsync<long>(field).ConfigureAwait(false), number => number * unit),
                counts);
        }
        if (field.ClrType == typeof(long)) return await ValuesAsync<long>(field).ConfigureAwait(false);
        if (field.ClrType == typeof(decimal))
            return Scaled(field, await ValuesAsync<decimal>(field).ConfigureAwait(false), counts);
        return Scaled(field, field.ClrType == typeof(float)
            ? Decimals(field, await ValuesAsync<float>(field).ConfigureAwait(false))
            : Decimals(field, await ValuesAsync<double>(field).ConfigureAwait(false)), counts);
    }

    /// <summary>A binary float means the shortest decimal text that reads back as itself,
    /// as its sender saw it.</summary>
    private decimal[] Decimals<T>(DataField field, T[] values)
        where T : struct, System.Numerics.IFloatingPointIeee754<T>
    {
        var decimals = new decimal[values.Length];
        for (var i = 0; i < values.Length && refused is null; i++)
            if (!T.IsFinite(values[i]))
                refused = Bad(field, i, Rejection.NotANumber, $"{values[i]} is no finite number");
            else if (T.Abs(values[i]) > T.CreateChecked(2 * KilowattsMax))
                refused = Bad(field, i, Rejection.PowerAboveLimit, $"{values[i]} is above {KilowattsMax} kW");
            else decimals[i] = decimal.Parse(
                values[i].ToString("R", CultureInfo.InvariantCulture), NumberStyles.Float,
                CultureInfo.InvariantCulture);
        return decimals;
    }

    private long[] Scaled(DataField field, decimal[] kilowatts, CurveRows counts)
    {
        var powers = new long[kilowatts.Length];
        for (var i = 0; i < kilowatts.Length && refused is null; i++)
        {
            if (Math.Abs(kilowatts[i]) > KilowattsMax)
                refused = Bad(field, i, Rejection.PowerAboveLimit, $"{kilowatts[i]} is above {KilowattsMax} kW");
            else
            {
                var milliwatts = kilowatts[i] * 1_000_000m;
                powers[i] = (long)decimal.Round(milliwatts, 0, MidpointRounding.ToEven);
                if (powers[i] != milliwatts) counts.Rounded++;
            }
        }
        return powers;
    }

    private async Task<T[]> ValuesAsync<T>(DataField field) where T : struct
    {
        var values = new T[length];
        var optional = field.IsNullable ? new T?[length] : [];
        try
        {
            if (field.IsNullable) await group.ReadAsync<T>(field, optional.AsMemory()).ConfigureAwait(false);
            else await group.ReadAsync<T>(field, values.AsMemory()).ConfigureAwait(false);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A damaged column makes the decoder fail in whatever way it happens to.
            refused = Refusal.Of(Rejection.Malformed, $"curve: column {field.Name}, which is "
                + $"{ParquetTypes.NameOf(field.SchemaElement!)} in {Encodings(field)}, can not be decoded: {e.Message}");
        }
        for (var i = 0; i < optional.Length && refused is null; i++)
            if (optional[i] is { } value) values[i] = value;
            else refused = Bad(field, i, Rejection.MissingField, "there is no value");
        return values;
    }

    private string Encodings(DataField field) =>
        string.Join(", ", group.GetMetadata(field)?.MetaData?.Encodings ?? []);

    private Refusal Bad(DataField field, int row, Rejection code, string why) =>
        Refusal.Of(code, $"curve row {(long)rowsBefore + row + 1}: column {field.Name}: {why}");
}
