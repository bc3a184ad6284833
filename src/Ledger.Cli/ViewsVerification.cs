using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>The verification of the stored views: every version of their rows is as the journal gives it.</summary>
/// <param name="isThorough">Also has SQLite check its own file.</param>
internal sealed class ViewsVerification(
    LedgerOptions options, IJournal journal, bool isThorough, Findings findings, CancellationToken ct) : IDisposable
{
    private IViewStore? stored;
    private ComputedViews? computed;

    /// <summary>Null where no views are stored.</summary>
    public VerificationStep? Step { get; private set; }

    /// <summary>
    /// Gives views that are as the journal says, for the steps that ask some: the stored ones where they were found to
    /// be so, and else rows computed now. They are closed with this.
    /// </summary>
    public async Task<IViewStore> VerifyAsync()
    {
        var (before, rows) = (findings.FaultCount, 0L);
        var isSound = false;
        try
        {
            stored = LedgerStores.OpenViewsForReading(options);
            if (stored is null)
            {
                findings.LeaveOut("views: none are stored, they are computed when somebody asks");
                return await RecomputedAsync().ConfigureAwait(false);
            }
            (stored as SqliteViews)?.Verify(OpenLedger.ViewsFileName, isThorough, findings);
            await ViewsAhead.WaitAsync(journal, stored, StandardProjections.All, ct).ConfigureAwait(false);
            var compared = Compared(stored);
            var isWhole = await Projections.Replay.IsWholeAsync(journal, stored, compared, Decode, null, ct)
                .ConfigureAwait(false);
            isSound = isWhole && compared.Count == StandardProjections.All.Count;
            if (!isWhole)
            {
                var fresh = await RecomputedAsync().ConfigureAwait(false);
                var differing = await Projections.Replay.DiffAsync(
                    journal, stored, compared, Decode, null, fresh, ct).ConfigureAwait(false);
                foreach (var row in differing)
                    findings.Add($"{OpenLedger.ViewsFileName}, {row.Projection} {row.Key}", row.Stored
                        ?? "no such row", row.Recomputed ?? "no such row");
            }
            foreach (var view in compared) stored.ScanVersions(view.Name, (_, _, _, _) => rows++);
        }
        catch (Exception damaged) when (SqliteFile.IsDamage(damaged))
        {
            isSound = false;
            findings.Add(OpenLedger.ViewsFileName, damaged.Message,
                "a readable database; it can be deleted and is computed again");
        }
        Step = new("views", rows, "versions of rows", findings.FaultCount - before);
        return isSound ? stored! : await RecomputedAsync().ConfigureAwait(false);
    }

    private async Task<IViewStore> RecomputedAsync() =>
        (computed ??= await ComputedViews.ComputeAsync(journal, ct).ConfigureAwait(false)).Views;

    /// <summary>The views whose rows can be compared: those of this program's version. Views follow the journal; what
    /// they have not applied yet is not there to be verified.</summary>
    private List<IProjection> Compared(IViewStore stored)
    {
        var compared = new List<IProjection>();
        foreach (var view in StandardProjections.All)
        {
            var reached = stored.Reached(view.Name);
            if (!view.Makes(reached))
            {
                if (reached.Next > journal.Length)
                    findings.Add($"{OpenLedger.ViewsFileName}, {view.Name} checkpoint", Count(reached.Next),
                        Count(journal.Length));
                findings.LeaveOut($"view {view.Name}: its rows are of version {Count(reached.RowVersion)}, and this program "
                    + $"makes version {Count(view.RowVersion)}; ledger rebuild computes them anew");
                continue;
            }
            compared.Add(view);
            if (reached.Next < journal.Length)
                findings.LeaveOut($"view {view.Name} from position {Count(reached.Next)} on: it has not applied it yet");
        }
        return compared;
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wireName, version, payload);

    public void Dispose()
    {
        LedgerStores.Close(stored);
        computed?.Dispose();
    }
}
