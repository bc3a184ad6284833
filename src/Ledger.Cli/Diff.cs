using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger diff RUN RUN</c>: why one run has another total than another, fact by fact and line by line, with sums
/// that are reconciled to the last decimal. The name of a correction means its run with what was booked on it so far.
/// </summary>
public static class Diff
{
    public static Verb Verb { get; } = new("diff", "RUN RUN",
        "says why two settlement runs differ: which fact came or took whose place, and what it moved, line by line; a "
        + "correction's name means its run with what is booked on it, up to and with that correction",
        "ledger diff cpo-1-2026-06-02-1 cpo-1-2026-06-02-2", RecordedRun.Options, RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not [var first, var second]) throw new UsageException("diff needs two RUNs");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var answers = ledger.Answers(null);
        var (before, after) = (Named(first), Named(second));
        var compared = await RunDifferences.OfAsync(ledger.Journal, ledger.Views, before, after, ct)
            .ConfigureAwait(false);
        if (compared is not RunComparison.Compared { Difference: var difference })
            throw new CouldNotException(((RunComparison.NotPossible)compared).Detail);
        PageOf(ledger, first, second, difference, line.Json).Write(shell.Output, line.Json);
        return difference.IsReconciled ? ExitCode.Done : ExitCode.NotAsItShouldBe;

        NamedRun Named(string name) => RecordedRun.FindNamed(line, answers, name);
    }

    private static Page PageOf(
        LedgerReader ledger, string first, string second, RunDifference difference, bool isForPrograms)
    {
        var (before, after) = (difference.Before, difference.After);
        var page = new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("before", null, first).Field("after", null, second)
            .Field(null, "before", before.Run).Field(null, "after", after.Run)
            .Field("account", "account", before.Account).Field("day", "day", before.Day)
            .Field("atPositionBefore", "before: facts before position", before.AtPosition)
            .Field("atPositionAfter", "after: facts before position", after.AtPosition)
            .Field("currency", "currency", before.Currency).Field("totalBefore", null, (Money)before.Total)
            .Field("totalAfter", null, (Money)after.Total)
            .Field("incompleteBefore", null, before.Incomplete).Field("incompleteAfter", null, after.Incomplete)
            .Field(null, "total before", Total(before)).Field(null, "total after", Total(after))
            .Field("change", "change", (Money)difference.Change)
            .Field("byEnergy", "of it by energy", difference.ByEnergy)
            .Field("byPrice", "of it by price", difference.ByPrice)
            .Field("byRounding", "of it by rounding", difference.ByRounding)
            .Field("byCharges", difference.Charges.Count == 0 ? null : "of it by charges",
                (Money)difference.ByCharges)
            .Field("byFlexibility", difference.Flexibility.Count == 0 ? null : "of it by flexibility",
                (Money)difference.ByFlexibility)
            .Field("reconciled", "the changes sum to it", difference.IsReconciled)
            .Field("says", null, difference.Says);
        if (difference.Differs is { } differs) page.Field("differs", "not as recorded", differs);
        if ((before.Account, before.Day) != (after.Account, after.Day))
            page.Note($"{after.Run} is of {after.Account} on {after.Day}: lines of other points and periods stand beside "
                + "each other as added and removed.");
        page.Note(difference.Causes.Any(cause => cause.Facts.Count > 0)
            ? $"{difference.Says} 'ledger explain POSITION' shows what became of a fact." : difference.Says);
        page.Table("causes", "why", ExplanationListings.Causes(difference.Causes));
        // A person asks what moved; that a cent went on from line to line is said once, and listed for programs.
        var carried = difference.Lines.Where(line => line.IsCarried).ToList();
        page.Table("lines", "lines that differ", ExplanationListings.Lines(
            isForPrograms ? difference.Lines : difference.Lines.Where(line => !line.IsCarried), before.Zone));
        var moved = difference.Lines.Where(line => !line.IsCarried).ToList();
        Say(page, moved.Select(line => (line.LineAfter ?? line.LineBefore, line.Says)));
        if (carried.Count > 0)
            page.Note(FormattableString.Invariant($"{carried.Count} more lines have the same energy and price, and ")
                + "another rest of a cent carried to them by the lines before: "
                + $"{Cell.Shown((Money)carried.Sum(line => line.Change))} {before.Currency} in all. --json lists them.");
        if (difference.Charges.Count > 0)
        {
            page.Table("charges", "charges that differ", ExplanationListings.Charges(difference.Charges));
            Say(page, difference.Charges.Select(charge => (charge.LineAfter ?? charge.LineBefore, charge.Says)));
        }
        if (difference.Flexibility.Count == 0) return page;
        page.Table("flexibility", "lines of flexibility that differ",
            ExplanationListings.Flexibility(difference.Flexibility));
        Say(page, difference.Flexibility.Select(line => (line.LineAfter ?? line.LineBefore, line.Says)));
        return page;
    }

    private static string Total(TimeOfUseSettlement.RunRow run) =>
        $"{Cell.Shown((Money)run.Total)}{(run.Incomplete ? ", incomplete" : "")}";

    private const int LinesInWords = 3;

    private static void Say(Page page, IEnumerable<(int? Line, string Says)> changed)
    {
        var all = changed.ToList();
        foreach (var (line, says) in all.Take(LinesInWords))
            page.Note(FormattableString.Invariant($"Line {line}: {says}."));
        if (all.Count > LinesInWords) page.Note("--json says the same of each of the others.");
    }
}
