namespace Ledger.Projections;

/// <summary>Stored rows are of another version than this program makes: it writes none to them, and compares none.
/// </summary>
public sealed class RowVersionException(string view, int stored, int made)
    : Exception($"the rows of view {view} are of version {stored}, and this program makes version {made}")
{
    /// <summary>Whether a later program made them.</summary>
    public bool IsLater => stored > made;
}

/// <summary>Which stored rows are of this program's version (<see cref="IProjection.RowVersion"/>).</summary>
public static class RowVersions
{
    /// <summary>The next position that this projection has not yet applied; 0 on an empty store.</summary>
    public static long Checkpoint(this IViewStore views, string projection) => views.Reached(projection).Next;

    /// <summary>Whether a projection's rows may go on from here; where nothing is stored they may.</summary>
    public static bool Makes(this IProjection projection, ViewCheckpoint stored) =>
        stored.Next == 0 || stored.RowVersion == projection.RowVersion;

    /// <summary>Projections of which rows of another version are stored.</summary>
    public static IReadOnlyList<IProjection> Others(IViewStore views, IReadOnlyList<IProjection> projections) =>
        [.. projections.Where(projection => !projection.Makes(views.Reached(projection.Name)))];

    /// <summary>Throws <see cref="RowVersionException"/> where rows of another version are stored.</summary>
    public static void Refuse(IViewStore views, IReadOnlyList<IProjection> projections)
    {
        foreach (var projection in projections) Refuse(projection, views.Reached(projection.Name));
    }

    /// <summary>Throws <see cref="RowVersionException"/> where rows of a later version are stored: what a later program
    /// knows is not taken back in silence.</summary>
    public static void RefuseLater(IViewStore views, IReadOnlyList<IProjection> projections)
    {
        foreach (var projection in projections)
            if (views.Reached(projection.Name) is var stored && stored.RowVersion > projection.RowVersion)
                Refuse(projection, stored);
    }

    internal static void Refuse(IProjection projection, ViewCheckpoint stored)
    {
        if (!projection.Makes(stored))
            throw new RowVersionException(projection.Name, stored.RowVersion, projection.RowVersion);
    }

    /// <summary>For a store, in the transaction that writes: throws where what is written would stand among rows of
    /// another version.</summary>
    public static void Refuse(string projection, ViewCheckpoint stored, ViewCheckpoint written)
    {
        if (stored.Next > 0 && stored.RowVersion != written.RowVersion)
            throw new RowVersionException(projection, stored.RowVersion, written.RowVersion);
    }

    /// <summary>How far rows of this program's version have come: those that are live, or those that are computed
    /// beside them to take their place.</summary>
    public static long Applied(IViewStore views, IProjection projection)
    {
        if (views.Reached(projection.Name) is var live && projection.Makes(live)) return live.Next;
        return views.Reached(NextViews.NameOf(projection.Name)) is var next && projection.Makes(next) ? next.Next : 0;
    }
}
