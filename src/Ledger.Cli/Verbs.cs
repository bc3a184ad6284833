namespace Ledger.Cli;

/// <summary>
/// The verbs of <c>ledger</c>, one file each; this is the only place that lists them, and the only one that turns a
/// failure into a line for a person and an exit code for a shell.
/// </summary>
public static class Verbs
{
    private const string ExitCodes = "exit codes: 0 done, 1 not as it should be, 2 could not, 64 usage";

    private static readonly Verb Help =
        new("help", "[VERB]", "what there is, or what one verb does", "ledger help calc",
        [], (line, shell, _) => Task.FromResult(RunHelp(line, shell)));

    public static IReadOnlyList<Verb> All { get; } =
        [Demo.Verb, Serve.Verb, Check.Verb, Import.Verb, Show.Verb, Explain.Verb, Settle.Verb, Diff.Verb,
            Publish.Verb, Close.Verb,
            Reconcile.Verb, Freeze.Verb, Replay.Verb, RebuildViews.Verb, Schema.Verb, Export.Verb,
            ReportStation.Verb, SignCheckpoint.Verb, Prove.Verb,
            Bundle.Verb, Sample.Verb, Verify.Verb, RunWitness.Verb, Watch.Verb, Release.Verb, Redrive.Verb,
            Hold.Verb, Erase.Verb, Keys.Verb, Copy.Verb, Backup.Verb, Restore.Verb, Prune.Verb, Drop.Verb, Recover.Verb,
            Calc.Verb, Simulate.Verb, Help];

    /// <summary>Verbs that compute all views again and answer at their end. Nobody waits for them meanwhile, so the
    /// collector may stop them to look for what is alive: to do it beside them costs them more.</summary>
    private static readonly Verb[] Recomputing = [Replay.Verb, RebuildViews.Verb, Verify.Verb];

    /// <summary>Whether a command line is of such a verb. Only a process that does nothing else says so to the
    /// collector: one that serves goes on after the verb.</summary>
    public static bool IsRecomputing(IReadOnlyList<string> args) =>
        CommandLine.TryParse(args, out var line, out _) && Find(line.Verb) is { } verb && Recomputing.Contains(verb);

    public static Verb? Find(string name) => All.FirstOrDefault(verb => verb.Name == name);

    private static string Usage
    {
        get
        {
            var width = All.Max(verb => Synopsis(verb).Length);
            var verbs = All.SelectMany(verb => TextTable.Wrapped(verb.Does, TextTable.WidthMax - width - 4)
                .Select((part, i) => $"  {(i == 0 ? Synopsis(verb) : "").PadRight(width)}  {part}"));
            return string.Join('\n',
            [
                "usage: ledger VERB [OPTIONS] [--data DIR] [--json]", .. verbs,
                "ledger VERB --help says more, with an example", ExitCodes,
            ]);
        }
    }

    private static string Synopsis(Verb verb) => $"{verb.Name} {verb.Words}".TrimEnd();

    /// <summary>Runs one command line. What is expected to go wrong is one line on standard error;
    /// a bug is thrown.</summary>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Shell shell, CancellationToken ct)
    {
        var parsed = CommandLine.TryParse(args, out var line, out var problem);
        var verb = Find(line.Verb);
        if (line.Verb.Length > 0 && verb is null) return Wrong(shell, null, $"there is no verb {line.Verb}");
        if (!parsed) return Wrong(shell, verb, problem!);
        if (line.Help)
        {
            shell.Output.WriteLine(verb?.Usage ?? Usage);
            return ExitCode.Done;
        }
        if (verb is null) return Wrong(shell, null, "a verb is needed");
        try
        {
            return await verb.RunAsync(line, shell, ct).ConfigureAwait(false);
        }
        catch (UsageException wrong)
        {
            return Wrong(shell, verb, wrong.Message);
        }
        catch (Exception failure) when (Failure.Explain(failure, line.Data) is { } explained)
        {
            shell.EndProgress();
            shell.Errors.WriteLine($"ledger {verb.Name}: {explained}");
            return ExitCode.CouldNot;
        }
    }

    private static int RunHelp(CommandLine line, Shell shell)
    {
        if (line.Words.Count > 1) throw new UsageException("help takes one verb");
        var about = line.Words.Count == 0 ? null
            : Find(line.Words[0]) ?? throw new UsageException($"there is no verb {line.Words[0]}");
        shell.Output.WriteLine(about?.Usage ?? Usage);
        return ExitCode.Done;
    }

    private static int Wrong(Shell shell, Verb? verb, string problem)
    {
        shell.Errors.WriteLine($"ledger{(verb is null ? "" : " " + verb.Name)}: {problem}");
        shell.Errors.WriteLine(verb?.Usage ?? Usage);
        return ExitCode.Usage;
    }
}
