using NodaTime;

namespace Ledger.Domain;

/// <summary>A settlement point was out of service for a time, as <paramref name="Source"/> observed it.</summary>
public sealed record OutageRecorded(SettlementPointId Point, Interval Period, string Source) : LedgerEvent;

/// <summary>
/// When an outage may be recorded, and which days it makes outage days. Whether a baseline leaves those out is its
/// pack's rule (market rules §2.1: exclusions).
/// </summary>
public static class Outages
{
    /// <summary>Longest outage of one fact (ours); a longer one is several.</summary>
    public const int DaysMax = 366;

    /// <summary>Guards in order of their codes. Nobody observes what is to come, so an outage is recorded up to
    /// now.</summary>
    public static Decision Decide(OutageRecorded outage, Instant now, EvidenceKey evidence) =>
        outage.Period.Duration > Duration.FromDays(DaysMax)
            ? Refuse(Rejection.OutOfRange, $"one outage lasts at most {DaysMax} days")
        : Limits.IsInTheFuture(outage.Period.End, now)
            ? Refuse(Rejection.ReadInTheFuture, $"observed until {outage.Period.End}")
        : outage.Period.Duration <= Duration.Zero ? Refuse(Rejection.IntervalEmpty, "the outage is empty")
        : new Decision.Accepted(new NewFact(outage, outage.Period, evidence));

    /// <summary>Those of some local days on which the point was out of service, however shortly: no load of such a day
    /// is what it would have been.</summary>
    public static IReadOnlySet<LocalDate> Days(
        IEnumerable<OutageRecorded> outages, DateTimeZone zone, IEnumerable<LocalDate> days)
    {
        var periods = outages.Select(outage => outage.Period).ToList();
        return days.Where(day =>
        {
            var whole = SettlementCalendar.Day(zone, day);
            return periods.Exists(outage => outage.Start < whole.End && whole.Start < outage.End);
        }).ToHashSet();
    }

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
