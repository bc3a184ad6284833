using System.Runtime.InteropServices;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// Puts events into their table, sixteen of them with one run of a statement: it looks for the end of the table once
/// and not for each row. SQLite reads their bytes where they are put for it, and copies only what is long. For one
/// thread at a time.
/// </summary>
internal sealed class EventInserts : IDisposable
{
    private const int Columns = 7, Together = 16;
    private const int LongBytes = 4096; // what has more is copied by SQLite
    private readonly SqliteStatement insertMany, insertOne;
    private readonly byte[] bytes = GC.AllocateUninitializedArray<byte>( // which stay where they are
        Together * (EventId.Bytes + MerkleTree.HashBytes + (2 * LongBytes)), pinned: true);
    private readonly nint address;

    public EventInserts(sqlite3 database)
    {
        address = Marshal.UnsafeAddrOfPinnedArrayElement(bytes, 0);
        insertMany = new(database, Insertion(Together));
        insertOne = new(database, Insertion(1));
    }

    private static string Insertion(int rows) => "INSERT INTO events VALUES"
        + string.Join(",", Enumerable.Repeat($"({string.Join(",", Enumerable.Repeat("?", Columns))})", rows));

    /// <summary>Inserts events that follow each other.</summary>
    public void Insert(ReadOnlySpan<PlacedEvent> events)
    {
        for (; events.Length >= Together; events = events[Together..]) Insert(insertMany, events[..Together]);
        for (; events.Length > 0; events = events[1..]) Insert(insertOne, events[..1]);
    }

    private void Insert(SqliteStatement statement, ReadOnlySpan<PlacedEvent> events)
    {
        var (parameter, at) = (0, 0);
        foreach (ref readonly var placed in events)
        {
            statement.Bind(++parameter, placed.Position);
            statement.Bind(++parameter, placed.StreamKey);
            statement.Bind(++parameter, placed.Envelope.Revision);
            placed.Envelope.Id.CopyTo(bytes.AsSpan(at));
            statement.BindInPlace(++parameter, address + at, EventId.Bytes);
            at += EventId.Bytes;
            Bind(statement, ++parameter, placed.Header, ref at);
            Bind(statement, ++parameter, placed.Payload, ref at);
            Bind(statement, ++parameter, placed.Leaf, ref at);
        }
        statement.Run();
    }

    private void Bind(SqliteStatement statement, int parameter, byte[] value, ref int at)
    {
        if (value.Length is 0 or > LongBytes)
        {
            statement.Bind(parameter, value);
            return;
        }
        value.CopyTo(bytes, at);
        statement.BindInPlace(parameter, address + at, value.Length);
        at += value.Length;
    }

    public void Dispose()
    {
        insertMany.Dispose();
        insertOne.Dispose();
    }
}
