using System.Globalization;
using Ledger.Domain;
using Ledger.Journal.Verification;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// Runs that come out by the rules that they name, and by the rules of now are another statement. Whoever records a run
/// names its rules, and an earlier program could have known no others; so what they come to now is said, and it is a
/// fault where the journal shows that the later rules were known when the run was recorded.
/// </summary>
internal sealed class EarlierRules(SettlementOrder order, Findings findings)
{
    private readonly SortedDictionary<string, (long Runs, decimal Recorded, decimal Now)> unlike =
        new(StringComparer.Ordinal);

    /// <summary>Takes a run, with the statement that it was recorded as and the one by the rules of now.</summary>
    public void Take(TimeOfUseSettlement.RunRow run, string place, Statement recorded, Statement? byNewest)
    {
        if (byNewest is null || byNewest.LinesRoot == recorded.LinesRoot) return;
        var rules = Settlement.RuleVersionOf(byNewest);
        var (known, at) = order.RulesNamedAt.Where(named => Settlement.IsNoEarlier(named.Key, rules))
            .Select(named => (named.Key, named.Value)).DefaultIfEmpty(("", long.MaxValue)).MinBy(named => named.Item2);
        if (at < run.RecordedPosition)
            findings.Add(place, $"rules {run.RuleVersion} and a total of {Text(recorded.Total)}", string.Create(
                CultureInfo.InvariantCulture, $"{rules} and {Text(byNewest.Total)}: position {at} names {known} already"));
        var group = string.Create(CultureInfo.InvariantCulture,
            $"rules of {run.RuleVersion}, as they say, in place of {rules}, in {recorded.Currency}");
        var (runs, before, now) = unlike.GetValueOrDefault(group);
        unlike[group] = (runs + 1, before + recorded.Total, now + byNewest.Total);
    }

    /// <summary>Says how many there were, and what they would come to.</summary>
    public void Finish()
    {
        foreach (var (group, (runs, recorded, now)) in unlike)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"whether {runs} runs could be by the {group}: they come to {Text(recorded)}, and by the later rules to "
                + $"{Text(now)}"));
    }

    private static string Text(decimal amount) => amount.ToString(CultureInfo.InvariantCulture);
}
