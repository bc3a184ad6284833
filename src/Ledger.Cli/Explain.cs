using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger explain RUN#LINE</c>, <c>explain RUN total</c> and <c>explain POSITION</c>: an amount as the tree of what
/// it follows from, down to facts of the journal, and of a fact the lines in which it is counted, or why in none. RUN
/// may be a correction that was booked as deltas or as a credit: each of its lines is what is, less what was.
/// </summary>
public static class Explain
{
    public static Verb Verb { get; } = new("explain", "RUN#LINE | RUN total | POSITION",
        "says why: an amount down to the facts that it follows from, each step calculated a second time; of a correction "
        + "which line of which run it changes, what was and what is; or in which lines a fact is counted, and where not, "
        + "why not",
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
        var named = RecordedRun.FindNamed(line, ledger.Answers(null), hash < 0 ? line.Words[0] : line.Words[0][..hash]);
        int? number = line.Words.Count == 2 ? null : (int)Math.Min(int.MaxValue, CommandLine.Read<long>(
            line.Words[0][(hash + 1)..], LedgerReader.TryPosition, "LINE is a number from 1 on"));
        return named.Booked.Count > 0
            ? await CorrectionAsync(ledger, named, number, line, shell, ct).ConfigureAwait(false)
            : await AmountAsync(ledger, named.Run, number, line, shell, ct).ConfigureAwait(false);
    }

    /// <summary>An amount of a recorded run, calculated again.</summary>
    private static async Task<int> AmountAsync(LedgerReader ledger, TimeOfUseSettlement.RunRow row, int? number,
        CommandLine line, Shell shell, CancellationToken ct)
    {
        var run = await ExplainedRun.OfAsync(ledger.Journal, ledger.Views, row, ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"{row.Run} cannot be calculated again");
        return number is not { } of ? Amount(ledger, run.Total(), line.Flag("--lines"), line, shell)
            : of >= 1 && of <= run.Statement.Texts
                ? Amount(ledger, run.Line(of), line.Flag("--lines") || of <= run.Statement.Lines.Count
                    || of > run.Statement.Lines.Count + run.Statement.Charges.Count, line, shell)
            : throw new CouldNotException($"{row.Run} has the lines 1 to {run.Statement.Texts}, and no {of}");
    }

    /// <summary>A line of a correction, or all of it.</summary>
    private static async Task<int> CorrectionAsync(LedgerReader ledger, NamedRun named, int? number, CommandLine line,
        Shell shell, CancellationToken ct)
    {
        var reasons = await CorrectionReasons.OfAsync(ledger.Journal, ledger.Views, named, ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"{named.Says} cannot be calculated again");
        var explained = number is not { } of ? await reasons.TotalAsync().ConfigureAwait(false)
            : of >= 1 && of <= reasons.Count ? await reasons.LineAsync(of).ConfigureAwait(false)
            : throw new CouldNotException($"{named.Name} has the lines 1 to {reasons.Count}, and no {of}");
        var booked = explained.Booked;
        var page = new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("run", "correction", booked.Run).Field("style", "booked as", booked.Style)
            .Field("corrects", "corrects", booked.Corrects).Field("before", "what stood before", named.Before.Says)
            .Field("line", number is null ? null : "line", number)
            .Field("account", "account", booked.Account).Field("day", "day", booked.Day)
            .Field("atPosition", "facts before position", booked.AtPosition)
            .Field("total", "total", (Money)explained.Total).Field("currency", "currency", booked.Currency)
            .Field("differs", "calculated again", explained.Differs ?? "the same lines and total")
            .Field("holds", "every step comes out", explained.Holds)
            .Field("tree", null, new CanonicalJson(RowJson.Write(ExplainedNode.Of(explained.Tree,
                explained.MoneyDecimals))));
        if (number is not null && explained.Lines is [var only])
            page.Note($"{only.Of}: {only.Says}.");
        page.Table("lines", "what it changes, and why", ExplanationListings.Corrected(explained.Lines))
            .Table("facts", "the facts that came, or count no longer", ExplanationListings.Facts(explained.Facts));
        return Write(page, explained.Tree, explained.MoneyDecimals, number is not null || line.Flag("--lines"), explained.Holds, line, shell);
    }

    private static int Amount(LedgerReader ledger, ExplainedAmount amount, bool lines, CommandLine line, Shell shell)
    {
        var page = new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("run", "run", amount.Run.Run).Field("line", amount.Line is null ? null : "line", amount.Line)
            .Field("account", "account", amount.Run.Account).Field("day", "day", amount.Run.Day)
            .Field("atPosition", "facts before position", amount.Run.AtPosition)
            .Field("differs", "calculated again", amount.Differs ?? "the same lines and total")
            .Field("holds", "every step comes out", amount.Holds)
            .Field("tree", null, new CanonicalJson(RowJson.Write(ExplainedNode.Of(amount.Tree, amount.MoneyDecimals))));
        return Write(page, amount.Tree, amount.MoneyDecimals, lines, amount.Holds, line, shell);
    }

    /// <summary>The tree below what was said of it, and the rules that it follows.</summary>
    private static int Write(Page page, ExplainedValue tree, int moneyDecimals, bool lines, bool holds,
        CommandLine line, Shell shell)
    {
        if (!line.Json)
            page.Table("values", "the amount, and below each value what it follows from",
                ExplanationListings.Tree(tree, lines, moneyDecimals));
        page.Table("rules", "the rules", ExplanationListings.Rules(tree));
        if (!tree.Holds) page.Table("wrong", "what does not come out", ExplanationListings.Wrong(tree));
        page.Write(shell.Output, line.Json);
        return holds ? ExitCode.Done : ExitCode.NotAsItShouldBe;
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
