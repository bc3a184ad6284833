using System.Security.Cryptography;

namespace Ledger.Journal;

/// <summary>
/// The salts of many leaves of one ledger (<see cref="EnvelopeBytes.Salt"/>), with the secret's share of the work done
/// once. For one thread at a time.
/// </summary>
public sealed class LeafSalts(byte[] ledgerSecret) : IDisposable
{
    private readonly IncrementalHash keyed = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, ledgerSecret);
    private readonly byte[] salt = new byte[MerkleTree.HashBytes];

    /// <summary>The salt of an event; the bytes hold until the next is asked for.</summary>
    public ReadOnlySpan<byte> Of(EventId id)
    {
        Span<byte> bytes = stackalloc byte[EventId.Bytes];
        id.CopyTo(bytes);
        keyed.AppendData(bytes);
        keyed.GetHashAndReset(salt);
        return salt;
    }

    public void Dispose() => keyed.Dispose();
}
