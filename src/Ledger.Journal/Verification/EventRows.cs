using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal.Verification;

/// <summary>
/// All rows of the table of events in order of position, some at a time: their bytes are copied once, out of the
/// database's own pages into one buffer, where they are hashed together. What is no number or no blob in a damaged file
/// comes as SQLite makes it one.
/// </summary>
internal sealed class EventRows : IDisposable
{
    private const string Rows =
        "SELECT position, revision, stream, id, header, payload, leaf FROM events ORDER BY position";
    private const int BufferBytesUsual = 1 << 20; // after which no more rows are read at once

    private readonly sqlite3 database;
    private readonly sqlite3_stmt select;
    private readonly List<EventRow> rows = [];
    private readonly List<HashPiece> pieces = [];
    private byte[] buffer = new byte[BufferBytesUsual];
    private int used;
    private bool isDone; // a further step would begin again

    public EventRows(SqliteConnection connection)
    {
        database = connection.Handle!;
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(database, Rows, out select), database);
    }

    public ReadOnlySpan<EventRow> Read => CollectionsMarshal.AsSpan(rows);
    public ReadOnlySpan<byte> Id(in EventRow row) => buffer.AsSpan(row.IdAt, row.IdBytes);
    public ReadOnlySpan<byte> Header(in EventRow row) => buffer.AsSpan(row.HeaderAt, row.HeaderBytes);
    public ReadOnlySpan<byte> Payload(in EventRow row) => buffer.AsSpan(row.PayloadAt, row.PayloadBytes);
    public ReadOnlySpan<byte> Leaf(in EventRow row) => buffer.AsSpan(row.LeafAt, row.LeafBytes);

    /// <summary>The leaf entry as it was hashed anew.</summary>
    public ReadOnlySpan<byte> Hashed(in EventRow row) => buffer.AsSpan(row.HashedAt, MerkleTree.HashBytes);

    /// <summary>Reads up to so many rows in place of those before; false where there are no more. Where the database
    /// cannot be read on, those before are there, and it throws <see cref="SqliteException"/>.</summary>
    public bool ReadNext(long count)
    {
        rows.Clear();
        used = 0;
        while (!isDone && rows.Count < count && used < BufferBytesUsual)
        {
            var result = raw.sqlite3_step(select);
            isDone = result == raw.SQLITE_DONE;
            if (isDone) break;
            if (result != raw.SQLITE_ROW) SqliteException.ThrowExceptionForRC(result, database);
            rows.Add(Copy());
        }
        return rows.Count > 0;
    }

    private EventRow Copy()
    {
        var (position, revision, stream) = (raw.sqlite3_column_int64(select, 0), raw.sqlite3_column_int64(select, 1),
            raw.sqlite3_column_int64(select, 2));
        var (idAt, idBytes) = Copy(3);
        Take(Sha256Lanes.DigestBytes); // for the salt
        var (headerAt, headerBytes) = Copy(4);
        Take(Sha256Lanes.DigestBytes); // for the payload's digest
        var (payloadAt, payloadBytes) = Copy(5);
        buffer[Take(1)] = 0; // with which a leaf is hashed
        var (leafAt, leafBytes) = Copy(6);
        buffer[Take(1)] = 0;
        var hashedAt = Take(Sha256Lanes.DigestBytes);
        return new(position, revision, stream, idAt, idBytes, headerAt, headerBytes, payloadAt, payloadBytes, leafAt,
            leafBytes, hashedAt);
    }

    private (int At, int Bytes) Copy(int column)
    {
        var bytes = raw.sqlite3_column_blob(select, column);
        var at = Take(bytes.Length);
        bytes.CopyTo(buffer.AsSpan(at));
        return (at, bytes.Length);
    }

    private int Take(int bytes)
    {
        if (used + bytes > buffer.Length) Array.Resize(ref buffer, Math.Max(2 * buffer.Length, used + bytes));
        used += bytes;
        return used - bytes;
    }

    /// <summary>Hashes each payload, then the salts, then the leaf entries of the rows whose header could be read:
    /// SHA-256(salt ‖ header ‖ SHA-256(payload)), as <see cref="EnvelopeBytes.LeafEntry"/>.</summary>
    /// <param name="headers">Of each row; null where it could not be read.</param>
    public void Hash(ReadOnlySpan<HeaderFields?> headers, Sha256Lanes.HmacKey secret)
    {
        Run(headers, row => new(row.PayloadAt, row.PayloadBytes, row.HeaderAt + row.HeaderBytes));
        var ids = Take(16 * rows.Count);
        pieces.Clear();
        for (var i = 0; i < rows.Count; i++)
        {
            if (headers[i] is not { } header) continue;
            BinaryPrimitives.WriteUInt128BigEndian(buffer.AsSpan(ids + (16 * i)), header.Id.Value);
            pieces.Add(new(ids + (16 * i), 16, rows[i].HeaderAt - Sha256Lanes.DigestBytes));
        }
        Sha256Lanes.Authenticate(buffer, CollectionsMarshal.AsSpan(pieces), secret);
        Run(headers, row => new(row.HeaderAt - Sha256Lanes.DigestBytes,
            row.HeaderBytes + (2 * Sha256Lanes.DigestBytes), row.HashedAt));
    }

    /// <summary>Appends the leaves to a tree: as they were hashed, or as they stand where a header could not be read.
    /// </summary>
    public void AppendTo(MerkleTree tree, ReadOnlySpan<HeaderFields?> headers)
    {
        var hashes = Take(MerkleTree.HashBytes * rows.Count);
        pieces.Clear();
        for (var i = 0; i < rows.Count; i++)
        {
            var (at, bytes) = headers[i] is null
                ? (rows[i].LeafAt, rows[i].LeafBytes) : (rows[i].HashedAt, MerkleTree.HashBytes);
            pieces.Add(new(at - 1, 1 + bytes, hashes + (MerkleTree.HashBytes * i)));
        }
        Sha256Lanes.Hash(buffer, CollectionsMarshal.AsSpan(pieces));
        tree.AppendHashes(buffer.AsSpan(hashes, MerkleTree.HashBytes * rows.Count));
    }

    private void Run(ReadOnlySpan<HeaderFields?> headers, Func<EventRow, HashPiece> piece)
    {
        pieces.Clear();
        for (var i = 0; i < rows.Count; i++)
            if (headers[i] is not null) pieces.Add(piece(rows[i]));
        Sha256Lanes.Hash(buffer, CollectionsMarshal.AsSpan(pieces));
    }

    public void Dispose() => select.Dispose();
}

/// <summary>What the table says of an event, and where its bytes stand in the buffer.</summary>
internal readonly record struct EventRow(
    long Position, long Revision, long Stream, int IdAt, int IdBytes, int HeaderAt, int HeaderBytes, int PayloadAt,
    int PayloadBytes, int LeafAt, int LeafBytes, int HashedAt);
