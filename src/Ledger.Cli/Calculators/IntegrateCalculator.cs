using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>integrate {samples: [[seconds, kW], …], periodSeconds, maxGapSeconds?}</c>: the energy under a power curve in the
/// multiples of periodSeconds, counted from 0, that hold samples. The order of the samples changes nothing.
/// </summary>
static class IntegrateCalculator
{
    /// <summary>Times are read in seconds with at most six decimals, 100 years either side of 0, in microseconds.</summary>
    const long secondsMaxInMicroseconds = 100L * 366 * 86_400 * 1_000_000;
    const string timeRule = "must be seconds with at most 6 decimals, at most 100 years";

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("samples", "periodSeconds", "maxGapSeconds");
        var rounded = false;
        var samples = Samples(asked.Required("samples"), ref rounded);
        var period = asked.Required("periodSeconds").Units(6, 1, secondsMaxInMicroseconds, timeRule + " and positive");
        var gap = asked.Optional("maxGapSeconds")?.Units(6, 0, (long)PowerCurve.MaxGapLimit.TotalSeconds * 1_000_000,
            "must be seconds with at most 6 decimals, not negative, at most 366 days");
        var maxGap = gap is { } given
            ? Microseconds(given)
            : Duration.Min(PowerCurve.DefaultMaxGap(samples), PowerCurve.MaxGapLimit);
        var starts = samples.Select(sample => FloorTo(sample.AtMicroseconds, period)).Distinct().ToList();
        var periods = starts.ConvertAll(start => new Interval(At(start), At(start + period)));
        var integrals = PowerCurve.Integrate(samples, periods, maxGap);
        var answers = integrals.Select((integral, i) => (JsonNode)Answer(integral, starts[i], period));
        return new JsonObject { ["periods"] = new JsonArray([.. answers]), ["powerRounded"] = rounded };
    }

    static PowerSample[] Samples(InputValue input, ref bool rounded)
    {
        var rows = input.Array();
        if (rows.Count is 0 or > Limits.SamplesPerBatchMax)
            throw new InputRefusedException(Rejection.WrongCount, input.Path, "", $"1 to {Limits.SamplesPerBatchMax} samples");
        var samples = new PowerSample[rows.Count];
        for (var i = 0; i < samples.Length; i++)
        {
            var pair = rows[i].Array();
            if (pair.Count != 2) throw rows[i].Refused(Rejection.WrongCount, "must be a pair [seconds, kW]");
            var at = pair[0].Units(6, -secondsMaxInMicroseconds, secondsMaxInMicroseconds, timeRule + " either side of 0");
            samples[i] = new PowerSample(at, pair[1].Milliwatts(ref rounded));
        }
        // By time, then by power, so that conflicting repeats are met in one order whatever the input's order was.
        Array.Sort(samples, static (a, b) => (a.AtMicroseconds, a.Milliwatts).CompareTo((b.AtMicroseconds, b.Milliwatts)));
        return samples;
    }

    static JsonObject Answer(PeriodIntegral integral, long start, long period) => new()
    {
        ["startSeconds"] = start % 1_000_000 == 0 ? start / 1_000_000 : start / 1_000_000m,
        ["importKwh"] = integral.Import.ToKwh(),
        ["exportKwh"] = integral.Export.ToKwh(),
        ["importHalfNanojoules"] = integral.Import.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        ["exportHalfNanojoules"] = integral.Export.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        ["minKw"] = Text(integral.Minimum.Kilowatts),
        ["maxKw"] = Text(integral.Maximum.Kilowatts),
        ["meanKw"] = Mean(integral),
        ["coverage"] = Text(integral.CoveredMicroseconds / (decimal)period),
        ["samples"] = integral.Samples,
    };

    /// <summary>Mean power over the covered time, half to even to whole milliwatts; null where nothing is covered.</summary>
    static string? Mean(PeriodIntegral integral)
    {
        if (integral.CoveredMicroseconds == 0) return null;
        // Half nanojoules per microsecond are half milliwatts.
        var net = (integral.Import - integral.Export).HalfNanojoules;
        return Text(new Power((long)Energy.DivideHalfEven(net, (Int128)integral.CoveredMicroseconds * 2)).Kilowatts);
    }

    static long FloorTo(long at, long period)
    {
        var remainder = at % period;
        return at - (remainder < 0 ? remainder + period : remainder);
    }

    static Instant At(long microseconds) => NodaConstants.UnixEpoch + Microseconds(microseconds);

    // A tick is 100 ns.
    static Duration Microseconds(long microseconds) => Duration.FromTicks(microseconds * 10);

    static string Text(decimal value) => value.ToString("0.############", CultureInfo.InvariantCulture);
}
