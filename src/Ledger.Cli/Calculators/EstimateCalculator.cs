using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>estimate {method, missing, resolutionMinutes, known?, proxy?, register?}</c> → <c>{intervals, sumKwh}</c>:
/// what may stand for intervals that nobody measured, each with its method and its quality.
/// </summary>
static class EstimateCalculator
{
    const int intervalsMax = 100_000;

    static readonly Dictionary<string, EstimationMethod> methods = new(StringComparer.Ordinal)
    {
        ["linear"] = EstimationMethod.Linear,
        ["proxy-day"] = EstimationMethod.ProxyDay,
        ["scaled"] = EstimationMethod.ScaledToRegister,
    };

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("method", "missing", "resolutionMinutes", "known", "proxy", "register", "countedKwh");
        var named = asked.Required("method");
        if (!methods.TryGetValue(named.Text(), out var method))
            throw named.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", methods.Keys)}");
        var missing = asked.Required("missing");
        var request = new EstimationRequest(method, Missing(missing, asked.Required("resolutionMinutes")),
            Intervals(asked.Optional("known")), Intervals(asked.Optional("proxy")), Counted(asked));
        var estimated = Estimation.Of(request, EstimationLimits.Default);
        if (estimated.Code is { } code) throw missing.Refused(code, estimated.Detail!);
        var sum = estimated.Intervals.Aggregate(Energy.Zero, (total, interval) => total + interval.Energy);
        return new JsonObject
        {
            ["method"] = method.ToString(),
            ["methodCode"] = ((int)method).ToString(CultureInfo.InvariantCulture),
            ["intervals"] = new JsonArray([.. estimated.Intervals.Select(interval => (JsonNode)Answer(interval))]),
            ["sumKwh"] = sum.ToKwh(),
        };
    }

    static List<Interval> Missing(InputValue input, InputValue resolution)
    {
        var (gap, length) = (MeterInput.Period(input.Object("start", "end")), MeterInput.Minutes(resolution));
        var count = gap.Duration.BclCompatibleTicks / length.BclCompatibleTicks;
        if (count > intervalsMax || gap.Duration != length * count)
            throw input.Refused(Rejection.PeriodMisaligned,
                $"must be a whole number of intervals, at most {intervalsMax}");
        return [.. Enumerable.Range(0, (int)count)
            .Select(i => new Interval(gap.Start + length * i, gap.Start + length * (i + 1)))];
    }

    static List<SentInterval> Intervals(InputValue? input) => (input?.Array() ?? []).ConvertAll(row =>
    {
        var interval = row.Object("start", "end", "kwh", "quality");
        var energy = interval.Required("kwh");
        return energy.KilowattHours() is var kwh && kwh >= Energy.Zero
            ? new SentInterval(MeterInput.Period(interval), kwh,
                interval.Optional("quality") is { } quality ? MeterInput.Quality(quality) : ReadingQuality.Measured)
            : throw energy.Refused(Rejection.NegativeEnergy, "must not be negative");
    });

    /// <summary>The register's difference: given, or from its two readings.</summary>
    static Energy? Counted(InputObject asked)
    {
        if (asked.Optional("countedKwh") is { } given)
            return given.KilowattHours() is var kwh && kwh >= Energy.Zero
                ? kwh : throw given.Refused(Rejection.NegativeEnergy, "must not be negative");
        return asked.Optional("register") is { } register ? MeterInput.Counted(register).Counted : null;
    }

    static JsonObject Answer(SentInterval interval) => new()
    {
        ["start"] = InstantPattern.ExtendedIso.Format(interval.Period.Start),
        ["end"] = InstantPattern.ExtendedIso.Format(interval.Period.End),
        ["kwh"] = interval.Energy.ToKwh(),
        ["quality"] = interval.Quality.ToString().ToLowerInvariant(),
    };
}
