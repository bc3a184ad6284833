using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>One side of a double entry of a run.</summary>
public sealed record PostingAnswer(string Account, Money Amount);

/// <summary>A settlement run, with all the decimals of its money.</summary>
/// <param name="ChangeFromSuperseded">This total less the superseded run's; null for a first run, and where that one is
/// in another currency.</param>
public sealed record RunAnswer(
    string Run, RunKind Kind, string Account, string Day, string Zone, long AtPosition, string Tariff,
    int TariffVersion, string RuleVersion, string TzdbVersion, int Lines, string LinesRoot, Money Total,
    string Currency, IReadOnlyList<PostingAnswer> Postings, string? Supersedes, Money? ChangeFromSuperseded,
    bool Incomplete, long RecordedPosition, Instant RecordedAt)
{
    public static RunAnswer Of(TimeOfUseSettlement.RunRow row) => new(row.Run, row.Kind, row.Account, row.Day, row.Zone,
        row.AtPosition, row.Tariff, row.TariffVersion, row.RuleVersion, row.TzdbVersion, row.Lines, row.LinesRoot,
        row.Total, row.Currency, [.. row.Postings.Select(each => new PostingAnswer(each.Account, each.Amount))],
        row.Supersedes, Money.Of(row.ChangeFromSuperseded), row.Incomplete, row.RecordedPosition, row.RecordedAt);
}

/// <summary>What a statement should hold and what it holds.</summary>
/// <param name="IsComplete">Whether all that was expected was received, also where that is flexibility alone.</param>
public sealed record CompletenessAnswer(
    int StationsExpected, int StationsComplete, int LinesExpected, int LinesMetered, int LinesPriced, int PointsLeftOut,
    bool IsComplete)
{
    public static CompletenessAnswer Of(Completeness of, bool isComplete) => new(of.StationsExpected,
        of.StationsComplete, of.LinesExpected, of.LinesMetered, of.LinesPriced, of.PointsLeftOut, isComplete);
}

/// <summary>Who published a run, what it rests on, and how complete it was.</summary>
public sealed record RunPublicationAnswer(
    string Run, string Account, string Day, string CalculatedBy, string PublishedBy, string RunDigest,
    string TariffDigest, IReadOnlyList<TimeOfUseSettlement.PackRow> RulePacks, CompletenessAnswer Completeness,
    int FlexibilityLines, string? FlexibilityRoot, Money? FlexibilityTotal, long Position, Instant RecordedAt)
{
    public static RunPublicationAnswer Of(
        TimeOfUseSettlement.PublicationRow row, IEnumerable<TimeOfUseSettlement.RunRow> runs) => new(row.Run,
        row.Account, row.Day, row.CalculatedBy, row.PublishedBy, row.RunDigest, row.TariffDigest, row.RulePacks,
        CompletenessAnswer.Of(row.Completeness, row.IsCompleteIn(runs)), row.FlexibilityLines, row.FlexibilityRoot,
        Money.Of(row.FlexibilityTotal), row.Position, row.RecordedAt);
}

/// <summary>A correction that was booked as deltas on a run.</summary>
public sealed record DeltasAnswer(
    string Run, string Corrects, string Account, string Day, long AtPosition, CorrectionStyle Style, int Lines,
    string LinesRoot, Money Total, string Currency, long Position, Instant RecordedAt)
{
    public static DeltasAnswer Of(TimeOfUseSettlement.DeltasRow row) => new(row.Run, row.Corrects, row.Account, row.Day,
        row.AtPosition, row.Style, row.Lines, row.LinesRoot, row.Total, row.Currency, row.Position, row.RecordedAt);
}

/// <summary>A month that was closed.</summary>
public sealed record MonthCloseAnswer(
    string Account, string Month, string ClosedBy, int Runs, Money Total, string Currency, long Position,
    Instant RecordedAt)
{
    public static MonthCloseAnswer Of(TimeOfUseSettlement.MonthRow row) => new(row.Account, row.Month, row.ClosedBy,
        row.Runs, row.Total, row.Currency, row.Position, row.RecordedAt);
}
