using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>response {samples: [[seconds, kW], …], orderKw, toleranceKw? | tolerancePercent?, orderAt?, until?}</c>: how a
/// power curve followed an order for a change of power. What the curve never reached is null.
/// </summary>
static class ResponseCalculator
{
    /// <summary>Settled is within a twentieth of the order, unless the contract says otherwise.</summary>
    const int tolerancePercentDefault = 5;

    /// <summary>The whole of the order; a tolerance above it would call no movement settled.</summary>
    const long toleranceMillionthsMax = 100_000_000;

    /// <summary>More than a day at one sample a second: a response is a matter of minutes,
    /// and exact fractions cost.</summary>
    const int samplesMax = 100_000;

    const int decimalsShown = 12;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("samples", "orderKw", "toleranceKw", "tolerancePercent", "orderAt", "until");
        var rounded = false;
        var curve = asked.Required("samples");
        var samples = CurveInput.Samples(curve, ref rounded);
        if (samples.Length > samplesMax)
            throw new InputRefusedException(Rejection.WrongCount, curve.Path, "", $"at most {samplesMax} samples");
        var ordered = asked.Required("orderKw").Milliwatts(ref rounded);
        if (ordered == 0) throw asked.Required("orderKw").Refused(Rejection.OutOfRange, "must not be zero");
        var tolerance = Tolerance(asked, ordered, ref rounded);
        var orderAt = asked.Optional("orderAt") is { } at ? CurveInput.Time(at) : 0;
        var until = asked.Optional("until") is { } end ? CurveInput.Time(end) : samples[^1].AtMicroseconds;
        if (asked.Optional("until") is { } early && until <= orderAt)
            throw early.Refused(Rejection.OutOfRange, "must be after the order");
        var response = Response.Measure(samples, ordered, tolerance, orderAt, until)
            ?? throw new InputRefusedException(Rejection.OutOfRange, curve.Path, "",
                "must reach from the order, or from before it, to after it");
        return Answer(response, tolerance, rounded);
    }

    static Fraction Tolerance(InputObject asked, long ordered, ref bool rounded)
    {
        var power = asked.Optional("toleranceKw");
        var percent = asked.Optional("tolerancePercent");
        if (power is { } given)
        {
            if (percent is { } both) throw both.Refused(Rejection.OutOfRange, "must not stand beside toleranceKw");
            var milliwatts = given.Milliwatts(ref rounded);
            return milliwatts >= 0 ? milliwatts : throw given.Refused(Rejection.OutOfRange, "must not be negative");
        }
        var millionths = percent?.Units(6, 0, toleranceMillionthsMax, "must be 0 to 100 with at most 6 decimals")
            ?? tolerancePercentDefault * 1_000_000L;
        return new(Int128.Abs((Int128)ordered * millionths), 100_000_000);
    }

    static JsonObject Answer(ResponseMeasure response, Fraction tolerance, bool rounded) => new()
    {
        ["t10"] = Seconds(response.TenPercent),
        ["t90"] = Seconds(response.NinetyPercent),
        ["rampKwPerS"] = response.Ramp?.ToText(decimalsShown),
        ["overshootKw"] = Kilowatts(response.Overshoot),
        ["settleSeconds"] = Seconds(response.Settled),
        ["sustainRatio"] = response.Sustained?.ToText(decimalsShown),
        ["shortfallKwh"] = response.Shortfall.ToKwh(),
        ["initialKw"] = Kilowatts(response.Initial),
        ["toleranceKw"] = Kilowatts(tolerance),
        ["widestStepSeconds"] = Seconds(response.WidestStep),
        ["powerRounded"] = rounded,
    };

    // 10⁶ µs are a second, and 10⁶ mW a kilowatt.
    static string? Seconds(Fraction? microseconds) => (microseconds / 1_000_000L)?.ToText(decimalsShown);
    static string Kilowatts(Fraction milliwatts) => (milliwatts / 1_000_000L).ToText(decimalsShown);
}
