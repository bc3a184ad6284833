using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>How far a dispute went.</summary>
public enum DisputeStanding { Open = 1, Answered = 2, Resolved = 3, Rejected = 4 }

/// <summary>
/// The settlement runs of each account and settlement day, and which of them holds. A run that supersedes carries
/// the difference to the one before, so that a changed amount is explained where it is read.
/// </summary>
public sealed class TimeOfUseSettlement : IProjection
{
    public sealed record PostingRow(string Account, decimal Amount);
    /// <param name="ChangeFromSuperseded">This total less the superseded run's; null for a first run. A row has it of
    /// two currencies too, because it always did; <see cref="Answers"/> tells none then.</param>
    public sealed record RunRow(
        string Run, RunKind Kind, string Account, string Day, string Zone, long AtPosition, string Tariff,
        int TariffVersion, string RuleVersion, string TzdbVersion, int Lines, string LinesRoot, decimal Total,
        string Currency, IReadOnlyList<PostingRow> Postings, string? Supersedes, decimal? ChangeFromSuperseded,
        bool Incomplete, long RecordedPosition, Instant RecordedAt)
    {
        /// <summary>The same with the decimals to which its statement is rounded: a fact has none at its end.</summary>
        public RunRow With(int moneyDecimals) => this with
        {
            Total = Money.With(moneyDecimals, Total),
            ChangeFromSuperseded = ChangeFromSuperseded is { } change ? Money.With(moneyDecimals, change) : null,
            Postings = [.. Postings.Select(posting =>
                posting with { Amount = Money.With(moneyDecimals, posting.Amount) })],
        };
    }

    public sealed record PackRow(string Pack, int Version, string Digest);

    /// <summary>Who published a run, what it rests on, and how complete it was.</summary>
    public sealed record PublicationRow(
        string Run, string Account, string Day, string CalculatedBy, string PublishedBy, string RunDigest,
        string TariffDigest, IReadOnlyList<PackRow> RulePacks, Completeness Completeness, int FlexibilityLines,
        string? FlexibilityRoot, decimal? FlexibilityTotal, long Position, Instant RecordedAt)
    {
        public bool IsOf(RunRow run) => (Run, Account, Day) == (run.Run, run.Account, run.Day);

        /// <summary>Whether all that was expected of the published run was received.</summary>
        public bool IsCompleteIn(IEnumerable<RunRow> runs) =>
            Completeness.IsComplete || (Completeness.IsCompleteWith(FlexibilityLines)
                && runs.Any(run => IsOf(run) && !run.Incomplete));
    }

    /// <summary>A correction that was booked as deltas on a run.</summary>
    public sealed record DeltasRow(
        string Run, string Corrects, string Account, string Day, long AtPosition, CorrectionStyle Style, int Lines,
        string LinesRoot, decimal Total, string Currency, long Position, Instant RecordedAt);

    public sealed record MonthRow(
        string Account, string Month, string ClosedBy, int Runs, decimal Total, string Currency, long Position,
        Instant RecordedAt);

    /// <summary>A dispute as far as it went.</summary>
    /// <param name="Lines">Numbers of the disputed lines; none: all of the run.</param>
    /// <param name="Evidence">Digests of all that was shown.</param>
    /// <param name="Outcome">Who ended it, and why; null while it is open.</param>
    public sealed record DisputeRow(
        string Dispute, string Run, string Account, string Day, DisputeStanding Standing, string OpenedBy,
        IReadOnlyList<int> Lines, decimal Amount, string Reason, IReadOnlyList<string> Evidence,
        IReadOnlyList<string> Answers, string? ResolvedBy, string? Outcome, long Position, Instant RecordedAt);

    public string Name => "TimeOfUseSettlement";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementRunCompleted), typeof(SettlementRunPublished), typeof(SettlementDeltasBooked),
        typeof(SettlementMonthClosed), typeof(DisputeOpened), typeof(DisputeAnswered), typeof(DisputeClosed),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact) => fact.Event switch
    {
        SettlementRunCompleted run => Run(rows, fact, run),
        SettlementRunPublished e => [new($"published|{e.Account}|{RowJson.Day(e.Day)}|{e.Run}", new PublicationRow(
            e.Run.Value, e.Account.Value, RowJson.Day(e.Day), e.CalculatedBy, e.PublishedBy, e.RunDigest.Hex,
            e.TariffDigest.Hex, [.. e.RulePacks.Select(pack => new PackRow(pack.Pack.Value, pack.Version,
                pack.Digest.Hex))], e.Completeness, e.Flexibility?.Lines ?? 0, e.Flexibility?.LinesRoot.Hex,
            e.Flexibility?.Total, fact.Position, fact.RecordedAt))],
        SettlementDeltasBooked e => [new($"deltas|{e.Account}|{RowJson.Day(e.Day)}|{e.Run}", new DeltasRow(
            e.Run.Value, e.Corrects.Value, e.Account.Value, RowJson.Day(e.Day), e.AtPosition, e.Style, e.Lines,
            e.LinesRoot.Hex, e.Total, e.Currency, fact.Position, fact.RecordedAt))],
        SettlementMonthClosed e => [new($"month|{e.Account}|{RowJson.Day(e.Month)}", new MonthRow(
            e.Account.Value, RowJson.Day(e.Month), e.ClosedBy, e.Runs.Count, e.Total, e.Currency, fact.Position,
            fact.RecordedAt))],
        DisputeOpened e => [new($"dispute|{e.Dispute}", new DisputeRow(
            e.Dispute.Value, e.Run.Value, e.Account.Value, RowJson.Day(e.Day), DisputeStanding.Open, e.OpenedBy.Value,
            e.Lines, e.Amount, e.Reason, [.. e.Evidence.Select(digest => digest.Hex)], [], null, null, fact.Position,
            fact.RecordedAt))],
        DisputeAnswered e => Dispute(rows, e.Dispute, row => row with
        {
            Standing = DisputeStanding.Answered,
            Answers = [.. row.Answers, $"{e.AnsweredBy}: {e.Answer}"],
            Evidence = [.. row.Evidence, .. e.Evidence.Select(digest => digest.Hex)],
        }),
        DisputeClosed e => Dispute(rows, e.Dispute, row => row with
        {
            Standing = e.Outcome == DisputeOutcome.Resolved ? DisputeStanding.Resolved : DisputeStanding.Rejected,
            ResolvedBy = e.ResolvedBy?.Value,
            Outcome = $"{e.ClosedBy}: {e.Reason}",
        }),
        _ => [],
    };

    private static IReadOnlyList<RowChange> Dispute(IRows rows, DisputeId dispute, Func<DisputeRow,
        DisputeRow> change) =>
        rows.Get<DisputeRow>($"dispute|{dispute}") is { } row ? [new($"dispute|{dispute}", change(row))] : [];

    private static IReadOnlyList<RowChange> Run(IRows rows, RecordedFact fact, SettlementRunCompleted run)
    {
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
