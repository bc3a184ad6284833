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
                page = reading.Page(stream, from, acknowledgedLength());
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

    /// <summary>A connection with its two prepared queries; used by one reader at a time.</summary>
    private sealed class Reading : IDisposable
    {
        private readonly SqliteCommand all, ofStream;
        private readonly RecentTexts texts = new();

        public Reading(SqliteConnection connection)
        {
            Connection = connection;
            all = Prepare("""
                SELECT position, header, payload FROM events
                WHERE position >= $from AND position < $length ORDER BY position LIMIT $rows
                """);
            ofStream = Prepare("""
                SELECT position, header, payload FROM events
                WHERE stream = (SELECT key FROM streams WHERE name = $stream)
                  AND revision >= $from AND position < $length
                ORDER BY revision LIMIT $rows
                """);
            ofStream.Parameters.Add(new SqliteParameter("$stream", SqliteType.Text));
        }

        public SqliteConnection Connection { get; }

        private SqliteCommand Prepare(string sql)
        {
            var command = Connection.CreateCommand();
            command.CommandText = sql;
            command.Parameters.AddWithValue("$from", 0L);
            command.Parameters.AddWithValue("$length", 0L);
            command.Parameters.AddWithValue("$rows", RowsMax);
            return command;
        }

        public List<RecordedEvent> Page(string? stream, long from, long length)
        {
            var query = stream is null ? all : ofStream;
            query.Parameters[0].Value = from;
            query.Parameters[1].Value = length;
            if (stream is not null) query.Parameters[3].Value = stream;
            var page = new List<RecordedEvent>();
            using var rows = query.ExecuteReader();
            while (rows.Read()) page.Add(Event(rows));
            return page;
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
            ofStream.Dispose();
            Connection.Dispose();
        }
    }
}
