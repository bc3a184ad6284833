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
    public async Task AddAsync(SortedDictionary<string, byte[]> files, IReadOnlyList<RecordedEvent> events)
    {
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
        foreach (var (digest, content) in Evidence(events)) files[BundleFiles.Evidence(digest)] = content;
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
    private Dictionary<EvidenceDigest, byte[]> Evidence(IEnumerable<RecordedEvent> events)
    {
        var found = new Dictionary<EvidenceDigest, byte[]>();
        foreach (var recorded in events)
        {
            if (NamedEvidence.Of(EventCodec.Decode(recorded)) is not { } named || found.ContainsKey(named)) continue;
            found[named] = Bytes(named, recorded.Position);
            foreach (var piece in EvidenceManifest.Listed(named, found[named]))
                if (!found.ContainsKey(piece)) found[piece] = Bytes(piece, recorded.Position);
        }
        return found;
    }

    private byte[] Bytes(EvidenceDigest digest, long position) => ledger.Evidence.Get(digest)
        ?? throw new CouldNotException($"evidence {digest} of the event at position {position} is not kept");
}
