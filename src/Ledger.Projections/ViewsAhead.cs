using System.Globalization;
using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>
/// Views have applied events that their journal does not have. Only what is acknowledged is ever applied, so the
/// journal has lost some, or the views are another one's. Nothing can be read from them: they would pass over the
/// events that come to those positions, and rows of lost events would be settled.
/// </summary>
public sealed class ViewsAheadException(string view, long applied, long length)
    : Exception(ViewsAhead.Text(view, applied, length));

/// <summary>Tells where views are ahead of their journal, which a runner would take for views that are up to date.
/// </summary>
public static class ViewsAhead
{
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Beside who records, views may have applied more than was read of the journal: that is waited for, 5 s at most,
    /// because it is there in a moment, or it is lost.
    /// </summary>
    public static async Task WaitAsync(
        IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections, CancellationToken ct)
    {
        if (Find(journal, views, projections) is not var (_, applied, _)) return;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(WaitMax);
        try
        {
            await journal.WaitForAsync(applied - 1, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            // whoever asks next is told
        }
    }

    /// <summary>Throws <see cref="ViewsAheadException"/> where a view is ahead.</summary>
    /// <param name="journal">Opened by its owner: it has all that was acknowledged, and nobody else appends.</param>
    public static void Refuse(IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections)
    {
        if (Find(journal, views, projections) is var (view, applied, length))
            throw new ViewsAheadException(view, applied, length);
    }

    /// <summary>Forgets the views that are ahead: they are computed again from their first event.</summary>
    public static void Forget(IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections)
    {
        while (Find(journal, views, projections) is var (view, _, _)) views.Reset(view);
    }

    /// <summary>The view that is the furthest ahead, and by how much; null where none is.</summary>
    private static (string View, long Applied, long Length)? Find(
        IJournal journal, IViewStore views, IReadOnlyList<IProjection> projections)
    {
        // First how far the views are: the journal only grows meanwhile.
        var furthest = projections.Select(projection => (projection.Name, Applied: views.Checkpoint(projection.Name)))
            .MaxBy(view => view.Applied);
        return furthest.Applied > journal.Length ? (furthest.Name, furthest.Applied, journal.Length) : null;
    }

    internal static string Text(string view, long applied, long length) => string.Create(CultureInfo.InvariantCulture,
        $"view {view} has applied {applied} events and the journal has {length}: the journal has lost events, "
        + $"or the view is another journal's");
}
