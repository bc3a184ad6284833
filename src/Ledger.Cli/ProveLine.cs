using Ledger.Cli.Bundles;
using Ledger.Cli.Lines;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger prove RUN#LINE</c> and <c>ledger prove RUN POINT DIRECTION START</c>: one line or charge of a statement
/// with all that it is made of, as a bundle that <c>ledger verify</c> checks alone.
/// </summary>
internal static class ProveLine
{
    public static bool Names(IReadOnlyList<string> words) =>
        words is [_, _, _, _] || (words is [var word] && word.Contains('#', StringComparison.Ordinal));

    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var (row, number, result, files, personal) = await GatherAsync(line, shell, ct).ConfigureAwait(false);
        var path = line.Option("--out") ?? $"{row.Run}-{number}.zip".Replace(':', '-').Replace('/', '-')
            .Replace('*', '-');
        var zip = await BundleZip.HandOutAsync(path, files, line, shell, $"prove {row.Run}#{number}", personal, ct)
            .ConfigureAwait(false);
        var examined = result.Lines[0].Line;
        var checkpoint = Checkpoint.Parse(SignedNote.Parse(files[BundleFiles.Checkpoint]).Text);
        new Page().Field("out", "written to", path).Field("sha256", "SHA-256", BundleFiles.Digest(zip))
            .Field("run", "settlement run", row.Run).Field("number", "line", number)
            .Field("of", "of so many", row.Lines).Field("linesRoot", "under the lines' root", row.LinesRoot)
            .Field("position", "the run is recorded at", row.RecordedPosition)
            .Field("size", "in the log of so many events", checkpoint.Size)
            .Field("root", "with the root", Convert.ToHexStringLower(checkpoint.Root))
            .Table("line", "the line", examined.Run.ChargeAt(number - 1) is { } charge
                ? SettlementListings.Charges([charge])
                : SettlementListings.Lines([examined.Run.Lines[number - 1]]))
            .Table("values", "each value, and what it follows from", Listing.Of(examined.Nodes,
                new("value", "value", node => node.Name), new("says", "says", node => node.Said),
                new("follows", null, node => node.Follows), new("from", "from", node => node.From)))
            .Table("facts", "facts that it rests on", Listing.Of(examined.Facts,
                new("position", "position", fact => fact.Position), new("is", "is", fact => fact.Is)))
            .Table("exceptions", "not as it should be",
                Listing.Of(examined.Exceptions, new Column<string>("what", "what", what => what)))
            .Write(shell.Output, line.Json);
        return examined.Exceptions.Count == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    /// <summary>The ledger is closed again before the reading is recorded in it.</summary>
    private static async Task<(TimeOfUseSettlement.RunRow Row, int Number, LinesResult Result,
        SortedDictionary<string, byte[]> Files, IReadOnlyList<EvidenceDigest> Personal)> GatherAsync(
        CommandLine line, Shell shell, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var (row, number) = await FindAsync(ledger, line, ct).ConfigureAwait(false);
        var bundle = new LinesBundle(ledger, options.Log, ct);
        var (result, files) = await PrunedEvidence.ReadAsync(ledger.Journal,
            () => bundle.OfAsync(new LinesRequest.One(row.Run, number), [row]), ct).ConfigureAwait(false);
        return (row, number, result, files, bundle.Personal);
    }

    private static async Task<(TimeOfUseSettlement.RunRow Row, int Number)> FindAsync(
        LedgerReader ledger, CommandLine line, CancellationToken ct)
    {
        var words = line.Words;
        var hash = words[0].IndexOf('#', StringComparison.Ordinal);
        var name = words.Count == 1 ? words[0][..hash] : words[0];
        var row = RecordedRun.Find(line, ledger.Answers(null).Runs(), name);
        if (words.Count == 1)
        {
            var number = CommandLine.Read<long>(words[0][(hash + 1)..], LedgerReader.TryPosition,
                "LINE is a number from 1 on");
            return number is >= 1 && number <= row.Lines ? (row, (int)number)
                : throw new CouldNotException($"{name} has the lines 1 to {row.Lines}, and no {number}");
        }
        var direction = words[2] switch
        {
            "import" => Direction.Import,
            "export" => Direction.Export,
            _ => throw new UsageException($"DIRECTION is import or export, not '{words[2]}'"),
        };
        var start = CommandLine.Read<NodaTime.Instant>(words[3], CommandLine.TryInstant,
            "START is an instant like 2026-06-02T08:00:00Z");
        var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, row, ct).ConfigureAwait(false);
        var found = again.Statement?.Lines.FirstOrDefault(each => each.Point.Value == words[1]
            && each.Direction == direction && each.Period.Start == start)
            ?? throw new CouldNotException($"{name} has no line of {words[1]} {words[2]} from {words[3]}");
        return (row, found.Number);
    }
}
