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
    private const int RowsMax = 4096, RowsOfStreamMax = 1024;
    private const int FirstRows = 16, MoreTimes = 4; // many ask for one event; who reads on is given more each time
    private const int ReadOnFrom = 256; // who has read so many is fetched the next page before he asks for it
    private const int OnItsThreadMin = 1024; // rows beside which it counts for nothing to begin a thread
    private const long BytesUsual = 2 * 1024 * 1024; // of a page's payloads: where each is large it has fewer rows
    private const int LeavesMax = 8192; // read at once
    private readonly string ofStream = $"""
        SELECT position, header, payload FROM {ledger.Schema}.events
        WHERE stream = (SELECT key FROM {ledger.Schema}.streams WHERE name = $3) AND revision >= $1 AND position < $2
        ORDER BY revision LIMIT {RowsOfStreamMax}
        """;

    public IAsyncEnumerable<RecordedEvent> AllAsync(long from, CancellationToken ct) =>
        new PagedEvents(PagesAsync(from, ct));

    /// <summary>All events; but for the first ones each page is fetched while the one before it is looked at.</summary>
    private async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> PagesAsync(
        long from, [EnumeratorCancellation] CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var (copied, next) = (new CopiedEvents(ledger), (Task<List<RecordedEvent>>?)null);
        try
        {
            for (var (rows, begin) = (FirstRows, from); from < acknowledgedLength();)
            {
                var page = await (next ?? NextAsync(copied, from, rows, left.Token)).ConfigureAwait(false);
                var there = 0;
                while (there < page.Count && page[there].Position == from + there) there++;
                from += there;
                rows = RowsAfter(page, rows);
                next = from - begin >= ReadOnFrom ? NextAsync(copied, from, rows, left.Token) : null;
                yield return there == page.Count ? page : page.GetRange(0, there);
                if (there < page.Count) throw Missing(from);
            }
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false); // who reads no further fetches no more
            if (next is not null) await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>How many rows the next page has.</summary>
    private static int RowsAfter(List<RecordedEvent> page, int rows)
    {
        var bytesOfOne = 1 + (page.Sum(recorded => (long)recorded.Payload.Length) / Math.Max(1, page.Count));
        return (int)Math.Clamp(BytesUsual / bytesOfOne, FirstRows, Math.Min(RowsMax, MoreTimes * rows));
    }

    /// <summary>The next page; empty where all is read that is acknowledged.</summary>
    private async Task<List<RecordedEvent>> NextAsync(CopiedEvents copied, long from, int rows, CancellationToken ct)
    {
        var to = Math.Min(acknowledgedLength(), from + rows);
        if (from >= to) return [];
        var page = await (to - from >= OnItsThreadMin
            ? copied.PageOnItsThreadAsync(from, to, ct) : copied.PageAsync(from, to, ct)).ConfigureAwait(false);
        return page.Count > 0 ? page : throw Missing(from);
    }

    private static JournalRefusedException Missing(long position) => new($"the event at position {position} is missing");

    public async IAsyncEnumerable<RecordedEvent> StreamAsync(
        string stream, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        List<RecordedEvent> page;
        do
        {
            page = await PageAsync(stream, from, acknowledgedLength(), ct).ConfigureAwait(false);
            foreach (var recorded in page)
            {
                if (recorded.Envelope.Revision != from)
                    throw new JournalRefusedException($"revision {from} of {stream} is missing");
                yield return recorded;
                from++;
            }
        } while (page.Count == RowsOfStreamMax);
    }

    /// <summary>The stored leaf entries from one position until before another.</summary>
    public IEnumerable<byte[]> Leaves(long from, long to)
    {
        while (from < to)
        {
            var until = Math.Min(to, from + LeavesMax);
            foreach (var (position, leaf) in LeafPage(from, until))
            {
                if (position != from) break;
                yield return leaf;
                from++;
            }
            if (from < until) throw new JournalRefusedException($"the leaf at position {from} is missing");
        }
    }

    private List<(long Position, byte[] Leaf)> LeafPage(long from, long to)
    {
        using var command = ledger.Connections.CreateCommand($"""
            SELECT position, leaf FROM {ledger.Schema}.events WHERE position >= $1 AND position < $2 ORDER BY position
            """);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = to });
        using var rows = command.ExecuteReader();
        var page = new List<(long, byte[])>();
        while (rows.Read()) page.Add((rows.GetInt64(0), rows.GetFieldValue<byte[]>(1)));
        return page;
    }

    private async Task<List<RecordedEvent>> PageAsync(string stream, long from, long to, CancellationToken ct)
    {
        var command = ledger.Connections.CreateCommand(ofStream);
        await using (command.ConfigureAwait(false))
        {
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = from });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = to });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
            var page = new List<RecordedEvent>();
            var rows = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
            await using (rows.ConfigureAwait(false))
            {
                // A page is in memory once its first row is there: to wait for each row would cost more than the row.
                while (await rows.ReadAsync(ct).ConfigureAwait(false))
                    page.Add(Event(rows.GetInt64(0), EnvelopeBytes.Read(rows.GetFieldValue<byte[]>(1)),
                        rows.GetFieldValue<byte[]>(2)));
                return page;
            }
        }
    }

    /// <summary>The event of a row, whose payload is as long as its header says.</summary>
    public static RecordedEvent Event(
        long position, (Envelope Envelope, int PayloadLength) header, ReadOnlyMemory<byte> payload) =>
        header.PayloadLength == payload.Length ? new(position, header.Envelope, payload)
            : throw new JournalRefusedException(
                $"position {position} has {payload.Length} bytes of payload, its header says {header.PayloadLength}");
}
