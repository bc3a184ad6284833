using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>A stretch of a submission that names persons, by their own names.</summary>
/// <param name="From">Its first byte.</param>
/// <param name="Length">How many bytes it has.</param>
public sealed record PersonalPart(int From, int Length, IReadOnlyList<string> Subjects);

/// <summary>The raw bytes that a caller sent in, and where they came from (a file's name, a route):
/// kept when refused.</summary>
public sealed record Submission(ReadOnlyMemory<byte> Bytes, string Source)
{
    /// <summary>The stretches that name persons, in order and apart; null where nobody has looked yet.</summary>
    public IReadOnlyList<PersonalPart>? Personal { get; init; }

    /// <summary>Whether what is kept of it is sealed under somebody's key.</summary>
    [MemberNotNullWhen(true, nameof(Personal))]
    public bool NamesSomebody => Personal is { Count: > 0 };
}

/// <summary>A piece of evidence as the archive has it.</summary>
/// <param name="Disclosed">The bytes whose SHA-256 is the digest: the raw ones, salted where they name somebody; null
/// where a part was erased.</param>
/// <param name="Raw">The raw bytes as received, with <see cref="Tombstone"/> for each part that was erased.</param>
/// <param name="Subjects">Every key under which a part is sealed.</param>
/// <param name="Missing">Those of them that are not there any more.</param>
/// <param name="IsGone">Whether no part of it can be read any more.</param>
/// <param name="DisclosesSomebody">Whether a part of it names somebody and can still be read.</param>
public sealed record EvidencePiece(
    EvidenceDigest Digest, byte[]? Disclosed, byte[] Raw, IReadOnlyList<SubjectKeyId> Subjects,
    IReadOnlyList<SubjectKeyId> Missing, bool DisclosesSomebody,
    bool IsGone)
{
    /// <summary>What stands for a part that was erased.</summary>
    public static ReadOnlySpan<byte> Tombstone => "[erased]"u8;
}

/// <summary>Evidence that was removed with its month, and is only in that month's archive.</summary>
/// <param name="position">Of the fact that says so, a <see cref="MonthPruned"/>.</param>
public sealed class EvidencePrunedException(EvidenceDigest digest, long position)
    : Exception($"evidence {digest} was pruned, by the fact at position "
        + $"{position.ToString(CultureInfo.InvariantCulture)}")
{
    public EvidenceDigest Digest { get; } = digest;
    public long Position { get; } = position;
}

/// <summary>Evidence of which a part is sealed under a key that is not there any more.</summary>
public sealed class EvidenceErasedException(EvidenceDigest digest)
    : Exception($"evidence {digest} was erased, with a key of a subject that it names")
{
    public EvidenceDigest Digest { get; } = digest;
}
