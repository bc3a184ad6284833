using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger explain RUN#LINE</c>, <c>explain RUN total</c> and <c>explain POSITION</c>: an amount as the tree of what
/// it follows from, down to facts of the journal, and of a fact the lines in which it is counted, or why in none.
/// </summary>
public static class Explain
{
    public static Verb Verb { get; } = new("explain", "RUN#LINE | RUN total | POSITION",
        "says why: an amount down to the facts that it follows from, each step calculated a second time; or in which "
        + "lines a fact is counted, and where not, why not",
        "ledger explain cpo-1-2026-06-02-1#17",
        [new("--lines", null, "every line of a total, and every settlement period of a charge's month, down to its facts, "
            + "in place of sums by tariff period and by day"), .. RecordedRun.Options], RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not ([_] or [_, "total"]))
            throw new UsageException("explain needs RUN#LINE, RUN total, or the POSITION of a fact");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is [var word] && LedgerReader.TryPosition(word, out var position))
            return await FactAsync(ledger, position, line, shell, ct).ConfigureAwait(false);
        var hash = line.Words[0].IndexOf('#', StringComparison.Ordinal);
        if (line.Words.Count == 1 && hash < 0)
            throw new UsageException("explain needs RUN#LINE, RUN total, or the POSITION of a fact");
        var run = await RunOfAsync(ledger, line, hash < 0 ? line.Words[0] : line.Words[0][..hash], ct)
            .ConfigureAwait(false);
        if (line.Words.Count == 2)
            return Amount(ledger, run.Total(), line.Flag("--lines"), line, shell);
        var number = CommandLine.Read<long>(line.Words[0][(hash + 1)..], LedgerReader.TryPosition,
            "LINE is a number from 1 on");
        return number is >= 1 && number <= run.Statement.Texts
            ? Amount(ledger, run.Line((int)number), line.Flag("--lines")
                || number <= run.Statement.Lines.Count
                || number > run.Statement.Lines.Count + run.Statement.Charges.Count, line, shell)
            : throw new CouldNotException($"{run.Run.Run} has the lines 1 to {run.Statement.Texts}, and no {number}");
    }

    /// <summary>A recorded run of this name, calculated again.</summary>
    private static async Task<ExplainedRun> RunOfAsync(
        LedgerReader ledger, CommandLine line, string name, CancellationToken ct)
    {
        var row = RecordedRun.Find(line, ledger.Answers(null).Runs(), name);
        return await ExplainedRun.OfAsync(ledger.Journal, ledger.Views, row, ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"{name} cannot be calculated again");
    }

    private static int Amount(LedgerReader ledger, ExplainedAmount amount, bool lines, CommandLine line, Shell shell)
    {
        var page = new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("run", "run", amount.Run.Run).Field("line", amount.Line is null ? null : "line", amount.Line)
            .Field("account", "account", amount.Run.Account).Field("day", "day", amount.Run.Day)
            .Field("atPosition", "facts before position", amount.Run.AtPosition)
            .Field("differs", "calculated again", amount.Differs ?? "the same lines and total")
            .Field("holds", "every step comes out", amount.Holds)
            .Field("tree", null, new CanonicalJson(RowJson.Write(ExplainedNode.Of(amount.Tree))));
        if (!line.Json)
            page.Table("values", "the amount, and below each value what it follows from",
                ExplanationListings.Tree(amount.Tree, lines));
        page.Table("rules", "the rules", ExplanationListings.Rules(amount.Tree));
        if (!amount.Tree.Holds)
            page.Table("wrong", "what does not come out", ExplanationListings.Wrong(amount.Tree));
        page.Write(shell.Output, line.Json);
        return amount.Holds ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static async Task<int> FactAsync(
        LedgerReader ledger, long position, CommandLine line, Shell shell, CancellationToken ct)
    {
        if (position >= ledger.Journal.Length)
            throw new CouldNotException(string.Create(CultureInfo.InvariantCulture,
                $"there is no event at position {position}; the journal has {ledger.Journal.Length} events"));
        var use = await FactUses.OfAsync(ledger.Journal, ledger.Views, position, ct).ConfigureAwait(false);
        var page = new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("position", "position", position).Field("fact", "fact", use.Fact.WireName)
            .Field("says", "says", use.Fact.Says).Field("recordedAt", "recorded at", use.Fact.RecordedAt)
            .Field("recordedBy", "by", use.Fact.Actor);
        if (use.Because is { } because) page.Field("excluded", "in no line, because", because);
        page.Table("runs", use.Because is null ? "settlement runs, and what they make of it" : null,
                ExplanationListings.Uses(use.Runs))
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
