using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What a charging session asked for at <paramref name="RequestedAt"/>: when its vehicle comes, by when it leaves, and
/// how much it is to have by then. A session is known by its point and arrival; of several requests of one session the
/// latest counts, and of two for one instant the later recorded.
/// </summary>
/// <param name="Departure">As planned; another vehicle's arrival ends the session earlier.</param>
/// <param name="VehicleMax">The most that the vehicle takes; null where it did not say.</param>
public sealed record SessionRequested(
    SettlementPointId Point, Instant RequestedAt, Instant Arrival, Instant Departure, Energy Requested,
    Power? VehicleMax, string Source) : LedgerEvent;

/// <summary>
/// When a request may be recorded, and what its session would have drawn (market rules §2.1, proposal b). Nobody knows
/// how a session that was never steered would have been steered, so it is charged at once: from its arrival at the
/// least of what the vehicle takes, the point is rated for and the contract allows, until it has what it asked for or
/// leaves.
/// </summary>
public static class SessionRequests
{
    /// <summary>Longest stay of one session, so that a reader knows how far back to look (ours).</summary>
    public const int StayDaysMax = 31;

    private const long NanosecondsPerHour = 3_600_000_000_000;

    /// <summary>Guards in order of their codes: range, time, interval, power, too late.</summary>
    public static Decision Decide(SessionRequested asked, Instant now, EvidenceKey evidence)
    {
        if (asked.Requested < Energy.Zero)
            return Refuse(Rejection.OutOfRange, $"a requested energy is not negative, as {asked.Requested} is");
        if (asked.VehicleMax <= Power.Zero)
            return Refuse(Rejection.OutOfRange, $"a vehicle takes some power, not {asked.VehicleMax}");
        if (asked.Departure - asked.Arrival > Duration.FromDays(StayDaysMax))
            return Refuse(Rejection.OutOfRange,
                $"a session lasts at most {StayDaysMax} days, not from {asked.Arrival} to {asked.Departure}");
        if (Limits.IsInTheFuture(asked.RequestedAt, now))
            return Refuse(Rejection.ReadInTheFuture, $"requested at {asked.RequestedAt}");
        if (asked.Departure <= asked.Arrival)
            return Refuse(Rejection.IntervalEmpty, $"it leaves at {asked.Departure}, and comes at {asked.Arrival}");
        if (asked.VehicleMax?.Milliwatts > Limits.PowerMilliwattsMax)
            return Refuse(Rejection.PowerAboveLimit,
                $"a vehicle takes at most {new Power(Limits.PowerMilliwattsMax)}, not {asked.VehicleMax}");
        return asked.RequestedAt >= asked.Departure
            ? Refuse(Rejection.DeclaredTooLate, $"leaves {asked.Departure}, requested {asked.RequestedAt}")
            : new Decision.Accepted(new NewFact(asked, new Interval(asked.Arrival, asked.Departure), evidence));
    }

    /// <summary>
    /// The sessions of a point as known by an instant, in order of arrival: the latest request of each, until it leaves
    /// or the next one comes. <paramref name="requests"/> are in the order of recording.
    /// </summary>
    public static IReadOnlyList<SessionRequested> KnownBy(IEnumerable<SessionRequested> requests, Instant by)
    {
        var sessions = requests.Where(asked => asked.RequestedAt <= by).GroupBy(asked => asked.Arrival)
            .Select(session => session.OrderBy(asked => asked.RequestedAt).Last()).OrderBy(asked => asked.Arrival)
            .ToList();
        return [.. sessions.Select((session, i) => i + 1 < sessions.Count
            ? session with { Departure = Instant.Min(session.Departure, sessions[i + 1].Arrival) } : session)];
    }

    /// <summary>The mean power in kW that the sessions would have drawn in each period; nothing where none of them is
    /// there in any.</summary>
    /// <param name="mostKw">What the point and its contract allow, kW.</param>
    public static IReadOnlyList<decimal> MeanKilowatts(
        IReadOnlyList<SessionRequested> sessions, IReadOnlyList<Interval> periods, decimal mostKw) =>
        !periods.Any(period => sessions.Any(session => IsThere(session, period))) ? []
        : [.. periods.Select(period =>
            sessions.Sum(session => Drawn(session, mostKw, period.End) - Drawn(session, mostKw, period.Start))
                * NanosecondsPerHour / period.Duration.ToInt64Nanoseconds())];

    /// <summary>Whether a session is there in some of a period.</summary>
    public static bool IsThere(SessionRequested session, Interval period) =>
        session.Arrival < period.End && period.Start < session.Departure;

    // kWh from its arrival to an instant.
    private static decimal Drawn(SessionRequested session, decimal mostKw, Instant to)
    {
        var until = Instant.Min(to, session.Departure);
        if (until <= session.Arrival) return 0;
        var power = Math.Min(mostKw, session.VehicleMax?.Kilowatts ?? mostKw);
        // Twelve decimals hold every energy that is read, exactly.
        return Math.Min(session.Requested.ToDecimalKwh(12), Baseline.EnergyOver(power, until - session.Arrival));
    }

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
