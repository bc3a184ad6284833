using NodaTime;
using NodaTime.TimeZones;

namespace Ledger.Domain;

/// <summary>What kind of limit holds without an order.</summary>
public enum StandingLimitKind
{
    /// <summary>The connection agreement's power at the grid connection.</summary>
    ConnectionLimit = 1,
    /// <summary>What the transformer bears.</summary>
    TransformerLimit = 2,
    /// <summary>The contracted demand: a limit of the mean power of each settlement period.</summary>
    ContractDemand = 3,
    /// <summary>A schedule of limits that the distribution operator issues ahead of time.</summary>
    OperatingEnvelope = 4,
}

/// <summary>
/// One step of an operating envelope, which holds until the next: from an instant on,
/// or every day from a local time on.
/// <paramref name="Most"/> null: no limit from here.
/// </summary>
public sealed record LimitStep(Instant? At, LocalTime? Daily, Power? Most);

/// <summary>
/// A standing limit of one settlement point and direction, from <paramref name="From"/> until <paramref name="Until"/>
/// (null: without end). It is one power, or, for an envelope, steps; <paramref name="Zone"/> is that of daily steps.
/// <paramref name="Source"/> names the agreement or message that says so.
/// </summary>
public sealed record StandingLimitSet(
    SettlementPointId Point, StandingLimitKind Kind, Direction Direction, Power? Most, IReadOnlyList<LimitStep> Steps,
    string? Zone, Instant From, Instant? Until, string Source) : LedgerEvent;

/// <summary>Of what a limit is, and who says so.</summary>
public readonly record struct LimitPlace(
    SettlementPointId Point, StandingLimitKind Kind, Direction Direction, string Source)
{
    public static LimitPlace Of(StandingLimitSet limit) => new(limit.Point, limit.Kind, limit.Direction, limit.Source);
}

/// <summary>Every limit of one settlement point, in the order of recording.</summary>
public sealed record StandingLimitState(IReadOnlyList<StandingLimitSet> Set)
{
    public static readonly StandingLimitState Empty = new([]);
}

/// <summary>
/// The rule of standing limits: of overlapping limits of one kind and direction the later recorded one holds for its
/// interval, also where its steps say that there is no limit. The same content again, its source included, is already
/// recorded, so a limit that is set back names another source. Of an event of OpenADR nothing is recorded behind a
/// later version, and the newest one holds alone, for both directions: what an earlier one said beyond it is no longer
/// said.
/// </summary>
public static class StandingLimit
{
    // A daily step at a time that the clock skips begins after the skip; of two such times the earlier one counts.
    private static readonly ZoneLocalMappingResolver DailyStep =
        Resolvers.CreateMappingResolver(Resolvers.ReturnEarlier, Resolvers.ReturnStartOfIntervalAfter);

    /// <summary>The natural key of the n-th limit of a point, counted from 1.</summary>
    public static EvidenceKey Key(SettlementPointId point, int ordinal) => new($"limit/{point}/{ordinal}");

    /// <summary>Guards in order of their codes: range, zone, interval, power, one form, order of steps; then versions.
    /// </summary>
    /// <param name="now">Nobody modifies an event in time to come: such a version would lock out those that follow.
    /// </param>
    public static Decision Decide(StandingLimitState state, StandingLimitSet limit, Instant now)
    {
        Power?[] powers = [limit.Most, .. limit.Steps.Select(step => step.Most)];
        if (powers.Any(power => power < Power.Zero))
            return new Decision.Rejected(Rejection.OutOfRange,
                "a limit is never negative: its direction says which way");
        if (limit.Steps.Any(step => step.Daily is not null) && !SettlementCalendar.TryZone(limit.Zone, out _))
            return new Decision.Rejected(Rejection.UnknownZone,
                $"daily steps need a time zone; none is named '{limit.Zone}'");
        if (limit.Until <= limit.From)
            return new Decision.Rejected(Rejection.IntervalEmpty,
                $"it ends at {limit.Until}, which is not after {limit.From}");
        if (powers.Any(power => power > new Power(Limits.PowerMilliwattsMax)))
            return new Decision.Rejected(Rejection.PowerAboveLimit,
                $"a limit is at most {new Power(Limits.PowerMilliwattsMax)}");
        if (limit.Most is null == (limit.Steps.Count == 0)
            || (limit.Steps.Count > 0 && limit.Kind != StandingLimitKind.OperatingEnvelope))
            return new Decision.Rejected(Rejection.LimitFormUnclear,
                "it is one power or, for an operating envelope only, steps");
        if (!AreInOrder(limit.Steps))
            return new Decision.Rejected(Rejection.LimitStepsOutOfOrder,
                "steps are all daily or all dated, each after the one before");
        if (state.Set.Any(known => Same(known, limit))) return new Decision.AlreadyRecorded();
        if (OpenAdrVersion.Of(limit.Source)?.ModifiedAt is { } modified && Limits.IsInTheFuture(modified, now))
            return new Decision.Rejected(Rejection.ReadInTheFuture, $"modified at {modified}");
        return Newer(state, limit) is { } newer
            ? new Decision.Rejected(Rejection.AlreadySuperseded, $"{newer} is recorded, which is a later version")
            : new Decision.Accepted(NewFact.At(limit, limit.From, Key(limit.Point, state.Set.Count + 1)));
    }

    /// <summary>The later version of the same event that has set a limit here, of either direction; messages overtake
    /// each other.</summary>
    private static OpenAdrVersion? Newer(StandingLimitState state, StandingLimitSet limit) =>
        OpenAdrVersion.Of(limit.Source) is not { } version ? null
            : state.Set.Where(known => known.Kind == limit.Kind).Select(known => OpenAdrVersion.Of(known.Source))
                .FirstOrDefault(known => known is not null && version.IsOlderThan(known));

    public static StandingLimitState Evolve(StandingLimitState state, LedgerEvent happened) =>
        happened is StandingLimitSet limit ? new([.. state.Set, limit]) : state;

    /// <summary>
    /// What holds within a window, of one kind and direction: stretches in order that do not overlap; where there is no
    /// limit there is none.
    /// </summary>
    /// <param name="limits">Of one point, in the order of recording, and of every kind and direction: the newest
    /// version of an event may be of another one.</param>
    public static IReadOnlyList<LimitStretch> InForce(
        IEnumerable<StandingLimitSet> limits, StandingLimitKind kind, Direction direction, Interval window)
    {
        var inForce = new List<LimitStretch>();
        foreach (var limit in Standing(limits, LimitPlace.Of)
            .Where(limit => limit.Kind == kind && limit.Direction == direction))
        {
            var from = Instant.Max(limit.From, window.Start);
            var to = limit.Until is { } until ? Instant.Min(until, window.End) : window.End;
            if (from >= to) continue;
            inForce = [.. inForce.SelectMany(held => Outside(held, from, to)), .. Stretches(limit, from, to)];
        }
        return [.. inForce.OrderBy(stretch => stretch.During.Start)];
    }

    /// <summary>Those that no later version of the same event stands for: of an event what its newest one says of a
    /// point and kind, of equally new ones the last recorded.</summary>
    /// <param name="limits">Each point's in the order of recording, and so they come out.</param>
    public static IReadOnlyList<TLimit> Standing<TLimit>(IEnumerable<TLimit> limits, Func<TLimit, LimitPlace> placeOf)
    {
        var all = limits.Select(limit => (Limit: limit, Place: placeOf(limit))).ToList();
        var newest = new Dictionary<(string, ProgrammeId, SettlementPointId, StandingLimitKind), OpenAdrVersion>();
        foreach (var (_, place) in all)
            if (OpenAdrVersion.Of(place.Source) is { } version
                && !(newest.TryGetValue(Of(version, place), out var known) && version.IsOlderThan(known)))
                newest[Of(version, place)] = version;
        var found = new HashSet<(OpenAdrVersion, LimitPlace)>();
        return [.. Enumerable.Reverse(all).Where(each => Stands(each.Place)).Reverse().Select(each => each.Limit)];

        bool Stands(LimitPlace place) => OpenAdrVersion.Of(place.Source) is not { } version
            || (newest[Of(version, place)] == version && found.Add((version, place with { Source = "" })));

        static (string, ProgrammeId, SettlementPointId, StandingLimitKind) Of(
            OpenAdrVersion version, LimitPlace place) =>
            (version.Event, version.Programme, place.Point, place.Kind);
    }

    private static IEnumerable<LimitStretch> Outside(LimitStretch held, Instant from, Instant to)
    {
        var (start, end) = (held.During.Start, held.During.End);
        if (start < from) yield return held with { During = new(start, Instant.Min(end, from)) };
        if (end > to) yield return held with { During = new(Instant.Max(start, to), end) };
    }

    private static IEnumerable<LimitStretch> Stretches(StandingLimitSet limit, Instant from, Instant to)
    {
        if (limit.Most is { } constant) return [new(new Interval(from, to), constant)];
        var steps = Dated(limit, from, to).ToList();
        return steps.Select((step, i) =>
                (Start: Instant.Max(step.At, from), End: i + 1 < steps.Count
                    ? Instant.Min(steps[i + 1].At, to) : to, step.Most))
            .Where(step => step.Start < step.End && step.Most is not null)
            .Select(step => new LimitStretch(new Interval(step.Start, step.End), step.Most!.Value));
    }

    // From the day before on, because its last step holds past midnight.
    private static IEnumerable<(Instant At, Power? Most)> Dated(StandingLimitSet limit, Instant from, Instant to)
    {
        if (limit.Steps[0].Daily is null) return limit.Steps.Select(step => (step.At!.Value, step.Most));
        var zone = DateTimeZoneProviders.Tzdb[limit.Zone!];
        var (first, last) = (from.InZone(zone).Date.PlusDays(-1), to.InZone(zone).Date);
        return Enumerable.Range(0, Period.DaysBetween(first, last) + 1)
            .SelectMany(day => limit.Steps.Select(step =>
                (zone.ResolveLocal(first.PlusDays(day) + step.Daily!.Value, DailyStep).ToInstant(), step.Most)));
    }

    private static bool AreInOrder(IReadOnlyList<LimitStep> steps)
    {
        if (steps.Any(step => step.At is null == step.Daily is null || step.At is null != steps[0].At is null))
            return false;
        return steps.Zip(steps.Skip(1))
            .All(pair => pair.First.At < pair.Second.At || pair.First.Daily < pair.Second.Daily);
    }

    // Steps are compared by what they hold.
    private static bool Same(StandingLimitSet a, StandingLimitSet b) =>
        a with { Steps = b.Steps } == b && a.Steps.SequenceEqual(b.Steps);
}
