using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What a tariff with terms asks of a settled point beyond its day: the loads of the month up to the day's end, and the
/// peaks of as many months before it as its ratchets look back. All of it from the same streams and position as the
/// day itself, so a run is derived again from them alone.
/// </summary>
internal static class MonthsOfPoints
{
    public static async Task<IReadOnlyList<PointMonth>> GatherAsync(
        KnownFacts facts, PartyId account, TariffPublished tariff, TariffTerms terms, LocalDate day,
        IReadOnlyList<PointFacts> points)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var month = day.ToYearMonth();
        var first = month.OnDayOfMonth(1);
        var lookback = terms.DemandCharges.Max(charge => charge.Ratchet?.LookbackMonths) ?? 0;
        var since = await AssignedAsync(facts, account, tariff.Tariff, zone, day, first).ConfigureAwait(false);
        var months = new List<PointMonth>();
        foreach (var point in points)
        {
            var begun = await BegunAsync(facts, point.Registered.Point, account, day, first.PlusMonths(-lookback))
                .ConfigureAwait(false);
            var loads = new List<BillLoad>();
            for (var date = LocalDate.Max(since, begun); date < day; date = date.PlusDays(1))
                loads.AddRange(await LoadsAsync(facts, point, zone, date).ConfigureAwait(false));
            loads.AddRange(Loads(point.Quantities()));
            months.Add(new(point.Registered.Point, SettlementCalendar.Day(zone, day).Start, loads,
                await EarlierAsync(facts, tariff, terms, point, first, begun).ConfigureAwait(false)));
        }

        return months;
    }

    private static async Task<List<EarlierPeak>> EarlierAsync(
        KnownFacts facts, TariffPublished tariff, TariffTerms terms, PointFacts point, LocalDate first,
        LocalDate begun)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var peaks = new List<EarlierPeak>();
        var lookback = terms.DemandCharges.Max(charge => charge.Ratchet?.LookbackMonths) ?? 0;
        for (var back = lookback; back > 0; back--)
        {
            var from = first.PlusMonths(-back);
            var loads = new List<BillLoad>();
            for (var date = LocalDate.Max(from, begun); date < from.PlusMonths(1); date = date.PlusDays(1))
                loads.AddRange(await LoadsAsync(facts, point, zone, date).ConfigureAwait(false));
            if (loads.Count == 0) continue;
            foreach (var charge in terms.DemandCharges.Where(charge => charge.Ratchet?.LookbackMonths >= back))
                foreach (var span in MeasuredDemand.Of(charge, tariff, zone, loads))
                    peaks.Add(new(charge.Name, from.ToYearMonth(), span.Highest?.Kilowatts));
        }

        return peaks;
    }

    /// <summary>The first day of the month from which on the account has had the tariff: what another tariff billed
    /// before is no part of this one's month.</summary>
    private static async Task<LocalDate> AssignedAsync(
        KnownFacts facts, PartyId account, TariffId tariff, DateTimeZone zone, LocalDate day, LocalDate first)
    {
        var since = day;
        while (since > first && (await facts.InForceAsync<TariffAssigned>(Journal.Streams.Assignment(account),
            SettlementCalendar.Day(zone, since.PlusDays(-1)).Start).ConfigureAwait(false))?.Tariff == tariff)
            since = since.PlusDays(-1);
        return since;
    }

    /// <summary>The first day, not before the earliest that is asked for, from which on the account has owned the point
    /// without a break: what others drew is not its demand.</summary>
    private static async Task<LocalDate> BegunAsync(
        KnownFacts facts, SettlementPointId point, PartyId account, LocalDate day, LocalDate earliest)
    {
        var begun = day;
        while (begun > earliest && (await SettlementFacts.PointAsync(facts, point, account, begun.PlusDays(-1))
            .ConfigureAwait(false)).Registered is not null) begun = begun.PlusDays(-1);
        return begun;
    }

    private static async Task<IEnumerable<BillLoad>> LoadsAsync(
        KnownFacts facts, PointFacts point, DateTimeZone zone, LocalDate date)
    {
        // A day that the zone skipped has no energy.
        if (!SettlementCalendar.TryPeriods(zone, date, point.Registered.PeriodMinutes, out var periods, out _))
            return [];
        var metered = await facts.MeteredAsync(point.Registered.Point, date, periods).ConfigureAwait(false);
        return Loads(new PointFacts(point.Registered, periods, metered).Quantities());
    }

    /// <summary>Import and export of one period are one load; a direction without lines is none.</summary>
    private static IEnumerable<BillLoad> Loads(IEnumerable<MeteredQuantity> quantities) => quantities
        .GroupBy(quantity => quantity.Period).OrderBy(period => period.Key.Start).Select(period =>
        {
            var import = period.First(quantity => quantity.Direction == Direction.Import);
            var export = period.FirstOrDefault(quantity => quantity.Direction == Direction.Export);
            return new BillLoad(period.Key, import.Metered, export is null ? Energy.Zero : export.Metered, []);
        });
}
