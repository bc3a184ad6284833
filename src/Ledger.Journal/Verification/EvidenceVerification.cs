using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal.Verification;

/// <summary>All evidence that was found.</summary>
/// <param name="Kept">What is whole.</param>
/// <param name="Erased">What is sealed under keys that are not there, which they are, and where it stands.</param>
/// <param name="Pruned">Of what only a mark is there: where it stands, and the position of the fact that it names.
/// </param>
/// <param name="Bytes">How many bytes all of it has.</param>
public sealed record EvidenceFound(
    HashSet<EvidenceDigest> Kept,
    IReadOnlyDictionary<EvidenceDigest, (string Place, IReadOnlyList<SubjectKeyId> Missing)> Erased,
    IReadOnlyDictionary<EvidenceDigest, (string Place, long Position)> Pruned, long Bytes)
{
    /// <summary>Whether it was kept here: it is whole, or it is erased or pruned as it should be or not.</summary>
    public bool Knows(EvidenceDigest digest) =>
        Kept.Contains(digest) || Erased.ContainsKey(digest) || Pruned.ContainsKey(digest);
}

/// <summary>
/// Reads every record of every evidence segment, opens it and hashes it. Unlike the archive, which passes over what a
/// crash left at its end, it says of every byte whether it is what was kept. Of what is sealed under a key that is not
/// there nothing can be said; whether it was erased, only the journal says.
/// </summary>
public sealed class EvidenceVerification : IDisposable
{
    private readonly Findings findings;
    private readonly EvidenceSeal seal;
    private readonly byte[] saltKey, ledgerKey;
    private readonly SubjectKeys? keys;
    private readonly HashSet<EvidenceDigest> kept = [];
    private readonly Dictionary<EvidenceDigest, (string, IReadOnlyList<SubjectKeyId>)> erased = [];
    private readonly Dictionary<EvidenceDigest, (string, long)> pruned = [];
    // One record at a time is held, in buffers that the largest one leaves: memory does not grow with the archive.
    private byte[] recordBuffer = [], plainBuffer = [];
    private long total;

    private EvidenceVerification(string directory, byte[] secret, Findings findings)
    {
        this.findings = findings;
        (seal, saltKey, ledgerKey) = (new(secret), SaltedEvidence.SaltKey(secret), SealedEvidence.LedgerKey(secret));
        try
        {
            keys = SubjectKeys.Open(directory, secret);
        }
        catch (Exception damaged) when (damaged is JournalRefusedException or IOException)
        {
            findings.Add(SubjectKeys.FileName, damaged.Message, "the keys of the subjects");
        }
    }

    /// <summary>Verifies all evidence of a data folder.</summary>
    /// <param name="seen">Is told the number of bytes from time to time.</param>
    public static EvidenceFound Verify(
        string dataDirectory, byte[] secret, Findings findings, Action<long> seen, CancellationToken ct)
    {
        using var verification = new EvidenceVerification(dataDirectory, secret, findings);
        foreach (var path in EvidenceArchive.Segments(dataDirectory)) verification.VerifySegment(path, seen, ct);
        return new(verification.kept, verification.erased, verification.pruned, verification.total);
    }

    /// <summary>Adds a fault for each piece whose key is missing and whose erasure the journal does not say, and for
    /// each key that is there although the journal says that it was destroyed.</summary>
    public static void Verify(
        string dataDirectory, byte[] secret, EvidenceFound found, Erasures erasures, Findings findings)
    {
        foreach (var (digest, (place, missing)) in found.Erased)
            if (missing.FirstOrDefault(key => !erasures.Cover(key)) is { Generation: > 0 } lost)
                findings.Add(place, $"no {lost}", "the key, or the fact that its subject was erased");
            else if (erasures.At(digest) is null)
                findings.Add(place, $"evidence {digest} that is sealed under a destroyed key",
                    "an erasure that lists it");
        try
        {
            var keys = SubjectKeys.Open(dataDirectory, secret);
            foreach (var (subject, generation) in erasures.Generations)
                for (var i = 1; i <= generation; i++)
                    if (keys.Find(new(subject, i)) is not null)
                        findings.Add(SubjectKeys.FileName, $"{new SubjectKeyId(subject, i)}",
                            "none, because its subject was erased; opening the ledger destroys it");
        }
        catch (Exception damaged) when (damaged is JournalRefusedException or IOException)
        {
            return; // of which the evidence's own step has told
        }
    }

    private void VerifySegment(string path, Action<long> seen, CancellationToken ct)
    {
        using var segment = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var name = $"{EvidenceArchive.FolderName}/{Path.GetFileName(path)}";
        var end = RandomAccess.GetLength(segment);
        for (var offset = 0L; offset < end;)
        {
            ct.ThrowIfCancellationRequested();
            var place = $"{name}, byte {offset.ToString(CultureInfo.InvariantCulture)}";
            var head = new byte[EvidenceSeal.HeadBytes];
            if (RandomAccess.Read(segment, head, offset) != head.Length
                || !EvidenceSeal.IsHead(head) && !SealedEvidence.IsHead(head) && !PrunedMark.IsHead(head))
            {
                findings.Add(place, "no head of a record",
                    "one with its checksum; what follows in the segment is not read");
                return;
            }
            var length = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
            var isSealed = SealedEvidence.IsHead(head);
            var bytes = EvidenceCompaction.BytesOf(head) - head.Length;
            var record = Room(ref recordBuffer, head.Length + Math.Min(bytes, end - offset - head.Length));
            RandomAccess.Read(segment, record, offset);
            if (PrunedMark.IsHead(head)) VerifyMark(place, record);
            else
            {
                VerifyRecord(place, record, record.Length == head.Length + bytes, isSealed);
                total += length;
            }
            offset += head.Length + bytes;
            seen(total);
        }
    }

    private void VerifyMark(string place, ReadOnlySpan<byte> record)
    {
        var digest = new EvidenceDigest(Convert.ToHexStringLower(record.Slice(8, 32)));
        if (PrunedMark.Position(record) is { } position) pruned[digest] = (place, position);
        else findings.Add(place, "a mark that is not whole", $"the mark of evidence {digest}, which was pruned");
    }

    /// <summary>
    /// Adds a fault for each mark whose pruning the journal does not say, for each piece that is still there although
    /// it does, and for each of which neither the piece nor a mark is there.
    /// </summary>
    public static void Verify(EvidenceFound found, Prunings prunings, Findings findings)
    {
        foreach (var (digest, (place, position)) in found.Pruned)
            if (!prunings.Says(digest, position))
                findings.Add(place, $"evidence {digest} marked as pruned by the fact at position "
                    + position.ToString(CultureInfo.InvariantCulture), "a fact there that lists it");
        foreach (var (digest, position) in prunings.Pieces)
            if (!found.Pruned.TryGetValue(digest, out var mark) || mark.Position != position)
                findings.Add($"{EvidenceArchive.FolderName}, evidence {digest}",
                    found.Kept.Contains(digest) ? "still there" : "no mark",
                    $"pruned by the fact at position {position.ToString(CultureInfo.InvariantCulture)}"
                    + (found.Kept.Contains(digest) ? "; opening the ledger removes it" : ""));
    }

    private void VerifyRecord(string place, ReadOnlySpan<byte> record, bool isWhole, bool isSealed)
    {
        var digest = new EvidenceDigest(Convert.ToHexStringLower(record.Slice(8, 32)));
        if (isSealed && keys is null) return; // nothing can be said of it, and the missing keys are a fault
        IReadOnlyList<SubjectKeyId>? missing = !isWhole ? null
            : isSealed ? SealedEvidence.Read(digest, record, ledgerKey, saltKey, keys!)?.Missing
            : IsWhole(record) ? [] : null;
        if (missing is null) findings.Add(place, "bytes that are not those of their digest", digest.Hex);
        else if (missing.Count > 0) erased[digest] = (place, missing);
        else kept.Add(digest);
    }

    private bool IsWhole(ReadOnlySpan<byte> record)
    {
        var sealedBytes = record[EvidenceSeal.HeadBytes..];
        return seal.Open(record.Slice(8, 32), sealedBytes,
            Room(ref plainBuffer, sealedBytes.Length - EvidenceSeal.TagBytes));
    }

    private static Span<byte> Room(ref byte[] buffer, long length)
    {
        if (buffer.Length < length) buffer = new byte[length];
        return buffer.AsSpan(0, checked((int)length));
    }

    public void Dispose() => seal.Dispose();
}
