using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The days of a month on which an account had a settled point and its tariff, each from the facts by which that day
/// itself is settled, as known before one position.
/// </summary>
internal static class AccountMonths
{
    /// <param name="owned">Every point that the account has ever had.</param>
    /// <param name="tree">Where they lie; null where nothing is said of any.</param>
    public static async Task<AccountMonth> GatherAsync(KnownFacts facts, PartyId account, TariffPublished tariff,
        LocalDate day, IReadOnlyList<SettlementPointId> owned, StationTreeState? tree)
    {
        var since = await MonthsOfPoints.AssignedAsync(facts, account, tariff.Tariff,
            DateTimeZoneProviders.Tzdb[tariff.Zone], day, day.ToYearMonth().OnDayOfMonth(1)).ConfigureAwait(false);
        var standing = new List<StandingDay>();
        for (var date = since; date <= day; date = date.PlusDays(1))
            if (await FirstSettledAsync(facts, account, tariff, date, owned, tree).ConfigureAwait(false) is { } point)
                standing.Add(new(date, point));
        return new(day, standing);
    }

    /// <summary>The first of the points that the account has lines of on a day; null where there is none.</summary>
    private static async Task<Positioned<SettlementPointRegistered>?> FirstSettledAsync(KnownFacts facts,
        PartyId account, TariffPublished tariff, LocalDate day, IReadOnlyList<SettlementPointId> owned,
        StationTreeState? tree)
    {
        var inForce = new List<SettlementPointRegistered>();
        foreach (var point in owned)
            if ((await SettlementFacts.PointAsync(facts, point, account, day).ConfigureAwait(false)).Registered
                is { } registered) inForce.Add(registered);
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        foreach (var registered in inForce.OrderBy(point => point.Point))
        {
            // The calendar is that of the first point; on another one than the tariff's nothing is charged by months.
            if (registered.Zone != tariff.Zone) return null;
            if (!SettlementCalendar.TryPeriods(zone, day, registered.PeriodMinutes, out _, out _)
                || !SettledPoints.Of(account, inForce, day, tree)
                    .First(each => each.Point == registered.Point).Settled) continue;
            var known = await facts.PointInForceAsync(registered.Point, SettlementCalendar.Day(zone, day).Start)
                .ConfigureAwait(false);
            return new(known!.Position, registered);
        }
        return null;
    }
}
