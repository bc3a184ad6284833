using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// The evidence of curves, by digest: a file or request as received, or a manifest, which lists several.
/// </summary>
internal sealed class CurveEvidence(EvidenceArchive archive, EvidenceDigest received, CurveBatch batch)
{
    private readonly ConcurrentDictionary<EvidenceDigest, Lazy<CurveBatch>> read = [];

    public EvidenceDigest Received => received;

    /// <summary>The pieces of evidence under a digest: itself, or those that its manifest lists.</summary>
    public IEnumerable<EvidenceDigest> Pieces(EvidenceDigest digest) =>
        digest == received || IsGone(digest) ? [digest] : EvidenceManifest.Listed(digest, Bytes(digest));

    /// <summary>Whether it was kept and can no longer be read: erased, or pruned with its month. What was received just
    /// now is at hand all the same.</summary>
    public bool IsGone(EvidenceDigest digest) =>
        digest != received && (archive.IsErased(digest) || IsPruned(digest));

    public bool IsPruned(EvidenceDigest digest) => archive.PrunedBy(digest) is not null;

    /// <summary>The one digest that stands for these pieces: the same for the same set,
    /// in whatever order they came.</summary>
    public EvidenceDigest Union(IEnumerable<EvidenceDigest> pieces)
    {
        var distinct = pieces.Distinct().ToList();
        return distinct is [var single] ? single : archive.Put(EvidenceManifest.Of(distinct));
    }

    /// <summary>What a piece says of a point, in order of time; repeats of an instant stay.</summary>
    public PowerSample[] Samples(EvidenceDigest piece, SettlementPointId point)
    {
        var curves = piece == received ? batch : read.GetOrAdd(piece, _ => new(() => Read(piece, point))).Value;
        // A file without a point column was read for the first point that asked; it means whichever point names it.
        return Of(curves, point) ?? Of(Read(piece, point), point) ?? [];
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

    private CurveBatch Read(EvidenceDigest piece, SettlementPointId point) => Parse(piece, Bytes(piece), point);

    public static CurveBatch Parse(EvidenceDigest piece, byte[] bytes, SettlementPointId point) =>
        CurveFiles.TryRead(PackedBytes.ContentOf(piece, bytes), new IntakeHints(point), out var found, out var refused)
            && found is not null
            ? found
            : throw new InvalidDataException($"evidence {piece} is no curve: {refused?.Detail}");

    private byte[] Bytes(EvidenceDigest digest) =>
        archive.Get(digest) ?? throw new InvalidDataException($"the archive does not have the evidence {digest}");
}
