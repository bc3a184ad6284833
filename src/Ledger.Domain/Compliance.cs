using System.Globalization;
using NodaTime;

namespace Ledger.Domain;

/// <summary>What a target's records prove about an instruction.</summary>
public enum ComplianceVerdict { Kept = 1, PartlyKept = 2, Broken = 3, Excused = 4, Unproven = 5 }

/// <summary>
/// One target's verdict, with reasons in plain words. <paramref name="Supported"/> are the reasons of recorded
/// charging facts, <paramref name="Claimed"/> those that somebody only claims. <paramref name="Ordered"/> is the
/// ordered power, or the cap, over the judged time.
/// </summary>
/// <param name="Excess">Curtailment: import above cap and tolerance. Export: zero.</param>
/// <param name="Delivered">Export: what was exported up to the order. Curtailment: zero, a cap has no delivery.</param>
/// <param name="Deficiency">Export: ordered in measured time and not exported.</param>
/// <param name="DeficiencyExcused">The part of the deficiency that falls to time covered by recorded facts.</param>
/// <param name="RampExcluded">Time not judged because of the ramp allowance.</param>
/// <param name="Unmeasured">Judged time without data, or with suspect data only.</param>
/// <param name="Worth">Export: paid for what was delivered, penalised for the deficiency that nothing excuses, in
/// kWh (UFTP settle phase at a zero baseline). Curtailment: null, its worth needs a baseline.</param>
public sealed record TargetVerdict(
    SettlementPointId Point, ComplianceVerdict Verdict, IReadOnlyList<string> Reasons,
    IReadOnlyList<ShortfallReason> Supported, IReadOnlyList<ShortfallReason> Claimed, Energy Ordered, Energy Excess,
    Energy Delivered, Energy Deficiency, Energy DeficiencyExcused, Duration RampExcluded, Duration Unmeasured,
    DeliveryPeriod? Worth);

/// <summary>
/// How many targets came to which verdict, and their sums. The tally of a verdict that changed is the old tally less
/// the old verdict and plus the new one, so nobody needs all targets to count one.
/// </summary>
public sealed record VerdictTally(
    int Instructed, int Kept, int PartlyKept, int Broken, int Excused, int Unproven, Energy Ordered, Energy Excess,
    Energy Delivered, Energy Deficiency, Energy DeficiencyExcused, decimal Payment, decimal Penalty, decimal Net)
{
    public static readonly VerdictTally Empty = new(
        0, 0, 0, 0, 0, 0, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, 0, 0, 0);

    /// <summary>Targets that no recorded fact excuses: what participation is measured against.</summary>
    public int Eligible => Instructed - Excused;

    public VerdictTally Plus(TargetVerdict verdict) => Add(verdict, 1);
    public VerdictTally Less(TargetVerdict verdict) => Add(verdict, -1);

    private VerdictTally Add(TargetVerdict verdict, int times)
    {
        int When(ComplianceVerdict counted) => verdict.Verdict == counted ? times : 0;
        return new(Instructed + times, Kept + When(ComplianceVerdict.Kept),
            PartlyKept + When(ComplianceVerdict.PartlyKept), Broken + When(ComplianceVerdict.Broken),
            Excused + When(ComplianceVerdict.Excused), Unproven + When(ComplianceVerdict.Unproven),
            Ordered + verdict.Ordered * times, Excess + verdict.Excess * times, Delivered + verdict.Delivered * times,
            Deficiency + verdict.Deficiency * times, DeficiencyExcused + verdict.DeficiencyExcused * times,
            Payment + (verdict.Worth?.Payment ?? 0m) * times, Penalty + (verdict.Worth?.Penalty ?? 0m) * times,
            Net + (verdict.Worth?.Net ?? 0m) * times);
    }
}

/// <summary>All verdicts of one instruction, in order of point, and what they add up to.</summary>
public sealed record InstructionVerdict(
    InstructionId Instruction, IReadOnlyList<TargetVerdict> Targets, VerdictTally Tally);

/// <summary>
/// Judges an instruction from interval records, the energy per settlement period, because those are what the ledger
/// proves. Excess = max(0, energy − (cap + tolerance) · time) is therefore a lower bound of the integral over the
/// curve. Where a record reaches outside the judged time (ramp, or the edge of the call), energy outside is taken at
/// the record's own extreme power, in the target's favour for a cap; a breach so found is a breach for certain. An
/// export is owed only for measured time. A recorded fact excuses the time that it covers and no more.
/// </summary>
public static class Compliance
{
    private readonly record struct Judged(
        bool Failed, bool FailedUnexcused, Energy Excess, Energy Delivered, Energy Short, Energy ShortExcused);

    /// <param name="withdrawnAt">Null unless withdrawn; nothing is judged from then on.</param>
    /// <param name="facts">Recorded charging facts; only these excuse.</param>
    /// <param name="claims">Reasons claimed without evidence: reported, and improving no verdict.</param>
    public static InstructionVerdict Judge(
        DispatchInstructed order, Instant? withdrawnAt, IReadOnlyList<InstructionClockRecorded> clocks,
        IReadOnlyList<IntervalRecorded> records, IReadOnlyList<ChargingFactRecorded> facts,
        IReadOnlyList<ReasonClaimed> claims)
    {
        var verdicts = order.Targets.OrderBy(target => target.Point)
            .Select(target => JudgeTarget(order, withdrawnAt, target, clocks, records, facts, claims)).ToList();
        return new(order.Instruction, verdicts, verdicts.Aggregate(VerdictTally.Empty, (sum, next) => sum.Plus(next)));
    }

    /// <summary>One target's verdict, from its own facts in any order; those of other points play no part.</summary>
    public static TargetVerdict JudgeTarget(
        DispatchInstructed order, Instant? withdrawnAt, InstructionTarget target,
        IReadOnlyList<InstructionClockRecorded> clocks, IReadOnlyList<IntervalRecorded> records,
        IReadOnlyList<ChargingFactRecorded> facts, IReadOnlyList<ReasonClaimed> claims)
    {
        var end = Instant.Min(withdrawnAt ?? order.Period.End, order.Period.End);
        var begin = order.Period.Start + Duration.FromMilliseconds(order.RampAllowanceMs);
        var window = new Interval(Instant.Min(begin, end), end);
        var observed = facts.Where(fact => fact.Point == target.Point && Shared(fact.Period, window) > Duration.Zero)
            .OrderBy(fact => fact.Period.Start).ThenBy(fact => fact.Period.End).ThenBy(fact => fact.Reason)
            .ThenBy(fact => fact.Source, StringComparer.Ordinal).ToList();
        var latest = Latest(records.Where(record => record.Point == target.Point), window);
        var proven = latest.Where(Proves).ToList();
        var excused = observed.Select(fact => fact.Period).ToList();
        var judged = proven.Select(record => JudgeRecord(order, target, window, record, excused)).ToList();
        List<Interval> unmeasured =
            [.. Without([window], proven.Select(record => record.Period)), .. Gaps(proven, window)];
        var verdict = Decide(order.Kind, window, judged, unmeasured, excused);
        var (delivered, missed) = (Sum(judged, period => period.Delivered), Sum(judged, period => period.Short));
        var missedExcused = Sum(judged, period => period.ShortExcused);
        var result = new TargetVerdict(
            target.Point, verdict, [], Reasons(observed.Select(fact => fact.Reason)),
            Reasons(claims.Where(claim => claim.Point == target.Point).Select(claim => claim.Reason)),
            Of(target.Quantity, window.Duration), Sum(judged, period => period.Excess), delivered, missed,
            missedExcused, Instant.Min(begin, end) - Instant.Min(order.Period.Start, end), Length(unmeasured),
            Worth(order, delivered, missed - missedExcused));
        var silent = latest.Count == 0 && clocks.All(clock => clock.Point != target.Point);
        return result with
        {
            Reasons =
            [
                .. Explain(order, withdrawnAt, window, result, latest, observed, silent),
                .. Claims(claims, target.Point),
            ],
        };
    }

    /// <summary>In order of precedence: nothing to judge, a proven failure, a hole in the data, an excuse.</summary>
    private static ComplianceVerdict Decide(
        InstructionKind kind, Interval window, List<Judged> judged, List<Interval> unmeasured, List<Interval> excused)
    {
        if (window.Duration == Duration.Zero) return ComplianceVerdict.Excused;
        if (judged.Any(period => period.FailedUnexcused))
            return judged.Any(period =>
                kind == InstructionKind.Export ? period.Delivered > Energy.Zero : !period.Failed)
                ? ComplianceVerdict.PartlyKept
                : ComplianceVerdict.Broken;
        if (Without(unmeasured, excused).Count > 0) return ComplianceVerdict.Unproven;
        return unmeasured.Count > 0 || judged.Any(period => period.Failed)
            ? ComplianceVerdict.Excused
            : ComplianceVerdict.Kept;
    }

    private static Judged JudgeRecord(
        DispatchInstructed order, InstructionTarget target, Interval window, IntervalRecorded record,
        List<Interval> excused)
    {
        var inside = Within(record.Period, window)!.Value;
        var outside = record.Period.Duration - inside.Duration;
        if (order.Kind == InstructionKind.Curtail)
        {
            var limit = target.Quantity + order.Tolerance;
            var highest = record.Maximum > Power.Zero ? record.Maximum : Power.Zero;
            var free = inside.Duration - Length(Without([inside], excused));
            var excess = record.Import - Of(limit, inside.Duration) - Of(highest, outside);
            var unexcused = record.Import - Of(limit, inside.Duration - free) - Of(highest, outside + free);
            return new(excess > Energy.Zero, excess > Energy.Zero && unexcused > Energy.Zero,
                Energy.Max(excess, Energy.Zero), Energy.Zero, Energy.Zero, Energy.Zero);
        }

        var measured = Without([inside], record.Gaps.Select(gap => gap.Missing));
        var bound = Length(Without(measured, excused));
        var due = Of(target.Quantity, Length(measured));
        var delivered = Energy.Min(record.Export, due);
        var unexcusedShort = Energy.Max(Of(target.Quantity, bound) - delivered, Energy.Zero);
        return new(due - delivered > Of(order.Tolerance, Length(measured)), unexcusedShort > Of(order.Tolerance, bound),
            Energy.Zero, delivered, due - delivered, due - delivered - unexcusedShort);
    }

    // A zero baseline at the connector: without the order, nothing would have been exported. An energy in kWh is a
    // power in kW over one hour, so the rule needs no division that has no end; 12 decimals, half to even.
    private static DeliveryPeriod? Worth(DispatchInstructed order, Energy delivered, Energy missed) =>
        order.Kind != InstructionKind.Export ? null : Delivery.Uftp(
            FlexDirection.Reduce, 0m, -Kwh(delivered), Kwh(delivered) + Kwh(missed), 1m,
            order.PricePerKwh, order.PenaltyPerKwh);

    private static IEnumerable<string> Explain(
        DispatchInstructed order, Instant? withdrawnAt, Interval window, TargetVerdict result,
        List<IntervalRecorded> latest, List<ChargingFactRecorded> observed, bool silent)
    {
        if (withdrawnAt is { } at && at < order.Period.End)
            yield return $"withdrawn at {at}, " + (at <= order.Period.Start ? "before it began" : "judged until then");
        if (window.Duration == Duration.Zero)
        {
            if (withdrawnAt is null) yield return "the ramp allowance leaves no time to judge";
            yield break;
        }
        if (result.Excess > Energy.Zero) yield return $"imported {result.Excess} above cap and tolerance";
        if (result.Deficiency > Energy.Zero)
            yield return $"exported {result.Deficiency} less than ordered" +
                (result.DeficiencyExcused > Energy.Zero
                    ? $", of which recorded facts excuse {result.DeficiencyExcused}"
                    : "");
        foreach (var (why, parts) in Doubts(latest, window))
            yield return $"{Seconds(Length(parts))} of {Seconds(window.Duration)} {why}";
        List<Interval> absent =
            [.. Without([window], latest.Select(record => record.Period)), .. Gaps(latest.Where(Proves), window)];
        if (silent) yield return "silent: no message and no data";
        else if (absent.Count > 0) yield return $"no data for {Seconds(Length(absent))} of {Seconds(window.Duration)}";
        foreach (var fact in observed)
            yield return
                $"recorded by {fact.Source}: {Words(fact.Reason)} from {fact.Period.Start} to {fact.Period.End}";
    }

    private static IEnumerable<string> Claims(IReadOnlyList<ReasonClaimed> claims, SettlementPointId point) => claims
        .Where(claim => claim.Point == point)
        .Select(claim => $"claimed by {claim.ClaimedBy} without evidence: {Words(claim.Reason)}")
        .Distinct().Order(StringComparer.Ordinal);

    // What is suspect, missing or not measured counts as it must, and is said with its own reason.
    private static IEnumerable<(string Why, List<Interval> Parts)> Doubts(
        List<IntervalRecorded> latest, Interval window) =>
        latest.Where(record => record.Quality is not (ReadingQuality.Measured or ReadingQuality.MeasuredSigned))
            .GroupBy(Doubt).OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (group.Key, group.Select(record => Within(record.Period, window)!.Value).ToList()));

    private static string Doubt(IntervalRecorded record) => record.Quality switch
    {
        ReadingQuality.Suspect => "is suspect: " + Suspicion(record),
        ReadingQuality.Missing => "is recorded as missing",
        ReadingQuality.Estimated => "is estimated, not measured",
        _ => "is substituted, not measured",
    };

    private static string Suspicion(IntervalRecorded record) =>
        Math.Abs(record.ClockOffsetMicroseconds) > Limits.ClockSkewMs * 1000L
            ? string.Create(CultureInfo.InvariantCulture,
                $"clock {Math.Abs(record.ClockOffsetMicroseconds) / 1_000_000m:0.######} s off")
            : record.Reason ?? "no reason recorded";

    private static List<IntervalRecorded> Latest(IEnumerable<IntervalRecorded> records, Interval window) => [.. records
        .Where(record => record.State != IntervalRecordState.Superseded
            && Shared(record.Period, window) > Duration.Zero)
        .GroupBy(record => record.Period).Select(versions => versions.MaxBy(record => record.Version)!)
        .OrderBy(record => record.Period.Start)];

    private static IEnumerable<Interval> Gaps(IEnumerable<IntervalRecorded> records, Interval window) =>
        records.SelectMany(record => record.Gaps).Select(gap => Within(gap.Missing, window)).OfType<Interval>();

    private static bool Proves(IntervalRecorded record) =>
        record.Quality is not (ReadingQuality.Missing or ReadingQuality.Suspect);

    private static IReadOnlyList<ShortfallReason> Reasons(IEnumerable<ShortfallReason> reasons) =>
        [.. reasons.Distinct().Order()];

    private static string Words(ShortfallReason reason) => reason switch
    {
        ShortfallReason.NoVehicle => "no vehicle",
        ShortfallReason.StateOfChargeFloor => "state-of-charge floor",
        ShortfallReason.Safety => "safety",
        ShortfallReason.VehicleLimit => "vehicle limit",
        _ => "fault",
    };

    private static string Seconds(Duration time) => string.Create(CultureInfo.InvariantCulture,
        $"{(decimal)time.ToInt64Nanoseconds() / 1_000_000_000m:0.#########} s");

    private static Duration Shared(Interval a, Interval b) => Within(a, b)?.Duration ?? Duration.Zero;

    private static Interval? Within(Interval part, Interval whole)
    {
        var (start, end) = (Instant.Max(part.Start, whole.Start), Instant.Min(part.End, whole.End));
        return start < end ? new Interval(start, end) : null;
    }

    /// <summary>What is left of some stretches of time without others; empty stretches vanish.</summary>
    private static List<Interval> Without(IEnumerable<Interval> whole, IEnumerable<Interval> taken) =>
        taken.Aggregate(whole.Where(part => part.Duration > Duration.Zero).ToList(),
            (left, cut) => [.. left.SelectMany(part => Remainder(part, cut))]);

    private static IEnumerable<Interval> Remainder(Interval part, Interval cut)
    {
        if (Within(cut, part) is not { } gone) return [part];
        Interval[] sides = [new(part.Start, gone.Start), new(gone.End, part.End)];
        return sides.Where(side => side.Duration > Duration.Zero);
    }

    private static Duration Length(IEnumerable<Interval> parts) =>
        parts.Aggregate(Duration.Zero, (sum, part) => sum + part.Duration);

    // mW · µs is a nanojoule, so doubled it is Energy's unit; a Duration is a whole number of nanoseconds.
    private static Energy Of(Power power, Duration time) =>
        new((Int128)power.Milliwatts * (Int128)time.ToBigIntegerNanoseconds() * 2 / 1000);

    // 1 kWh is 7.2·10¹⁵ half nanojoules, so 10⁻¹² kWh is 7200 of them.
    private static decimal Kwh(Energy energy) =>
        (decimal)Energy.DivideHalfEven(energy.HalfNanojoules, 7200) / 1_000_000_000_000m;

    private static Energy Sum(List<Judged> judged, Func<Judged, Energy> part) =>
        judged.Aggregate(Energy.Zero, (sum, period) => sum + part(period));
}
