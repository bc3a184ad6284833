using System.Globalization;
using Ledger.Domain;
using Parquet;
using Parquet.Schema;

namespace Ledger.Ingest;

/// <summary>The columns of one row group of a Parquet curve file, however they are packed, read as exact times and
/// powers.</summary>
internal sealed class CurveRowGroup(ParquetRowGroupReader group, int rowsBefore)
{
    private const decimal KilowattsMax = Limits.PowerMilliwattsMax / 1_000_000m;
    private readonly int length = checked((int)group.RowCount);
    private Refusal? refused;

    public async Task<Refusal?> AppendAsync(
        DataField? point, SettlementPointId? onlyPoint, DataField time, DataField power, CurveRows into)
    {
        var runs = point is null ? [(0, onlyPoint!.Value)] : await RunsAsync(point).ConfigureAwait(false);
        if (refused is not null) return refused;
        var times = await TimesAsync(time).ConfigureAwait(false);
        if (refused is not null) return refused;
        var powers = await PowersAsync(power, into).ConfigureAwait(false);
        if (refused is not null) return refused;
        var samples = new PowerSample[length];
        for (var i = 0; i < samples.Length; i++)
        {
            if (powers[i] is > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax)
                return Bad(power, i, Rejection.PowerAboveLimit, $"{powers[i]} mW is above {KilowattsMax} kW");
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
        if (field.ClrType != typeof(ReadOnlyMemory<char>))
            return [.. WrongType<(int, SettlementPointId)>(field, "text (UTF8)")];
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
        long[] times;
        if (field.Name == "time")
        {
            if (field is not DateTimeDataField { IsAdjustedToUTC: true })
                return WrongType<long>(field, "TIMESTAMP, adjusted to UTC");
            var ticks = Array.ConvertAll(await ValuesAsync<DateTime>(field).ConfigureAwait(false), at =>
                at.Ticks - DateTime.UnixEpoch.Ticks);
            times = Array.ConvertAll(ticks, at => at / 10);
            if (refused is null && Array.FindIndex(ticks, at => at % 10 != 0) is >= 0 and var finer)
                refused = Bad(field, finer, Rejection.InvalidTime, "an instant is a whole number of microseconds");
            return times;
        }
        if (field.ClrType != typeof(long)) return WrongType<long>(field, "INT64");
        times = await ValuesAsync<long>(field).ConfigureAwait(false);
        var unit = field.Name == "time_ms" ? 1_000 : 1;
        var bad = Array.FindIndex(times, at => !IsUnixTime(at, 1_000_000 / unit));
        if (refused is null && bad >= 0)
            refused = Bad(field, bad, Rejection.InvalidTime,
                $"{times[bad]} is no Unix time in {(unit == 1 ? "microseconds" : "milliseconds")}");
        return refused is not null || unit == 1 ? times : Array.ConvertAll(times, at => at * unit);
    }

    private async Task<long[]> PowersAsync(DataField field, CurveRows counts)
    {
        if (field.Name == "mw")
            return field.ClrType == typeof(long)
                ? await ValuesAsync<long>(field).ConfigureAwait(false) : WrongType<long>(field, "INT64");
        if (field.ClrType == typeof(decimal))
            return Scaled(field, await ValuesAsync<decimal>(field).ConfigureAwait(false), counts);
        if (field.ClrType == typeof(double))
            return Scaled(field, Decimals(field, await ValuesAsync<double>(field).ConfigureAwait(false)), counts);
        if (field.ClrType == typeof(float))
            return Scaled(field, Decimals(field, await ValuesAsync<float>(field).ConfigureAwait(false)), counts);
        return WrongType<long>(field, "DECIMAL, DOUBLE or FLOAT");
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
        if (!field.IsNullable)
        {
            await group.ReadAsync<T>(field, values.AsMemory()).ConfigureAwait(false);
            return values;
        }
        var optional = new T?[length];
        await group.ReadAsync<T>(field, optional.AsMemory()).ConfigureAwait(false);
        for (var i = 0; i < length && refused is null; i++)
            if (optional[i] is { } value) values[i] = value;
            else refused = Bad(field, i, Rejection.MissingField, "there is no value");
        return values;
    }

    private T[] WrongType<T>(DataField field, string wanted)
    {
        refused = Refusal.Of(Rejection.Malformed,
            $"curve: column {field.Name} is {field.ClrType.Name}; it has to be {wanted}");
        return [];
    }

    private Refusal Bad(DataField field, int row, Rejection code, string why) =>
        Refusal.Of(code, $"curve row {(long)rowsBefore + row + 1}: column {field.Name}: {why}");
}
