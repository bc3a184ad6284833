using System.Text.Json.Nodes;
using Ledger.Cli.Listings;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger publish RUN --by WHO</c>: a calculated run becomes a published one. It is calculated again first, and
/// whoever publishes it is another than who calculated it.
/// </summary>
public static class Publish
{
    public static Verb Verb { get; } = new("publish", "RUN",
        "publishes a calculated run: another person than who calculated it answers for it",
        "ledger publish cpo-1-2026-06-02-1 --by bob", [new("--by", "WHO", "who of the staff publishes it"), .. RecordedRun.Options],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 1) throw new UsageException("publish needs one RUN");
        var by = line.Required("--by");
        var run = await FindAsync(line, shell, ct).ConfigureAwait(false);
        var (account, day) = (run.Account, run.Day);
        var answer = await FactDoor.SendAsync(line, shell, "run-publications", "run-publication", new JsonObject
        {
            ["run"] = line.Words[0],
            ["account"] = account,
            ["day"] = day,
            ["by"] = by,
        }, ct).ConfigureAwait(false);
        return Said(shell, line, "published", answer, page => page.Field("run", "run", line.Words[0])
            .Field("account", "account", account).Field("day", "day", day).Field("by", "by", by),
            run.Incomplete ? [run.Run] : []);
    }

    /// <summary>The ledger is closed again before the fact goes in.</summary>
    private static async Task<TimeOfUseSettlement.RunRow> FindAsync(
        CommandLine line, Shell shell, CancellationToken ct)
    {
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        return RecordedRun.Find(line, ledger.Answers(null).Runs(), line.Words[0]);
    }

    /// <summary>What became of a fact about runs, for a person and as an exit code.</summary>
    /// <param name="incomplete">Those of the runs that have lines without an amount: somebody answers for them.</param>
    internal static int Said(Shell shell, CommandLine line, string done, FactDoor.Answer answer, Func<Page, Page> about,
        IReadOnlyList<string> incomplete)
    {
        if (answer.Refused is { } refused)
        {
            shell.Errors.WriteLine($"ledger {line.Verb}: {refused}");
            return ExitCode.NotAsItShouldBe;
        }
        var page = about(new Page().Field("outcome", "outcome", answer.Outcome == "recorded" ? done : $"already {done}"))
            .Field("position", "the fact is at position", answer.Position).Field("incomplete", null, incomplete);
        if (incomplete.Count > 0)
            page.Note($"Incomplete, with lines that have no amount: {string.Join(", ", incomplete)}; "
                + "'ledger show statement RUN' lists them.");
        page.Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
