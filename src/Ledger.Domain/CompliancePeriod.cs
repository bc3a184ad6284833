using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>Between which bounds an energy lies, after what its measurement may be wrong by.</summary>
public sealed record EnergyBounds(Energy Lower, Energy Upper)
{
    public static readonly EnergyBounds Zero = new(Energy.Zero, Energy.Zero);

    public EnergyBounds Plus(EnergyBounds other) => new(Lower + other.Lower, Upper + other.Upper);
}

/// <summary>One interval record against its order.</summary>
/// <param name="Kept">Kept even if all that cannot be known went against the target.</param>
/// <param name="Failed">Failed even if the measurement is wrong by all that it may be.</param>
/// <param name="FailedUnexcused">The same over the time that nothing excuses.</param>
/// <param name="Doubtful">Over that time, neither: the result lies within the measurement's uncertainty.</param>
/// <param name="OpenGaps">Gaps that decide, because what may have flowed there could change the result.</param>
/// <param name="OwedGaps">The same in time that nothing excuses.</param>
/// <param name="Beside">How much of its energy flowed either in the judged time or beside it; zero where the record
/// reaches no further.</param>
/// <param name="Bounds">Of the excess, or of the deficiency.</param>
internal sealed record JudgedPeriod(
    bool Kept, bool Failed, bool FailedUnexcused, bool Doubtful, IReadOnlyList<Interval> OpenGaps,
    IReadOnlyList<Interval> OwedGaps, Energy Uncertainty, Energy Beside, Energy Excess, Energy Delivered, Energy Short,
    Energy ShortExcused, EnergyBounds Bounds);

/// <summary>
/// One target's order over its judged window, and what excuses it there. A result is proven only if it holds after the
/// measurement's uncertainty (guard band, market rules §2.4, §2.5): the class of the curve, the clock offset over the
/// record's highest power at both edges, and, in a gap, anything between nothing and the point's rated power.
/// </summary>
internal sealed class CompliancePeriod(
    DispatchInstructed order, InstructionTarget target, Interval window, IReadOnlyList<Excuse> excuses, Power? rated)
{
    private readonly List<Interval> excused =
        [.. excuses.Where(excuse => excuse.Limit is null).Select(excuse => excuse.Period)];

    private readonly List<Excuse> limits = [.. excuses.Where(excuse => excuse.Limit is not null)];

    /// <summary>All the time that the order holds, its ramp too.</summary>
    private readonly Interval held = new(Instant.Min(order.Period.Start, window.End), window.End);

    public JudgedPeriod Judge(IntervalRecorded record) =>
        order.Kind == InstructionKind.Curtail ? Curtailment(record) : Export(record);

    /// <summary>
    /// Import above cap and tolerance. A record does not say when its energy flowed: in excused time it is taken at the
    /// record's highest power, in the target's favour; what may have flowed beside the judged time counts neither for
    /// a breach nor for a kept order. A cap that is kept over all the time that the order holds, its ramp too, is kept:
    /// an allowance takes nothing from who needs none.
    /// </summary>
    private JudgedPeriod Curtailment(IntervalRecorded record)
    {
        var (inside, gaps) = Parts(record, window);
        var (owedTime, owedGaps) = (Without([inside], excused), Without(gaps, excused));
        var (bound, import) = (Length(owedTime), RecordFlow.Import(record));
        var within = import.Within(inside);
        var inExcused = EnergyOver(import.Highest, Length(Without(Without([inside], owedTime), gaps)));
        var all = Over(record, within, inside.Duration, gaps);
        var owed = Over(record, new(within.Lower - inExcused, within.Upper - inExcused), bound, owedGaps);
        var kept = Keeps(record, window) || (held != window && Keeps(record, held));
        var failedUnexcused = all.Lower > Energy.Zero && owed.Lower > Energy.Zero && bound > Duration.Zero;
        return new(kept, all.Lower > Energy.Zero, failedUnexcused,
            !kept && !failedUnexcused && bound > Duration.Zero && owed.UpperMeasured > Energy.Zero, kept ? [] : gaps,
            kept || (owed.Upper <= Energy.Zero && rated is not null) ? [] : owedGaps, owed.Uncertainty,
            within.Upper - within.Lower, Energy.Max(all.Point, Energy.Zero), Energy.Zero, Energy.Zero, Energy.Zero,
            new(Energy.Max(all.Lower, Energy.Zero), kept ? Energy.Zero : Energy.Max(all.Upper, Energy.Zero)));
    }

    /// <summary>Whether nothing above cap and tolerance can have flowed in a part of the order's time.</summary>
    private bool Keeps(IntervalRecorded record, Interval part)
    {
        var (inside, gaps) = Parts(record, part);
        return (gaps.Count == 0 || rated is not null) && Over(
            record, RecordFlow.Import(record).Within(inside), inside.Duration, gaps).Upper <= Energy.Zero;
    }

    private Excess Over(IntervalRecorded record, EnergyBounds import, Duration time, IReadOnlyList<Interval> missing)
    {
        var highest = RecordFlow.Import(record).Highest;
        var allowed = EnergyOver(target.Quantity + order.Tolerance, time);
        var upper = import.Upper + Doubt(import.Upper) - allowed;
        return new(import.Lower - allowed, import.Lower - Doubt(import.Lower) - allowed, upper,
            upper + EnergyOver(rated ?? highest, Length(missing)), Doubt(import.Lower));

        Energy Doubt(Energy energy) => energy > Energy.Zero ? Uncertainty(record, energy, highest) : Energy.Zero;
    }

    private readonly record struct Excess(
        Energy Point, Energy Lower, Energy UpperMeasured, Energy Upper, Energy Uncertainty);

    /// <summary>
    /// Export below the order. It is owed for measured time, less what a vehicle's own limit takes from it; a gap could
    /// only have added to it, so a record that suffices without its gaps is kept. All that was exported while the order
    /// held was ordered, so it counts in the ramp too, in which nothing is owed; what may have been exported before
    /// the order or after it counts for nothing but against a breach. What was imported in the judged time is taken
    /// off: power is what flows out less what flows in (market rules §2.2).
    /// </summary>
    private JudgedPeriod Export(IntervalRecorded record)
    {
        var (inside, gaps) = Parts(record, window);
        var measured = Without([inside], gaps);
        var (bound, owedGaps) = (Without(measured, excused), Without(gaps, excused));
        var due = EnergyOver(target.Quantity, Length(measured));
        var export = RecordFlow.Export(record);
        var (within, back) = (export.Within(held), RecordFlow.Import(record).Within(inside));
        var delivered = Energy.Min(Energy.Max(within.Upper - back.Lower, Energy.Zero), due);
        var owed = Owed(bound);
        var unexcused = Energy.Max(owed - delivered, Energy.Zero);
        var uncertainty = Uncertainty(record, within.Upper, export.Highest) + (back.Upper == Energy.Zero ? Energy.Zero
            : Uncertainty(record, back.Upper, RecordFlow.Import(record).Highest));
        var least = Energy.Max(within.Lower - back.Upper - uncertainty, Energy.Zero);
        var most = Energy.Max(within.Upper - back.Lower + uncertainty, Energy.Zero);

        var kept = Enough(Owed([inside]), least, inside.Duration);
        var failed = !Enough(Owed(measured), most, Length(measured));
        var failedUnexcused = failed && !Enough(owed, most, Length(bound));
        var doubtful = !kept && !failedUnexcused && bound.Count > 0 && !Enough(owed, least, Length(bound));
        List<Interval> whole = [.. bound, .. owedGaps];
        var harmless = kept || Enough(Owed(whole), least, Length(whole));
        return new(kept, failed, failedUnexcused, doubtful, kept ? [] : gaps, harmless ? [] : owedGaps, uncertainty,
            within.Upper - within.Lower + (back.Upper - back.Lower), Energy.Zero, delivered, due - delivered,
            due - delivered - unexcused,
            new(Energy.Max(due - most, Energy.Zero),
                Energy.Max(EnergyOver(target.Quantity, inside.Duration) - least, Energy.Zero)));
    }

    private bool Enough(Energy owed, Energy exported, Duration time) =>
        owed - exported <= EnergyOver(order.Tolerance, time);

    private Energy Owed(IReadOnlyList<Interval> parts) => limits.Aggregate(
        EnergyOver(target.Quantity, Length(parts)),
        (owed, limit) => owed - EnergyOver(
            target.Quantity - limit.Limit!.Value, Length(Inside(parts, limit.Period))));

    private static (Interval Inside, List<Interval> Gaps) Parts(IntervalRecorded record, Interval part)
    {
        var inside = Within(record.Period, part)!.Value;
        return (inside, Inside(record.Gaps.Select(gap => gap.Missing), inside));
    }

    internal static Energy Uncertainty(IntervalRecorded record, Energy energy, Power highest) =>
        RegisterCheck.AssumedCurveClass.Of(energy)
        + RegisterCheck.Clock(highest, Duration.FromTicks(record.ClockOffsetMicroseconds * 10)) * 2;
}
