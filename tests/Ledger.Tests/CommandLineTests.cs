using System.Runtime;
using Ledger.Cli;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What every verb has in common: usage, help, exit codes, and failures in one line.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public void Help_lists_every_verb_and_the_exit_codes()
    {
        var help = CommandRun.Of(["help"]).Output;
        CommandRun.Of(["--help"]).Output.ShouldBe(help);
        foreach (var verb in Verbs.All) help.ShouldContain($"\n  {verb.Name} ");
        help.TrimEnd().ShouldEndWith("exit codes: 0 done, 1 not as it should be, 2 could not, 64 usage");
        help.Split('\n').ShouldAllBe(line => line.Length <= TextTable.WidthMax);
    }

    [Fact]
    public void Every_verb_explains_itself_within_the_width_with_its_own_example()
    {
        foreach (var verb in Verbs.All)
        {
            var (exit, output, errors) = CommandRun.Of([verb.Name, "--help"]);
            (exit, errors).ShouldBe((ExitCode.Done, ""), verb.Name);
            output.Trim().ShouldEndWith(verb.Example);
            output.ShouldBe(CommandRun.Of(["help", verb.Name]).Output);
            verb.Example.ShouldContain($"ledger {verb.Name}");
            output.Split('\n').Where(line => line.Length > TextTable.WidthMax && !line.Contains(verb.Example))
                .ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData("ledger: a verb is needed")]
    [InlineData("ledger: there is no verb frobnicate", "frobnicate")]
    [InlineData("ledger: unknown option --loud before the verb", "--loud")]
    [InlineData("ledger calc: calc does not know the option --loud", "calc", "round", "--in", "-", "--loud")]
    [InlineData("ledger calc: --in is given twice", "calc", "round", "--in", "-", "--in=-")]
    [InlineData("ledger calc: --in needs a value, FILE", "calc", "round", "--in")]
    [InlineData("ledger settle: --by needs a value, WHO", "settle", "--account", "cpo", "--day", "2026-02-27", "--by", "--dry-run")]
    [InlineData("ledger drop: --reason needs a value, TEXT", "drop", "frames", "--reason", "--data=x", "--dry-run")]
    [InlineData("ledger calc: --in needs a value, FILE", "calc", "round", "--in", "")]
    [InlineData("ledger verify: --since needs a value, FILE", "verify", "--since=")]
    [InlineData("ledger export: --out needs a value, FILE", "export", "points", "--out", "")]
    [InlineData("ledger import: import takes no empty word", "import", "")]
    [InlineData("ledger calc: --json takes no value", "calc", "round", "--json=yes")]
    [InlineData("ledger calc: --in is needed", "calc", "round")]
    [InlineData("ledger help: there is no verb x", "help", "x")]
    public void A_wrong_command_line_is_usage_and_says_what_is_wrong(string problem, params string[] args)
    {
        var (exit, output, errors) = CommandRun.Of(args);
        exit.ShouldBe(ExitCode.Usage);
        output.ShouldBeEmpty();
        errors.Split('\n')[0].ShouldBe(problem);
        errors.Split('\n')[1].ShouldStartWith("usage: ledger ");
    }

    [Fact]
    public void Options_may_stand_before_the_verb_and_have_an_equals_sign()
    {
        CommandLine.TryParse(["--data=folder", "--json", "calc", "round", "--in", "-"], out var line, out _)
            .ShouldBeTrue();
        (line.Verb, line.Data, line.Json, line.Option("--in")).ShouldBe(("calc", "folder", true, "-"));
        line.Words.ShouldBe(["round"]);
    }

    /// <summary>Who is called as an option is can say so.</summary>
    [Fact]
    public void A_value_that_looks_like_an_option_is_said_with_an_equals_sign()
    {
        CommandLine.TryParse(["settle", "--by=--dry-run", "--run", "--none"], out var line, out _).ShouldBeTrue();
        (line.Option("--by"), line.Option("--run"), line.Flag("--dry-run")).ShouldBe(("--dry-run", "--none", false));
    }

    /// <summary>A process that serves goes on after a verb, and its collector with it.</summary>
    [Fact]
    public void A_verb_leaves_the_collector_as_it_was()
    {
        using var town = SmallTown.WithItsDay();
        var before = GCSettings.LatencyMode;
        before.ShouldNotBe(GCLatencyMode.Batch);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        GCSettings.LatencyMode.ShouldBe(before);
        Verbs.IsRecomputing(["--data", "x", "verify", "--fast"]).ShouldBeTrue();
        Verbs.IsRecomputing(["show", "points"]).ShouldBeFalse();
    }

    [Fact]
    public void What_is_expected_to_fail_is_explained_with_its_remedy_and_a_bug_is_not()
    {
        Failure.Explain(new FolderOwnedException("folder", 7, null), "folder")
            .ShouldBe("folder is owned by process 7; stop it, or name another folder with --data");
        Failure.Explain(new JournalRefusedException("the journal ends at position 3"), "folder")!
            .ShouldContain("ledger recover --data folder --by NAME --accept-loss");
        Failure.Explain(new IOException("no space left"), "folder").ShouldBe("no space left");
        Failure.Explain(new FrameLogDamagedException("frames/1", 64, "no block"), "folder")
            .ShouldBe("frames/1 is damaged at byte 64: no block; restore folder from a copy");
        Failure.Explain(new EvidenceErasedException(new(new string('a', 64))), "folder")!.ShouldContain("was erased");
        Failure.Explain(new TaskCanceledException("stopped", new TimeoutException("too late")), "folder")
            .ShouldBe("the owner of folder does not answer: too late");
        Failure.Explain(new InvalidOperationException("a bug"), "folder").ShouldBeNull();
    }

    [Fact]
    public void A_table_wraps_its_widest_text_and_keeps_figures_whole()
    {
        var detail = string.Join(' ', Enumerable.Repeat("late data", 15));
        var lines = TextTable.Lines(
            [new("point", false), new("verified export kWh", true), new("detail", false)],
            [["S01-C1", "123456.789012", detail], ["S01-C2", "0.5", "–"]]).ToList();
        lines.ShouldAllBe(line => line.Length <= TextTable.WidthMax);
        Snapshot.Match(string.Join('\n', lines), "CommandLineTests.table");
    }

    /// <summary>Where no row would fit even with names that are cut, none is: a name is there to be copied.</summary>
    [Fact]
    public void A_table_that_is_too_wide_anyway_cuts_no_name()
    {
        const string run = "city-charging-2025-07-16-correction", at = "2026-02-27T10:00:00Z";
        string[] wide = [run, run, at, at, at, at];
        IReadOnlyList<string> Shown(string[] row) =>
            [.. TextTable.Lines([.. row.Select(_ => new TextColumn("a", false))], [row])];
        Shown(wide)[1].ShouldBe(string.Join("  ", wide));
        // Where it fits so, it fits.
        var narrow = Shown([run, run, run, run]);
        narrow.ShouldAllBe(line => line.Length <= TextTable.WidthMax);
        narrow.Count.ShouldBeGreaterThan(2); // the title, and more than one line of the row
    }

    [Fact]
    public void A_table_never_breaks_an_instant_even_where_it_grows_too_wide()
    {
        const string at = "2026-02-27T10:00:00.123456Z";
        string[] row = ["S01-C1", at, at, "a text that is long enough to be wrapped more than once in a narrow column",
            at];
        var lines = TextTable.Lines([.. row.Select(_ => new TextColumn("a", false))], [row]).ToList();
        lines.Count(line => line.Contains(at)).ShouldBe(1);
        lines[1].Split("  ", StringSplitOptions.RemoveEmptyEntries).Count(cell => cell.Trim() == at).ShouldBe(3);
        TextTable.Lines([new("digest", false)], [[new string('f', 200)]])
            .ShouldAllBe(line => line.Length <= TextTable.WidthMax);
    }
}
