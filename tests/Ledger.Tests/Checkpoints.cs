using Ledger.Projections;

namespace Ledger.Tests;

/// <summary>How far projections have come, with rows as this program makes them; of one that it does not have, as of
/// version 1.</summary>
internal static class Checkpoints
{
    public static Dictionary<string, ViewCheckpoint> Of(params IEnumerable<(string Projection, long Next)> reached) =>
        reached.ToDictionary(each => each.Projection, each => new ViewCheckpoint(each.Next,
            StandardProjections.All.FirstOrDefault(view => view.Name == each.Projection)?.RowVersion ?? 1));
}
