using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The charging sessions of an account's connectors that ended on a day of their zone, with what they took, as known
/// before a position. Readings and quantities are read from their streams; the views say where vehicles stood.
/// </summary>
public static class EndedSessions
{
    /// <summary>Longest stay that is looked for, so that a reader knows how far back to look (ours).</summary>
    private const int StayDaysMax = SessionRequests.StayDaysMax;

    public static async Task<IReadOnlyList<MeteredSession>> GatherAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct)
    {
        var (facts, answers) = (new KnownFacts(journal, position, ct), new Answers(views, position - 1));
        var sessions = new List<MeteredSession>();
        foreach (var point in answers.PointsOf(account))
        {
            var (registered, _) = await SettlementFacts.PointAsync(facts, point, account, day).ConfigureAwait(false);
            if (registered is not { Kind: SettlementPointKind.Connector }) continue;
            var edges = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[registered.Zone], day);
            var around = new Interval(edges.Start - Duration.FromDays(StayDaysMax), edges.End + Duration.FromDays(1));
            var stays = ChargingSessions.Of(point, answers.ChargingStates(point, around));
            for (var i = 0; i < stays.Count; i++)
                if (stays[i].End > edges.Start && stays[i].End <= edges.End)
                    sessions.Add(await MeteredAsync(facts, registered, stays, i).ConfigureAwait(false));
        }
        return [.. sessions.OrderBy(session => session.Session.Start).ThenBy(session => session.Session.Point)];
    }

    private static async Task<MeteredSession> MeteredAsync(
        KnownFacts facts, SettlementPointRegistered point, IReadOnlyList<ChargingSession> stays, int i)
    {
        var session = stays[i];
        var from = i > 0 ? stays[i - 1].End : Instant.MinValue;
        var until = i + 1 < stays.Count ? stays[i + 1].Start : Instant.MaxValue;
        var (periods, quantities) = await QuantitiesAsync(facts, point, session).ConfigureAwait(false);
        var parts = periods.Select(period => new Interval(
            Instant.Max(period.Start, session.Start), Instant.Min(period.End, session.End))).ToList();
        var (energies, indices, sources) = (new List<Energy>(), new List<SessionIndex>(), new List<string>());
        foreach (var direction in Enum.GetValues<Direction>())
        {
            var own = quantities.Where(quantity => quantity.Direction == direction).ToList();
            if (await CountedAsync(facts, new(session.Point, direction), session, from, until).ConfigureAwait(false)
                is { } counted)
            {
                energies.Add(counted.Energy);
                indices.AddRange([counted.First, counted.Last]);
                sources.Add($"register {new RegisterId(session.Point, direction)}");
            }
            else if (direction == Direction.Export && !point.Bidirectional) energies.Add(Energy.Zero);
            else if (periods.Count > 0 && own.TrueForAll(quantity => quantity.Metered is not null)
                && own.Count == periods.Count && periods[0].Start >= from && periods[^1].End <= until)
            {
                energies.Add(own.Aggregate(Energy.Zero, (sum, quantity) => sum + quantity.Metered!.Value));
                sources.Add($"settled quantities, {direction}");
            }
            else return new(session, Energy.Zero, Energy.Zero, [], "", [],
                $"no reading of {new RegisterId(session.Point, direction)} at its edges, and its settlement periods "
                + "are not all proven or are another vehicle's too");
        }
        var divided = Enum.GetValues<Direction>().Select((direction, d) => ChargingSessions.Divided(energies[d], parts,
            [.. quantities.Where(quantity => quantity.Direction == direction)])).ToList();
        return new(session, energies[0], energies[1],
            [.. parts.Select((part, p) => new SessionPart(part, divided[0][p], divided[1][p]))],
            string.Join("; ", sources), indices, null);
    }

    /// <summary>The settlement periods that a stay touches, and what is settled of them in both directions.</summary>
    private static async Task<(List<Interval> Periods, List<MeteredQuantity> Quantities)> QuantitiesAsync(
        KnownFacts facts, SettlementPointRegistered point, ChargingSession session)
    {
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var (periods, quantities) = (new List<Interval>(), new List<MeteredQuantity>());
        for (var day = session.Start.InZone(zone).Date; day <= session.End.InZone(zone).Date; day = day.PlusDays(1))
        {
            if (!SettlementCalendar.TryPeriods(zone, day, point.PeriodMinutes, out var ofDay, out _)) continue;
            var metered = await facts.MeteredAsync(point.Point, day, ofDay).ConfigureAwait(false);
            periods.AddRange(ofDay.Where(Touches));
            foreach (var direction in Enum.GetValues<Direction>())
                quantities.AddRange(MeteredDay.Of(point.Point, direction, ofDay, metered, point.Rated)
                    .Where(quantity => Touches(quantity.Period)));
        }
        return (periods, quantities);

        bool Touches(Interval period) => period.Start < session.End && period.End > session.Start;
    }

    private static async Task<(Energy Energy, SessionIndex First, SessionIndex Last)?> CountedAsync(
        KnownFacts facts, RegisterId register, ChargingSession session, Instant from, Instant until)
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
        return ChargingSessions.Counted((RegisterInstalled)installed.Event, readings, session, from, until);
    }

    private static List<Positioned<T>> Of<T>(IReadOnlyList<KnownFacts.Known> known) where T : LedgerEvent =>
        [.. known.Where(fact => fact.Event is T).Select(fact => new Positioned<T>(fact.Position, (T)fact.Event))];
}
