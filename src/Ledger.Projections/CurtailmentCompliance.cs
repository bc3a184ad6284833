using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What is known of each instruction at each of its targets: the clocks, the energy ordered, delivered, deficient or
/// in excess over the settlement periods that lie wholly inside the instruction, and the reasons, supported by
/// recorded facts apart from merely claimed ones. Facts may come in any order; the row is the same. The verdict is
/// the domain's to give, from these figures.
/// </summary>
public sealed class CurtailmentCompliance : IProjection
{
    public sealed record ClockRow(InstructionClock Clock, Instant At, string Source);
    public sealed record PeriodRow(
        Instant Start, Instant End, int Version, Energy Import, Energy Export, long MaximumMilliwatts,
        long CoveredMicroseconds);
    public sealed record FactRow(Instant Start, Instant End, ShortfallReason Reason, string Source);
    public sealed record OrderRow(string Instruction, Instant Start, Instant End);
    /// <param name="Ordered">Export: ordered energy. Curtail: the cap times the time.</param>
    /// <param name="Delivered">Export: exported up to what was ordered. Curtail: zero, a cap has no delivery.</param>
    /// <param name="Excess">Curtail: imported above the cap, period by period. Export: zero.</param>
    /// <param name="UncoveredMicroseconds">Time of the instruction that no counted curve covers.</param>
    public sealed record TargetRow(
        string Instruction, string Point, InstructionKind Kind, string IssuedBy, Instant IssuedAt, Instant Start,
        Instant End, Instant? WithdrawnAt, long QuantityMilliwatts, long ToleranceMilliwatts, decimal PricePerKwh,
        decimal PenaltyPerKwh, IReadOnlyList<ClockRow> Clocks, IReadOnlyList<ShortfallReason> Claimed,
        IReadOnlyList<ShortfallReason> Supported, int PeriodsCounted, Energy Ordered, Energy Delivered,
        Energy Deficiency, Energy Excess, string DeliveredKwh, string DeficiencyKwh, string ExcessKwh,
        long UncoveredMicroseconds);

    public string Name => "CurtailmentCompliance";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(DispatchInstructed), typeof(InstructionClockRecorded), typeof(InstructionWithdrawn),
        typeof(ChargingFactRecorded), typeof(ReasonClaimed), typeof(IntervalRecorded),
    };
    public IReadOnlySet<Type> Ignored { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(RegisterReadingRecorded),
        typeof(RegisterReadingQuarantined), typeof(IntervalReadingRecorded), typeof(TariffPublished),
        typeof(TariffAssigned), typeof(SettlementRunCompleted), typeof(EvidenceRefused), typeof(EvidenceKept),
        typeof(ClockSteppedBack), typeof(JournalRecovered),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, LedgerEvent happened, long position) => happened switch
    {
        DispatchInstructed e => Instruct(rows, e),
        IntervalRecorded e => Record(rows, e),
        ChargingFactRecorded e => Observe(rows, e),
        InstructionWithdrawn e => [.. rows.Range($"target|{e.Instruction}|", $"target|{e.Instruction}|~")
            .Select(row => RowJson.Read<TargetRow>(row.Json)!)
            .Select(target => Assess(rows, target with { WithdrawnAt = e.At }))],
        InstructionClockRecorded e => Amend(rows, e.Instruction, e.Point, target => target with
        {
            Clocks = [.. target.Clocks.Append(new ClockRow(e.Clock, e.At, e.Source))
                .OrderBy(clock => clock.Clock).ThenBy(clock => clock.At)],
        }),
        ReasonClaimed e => Amend(rows, e.Instruction, e.Point, target => target with
        {
            Claimed = [.. target.Claimed.Append(e.Reason).Distinct().Order()],
        }),
        _ => [],
    };

    private static List<RowChange> Instruct(IRows rows, DispatchInstructed e)
    {
        var changes = new List<RowChange>();
        foreach (var aim in e.Targets)
        {
            var (start, end) = (e.Period.Start, e.Period.End);
            changes.Add(new($"order|{aim.Point}|{RowJson.Key(end)}|{e.Instruction}",
                RowJson.Write(new OrderRow(e.Instruction.Value, start, end))));
            changes.Add(Assess(rows, new TargetRow(
                e.Instruction.Value, aim.Point.Value, e.Kind, e.IssuedBy.Value, e.IssuedAt, start, end, null,
                aim.Quantity.Milliwatts, e.Tolerance.Milliwatts, e.PricePerKwh, e.PenaltyPerKwh, [], [], [], 0,
                Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, "", "", "", 0)));
        }
        return changes;
    }

    private static List<RowChange> Record(IRows rows, IntervalRecorded e)
    {
        var key = $"period|{e.Point}|{RowJson.Key(e.Period.Start)}";
        if (RowJson.Read<PeriodRow>(rows.Get(key)) is { } before && before.Version >= e.Version) return [];
        var next = new WorkingRows(rows);
        var changes = new List<RowChange>(next.Accept([new(key, RowJson.Write(new PeriodRow(
            e.Period.Start, e.Period.End, e.Version, e.Import, e.Export, e.Maximum.Milliwatts, e.CoveredMicroseconds)))]));
        changes.AddRange(Touched(next, e.Point, e.Period));
        return changes;
    }

    private static List<RowChange> Observe(IRows rows, ChargingFactRecorded e)
    {
        var next = new WorkingRows(rows);
        var key = $"fact|{e.Point}|{RowJson.Key(e.Period.Start)}|{RowJson.Key(e.Period.End)}|{e.Reason}|{e.Source}";
        var changes = new List<RowChange>(next.Accept([new(key, RowJson.Write(new FactRow(
            e.Period.Start, e.Period.End, e.Reason, e.Source)))]));
        changes.AddRange(Touched(next, e.Point, e.Period));
        return changes;
    }

    // Orders are keyed by their end, so that those long past are not read.
    private static IEnumerable<RowChange> Touched(IRows rows, SettlementPointId point, Interval when) =>
        rows.Range($"order|{point}|{RowJson.Key(when.Start)}", $"order|{point}|~")
            .Select(row => RowJson.Read<OrderRow>(row.Json)!)
            .Where(order => order.Start < when.End && when.Start < order.End)
            .SelectMany(order => Amend(rows, new InstructionId(order.Instruction), point, target => target));

    private static IReadOnlyList<RowChange> Amend(
        IRows rows, InstructionId instruction, SettlementPointId point, Func<TargetRow, TargetRow> amend) =>
        RowJson.Read<TargetRow>(rows.Get($"target|{instruction}|{point}")) is { } target
            ? [Assess(rows, amend(target))]
            : throw new InvalidOperationException($"{point} is no target of instruction {instruction}");

    /// <summary>Computes the figures anew from the periods and facts inside the instruction, up to its withdrawal.</summary>
    private static RowChange Assess(IRows rows, TargetRow target)
    {
        var end = target.WithdrawnAt is { } at && at < target.End ? Max(at, target.Start) : target.End;
        var (ordered, delivered, excess, covered, counted) = (Energy.Zero, Energy.Zero, Energy.Zero, 0L, 0);
        foreach (var row in rows.Range(
            $"period|{target.Point}|{RowJson.Key(target.Start)}", $"period|{target.Point}|{RowJson.Key(end)}"))
        {
            var period = RowJson.Read<PeriodRow>(row.Json)!;
            if (period.End > end) continue;
            // Half nanojoules: milliwatts times microseconds, doubled.
            var asked = new Energy((Int128)target.QuantityMilliwatts * Microseconds(period.Start, period.End) * 2);
            ordered += asked;
            if (target.Kind == InstructionKind.Export) delivered += Energy.Min(period.Export, asked);
            else excess += Energy.Max(period.Import - asked, Energy.Zero);
            covered += period.CoveredMicroseconds;
            counted++;
        }
        var supported = rows.Range($"fact|{target.Point}|", $"fact|{target.Point}|{RowJson.Key(end)}")
            .Select(row => RowJson.Read<FactRow>(row.Json)!)
            .Where(fact => fact.Start < end && fact.End > target.Start).Select(fact => fact.Reason).Distinct().Order();
        var deficiency = target.Kind == InstructionKind.Export ? ordered - delivered : Energy.Zero;
        return new($"target|{target.Instruction}|{target.Point}", RowJson.Write(target with
        {
            Supported = [.. supported], PeriodsCounted = counted, Ordered = ordered, Delivered = delivered,
            Deficiency = deficiency, Excess = excess, DeliveredKwh = delivered.ToKwh(),
            DeficiencyKwh = deficiency.ToKwh(), ExcessKwh = excess.ToKwh(),
            UncoveredMicroseconds = Math.Max(0, Microseconds(target.Start, end) - covered),
        }));
    }

    private static long Microseconds(Instant start, Instant end) => (end - start).ToInt64Nanoseconds() / 1000;
    private static Instant Max(Instant a, Instant b) => a > b ? a : b;
}
