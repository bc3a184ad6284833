using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Cli.Bundles;

/// <summary>The part that every bundle has: events with their proofs under one checkpoint, the keys that signed it, the
/// notes by which they followed each other, and the evidence that the events name.</summary>
internal sealed class SignedFiles(LedgerReader ledger, TransparencyLog log, CancellationToken ct)
{
    /// <summary>Adds them, and returns the digests of the evidence that names persons: whoever hands that out is
    /// recorded.</summary>
    public async Task<IReadOnlyList<EvidenceDigest>> AddAsync(
        SortedDictionary<string, byte[]> files, IReadOnlyList<RecordedEvent> events)
    {
        var evidence = Evidence(events);
        foreach (var erasure in await ErasuresAsync(evidence).ConfigureAwait(false))
        {
            events = [.. events.Append(erasure.Recorded).OrderBy(recorded => recorded.Position)];
            evidence[erasure.Manifest] = Piece(erasure.Manifest, erasure.Recorded.Position);
        }
        foreach (var proof in log.Prove(events))
        {
            files[BundleFiles.Event(proof.Index)] = Encoding.UTF8.GetBytes($"{proof}");
            files[BundleFiles.Checkpoint] = Encoding.UTF8.GetBytes(proof.Checkpoint);
        }
        var known = await LogKeys.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
        var signers = SignedNote.Parse(files[BundleFiles.Checkpoint])
            .SignedBy([.. known, .. log.Checkpoints.Witnesses]);
        files[BundleFiles.Keys] = Encoding.UTF8.GetBytes(string.Concat(signers.Select(key => $"{key}\n")));
        var notes = await Handovers.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
        var last = known.ToList().FindLastIndex(key => signers.Any(signer => $"{signer}" == $"{key}"));
        for (var i = 0; i < last; i++) files[BundleFiles.Handover(i + 2)] = Encoding.UTF8.GetBytes(notes[i]);
        foreach (var piece in evidence.Values)
            if (piece.Disclosed is { } content) files[BundleFiles.Evidence(piece.Digest)] = content;
        return [.. evidence.Values.Where(piece => piece.Missing.Count == 0 && piece.DisclosesSomebody)
            .Select(piece => piece.Digest).OrderBy(digest => digest.Hex, StringComparer.Ordinal)];
    }

    /// <summary>Adds the lists of what is there, which come last.</summary>
    public static void Close(
        SortedDictionary<string, byte[]> files, LedgerId ledger, string of, string readme, string format)
    {
        files[BundleFiles.Readme] = Encoding.UTF8.GetBytes(readme);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of(ledger.Value, of, files, format).ToBytes();
    }

    /// <summary>The evidence that the events name, and what is listed by those of it that are manifests.</summary>
    private Dictionary<EvidenceDigest, EvidencePiece> Evidence(IEnumerable<RecordedEvent> events)
    {
        var found = new Dictionary<EvidenceDigest, EvidencePiece>();
        foreach (var recorded in events)
        {
            if (NamedEvidence.Of(EventCodec.Decode(recorded)) is not { } named || found.ContainsKey(named)) continue;
            found[named] = Piece(named, recorded.Position);
            if (found[named].Disclosed is not { } content) continue;
            foreach (var piece in EvidenceManifest.Listed(named, content))
                if (!found.ContainsKey(piece)) found[piece] = Piece(piece, recorded.Position);
        }
        return found;
    }

    /// <summary>The facts by which evidence is not there any more, and the manifests in which they list it: with them
    /// the bundle proves that it was erased, and not left out.</summary>
    private async Task<List<(RecordedEvent Recorded, EvidenceDigest Manifest)>> ErasuresAsync(
        Dictionary<EvidenceDigest, EvidencePiece> evidence)
    {
        var unproven = evidence.Values.Where(piece => piece.Missing.Count > 0).Select(piece => piece.Digest)
            .ToHashSet();
        var erasures = new List<(RecordedEvent, EvidenceDigest)>();
        if (unproven.Count == 0) return erasures;
        await foreach (var recorded in ledger.Journal.ReadStreamAsync(Streams.Subjects, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is SubjectErased { Evidence: { } manifest }
                && EvidenceManifest.Listed(manifest, Piece(manifest, recorded.Position).Raw)
                    .Count(unproven.Remove) > 0)
                erasures.Add((recorded, manifest));
        return unproven.Count == 0
            ? erasures
            : throw new CouldNotException($"evidence {unproven.First()} cannot be read, and no erasure lists it; "
                + "'ledger verify' says more");
    }

    private EvidencePiece Piece(EvidenceDigest digest, long position) => ledger.Evidence.Find(digest)
        ?? throw new CouldNotException($"evidence {digest} of the event at position {position} is not kept");
}
