using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>
/// What the charges of one point of an account rest on, as known before the position of a run: its month up to the end
/// of the day and the months that are looked back at, and nobody else's facts. On which of these days it was settled
/// follows from the account's other points too, so it is not of runs where that makes a difference
/// (<see cref="Settlement.CountsSettledDays"/>).
/// </summary>
/// <param name="Recorded">As the settlement reads it.</param>
/// <param name="Reasons">The same with the reasons for each period's energy.</param>
/// <param name="Read">As whoever asks reads it.</param>
public sealed record SettledMonth(PointMonth Recorded, ReasonedMonth Reasons, PointMonth Read)
{
    /// <param name="read">How whoever asks reads the facts of a day.</param>
    /// <exception cref="InvalidOperationException">The tariff charges nothing beside energy.</exception>
    public static async Task<SettledMonth> GatherAsync(IJournal journal, SettlementRunCompleted run,
        SettledSeries series, Func<PointFacts, PointFacts> read, CancellationToken ct)
    {
        var (tariff, facts) = (series.Tariff, new KnownFacts(journal, run.AtPosition, ct));
        var terms = tariff.Terms ?? throw new InvalidOperationException(
            $"tariff {tariff.Tariff} charges nothing beside energy");
        IReadOnlyList<PointFacts> points = [series.Point];
        var recorded = await MonthsOfPoints.GatherAsync(facts, run.Account, tariff, terms, run.Day, points, null)
            .ConfigureAwait(false);
        var again = await MonthsOfPoints.GatherAsync(facts, run.Account, tariff, terms, run.Day, points, null, read)
            .ConfigureAwait(false);
        var reasons = await MonthsOfPoints.ReasonedAsync(facts, run.Account, tariff, terms, run.Day, points, null)
            .ConfigureAwait(false);
        return new(recorded[0], reasons[series.Point.Registered.Point], again[0]);
    }
}
