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
    LedgerOptions options, IJournal journal, bool isThorough, Findings findings, CancellationToken ct)
{
    /// <summary>Null where no views are stored.</summary>
    public VerificationStep? Step { get; private set; }

    /// <summary>
    /// Gives views that are as the journal says, for the steps that ask some: the stored ones where they were found to
    /// be so, which keeps no row in memory, and else rows computed now.
    /// </summary>
    public async Task<IViewStore> VerifyAsync()
    {
        var (before, rows) = (findings.FaultCount, 0L);
        IViewStore? stored = null;
        MemoryViews? fresh = null;
        var isSound = false;
        try
        {
            stored = LedgerStores.OpenViewsForReading(options);
            if (stored is null)
            {
                findings.LeaveOut("views: none are stored, they are computed when somebody asks");
                return await RecomputeAsync().ConfigureAwait(false);
            }
            (stored as SqliteViews)?.Verify(OpenLedger.ViewsFileName, isThorough, findings);
            await ViewsAhead.WaitAsync(journal, stored, StandardProjections.All, ct).ConfigureAwait(false);
            var compared = Compared(stored);
            var isWhole = await Projections.Replay.IsWholeAsync(journal, stored, compared, Decode, null, ct)
                .ConfigureAwait(false);
            isSound = isWhole && compared.Count == StandardProjections.All.Count;
            if (!isSound) fresh = await RecomputeAsync().ConfigureAwait(false);
            if (!isWhole)
            {
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
        finally
        {
            if (!isSound) LedgerStores.Close(stored);
        }
        Step = new("views", rows, "versions of rows", findings.FaultCount - before);
        return isSound ? stored! : fresh ?? await RecomputeAsync().ConfigureAwait(false);
    }

    private Task<MemoryViews> RecomputeAsync() =>
        Projections.Replay.RecomputeAsync(journal, StandardProjections.All, Decode, journal.Length, ct);

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
}
