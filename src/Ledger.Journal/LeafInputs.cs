using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// What of a leaf does not depend on its event's place: the salt and the digest of the payload. Of facts that come
/// together both are hashed by who appends them, beside other appends and beside the other half of the same, and not by
/// the one writer for whom everybody waits.
/// </summary>
internal static class LeafInputs
{
    /// <summary>Of one event: 32 bytes of salt, then 32 of the digest.</summary>
    public const int Bytes = 2 * MerkleTree.HashBytes;

    /// <summary>Gives each fact its inputs; all of them have their ids.</summary>
    public static void Give(ReadOnlySpan<PendingFact> facts, Sha256Lanes.HmacKey key)
    {
        var length = facts.Length * (Bytes + EventId.Bytes);
        foreach (var fact in facts) length += InLanes(fact) ? fact.Content.Payload.Length : 0;
        var buffer = new byte[length];
        var (salts, payloads) = (new HashPiece[facts.Length], new HashPiece[facts.Length]);
        var (inLanes, at) = (0, facts.Length * Bytes);
        for (var i = 0; i < facts.Length; i++)
        {
            facts[i].Id.CopyTo(buffer.AsSpan(at));
            salts[i] = new(at, EventId.Bytes, i * Bytes);
            at += EventId.Bytes;
            var (payload, digestAt) = (facts[i].Content.Payload, (i * Bytes) + MerkleTree.HashBytes);
            if (InLanes(facts[i]))
            {
                payload.CopyTo(buffer, at);
                payloads[inLanes++] = new(at, payload.Length, digestAt);
                at += payload.Length;
            }
            else
            {
                SHA256.HashData(payload, buffer.AsSpan(digestAt));
            }
            facts[i].LeafInput = buffer.AsMemory(i * Bytes, Bytes);
        }
        Sha256Lanes.Hash(buffer, payloads.AsSpan(0, inLanes));
        Sha256Lanes.Authenticate(buffer, salts, key);
    }

    private static bool InLanes(PendingFact fact) => fact.Content.Payload.Length <= LeafBatch.PayloadInLanesMax;
}
