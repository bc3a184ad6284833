using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Cli.Listings;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger replay</c>: computes every view again from the journal alone. Without <c>--diff</c> it prints a digest of
/// each, so that two people can compare theirs; with it, every stored row that is not as the journal says, and every
/// settlement run whose lines or total do not come out again.
/// </summary>
public static class Replay
{
    private sealed record Digest(string Projection, int Rows, int Versions, string Sha256);

    public static Verb Verb { get; } = new("replay", "",
        "computes the views again from the journal, and with --diff compares them with the stored rows",
        "ledger replay --diff",
        [
            LedgerReader.AsOfOption,
            new("--diff", null,
                "names every stored row and settlement run that is not as the journal says; then the exit code is 1"),
            new("--projection", "NAME", "one view only: "
                + string.Join(", ", StandardProjections.All.Select(view => view.Name))),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"replay takes no '{line.Words[0]}'");
        var views = StandardProjections.All.Where(view =>
            line.Option("--projection") is not { } name || view.Name == name).ToList();
        if (views.Count == 0) throw new UsageException($"there is no view {line.Option("--projection")}");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var asOf = await ledger.AsOfAsync(line, ct).ConfigureAwait(false);
        return line.Flag("--diff")
            ? await DiffAsync(line, shell, ledger, views, asOf, ct).ConfigureAwait(false)
            : await DigestAsync(line, shell, ledger, views, asOf, ct).ConfigureAwait(false);
    }

    private static async Task<int> DigestAsync(
        CommandLine line, Shell shell, LedgerReader ledger, List<IProjection> views, long? asOf, CancellationToken ct)
    {
        shell.Progress("computing the views from the journal");
        var end = asOf + 1 ?? ledger.Journal.Length;
        using var computed = await ComputedAsync(ledger, views, asOf, ct).ConfigureAwait(false);
        var sound = computed?.Views ?? ledger.Views;
        var digests = views.Select(view => DigestOf(view.Name, sound, end)).ToList();
        shell.EndProgress();
        new Page().Field("replay", null, "digests").Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("events", "events", end)
            .Table("projections", "views, computed from the journal", Listing.Of(digests,
                new("projection", "view", row => row.Projection), new("rows", "rows", row => row.Rows),
                new("versions", null, row => row.Versions),
                new("sha256", "SHA-256 of all versions", row => row.Sha256)))
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    /// <summary>Over every version of every row in order: key, from, to, JSON,
    /// each line ended by a line feed.</summary>
    private static Digest DigestOf(string projection, IViewStore views, long end)
    {
        var (rows, versions) = (0, 0);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Projections.Replay.ScanUntil(views, projection, end, (key, from, to, json) =>
        {
            var isOpen = to == ViewRow.Open;
            hash.AppendData(key);
            hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"\t{from}\t{(isOpen ? "-" : to)}\t")));
            hash.AppendData(json);
            hash.AppendData("\n"u8);
            (rows, versions) = (rows + (isOpen ? 1 : 0), versions + 1);
        });
        return new(projection, rows, versions, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>
    /// Views that are as the journal says until a position; null where those that were opened are: because they were
    /// computed then, or are stored and were found to be so by computing each row again.
    /// </summary>
    private static async Task<ComputedViews?> ComputedAsync(
        LedgerReader ledger, IReadOnlyList<IProjection> views, long? asOf, CancellationToken ct) =>
        ledger.Views != ledger.Stored || await Projections.Replay.IsWholeAsync(
            ledger.Journal, ledger.Stored, views, Decode, asOf, ct).ConfigureAwait(false)
            ? null
            : await ComputedViews.ComputeAsync(ledger.Journal, views, asOf + 1 ?? ledger.Journal.Length, ct)
                .ConfigureAwait(false);

    /// <summary>Stored rows of another version are no fault, and are not looked at: where nobody else owns the folder
    /// they are gone by now.</summary>
    private static string? NotCompared(LedgerReader ledger, IEnumerable<IProjection> views) =>
        string.Join(", ", views.Where(view => ledger.OtherVersions.ContainsKey(view.Name))
            .Select(view => string.Create(CultureInfo.InvariantCulture,
                $"{view.Name} (version {ledger.OtherVersions[view.Name]}, now {view.RowVersion})")))
            is { Length: > 0 } named ? named : null;

    private static async Task<int> DiffAsync(
        CommandLine line, Shell shell, LedgerReader ledger, List<IProjection> views, long? asOf, CancellationToken ct)
    {
        // Stored rows are what is doubted: they and the runs are judged by rows computed now.
        shell.Progress("comparing the views with the journal");
        using var computed = await ComputedAsync(ledger, StandardProjections.All, asOf, ct).ConfigureAwait(false);
        var sound = computed?.Views ?? ledger.Views;
        var notCompared = NotCompared(ledger, views);
        var compared = views.FindAll(view => !ledger.OtherVersions.ContainsKey(view.Name));
        var differences = sound == ledger.Stored ? [] : await Projections.Replay.DiffAsync(
            ledger.Journal, ledger.Stored, compared, Decode, asOf, sound, ct).ConfigureAwait(false);
        shell.Progress("deriving the settlement runs again");
        var runs = new List<RederivedRun>();
        foreach (var run in new Answers(sound, asOf).Runs())
            runs.Add(await Settlements.RederiveAsync(ledger.Journal, sound, run, ct).ConfigureAwait(false));
        shell.EndProgress();
        var wrong = runs.Where(run => run.Differs is not null).ToList();
        new Page().Field("replay", null, "diff").Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("events", "events", asOf + 1 ?? ledger.Journal.Length)
            .Field("notCompared", notCompared is null ? null : "not compared", notCompared)
            .Field("differences", "rows that differ", differences.Count)
            .Field("runs", "settlement runs", runs.Count).Field("runsThatDiffer", "runs that differ", wrong.Count)
            .Table("rows", differences.Count == 0
                ? null : "rows that are not as the journal says", Listing.Of(differences,
                new("projection", "view", row => row.Projection), new("key", "row", row => row.Key),
                new("stored", "stored", row => row.Stored ?? "no such row"),
                new("recomputed", "recomputed", row => row.Recomputed ?? "no such row")))
            .Table("settlement", wrong.Count == 0 ? null : "runs that do not come out again", Listing.Of(wrong,
                new("run", "run", row => row.Run.Run),
                new("recordedPosition", "position", row => row.Run.RecordedPosition),
                new("differs", "differs", row => row.Differs)))
            .Write(shell.Output, line.Json);
        return differences.Count + wrong.Count == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static Domain.LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wireName, version, payload);
}
