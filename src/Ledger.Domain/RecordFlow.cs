using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>
/// The energy of one direction in an interval record, and how much of it may lie in a part of the record's time. A
/// record says how much flowed and between which powers, never when: in a part lies what is left of the energy after
/// the time beside it was at its highest power, and no less than the lowest power gives there; at most what the highest
/// power gives there, and no more than the lowest power beside it leaves (arithmetic of the record alone, exact).
/// </summary>
/// <param name="Lowest">The least power of the direction at any measured time, never negative.</param>
/// <param name="Highest">The most.</param>
internal readonly record struct RecordFlow(IntervalRecorded Record, Energy Energy, Power Lowest, Power Highest)
{
    public static RecordFlow Import(IntervalRecorded record) =>
        new(record, record.Import, AtLeastZero(record.Minimum), AtLeastZero(record.Maximum));

    public static RecordFlow Export(IntervalRecorded record) =>
        new(record, record.Export, AtLeastZero(-record.Maximum), AtLeastZero(-record.Minimum));

    /// <summary>Both are the whole energy where nothing is measured beside the part.</summary>
    public EnergyBounds Within(Interval part)
    {
        var beside = Measured(Without([Record.Period], [part]));
        if (beside == Duration.Zero) return new(Energy, Energy);
        var inside = Measured(Inside([Record.Period], part));
        var lower = Energy.Max(Energy - EnergyOver(Highest, beside), EnergyOver(Lowest, inside));
        var upper = Energy.Min(Energy - EnergyOver(Lowest, beside), EnergyOver(Highest, inside));
        return new(lower, Energy.Max(lower, upper));
    }

    private Duration Measured(IEnumerable<Interval> parts) =>
        Length(Without(parts, Record.Gaps.Select(gap => gap.Missing)));

    private static Power AtLeastZero(Power power) => power > Power.Zero ? power : Power.Zero;
}
