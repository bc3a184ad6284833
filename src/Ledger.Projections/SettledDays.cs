using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// On which days an account had lines of a point, each as that day itself is settled: the account owns it, it lies
/// behind no other of the account's (<see cref="SettledPoints"/>), and it has the zone of the account's first. As known
/// before one position; each day is looked at once.
/// </summary>
/// <param name="owned">Every point that the account has ever had.</param>
/// <param name="tree">Where they lie; null where nothing is said of any.</param>
internal sealed class SettledDays(KnownFacts facts, PartyId account, IReadOnlyList<SettlementPointId> owned,
    StationTreeState? tree)
{
    private sealed record SettledDay(string? Zone, IReadOnlySet<SettlementPointId> Points);

    private readonly Dictionary<LocalDate, SettledDay> days = [];

    /// <summary>The days of a point from one to before another.</summary>
    /// <param name="by">The tariff by which they have to be settled: a day of another zone than the tariff's months, or
    /// before its first version, is not. Null: whatever the tariff was.</param>
    public async Task<IReadOnlySet<LocalDate>> OfAsync(
        SettlementPointId point, LocalDate from, LocalDate until, TariffId? by = null)
    {
        var settled = new HashSet<LocalDate>();
        for (var date = from; date < until; date = date.PlusDays(1))
            if (await OnAsync(date).ConfigureAwait(false) is { Zone: { } zone } day && day.Points.Contains(point)
                && (by is not { } tariff || await ZoneOfAsync(tariff, zone, date).ConfigureAwait(false) == zone))
                settled.Add(date);
        return settled;
    }

    private async Task<string?> ZoneOfAsync(TariffId tariff, string zone, LocalDate date) =>
        (await facts.InForceAsync<TariffPublished>(Streams.Tariff(tariff),
            SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], date).Start).ConfigureAwait(false))?.Zone;

    private async Task<SettledDay> OnAsync(LocalDate date)
    {
        if (days.TryGetValue(date, out var before)) return before;
        var inForce = new List<SettlementPointRegistered>();
        foreach (var point in owned)
            if ((await SettlementFacts.PointAsync(facts, point, account, date).ConfigureAwait(false)).Registered
                is { } registered) inForce.Add(registered);
        var zone = inForce.MinBy(point => point.Point)?.Zone;
        var sameZone = inForce.Where(point => point.Zone == zone).Select(point => point.Point).ToHashSet();
        return days[date] = new(zone, SettledPoints.Of(account, inForce, date, tree)
            .Where(point => point.Settled && sameZone.Contains(point.Point)).Select(point => point.Point).ToHashSet());
    }
}
