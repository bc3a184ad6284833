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
    private const int LeavesMax = 4096; // read at once
    private const int IdleMax = 16; // connections; each has a page cache of up to 2 MB
    private readonly ConcurrentBag<Reading> idle = [];
    private readonly string path = Path.Combine(options.Directory, SqliteJournal.FileName);
    private readonly StreamPositions positions = new(
        owned is not null ? _ => owned() : connection => IndexRuns.Open(
            Path.Combine(options.Directory, IndexRuns.FolderName),
            position => JournalTables.LeafAt(connection, position)),
        LookedThrough * options.IndexedTogether);
    private volatile bool closed;

    public IAsyncEnumerable<RecordedEvent> StreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        ReadAsync(stream, fromRevision, ct);

    public IAsyncEnumerable<RecordedEvent> AllAsync(long fromPosition, CancellationToken ct) =>
        ReadAsync(null, fromPosition, ct);

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

    private async IAsyncEnumerable<RecordedEvent> ReadAsync(
        string? stream, long from, [EnumeratorCancellation] CancellationToken ct)
    {
        var reading = Take();
        try
        {
            List<RecordedEvent> page;
            do
            {
                ct.ThrowIfCancellationRequested();
                page = stream is null ? reading.Page(from, acknowledgedLength())
                    : reading.Page(stream, from, acknowledgedLength(), positions);
                foreach (var recorded in page) yield return recorded;
                if (page.Count > 0) from = (stream is null ? page[^1].Position : page[^1].Envelope.Revision) + 1;
                await Task.CompletedTask;
            } while (page.Count == RowsMax);
        }
        finally
        {
            Return(reading);
        }
    }

    private Reading Take()
    {
        ObjectDisposedException.ThrowIf(closed, this);
        return idle.TryTake(out var reading) ? reading : new Reading(JournalTables.ConnectForReading(path));
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

    /// <summary>A connection with its prepared queries; used by one reader at a time. A file in which no journal was
    /// begun has no tables: so each is prepared when it is asked first.</summary>
    private sealed class Reading(SqliteConnection connection) : IDisposable
    {
        private readonly RecentTexts texts = new();
        private SqliteStatement? all, one, keyOf;

        public SqliteConnection Connection { get; } = connection;

        public List<RecordedEvent> Page(long from, long length)
        {
            all ??= new(Connection, "SELECT position, header, payload FROM events "
                + $"WHERE position >= ?1 AND position < ?2 ORDER BY position LIMIT {RowsMax}");
            var page = new List<RecordedEvent>();
            all.Bind(1, from);
            all.Bind(2, length);
            using var asked = all.Asked();
            while (all.IsRow()) page.Add(Event(all));
            return WholePage.Of(page, from, Math.Min(length, from + RowsMax));
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
                page.Add(one.IsRow() ? Event(one)
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

        private RecordedEvent Event(SqliteStatement row)
        {
            var position = row.Int64(0);
            var payload = row.Blob(2).ToArray();
            var (envelope, payloadLength) = EnvelopeBytes.Read(row.Blob(1), texts);
            if (payloadLength != payload.Length)
                throw new JournalRefusedException(
                    $"position {position} has {payload.Length} bytes of payload, its header says {payloadLength}");
            return new RecordedEvent(position, envelope, payload);
        }

        public void Dispose()
        {
            foreach (var statement in (SqliteStatement?[])[all, one, keyOf]) statement?.Dispose();
            Connection.Dispose();
        }
    }
}
