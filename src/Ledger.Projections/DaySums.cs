using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Projections;

/// <summary>What one direction of a day adds up to, before anything is decided from it.</summary>
internal readonly record struct SideSums(
    Energy Curve, Energy Suspect, RegisterCount Register, Energy StartDoubt, Energy EndDoubt)
{
    public static SideSums Of(SideRow? side) => side is null
        ? new(Energy.Zero, Energy.Zero, RegisterCount.NotRead, Energy.Zero, Energy.Zero)
        : new(side.Curve, side.Suspect, new(side.Register, side.RegisterStep, side.RegisterProblem), side.StartDoubt,
            side.EndDoubt);
}

/// <summary>
/// What a day of a point adds up to: its row without all that is decided from the sums, so that a row is made once for
/// a fact however many of them change.
/// </summary>
internal readonly record struct DaySums(int Periods, long CoveredMicroseconds, SideSums Export, SideSums Import)
{
    /// <summary>Of a day as it stands; null where nothing is known of it yet.</summary>
    public static DaySums Of(DayRow? day) => new(
        day?.Periods ?? 0, day?.CoveredMicroseconds ?? 0, SideSums.Of(day?.Export), SideSums.Of(day?.Import));

    /// <summary>With a period in place of its version before.</summary>
    /// <param name="counted">The version before; null where none was counted.</param>
    /// <param name="counts">The period; null where it does not count.</param>
    /// <param name="now">The period, whether or not it counts.</param>
    public DaySums Replaced(PeriodRow? counted, PeriodRow? counts, PeriodRow now, Interval day) => new(
        Periods + (counts is null ? 0 : 1) - (counted is null ? 0 : 1),
        CoveredMicroseconds + (counts?.CoveredMicroseconds ?? 0) - (counted?.CoveredMicroseconds ?? 0),
        Replaced(Export, Direction.Export, counted, counts, now, day),
        Replaced(Import, Direction.Import, counted, counts, now, day));

    private static SideSums Replaced(
        in SideSums sums, Direction direction, PeriodRow? counted, PeriodRow? counts, PeriodRow now, Interval day) =>
        new(sums.Curve + VerifiedExport.Of(counts, direction) - VerifiedExport.Of(counted, direction),
            sums.Suspect + Doubtful(counts, direction) - Doubtful(counted, direction), sums.Register,
            now.Start == day.Start ? ClockDoubt(now, direction) : sums.StartDoubt,
            now.End == day.End ? ClockDoubt(now, direction) : sums.EndDoubt);

    private static Energy Doubtful(PeriodRow? period, Direction direction) =>
        period?.Quality == ReadingQuality.Suspect ? VerifiedExport.Of(period, direction) : Energy.Zero;
}
