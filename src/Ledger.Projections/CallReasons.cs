using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What the payment of a call, or of power held ready, follows from, with the position of each fact: as known
/// before a position, by the streams from which it is derived and the rules of a statement's version.</summary>
internal sealed class CallReasons(
    IJournal journal, Answers answers, long position, string ruleVersion, CancellationToken ct)
{
    private readonly KnownFacts known = new(journal, position, ct);
    private readonly Dictionary<Instant, WaysToGrid> ways = [];
    private readonly Dictionary<DeclaredOn, ReadyPoint> declared = [];
    private readonly Dictionary<DeclaredOn, IReadOnlyList<ReadyPoint>> onItsWay = [];

    /// <summary>A point in a programme on a day.</summary>
    private readonly record struct DeclaredOn(ProgrammeId Programme, SettlementPointId Point, Interval Day);

    /// <summary>Null where the call has no terms by which it could be paid.</summary>
    public async Task<ReasonedCall?> OfAsync(InstructionId instruction)
    {
        if (await Deliveries.PaidAsync(journal, answers, instruction, position, ruleVersion, ct)
            .ConfigureAwait(false) is not { Terms: { } terms } delivered) return null;
        var shares = new List<ReasonedShare>();
        foreach (var share in delivered.Shares)
        {
            var (periods, owner, zone) = (new List<ReasonedCallPeriod>(), (PartyId?)null, "");
            foreach (var point in share.Points)
            {
                var registered = await BaselineCalculations.RegisteredAsync(known, point, delivered.Order.Period)
                    .ConfigureAwait(false);
                if (owner is null) (owner, zone) = (registered!.Owner, registered.Zone);
                periods.AddRange(await PeriodsAsync(delivered, registered!).ConfigureAwait(false));
            }
            shares.Add(new(share.Paid, terms.Programme.Payee ?? owner!.Value, zone, share.Statement is not null,
                periods)
            {
                WhyNoPenalty = share.WhyNoPenalty,
                TakesPart = [.. delivered.TakesPart.Where(each => share.Points.Contains(each.Point))
                    .Select(each => each.By).OfType<Positioned<PointEnrolled>>()],
            });
        }
        var pack = terms.Scoring is not { } scoring ? null : await FindAsync<RulePackPublished>(
            Streams.RulePack(scoring.Pack), each => each.Version == scoring.Version).ConfigureAwait(false);
        return new(
            (await FindAsync<DispatchInstructed>(Streams.Instruction(instruction), _ => true).ConfigureAwait(false))!,
            (await FindAsync<ProgrammePublished>(Streams.Programme(terms.Programme.Programme),
                each => each.Version == terms.Programme.Version).ConfigureAwait(false))!, pack, shares)
        {
            HoldsOfEachPoint = Settlement.CountsEachPoint(ruleVersion),
            AllowsByTerms = Settlement.CountsAsAgreed(ruleVersion),
        };
    }

    /// <summary>What is known of a point in a programme that pays for power held ready, with what is declared on the
    /// day at points before it and behind it as they lie when it begins; the views are asked which to look at.
    /// </summary>
    public async Task<ReadyPoint> ReadyAsync(ProgrammeId programme, SettlementPointId point, Interval day)
    {
        var ready = await DeclaredAsync(new(programme, point, day)).ConfigureAwait(false);
        if (ready.Declared.Count == 0 || !Settlement.CountsReadyOnce(ruleVersion)) return ready;
        var open = new Queue<SettlementPointId>([point]);
        var (beside, pairs) = (new SortedDictionary<SettlementPointId, ReadyPoint>(),
            new HashSet<(SettlementPointId, SettlementPointId)>());
        while (open.TryDequeue(out var next))
            foreach (var other in await OnItsWayAsync(new(programme, next, day)).ConfigureAwait(false))
            {
                pairs.UnionWith([(next, other.Point), (other.Point, next)]);
                if (other.Point != point && beside.TryAdd(other.Point, other)) open.Enqueue(other.Point);
            }
        return ready with { Beside = [.. beside.Values], OnOneWay = pairs };
    }

    /// <summary>Those before a point and behind it at which something is declared on the day, found once: all points of
    /// a station lie beside its connection, and each of them asks.</summary>
    private async Task<IReadOnlyList<ReadyPoint>> OnItsWayAsync(DeclaredOn asked)
    {
        if (onItsWay.TryGetValue(asked, out var found)) return found;
        if (!ways.TryGetValue(asked.Day.Start, out var way)) ways[asked.Day.Start] = way = new(known, asked.Day.Start);
        var others = new List<ReadyPoint>();
        foreach (var other in answers.Beside.Of(asked.Point))
            if (await way.LieOnOneAsync(asked.Point, other).ConfigureAwait(false)
                && await DeclaredAsync(asked with { Point = other }).ConfigureAwait(false)
                    is { Declared.Count: > 0 } ready
                && (await known.PointInForceAsync(other, asked.Day.Start).ConfigureAwait(false))?.Event
                    is SettlementPointRegistered { Owner: var owner }) others.Add(ready with { Owner = owner });
        return onItsWay[asked] = others;
    }

    /// <summary>What of a point's declarations and enrolments decides the pay of a day.</summary>
    private async Task<ReadyPoint> DeclaredAsync(DeclaredOn asked)
    {
        if (declared.TryGetValue(asked, out var kept)) return kept;
        var (versions, facts) = (await known.ReadAsync(Streams.Programme(asked.Programme)).ConfigureAwait(false),
            await known.ReadAsync(Streams.Enrolment(asked.Point)).ConfigureAwait(false));
        var takesPart = facts.Where(each => each.Event is PointEnrolled or EnrolmentEnded).ToList();
        return declared[asked] = new(
            [.. versions.Select(each =>
                new Positioned<ProgrammePublished>(each.Position, (ProgrammePublished)each.Event))],
            takesPart.Aggregate(EnrolmentState.Empty, (state, each) => Enrolments.Evolve(state, each.Event)),
            asked.Point,
            [.. facts.Where(each => each.Event is AvailabilityDeclared { Period: var period } of
                    && of.Programme == asked.Programme && period.Start < asked.Day.End
                    && asked.Day.Start < period.End)
                .Select(each =>
                    new Positioned<AvailabilityDeclared>(each.Position, (AvailabilityDeclared)each.Event))])
        {
            RecordedAt = versions.Where(_ => Settlement.CountsInTime(ruleVersion))
                .ToDictionary(each => each.Position, each => NextSecond(each.RecordedAt)),
            TakesPart = [.. takesPart.Select(each => new Positioned<LedgerEvent>(each.Position, each.Event))],
        };
    }

    /// <summary>The energy of a stretch counts microseconds, and a clock shows finer ones.</summary>
    private static Instant NextSecond(Instant at) => Instant.FromUnixTimeSeconds(
        (at + Duration.FromSeconds(1) - Duration.Epsilon).ToUnixTimeSeconds());

    /// <summary>The point as it is registered at the start of its day, and that day; null where it is not.</summary>
    public async Task<(SettlementPointRegistered Registered, Interval Day)?> DayOfAsync(
        SettlementPointId point, LocalDate day)
    {
        var end = day.PlusDays(1).AtMidnight().InUtc().ToInstant();
        if ((await known.PointInForceAsync(point, end).ConfigureAwait(false))?.Event
            is not SettlementPointRegistered { Zone: var zone }) return null;
        var whole = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day);
        return (await known.PointInForceAsync(point, whole.Start).ConfigureAwait(false))?.Event
            is SettlementPointRegistered registered ? (registered, whole) : null;
    }

    private async Task<IEnumerable<ReasonedCallPeriod>> PeriodsAsync(
        Delivered delivered, SettlementPointRegistered registered)
    {
        var (point, load) = (registered.Point, new PointLoad(registered));
        var baseline = await FindAsync<BaselineFrozen>(Streams.Baselines(delivered.Order.Instruction),
            each => each.Point == point).ConfigureAwait(false);
        var (periods, days) = (new List<ReasonedCallPeriod>(), new Dictionary<LocalDate, PointFacts>());
        foreach (var period in delivered.Periods.Where(period => period.Point == point))
        {
            var day = load.DayOf(period.Period.Start);
            if (!days.TryGetValue(day, out var facts))
                days[day] = facts = (await load.FactsAsync(known, day).ConfigureAwait(false))!;
            var held = new List<ExplainedValue>();
            foreach (var each in delivered.Held.Where(each => each.Point == point && each.Period == period.Period))
                held.Add(ExplainedValue.Of((await FindAsync<DeliveryClaimed>(Streams.Claims(point),
                    claim => claim.Claim == each.Claim).ConfigureAwait(false))!.Position,
                    $"held by {each.Programme}", "kWh", RowJson.Text(each.Kwh)));
            periods.Add(new(point, period.Period, baseline, Energy(facts, Direction.Import, period.Period)!,
                Energy(facts, Direction.Export, period.Period), held, period.Unproven is null));
        }
        return periods;
    }

    /// <summary>The energy of a period, explained; null where the point has no lines of that direction.</summary>
    private static ExplainedValue? Energy(PointFacts day, Direction direction, Interval period)
    {
        if (!day.Directions.Contains(direction)) return null;
        var index = day.Periods.Index().First(each => each.Item == period).Index;
        var (point, rated) = (day.Registered.Point, day.Registered.Rated);
        var said = MeteredDay.Of(point, direction, day.Periods, day.Metered, rated)[index].Metered;
        return new MeteredReasons(point, direction, day.Periods, day.Metered, rated).Of(index, said);
    }

    /// <summary>The last fact of a stream that is meant, with its position; null where there is none.</summary>
    private async Task<Positioned<TFact>?> FindAsync<TFact>(string stream, Func<TFact, bool> isMeant)
        where TFact : LedgerEvent =>
        (await known.ReadAsync(stream).ConfigureAwait(false)).Where(each => each.Event is TFact fact && isMeant(fact))
            .Select(each => new Positioned<TFact>(each.Position, (TFact)each.Event)).LastOrDefault();
}
