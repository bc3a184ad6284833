using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>peak {periods: [{gridKw, dischargeKw?, chargeKw?, connectorsKw?, requestedKw?}, …]}</c>:
/// the measured peak against the ones without storage and without management, each with the method that gives it.
/// </summary>
static class PeakCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var rows = input.Object("periods").Required("periods");
        var periods = rows.Array().ConvertAll(Period);
        if (periods.Count == 0) throw rows.Refused(Rejection.WrongCount, "needs at least one period");
        var peaks = PeakShaving.Compare(periods);
        return new JsonObject
        {
            ["measured"] = Answer(peaks.Measured),
            ["withoutStorage"] = Answer(peaks.WithoutStorage),
            ["withoutManagement"] = Answer(peaks.WithoutManagement),
        };
    }

    static PeakPeriod Period(InputValue row)
    {
        var period = row.Object("gridKw", "dischargeKw", "chargeKw", "connectorsKw", "requestedKw");
        Power? Amount(string name) => period.Optional(name) is { } given ? NotNegative(given) : null;
        Power? Mean(string name) => period.Optional(name) is { } given ? Exactly(given) : null;
        return new(Exactly(period.Required("gridKw")), Amount("dischargeKw"), Amount("chargeKw"),
            Mean("connectorsKw"), Mean("requestedKw"));
    }

    static Power Exactly(InputValue input)
    {
        var rounded = false;
        var milliwatts = input.Milliwatts(ref rounded);
        return rounded ? throw input.Refused(Rejection.OutOfRange, "must have at most 6 decimals of a kW")
            : new Power(milliwatts);
    }

    static Power NotNegative(InputValue input) => Exactly(input) is var power && power >= Power.Zero
        ? power
        : throw input.Refused(Rejection.OutOfRange, "must not be negative");

    static JsonObject Answer(Peak peak) =>
        new() { ["peakKw"] = CurveInput.Text(peak.Highest.Kilowatts), ["period"] = peak.Period };

    static JsonObject Answer(CounterfactualPeak peak) => new()
    {
        ["method"] = peak.Method,
        ["peakKw"] = peak.Highest is { } highest ? CurveInput.Text(highest.Highest.Kilowatts) : null,
        ["period"] = peak.Highest?.Period,
        ["shavedKw"] = peak.Shaved is { } shaved ? CurveInput.Text(shaved.Kilowatts) : null,
        ["missingInPeriod"] = peak.MissingIn,
    };
}
