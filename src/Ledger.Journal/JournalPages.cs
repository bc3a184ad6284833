using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Ledger.Domain;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// The reading side of journal.db. Events are read page by page, so that no long read holds a snapshot of the database,
/// and only as far as they are acknowledged; connections are read-only, and idle ones wait for the next reader.
/// </summary>
internal sealed class JournalPages(string path, Func<long> acknowledgedLength) : IDisposable
{
    private const int RowsMax = 512;
    private const int FirstRows = 16; // many ask for one event, and who reads on is given more of them each time
    private const int LeavesMax = 4096; // read at once
    private const int UsualHeaderMax = 1024; // bytes
    private const int IdleMax = 16; // each has one or two connections with a page cache of up to 2 MB
    private readonly ConcurrentBag<Reading> idle = [];
    private readonly RecentPositions recent = new();
    private volatile bool closed;

    public IAsyncEnumerable<RecordedEvent> StreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        new PagedEvents(PagesAsync(stream, fromRevision, ct));

    public IAsyncEnumerable<RecordedEvent> AllAsync(long fromPosition, CancellationToken ct) =>
        new PagedEvents(PagesAsync(null, fromPosition, ct));

    /// <summary>Runs a read of the tables on a connection that changes nothing.</summary>
    public T With<T>(Func<SqliteConnection, T> read)
    {
        var reading = Take();
        try
        {
            return read(reading.Connection);
        }
        finally
        {
            Return(reading);
        }
    }

    /// <summary>The stored leaf entries from one position until before another, page by page.</summary>
    public IEnumerable<byte[]> Leaves(long from, long to)
    {
        for (IReadOnlyList<byte[]> page; from < to; from += page.Count)
        {
            page = With(connection => JournalTables.Leaves(connection, from, Math.Min(to, from + LeavesMax)));
            if (page.Count == 0) throw new JournalRefusedException($"the leaf at position {from} is missing");
            foreach (var leaf in page) yield return leaf;
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> PagesAsync(
        string? stream, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        var (reading, rows) = (Take(), stream is null ? FirstRows : RowsMax);
        try
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                var page = stream is null ? reading.Page(from, acknowledgedLength(), rows)
                    : reading.Page(stream, from, acknowledgedLength(), recent);
                yield return page;
                if (page.Count < rows) break;
                from = (stream is null ? page[^1].Position : page[^1].Envelope.Revision) + 1;
                rows = Math.Min(RowsMax, 2 * rows);
                await Task.CompletedTask;
            }
        }
        finally
        {
            Return(reading);
        }
    }

    private Reading Take()
    {
        ObjectDisposedException.ThrowIf(closed, this);
        return idle.TryTake(out var reading) ? reading : new Reading(path);
    }

    private void Return(Reading reading)
    {
        if (!closed && idle.Count < IdleMax) idle.Add(reading);
        else reading.Dispose();
        if (closed) Dispose();
    }

    public void Dispose()
    {
        closed = true;
        while (idle.TryTake(out var reading)) reading.Dispose();
    }

    /// <summary>Connections with their prepared queries; used by one reader at a time. A file in which no journal was
    /// begun has no tables: so each is prepared when it is asked first.</summary>
    private sealed class Reading(string path) : IDisposable
    {
        private readonly RecentTexts texts = new();
        private readonly SharedBytes payloads = new();
        private byte[] header = new byte[UsualHeaderMax];
        private SqliteReading? unshared; // of all events
        private SqliteConnection? connection; // of all else
        private SqliteStatement? all, one, keyOf, ofStream;
        private bool isIndexApart; // known once ofStream is

        public SqliteConnection Connection => connection ??= JournalTables.ConnectForReading(path);

        public List<RecordedEvent> Page(long from, long length, int rows)
        {
            all ??= new((unshared ??= new(path)).Database, "SELECT position, header, payload FROM events "
                + "WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3");
            all.Bind(1, from);
            all.Bind(2, length);
            all.Bind(3, rows);
            var page = new List<RecordedEvent>(rows);
            using var asked = all.Asked();
            while (all.IsRow()) page.Add(Event(all));
            return page;
        }

        public List<RecordedEvent> Page(string stream, long fromRevision, long length, RecentPositions recent)
        {
            var page = new List<RecordedEvent>();
            if (KeyOf(stream) is not { } key) return page;
            one ??= new(Connection, "SELECT position, header, payload FROM events WHERE position = ?1");
            foreach (var position in Positions(key, fromRevision, length, recent))
            {
                one.Bind(1, position);
                using var asked = one.Asked();
                page.Add(one.IsRow() ? Event(one)
                    : throw new JournalRefusedException($"position {position} of {stream} is missing"));
            }
            return page;
        }

        private long? KeyOf(string stream)
        {
            keyOf ??= new(Connection, "SELECT key FROM streams WHERE name = ?1");
            keyOf.Bind(1, stream);
            using var asked = keyOf.Asked();
            return keyOf.IsRow() ? keyOf.Int64(0) : null;
        }

        /// <summary>What is recent is asked first: what is indexed meanwhile is then found by the index.</summary>
        private List<long> Positions(long stream, long fromRevision, long length, RecentPositions recent)
        {
            if (ofStream is null)
            {
                isIndexApart = LateIndexTable.Streams.IsIn(Connection);
                ofStream = new(Connection, $"SELECT position FROM {LateIndexTable.Streams.TableOf(Connection)} "
                    + $"WHERE stream = ?1 AND revision >= ?2 AND position < ?3 ORDER BY revision LIMIT {RowsMax}");
            }
            var last = isIndexApart ? recent.Of(Connection, stream, fromRevision, length, RowsMax) : [];
            var positions = new List<long>();
            ofStream.Bind(1, stream);
            ofStream.Bind(2, fromRevision);
            ofStream.Bind(3, length);
            using (ofStream.Asked())
                while (ofStream.IsRow()) positions.Add(ofStream.Int64(0));
            foreach (var (revision, position) in last)
                if (positions.Count < RowsMax && revision == fromRevision + positions.Count && position < length)
                    positions.Add(position);
            return positions;
        }

        private RecordedEvent Event(SqliteStatement row)
        {
            var (position, headerLength) = (row.Int64(0), row.BytesOf(1));
            if (header.Length < headerLength) header = new byte[headerLength];
            row.CopyTo(1, header, 0, headerLength);
            var payload = payloads.Take(row.BytesOf(2));
            row.CopyTo(2, payload.Array!, payload.Offset, payload.Count);
            var (envelope, payloadLength) = EnvelopeBytes.Read(header.AsSpan(0, headerLength), texts);
            if (payloadLength != payload.Count)
                throw new JournalRefusedException(
                    $"position {position} has {payload.Count} bytes of payload, its header says {payloadLength}");
            return new RecordedEvent(position, envelope, payload);
        }

        public void Dispose()
        {
            foreach (var statement in (SqliteStatement?[])[all, one, keyOf, ofStream]) statement?.Dispose();
            unshared?.Dispose();
            connection?.Dispose();
        }
    }
}
