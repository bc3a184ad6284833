using System.Runtime.CompilerServices;
using Ledger.Journal;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The reading side of the journal on PostgreSQL: page by page, so that no long read holds a snapshot, and only as far
/// as events are acknowledged.
/// </summary>
internal sealed class StoredEvents(PostgresLedger ledger, Func<long> acknowledgedLength)
{
    private const int RowsMax = 1024;
    private const int LeavesMax = 8192; // read at once
    private readonly string all = $"""
        SELECT position, header, payload FROM {ledger.Schema}.events
        WHERE position >= $1 AND position < $2 ORDER BY position
        """;
    private readonly string ofStream = $"""
        SELECT position, header, payload FROM {ledger.Schema}.events
        WHERE stream = (SELECT key FROM {ledger.Schema}.streams WHERE name = $3) AND revision >= $1 AND position < $2
        ORDER BY revision LIMIT {RowsMax}
        """;

    /// <summary>All events; each page is fetched while the one before it is looked at.</summary>
    public async IAsyncEnumerable<RecordedEvent> AllAsync(
        long from, [EnumeratorCancellation] CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var next = NextAsync(from, left.Token);
        try
        {
            while (from < acknowledgedLength())
            {
                var page = await next.ConfigureAwait(false);
                next = NextAsync(from + page.Count, left.Token);
                foreach (var recorded in page)
                {
                    if (recorded.Position != from)
                        throw new JournalRefusedException($"the event at position {from} is missing");
                    yield return recorded;
                    from++;
                }
            }
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false); // who reads no further fetches no more
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>The next page; empty where all is read that is acknowledged.</summary>
    private async Task<List<RecordedEvent>> NextAsync(long from, CancellationToken ct)
    {
        var to = Math.Min(acknowledgedLength(), from + RowsMax);
        if (from >= to) return [];
        var page = await PageAsync(all, from, to, null, ct).ConfigureAwait(false);
        return page.Count > 0 ? page : throw new JournalRefusedException($"the event at position {from} is missing");
    }

    public async IAsyncEnumerable<RecordedEvent> StreamAsync(
        string stream, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        List<RecordedEvent> page;
        do
        {
            page = await PageAsync(ofStream, from, acknowledgedLength(), stream, ct).ConfigureAwait(false);
            foreach (var recorded in page) yield return recorded;
            if (page.Count > 0) from = page[^1].Envelope.Revision + 1;
        } while (page.Count == RowsMax);
    }

    /// <summary>The stored leaf entries from one position until before another.</summary>
    public IEnumerable<byte[]> Leaves(long from, long to)
    {
        for (List<byte[]> page; from < to; from += page.Count)
        {
            page = LeafPage(from, Math.Min(to, from + LeavesMax));
            if (page.Count == 0) throw new JournalRefusedException($"the leaf at position {from} is missing");
            foreach (var leaf in page) yield return leaf;
        }
    }

    private List<byte[]> LeafPage(long from, long to)
    {
        using var command = ledger.Connections.CreateCommand(
            $"SELECT leaf FROM {ledger.Schema}.events WHERE position >= $1 AND position < $2 ORDER BY position");
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = to });
        using var rows = command.ExecuteReader();
        var page = new List<byte[]>();
        while (rows.Read()) page.Add(rows.GetFieldValue<byte[]>(0));
        return page;
    }

    private async Task<List<RecordedEvent>> PageAsync(
        string sql, long from, long to, string? stream, CancellationToken ct)
    {
        var command = ledger.Connections.CreateCommand(sql);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = to });
            if (stream is not null) command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
            var (page, texts) = (new List<RecordedEvent>(), new RecentTexts());
            var rows = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                // A page is in memory once its first row is there: to wait for each row would cost more than the row.
                while (await rows.ReadAsync(ct).ConfigureAwait(false)) page.Add(Event(rows, texts));
                return page;
            }
        }
    }

    private static RecordedEvent Event(NpgsqlDataReader row, RecentTexts texts)
    {
        var position = row.GetInt64(0);
        var payload = row.GetFieldValue<byte[]>(2);
        var (envelope, payloadLength) = EnvelopeBytes.Read(row.GetFieldValue<byte[]>(1), texts);
        if (payloadLength != payload.Length)
            throw new JournalRefusedException(
                $"position {position} has {payload.Length} bytes of payload, its header says {payloadLength}");
        return new RecordedEvent(position, envelope, payload);
    }
}
