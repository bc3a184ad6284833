using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// The evidence of curves, by digest: a file or request as received, or a manifest, which lists several. What names no
/// point is of the one that was named beside it; that point is kept with the piece, so that it is read again so.
/// </summary>
internal sealed class CurveEvidence(EvidenceArchive archive, EvidenceDigest received, CurveBatch batch)
{
    private readonly ConcurrentDictionary<NamedPiece, Lazy<CurveBatch>> read = [];
    private readonly ConcurrentDictionary<EvidenceDigest, Lazy<NamedPiece[]>> listed = [];
    private readonly ConcurrentDictionary<NamedPiece, EvidenceDigest> alone = [];

    public NamedPiece Received { get; } = new(received, batch.NamedBeside);

    /// <summary>Whether a piece is what was received. The same bytes with another point beside them are another piece;
    /// those with none were recorded before the point was kept, and are these.</summary>
    public bool IsReceived(NamedPiece piece) =>
        piece.Digest == received && (piece.Named is null || piece.Named == Received.Named);

    /// <summary>The pieces of evidence under a digest: itself, or those that its manifest lists. Whether it is one its
    /// bytes say, which are read for that once: every period beside asks, of every point.</summary>
    public IReadOnlyList<NamedPiece> Pieces(EvidenceDigest digest) =>
        digest == received || IsGone(digest) ? [new(digest)]
            : listed.GetOrAdd(digest, one => new(() => [.. EvidenceManifest.Pieces(one, Bytes(one))])).Value;

    /// <summary>Whether it was kept and can no longer be read: erased, or pruned with its month. What was received just
    /// now is at hand all the same.</summary>
    public bool IsGone(EvidenceDigest digest) =>
        digest != received && (archive.IsErased(digest) || IsPruned(digest));

    public bool IsPruned(EvidenceDigest digest) => archive.PrunedBy(digest) is not null;

    /// <summary>The one digest that stands for these pieces: the same for the same set,
    /// in whatever order they came.</summary>
    public EvidenceDigest Union(IEnumerable<NamedPiece> pieces)
    {
        var distinct = pieces.Distinct().ToList();
        if (distinct is not [var single]) return archive.Put(EvidenceManifest.Of(distinct));
        return single.Named is null ? single.Digest
            : alone.GetOrAdd(single, static (piece, kept) => kept.Put(EvidenceManifest.Of([piece])), archive);
    }

    /// <summary>What a piece says of a point, in order of time; repeats of an instant stay.</summary>
    public PowerSample[] Samples(NamedPiece piece, SettlementPointId point)
    {
        var curves = IsReceived(piece)
            ? batch : read.GetOrAdd(piece, _ => new(() => Read(piece, point))).Value;
        if (Of(curves, point) is { } samples) return samples;
        // Before the named point was kept with it, a file without points was read for the first point that asked; it
        // means whichever point names it.
        return (piece.Named is null ? Of(Read(piece, point), point) : null) ?? [];
    }

    /// <summary>A point's samples in order of time, null where the batch does not name it.</summary>
    public static PowerSample[]? Of(CurveBatch batch, SettlementPointId point) => CurveOf(batch, point)?.InTime;

    /// <summary>The same as it came.</summary>
    public static PointCurve? CurveOf(CurveBatch batch, SettlementPointId point)
    {
        foreach (var curve in batch.Curves)
            if (curve.Point == point) return curve;
        return null;
    }

    private CurveBatch Read(NamedPiece piece, SettlementPointId point) => Parse(piece, Bytes(piece.Digest), point);

    /// <param name="point">Whom what names no point is about, where no point was kept with the piece.</param>
    public static CurveBatch Parse(NamedPiece piece, byte[] bytes, SettlementPointId point) =>
        CurveFiles.TryRead(PackedBytes.ContentOf(piece.Digest, bytes), new IntakeHints(piece.Named ?? point),
            out var found, out var refused, again: true) && found is not null
            ? found
            : throw new InvalidDataException($"evidence {piece.Digest} is no curve: {refused?.Detail}");

    private byte[] Bytes(EvidenceDigest digest) =>
        archive.Get(digest) ?? throw new InvalidDataException($"the archive does not have the evidence {digest}");
}
