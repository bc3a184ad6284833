using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>limits {limits: [{kind, direction, kw | steps: [{start, kw}, …]}, …], samples: [[seconds, kW], …], periodSeconds,
/// maxGapSeconds?}</c>: a power curve against standing limits, in the multiples of periodSeconds from the first sample
/// to the last. A step holds until the next begins; kw null means no limit. A period in which a limit changes is cut.
/// </summary>
static class LimitsCalculator
{
    /// <summary>Periods that one answer holds for a limit.</summary>
    const int periodsMax = 100_000;

    static readonly Dictionary<string, StandingLimitKind> kinds = new(StringComparer.Ordinal)
    {
        ["connectionLimit"] = StandingLimitKind.ConnectionLimit,
        ["transformerLimit"] = StandingLimitKind.TransformerLimit,
        ["contractDemand"] = StandingLimitKind.ContractDemand,
        ["operatingEnvelope"] = StandingLimitKind.OperatingEnvelope,
    };

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("limits", "samples", "periodSeconds", "maxGapSeconds");
        var rounded = false;
        var samples = CurveInput.Samples(asked.Required("samples"), ref rounded);
        var periods = Periods(asked.Required("periodSeconds"), samples);
        var curve = CurveInput.Curve(asked.Optional("maxGapSeconds"), samples);
        var answers = new JsonArray();
        foreach (var limit in asked.Required("limits").Array())
            answers.Add((JsonNode)Answer(limit, curve, periods, ref rounded));
        return new JsonObject { ["limits"] = answers, ["powerRounded"] = rounded };
    }

    static JsonObject Answer(
        InputValue row, LoneCurve curve, IReadOnlyList<Interval> periods, ref bool rounded)
    {
        var limit = row.Object("kind", "direction", "kw", "steps");
        var kind = OneOf(limit.Required("kind"), kinds);
        var direction = OneOf(limit.Required("direction"), directions);
        var (first, length) = (periods[0].Start, periods[0].Duration.ToInt64Nanoseconds());
        var findings = LimitCheck.Cut(periods, Stretches(row, limit, ref rounded))
            .GroupBy(part => periods[(int)((part.During.Start - first).ToInt64Nanoseconds() / length)])
            .SelectMany(parts =>
            {
                var (samples, maxGap) = curve.Within(parts.Key);
                return LimitCheck.OnCurve(samples, direction, kind, [.. parts], maxGap);
            }).ToList();
        return new JsonObject
        {
            ["kind"] = limit.Required("kind").Text(),
            ["direction"] = limit.Required("direction").Text(),
            ["judgedBy"] = kind == StandingLimitKind.ContractDemand ? "demand" : "highest power",
            ["periods"] = new JsonArray([.. findings.Select(Answer)]),
            ["total"] = new JsonObject
            {
                ["secondsAbove"] = CurveInput.Text(findings.Sum(finding => finding.SecondsAbove)),
                ["kwhAbove"] = findings.Aggregate(Energy.Zero, (sum, finding) => sum + finding.Above).ToKwh(),
                ["verdict"] = Text(LimitCheck.Total(findings.Select(finding => finding.Verdict))),
            },
        };
    }

    static readonly Dictionary<string, Direction> directions =
        new(StringComparer.Ordinal) { ["import"] = Direction.Import, ["export"] = Direction.Export };

    /// <summary>
    /// The periods from the first sample to the last; one that the last sample only opens is left out, unless there is
    /// no other.
    /// </summary>
    static List<Interval> Periods(InputValue periodSeconds, PowerSample[] samples)
    {
        var length = CurveInput.Length(periodSeconds);
        var first = CurveInput.FloorTo(samples[0].AtMicroseconds, length);
        var last = Math.Max(samples[0].AtMicroseconds + 1, samples[^1].AtMicroseconds);
        var count = (last - first + length - 1) / length;
        if (count > periodsMax)
            throw periodSeconds.Refused(Rejection.OutOfRange, $"the samples span more than {periodsMax} periods");
        var periods = new List<Interval>();
        for (var i = 0; i < count; i++)
            periods.Add(new(CurveInput.At(first + i * length), CurveInput.At(first + (i + 1) * length)));
        return periods;
    }

    static List<LimitStretch> Stretches(InputValue row, InputObject limit, ref bool rounded)
    {
        var (constant, steps) = (limit.Optional("kw"), limit.Optional("steps"));
        if (constant is null == steps is null) throw row.Refused(Rejection.Malformed, "needs one of kw and steps");
        if (constant is { } kw) return [new(new Interval(null, null), Most(kw, ref rounded))];
        var stretches = new List<LimitStretch>();
        var before = long.MinValue;
        Power? most = null;
        foreach (var step in steps!.Value.Array())
        {
            var members = step.Object("start", "kw");
            var start = CurveInput.Time(members.Required("start"));
            if (start <= before)
                throw members.Required("start").Refused(Rejection.OutOfRange, "must be after the step before");
            if (most is { } held) stretches.Add(new(new Interval(CurveInput.At(before), CurveInput.At(start)), held));
            members.Required("kw");
            (before, most) = (start, members.Optional("kw") is { } value ? Most(value, ref rounded) : null);
        }
        if (most is { } open) stretches.Add(new(new Interval(CurveInput.At(before), null), open));
        return stretches;
    }

    static Power Most(InputValue kw, ref bool rounded)
    {
        var milliwatts = kw.Milliwatts(ref rounded);
        return milliwatts >= 0
            ? new Power(milliwatts)
            : throw kw.Refused(Rejection.OutOfRange, "must not be negative: the direction says which way it flows");
    }

    static T OneOf<T>(InputValue input, Dictionary<string, T> names) => names.TryGetValue(input.Text(), out var value)
        ? value
        : throw input.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", names.Keys)}");

    static JsonNode Answer(LimitFinding finding) => new JsonObject
    {
        ["startSeconds"] = Seconds(finding.Part.Start),
        ["endSeconds"] = Seconds(finding.Part.End),
        ["limitKw"] = CurveInput.Text(finding.Most.Kilowatts),
        ["highestKw"] = finding.Highest is { } highest ? CurveInput.Text(highest.Kilowatts) : null,
        ["demandKw"] = finding.Demand is { } demand ? CurveInput.Text(demand.Kilowatts) : null,
        ["secondsAbove"] = CurveInput.Text(finding.SecondsAbove),
        ["kwhAbove"] = finding.Above.ToKwh(),
        ["coverage"] = CurveInput.Text(
            finding.CoveredMicroseconds / (decimal)(finding.Part.Duration.ToInt64Nanoseconds() / 1000)),
        ["verdict"] = Text(finding.Verdict),
    };

    static decimal Seconds(Instant at) => CurveInput.Seconds(PowerCurve.Microseconds(at));

    static string Text(LimitVerdict verdict) => verdict switch
    {
        LimitVerdict.Within => "within",
        LimitVerdict.Above => "above",
        _ => "unproven",
    };
}
