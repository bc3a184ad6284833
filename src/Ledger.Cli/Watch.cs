using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Cli.Witnessing;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger watch URL</c>: for an auditor. It looks at what a log publishes, proves from the tiles that it continues
/// what was kept, and keeps it; two histories under one signature are said at once, with both checkpoints.
/// </summary>
public static class Watch
{
    private const int EveryDefault = 60; // seconds
    private const int EveryMax = 7 * 24 * 3600; // a week, in seconds

    public static Verb Verb { get; } = new("watch", "URL",
        "keeps the checkpoints that a log publishes, proves that each continues the one before, and ends with exit "
        + "code 1 as soon as one does not",
        "ledger watch http://127.0.0.1:8480 --keep ./kept --keys demo.keys --once",
        [
            new("--keep", "FOLDER", "where the checkpoints are kept; one folder for each log"),
            TrustedKeys.KeysOption,
            TrustedKeys.PolicyOption,
            new("--every", "SECONDS", $"how often it looks; {EveryDefault.ToString(CultureInfo.InvariantCulture)} "
                + "where it is not given"),
            new("--once", null, "looks once and ends, for a timer: exit code 0 where all is well"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not [var word] || PublishedLog.Address(word) is not { } url)
            throw new UsageException("watch needs one URL that begins with http:// or https://");
        var folder = line.Required("--keep");
        var trusted = TrustedKeys.Of(line);
        if (trusted.Keys is null) throw new UsageException("--keys is needed, or a --policy that names the log");
        var every = line.Option<int>("--every", TryEvery, $"a number of seconds from 1 to {EveryMax}") ?? EveryDefault;
        using var log = new PublishedLog(url, ct);
        using var watch = new LogWatch(log, new WatchFolder(folder), trusted);
        if (line.Flag("--once")) return await LookAsync(watch, line, shell).ConfigureAwait(false);
        try
        {
            while (true)
            {
                var exit = await LookOrSayAsync(watch, line, shell).ConfigureAwait(false);
                if (exit != ExitCode.Done) return exit;
                await Task.Delay(TimeSpan.FromSeconds(every), ct).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return ExitCode.Done; // told to stop
        }
    }

    /// <summary>A log that does not answer may answer later; what it then shows is proven from what was kept.</summary>
    private static async Task<int> LookOrSayAsync(LogWatch watch, CommandLine line, Shell shell)
    {
        try
        {
            return await LookAsync(watch, line, shell).ConfigureAwait(false);
        }
        catch (CouldNotException failed)
        {
            shell.Errors.WriteLine($"ledger watch: {failed.Message}");
            return ExitCode.Done;
        }
    }

    private static async Task<int> LookAsync(LogWatch watch, CommandLine line, Shell shell)
    {
        var look = await watch.LookAsync().ConfigureAwait(false);
        if (line.Json) WriteJson(look, shell);
        else WriteText(look, shell);
        return look.IsWell ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static void WriteText(Look look, Shell shell)
    {
        var at = Cell.Shown(shell.Clock.GetCurrentInstant());
        shell.Output.WriteLine($"{at} {look.Word} {look.Origin} size={Number(look.Size)} "
            + $"root={look.Root} witnesses={Number(look.Witnesses.Count)}"
            + (look.Kept is null ? "" : $" kept={Number(Checkpoint.Parse(look.Kept.Text).Size)}"));
        foreach (var problem in look.Problems) shell.Output.WriteLine(problem);
        if (look.IsWell) return;
        if (look.Kept is not null) shell.Output.WriteLine($"\nkept before:\n{look.Kept}");
        if (look.Note is not null) shell.Output.WriteLine($"\npublished now:\n{look.Note}");
    }

    private static void WriteJson(Look look, Shell shell) => new Page()
        .Field("watch", null, look.Word).Field("at", null, shell.Clock.GetCurrentInstant())
        .Field("origin", null, look.Origin).Field("size", null, look.Size).Field("root", null, look.Root)
        .Field("witnesses", null, look.Witnesses).Field("problems", null, look.Problems)
        .Field("kept", null, look.Kept?.ToString()).Field("note", null, look.Note?.ToString())
        .Write(shell.Output, json: true);

    private static string Number(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "none";

    private static bool TryEvery(string text, out int seconds) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds)
        && seconds is >= 1 and <= EveryMax;
}
