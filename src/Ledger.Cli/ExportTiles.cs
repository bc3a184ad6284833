using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger export tiles DIR</c>: the log as plain files, as of its latest checkpoint, for any web server or auditor.
/// They say nothing of anyone; a folder that has an earlier export is continued.
/// </summary>
internal static class ExportTiles
{
    public const string Name = "tiles";

    public static async Task<int> RunAsync(CommandLine line, Shell shell)
    {
        if (line.Words is not [_, var directory]) throw new UsageException($"export {Name} needs one DIR");
        var options = DataFolder.OptionsOf(line, shell);
        await using var journal = LedgerStores.OpenReader(options);
        var checkpoint = options.Log.Export(journal, new TileFolder(directory));
        new Page().Field("out", "written to", directory).Field("origin", "log", checkpoint.Origin)
            .Field("size", "events", checkpoint.Size).Field("root", "root", Convert.ToHexStringLower(checkpoint.Root))
            .Field("tiles", "tiles", Tile.Of(checkpoint.Size).Count()).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
