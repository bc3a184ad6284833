using System.Text;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>A piece of evidence as it was read.</summary>
/// <param name="Named">The settlement point named beside it, where something in it names none and means that one; null
/// where all of it says itself what it is about.</param>
public readonly record struct NamedPiece(EvidenceDigest Digest, SettlementPointId? Named = null)
{
    internal string Line => Named is { } point ? $"{Digest.Hex} {point}" : Digest.Hex;
}

/// <summary>
/// Evidence that stands for several pieces: a text, the line <c>ledger-evidence-manifest/1</c>, then their digests in
/// order, one a line. Where a point was named beside a piece, the first line is <c>ledger-evidence-manifest/2</c>, and
/// the point stands after the digest and a blank.
/// </summary>
public static class EvidenceManifest
{
    private const string Header = "ledger-evidence-manifest/1\n", HeaderWithPoints = "ledger-evidence-manifest/2\n";

    /// <summary>The manifest of these pieces: the same for the same set, in whatever order they came.</summary>
    public static byte[] Of(IEnumerable<EvidenceDigest> pieces) => Of(pieces.Select(piece => new NamedPiece(piece)));

    /// <inheritdoc cref="Of(IEnumerable{EvidenceDigest})"/>
    public static byte[] Of(IEnumerable<NamedPiece> pieces)
    {
        var listed = pieces.ToList();
        var header = listed.Exists(piece => piece.Named is not null) ? HeaderWithPoints : Header;
        return Encoding.ASCII.GetBytes(header + string.Concat(
            listed.Select(piece => piece.Line).Distinct().Order(StringComparer.Ordinal).Select(line => line + '\n')));
    }

    /// <summary>
    /// The digests that a manifest lists; the evidence's own where it is none.
    /// Throws <see cref="InvalidDataException"/> where it begins as a manifest and lists anything but digests.
    /// </summary>
    public static IEnumerable<EvidenceDigest> Listed(EvidenceDigest digest, byte[] bytes) =>
        Pieces(digest, bytes).Select(piece => piece.Digest).Distinct();

    /// <summary>The same with the points that were named beside them.</summary>
    public static IEnumerable<NamedPiece> Pieces(EvidenceDigest digest, byte[] bytes)
    {
        if (bytes.AsSpan().StartsWith(Encoding.ASCII.GetBytes(Header)))
            return Lines(bytes).Select(line => Digest(line, digest, line));
        return bytes.AsSpan().StartsWith(Encoding.ASCII.GetBytes(HeaderWithPoints))
            ? Lines(bytes).Select(line => Piece(line, digest)) : [new(digest)];
    }

    private static string[] Lines(byte[] manifest) =>
        Encoding.ASCII.GetString(manifest)[Header.Length..].Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static NamedPiece Piece(string line, EvidenceDigest manifest)
    {
        if (line.Split(' ') is not [var hex, var name]) return Digest(line, manifest, line);
        return SettlementPointId.TryParse(name, out var point)
            ? Digest(hex, manifest, line) with { Named = point }
            : throw new InvalidDataException($"the manifest {manifest} lists '{line}', which names no point");
    }

    private static NamedPiece Digest(string hex, EvidenceDigest manifest, string line) =>
        hex.Length == 64 && hex.All(char.IsAsciiHexDigitLower)
            ? new(new EvidenceDigest(hex))
            : throw new InvalidDataException($"the manifest {manifest} lists '{line}', which is no digest");
}
