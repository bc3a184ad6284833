using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli.Bundles;

/// <summary>
/// Gathers what an auditor needs to check one settlement run without the ledger: the events from which the run is
/// calculated, found by calculating it, each with its proof; the evidence that they name; and the statement.
/// </summary>
internal sealed class StatementBundle(LedgerReader ledger, TransparencyLog log, CancellationToken ct)
{
    /// <summary>The evidence in the bundle that names persons; whoever hands it out is recorded.</summary>
    public IReadOnlyList<EvidenceDigest> Personal { get; private set; } = [];

    /// <summary>The bundle's files, by name; the same run of the same ledger under the same checkpoint gives the same
    /// bytes.</summary>
    public async Task<SortedDictionary<string, byte[]>> OfAsync(TimeOfUseSettlement.RunRow run)
    {
        var traced = new TracedJournal(ledger.Journal, run.AtPosition);
        var again = await Settlements.RederiveAsync(traced, ledger.Views, run, ct).ConfigureAwait(false);
        if (again.Differs is not null || again.Statement is not { } statement)
            throw new CouldNotException(
                $"{run.Run} does not come out again: {again.Differs}; 'ledger verify' says more");
        IReadOnlyList<RecordedEvent> events =
            [.. traced.Given, await EventAsync(run.RecordedPosition).ConfigureAwait(false)];
        var evidence = Evidence(events);
        foreach (var erasure in await ErasuresAsync(evidence).ConfigureAwait(false))
        {
            events = [.. events.Append(erasure.Recorded).OrderBy(recorded => recorded.Position)];
            evidence[erasure.Manifest] = Piece(erasure.Manifest, erasure.Recorded.Position);
        }
        Personal = [.. evidence.Values.Where(piece => piece.Missing.Count == 0 && piece.DisclosesSomebody)
            .Select(piece => piece.Digest).OrderBy(digest => digest.Hex, StringComparer.Ordinal)];
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (name, content) in StatementFiles.Of(run, statement)) files[name] = content;
        foreach (var proof in log.Prove(events))
        {
            files[BundleFiles.Event(proof.Index)] = Encoding.UTF8.GetBytes($"{proof}");
            files[BundleFiles.Checkpoint] = Encoding.UTF8.GetBytes(proof.Checkpoint);
        }
        var known = await LogKeys.ReadAsync(ledger.Journal, ct).ConfigureAwait(false);
        files[BundleFiles.Keys] = Encoding.UTF8.GetBytes(string.Concat(
            SignedNote.Parse(files[BundleFiles.Checkpoint]).SignedBy([.. known, .. log.Checkpoints.Witnesses])
                .Select(key => $"{key}\n")));
        foreach (var piece in evidence.Values)
            if (piece.Disclosed is { } content) files[BundleFiles.Evidence(piece.Digest)] = content;
        files[BundleFiles.Readme] = Encoding.UTF8.GetBytes(BundleReadme.Of(ledger.Journal.Ledger, run));
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of(ledger.Journal.Ledger.Value, run.Run, files).ToBytes();
        return files;
    }

    private async Task<RecordedEvent> EventAsync(long position)
    {
        await foreach (var recorded in ledger.Journal.ReadAllAsync(position, ct).ConfigureAwait(false)) return recorded;
        throw new CouldNotException($"there is no event at position {position}");
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
