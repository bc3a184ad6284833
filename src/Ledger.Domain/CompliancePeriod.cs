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
/// <param name="Bounds">Of the excess, or of the deficiency.</param>
internal sealed record JudgedPeriod(
    bool Kept, bool Failed, bool FailedUnexcused, bool Doubtful, IReadOnlyList<Interval> OpenGaps,
    IReadOnlyList<Interval> OwedGaps, Energy Uncertainty, Energy Excess, Energy Delivered, Energy Short,
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

    public JudgedPeriod Judge(IntervalRecorded record) =>
        order.Kind == InstructionKind.Curtail ? Curtailment(record) : Export(record);

    /// <summary>
    /// Import above cap and tolerance. Where the record reaches outside the window, or into excused time, the energy
    /// there is taken at the record's highest power, in the target's favour.
    /// </summary>
    private JudgedPeriod Curtailment(IntervalRecorded record)
    {
        var (inside, gaps) = Parts(record);
        var highest = record.Maximum > Power.Zero ? record.Maximum : Power.Zero;
        var limit = target.Quantity + order.Tolerance;
        var owedGaps = Without(gaps, excused);
        var bound = Length(Without([inside], excused));
        var all = Over(inside.Duration, gaps);
        var owed = Over(bound, owedGaps);
        var kept = all.Upper <= Energy.Zero && (gaps.Count == 0 || rated is not null);
        var failedUnexcused = all.Lower > Energy.Zero && owed.Lower > Energy.Zero && bound > Duration.Zero;
        var open = kept ? [] : gaps;
        return new(kept, all.Lower > Energy.Zero, failedUnexcused,
            !kept && !failedUnexcused && bound > Duration.Zero && owed.UpperMeasured > Energy.Zero, open,
            kept || (owed.Upper <= Energy.Zero && rated is not null) ? [] : owedGaps, owed.Uncertainty,
            Energy.Max(all.Point, Energy.Zero), Energy.Zero, Energy.Zero, Energy.Zero,
            new(Energy.Max(all.Lower, Energy.Zero), Energy.Max(all.Upper, Energy.Zero)));

        Excess Over(Duration time, IReadOnlyList<Interval> missing)
        {
            var import = record.Import - EnergyOver(highest, record.Period.Duration - time);
            var uncertainty = import > Energy.Zero ? Uncertainty(record, import, highest) : Energy.Zero;
            var hidden = EnergyOver(rated ?? highest, Length(missing));
            var point = import - EnergyOver(limit, time);
            return new(point, point - uncertainty, point + uncertainty, point + uncertainty + hidden, uncertainty);
        }
    }

    private readonly record struct Excess(
        Energy Point, Energy Lower, Energy UpperMeasured, Energy Upper, Energy Uncertainty);

    /// <summary>
    /// Export below the order. It is owed for measured time, less what a vehicle's own limit takes from it; a gap could
    /// only have added to it, so a record that suffices without its gaps is kept.
    /// </summary>
    private JudgedPeriod Export(IntervalRecorded record)
    {
        var (inside, gaps) = Parts(record);
        var measured = Without([inside], gaps);
        var (bound, owedGaps) = (Without(measured, excused), Without(gaps, excused));
        var due = EnergyOver(target.Quantity, Length(measured));
        var delivered = Energy.Min(record.Export, due);
        var owed = Owed(bound);
        var unexcused = Energy.Max(owed - delivered, Energy.Zero);
        var uncertainty = Uncertainty(record, record.Export, record.Minimum < Power.Zero
            ? -record.Minimum : Power.Zero);
        var (least, most) = (Energy.Max(record.Export - uncertainty, Energy.Zero), record.Export + uncertainty);

        var kept = Enough(Owed([inside]), least, inside.Duration);
        var failed = !Enough(Owed(measured), most, Length(measured));
        var failedUnexcused = failed && !Enough(owed, most, Length(bound));
        var doubtful = !kept && !failedUnexcused && bound.Count > 0 && !Enough(owed, least, Length(bound));
        List<Interval> whole = [.. bound, .. owedGaps];
        var harmless = kept || Enough(Owed(whole), least, Length(whole));
        return new(kept, failed, failedUnexcused, doubtful, kept ? [] : gaps, harmless ? [] : owedGaps, uncertainty,
            Energy.Zero, delivered, due - delivered, due - delivered - unexcused,
            new(Energy.Max(due - most, Energy.Zero),
                Energy.Max(EnergyOver(target.Quantity, inside.Duration) - least, Energy.Zero)));
    }

    private bool Enough(Energy owed, Energy exported, Duration time) =>
        owed - exported <= EnergyOver(order.Tolerance, time);

    private Energy Owed(IReadOnlyList<Interval> parts) => limits.Aggregate(
        EnergyOver(target.Quantity, Length(parts)),
        (owed, limit) => owed - EnergyOver(
            target.Quantity - limit.Limit!.Value, Length(Inside(parts, limit.Period))));

    private (Interval Inside, List<Interval> Gaps) Parts(IntervalRecorded record)
    {
        var inside = Within(record.Period, window)!.Value;
        return (inside, Inside(record.Gaps.Select(gap => gap.Missing), inside));
    }

    private static Energy Uncertainty(IntervalRecorded record, Energy energy, Power highest) =>
        RegisterCheck.AssumedCurveClass.Of(energy)
        + RegisterCheck.Clock(highest, Duration.FromTicks(record.ClockOffsetMicroseconds * 10)) * 2;
}
