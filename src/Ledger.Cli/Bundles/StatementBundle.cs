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
        foreach (var (digest, content) in Evidence(events)) files[BundleFiles.Evidence(digest)] = content;
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
