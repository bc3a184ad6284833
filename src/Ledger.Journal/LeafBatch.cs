using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// The leaves of the events that are appended together, hashed together (<see cref="Sha256Lanes"/>): the digest of each
/// payload, each salt, each leaf entry and its hash in the tree. One leaf of each batch is hashed by the platform's
/// SHA-256 too, and nothing is recorded where they differ. For one thread at a time.
/// </summary>
public sealed class LeafBatch(byte[] secret)
{
    // Bytes: while a longer payload is hashed in one lane the others would have nothing left to do.
    internal const int PayloadInLanesMax = 4096;
    private readonly Sha256Lanes.HmacKey key = new(secret);
    private readonly List<HashPiece> payloads = [], salts = [], entries = [], hashes = [];
    private byte[] buffer = new byte[1 << 16];

    /// <summary>How many bytes the events take that were added.</summary>
    public int Bytes { get; private set; }

    /// <summary>Adds the event that comes next.</summary>
    public void Add(EventId id, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload)
    {
        // id, salt ‖ header ‖ digest of the payload, 0x00 ‖ leaf entry, hash of the leaf, payload
        var idAt = Take(EventId.Bytes);
        var saltAt = Take(MerkleTree.HashBytes);
        var headerAt = Take(header.Length);
        var digestAt = Take(MerkleTree.HashBytes);
        var leafAt = Take(1) + 1;
        Take(MerkleTree.HashBytes);
        id.CopyTo(buffer.AsSpan(idAt));
        header.CopyTo(buffer.AsSpan(headerAt));
        buffer[leafAt - 1] = 0;
        salts.Add(new(idAt, EventId.Bytes, saltAt));
        entries.Add(new(saltAt, leafAt - 1 - saltAt, leafAt));
        if (payload.Length > PayloadInLanesMax)
        {
            SHA256.HashData(payload, buffer.AsSpan(digestAt));
            return;
        }
        var payloadAt = Take(payload.Length);
        payload.CopyTo(buffer.AsSpan(payloadAt));
        payloads.Add(new(payloadAt, payload.Length, digestAt));
    }

    /// <summary>Adds the event that comes next, of which salt and payload were hashed before.</summary>
    /// <param name="input">Its <see cref="LeafInputs"/>.</param>
    public void Add(ReadOnlySpan<byte> input, ReadOnlySpan<byte> header)
    {
        var saltAt = Take(MerkleTree.HashBytes + header.Length + MerkleTree.HashBytes);
        var leafAt = Take(1) + 1;
        Take(MerkleTree.HashBytes);
        input[..MerkleTree.HashBytes].CopyTo(buffer.AsSpan(saltAt));
        header.CopyTo(buffer.AsSpan(saltAt + MerkleTree.HashBytes));
        input[MerkleTree.HashBytes..].CopyTo(buffer.AsSpan(saltAt + MerkleTree.HashBytes + header.Length));
        buffer[leafAt - 1] = 0;
        entries.Add(new(saltAt, leafAt - 1 - saltAt, leafAt));
    }

    /// <summary>Hashes all that was added, and appends it to the tree.</summary>
    public void AppendTo(MerkleTree tree)
    {
        if (entries.Count == 0) return;
        Sha256Lanes.Hash(buffer, CollectionsMarshal.AsSpan(payloads));
        Sha256Lanes.Authenticate(buffer, CollectionsMarshal.AsSpan(salts), key);
        Sha256Lanes.Hash(buffer, CollectionsMarshal.AsSpan(entries));
        var hashesAt = Take(MerkleTree.HashBytes * entries.Count);
        for (var i = 0; i < entries.Count; i++)
            hashes.Add(new(entries[i].Into - 1, 1 + MerkleTree.HashBytes, hashesAt + (MerkleTree.HashBytes * i)));
        Sha256Lanes.Hash(buffer, CollectionsMarshal.AsSpan(hashes));
        tree.AppendHashes(buffer.AsSpan(hashesAt, MerkleTree.HashBytes * entries.Count));
    }

    /// <summary>The leaf entry of an event, by its number in the batch, once it was hashed.</summary>
    public byte[] Entry(int number) => buffer.AsSpan(entries[number].Into, MerkleTree.HashBytes).ToArray();

    /// <summary>Throws where the first leaf is not what the platform makes of the same event.</summary>
    public void VerifyFirst(in PlacedEvent first)
    {
        var expected = EnvelopeBytes.LeafEntry(
            EnvelopeBytes.Salt(secret, first.Envelope.Id), first.Header, SHA256.HashData(first.Payload));
        if (!Entry(0).AsSpan().SequenceEqual(expected))
            throw new CryptographicException("this machine's vectors do not hash as its platform does");
    }

    /// <summary>Forgets all events, for those that come next.</summary>
    public void Clear()
    {
        Bytes = 0;
        foreach (var pieces in (List<HashPiece>[])[payloads, salts, entries, hashes]) pieces.Clear();
    }

    private int Take(int bytes)
    {
        if (Bytes + bytes > buffer.Length) Array.Resize(ref buffer, Math.Max(2 * buffer.Length, Bytes + bytes));
        Bytes += bytes;
        return Bytes - bytes;
    }
}
