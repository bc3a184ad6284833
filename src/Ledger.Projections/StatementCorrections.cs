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
    public static async Task<CorrectedStatement?> CheckAsync(
        IJournal journal, IViewStore views, TimeOfUseSettlement.RunRow run, Statement original, CancellationToken ct)
    {
        var (account, day) = (new PartyId(run.Account), RowJson.Day(run.Day));
        var booked = await BookedAsync(journal, run, ct).ConfigureAwait(false);
        if (booked.Count == 0) return null;
        var (before, again) = (original, new List<RederivedDeltas>());
        foreach (var deltas in booked)
        {
            var now = deltas.Style == CorrectionStyle.Credit ? null
                : await AtAsync(journal, views, account, day, deltas.AtPosition, deltas.RuleVersion, ct)
                    .ConfigureAwait(false);
            var between = StatementDeltas.Between(before, now);
            again.Add(new(deltas, between, between.Count == deltas.Lines && between.Root == deltas.LinesRoot
                && between.Total == deltas.Total ? null : "the deltas do not come out as they were booked"));
            before = now ?? before with { Lines = [], Charges = [], Flexibility = [] };
        }
        var last = booked[^1];
        var rerun = last.Style == CorrectionStyle.Credit ? null
            : await AtAsync(journal, views, account, day, last.AtPosition, last.RuleVersion, ct).ConfigureAwait(false);
        return new(again, run.Total + booked.Sum(each => each.Total), rerun?.Total ?? 0m,
            StatementDeltas.Unlike(original, [.. again.Select(each => each.Deltas)], rerun));
    }

    /// <summary>What stands of a run before more is booked on it.</summary>
    /// <param name="original">The run's own statement, derived again.</param>
    /// <param name="next">What is to be booked, which does not stand yet, also where it is there already.</param>
    public static async Task<StandingRun> StandingAsync(IJournal journal, IViewStore views,
        TimeOfUseSettlement.RunRow run, Statement? original, RunId next, CancellationToken ct)
    {
        var booked = (await BookedAsync(journal, run, ct).ConfigureAwait(false))
            .TakeWhile(each => each.Run != next).ToList();
        var statement = booked.Count == 0 ? original
            : booked[^1] is { Style: not CorrectionStyle.Credit } last
                ? await AtAsync(journal, views, last.Account, last.Day, last.AtPosition, last.RuleVersion, ct)
                    .ConfigureAwait(false)
                : null;
        return new(booked.Count, run.Total + booked.Sum(each => each.Total), statement);
    }

    private static async Task<List<SettlementDeltasBooked>> BookedAsync(
        IJournal journal, TimeOfUseSettlement.RunRow run, CancellationToken ct)
    {
        var booked = new List<SettlementDeltasBooked>();
        await foreach (var recorded in journal
            .ReadStreamAsync(Streams.Settlement(new(run.Account), RowJson.Day(run.Day)), 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is SettlementDeltasBooked deltas && deltas.Corrects.Value == run.Run)
                booked.Add(deltas);
        return booked;
    }

    private static async Task<Statement?> AtAsync(IJournal journal, IViewStore views, PartyId account, LocalDate day,
        long position, string ruleVersion, CancellationToken ct) =>
        await Settlements.CalculateAsync(journal, views, account, day, position, ruleVersion, ct).ConfigureAwait(false)
            is SettlementCalculation.Calculated { Statement: var statement } ? statement : null;
}
