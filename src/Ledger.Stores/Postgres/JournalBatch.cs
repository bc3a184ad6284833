using Ledger.Journal;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>
/// A batch of events on its way into the journal's table, and the connection of its transaction. Each event is sent
/// when it has its place, so the server reads it while the next one is hashed; it stores a thousand together, and at
/// the end what is left.
/// </summary>
internal sealed class JournalBatch(string schema, NpgsqlConnection connection)
{
    private const int Columns = 7;
    private readonly PlacedBatch events = new();
    private readonly List<(long Key, string Name)> begun = [];
    private readonly DurableCommit durable = new(connection);
    private NpgsqlTransaction? transaction;
    private BinaryCopy? copying;

    public NpgsqlConnection Connection => connection;
    public long First { get; private set; }
    public long Count => events.Count;

    /// <summary>The streams that begin in it.</summary>
    public IReadOnlyList<(long Key, string Name)> Begun => begun;

    public StoredEvent? Find(EventId id) => events.Find(id);

    public void Clear()
    {
        events.Clear();
        begun.Clear();
    }

    public void Add(in PlacedEvent next)
    {
        if (events.Count == 0) Open(next.Position);
        var envelope = next.Envelope;
        events.Add(next);
        if (envelope.Revision == 0) begun.Add((next.StreamKey, envelope.Stream));
        copying!.StartRow(Columns);
        copying.Write(next.Position);
        copying.Write(next.StreamKey);
        copying.Write(envelope.Revision);
        copying.Write(envelope.Id);
        copying.Write(next.Header);
        copying.Write(next.Payload);
        copying.Write(next.Leaf);
    }

    private void Open(long position)
    {
        First = position;
        transaction = connection.BeginTransaction();
        copying = new(
            connection, $"{schema}.events (position, stream, revision, id, header, payload, leaf)");
    }

    /// <summary>
    /// Returns when it is durable. All of it is done by the thread that calls, which waits for the server and for
    /// nothing else: a transaction whose next step had to wait for a busy process would be ended by the server.
    /// </summary>
    /// <param name="beside">Writes what else belongs into the transaction.</param>
    public void Commit(Action<NpgsqlTransaction> beside)
    {
        copying!.Complete();
        copying.Dispose();
        copying = null;
        beside(transaction!);
        durable.Commit(transaction!);
        transaction!.Dispose();
        transaction = null;
    }

    /// <summary>Gives up what is not committed.</summary>
    public void RollBack()
    {
        try
        {
            copying?.Dispose();
            transaction?.Dispose();
        }
        catch (Exception gone) when (gone is NpgsqlException or IOException or InvalidOperationException)
        {
            // The connection is gone, and the transaction with it.
        }
        (copying, transaction) = (null, null);
    }

    public static Guid Uuid(EventId id) => new(id.ToBytes(), bigEndian: true);
}
