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
    private const int LeavesMax = 4096; // read at once
    private const int IdleMax = 16; // connections; each has a page cache of up to 2 MB
    private readonly ConcurrentBag<Reading> idle = [];
    private readonly RecentPositions recent = new();
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
            page = With(connection => JournalTables.Leaves(connection, from, Math.Min(to, from + LeavesMax)));
            if (page.Count == 0) throw new JournalRefusedException($"the leaf at position {from} is missing");
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
                    : reading.Page(stream, from, acknowledgedLength(), recent);
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
    }

    /// <summary>A connection with its prepared queries; used by one reader at a time.</summary>
    private sealed class Reading(SqliteConnection connection) : IDisposable
    {
        private readonly SqliteCommand all = Prepare(connection, $"""
            SELECT position, header, payload FROM events
            WHERE position >= $from AND position < $length ORDER BY position LIMIT {RowsMax}
            """, "$from", "$length");
        private readonly SqliteCommand one = Prepare(connection,
            "SELECT position, header, payload FROM events WHERE position = $position", "$position");
        private readonly SqliteCommand keyOf = Prepare(connection,
            "SELECT key FROM streams WHERE name = $stream", "$stream");
        private readonly RecentTexts texts = new();
        private SqliteCommand? ofStream; // once it is known where the index is
        private bool isIndexApart;

        public SqliteConnection Connection { get; } = connection;

        private static SqliteCommand Prepare(SqliteConnection connection, string sql, params string[] parameters)
        {
            var command = connection.CreateCommand();
            command.CommandText = sql;
            foreach (var name in parameters) command.Parameters.Add(new SqliteParameter(name, null));
            return command;
        }

        private static SqliteCommand Set(SqliteCommand command, params ReadOnlySpan<object> values)
        {
            for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
            return command;
        }

        public List<RecordedEvent> Page(long from, long length)
        {
            var page = new List<RecordedEvent>();
            using var rows = Set(all, from, length).ExecuteReader();
            while (rows.Read()) page.Add(Event(rows));
            return page;
        }

        public List<RecordedEvent> Page(string stream, long fromRevision, long length, RecentPositions recent)
        {
            var page = new List<RecordedEvent>();
            if (Set(keyOf, stream).ExecuteScalar() is not long key) return page;
            foreach (var position in Positions(key, fromRevision, length, recent))
            {
                using var row = Set(one, position).ExecuteReader();
                page.Add(row.Read() ? Event(row)
                    : throw new JournalRefusedException($"position {position} of {stream} is missing"));
            }
            return page;
        }

        /// <summary>What is recent is asked first: what is indexed meanwhile is then found by the index.</summary>
        private List<long> Positions(long stream, long fromRevision, long length, RecentPositions recent)
        {
            if (ofStream is null)
            {
                isIndexApart = LateIndexTable.Streams.IsIn(Connection);
                ofStream = Prepare(Connection, $"""
                    SELECT position FROM {LateIndexTable.Streams.TableOf(Connection)}
                    WHERE stream = $stream AND revision >= $from AND position < $length
                    ORDER BY revision LIMIT {RowsMax}
                    """, "$stream", "$from", "$length");
            }
            var last = isIndexApart ? recent.Of(Connection, stream, fromRevision, length, RowsMax) : [];
            var positions = new List<long>();
            using (var rows = Set(ofStream, stream, fromRevision, length).ExecuteReader())
                while (rows.Read()) positions.Add(rows.GetInt64(0));
            foreach (var (revision, position) in last)
                if (positions.Count < RowsMax && revision == fromRevision + positions.Count && position < length)
                    positions.Add(position);
            return positions;
        }

        private RecordedEvent Event(SqliteDataReader row)
        {
            var position = row.GetInt64(0);
            var payload = row.GetFieldValue<byte[]>(2);
            var (envelope, payloadLength) = EnvelopeBytes.Read(row.GetFieldValue<byte[]>(1), texts);
            if (payloadLength != payload.Length)
                throw new JournalRefusedException(
                    $"position {position} has {payload.Length} bytes of payload, its header says {payloadLength}");
            return new RecordedEvent(position, envelope, payload);
        }

        public void Dispose()
        {
            all.Dispose();
            one.Dispose();
            keyOf.Dispose();
            ofStream?.Dispose();
            Connection.Dispose();
        }
    }
}
