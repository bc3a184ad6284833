using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal.Indexing;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// The reading side of journal.db. Events are read page by page, so that no long read holds a snapshot of the database,
/// and only as far as they are acknowledged; connections are read-only, and idle ones wait for the next reader.
/// </summary>
/// <param name="acknowledgedLength">How many events are acknowledged now.</param>
/// <param name="owned">The index, where its owner is at hand; else it is looked for in the folder.</param>
internal sealed class JournalPages(
    SqliteJournalOptions options, Func<long> acknowledgedLength, Func<IndexRuns>? owned = null) : IDisposable
{
    private const int LookedThrough = 4; // times what is indexed together
    private const int RowsMax = 512;
    private const int FirstRows = 16; // many ask for one event, and who reads on is given more of them each time
    private const int LeavesMax = 4096; // read at once
    private const int UsualHeaderMax = 1024; // bytes; what is longer has room of its own
    private const int UsualPayloadMax = 4096; // bytes, likewise
    private const int IdleMax = 16; // each has one or two connections with a page cache of up to 2 MB
    private readonly ConcurrentBag<Reading> idle = [];
    private readonly string path = Path.Combine(options.Directory, SqliteJournal.FileName);
    private readonly StreamPositions positions = new(
        owned is not null ? _ => owned() : connection => IndexRuns.Open(
            Path.Combine(options.Directory, IndexRuns.FolderName),
            position => JournalTables.LeafAt(connection, position)),
        LookedThrough * options.IndexedTogether);
    private volatile bool closed;

    public IAsyncEnumerable<RecordedEvent> StreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        new PagedEvents(PagesAsync(stream, fromRevision, ct));

    public EventPages AllAsync(long fromPosition, CancellationToken ct) => new AllEvents(this, fromPosition, ct);

    private sealed class AllEvents(JournalPages pages, long from, CancellationToken ct) : EventPages
    {
        public override IAsyncEnumerable<IReadOnlyList<T>> MadeAsync<T>(EventMaker<T> make) =>
            pages.PagesAsync(from, _ => make, ct);

        public override IAsyncEnumerator<RecordedEvent> GetAsyncEnumerator(
            CancellationToken cancellationToken = default) =>
            new PagedEvents(pages.PagesAsync<RecordedEvent>(from, reading => reading.Kept, ct))
                .GetAsyncEnumerator(cancellationToken);
    }

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
            var until = Math.Min(to, from + LeavesMax);
            page = With(connection =>
                WholePage.Of(JournalTables.Leaves(connection, from, until), connection, from, until));
            foreach (var leaf in page) yield return leaf;
        }
    }

    /// <param name="makerOf">What makes of each event what the caller needs, by who reads it.</param>
    private async IAsyncEnumerable<IReadOnlyList<T>> PagesAsync<T>(
        long from, Func<Reading, EventMaker<T>> makerOf, [EnumeratorCancellation] CancellationToken ct)
    {
        from = Math.Max(0, from);
        var (reading, rows) = (Take(), FirstRows);
        try
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                var page = reading.Page(from, acknowledgedLength(), rows, makerOf(reading));
                yield return page;
                if (page.Count < rows) break;
                from += page.Count;
                rows = Math.Min(RowsMax, 2 * rows);
                await Task.CompletedTask;
            }
        }
        finally
        {
            Return(reading);
        }
    }

    private async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> PagesAsync(
        string stream, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        var reading = Take();
        try
        {
            while (true)
            {
                ct.ThrowIfCancellationRequested();
                var page = reading.Page(stream, from, acknowledgedLength(), positions);
                yield return page;
                if (page.Count < RowsMax) break;
                from = page[^1].Envelope.Revision + 1;
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
        positions.Dispose();
    }

    /// <summary>Connections with their prepared queries; used by one reader at a time. A file in which no journal was
    /// begun has no tables: so each is prepared when it is asked first.</summary>
    private sealed class Reading(string path) : IDisposable
    {
        private readonly RecentTexts texts = new();
        private readonly SharedBytes payloads = new();
        private readonly byte[] header = new byte[UsualHeaderMax], payload = new byte[UsualPayloadMax];
        private SqliteReading? unshared; // of all events
        private SqliteConnection? connection; // of all else
        private SqliteStatement? all, one, keyOf;

        public SqliteConnection Connection => connection ??= JournalTables.ConnectForReading(path);

        public List<T> Page<T>(long from, long length, int rows, EventMaker<T> make)
        {
            all ??= new((unshared ??= new(path)).Database, "SELECT position, header, payload FROM events "
                + "WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT ?3");
            all.Bind(1, from);
            all.Bind(2, length);
            all.Bind(3, rows);
            var page = new List<T>(rows);
            using var asked = all.Asked();
            while (all.IsRow())
            {
                var stored = Event(all);
                WholePage.Check(stored.Position, from + page.Count);
                page.Add(make(stored));
            }
            WholePage.Check(page.Count, from, Math.Min(length, from + rows));
            return page;
        }

        public List<RecordedEvent> Page(string stream, long fromRevision, long length, StreamPositions positions)
        {
            var page = new List<RecordedEvent>();
            if (KeyOf(stream) is not { } key) return page;
            one ??= new(Connection, "SELECT position, header, payload FROM events WHERE position = ?1");
            foreach (var position in positions.Of(Connection, key, fromRevision, length, RowsMax))
            {
                one.Bind(1, position);
                using var asked = one.Asked();
                page.Add(one.IsRow() ? Kept(Event(one))
                    : throw new JournalRefusedException($"position {position} of {stream} is missing"));
            }
            return WholePage.Of(page, stream, fromRevision);
        }

        private long? KeyOf(string stream)
        {
            keyOf ??= new(Connection, "SELECT key FROM streams WHERE name = ?1");
            keyOf.Bind(1, stream);
            using var asked = keyOf.Asked();
            return keyOf.IsRow() ? keyOf.Int64(0) : null;
        }

        /// <summary>The event itself, for who keeps it.</summary>
        public RecordedEvent Kept(in PassingEvent stored)
        {
            var kept = payloads.Take(stored.Payload.Length);
            stored.Payload.CopyTo(kept);
            return stored.Kept(kept);
        }

        private PassingEvent Event(SqliteStatement row) =>
            new(row.Int64(0), Copied(row, 1, header), Copied(row, 2, payload), texts);

        /// <summary>The bytes of a column, until the next row is read.</summary>
        /// <param name="room">Where they are put, if there is room for them.</param>
        private static ReadOnlySpan<byte> Copied(SqliteStatement row, int column, byte[] room)
        {
            var bytes = row.BytesOf(column);
            if (bytes > room.Length) room = GC.AllocateUninitializedArray<byte>(bytes);
            row.CopyTo(column, room, 0, bytes);
            return room.AsSpan(0, bytes);
        }

        public void Dispose()
        {
            foreach (var statement in (SqliteStatement?[])[all, one, keyOf]) statement?.Dispose();
            unshared?.Dispose();
            connection?.Dispose();
        }
    }
}
