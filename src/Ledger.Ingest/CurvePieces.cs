using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// The pieces of evidence that records name, each read once as long as it is needed again soon. Records of one file
/// mostly follow each other; late ones name files that were read before. What was not asked for longest goes first.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/>.</param>
internal sealed class CurvePieces(Func<EvidenceDigest, byte[]?> evidence)
{
    /// <summary>Bytes of samples that are kept in all; a file of more is kept alone.</summary>
    private const long BytesKeptMax = 64_000_000;
    private const int SampleBytes = 16, PowerBytes = 8;
    private const int ManifestsKeptMax = 1024;

    private readonly Dictionary<EvidenceDigest, NamedPiece[]> manifests = [];
    private readonly Dictionary<NamedPiece, LinkedListNode<Read>> known = [];
    private readonly LinkedList<Read> latestFirst = [];
    private (EvidenceDigest Digest, byte[] Bytes)? opened; // to see whether it is a manifest, and then to read it
    private long bytesKept;

    private sealed record Read(NamedPiece Piece, CurveBatch Batch, long Bytes);

    /// <summary>The curve of a record's point in each piece of its evidence. Throws
    /// <see cref="InvalidDataException"/> where one is not kept or says nothing of the point.</summary>
    public List<(NamedPiece Piece, PointCurve Curve)> Of(IntervalRecorded record) =>
        Of(Listed(record.Evidence), record.Point);

    /// <summary>The same of some pieces.</summary>
    public List<(NamedPiece Piece, PointCurve Curve)> Of(IEnumerable<NamedPiece> named, SettlementPointId point)
    {
        var pieces = new List<(NamedPiece, PointCurve)>(1);
        foreach (var piece in named) pieces.Add((piece, Curve(piece, point)));
        return pieces;
    }

    /// <summary>The pieces under a digest: itself, or those that its manifest lists.</summary>
    public NamedPiece[] Listed(EvidenceDigest digest)
    {
        if (!manifests.TryGetValue(digest, out var pieces))
        {
            if (manifests.Count == ManifestsKeptMax) manifests.Clear();
            manifests[digest] = pieces = [.. EvidenceManifest.Pieces(digest, Bytes(digest))];
        }
        return pieces;
    }

    private PointCurve Curve(NamedPiece piece, SettlementPointId point)
    {
        if (known.TryGetValue(piece, out var found))
        {
            latestFirst.Remove(found);
            latestFirst.AddFirst(found);
            if (CurveEvidence.CurveOf(found.Value.Batch, point) is { } curve) return curve;
            if (piece.Named is not null) throw NothingOf(piece, point);
            Forget(found); // before the named point was kept with it, a file without points was read for another one
        }
        var batch = CurveEvidence.Parse(piece, Bytes(piece.Digest), point);
        opened = null;
        var read = new Read(piece, batch, batch.Curves.Sum(BytesOf));
        bytesKept += read.Bytes;
        known[piece] = latestFirst.AddFirst(read);
        while (bytesKept > BytesKeptMax && latestFirst.Count > 1) Forget(latestFirst.Last!);
        return CurveEvidence.CurveOf(batch, point)
            ?? throw NothingOf(piece, point);
    }

    private static InvalidDataException NothingOf(NamedPiece piece, SettlementPointId point) =>
        new($"evidence {piece.Digest} holds no sample of {point}");

    private static long BytesOf(PointCurve curve) =>
        (long)curve.Count * (curve.Even is null ? SampleBytes : PowerBytes);

    private void Forget(LinkedListNode<Read> read)
    {
        latestFirst.Remove(read);
        known.Remove(read.Value.Piece);
        bytesKept -= read.Value.Bytes;
    }

    private byte[] Bytes(EvidenceDigest digest)
    {
        if (opened is { } last && last.Digest == digest) return last.Bytes;
        var bytes = evidence(digest) ?? throw new InvalidDataException($"evidence {digest} is not kept");
        opened = (digest, bytes);
        return bytes;
    }
}
