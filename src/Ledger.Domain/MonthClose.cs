using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>A day of a month, as whoever closes the month finds it.</summary>
/// <param name="HasPoints">Whether the account has anything to settle on that day.</param>
/// <param name="Holding">The run that holds; null where there is none.</param>
public sealed record MonthDay(
    LocalDate Day, bool HasPoints, SettlementRunCompleted? Holding, bool IsPublished, decimal Deltas);

/// <summary>
/// An account's month was closed: each of its days is published, and from now on only corrections follow.
/// </summary>
/// <param name="Month">The first day of the month.</param>
/// <param name="Runs">The runs that hold, in order of their days.</param>
/// <param name="Total">Of these runs and their deltas; positive where the account pays.</param>
public sealed record SettlementMonthClosed(
    PartyId Account, LocalDate Month, string ClosedBy, IReadOnlyList<RunId> Runs, decimal Total,
    string Currency) : LedgerEvent;

/// <summary>Whether an account's month is closed.</summary>
public sealed record MonthCloseState(SettlementMonthClosed? Closed)
{
    public static readonly MonthCloseState Empty = new((SettlementMonthClosed?)null);
}

/// <summary>When a month may be closed.</summary>
public static class MonthClose
{
    /// <summary>The first day of a day's month.</summary>
    public static LocalDate MonthOf(LocalDate day) => new(day.Year, day.Month, 1);

    /// <summary>Guards in order of their codes: already closed, the month not over, a day without a published
    /// run.</summary>
    public static Decision Decide(
        MonthCloseState state, PartyId account, LocalDate month, string by, IReadOnlyList<MonthDay> days, Instant now)
    {
        if (state.Closed is not null) return new Decision.AlreadyRecorded();
        var zone = DateTimeZoneProviders.Tzdb[days.FirstOrDefault(day => day.Holding is not null)?.Holding!.Zone ?? "UTC"];
        var end = SettlementCalendar.Day(zone, month.PlusMonths(1)).Start;
        if (now < end) return new Decision.Rejected(Rejection.MonthNotOver, $"the month ends at {end}");
        foreach (var day in days)
            if (day.Holding is null ? day.HasPoints : !day.IsPublished)
                return new Decision.Rejected(Rejection.NotAllPublished, day.Holding is null
                    ? $"{LocalDatePattern.Iso.Format(day.Day)} has points and no settlement run"
                    : $"{day.Holding.Run} of {LocalDatePattern.Iso.Format(day.Day)} is not published");
        var runs = days.Where(day => day.Holding is not null).ToList();
        if (runs.Count == 0) return new Decision.Rejected(Rejection.NotAllPublished, "no day of the month has a run");
        if (runs.Select(day => day.Holding!.Currency).Distinct().Count() > 1)
            return new Decision.Rejected(Rejection.NotAllPublished, "the runs are in several currencies");
        return new Decision.Accepted(NewFact.At(new SettlementMonthClosed(account, month, by,
                [.. runs.Select(day => day.Holding!.Run)], runs.Sum(day => day.Holding!.Total + day.Deltas),
                runs[0].Holding!.Currency), end, new EvidenceKey($"month-close/{account}/{month.Year}-{month.Month}")));
    }

    public static MonthCloseState Evolve(MonthCloseState state, LedgerEvent happened) =>
        happened is SettlementMonthClosed closed ? new(closed) : state;
}
