using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The interval records of a point, as they are read from the journal.</summary>
public static class CurveRecords
{
    /// <summary>The latest version of each record that has some time of a window, as known after a position; in order
    /// of time.</summary>
    /// <param name="position">Null: as known now.</param>
    public static async Task<IReadOnlyCollection<IntervalRecorded>> LatestAsync(
        IJournal journal, SettlementPointId point, Interval window, long? position, CancellationToken ct)
    {
        var latest = new SortedDictionary<Instant, IntervalRecorded>();
        // A settlement day is named by its local date, which is at most a day from the one in UTC.
        for (var day = window.Start.InUtc().Date.PlusDays(-1); day <= window.End.InUtc().Date.PlusDays(1);
            day = day.PlusDays(1))
            await foreach (var recorded in journal.ReadStreamAsync(Streams.Curve(point, day), 0, ct)
                .ConfigureAwait(false))
            {
                if (recorded.Position > position) break;
                if (EventCodec.Decode(recorded) is IntervalRecorded record && record.Period.Start < window.End
                    && record.Period.End > window.Start
                    && (!latest.TryGetValue(record.Period.Start, out var known) || known.Version < record.Version))
                    latest[record.Period.Start] = record;
            }
        return latest.Values;
    }
}
