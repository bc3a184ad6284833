using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What was recorded in a month, in UTC: one stretch of positions, which never changes once it is over.
/// </summary>
public static class RecordedMonth
{
    public static Instant Start(YearMonth month) => month.OnDayOfMonth(1).AtMidnight().InUtc().ToInstant();

    public static Instant End(YearMonth month) => Start(month.OnDayOfMonth(1).PlusMonths(1).ToYearMonth());

    /// <summary>The positions of a month: from the first to before the second.</summary>
    public static async Task<(long From, long To)> PositionsAsync(
        IJournal journal, YearMonth month, CancellationToken ct) =>
        (await BeforeAsync(journal, Start(month), ct).ConfigureAwait(false),
            await BeforeAsync(journal, End(month), ct).ConfigureAwait(false));

    private static async Task<long> BeforeAsync(IJournal journal, Instant at, CancellationToken ct) =>
        1 + await Replay.PositionAtAsync(journal, at - Duration.Epsilon, ct).ConfigureAwait(false);
}
