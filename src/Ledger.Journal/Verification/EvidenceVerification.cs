using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal.Verification;

/// <summary>
/// Reads every record of every evidence segment, opens it and hashes it. Unlike the archive, which passes over what a
/// crash left at its end, it says of every byte whether it is what was kept.
/// </summary>
public static class EvidenceVerification
{
    /// <summary>The digests of all evidence that is whole, and how many bytes it has.</summary>
    public static (HashSet<EvidenceDigest> Kept, long Bytes) Verify(
        string dataDirectory, byte[] secret, Findings findings, Action<long> seen, CancellationToken ct)
    {
        using var seal = new EvidenceSeal(secret);
        var kept = new HashSet<EvidenceDigest>();
        var total = 0L;
        foreach (var path in EvidenceArchive.Segments(dataDirectory))
        {
            using var segment = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var name = $"{EvidenceArchive.FolderName}/{Path.GetFileName(path)}";
            var end = RandomAccess.GetLength(segment);
            for (var offset = 0L; offset < end;)
            {
                ct.ThrowIfCancellationRequested();
                var place = $"{name}, byte {offset.ToString(CultureInfo.InvariantCulture)}";
                var head = new byte[EvidenceSeal.HeadBytes];
                if (RandomAccess.Read(segment, head, offset) != head.Length || !EvidenceSeal.IsHead(head))
                {
                    findings.Add(place, "no head of a record",
                        "one with its checksum; what follows in the segment is not read");
                    break;
                }
                var length = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4));
                var sealedBytes = new byte[Math.Min(length + EvidenceSeal.TagBytes, end - offset - head.Length)];
                RandomAccess.Read(segment, sealedBytes, offset + head.Length);
                var digest = head.AsSpan(8, 32);
                if (sealedBytes.Length < length + EvidenceSeal.TagBytes || seal.Open(digest, sealedBytes) is null)
                    findings.Add(place, "bytes that are not those of their digest", Convert.ToHexStringLower(digest));
                else kept.Add(new EvidenceDigest(Convert.ToHexStringLower(digest)));
                total += length;
                offset += head.Length + length + EvidenceSeal.TagBytes;
                seen(total);
            }
        }
        return (kept, total);
    }
}
