using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>What a target's records prove about an instruction.</summary>
public enum ComplianceVerdict
{
    Kept = 1, PartlyKept = 2, Broken = 3, Excused = 4, Unproven = 5,
    /// <summary>Only of a call that is read before its end (<see cref="CallTime"/>): no facts give it.</summary>
    NotOverYet = 6,
}

/// <summary>
/// One target's verdict, with reasons in plain words. <paramref name="Supported"/> are the reasons of recorded
/// charging facts and states, <paramref name="Claimed"/> those that somebody only claims. <paramref name="Ordered"/> is
/// the ordered power, or the cap, over the judged time.
/// </summary>
/// <param name="Excess">Curtailment: import above cap and tolerance. Export: zero.</param>
/// <param name="Delivered">Export: what was exported up to the order, as much as the records allow; the bounds say how
/// much less it may be. Curtailment: zero, a cap has no delivery.</param>
/// <param name="Deficiency">Export: ordered in measured time and not exported.</param>
/// <param name="DeficiencyExcused">The part of the deficiency that recorded facts excuse.</param>
/// <param name="RampExcluded">Time not judged because of the ramp allowance.</param>
/// <param name="Unmeasured">Judged time without data, or with suspect data only.</param>
/// <param name="Worth">Export: paid for what was delivered, penalised for the deficiency that nothing excuses, in
/// kWh (UFTP settle phase at a zero baseline). Curtailment: null, its worth needs a baseline.</param>
/// <param name="Bounds">Between which the excess, or the deficiency, lies in recorded time after the measurement's
/// uncertainty.</param>
/// <param name="Reach">How far the instruction came.</param>
/// <param name="Clocks">Every clock with its source and its bound, from the issue on.</param>
/// <param name="Connection">The vehicles at notice, at the start, and while the call ran.</param>
/// <param name="EligiblePower">What was owed, or allowed, at best, as the vehicle could; zero of an excused target,
/// so that partial participation is never counted as non-compliance (market rules §2.4).</param>
public sealed record TargetVerdict(
    SettlementPointId Point, ComplianceVerdict Verdict, IReadOnlyList<string> Reasons,
    IReadOnlyList<ShortfallReason> Supported, IReadOnlyList<ShortfallReason> Claimed, Energy Ordered, Energy Excess,
    Energy Delivered, Energy Deficiency, Energy DeficiencyExcused, Duration RampExcluded, Duration Unmeasured,
    DeliveryPeriod? Worth, EnergyBounds Bounds, InstructionReach Reach, IReadOnlyList<ClockStep> Clocks,
    Connection Connection, Power EligiblePower)
{
    /// <summary>Of the time without data that of which there is no record at all: what may be missing in a gap within
    /// one is in the bounds.</summary>
    public Duration Unrecorded { get; init; }
}

/// <summary>All verdicts of one instruction, in order of point, and what they add up to.</summary>
public sealed record InstructionVerdict(
    InstructionId Instruction, IReadOnlyList<TargetVerdict> Targets, VerdictTally Tally);

/// <summary>What is recorded of the targets of an instruction, in any order.</summary>
/// <param name="Facts">Recorded charging facts; they excuse, as <see cref="States"/> do.</param>
/// <param name="Claims">Reasons claimed without evidence: reported, and improving no verdict.</param>
public sealed record CallEvidence(
    IReadOnlyList<InstructionClockRecorded> Clocks, IReadOnlyList<IntervalRecorded> Records,
    IReadOnlyList<ChargingFactRecorded> Facts, IReadOnlyList<ReasonClaimed> Claims)
{
    /// <summary>What the chargers said of their vehicles, before and during the call.</summary>
    public IReadOnlyList<ChargingStateRecorded> States { get; init; } = [];

    /// <summary>The rated power of each point that is known; without it nobody can say what a gap hides.</summary>
    public IReadOnlyDictionary<SettlementPointId, Power> Rated { get; init; } =
        new Dictionary<SettlementPointId, Power>();

    internal CallEvidence Of(SettlementPointId point) => IsOnlyOf(point) ? this : this with
    {
        Clocks = [.. Clocks.Where(clock => clock.Point == point)],
        Records = [.. Records.Where(record => record.Point == point)],
        Facts = [.. Facts.Where(fact => fact.Point == point)],
        Claims = [.. Claims.Where(claim => claim.Point == point)],
        States = [.. States.Where(state => state.Point == point)],
    };

    private bool IsOnlyOf(SettlementPointId point) =>
        Clocks.All(clock => clock.Point == point) && Records.All(record => record.Point == point)
        && Facts.All(fact => fact.Point == point) && Claims.All(claim => claim.Point == point)
        && States.All(state => state.Point == point);
}

/// <summary>
/// Judges an instruction from interval records, the energy per settlement period, because those are what the ledger
/// proves. Excess = max(0, energy − (cap + tolerance) · time) is therefore a lower bound of the integral over the
/// curve. A breach is one only after the measurement's uncertainty, and so is a kept order; what lies between is
/// unproven, as is what may have flowed beside the judged time. A recorded fact excuses the time that it covers and no
/// more, and none in which the meter shows otherwise.
/// </summary>
public static class Compliance
{
    /// <summary>How long after its end a charger may still say what a call is judged by: a state is held against whole
    /// records (<see cref="Excuses"/>), of which the longest are an hour.</summary>
    public static readonly Duration SaidAfter = Duration.FromHours(1) + Excuses.EdgeMax;

    /// <param name="withdrawnAt">Null unless withdrawn; nothing is judged from then on.</param>
    public static InstructionVerdict Judge(DispatchInstructed order, Instant? withdrawnAt, CallEvidence evidence)
    {
        var verdicts = order.Targets.OrderBy(target => target.Point)
            .Select(target => JudgeTarget(order, withdrawnAt, target, evidence)).ToList();
        return new(order.Instruction, verdicts, verdicts.Aggregate(VerdictTally.Empty, (sum, next) => sum.Plus(next)));
    }

    /// <summary>One target's verdict, from its own facts in any order; those of other points play no part.</summary>
    public static TargetVerdict JudgeTarget(
        DispatchInstructed order, Instant? withdrawnAt, InstructionTarget target, CallEvidence evidence)
    {
        var own = evidence.Of(target.Point);
        var window = CallTime.Judged(order.Period, order.RampAllowanceMs, withdrawnAt);
        var start = Instant.Min(order.Period.Start, window.End);
        var latest = Latest(own.Records, window);
        var (excuses, contradicted) = Excuses.Of(order, target, window, own, latest);
        var proven = latest.Where(Proves).ToList();
        Power? rated = own.Rated.TryGetValue(target.Point, out var known) ? known : null;
        var period = new CompliancePeriod(order, target, window, excuses, rated);
        var judged = proven.ConvertAll(period.Judge);
        var unrecorded = Without([window], proven.Select(record => record.Period));
        var verdict = Decide(order.Kind, window, judged, unrecorded, excuses);
        var supported = Reasons(excuses.Select(excuse => excuse.Reason));
        var (delivered, missed) = (Sum(judged, each => each.Delivered), Sum(judged, each => each.Short));
        var missedExcused = Sum(judged, each => each.ShortExcused);
        var reach = ComplianceReach.Of(order, own.Clocks);
        var result = new TargetVerdict(
            target.Point, verdict, [], supported,
            Reasons(own.Claims.Select(claim => claim.Reason).Except(supported)),
            EnergyOver(target.Quantity, window.Duration), Sum(judged, each => each.Excess), delivered, missed,
            missedExcused, window.Start - start,
            Length(unrecorded)
                + Length(Inside(proven.SelectMany(record => record.Gaps).Select(gap => gap.Missing), window)),
            Worth(order, delivered, missed - missedExcused),
            judged.Aggregate(EnergyBounds.Zero, (sum, each) => sum.Plus(each.Bounds)), reach,
            ComplianceReach.Steps(order, own.Clocks, latest),
            ChargingState.Around(order.IssuedAt, new Interval(start, window.End), own.States),
            verdict == ComplianceVerdict.Excused ? Power.Zero : Eligible(target, window, excuses))
        {
            Unrecorded = Length(unrecorded),
        };
        return result with
        {
            Reasons = [.. Explain(
                order, withdrawnAt, window, result, latest, judged, excuses, contradicted, own)],
        };
    }

    /// <summary>A record that is missing or suspect proves nothing.</summary>
    internal static bool Proves(IntervalRecorded record) =>
        record.Quality is not (ReadingQuality.Missing or ReadingQuality.Suspect);

    /// <summary>In order of precedence: nothing to judge, a proven failure, a hole or a doubt, an excuse.</summary>
    private static ComplianceVerdict Decide(
        InstructionKind kind, Interval window, List<JudgedPeriod> judged, List<Interval> unrecorded,
        List<Excuse> excuses)
    {
        if (window.Duration == Duration.Zero) return ComplianceVerdict.Excused;
        if (judged.Any(period => period.FailedUnexcused))
            return judged.Any(period => kind == InstructionKind.Export ? period.Delivered > Energy.Zero : period.Kept)
                ? ComplianceVerdict.PartlyKept
                : ComplianceVerdict.Broken;
        if (Without(unrecorded, Whole(excuses)).Count > 0
            || judged.Any(period => period.Doubtful || period.OwedGaps.Count > 0)) return ComplianceVerdict.Unproven;
        return unrecorded.Count > 0 || judged.Any(period => !period.Kept)
            ? ComplianceVerdict.Excused
            : ComplianceVerdict.Kept;
    }

    private static IEnumerable<Interval> Whole(IEnumerable<Excuse> excuses) =>
        excuses.Where(excuse => excuse.Limit is null).Select(excuse => excuse.Period);

    /// <summary>The most that was owed at any time that nothing excuses;
    /// the whole where everything is excused.</summary>
    private static Power Eligible(InstructionTarget target, Interval window, List<Excuse> excuses)
    {
        var limits = excuses.Where(excuse => excuse.Limit is not null).ToList();
        var owed = Without([window], Whole(excuses));
        return limits.Count == 0 || Without(owed, limits.Select(limit => limit.Period)).Count > 0
            ? target.Quantity
            : limits.Max(limit => limit.Limit!.Value);
    }

    // A zero baseline at the connector: without the order, nothing would have been exported. An energy in kWh is a
    // power in kW over one hour, so the rule needs no division that has no end; 12 decimals, half to even.
    private static DeliveryPeriod? Worth(DispatchInstructed order, Energy delivered, Energy missed) =>
        order.Kind != InstructionKind.Export ? null : Delivery.OneSided(
            FlexDirection.Reduce, 0m, -Kwh(delivered), Kwh(delivered) + Kwh(missed), 1m,
            order.PricePerKwh, order.PenaltyPerKwh);

    /// <summary>How far the instruction came is a reason only where the verdict needs one.</summary>
    private static IEnumerable<string> Explain(
        DispatchInstructed order, Instant? withdrawnAt, Interval window, TargetVerdict result,
        List<IntervalRecorded> latest, List<JudgedPeriod> judged, List<Excuse> excuses,
        List<Contradicted> contradicted, CallEvidence own)
    {
        var silent = latest.Count == 0 && own.Clocks.Count == 0;
        foreach (var reason in ComplianceReasons.Of(order, withdrawnAt, window, result, latest, judged, excuses,
            contradicted, silent))
            yield return reason;
        if (!silent && window.Duration > Duration.Zero
            && result.Verdict is not (ComplianceVerdict.Kept or ComplianceVerdict.Excused)
            && ComplianceReach.Reason(order, result.Reach, own.Clocks) is { } way) yield return way;
        foreach (var claim in ComplianceReasons.Claims(own.Claims, result.Supported)) yield return claim;
    }

    /// <summary>The latest version of each period that shares time with the window, in order of their starts.</summary>
    private static List<IntervalRecorded> Latest(IEnumerable<IntervalRecorded> records, Interval window)
    {
        var latest = new List<IntervalRecorded>();
        foreach (var record in records)
        {
            if (record.State == IntervalRecordState.Superseded || Shared(record.Period, window) == Duration.Zero)
                continue;
            var same = latest.FindIndex(other => other.Period == record.Period);
            var before = latest.FindLastIndex(other => other.Period.Start <= record.Period.Start);
            if (same < 0) latest.Insert(before + 1, record);
            else if (latest[same].Version < record.Version) latest[same] = record;
        }
        return latest;
    }

    private static IReadOnlyList<ShortfallReason> Reasons(IEnumerable<ShortfallReason> reasons) =>
        [.. reasons.Distinct().Order()];

    // 1 kWh is 7.2·10¹⁵ half nanojoules, so 10⁻¹² kWh is 7200 of them.
    private static decimal Kwh(Energy energy) =>
        (decimal)Energy.DivideHalfEven(energy.HalfNanojoules, 7200) / 1_000_000_000_000m;

    private static Energy Sum(List<JudgedPeriod> judged, Func<JudgedPeriod, Energy> part) =>
        judged.Aggregate(Energy.Zero, (sum, period) => sum + part(period));
}
