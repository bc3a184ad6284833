using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>reconcile {registerKwh, curveKwh, meterClassPercent, curveClassPercent, registerStepKwh, factor,
/// clockOffsetSeconds, edgePowersKw, gaps, lossBandPercent?, undecidablePercent?}</c> → <c>{verdict, differenceKwh,
/// toleranceKwh, terms, dominating}</c>: the register against the curve, with the budget of what both may be wrong by.
/// </summary>
static class ReconcileCalculator
{
    /// <summary>Half nanojoules in one kWh.</summary>
    const long perKwh = Energy.HalfNanojoulesPerWattHour * 1000;

    /// <summary>The largest energy that is read, in kWh: 1 GW for a leap year.</summary>
    const long kwhMax = 8_784_000_000;

    /// <summary>The longest clock offset or gap that is read: 366 days, in microseconds.</summary>
    const long microsecondsMax = 366L * 86_400 * 1_000_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("registerKwh", "curveKwh", "meterClassPercent", "curveClassPercent", "registerStepKwh",
            "factor", "clockOffsetSeconds", "edgePowersKw", "gaps", "lossBandPercent", "undecidablePercent");
        var register = Kwh(asked.Required("registerKwh"));
        var curve = Kwh(asked.Required("curveKwh"));
        var budget = RegisterCheck.Budget(register, Errors(asked));
        var decides = asked.Optional("undecidablePercent") is { } share ? Percent(share) : RegisterCheck.Decides;
        var result = RegisterCheck.Judge(register, curve, budget, decides);
        var terms = new JsonObject();
        foreach (var (term, energy) in budget.Terms()) terms[Name(term) + "Kwh"] = energy.ToKwh();
        return new JsonObject
        {
            ["verdict"] = Name(result.Verdict),
            ["why"] = result.Why,
            ["differenceKwh"] = result.Difference.ToKwh(),
            ["toleranceKwh"] = budget.Tolerance.ToKwh(),
            ["terms"] = terms,
            ["dominating"] = budget.Dominating() is { } dominating ? Name(dominating) : null,
        };
    }

    static MeasurementErrors Errors(InputObject asked)
    {
        var step = Kwh(asked.Required("registerStepKwh"));
        if (step < Energy.Zero)
            throw asked.Required("registerStepKwh").Refused(Rejection.OutOfRange, "must not be negative");
        var edges = asked.Optional("edgePowersKw")?.Array() ?? [];
        if (edges.Count is not (0 or 2))
            throw asked.Required("edgePowersKw").Refused(Rejection.WrongCount, "must be the powers at start and end");
        return new(
            asked.Optional("meterClassPercent") is { } meter ? Percent(meter) : default,
            asked.Optional("curveClassPercent") is { } curve ? Percent(curve) : default,
            step * (asked.Optional("factor")?.Integer(1, 1_000_000) ?? 1),
            asked.Optional("clockOffsetSeconds") is { } offset ? Seconds(offset, -microsecondsMax) : Duration.Zero,
            edges.ConvertAll(Kilowatts), asked.Optional("gaps")?.Array().ConvertAll(Gap) ?? [],
            asked.Optional("lossBandPercent") is { } loss ? Percent(loss) : default);
    }

    static GapBound Gap(InputValue row)
    {
        var gap = row.Object("seconds", "pMinKw", "pMaxKw");
        var (least, most) = (Kilowatts(gap.Required("pMinKw")), Kilowatts(gap.Required("pMaxKw")));
        return least <= most
            ? new(Seconds(gap.Required("seconds"), 0), least, most)
            : throw gap.Required("pMaxKw").Refused(Rejection.OutOfRange, "must not be less than pMinKw");
    }

    /// <summary>Kilowatt-hours to the nearest half nanojoule, half to even: fourteen decimals are exact.</summary>
    static Energy Kwh(InputValue input)
    {
        var number = input.Number();
        var halfNanojoules = new ExactNumber(number.Mantissa * perKwh, number.Scale).InUnits(0, out _);
        return System.Numerics.BigInteger.Abs(halfNanojoules) <= (System.Numerics.BigInteger)kwhMax * perKwh
            ? new Energy((Int128)halfNanojoules)
            : throw input.Refused(Rejection.OutOfRange, $"at most {kwhMax} kWh either way");
    }

    static Power Kilowatts(InputValue input)
    {
        var rounded = false;
        return new Power(input.Milliwatts(ref rounded));
    }

    static Duration Seconds(InputValue input, long least) =>
        Duration.FromTicks(10 * input.Units(6, least, microsecondsMax,
        "must be seconds with at most 6 decimals, at most 366 days" + (least < 0 ? " either way" : ", not negative")));

    static ErrorBand Percent(InputValue input) => new(input.Units(7, 0, 100 * ErrorBand.Percent,
        "must be a percentage from 0 to 100 with at most 7 decimals"));

    /// <summary>A verdict or a term as members are written: the first letter small.</summary>
    static string Name(Enum word) => string.Concat(word.ToString()[..1].ToLowerInvariant(), word.ToString()[1..]);
}
