using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>A settlement run's statement, derived again from the facts before its position.</summary>
/// <param name="Differs">What is not as it was recorded; null where all of it is.</param>
internal sealed record RunStatement(TimeOfUseSettlement.RunRow Run, Statement Statement, string? Differs)
{
    public static async Task<RunStatement> DeriveAsync(LedgerReader ledger, Answers answers, string run,
        CancellationToken ct)
    {
        var recorded = answers.Runs().LastOrDefault(row => row.Run == run)
            ?? throw new CouldNotException($"there is no settlement run {run}; 'ledger show settlement' lists them");
        var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, recorded, ct).ConfigureAwait(false);
        return again.Statement is { } statement
            ? new(recorded, statement, again.Differs)
            : throw new CouldNotException($"the lines of {run} cannot be derived: {again.Differs}");
    }
}
