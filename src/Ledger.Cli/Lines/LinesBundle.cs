using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli.Lines;

/// <summary>
/// Gathers what an auditor needs to check single lines without the ledger: the runs, the lines, the facts of each
/// line's point, of a charge those of its month, their proofs and their evidence. Nothing of the other points' facts is
/// in it; of their lines there is what a sample is drawn from, or what stands before a line and leaves a rest of a cent
/// to it.
/// </summary>
internal sealed class LinesBundle(LedgerReader ledger, TransparencyLog log, CancellationToken ct)
{
    /// <summary>The evidence in the bundle that names persons; whoever hands it out is recorded.</summary>
    public IReadOnlyList<EvidenceDigest> Personal { get; private set; } = [];

    public async Task<(LinesResult Result, SortedDictionary<string, byte[]> Files)> OfAsync(
        LinesRequest request, IReadOnlyList<TimeOfUseSettlement.RunRow> rows)
    {
        var (runs, events) = (new List<RunLines>(), new List<RecordedEvent>());
        IReadOnlyList<byte[]>? path = null;
        foreach (var row in rows.OrderBy(row => row.RecordedPosition))
        {
            var recorded = await ledger.EventAsync(row.RecordedPosition, ct).ConfigureAwait(false);
            var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, row, ct).ConfigureAwait(false);
            if (again.Differs is not null || again.Statement is not { } statement)
                throw new CouldNotException(
                    $"{row.Run} does not come out again, so it has no lines to show: {again.Differs}");
            var whole = new RunLines(row.RecordedPosition, (SettlementRunCompleted)EventCodec.Decode(recorded),
                statement.Lines, statement.Charges, [.. statement.Flexibility.Select(line => line.Canonical())]);
            // A call is paid by what all of its points did, and what an account owes as a whole, or for the days on
            // which a point was settled, rests on all that it has: only the whole bundle shows that.
            if (request is LinesRequest.One call && call.Number > whole.Examinable)
                throw new CouldNotException($"line {call.Number} of {row.Run} is "
                    + (call.Number > whole.Lines.Count + whole.Charges.Count ? "paid for flexibility: "
                        : whole.ChargeAt(call.Number - 1)?.Point is null ? "owed by the account as a whole: "
                        : "owed for the days on which its point was settled: ")
                    + $"'ledger bundle --statement {row.Run}' proves it with all that it rests on");
            if (request is LinesRequest.One one)
            {
                path = new LinesTree(whole.Texts).Inclusion(one.Number - 1);
                runs.Add(whole.Beginning(one.Number));
            }
            else runs.Add(whole);
            events.Add(recorded);
        }
        var examination = new LineExamination(ledger.Journal, ledger.Evidence.Get, ct);
        var result = await AskedAsync(request, runs, examination).ConfigureAwait(false);
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var run in runs) files[run.FileName] = run.ToBytes();
        files[BundleFiles.LinesJson] = path is null
            ? LinesDocument.Of(result) : LinesDocument.With(LinesDocument.Of(result), path);
        events = [.. events.Concat(examination.Given).DistinctBy(recorded => recorded.Position)
            .OrderBy(recorded => recorded.Position)];
        Personal = await new SignedFiles(ledger, log, ct).AddAsync(files, events).ConfigureAwait(false);
        SignedFiles.Close(files, ledger.Journal.Ledger, $"{request}",
            BundleReadme.OfLines(ledger.Journal.Ledger, $"{request}"), BundleFiles.LinesFormat);
        return (result, files);
    }

    private static async Task<LinesResult> AskedAsync(
        LinesRequest request, IReadOnlyList<RunLines> runs, LineExamination examination)
    {
        try
        {
            return await LinesResult.OfAsync(request, runs, examination).ConfigureAwait(false);
        }
        catch (FormatException wrong)
        {
            throw new CouldNotException(wrong.Message);
        }
    }
}
