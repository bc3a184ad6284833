using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What a tariff with terms asks of a settled point beyond its day: the loads of the month up to the day's end, and the
/// peaks of as many months before it as its ratchets look back. All of it from the same streams and position as the
/// day itself, so a run is derived again from them alone. Whoever asks may read a day's facts in another way, as an
/// auditor who goes by their evidence does.
/// What counts are the days on which the point was settled. What it drew on others stood on no statement of it: before
/// the first of them it has no month, and between two of them no energy. Where no settled days are given it is as it
/// was before <see cref="Settlement.SettledDaysRuleVersion"/>: all days since the account has owned the point.
/// </summary>
internal static class MonthsOfPoints
{
    /// <summary>Which days of a point count, before the settled one: of its month, and of months that are looked back
    /// at.</summary>
    private sealed record CountedDays(IReadOnlySet<LocalDate> OfMonth, IReadOnlySet<LocalDate> Before)
    {
        public bool Same(CountedDays other) =>
            OfMonth.SetEquals(other.OfMonth) && Before.SetEquals(other.Before);
    }

    public static async Task<IReadOnlyList<PointMonth>> GatherAsync(
        KnownFacts facts, PartyId account, TariffPublished tariff, TariffTerms terms, LocalDate day,
        IReadOnlyList<PointFacts> points, SettledDays? settled, Func<PointFacts, PointFacts>? read = null)
    {
        var months = new List<PointMonth>();
        foreach (var point in points)
            months.Add(await MonthAsync(facts, tariff, terms, day, point, await CountedAsync(
                facts, account, tariff, terms, day, point, settled).ConfigureAwait(false), read ?? AsRecorded)
                .ConfigureAwait(false));
        return months;
    }

    /// <summary>Whether the charges of these months are others than by all days since the account has owned each
    /// point.</summary>
    public static async Task<bool> CountOtherwiseAsync(
        KnownFacts facts, PartyId account, TariffPublished tariff, TariffTerms terms, LocalDate day,
        IReadOnlyList<PointFacts> points, SettledDays settled, IReadOnlyList<PointMonth> months)
    {
        foreach (var (point, month) in points.Zip(months))
        {
            var owned = await CountedAsync(facts, account, tariff, terms, day, point, null).ConfigureAwait(false);
            if (owned.Same(await CountedAsync(facts, account, tariff, terms, day, point, settled)
                .ConfigureAwait(false))) continue;
            var before = await MonthAsync(facts, tariff, terms, day, point, owned, AsRecorded).ConfigureAwait(false);
            if (!StatementCharges.Of(tariff, month).SequenceEqual(StatementCharges.Of(tariff, before))) return true;
        }

        return false;
    }

    private static async Task<CountedDays> CountedAsync(KnownFacts facts, PartyId account, TariffPublished tariff,
        TariffTerms terms, LocalDate day, PointFacts point, SettledDays? settled)
    {
        var (zone, of) = (DateTimeZoneProviders.Tzdb[tariff.Zone], point.Registered.Point);
        var first = day.ToYearMonth().OnDayOfMonth(1);
        var earliest = first.PlusMonths(-Lookback(terms));
        var since = await AssignedAsync(facts, account, tariff.Tariff, zone, day, first).ConfigureAwait(false);
        if (settled is not null)
            return new(await settled.OfAsync(of, since, day, tariff.Tariff).ConfigureAwait(false),
                await settled.OfAsync(of, earliest, first).ConfigureAwait(false));
        var begun = await BegunAsync(facts, of, account, day, earliest).ConfigureAwait(false);
        return new(Days(LocalDate.Max(since, begun), day), Days(begun, first));
    }

    private static HashSet<LocalDate> Days(LocalDate from, LocalDate until)
    {
        var days = new HashSet<LocalDate>();
        for (var date = from; date < until; date = date.PlusDays(1)) days.Add(date);
        return days;
    }

    private static int Lookback(TariffTerms terms) =>
        terms.DemandCharges.Max(charge => charge.Ratchet?.LookbackMonths) ?? 0;

    private static async Task<PointMonth> MonthAsync(KnownFacts facts, TariffPublished tariff, TariffTerms terms,
        LocalDate day, PointFacts point, CountedDays counted, Func<PointFacts, PointFacts> read)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var first = day.ToYearMonth().OnDayOfMonth(1);
        var loads = await LoadsAsync(facts, tariff, point, counted.OfMonth, first, day, read).ConfigureAwait(false);
        loads.AddRange(Loads(read(point)));
        return new(point.Registered.Point, SettlementCalendar.Day(zone, day).Start, loads,
            await EarlierAsync(facts, tariff, terms, point, first, counted.Before, read).ConfigureAwait(false))
        {
            Stays = [.. (await StaysAsync(facts, terms, point.Registered.Point, zone, first, day)
                .ConfigureAwait(false)).Select(stay => stay.Time)],
        };
    }

    /// <summary>The loads from the first day that counts on: of one that does not, none.</summary>
    private static async Task<List<BillLoad>> LoadsAsync(KnownFacts facts, TariffPublished tariff, PointFacts point,
        IReadOnlySet<LocalDate> counted, LocalDate from, LocalDate until, Func<PointFacts, PointFacts> read)
    {
        var (zone, loads) = (DateTimeZoneProviders.Tzdb[tariff.Zone], new List<BillLoad>());
        for (var date = counted.Where(date => date >= from).DefaultIfEmpty(until).Min(); date < until;
            date = date.PlusDays(1))
            if (counted.Contains(date))
                loads.AddRange(Loads(await DayAsync(facts, point, tariff, date, read).ConfigureAwait(false)));
            else loads.Add(new(SettlementCalendar.Day(zone, date), Energy.Zero, Energy.Zero, []));
        return loads;
    }

    private static async Task<List<EarlierPeak>> EarlierAsync(
        KnownFacts facts, TariffPublished tariff, TariffTerms terms, PointFacts point, LocalDate first,
        IReadOnlySet<LocalDate> counted, Func<PointFacts, PointFacts> read)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var peaks = new List<EarlierPeak>();
        for (var back = Lookback(terms); back > 0; back--)
        {
            var from = first.PlusMonths(-back);
            var loads = await LoadsAsync(facts, tariff, point, counted, from, from.PlusMonths(1), read)
                .ConfigureAwait(false);
            if (loads.Count == 0) continue;
            foreach (var charge in terms.DemandCharges.Where(charge => charge.Ratchet?.LookbackMonths >= back))
                foreach (var span in MeasuredDemand.Of(charge, tariff, zone, loads))
                    peaks.Add(new(charge.Name, from.ToYearMonth(), span.Highest?.Kilowatts));
        }

        return peaks;
    }

    /// <summary>Who stood at the point from the first day of the month to the end of the day; nobody is looked for
    /// where the tariff has no fee for it.</summary>
    private static async Task<IReadOnlyList<StandingStay>> StaysAsync(KnownFacts facts, TariffTerms terms,
        SettlementPointId point, DateTimeZone zone, LocalDate first, LocalDate day)
    {
        if (!terms.Fees.Any(fee => fee.Per is FeeBasis.Session or FeeBasis.ParkedHour)) return [];
        var (from, until) = (SettlementCalendar.Day(zone, first).Start, SettlementCalendar.Day(zone, day).End);
        var states = new List<Positioned<ChargingStateRecorded>>();
        var date = from.InUtc().Date;
        // Whoever stands there when the month begins came at most as long before as a stay may last.
        for (var back = 0;
            back <= SessionRequests.StayDaysMax && !states.Exists(state => state.Fact.At <= from); back++)
            states.AddRange(await StatesAsync(facts, point, date.PlusDays(-back)).ConfigureAwait(false));
        for (var next = date.PlusDays(1); next <= until.InUtc().Date; next = next.PlusDays(1))
            states.AddRange(await StatesAsync(facts, point, next).ConfigureAwait(false));
        return [.. BilledStays.Standing(states, until).Where(stay => stay.Time.End > from)];
    }

    private static async Task<IEnumerable<Positioned<ChargingStateRecorded>>> StatesAsync(
        KnownFacts facts, SettlementPointId point, LocalDate utcDay) =>
        (await facts.ReadAsync(Streams.ChargingStates(point, utcDay)).ConfigureAwait(false))
            .Where(known => known.Event is ChargingStateRecorded)
            .Select(known => new Positioned<ChargingStateRecorded>(known.Position, (ChargingStateRecorded)known.Event));

    /// <summary>The first day of the month from which on the account has had the tariff: what another tariff billed
    /// before is no part of this one's month.</summary>
    internal static async Task<LocalDate> AssignedAsync(
        KnownFacts facts, PartyId account, TariffId tariff, DateTimeZone zone, LocalDate day, LocalDate first)
    {
        var since = day;
        while (since > first && (await facts.InForceAsync<TariffAssigned>(Streams.Assignment(account),
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

    /// <summary>The point's facts of a day, by the master data that was in force then, as that day itself is settled by
    /// them; null of a day that has no whole settlement periods.</summary>
    private static async Task<PointFacts?> DayAsync(
        KnownFacts facts, PointFacts point, TariffPublished tariff, LocalDate date, Func<PointFacts, PointFacts> read)
    {
        var (registered, _) = await SettlementFacts.PointAsync(
            facts, point.Registered.Point, point.Registered.Owner, date).ConfigureAwait(false);
        // A day that the zone skipped has no energy.
        if (registered is null || !SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[tariff.Zone], date,
            registered.PeriodMinutes, out var periods, out _)) return null;
        var metered = await facts.MeteredAsync(registered.Point, date, periods).ConfigureAwait(false);
        return read(PricedPeriods.Of(new PointFacts(registered, periods, metered), tariff));
    }

    private static PointFacts AsRecorded(PointFacts day) => day;

    /// <summary>Import and export of one period are one load; a direction without lines is none.</summary>
    private static IEnumerable<BillLoad> Loads(PointFacts? day) => (day?.Quantities() ?? [])
        .GroupBy(quantity => quantity.Period).OrderBy(period => period.Key.Start).Select(period =>
        {
            var import = period.First(quantity => quantity.Direction == Direction.Import);
            var export = period.FirstOrDefault(quantity => quantity.Direction == Direction.Export);
            return new BillLoad(period.Key, import.Metered, export is null ? Energy.Zero : export.Metered, []);
        });

    /// <summary>The same months with the reasons for each period's energy, for an explanation of what is charged by
    /// them.</summary>
    public static async Task<IReadOnlyDictionary<SettlementPointId, ReasonedMonth>> ReasonedAsync(
        KnownFacts facts, PartyId account, TariffPublished tariff, TariffTerms terms, LocalDate day,
        IReadOnlyList<PointFacts> points, SettledDays? settled)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var first = day.ToYearMonth().OnDayOfMonth(1);
        var months = new Dictionary<SettlementPointId, ReasonedMonth>();
        foreach (var point in points)
        {
            var counted = await CountedAsync(facts, account, tariff, terms, day, point, settled).ConfigureAwait(false);
            var earlier = new List<(YearMonth Month, IReadOnlyList<ReasonedPeriod> Periods)>();
            for (var back = Lookback(terms); back > 0; back--)
            {
                var from = first.PlusMonths(-back);
                if (await PeriodsAsync(counted.Before, from, from.PlusMonths(1)).ConfigureAwait(false)
                    is { Count: > 0 } periods) earlier.Add((from.ToYearMonth(), periods));
            }

            var billed = await PeriodsAsync(counted.OfMonth, first, day).ConfigureAwait(false);
            months[point.Registered.Point] = new(day, [.. billed, .. Reasoned(point, day)], earlier)
            {
                Stays = await StaysAsync(facts, terms, point.Registered.Point, zone, first, day).ConfigureAwait(false),
            };

            async Task<List<ReasonedPeriod>> PeriodsAsync(
                IReadOnlySet<LocalDate> days, LocalDate from, LocalDate until)
            {
                var periods = new List<ReasonedPeriod>();
                for (var date = from; date < until; date = date.PlusDays(1))
                    if (!days.Contains(date))
                    {
                        if (periods.Count > 0) periods.Add(NotSettled(zone, date));
                    }
                    else if (await DayAsync(facts, point, tariff, date, AsRecorded).ConfigureAwait(false) is { } found)
                        periods.AddRange(Reasoned(found, date));
                return periods;
            }
        }

        return months;
    }

    private static ReasonedPeriod NotSettled(DateTimeZone zone, LocalDate date)
    {
        var none = ExplainedValue.Given("metered", ExplainedValue.HalfNanojoules, "0", ExplanationRule.Fact,
            "it was not settled on that day");
        return new(SettlementCalendar.Day(zone, date), date, none, none);
    }

    private static IEnumerable<ReasonedPeriod> Reasoned(PointFacts day, LocalDate date)
    {
        var (point, rated) = (day.Registered.Point, day.Registered.Rated);
        MeteredReasons Reasons(Direction direction) => new(point, direction, day.Periods, day.Metered, rated);
        var (import, export) = (Reasons(Direction.Import), day.Directions.Contains(Direction.Export)
            ? Reasons(Direction.Export) : null);
        var none = ExplainedValue.Given("metered", ExplainedValue.HalfNanojoules, "0", ExplanationRule.Fact,
            "it has no lines of export");
        foreach (var (i, load) in Loads(day).Index())
            yield return new(load.Period, date, import.Of(i, load.Import) with { Name = $"from {load.Period.Start}" },
                export is null ? none : export.Of(i, load.Export) with { Name = $"from {load.Period.Start}" });
    }
}
