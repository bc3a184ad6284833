using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>What is known of a party as one that is settled with.</summary>
public static class AccountAnswers
{
    /// <summary>Whether anything is settled with it, or could be: a settlement point, a tariff or a run is its
    /// own.</summary>
    public static bool IsAccount(this Answers answers, PartyId party) => answers.PointsOf(party).Count > 0
        || answers.Assignments().Any(row => row.Account == party.Value)
        || answers.Runs().Any(run => run.Account == party.Value);
}
