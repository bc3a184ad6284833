using NodaTime;

namespace Ledger.Domain;

/// <summary>A stay as far as the charger has said, with the facts that say it.</summary>
/// <param name="Time">From the arrival to the departure, or to the end of what is looked at.</param>
/// <param name="Departed">Null while the vehicle stands there.</param>
public sealed record StandingStay(
    Interval Time, Positioned<ChargingStateRecorded> Arrived, Positioned<ChargingStateRecorded>? Departed);

/// <summary>
/// Stays as sessions of a bill. A session is counted where it began. A vehicle parks while it is connected and nothing
/// flows in either direction, by the settled energy of each settlement period: a curve within it says no more, because
/// it is the settled energy that is billed. The parking of a stay across the beginning of a month is of both months.
/// </summary>
public static class BilledStays
{
    /// <summary>The stays of a point until an instant, in order. Two sources may speak at once; the order of their
    /// names decides.</summary>
    public static IReadOnlyList<StandingStay> Standing(
        IEnumerable<Positioned<ChargingStateRecorded>> states, Instant until)
    {
        var stays = new List<StandingStay>();
        Positioned<ChargingStateRecorded>? arrived = null;
        foreach (var state in states.Where(state => state.Fact.At < until).OrderBy(state => state.Fact.At)
            .ThenBy(state => state.Fact.Source, StringComparer.Ordinal))
        {
            if (state.Fact.Connected)
            {
                arrived ??= state;
                continue;
            }
            if (arrived is not null && state.Fact.At > arrived.Fact.At)
                stays.Add(new(new(arrived.Fact.At, state.Fact.At), arrived, state));
            arrived = null;
        }
        if (arrived is not null) stays.Add(new(new(arrived.Fact.At, until), arrived, null));
        return stays;
    }

    /// <param name="loads">What is billed, in order and without holes that are known.</param>
    internal static IReadOnlyList<BillSession> Of(IReadOnlyList<Interval> stays, IReadOnlyList<BillLoad> loads)
    {
        var (from, until) = (loads[0].Period.Start, loads[^1].Period.End);
        return [.. stays.Where(stay => stay.Start < until && stay.End > from).Select(stay =>
        {
            var covers = new Interval(Instant.Max(stay.Start, from), Instant.Min(stay.End, until));
            return new BillSession(covers.Start, Parked(covers, loads), stay.Start < from);
        })];
    }

    /// <summary>Whole seconds in which nothing flowed; null where of any of it nobody knows.</summary>
    private static long? Parked(Interval stay, IReadOnlyList<BillLoad> loads)
    {
        var (parked, reached) = (Duration.Zero, stay.Start);
        foreach (var load in loads)
        {
            if (load.Period.End <= stay.Start || load.Period.Start >= stay.End) continue;
            if (load.Period.Start > reached || load.Import is null || load.Export is null) return null;
            var end = Instant.Min(load.Period.End, stay.End);
            if (load.Import == Energy.Zero && load.Export == Energy.Zero) parked += end - reached;
            reached = end;
        }
        return reached >= stay.End ? parked.ToInt64Nanoseconds() / NodaConstants.NanosecondsPerSecond : null;
    }
}
