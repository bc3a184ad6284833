using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>A settlement run's statement, derived again from the facts before its position.</summary>
/// <param name="Differs">What is not as it was recorded; null where all of it is.</param>
internal sealed record RunStatement(TimeOfUseSettlement.RunRow Run, Statement Statement, string? Differs)
{
    public static async Task<RunStatement> DeriveAsync(
        LedgerReader ledger, TimeOfUseSettlement.RunRow run, CancellationToken ct)
    {
        var again = await Settlements.RederiveAsync(ledger.Journal, ledger.Views, run, ct).ConfigureAwait(false);
        return again.Statement is { } statement
            ? new(again.Run, statement, again.Differs)
            : throw new CouldNotException($"the lines of {run.Run} cannot be derived: {again.Differs}");
    }
}
