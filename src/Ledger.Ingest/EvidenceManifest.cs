using System.Text;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// Evidence that stands for several pieces: a text, the line <c>ledger-evidence-manifest/1</c>, then their digests in
/// order, one a line.
/// </summary>
public static class EvidenceManifest
{
    private const string Header = "ledger-evidence-manifest/1\n";

    /// <summary>The manifest of these pieces: the same for the same set, in whatever order they came.</summary>
    public static byte[] Of(IEnumerable<EvidenceDigest> pieces) => Encoding.ASCII.GetBytes(Header + string.Concat(
        pieces.Select(piece => piece.Hex).Distinct().Order(StringComparer.Ordinal).Select(hex => hex + '\n')));

    /// <summary>
    /// The digests that a manifest lists; the evidence's own where it is none.
    /// Throws <see cref="InvalidDataException"/> where it begins as a manifest and lists anything but digests.
    /// </summary>
    public static IEnumerable<EvidenceDigest> Listed(EvidenceDigest digest, byte[] bytes) =>
        bytes.AsSpan().StartsWith(Encoding.ASCII.GetBytes(Header))
            ? Encoding.ASCII.GetString(bytes)[Header.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => line.Length == 64 && line.All(char.IsAsciiHexDigitLower)
                    ? new EvidenceDigest(line)
                    : throw new InvalidDataException($"the manifest {digest} lists '{line}', which is no digest"))
            : [digest];
}
