using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The settlement runs of each account and settlement day, and which of them holds. A run that supersedes carries
/// the difference to the one before, so that a changed amount is explained where it is read.
/// </summary>
public sealed class TimeOfUseSettlement : IProjection
{
    public sealed record PostingRow(string Account, decimal Amount);
    /// <param name="ChangeFromSuperseded">This total less the superseded run's; null for a first run.</param>
    public sealed record RunRow(
        string Run, RunKind Kind, string Account, string Day, string Zone, long AtPosition, string Tariff,
        int TariffVersion, string RuleVersion, string TzdbVersion, int Lines, string LinesRoot, decimal Total,
        string Currency, IReadOnlyList<PostingRow> Postings, string? Supersedes, decimal? ChangeFromSuperseded,
        bool Incomplete, long RecordedPosition, Instant RecordedAt);

    public string Name => "TimeOfUseSettlement";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(SettlementRunCompleted) };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        if (fact.Event is not SettlementRunCompleted run) return [];
        var day = RowJson.Day(run.Day);
        var before = run.Supersedes is { } old ? rows.Get<RunRow>($"run|{run.Account}|{day}|{old}") : null;
        var row = new RunRow(
            run.Run.Value, run.Kind, run.Account.Value, day, run.Zone, run.AtPosition, run.Tariff.Value,
            run.TariffVersion, run.RuleVersion, run.TzdbVersion, run.Lines, run.LinesRoot.Hex, run.Total, run.Currency,
            [.. run.Postings.Select(posting => new PostingRow(posting.Account, posting.Amount))],
            run.Supersedes?.Value, before is null ? null : run.Total - before.Total, run.Incomplete, fact.Position,
            fact.RecordedAt);
        return [new($"run|{run.Account}|{day}|{run.Run}", row), new($"holds|{run.Account}|{day}", row)];
    }
}
