using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Charge records as readers ask for them: what an operator bills is for the account of the point alone.
/// </summary>
public static class ChargeRecordAnswers
{
    /// <summary>Those that became known in a time, in that order.</summary>
    /// <param name="before">Exclusive; null: until now.</param>
    public static IReadOnlyList<ChargeRecordsView.RecordRow> ChargeRecords(
        this Answers answers, Instant from, Instant? before) =>
        answers.Own(answers.Views.Range(ChargeRecordsView.RowsName, ChargeRecordsView.From(from),
            before is { } end ? ChargeRecordsView.From(end) : "record|~", answers.AsOf)
            .Select(row => RowJson.Read<ChargeRecordsView.RecordRow>(row.Json)!));

    /// <summary>Those of a number, in whatever case it is written; of several owners or issuers there may be one each.
    /// </summary>
    public static IReadOnlyList<ChargeRecordsView.RecordRow> ChargeRecordsNumbered(
        this Answers answers, ChargeRecordId number) =>
        answers.Own(ChargeRecordsView.Numbered(answers.Views, number, answers.AsOf));

    /// <summary>The same, with those whose numbers go on after it and a hyphen.</summary>
    public static IReadOnlyList<ChargeRecordsView.RecordRow> ChargeRecordsFrom(
        this Answers answers, ChargeRecordId number) =>
        answers.Own(ChargeRecordsView.Numbered(answers.Views, number, answers.AsOf)
            .Concat(ChargeRecordsView.After(answers.Views, number, answers.AsOf)));

    /// <summary>Those of stays at a point that ended from an instant until another, both of them too.</summary>
    public static IReadOnlyList<ChargeRecordsView.RecordRow> ChargeRecordsEnded(
        this Answers answers, SettlementPointId point, Interval time) =>
        answers.Own(ChargeRecordsView.Ended(answers.Views, point, time, answers.AsOf));

    private static IReadOnlyList<ChargeRecordsView.RecordRow> Own(
        this Answers answers, IEnumerable<ChargeRecordsView.RecordRow> records) =>
        [.. records.Where(record => answers.AreOfAll || (answers.Reaches(new SettlementPointId(record.Point))
            && answers.Reaches(new PartyId(answers.HolderOf(record.Point)!.Owner))))];
}
