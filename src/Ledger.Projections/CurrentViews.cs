using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Brings views up to the journal, with rows of this program's version. Rows of an earlier one are computed anew beside
/// those that are there, and put in their place at once; whoever asks for the views waits for that. What a process that
/// ended meanwhile had computed is gone on with. Rows of a later one stay as they are
/// (<see cref="RowVersionException"/>).
/// </summary>
/// <param name="noted">Is told where rows are computed anew, and when that is done.</param>
public sealed class CurrentViews(
    IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections, EventDecoder decode,
    RunnerLease lease, Action<string> noted)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private readonly ProjectionRunner runner = new(journal, views, projections, decode, lease: lease);
    private readonly NextViews next = new(views);
    private bool isTidy; // nothing that was replaced is left beside
    private string? told;

    /// <inheritdoc cref="ProjectionRunner.CatchUpAsync"/>
    public async Task<long> CatchUpAsync(CancellationToken ct)
    {
        while (true)
        {
            try
            {
                var reached = await runner.CatchUpAsync(ct).ConfigureAwait(false);
                if (!isTidy) ForgetReplaced();
                return reached;
            }
            catch (RowVersionException other) when (!other.IsLater)
            {
                await ReplaceAsync(RowVersions.Others(views, projections), ct).ConfigureAwait(false);
            }
        }
    }

    /// <param name="others">None where another process has put them right meanwhile.</param>
    private async Task ReplaceAsync(IReadOnlyList<IProjection> others, CancellationToken ct)
    {
        if (others.Count == 0) return;
        RowVersions.RefuseLater(views, others);
        isTidy = false;
        await ViewsAhead.WaitAsync(journal, views, others, ct).ConfigureAwait(false);
        var names = string.Join(", ", others.Select(view => $"{view.Name} "
            + $"(version {views.Reached(view.Name).RowVersion}, now {view.RowVersion})"));
        Tell($"rows of an earlier program are computed anew: {names}; until then nothing is read from the views");
        try
        {
            var rebuild = new Rebuild(journal, views, others, decode, lease);
            await rebuild.FoldAsync(ct, goesOn: true).ConfigureAwait(false);
            await rebuild.ReplaceAsync(ct).ConfigureAwait(false);
            Tell("rows of this program have taken their place");
        }
        catch (RebuildUnderWayException)
        {
            await Task.Delay(BetweenLooks, ct).ConfigureAwait(false);
        }
        catch (LeaseLostException)
        {
            ct.ThrowIfCancellationRequested(); // another writes there now: what is stored is asked anew
        }
    }

    /// <summary>Rows that were taken out of the live views are nobody's. Where a process ended before they were gone,
    /// the next one forgets them.</summary>
    private void ForgetReplaced()
    {
        isTidy = true;
        if (!projections.Any(IsReplaced) || !views.TryHold(ViewLease.Next, lease.Holder, lease.Length)) return;
        try
        {
            foreach (var view in projections)
                if (IsReplaced(view)) next.Reset(view.Name);
            views.TryKeep(ViewLease.Next, lease.Holder, Duration.Zero);
        }
        catch (LeaseLostException)
        {
            // Whoever builds there now forgets them.
        }
    }

    private bool IsReplaced(IProjection view) =>
        next.Reached(view.Name) is { Next: > 0 } left && left.RowVersion < view.RowVersion;

    /// <summary>Once, however often it is tried.</summary>
    private void Tell(string what)
    {
        if (told != what) noted(told = what);
    }
}
