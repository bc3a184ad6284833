using System.Numerics;
using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Projections;

/// <summary>What a test dispatch showed against its own rule.</summary>
public enum TestOutcome
{
    Passed = 1, Failed = 2, Unproven = 3,
    /// <summary>It is read before its end.</summary>
    NotOverYet = 4,
}

/// <summary>
/// One dispatch instruction as one call of a station: its targets there taken together. What is derived here comes from
/// the verdicts of the targets and their clocks; it is never kept, because nothing but them says it.
/// </summary>
/// <param name="HourOfWeek">Local hour of the week in which it began, 0 to 167, Monday first.</param>
/// <param name="Connected">Targets at which a vehicle was connected when it began; null where of any target nothing
/// that is recorded says so or denies it.</param>
/// <param name="Call">As a sample of what the station delivers, by what is proven: time of which nothing is proven has
/// delivered nothing, so that silence is no way out of a bad call. Null where it is none, and
/// <paramref name="WhyNot"/> says why.</param>
/// <param name="Delay">From the start of the order to 10 % at the last target; null where a clock is missing.</param>
/// <param name="NinetyPercentAfter">From the start of the order to 90 % at the last target;
/// null where a clock is missing.</param>
/// <param name="Test">What a test dispatch showed; null for a real call.</param>
public sealed record StationCall(
    InstructionRow Order, IReadOnlyList<TargetRow> Targets, int HourOfWeek, int? Connected, DispatchCall? Call,
    string? WhyNot, Duration? Delay, Duration? NinetyPercentAfter, TestOutcome? Test)
{
    /// <summary>
    /// For how long after its end a call that is not proven waits for its evidence, which may come with that of its
    /// day; then what is there counts (ours: no source states a time).
    /// </summary>
    public static readonly Duration EvidenceWithin = Duration.FromHours(24);

    public Energy Ordered => Targets.Aggregate(Energy.Zero, (sum, target) => sum + target.Ordered);
    public Energy Delivered => Targets.Aggregate(Energy.Zero, (sum, target) => sum + target.Delivered);
    public Energy Excess => Targets.Aggregate(Energy.Zero, (sum, target) => sum + target.Excess);

    /// <summary>The calls of one station, as they are read, in order of their starts.</summary>
    /// <param name="zoneAt">Of a point that was at the station at an instant; null of any other.</param>
    public static IReadOnlyList<StationCall> Of(
        IEnumerable<InstructionAnswer> instructions, Func<string, Instant, DateTimeZone?> zoneAt)
    {
        var found = instructions.Select(each => (Order: each.Instruction, each.IsNotOver,
            Targets: each.Targets.Where(target => zoneAt(target.Point, each.Instruction.Start) is not null).ToList()))
            .Where(each => each.Targets.Count > 0).ToList();
        // No order is recorded before it says that it was issued, so that instant has come.
        var known = found.Select(each => each.Order.IssuedAt).DefaultIfEmpty(Instant.MinValue).Max();
        return [.. found.Select(each => Of(each.Order, each.Targets,
                zoneAt(each.Targets[0].Point, each.Order.Start)!, known, each.IsNotOver))
            .OrderBy(call => call.Order.Start).ThenBy(call => call.Order.Instruction, StringComparer.Ordinal)];
    }

    /// <summary>
    /// Calls that hold at one time are one sample of their station: the same vehicles, the same hour, the same grid, so
    /// one of them says little that the others do not. Of a point that several call, the greatest order counts.
    /// </summary>
    /// <param name="samples">In order of their starts, each a sample.</param>
    public static IEnumerable<StationCall> Together(IEnumerable<StationCall> samples)
    {
        var (group, end) = (new List<StationCall>(), Instant.MinValue);
        foreach (var sample in samples)
        {
            if (group.Count > 0 && sample.Order.Start >= end)
            {
                yield return AsOne(group);
                group = [];
            }
            group.Add(sample);
            end = Instant.Max(end, Instant.Min(sample.Order.End, sample.Order.WithdrawnAt ?? Instant.MaxValue));
        }
        if (group.Count > 0) yield return AsOne(group);
    }

    /// <summary>A chain of calls is one trial; its power is that of those which hold at the instant at which most is
    /// ordered, because what follows one another never flowed at once.</summary>
    private static StationCall AsOne(List<StationCall> chain)
    {
        var calls = chain.Select(each => each.Order.Start).Distinct().Select(at => chain.FindAll(each =>
                each.Order.Start <= at && at < Instant.Min(each.Order.End, each.Order.WithdrawnAt ?? Instant.MaxValue)))
            .MaxBy(held => held.SelectMany(each => each.Targets).GroupBy(target => target.Point)
                .Sum(same => same.Max(target => target.QuantityMilliwatts)))!;
        if (calls.Count == 1) return calls[0];
        var counting = calls.SelectMany(call => call.Targets.Select(target => (Call: call, Target: target)))
            .Where(each => each.Target.Ordered > Energy.Zero).GroupBy(each => each.Target.Point)
            .Select(same => same.MaxBy(each => each.Target.QuantityMilliwatts)).ToList();
        var parts = counting.GroupBy(each => each.Call)
            .Select(part => (part.Key with { Targets = [.. part.Select(each => each.Target)] }).Sample()).ToList();
        return calls[0] with
        {
            Targets = [.. counting.Select(each => each.Target)],
            Connected = Connections(counting.Select(each => each.Target)),
            Call = new(parts.Sum(part => part.OrderedMilliwatts), parts.Sum(part => part.DeliveredMilliwatts),
                parts.Sum(part => part.UncertaintyMilliwatts),
                parts.Exists(part => part.DelayMicroseconds is null) ? null : parts.Max(part => part.DelayMicroseconds),
                parts.Exists(part => part.RampKwPerSecond is null) ? null : parts.Min(part => part.RampKwPerSecond)),
        };
    }

    private static int? Connections(IEnumerable<TargetRow> targets) => targets.Select(IsConnected).Aggregate((int?)0,
        (sum, connected) => connected is { } known ? sum + (known ? 1 : 0) : null);

    /// <summary>By the charging state at the start of the call, and where none is known by a fact that excuses it. That
    /// no fact denies it makes nobody a vehicle.</summary>
    private static bool? IsConnected(TargetRow target) =>
        target.Connection.AtStart ?? (target.Supported.Contains(ShortfallReason.NoVehicle) ? false : null);

    /// <param name="targets">Those of one station, at least one.</param>
    /// <param name="known">An instant that had come when the last of these facts was recorded.</param>
    /// <param name="isNotOver">Whether it is read before its end.</param>
    public static StationCall Of(
        InstructionRow order, IReadOnlyList<TargetRow> targets, DateTimeZone zone, Instant known,
        bool isNotOver = false)
    {
        var local = order.Start.InZone(zone).LocalDateTime;
        var ten = Last(order, targets, InstructionClock.TenPercent);
        var ninety = Last(order, targets, InstructionClock.NinetyPercent);
        var whyNot = WhyNoSample(order, targets, known, isNotOver);
        var call = new StationCall(
            order, targets, ((int)local.DayOfWeek - 1) * 24 + local.Hour,
            Connections(targets), null, whyNot, ten, ninety, null);
        return call with
        {
            Call = whyNot is null ? call.Sample() : null,
            Test = order.Test is not { } rule ? null : isNotOver ? TestOutcome.NotOverYet : call.Outcome(rule),
        };
    }

    private static string? WhyNoSample(
        InstructionRow order, IReadOnlyList<TargetRow> targets, Instant known, bool isNotOver) =>
        order.Kind == InstructionKind.Curtail ? "a cap has no delivery without a baseline"
        : targets.All(target => target.Ordered == Energy.Zero) ? "withdrawn, or ended by its ramp, before it was judged"
        : isNotOver ? CallTime.NotOverYet
        : targets.Any(target => target.Verdict == ComplianceVerdict.Unproven) && known < order.End + EvidenceWithin
            ? "not proven, and its evidence may still come"
        : null;

    /// <summary>
    /// The mean power over the judged time, rounded down; time without data has delivered nothing. Targets that a fact
    /// excuses count all the same: an excuse is no kilowatt.
    /// </summary>
    private DispatchCall Sample()
    {
        // Every target is judged over the same time, so a power is to its energy as what was ordered is to its energy:
        // also over less than a microsecond, and of as many targets as there may be, whose product is of any size.
        var (ordered, energy) = (Targets.Sum(target => target.QuantityMilliwatts), (BigInteger)Ordered.HalfNanojoules);
        var uncertainty = Targets.Aggregate(Energy.Zero, (sum, target) => sum + Uncertainty(target));
        return new(ordered, (long)(ordered * (BigInteger)Delivered.HalfNanojoules / energy),
            (long)((ordered * (BigInteger)uncertainty.HalfNanojoules + energy - 1) / energy),
            Delay is { } delay ? (long)(delay.ToInt64Nanoseconds() / 1000) : null, Ramp());
    }

    /// <summary>
    /// What of the delivered energy the measurement does not prove: the deficiency may be as large as its upper bound,
    /// which a gap within a record is in, and time without a record, which has no bound, has delivered nothing.
    /// </summary>
    private static Energy Uncertainty(TargetRow target)
    {
        // mW times µs are nanojoules, and energy counts halves of them.
        var unrecorded = new Energy((Int128)target.QuantityMilliwatts
            * (target.UnrecordedMicroseconds ?? target.UnmeasuredMicroseconds) * 2);
        return Energy.Min(target.Delivered,
            Energy.Max(Energy.Zero, target.Delivered + target.Bounds.Upper + unrecorded - target.Ordered));
    }

    /// <summary>From 10 % at the first target to 90 % at the last one, in kW/s;
    /// the slowest reading of the clocks.</summary>
    private decimal? Ramp()
    {
        if (NinetyPercentAfter is not { } ninety || Delay is null) return null;
        var moving = Moving(Targets).ToList();
        var from = moving.Min(target => At(target, InstructionClock.TenPercent)!.Value) - Order.Start;
        if (ninety <= from) return null;
        var seconds = (ninety - from).ToInt64Nanoseconds() / 1_000_000_000m;
        return 0.8m * new Power(moving.Sum(target => target.QuantityMilliwatts)).Kilowatts / seconds;
    }

    private TestOutcome Outcome(TestRule rule)
    {
        if (WhyNot is not null || Targets.Any(target => target.Verdict == ComplianceVerdict.Unproven))
            return TestOutcome.Unproven;
        if (Delivered.HalfNanojoules * 1000 < Ordered.HalfNanojoules * rule.DeliveredPermilleMin
            || NinetyPercentAfter > Duration.FromMilliseconds(rule.T90MsMax)) return TestOutcome.Failed;
        return NinetyPercentAfter is null ? TestOutcome.Unproven : TestOutcome.Passed;
    }

    /// <summary>When the last target that had to move reached a clock, after the start;
    /// null unless all of them did.</summary>
    private static Duration? Last(InstructionRow order, IReadOnlyList<TargetRow> targets, InstructionClock clock)
    {
        var moved = Moving(targets).Select(target => At(target, clock)).ToList();
        return moved.Count == 0 || moved.Contains(null) ? null : moved.Max() - order.Start;
    }

    private static IEnumerable<TargetRow> Moving(IReadOnlyList<TargetRow> targets) =>
        targets.Where(target => target.Verdict != ComplianceVerdict.Excused);

    private static Instant? At(TargetRow target, InstructionClock clock) =>
        target.Clocks.FirstOrDefault(row => row.Clock == clock)?.At;
}
