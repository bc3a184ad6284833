using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// A power curve in a calculator's input: pairs [seconds, kW]. Times are read in seconds with at most six decimals, 100
/// years either side of 0, and kept in microseconds.
/// </summary>
static class CurveInput
{
    /// <summary>100 years in microseconds.</summary>
    public const long SecondsMaxInMicroseconds = 100L * 366 * 86_400 * 1_000_000;

    const string timeRule = "must be seconds with at most 6 decimals, at most 100 years";

    /// <summary>The samples by time, then by power, so that conflicting repeats are met in one order.</summary>
    public static PowerSample[] Samples(InputValue input, ref bool rounded)
    {
        var rows = input.Array();
        if (rows.Count is 0 or > Limits.SamplesPerBatchMax)
            throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"1 to {Limits.SamplesPerBatchMax} samples");
        var samples = new PowerSample[rows.Count];
        for (var i = 0; i < samples.Length; i++)
        {
            var pair = rows[i].Array();
            if (pair.Count != 2) throw rows[i].Refused(Rejection.WrongCount, "must be a pair [seconds, kW]");
            samples[i] = new PowerSample(Time(pair[0]), pair[1].Milliwatts(ref rounded));
        }
        Array.Sort(samples, static (a, b) =>
            (a.AtMicroseconds, a.Milliwatts).CompareTo((b.AtMicroseconds, b.Milliwatts)));
        return samples;
    }

    /// <summary>A time in microseconds.</summary>
    public static long Time(InputValue input) =>
        input.Units(6, -SecondsMaxInMicroseconds, SecondsMaxInMicroseconds, timeRule + " either side of 0");

    /// <summary>The length of a period, in microseconds.</summary>
    public static long Length(InputValue input) =>
        input.Units(6, 1, SecondsMaxInMicroseconds, timeRule + " and positive");

    /// <summary>The curve of the samples, straight across gaps up to the one that is asked for; absent, up to those
    /// that a record's own rule allows.</summary>
    public static LoneCurve Curve(InputValue? maxGap, PowerSample[] samples) => new(samples,
        maxGap?.Units(6, 0, (long)PowerCurve.MaxGapLimit.TotalSeconds * 1_000_000,
            "must be seconds with at most 6 decimals, not negative, at most 366 days") is { } given
            ? Microseconds(given) : null);

    /// <summary>The multiple of the period at or before a time, all in microseconds.</summary>
    public static long FloorTo(long at, long period)
    {
        var remainder = at % period;
        return at - (remainder < 0 ? remainder + period : remainder);
    }

    public static Instant At(long microseconds) => NodaConstants.UnixEpoch + Microseconds(microseconds);

    /// <summary>Microseconds as seconds, a whole number where it is one.</summary>
    public static decimal Seconds(long microseconds) =>
        microseconds % 1_000_000 == 0 ? microseconds / 1_000_000 : microseconds / 1_000_000m;

    public static string Text(decimal value) => value.ToString("0.############", CultureInfo.InvariantCulture);

    // A tick is 100 ns.
    static Duration Microseconds(long microseconds) => Duration.FromTicks(microseconds * 10);
}
