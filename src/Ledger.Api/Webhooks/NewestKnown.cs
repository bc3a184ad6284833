using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>
/// Until when something is known of a point: by its stream, or by its interval records. The end of a record says it
/// only where its curve goes that far; a period that has only begun is known until what is missing at its end begins.
/// </summary>
/// <param name="newestOf">When the newest sample of a point was taken, as far as streams say it.</param>
internal sealed class NewestKnown(OpenLedger ledger, Func<SettlementPointId, Instant?> newestOf)
{
    private const int KnownMax = 10_000;
    /// <summary>No settlement period is longer, so what holds at an instant starts within so long before it.</summary>
    private static readonly Duration LongestPeriod = Duration.FromHours(1);

    private sealed record CoveredRow(Instant Start, Instant End, int Version, long CoveredMicroseconds)
    {
        public bool IsWhole => Duration.FromTicks(CoveredMicroseconds * 10) == End - Start;
    }

    /// <summary>Of records with something missing, by point and start: as of which version, and until when.</summary>
    private readonly Dictionary<(SettlementPointId Point, Instant Start), (int Version, Instant Until)> known = [];

    /// <summary>The newest instant between two of which something is known; the first where nothing later is.</summary>
    /// <param name="now">What a stream dates later says nothing.</param>
    public async Task<Instant> BetweenAsync(
        SettlementPointId point, Instant first, Instant last, Instant now, CancellationToken ct)
    {
        CoveredRow? latest = null;
        new Answers(ledger.Views).ScanRecords(point, new Interval(first - LongestPeriod, last + Duration.Epsilon), null,
            json =>
            {
                var row = RowJson.Read<CoveredRow>(Encoding.UTF8.GetString(json))!;
                if (row.CoveredMicroseconds > 0) latest = row;
            });
        var newest = first;
        if (newestOf(point) is { } streamed && streamed <= now)
        {
            newest = Instant.Max(newest, Instant.Min(streamed, last));
            // Of the period in which its newest sample lies the stream itself says more than the record.
            if (latest is not null && streamed >= latest.Start && streamed < latest.End) return newest;
        }
        if (latest is null || latest.End <= newest) return newest;
        return Instant.Max(newest, Instant.Min(await UntilAsync(point, latest, ct).ConfigureAwait(false), last));
    }

    private async Task<Instant> UntilAsync(SettlementPointId point, CoveredRow row, CancellationToken ct)
    {
        if (row.IsWhole) return row.End;
        if (known.TryGetValue((point, row.Start), out var before) && before.Version == row.Version) return before.Until;
        var record = (await CurveRecords.LatestAsync(ledger.Journal, point, new(row.Start, row.End), null, ct)
            .ConfigureAwait(false)).FirstOrDefault(one => one.Period.Start == row.Start);
        var until = record is null ? row.Start : row.End;
        // What is missing at the end may be in pieces, of which each has a cause of its own.
        while (record?.Gaps.FirstOrDefault(gap => gap.Missing.End == until) is { } gap) until = gap.Missing.Start;
        if (known.Count >= KnownMax) known.Clear();
        known[(point, row.Start)] = (row.Version, until);
        return until;
    }
}
