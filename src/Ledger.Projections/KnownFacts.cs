using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The journal's streams as far as they were known before a position, each read once: so whoever calculates from them
/// gets the same for ever, whatever is recorded later and whatever a view says.
/// </summary>
internal sealed class KnownFacts(IJournal journal, long position, CancellationToken ct)
{
    /// <summary>A fact with its position, from when on it holds, when it was recorded and by whom.</summary>
    public sealed record Known(
        long Position, Instant From, LedgerEvent Event, Instant RecordedAt, PartyId RecordedBy);

    /// <summary>The party in whose name the ledger's own operator records.</summary>
    public PartyId Own { get; } = new(journal.Ledger.Value);

    private readonly Dictionary<string, IReadOnlyList<Known>> streams = new(StringComparer.Ordinal);
    /// <summary>Those of a day, of which a range has many.</summary>
    private readonly Dictionary<string, IReadOnlyList<Known>> ofDays = new(StringComparer.Ordinal);
    private readonly Dictionary<SettlementPointId, IReadOnlyList<DateTimeZone>> zones = [];

    /// <summary>A stream's facts in the order of their recording.</summary>
    public Task<IReadOnlyList<Known>> ReadAsync(string stream) => ReadAsync(stream, streams);

    /// <summary>Lets go of the streams of days, so that a range needs no more memory the longer it is; those of a point
    /// and its registers stay, and are read once for all of it.</summary>
    public void ForgetDays() => ofDays.Clear();

    private async Task<IReadOnlyList<Known>> ReadAsync(string stream, Dictionary<string, IReadOnlyList<Known>> kept)
    {
        if (kept.TryGetValue(stream, out var before)) return before;
        var read = new List<Known>();
        await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            if (recorded.Position < position)
                read.Add(new(recorded.Position, recorded.Envelope.ValidFrom, EventCodec.Decode(recorded),
                    recorded.Envelope.RecordedAt, recorded.Envelope.Tenant));
        kept.Add(stream, read);
        return read;
    }

    /// <summary>A stream's folded state.</summary>
    public async Task<TState> StateAsync<TState>(string stream, TState initial,
        Func<TState, LedgerEvent, TState> evolve) =>
        (await ReadAsync(stream).ConfigureAwait(false))
            .Aggregate(initial, (state, known) => evolve(state, known.Event));

    /// <summary>Of the facts that hold from an instant or before, the last;
    /// of two for one instant the later recorded one.</summary>
    public async Task<TFact?> InForceAsync<TFact>(string stream, Instant at) where TFact : LedgerEvent =>
        (await KnownInForceAsync(stream, at).ConfigureAwait(false))?.Event as TFact;

    /// <summary>The same with its position.</summary>
    public async Task<Known?> KnownInForceAsync(string stream, Instant at) =>
        // Streams are read in order, and the sort is stable.
        (await ReadAsync(stream).ConfigureAwait(false)).Where(known => known.From <= at)
            .OrderBy(known => known.From).LastOrDefault();

    /// <summary>The registration of a point in force at an instant, as <see cref="SettlementPointState"/> says it; null
    /// before the first.</summary>
    public async Task<Known?> PointInForceAsync(SettlementPointId point, Instant at)
    {
        var known = await ReadAsync(Streams.Point(point)).ConfigureAwait(false);
        return known.Aggregate(SettlementPointState.Empty, (state, each) =>
                SettlementPoint.Evolve(state, each.Event, each.From)).InForce(at) is { From: var from }
            ? known.Last(each => each.From == from) : null;
    }

    /// <summary>The version of a rule pack that holds at an instant; null where none does.</summary>
    public async Task<RulePackPublished?> PackAsync(RulePackId pack, Instant at) => FlexStatements.InForce(
        (await ReadAsync(Streams.RulePack(pack)).ConfigureAwait(false))
            .Select(known => ((RulePackPublished)known.Event, known.From)), pack, at);

    /// <summary>What was metered of a point's day, in both directions.</summary>
    public async Task<MeteredFacts> MeteredAsync(SettlementPointId point, LocalDate day,
        IReadOnlyList<Interval> periods)
    {
        var (start, end) = (periods[0].Start, periods[^1].End);
        List<Known> registers = [], intervals = [];
        foreach (var direction in Enum.GetValues<Direction>())
        {
            var register = new RegisterId(point, direction);
            registers.AddRange(await ReadAsync(Streams.Register(register)).ConfigureAwait(false));
            var last = (end - Duration.Epsilon).InUtc().Date;
            for (var date = start.InUtc().Date; date <= last; date = date.PlusDays(1))
                intervals.AddRange(await ReadAsync(Streams.IntervalReadings(register, date), ofDays)
                    .ConfigureAwait(false));
        }
        var curve = await CurveAsync(point, day, new(start, end)).ConfigureAwait(false);
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

    /// <summary>
    /// The records of a point's day. Each is in the stream of the local day that its period had when it came: where the
    /// zone was set right since, some of this day's are in that of a day beside. None counts twice: where two overlap,
    /// the day's own counts.
    /// </summary>
    private async Task<IReadOnlyList<Known>> CurveAsync(SettlementPointId point, LocalDate day, Interval edges)
    {
        var own = await ReadAsync(Streams.Curve(point, day), ofDays).ConfigureAwait(false);
        var beside = (await ZonesAsync(point).ConfigureAwait(false))
            .SelectMany(_ => (Instant[])[edges.Start, edges.End - Duration.Epsilon], SettlementCalendar.DayContaining)
            .Distinct().Where(other => other != day).ToList();
        if (beside.Count == 0) return own;
        var found = own.ToList();
        foreach (var other in beside)
        {
            var taken = found.ConvertAll(known => known.Event).OfType<IntervalRecorded>()
                .Select(record => record.Period).Distinct().ToList();
            found.AddRange((await ReadAsync(Streams.Curve(point, other), ofDays).ConfigureAwait(false)).Where(known =>
                known.Event is IntervalRecorded { Period: var period } && Overlap(period, edges)
                && !taken.Exists(one => Overlap(one, period))));
        }
        return found;
    }

    /// <summary>The zones that a point was ever registered in.</summary>
    private async Task<IReadOnlyList<DateTimeZone>> ZonesAsync(SettlementPointId point)
    {
        if (!zones.TryGetValue(point, out var known))
            zones.Add(point, known = [.. (await ReadAsync(Streams.Point(point)).ConfigureAwait(false))
                .Select(each => each.Event).OfType<SettlementPointRegistered>()
                .Select(version => version.Zone).Distinct().Select(zone => DateTimeZoneProviders.Tzdb[zone])]);
        return known;
    }

    private static bool Overlap(Interval one, Interval other) => one.Start < other.End && other.Start < one.End;

    private static IEnumerable<Positioned<T>> Of<T>(IEnumerable<Known> known) where T : LedgerEvent =>
        known.Where(fact => fact.Event is T).Select(fact => new Positioned<T>(fact.Position, (T)fact.Event));
}
