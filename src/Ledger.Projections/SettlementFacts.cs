using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>One settled point: its master data in force at the start of the day, its periods, its facts.</summary>
public sealed record PointFacts(
    SettlementPointRegistered Registered, IReadOnlyList<Interval> Periods, MeteredFacts Metered);

/// <summary>
/// Everything from which an account's day is settled, as known before a position of the journal: its points, the
/// tariff version in force at the start of the day, and what was metered. <paramref name="LeftOut"/> names each point
/// that is not settled, and why.
/// </summary>
public sealed record SettlementFacts(
    PartyId Account, LocalDate Day, string? Zone, long AtPosition, TariffId? Assigned, TariffPublished? Tariff,
    IReadOnlyList<PointFacts> Points, IReadOnlyList<SettledPoint> LeftOut)
{
    /// <summary>
    /// Reads the facts from their streams; the view is only asked which points to look at. So the same position gives
    /// the same facts for ever, and a view that was changed by hand alters no number; a point that it hides is missed
    /// by the number and root of the lines.
    /// Throws where the view has not yet applied every event before the position.
    /// </summary>
    public static async Task<SettlementFacts> GatherAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, journal.Length);
        var applied = views.Checkpoint("MasterData");
        if (applied < position)
            throw new InvalidOperationException(
                $"the views have applied {applied} of {position} events: let them catch up");
        var facts = new AccountReader(journal, position, ct);
        var (inForce, leftOut) = (new List<SettlementPointRegistered>(), new List<SettledPoint>());
        foreach (var point in new Answers(views, position - 1).PointsOf(account))
        {
            var (registered, whyNot) = await facts.PointAsync(point, account, day).ConfigureAwait(false);
            if (registered is not null) inForce.Add(registered);
            else leftOut.Add(new(point, false, whyNot));
        }
        var standing = Settlement.Points(account, inForce);
        leftOut.AddRange(standing.Where(point => !point.Settled));
        // An account is settled on one calendar, that of its first point; its tariff holds from that day's start.
        var zone = inForce.OrderBy(point => point.Point).FirstOrDefault()?.Zone;
        var points = new List<PointFacts>();
        foreach (var registered in inForce.OrderBy(point => point.Point))
        {
            if (!standing.First(point => point.Point == registered.Point).Settled) continue;
            var problem = $"its day is that of {registered.Zone}, and the account's that of {zone}";
            if (registered.Zone == zone && SettlementCalendar.TryPeriods(
                DateTimeZoneProviders.Tzdb[zone], day, registered.PeriodMinutes, out var periods, out problem))
            {
                var metered = await facts.MeteredAsync(registered.Point, day, periods).ConfigureAwait(false);
                points.Add(new(registered, periods, metered));
            }
            else leftOut.Add(new(registered.Point, false, problem));
        }
        TariffId? assigned = null;
        TariffPublished? tariff = null;
        if (zone is not null)
        {
            var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day).Start;
            assigned = await facts.AssignedAsync(account, start).ConfigureAwait(false);
            if (assigned is { } id) tariff = await facts.TariffAsync(id, start).ConfigureAwait(false);
        }
        return new(account, day, zone, position, assigned, tariff, points, [.. leftOut.OrderBy(point => point.Point)]);
    }

    /// <summary>Reads streams as far as they were known before the position.</summary>
    private sealed class AccountReader(IJournal journal, long position, CancellationToken ct)
    {
        private sealed record Known(long Position, Instant From, LedgerEvent Event);

        /// <summary>The master data in force at the start of the point's day, if the account owns it then.</summary>
        public async Task<(SettlementPointRegistered? Registered, string? WhyNot)> PointAsync(
            SettlementPointId point, PartyId account, LocalDate day)
        {
            var versions = (await ReadAsync(Streams.Point(point)).ConfigureAwait(false))
                .Select(known => (known.From, Registered: (SettlementPointRegistered)known.Event)).ToList();
            var inForce = versions.Where(version => version.From
                    <= SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[version.Registered.Zone], day).Start)
                .OrderBy(version => version.From).LastOrDefault().Registered;
            return inForce is null ? (null, $"it is registered from {versions.Min(version => version.From)} on")
                : inForce.Owner != account ? (null, $"{inForce.Owner} owns it on that day")
                : (inForce, null);
        }

        public async Task<TariffId?> AssignedAsync(PartyId account, Instant at) =>
            (await InForceAsync(Streams.Assignment(account), at).ConfigureAwait(false) as TariffAssigned)?.Tariff;

        public async Task<TariffPublished?> TariffAsync(TariffId tariff, Instant at) =>
            await InForceAsync(Streams.Tariff(tariff), at).ConfigureAwait(false) as TariffPublished;

        public async Task<MeteredFacts> MeteredAsync(
            SettlementPointId point, LocalDate day, IReadOnlyList<Interval> periods)
        {
            var (start, end) = (periods[0].Start, periods[^1].End);
            List<Known> registers = [], intervals = [];
            foreach (var direction in Enum.GetValues<Direction>())
            {
                var register = new RegisterId(point, direction);
                registers.AddRange(await ReadAsync(Streams.Register(register)).ConfigureAwait(false));
                var last = (end - Duration.Epsilon).InUtc().Date;
                for (var date = start.InUtc().Date; date <= last; date = date.PlusDays(1))
                    intervals.AddRange(await ReadAsync(Streams.IntervalReadings(register, date)).ConfigureAwait(false));
            }
            var curve = await ReadAsync(Streams.Curve(point, day)).ConfigureAwait(false);
            return new(
                [.. registers.Where(known => known.Event is RegisterInstalled).Select(known =>
                    new Positioned<RegisterInForce>(known.Position, new(known.From, (RegisterInstalled)known.Event)))],
                [.. Of<RegisterReadingRecorded>(registers)
                    .Where(known => known.Fact.ReadAt >= start && known.Fact.ReadAt <= end)],
                [.. Of<IntervalReadingRecorded>(intervals)], [.. Of<IntervalRecorded>(curve)])
            {
                ReadingCorrections = [.. Of<RegisterReadingCorrected>(registers)
                    .Where(known => known.Fact.ReadAt >= start && known.Fact.ReadAt <= end)],
                IntervalCorrections = [.. Of<IntervalReadingCorrected>(intervals)],
                Estimates = [.. Of<IntervalEstimated>(intervals)],
            };
        }

        // Streams are read in order, and the sort is stable: of two facts for one instant the later recorded one holds.
        private async Task<LedgerEvent?> InForceAsync(string stream, Instant at) =>
            (await ReadAsync(stream).ConfigureAwait(false)).Where(known => known.From <= at)
                .OrderBy(known => known.From).LastOrDefault()?.Event;

        private static IEnumerable<Positioned<T>> Of<T>(List<Known> known) where T : LedgerEvent =>
            known.Where(fact => fact.Event is T).Select(fact => new Positioned<T>(fact.Position, (T)fact.Event));

        private async Task<List<Known>> ReadAsync(string stream)
        {
            var read = new List<Known>();
            await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
                if (recorded.Position < position)
                    read.Add(new(recorded.Position, recorded.Envelope.ValidFrom, EventCodec.Decode(recorded)));
            return read;
        }
    }
}
