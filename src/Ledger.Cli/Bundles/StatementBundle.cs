using Ledger.Domain;
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
        [
            .. NeededPlaces.Of(new(run.Account), traced.Given),
            await ledger.EventAsync(run.RecordedPosition, ct).ConfigureAwait(false),
        ];
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (name, content) in StatementFiles.Of(run, statement)) files[name] = content;
        Personal = await new SignedFiles(ledger, log, ct).AddAsync(files, events).ConfigureAwait(false);
        SignedFiles.Close(files, ledger.Journal.Ledger, run.Run, BundleReadme.Of(ledger.Journal.Ledger, run),
            BundleFiles.Format);
        return files;
    }
}
