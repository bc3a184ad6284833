using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What somebody calls a run. A run's name is its account's own for a day, so several runs may be called alike: whoever
/// means one of them says the account, or account and day, and none is chosen for him.
/// </summary>
public sealed record RunName(string Run, PartyId? Account = null, LocalDate? Day = null)
{
    /// <summary>The runs that are called so, in their order.</summary>
    public IReadOnlyList<TimeOfUseSettlement.RunRow> Among(IEnumerable<TimeOfUseSettlement.RunRow> runs) =>
        [.. runs.Where(run => run.Run == Run && IsOf(run))];

    /// <summary>The same of what is called so: the runs, and where no run is, the corrections that were booked on one.
    /// </summary>
    public IReadOnlyList<NamedRun> Among(
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs, IReadOnlyList<TimeOfUseSettlement.DeltasRow> deltas) =>
        Among(runs) is { Count: > 0 } found ? [.. found.Select(NamedRun.Of)]
            : [.. NamedRun.Corrections(Run, runs.Where(IsOf), deltas)];

    /// <summary>What is said of a name that several runs have.</summary>
    public static string Several(IEnumerable<TimeOfUseSettlement.RunRow> runs) => "several runs are called so: of "
        + string.Join(", of ", runs.Select(run => $"{run.Account} on {run.Day}")) + "; say account, or account and day";

    private bool IsOf(TimeOfUseSettlement.RunRow run) => (Account is not { } of || run.Account == of.Value)
        && (Day is not { } on || run.Day == RowJson.Day(on));
}
