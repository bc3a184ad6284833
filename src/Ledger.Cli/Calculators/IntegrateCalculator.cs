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
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("samples", "periodSeconds", "maxGapSeconds");
        var rounded = false;
        var samples = CurveInput.Samples(asked.Required("samples"), ref rounded);
        var period = CurveInput.Length(asked.Required("periodSeconds"));
        var curve = CurveInput.Curve(asked.Optional("maxGapSeconds"), samples);
        var starts = samples.Select(sample => CurveInput.FloorTo(sample.AtMicroseconds, period)).Distinct().ToList();
        var periods = starts.ConvertAll(start => new Interval(CurveInput.At(start), CurveInput.At(start + period)));
        var answers = periods.Select((one, i) => (JsonNode)Answer(Integral(curve, one), starts[i], period));
        return new JsonObject { ["periods"] = new JsonArray([.. answers]), ["powerRounded"] = rounded };
    }

    static PeriodIntegral Integral(LoneCurve curve, Interval period)
    {
        var (samples, maxGap) = curve.Within(period);
        return PowerCurve.Integrate(samples, [period], maxGap)[0];
    }

    static JsonObject Answer(PeriodIntegral integral, long start, long period) => new()
    {
        ["startSeconds"] = CurveInput.Seconds(start),
        ["importKwh"] = integral.Import.ToKwh(),
        ["exportKwh"] = integral.Export.ToKwh(),
        ["importHalfNanojoules"] = integral.Import.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        ["exportHalfNanojoules"] = integral.Export.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        ["minKw"] = CurveInput.Text(integral.Minimum.Kilowatts),
        ["maxKw"] = CurveInput.Text(integral.Maximum.Kilowatts),
        ["meanKw"] = Mean(integral),
        ["coverage"] = CurveInput.Text(integral.CoveredMicroseconds / (decimal)period),
        ["samples"] = integral.Samples,
    };

    /// <summary>Mean power over the covered time, half to even to whole milliwatts;
    /// null where nothing is covered.</summary>
    static string? Mean(PeriodIntegral integral)
    {
        if (integral.CoveredMicroseconds == 0) return null;
        // Half nanojoules per microsecond are half milliwatts.
        var net = (integral.Import - integral.Export).HalfNanojoules;
        return CurveInput
            .Text(new Power((long)Energy.DivideHalfEven(net, (Int128)integral.CoveredMicroseconds * 2)).Kilowatts);
    }
}
