using NodaTime;

namespace Ledger.Domain;

/// <summary>What a target's records prove about an instruction.</summary>
public enum ComplianceVerdict { Kept = 1, PartlyKept = 2, Broken = 3, Excused = 4, Unproven = 5 }

/// <summary>
/// One target's verdict. Excess is import above cap and tolerance (curtailment); delivered and deficiency are export
/// up to and short of the order (export). <paramref name="RampExcluded"/> is time not judged because of the ramp
/// allowance; <paramref name="Unmeasured"/> is judged time without data.
/// </summary>
public sealed record TargetVerdict(
    SettlementPointId Point, ComplianceVerdict Verdict, IReadOnlyList<string> Reasons, Energy Ordered, Energy Excess,
    Energy Delivered, Energy Deficiency, Duration RampExcluded, Duration Unmeasured);

/// <summary>
/// All verdicts of one instruction, and the denominators: eligible targets are those no recorded fact excuses, so
/// that partial participation is never counted as a breach.
/// </summary>
public sealed record InstructionVerdict(
    InstructionId Instruction, IReadOnlyList<TargetVerdict> Targets, int Instructed, int Eligible, int Kept);

/// <summary>
/// Judges an instruction from interval records, the energy per settlement period, because those are what the ledger
/// proves. Excess = max(0, energy − (cap + tolerance) · time) is therefore a lower bound of the integral over the
/// curve. Where a record reaches outside the judged time (ramp, or the edge of the call), energy outside is taken at
/// the record's own extreme power, in the target's favour for a cap; a breach so found is a breach for certain.
/// </summary>
public static class Compliance
{
    private readonly record struct Judged(bool Failed, bool Excused, Energy Excess, Energy Delivered, Energy Short);

    /// <param name="withdrawnAt">Null unless withdrawn; nothing is judged from then on.</param>
    /// <param name="facts">Recorded charging facts; only these excuse.</param>
    /// <param name="claims">Reasons claimed without evidence: reported, and improving no verdict.</param>
    public static InstructionVerdict Judge(
        DispatchInstructed order, Instant? withdrawnAt, IReadOnlyList<InstructionClockRecorded> clocks,
        IReadOnlyList<IntervalRecorded> records, IReadOnlyList<ChargingFactRecorded> facts,
        IReadOnlyList<ReasonClaimed> claims)
    {
        var verdicts = order.Targets.OrderBy(target => target.Point).Select(target => JudgeTarget(
            order, withdrawnAt, target, clocks.Any(clock => clock.Point == target.Point),
            [.. Current(records.Where(record => record.Point == target.Point))],
            [.. facts.Where(fact => fact.Point == target.Point)],
            [.. claims.Where(claim => claim.Point == target.Point)])).ToList();
        return new(order.Instruction, verdicts, verdicts.Count,
            verdicts.Count(v => v.Verdict != ComplianceVerdict.Excused),
            verdicts.Count(v => v.Verdict == ComplianceVerdict.Kept));
    }

    private static IEnumerable<IntervalRecorded> Current(IEnumerable<IntervalRecorded> records) => records
        .GroupBy(record => record.Period).Select(versions => versions.MaxBy(record => record.Version)!)
        .Where(record => record.State != IntervalRecordState.Superseded && record.Quality is not
            (ReadingQuality.Missing or ReadingQuality.Suspect))
        .OrderBy(record => record.Period.Start);

    private static TargetVerdict JudgeTarget(
        DispatchInstructed order, Instant? withdrawnAt, InstructionTarget target, bool heard,
        List<IntervalRecorded> records, List<ChargingFactRecorded> facts, List<ReasonClaimed> claims)
    {
        var end = withdrawnAt is { } at && at < order.Period.End ? at : order.Period.End;
        var begin = Instant.Min(order.Period.Start + Duration.FromMilliseconds(order.RampAllowanceMs), end);
        var ramp = begin > order.Period.Start ? begin - order.Period.Start : Duration.Zero;
        var reasons = claims.Select(claim => $"claimed {claim.Reason}, no fact by that claim alone").ToList();
        if (begin >= end)
            return new(target.Point, ComplianceVerdict.Excused, [.. reasons, "withdrawn: no time left to judge"],
                Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, ramp, Duration.Zero);
        var window = new Interval(begin, end);
        var overlapping = records.Where(record => Overlap(record.Period, window) > Duration.Zero).ToList();
        var judged = overlapping.Select(record => JudgeRecord(order, target, window, record, facts)).ToList();
        var unmeasured = Unmeasured(window, overlapping);
        var excusedGap = unmeasured > Duration.Zero
            && facts.Any(fact => Overlap(fact.Period, window) == window.Duration);
        var verdict = Decide(order.Kind, judged, unmeasured > Duration.Zero, excusedGap);
        reasons.AddRange(facts.Where(fact => Overlap(fact.Period, window) > Duration.Zero)
            .Select(fact => $"recorded {fact.Reason} by {fact.Source}"));
        if (overlapping.Count == 0) reasons.Add(heard ? "no data" : "silent: no clocks and no data");
        else if (unmeasured > Duration.Zero)
            reasons.Add($"{unmeasured.ToInt64Nanoseconds() / 1_000_000} ms without data");
        var excess = Sum(judged, period => period.Excess);
        if (excess > Energy.Zero) reasons.Add($"import above cap by {excess}");
        var missing = Sum(judged, period => period.Short);
        if (missing > Energy.Zero) reasons.Add($"export short of the order by {missing}");
        return new(target.Point, verdict, reasons, Of(target.Quantity, window.Duration), excess,
            Sum(judged, period => period.Delivered), missing, ramp, unmeasured);
    }

    /// <summary>In order of precedence: a proven failure, a hole in the data, an excuse, kept.</summary>
    private static ComplianceVerdict Decide(InstructionKind kind, List<Judged> judged, bool hole, bool excusedHole)
    {
        if (judged.Any(period => period.Failed && !period.Excused))
            return judged.Any(period =>
                kind == InstructionKind.Export ? period.Delivered > Energy.Zero : !period.Failed)
                ? ComplianceVerdict.PartlyKept
                : ComplianceVerdict.Broken;
        if (hole && !excusedHole) return ComplianceVerdict.Unproven;
        return hole || judged.Any(period => period.Failed) ? ComplianceVerdict.Excused : ComplianceVerdict.Kept;
    }

    private static Judged JudgeRecord(
        DispatchInstructed order, InstructionTarget target, Interval window, IntervalRecorded record,
        List<ChargingFactRecorded> facts)
    {
        var inside = Overlap(record.Period, window);
        var outside = record.Period.Duration - inside;
        var part = new Interval(
            Instant.Max(record.Period.Start, window.Start), Instant.Min(record.Period.End, window.End));
        var excused = facts.Any(fact => Overlap(fact.Period, part) > Duration.Zero);
        if (order.Kind == InstructionKind.Curtail)
        {
            var highest = record.Maximum > Power.Zero ? record.Maximum : Power.Zero;
            var allowed = Of(target.Quantity + order.Tolerance, inside) + Of(highest, outside);
            var excess = Energy.Max(Energy.Zero, record.Import - allowed);
            return new(excess > Energy.Zero, excused, excess, Energy.Zero, Energy.Zero);
        }

        var ordered = Of(target.Quantity, inside);
        var delivered = Energy.Min(record.Export, ordered);
        var shortfall = ordered - delivered;
        return new(shortfall > Of(order.Tolerance, inside), excused, Energy.Zero, delivered, shortfall);
    }

    private static Duration Unmeasured(Interval window, List<IntervalRecorded> records)
    {
        var missing = window.Duration;
        foreach (var record in records)
        {
            missing -= Overlap(record.Period, window);
            foreach (var gap in record.Gaps) missing += Overlap(gap.Missing, window);
        }

        return missing;
    }

    private static Duration Overlap(Interval a, Interval b)
    {
        var shared = Instant.Min(a.End, b.End) - Instant.Max(a.Start, b.Start);
        return shared > Duration.Zero ? shared : Duration.Zero;
    }

    // mW · µs is a nanojoule, so doubled it is Energy's unit; a Duration is a whole number of nanoseconds.
    private static Energy Of(Power power, Duration time) =>
        new((Int128)power.Milliwatts * (Int128)time.ToBigIntegerNanoseconds() * 2 / 1000);

    private static Energy Sum(List<Judged> judged, Func<Judged, Energy> part) =>
        judged.Aggregate(Energy.Zero, (sum, period) => sum + part(period));
}
