using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// What of a leaf does not depend on its event's place: the salt and the digest of the payload. Of facts that come
/// together both are hashed by who appends them, beside other appends and beside the other half of the same, and not by
/// the one writer for whom everybody waits.
/// </summary>
public static class LeafInputs
{
    /// <summary>Of one event: 32 bytes of salt, then 32 of the digest.</summary>
    public const int Bytes = 2 * MerkleTree.HashBytes;

    /// <summary>The inputs of events, one after the other.</summary>
    /// <param name="key">Of the ledger's secret.</param>
    public static byte[] Of(ReadOnlySpan<(EventId Id, byte[] Payload)> events, Sha256Lanes.HmacKey key)
    {
        var length = events.Length * EventId.Bytes;
        foreach (var (_, payload) in events) length += InLanes(payload) ? payload.Length : 0;
        var inputs = new byte[events.Length * Bytes];
        var buffer = new byte[inputs.Length + length];
        var (salts, payloads) = (new HashPiece[events.Length], new HashPiece[events.Length]);
        var (inLanes, at) = (0, inputs.Length);
        for (var i = 0; i < events.Length; i++)
        {
            var (id, payload) = events[i];
            id.CopyTo(buffer.AsSpan(at));
            salts[i] = new(at, EventId.Bytes, i * Bytes);
            at += EventId.Bytes;
            var digestAt = (i * Bytes) + MerkleTree.HashBytes;
            if (!InLanes(payload))
            {
                SHA256.HashData(payload, buffer.AsSpan(digestAt));
                continue;
            }
            payload.CopyTo(buffer, at);
            payloads[inLanes++] = new(at, payload.Length, digestAt);
            at += payload.Length;
        }
        Sha256Lanes.Hash(buffer, payloads.AsSpan(0, inLanes));
        Sha256Lanes.Authenticate(buffer, salts, key);
        buffer.AsSpan(0, inputs.Length).CopyTo(inputs); // so that the payloads' copies are not kept with them
        return inputs;
    }

    private static bool InLanes(byte[] payload) => payload.Length <= LeafBatch.PayloadInLanesMax;
}
