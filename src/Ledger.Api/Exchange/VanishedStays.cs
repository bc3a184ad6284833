using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>A charge that stands, of a stay as it was known when its record was issued.</summary>
public sealed record BilledStay(SettlementPointId Point, Instant Start, Instant End, string Record);

/// <summary>
/// Stays of which a record stands and that are none any more, as where another source says that no vehicle was there:
/// nothing is proven of them, so what was billed is taken back. A record of which a stay has another arrival or end now
/// is that stay's.
/// </summary>
public static class VanishedStays
{
    private const string Why = "no vehicle stood there then, by what is known now";

    /// <summary>A record says its times to the millisecond, and its id is made of the exact arrival.</summary>
    private static readonly Duration Said = Duration.FromMilliseconds(1);

    /// <summary>Those at an account's points that ended on a day; records that are none of ours are passed over.
    /// </summary>
    /// <param name="billed">The charges that stand of stays at a point that ended in a time.</param>
    public static IEnumerable<MeteredSession> Of(Answers answers, PartyId account, LocalDate day,
        Func<SettlementPointId, Interval, IEnumerable<BilledStay>> billed)
    {
        foreach (var point in answers.PointsOf(account))
        {
            if (answers.PointOn(point, day) is not { } known || known.Owner != account.Value) continue;
            var edges = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[known.Zone], day);
            foreach (var arrival in billed(point, edges).Select(of => Vanished(answers, of)).OfType<ChargingSession>()
                .DistinctBy(stay => stay.Start))
                yield return new(arrival, Energy.Zero, Energy.Zero, [], "", [], Why);
        }
    }

    /// <summary>The stay by its record; null where a stay has its arrival, and where the record is none of ours.
    /// </summary>
    private static ChargingSession? Vanished(Answers answers, BilledStay billed)
    {
        var states = answers.ChargingStates(billed.Point, new(
            billed.Start - Duration.FromDays(SessionRequests.StayDaysMax), billed.Start + Said));
        var arrivals = states.Where(state => state.Connected && state.At >= billed.Start).Select(state => state.At)
            .Prepend(billed.Start);
        foreach (var arrival in arrivals)
        {
            var stay = new ChargingSession(billed.Point, arrival, billed.End, false);
            if (string.Equals(OcpiRecords.IdsOf(stay).First(), OcpiRecords.SessionOf(billed.Record),
                StringComparison.OrdinalIgnoreCase))
                return ChargingSessions.Of(billed.Point, states).Any(known => known.Connected.Contains(arrival))
                    ? null : stay;
        }
        return null;
    }
}
