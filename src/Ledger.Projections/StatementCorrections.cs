using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Deltas as they were booked, with their lines; <paramref name="Differs"/> is null where they come out as
/// they were recorded.</summary>
public sealed record RederivedDeltas(SettlementDeltasBooked Booked, Deltas Deltas, string? Differs);

/// <summary>A run with its deltas beside the day as it is run again.</summary>
/// <param name="Total">Of the run and all its deltas.</param>
/// <param name="Unlike">The first line that is not the same; null where the two are one.</param>
public sealed record CorrectedStatement(
    IReadOnlyList<RederivedDeltas> Deltas, decimal Total, decimal TotalRunAgain, string? Unlike);

/// <summary>A run with what was booked on it so far.</summary>
/// <param name="Deltas">How often something was.</param>
/// <param name="Statement">The day as it stands by it; null after a credit, or where it does not come out again.</param>
public sealed record StandingRun(int Deltas, decimal Total, Statement? Statement);

/// <summary>
/// Corrections as deltas on a run: what they are, derived from the positions of the run and of the deltas, and the
/// check that the run and its deltas are the whole day as it is run again.
/// </summary>
public static class StatementCorrections
{
    /// <summary>What to book; null with the reason where the run or its deltas do not come out again, or another sells
    /// now.</summary>
    public static async Task<(SettlementDeltasBooked? Deltas, Decision.Rejected? WhyNot)> OfAsync(
        IJournal journal, IViewStore views, SettlementState day, SettlementRunCompleted corrected, RunId run,
        CorrectionStyle style, SettlementCalculation.Calculated calculated, CancellationToken ct)
    {
        // What came after these deltas, where they are there already, is not what they were taken from.
        var last = day.Deltas.TakeWhile(each => each.Run != run)
            .LastOrDefault(each => each.Corrects == corrected.Run);
        if (await AtAsync(journal, views, corrected.Account, corrected.Day, last?.AtPosition ?? corrected.AtPosition,
            last?.RuleVersion ?? corrected.RuleVersion, ct).ConfigureAwait(false) is not { } before)
            return (null, new(Rejection.RunNotReproduced, $"{corrected.Run} cannot be calculated again"));
        var after = style == CorrectionStyle.Credit ? null : calculated.Statement;
        if (after is not null && after.Parties.Seller != before.Parties.Seller)
            return (null, new(Rejection.SellerDiffers, $"{Named(before)} sold by {corrected.Run} and {Named(after)} sells by "
                + "the day run again: credit the run and run the day again"));
        var deltas = StatementDeltas.Between(before, after);
        return (new(run, corrected.Run, corrected.Account, corrected.Day, calculated.AtPosition, style,
            Settlement.RuleVersionOf(after ?? before), calculated.TzdbVersion, deltas.Count, deltas.Root, deltas.Total,
            after?.Currency ?? before.Currency, deltas.Postings(corrected.Account, before.Parties.Seller)), null);
    }

    private static string Named(Statement statement) => statement.Parties.Seller?.Value ?? "nobody by name";

    /// <summary>The deltas on a run, each derived again, and the check; null where nothing was booked on it.</summary>
    /// <param name="before">The position before which what is booked counts.</param>
    public static async Task<CorrectedStatement?> CheckAsync(IJournal journal, IViewStore views,
        TimeOfUseSettlement.RunRow run, Statement original, long before, CancellationToken ct)
    {
        var booked = await BookedAsync(journal, run, before, ct).ConfigureAwait(false);
        if (booked.Count == 0) return null;
        var (again, rerun) = await StepsAsync(journal, views, original, booked, ct).ConfigureAwait(false);
        return new(again, Money.With(original.MoneyDecimals, run.Total + booked.Sum(each => each.Deltas.Total)),
            rerun?.Total ?? Money.With(original.MoneyDecimals, 0m),
            StatementDeltas.Unlike(original, [.. again.Select(each => each.Deltas)], rerun));
    }

    /// <summary>Deltas derived again, one after another, and the day as it is run again for the last of them; null
    /// where that takes all back, or nothing can be calculated.</summary>
    private static async Task<(List<RederivedDeltas> Deltas, Statement? Last)> StepsAsync(IJournal journal,
        IViewStore views, Statement original, IReadOnlyList<BookedDeltas> booked, CancellationToken ct)
    {
        var (before, again) = (original, new List<RederivedDeltas>());
        Statement? now = original;
        foreach (var (position, deltas) in booked)
        {
            if (deltas.AtPosition > position)
            {
                again.Add(new(deltas, StatementDeltas.Between(before, before),
                    $"they are of the facts before {deltas.AtPosition}, and were booked at {position}"));
                continue;
            }
            now = deltas.Style == CorrectionStyle.Credit ? null
                : await AtAsync(journal, views, deltas.Account, deltas.Day, deltas.AtPosition, deltas.RuleVersion, ct)
                    .ConfigureAwait(false);
            var between = StatementDeltas.Between(before, now);
            again.Add(new(deltas, between, Differs(between, deltas, before.Parties.Seller, original.Currency)));
            before = now ?? TakenBack(before);
        }
        return (again, now);
    }

    /// <param name="seller">Who sold by what was corrected.</param>
    /// <param name="currency">Of the run.</param>
    private static string? Differs(Deltas again, SettlementDeltasBooked booked, PartyId? seller, string currency) =>
        again.Count != booked.Lines || again.Root != booked.LinesRoot || again.Total != booked.Total
            ? "the deltas do not come out as they were booked"
        : !again.Postings(booked.Account, seller).SequenceEqual(booked.Postings)
            ? "the postings are others than those that were booked"
        : booked.Currency != currency ? $"the currency is {currency}, booked was {booked.Currency}"
        : null;

    private static Statement TakenBack(Statement statement) => statement with
    {
        Lines = [],
        Charges = [],
        Flexibility = [],
        ImportTotal = 0m,
        ExportTotal = 0m,
        Total = Money.With(statement.MoneyDecimals, 0m),
    };

    /// <summary>
    /// What somebody names, calculated again: of a correction the day that it makes of its run, with the total that was
    /// booked. What does not come out may be the run, one of its deltas, or their sum.
    /// </summary>
    public static async Task<RederivedRun> RederiveAsync(
        IJournal journal, IViewStore views, NamedRun named, CancellationToken ct)
    {
        var original = await Settlements.RederiveAsync(journal, views, named.Run, ct).ConfigureAwait(false);
        if (named.Booked is not [.., var last] || original.Statement is not { } first) return original;
        var all = await BookedAsync(journal, named.Run, long.MaxValue, ct).ConfigureAwait(false);
        var booked = all.Take(named.Booked.Count).ToList();
        var (again, day) = await StepsAsync(journal, views, first, booked, ct).ConfigureAwait(false);
        // A credit counts no facts of its own: what it takes back is what stood before it.
        var counted = booked.LastOrDefault(each => each.Deltas.Style != CorrectionStyle.Credit)?.Deltas;
        var run = original.Run with
        {
            Run = named.Says,
            AtPosition = counted?.AtPosition ?? named.Run.AtPosition,
            RuleVersion = counted?.RuleVersion ?? named.Run.RuleVersion,
            TzdbVersion = counted?.TzdbVersion ?? named.Run.TzdbVersion,
            Total = Money.With(first.MoneyDecimals, named.Total),
            RecordedPosition = last.Position,
            RecordedAt = last.RecordedAt,
        };
        if (day is null && !named.IsTakenBack)
            return new(run, null, $"the day cannot be calculated again for {last.Run}");
        var statement = day ?? TakenBack(first);
        var differs = original.Differs ?? again.Where(each => each.Differs is not null)
            .Select(each => $"{each.Booked.Run}: {each.Differs}").FirstOrDefault()
            ?? (statement.Total == named.Total ? null
                : $"the day is {RowJson.Text(statement.Total)}, the run and what is booked on it {RowJson.Text(named.Total)}");
        return new(run, statement, differs);
    }

    /// <summary>What stands of a run before more is booked on it.</summary>
    /// <param name="original">The run's own statement, derived again.</param>
    /// <param name="next">What is to be booked, which does not stand yet, also where it is there already.</param>
    public static async Task<StandingRun> StandingAsync(IJournal journal, IViewStore views,
        TimeOfUseSettlement.RunRow run, Statement? original, RunId next, CancellationToken ct)
    {
        var booked = (await BookedAsync(journal, run, long.MaxValue, ct).ConfigureAwait(false))
            .Select(each => each.Deltas).TakeWhile(each => each.Run != next).ToList();
        var statement = booked.Count == 0 ? original
            : booked[^1] is { Style: not CorrectionStyle.Credit } last
                ? await AtAsync(journal, views, last.Account, last.Day, last.AtPosition, last.RuleVersion, ct)
                    .ConfigureAwait(false)
                : null;
        return new(booked.Count, run.Total + booked.Sum(each => each.Total), statement);
    }

    private sealed record BookedDeltas(long Position, SettlementDeltasBooked Deltas);

    private static async Task<List<BookedDeltas>> BookedAsync(
        IJournal journal, TimeOfUseSettlement.RunRow run, long before, CancellationToken ct)
    {
        var booked = new List<BookedDeltas>();
        await foreach (var recorded in journal
            .ReadStreamAsync(Streams.Settlement(new(run.Account), RowJson.Day(run.Day)), 0, ct).ConfigureAwait(false))
            if (recorded.Position < before && EventCodec.Decode(recorded) is SettlementDeltasBooked deltas
                && deltas.Corrects.Value == run.Run)
                booked.Add(new(recorded.Position, deltas));
        return booked;
    }

    /// <summary>Null where nothing can be calculated, as of facts that are not recorded.</summary>
    private static async Task<Statement?> AtAsync(IJournal journal, IViewStore views, PartyId account, LocalDate day,
        long position, string ruleVersion, CancellationToken ct) =>
        position <= journal.Length
        && await Settlements.CalculateAsync(journal, views, account, day, position, ruleVersion, ct)
            .ConfigureAwait(false) is SettlementCalculation.Calculated { Statement: var statement } ? statement : null;
}
