using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>
/// Computes views anew beside the live ones, which are read and followed meanwhile, and then puts the new rows in the
/// place of the old ones in one transaction. What differed is told, not hidden: rows that the journal alone gives come
/// out the same, so a difference is damage, or a rule that this program has and an earlier one had not.
/// </summary>
public sealed class Rebuild(
    IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections, EventDecoder decode,
    RunnerLease lease)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private readonly NextViews next = new(views);

    /// <summary>
    /// Folds the whole journal beside the live views; returns the next position. It may take long, and another runner
    /// may follow the live views meanwhile. Throws <see cref="RebuildUnderWayException"/> where somebody else does it.
    /// </summary>
    /// <param name="goesOn">Whether rows of this program's version that somebody began to compute there, and left, are
    /// gone on with.</param>
    public async Task<long> FoldAsync(CancellationToken ct, bool goesOn = false)
    {
        while (true)
        {
            if (!views.TryHold(ViewLease.Next, lease.Holder, lease.Length)) throw new RebuildUnderWayException();
            try
            {
                if (goesOn) ViewsAhead.Forget(journal, next, projections);
                foreach (var projection in goesOn ? RowVersions.Others(next, projections) : projections)
                    next.Reset(projection.Name);
                return await CatchUpAsync(ct).ConfigureAwait(false);
            }
            catch (LeaseLostException)
            {
                ct.ThrowIfCancellationRequested(); // whoever took it meanwhile has built something else there
            }
        }
    }

    /// <summary>
    /// Catches up with what was recorded meanwhile, and switches. Nothing else in this process may write the live views
    /// until it returns; a runner of another process waits, or is fenced off. Returns how the old rows differed, as far
    /// as those had come.
    /// </summary>
    public async Task<IReadOnlyList<RowDifference>> SwitchAsync(CancellationToken ct)
    {
        IReadOnlyList<RowDifference> differences = [];
        // What is of no event of the journal is not compared.
        await SwitchAsync(() => ViewsAhead.Forget(journal, views, projections), () =>
            differences = [.. projections.SelectMany(projection => Differences(projection.Name))], ct)
            .ConfigureAwait(false);
        return differences;
    }

    /// <summary>The same with live rows of an earlier version, which are compared with nothing. Nobody has decided
    /// anything here: throws <see cref="RowVersionException"/> where a later program has made them meanwhile, and
    /// <see cref="ViewsAheadException"/> where they have applied what the journal does not have.</summary>
    public Task ReplaceAsync(CancellationToken ct) => SwitchAsync(() =>
    {
        RowVersions.RefuseLater(views, projections);
        ViewsAhead.Refuse(journal, views, projections);
    }, () => { }, ct);

    /// <param name="before">What is asked of the live views under their lease, before they are switched under the same
    /// one.</param>
    private async Task SwitchAsync(Action before, Action compare, CancellationToken ct)
    {
        while (true)
        {
            while (!views.TryHold(ViewLease.Live, lease.Holder, lease.Length))
                await Task.Delay(BetweenLooks, ct).ConfigureAwait(false);
            before();
            await CatchUpOrFoldAsync(ct).ConfigureAwait(false);
            compare();
            // All of that may outlast the lease: whoever took it meanwhile may be further, or have other rows.
            if (!views.TryKeep(ViewLease.Live, lease.Holder, lease.Length) || projections.Any(IsBehind)) continue;
            views.Switch([.. projections.Select(projection => projection.Name)]);
            if (views.Alarm is not null) views.Alarm = null;
            foreach (var projection in projections) next.Reset(projection.Name); // the old rows: nobody reads them now
            return;
        }
    }

    /// <summary>Since the fold another may have built there too, and left the rows that it took out of the live views:
    /// then all is folded again.</summary>
    private async Task CatchUpOrFoldAsync(CancellationToken ct)
    {
        try
        {
            if (next.TryKeep(ViewLease.Next, lease.Holder, lease.Length))
            {
                await CatchUpAsync(ct).ConfigureAwait(false);
                return;
            }
        }
        catch (LeaseLostException)
        {
            ct.ThrowIfCancellationRequested();
        }
        await FoldAsync(ct).ConfigureAwait(false);
    }

    private IEnumerable<RowDifference> Differences(string projection)
    {
        // Where both have applied the same no stored row escapes, whatever it claims.
        var applied = views.Checkpoint(projection);
        var end = applied == next.Checkpoint(projection) ? ViewRow.Open : applied;
        return Replay.IsSame(views, next, projection, end) ? [] : Replay.Differences(views, next, projection, end);
    }

    private bool IsBehind(IProjection projection) =>
        next.Checkpoint(projection.Name) < views.Checkpoint(projection.Name);

    private Task<long> CatchUpAsync(CancellationToken ct) =>
        new ProjectionRunner(journal, next, projections, decode, lease: lease).CatchUpAsync(ct);
}

/// <summary>Somebody else builds these views anew.</summary>
public sealed class RebuildUnderWayException() : IOException("another process is rebuilding these views");
