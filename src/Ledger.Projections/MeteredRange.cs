using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What is settled of a point in one settlement period; <paramref name="Export"/> is null where the point
/// cannot export and no fact says that it did.</summary>
public sealed record MeteredPeriod(MeteredQuantity Import, MeteredQuantity? Export)
{
    public Interval Period => Import.Period;

    /// <summary>The worse of both directions.</summary>
    public ReadingQuality Quality =>
        Export is { } other && other.Quality > Import.Quality ? other.Quality : Import.Quality;
}

/// <summary>One settlement day of a point: its edges, and its periods in order.</summary>
public sealed record MeteredDayOfPoint(Interval Whole, int PeriodMinutes, IReadOnlyList<MeteredPeriod> Periods);

/// <summary>
/// What was metered of a settlement point over many days, as known before a position, by the rule of a statement
/// (<see cref="MeteredDay"/>) and in its days (<see cref="PointDays"/>), but that a curve with a hole proves no period: whoever is handed a number cannot see
/// what it leaves out. Days come one after another and are not kept, so a long range needs no more memory than a month
/// and the point's registers.
/// </summary>
public static class MeteredRange
{
    /// <summary>Days whose streams are kept together; those of the point and its registers are read once for all
    /// days.</summary>
    private const int DaysTogether = 31;

    /// <summary>The days from <paramref name="from"/> to <paramref name="to"/>, both included, on which the point is
    /// registered.</summary>
    public static async IAsyncEnumerable<MeteredDayOfPoint> DaysAsync(IJournal journal, SettlementPointId point,
        LocalDate from, LocalDate to, long position, [EnumeratorCancellation] CancellationToken ct)
    {
        var (known, left) = (new KnownFacts(journal, position, ct), DaysTogether);
        for (var day = from; day <= to; day = day.PlusDays(1))
        {
            if (left-- == 0)
            {
                known.ForgetDays();
                left = DaysTogether - 1;
            }
            if (await DayAsync(known, point, day).ConfigureAwait(false) is { } metered) yield return metered;
        }
    }

    /// <summary>The settlement periods that lie wholly in a time, in order.</summary>
    public static async Task<IReadOnlyList<MeteredPeriod>> WithinAsync(
        IJournal journal, SettlementPointId point, Interval time, long position, CancellationToken ct)
    {
        var periods = new List<MeteredPeriod>();
        // A settlement day is named by its local date, which is at most a day from the one in UTC.
        await foreach (var day in DaysAsync(journal, point, time.Start.InUtc().Date.PlusDays(-1),
            time.End.InUtc().Date.PlusDays(1), position, ct).ConfigureAwait(false))
            periods.AddRange(day.Periods.Where(each => each.Period.Start >= time.Start && each.Period.End <= time.End));
        return periods;
    }

    private static async Task<MeteredDayOfPoint?> DayAsync(KnownFacts known, SettlementPointId point, LocalDate day)
    {
        var standing = await SettlementFacts.StandingAsync(known, point).ConfigureAwait(false);
        if (!PointDays.TryPeriods(standing, day, out var periods, out _)) return null;
        var registered = PointDays.VersionOf(standing, day)!.Registered;
        var facts = await new PointLoad(registered).FactsAsync(known, day, periods).ConfigureAwait(false);
        var whole = new Interval(periods[0].Start, periods[^1].End);
        var byStart = facts.Quantities().ToLookup(quantity => quantity.Period.Start);
        return new(whole, registered.PeriodMinutes, [.. facts.Periods.Select(period => new MeteredPeriod(
            byStart[period.Start].First(each => each.Direction == Direction.Import),
            byStart[period.Start].FirstOrDefault(each => each.Direction == Direction.Export)))]);
    }
}
