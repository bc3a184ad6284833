using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger rebuild</c>: computes the views anew from the journal beside the live ones, which everybody reads
/// meanwhile, puts them in their place at once, and prints every row that was not as the journal says. They differ
/// where the stored rows were damaged, or where this program has a rule that the one that wrote them had not.
/// </summary>
public static class RebuildViews
{
    public static Verb Verb { get; } = new("rebuild", "",
        "computes the views anew from the journal, puts them in the place of the old ones at once, and names the rows "
        + "that differed",
        "ledger rebuild --projection VerifiedExport",
        [
            new("--projection", "NAME", "one view only: "
                + string.Join(", ", StandardProjections.All.Select(view => view.Name))),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"rebuild takes no '{line.Words[0]}'");
        var views = StandardProjections.All.Where(view =>
            line.Option("--projection") is not { } name || view.Name == name).ToList();
        if (views.Count == 0) throw new UsageException($"there is no view {line.Option("--projection")}");
        await using var ledger = OpenLedger.Open(DataFolder.OptionsOf(line, shell) with { RebuildsViews = true });
        shell.Progress("computing the views from the journal, beside those that are there");
        var differences = await ledger.RebuildViewsAsync(views, ct).ConfigureAwait(false);
        shell.EndProgress();
        new Page().Field("rebuild", null, "switched").Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("events", "events", ledger.Journal.Length)
            .Field("views", "views", string.Join(", ", views.Select(view => view.Name)))
            .Field("differences", "rows that differed", differences.Count)
            .Table("rows", differences.Count == 0
                ? null : "rows that were not as the journal says", Listing.Of(differences,
                new("projection", "view", row => row.Projection), new("key", "row", row => row.Key),
                new("stored", "was", row => row.Stored ?? "no such row"),
                new("recomputed", "is", row => row.Recomputed ?? "no such row")))
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
