using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What <paramref name="DeclaredBy"/> said at <paramref name="DeclaredAt"/> that a settlement point will draw in the
/// settlement periods from <paramref name="Start"/> on, one energy each, in one settlement day; below zero it exports.
/// Of several, the latest declared that holds a period counts there, and of two for one instant the later recorded.
/// </summary>
public sealed record ScheduleDeclared(
    SettlementPointId Point, PartyId DeclaredBy, Instant DeclaredAt, Instant Start, int PeriodMinutes,
    IReadOnlyList<Energy> Energies) : LedgerEvent
{
    /// <summary>The time that is declared, half-open.</summary>
    public Interval During => new(Start, Start + Duration.FromMinutes((long)PeriodMinutes * Energies.Count));

    /// <summary>What is declared for a period of this length; null where this says nothing of it.</summary>
    public Energy? Of(Interval period)
    {
        var length = Duration.FromMinutes(PeriodMinutes);
        if (period.Duration != length || period.Start < Start || period.End > During.End) return null;
        var elapsed = (period.Start - Start).ToInt64Nanoseconds();
        return elapsed % length.ToInt64Nanoseconds() == 0
            ? Energies[(int)(elapsed / length.ToInt64Nanoseconds())] : null;
    }
}

/// <summary>
/// When a schedule may be declared (market rules §2.1, proposal c: a declared baseline): before it begins, in the
/// point's own settlement periods, and with no more power than the point is rated for.
/// </summary>
public static class DeclaredSchedules
{
    /// <summary>The energy of a mean power over a period: 1 mW · 1 min = 6·10⁷ nJ, exact.</summary>
    public static Energy EnergyOf(Power mean, int periodMinutes) =>
        new((Int128)mean.Milliwatts * periodMinutes * 60_000_000 * 2);

    /// <summary>Guards in order of their codes: point, time, grid, day, power, number of values, too late.</summary>
    public static Decision Decide(
        SettlementPointState point, ScheduleDeclared declared, Instant now, EvidenceKey evidence)
    {
        if (point.HolderAt(declared.Start) is not { } registered)
            return Refuse(Rejection.UnknownSettlementPoint, $"{declared.Point} is not registered");
        if (Limits.IsInTheFuture(declared.DeclaredAt, now))
            return Refuse(Rejection.ReadInTheFuture, $"declared at {declared.DeclaredAt}");
        var zone = DateTimeZoneProviders.Tzdb[registered.Zone];
        var day = SettlementCalendar.DayContaining(zone, declared.Start);
        // A day has the master data of its beginning.
        registered = PointDays.VersionOf(point.Standing, day)?.Registered ?? registered;
        zone = DateTimeZoneProviders.Tzdb[registered.Zone];
        var (length, whole) = (Duration.FromMinutes(registered.PeriodMinutes), SettlementCalendar.Day(zone, day));
        if (declared.PeriodMinutes != registered.PeriodMinutes
            || (declared.Start - whole.Start).ToInt64Nanoseconds() % length.ToInt64Nanoseconds() != 0)
            return Refuse(Rejection.PeriodMisaligned,
                $"{declared.Start} in periods of {declared.PeriodMinutes} minutes is not on the grid of "
                + $"{registered.PeriodMinutes} minutes");
        if (!SettlementCalendar.TryPeriods(zone, day, registered.PeriodMinutes, out var periods, out var problem))
            return Refuse(Rejection.DayNotWholePeriods, problem);
        var most = EnergyOf(registered.Rated, registered.PeriodMinutes);
        if (declared.Energies.Any(energy => energy > most || -energy > most))
            return Refuse(Rejection.PowerAboveLimit,
                $"more than the rated {registered.Rated} in {registered.PeriodMinutes} minutes");
        var left = periods.Count(period => period.Start >= declared.Start);
        if (declared.Energies.Count < 1 || declared.Energies.Count > left)
            return Refuse(Rejection.WrongCount, $"{declared.Energies.Count} values; the day has {left} periods left");
        return declared.DeclaredAt > declared.Start
            ? Refuse(Rejection.DeclaredTooLate, $"begins {declared.Start}, declared {declared.DeclaredAt}")
            : new Decision.Accepted(new NewFact(declared, declared.During, evidence));
    }

    /// <summary>
    /// What counts in a period as declared by an instant; null where nothing was declared by then.
    /// <paramref name="declared"/> are in the order of recording.
    /// </summary>
    public static ScheduleDeclared? InForce(IEnumerable<ScheduleDeclared> declared, Interval period, Instant by) =>
        // The sort is stable: of two for one instant the later recorded one is last.
        declared.Where(schedule => schedule.DeclaredAt <= by && schedule.Of(period) is not null)
            .OrderBy(schedule => schedule.DeclaredAt).LastOrDefault();

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
