using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The charging sessions of an account's connectors that ended on a day of their zone, with what they took, as known
/// before a position. Readings and quantities are read from their streams; the views say where vehicles stood. What a
/// curve with a hole, an estimate or a suspect meter says shapes a stay, and proves none.
/// </summary>
public static class EndedSessions
{
    public static Task<IReadOnlyList<MeteredSession>> GatherAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct) =>
        GatherAsync(new KnownFacts(journal, position, ct), new Answers(views, position - 1), account, day, null);

    /// <summary>The same of one day after another: what is of no day is read once for all of them.</summary>
    public static async IAsyncEnumerable<(LocalDate Day, IReadOnlyList<MeteredSession> Sessions)> OfDaysAsync(
        IJournal journal, IViewStore views, PartyId account, IEnumerable<LocalDate> days, long position,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var (facts, answers) = (new KnownFacts(journal, position, ct), new Answers(views, position - 1));
        foreach (var day in days)
        {
            yield return (day, await GatherAsync(facts, answers, account, day, null).ConfigureAwait(false));
            facts.ForgetDays();
        }
    }

    /// <summary>The same, their parts cut and priced as a statement of the account cuts and prices its lines.</summary>
    public static Task<IReadOnlyList<MeteredSession>> GatherPricedAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct)
    {
        var facts = new KnownFacts(journal, position, ct);
        return GatherAsync(facts, new Answers(views, position - 1), account, day, async (zone, of) =>
            (await SettlementFacts.TariffAsync(facts, account, zone, of).ConfigureAwait(false)).Tariff);
    }

    /// <summary>The stays at a point that touch a time, each to its end, and maybe others.</summary>
    public static IReadOnlyList<ChargingSession> StaysDuring(Answers answers, SettlementPointId point, Interval time) =>
        new StaysAtPoint(answers, point).Around(
            time.Start, time.End + Duration.FromDays(SessionRequests.StayDaysMax));

    /// <summary>The tariff of a zone's day; null where none holds.</summary>
    private delegate Task<TariffPublished?> TariffOf(string zone, LocalDate day);

    /// <summary>What a settlement period is priced by; null where nobody asks, or no tariff holds.</summary>
    private sealed record PricedBy(Interval Period, TariffPublished? Tariff);

    /// <summary>The settlement periods that a stay touches, and what is settled of them in both directions: as a
    /// statement has it, by what proves a load alone, and by curves alone, with holes too.</summary>
    private sealed record Touched(List<PricedBy> Periods, List<MeteredQuantity> Settled, List<MeteredQuantity> Proven,
        List<MeteredQuantity> Curves)
    {
        /// <summary>Why a day of the stay has no settlement periods; null where each has.</summary>
        public string? Problem { get; set; }
    }

    private static async Task<IReadOnlyList<MeteredSession>> GatherAsync(
        KnownFacts facts, Answers answers, PartyId account, LocalDate day, TariffOf? tariffs)
    {
        var sessions = new List<MeteredSession>();
        foreach (var point in answers.PointsOf(account))
        {
            var (registered, _) = await SettlementFacts.PointAsync(facts, point, account, day).ConfigureAwait(false);
            if (registered is not { Kind: SettlementPointKind.Connector }) continue;
            var edges = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[registered.Zone], day);
            var vehicles = new StaysAtPoint(answers, point);
            // A day more on both sides, where the register was mostly read.
            foreach (var stay in vehicles.Around(edges.Start - Duration.FromDays(1), edges.End + Duration.FromDays(1)))
                if (stay.End > edges.Start && stay.End <= edges.End)
                    sessions.Add(await MeteredAsync(facts, registered, stay, tariffs,
                        (from, until) => vehicles.IsAlone(stay, from, until)).ConfigureAwait(false));
        }
        return [.. sessions.OrderBy(session => session.Session.Start).ThenBy(session => session.Session.Point)];
    }

    private static async Task<MeteredSession> MeteredAsync(KnownFacts facts, SettlementPointRegistered point,
        ChargingSession session, TariffOf? tariffs, Func<Instant, Instant, bool> isAlone)
    {
        var touched = await TouchedAsync(facts, point, session, tariffs).ConfigureAwait(false);
        var periods = touched.Periods;
        var parts = periods.Select(of => new Interval(
            Instant.Max(of.Period.Start, session.Start), Instant.Min(of.Period.End, session.End))).ToList();
        // A day that its zone skipped has no periods either, and no time that they could lack.
        if (parts.Aggregate(Duration.Zero, (sum, part) => sum + part.Duration) != session.Stay.Duration)
            return Unproven(session, touched.Problem ?? throw new UnreachableException("its days have no holes"));
        var (energies, indices, sources) = (new List<Energy>(), new List<SessionIndex>(), new List<string>());
        var shapes = new List<List<MeteredQuantity>>();
        foreach (var direction in Enum.GetValues<Direction>())
        {
            var proven = touched.Proven.FindAll(quantity => quantity.Direction == direction);
            shapes.Add(touched.Settled.FindAll(quantity => quantity.Direction == direction));
            if (await CountedAsync(facts, new(session.Point, direction), session, isAlone).ConfigureAwait(false)
                is { } counted)
            {
                energies.Add(counted.Energy);
                indices.AddRange([counted.First, counted.Last]);
                sources.Add($"register {new RegisterId(session.Point, direction)}");
            }
            else if (direction == Direction.Export && !point.Bidirectional) energies.Add(Energy.Zero);
            else if (periods.Count > 0 && proven.TrueForAll(quantity =>
                    quantity is { Metered: not null, Quality: < ReadingQuality.Estimated })
                && proven.Count == periods.Count && isAlone(periods[0].Period.Start, periods[^1].Period.End))
            {
                energies.Add(proven.Aggregate(Energy.Zero, (sum, quantity) => sum + quantity.Metered!.Value));
                shapes[^1] = proven;
                sources.Add($"settled quantities, {direction}");
            }
            else return Unproven(session, $"no reading of {new RegisterId(session.Point, direction)} at its edges, and "
                + "its settlement periods are not all proven or are another vehicle's too");
        }
        var divided = energies.Select((energy, d) =>
            ChargingSessions.Divided(energy, parts, shapes[d], isAlone)).ToList();
        var flows = energies.Zip(Enum.GetValues<Direction>()).Select(of => ChargingSessions.Flows(of.First, parts,
            [.. touched.Settled.Concat(touched.Curves).Where(quantity => quantity.Direction == of.Second)],
            touched.Proven.FindAll(quantity => quantity.Direction == of.Second))).ToList();
        return new(session, energies[0], energies[1],
            [.. parts.Select((part, p) => new SessionPart(part, divided[0][p], divided[1][p])
            {
                Price = Price(periods[p].Tariff, part),
                Flows = flows.Aggregate((bool?)false, (any, direction) => any | direction[p]),
            })], string.Join("; ", sources), indices, null);
    }

    private static MeteredSession Unproven(ChargingSession session, string why) =>
        new(session, Energy.Zero, Energy.Zero, [], "", [], why);

    private static (TariffPeriod Period, decimal PerKwh)? Price(TariffPublished? tariff, Interval part) =>
        tariff is not null
        && EnergyPrices.At(tariff, DateTimeZoneProviders.Tzdb[tariff.Zone], part, Direction.Import)
            is { Edge: false, Period: { } period, Price: { } price } ? (period, price) : null;

    private static async Task<Touched> TouchedAsync(
        KnownFacts facts, SettlementPointRegistered point, ChargingSession session, TariffOf? tariffs)
    {
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var touched = new Touched([], [], [], []);
        var load = new PointLoad(point);
        var last = SettlementCalendar.DayContaining(zone, session.End);
        for (var day = SettlementCalendar.DayContaining(zone, session.Start); day <= last; day = day.PlusDays(1))
        {
            if (!SettlementCalendar.TryPeriods(zone, day, point.PeriodMinutes, out var ofDay, out var problem))
            {
                touched.Problem ??= problem;
                continue;
            }
            var metered = await facts.MeteredAsync(point.Point, day, ofDay).ConfigureAwait(false);
            var tariff = tariffs is null ? null : await tariffs(point.Zone, day).ConfigureAwait(false);
            if (tariff is not null) ofDay = PricedPeriods.Of(new PointFacts(point, ofDay, metered), tariff).Periods;
            touched.Periods.AddRange(ofDay.Where(Touches).Select(period => new PricedBy(period, tariff)));
            var proving = (await load.FactsAsync(facts, day, ofDay).ConfigureAwait(false)).Metered;
            touched.Settled.AddRange(Quantities(ofDay, metered));
            touched.Proven.AddRange(Quantities(ofDay, proving));
            touched.Curves.AddRange(Quantities(ofDay,
                metered with { Readings = [], ReadingCorrections = [], Estimates = [] }));
        }
        return touched;

        IEnumerable<MeteredQuantity> Quantities(IReadOnlyList<Interval> ofDay, MeteredFacts metered) =>
            Enum.GetValues<Direction>().SelectMany(direction =>
                MeteredDay.Of(point.Point, direction, ofDay, metered, point.Rated))
            .Where(quantity => Touches(quantity.Period));

        bool Touches(Interval period) => period.Start < session.End && period.End > session.Start;
    }

    private static async Task<(Energy Energy, SessionIndex First, SessionIndex Last)?> CountedAsync(
        KnownFacts facts, RegisterId register, ChargingSession session, Func<Instant, Instant, bool> isAlone)
    {
        var known = await facts.ReadAsync(Streams.Register(register)).ConfigureAwait(false);
        var installed = known.Where(fact => fact.Event is RegisterInstalled && fact.From <= session.Start)
            .OrderBy(fact => fact.From).LastOrDefault();
        var exchanged = known.Where(fact => fact.Event is RegisterInstalled && fact.From > session.Start)
            .Select(fact => (Instant?)fact.From).Min();
        if (installed is null || exchanged < session.End) return null;
        // Another meter's index says nothing beside this one's, also where it is read after the vehicle has left.
        var readings = ChargingSessions.Indices(Of<RegisterReadingRecorded>(known), Of<RegisterReadingCorrected>(known))
            .Where(reading => reading.ReadAt >= installed.From && !(reading.ReadAt >= exchanged)).ToList();
        var meter = (RegisterInstalled)installed.Event;
        return ChargingSessions.Counted(meter, [.. readings.Select(reading =>
            reading with { MeterSerial = meter.MeterSerial })], session, isAlone);
    }

    private static List<Positioned<T>> Of<T>(IReadOnlyList<KnownFacts.Known> known) where T : LedgerEvent =>
        [.. known.Where(fact => fact.Event is T).Select(fact => new Positioned<T>(fact.Position, (T)fact.Event))];
}
