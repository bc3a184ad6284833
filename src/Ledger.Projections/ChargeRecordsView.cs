using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Every charge record and every credit: in the order in which the ledger learned of them, by their own numbers, and
/// by when their stays ended at a point. What each bills is in its evidence. A number belongs to nobody here, so
/// records of several owners may have it, and each has its row; it is the same in any case of its letters.
/// </summary>
/// <remarks>Its rows had another key once, by which one record hid another of its number. They had another name too, so
/// that none of them is taken for one of these: a ledger of before computes these when it is opened.</remarks>
public sealed class ChargeRecordsView : IProjection
{
    /// <param name="Credits">The record that this one takes back; null of a charge.</param>
    /// <param name="Evidence">The record as it came; null where it was not kept.</param>
    public sealed record RecordRow(
        string Operator, string Record, string? Credits, string Point, Instant Start, Instant End, Instant RecordedAt,
        long Position, string? Evidence);

    private sealed record Place(string Key);

    internal const string RowsName = "ChargeDetailRecords";

    public string Name => RowsName;
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(ChargeRecorded) };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact) => fact.Event is not ChargeRecorded e ? [] :
    [
        new(KeyOf(fact.RecordedAt, fact.Position), new RecordRow(e.Operator.Value, e.Record.Value, e.Credits?.Value,
            e.Point.Value, e.Start, e.End, fact.RecordedAt, fact.Position, e.Evidence?.Hex)),
        new($"number|{e.Record.Value.ToUpperInvariant()}|{Digits(fact.Position)}",
            new Place(KeyOf(fact.RecordedAt, fact.Position))),
        new($"end|{e.Point}|{RowJson.Key(e.End)}|{Digits(fact.Position)}",
            new Place(KeyOf(fact.RecordedAt, fact.Position))),
    ];

    /// <summary>Keys of records that were recorded from an instant on.</summary>
    internal static string From(Instant at) => $"record|{RowJson.Key(at)}";

    /// <summary>The records of a number, whoever issued them, in the order in which the ledger learned of them.
    /// </summary>
    internal static IEnumerable<RecordRow> Numbered(IViewStore views, ChargeRecordId number, long? asOf) =>
        Placed(views, $"number|{number.Value.ToUpperInvariant()}|", asOf);

    /// <summary>Those whose numbers go on after a number and a hyphen, in order of number.</summary>
    internal static IEnumerable<RecordRow> After(IViewStore views, ChargeRecordId number, long? asOf) =>
        Placed(views, $"number|{number.Value.ToUpperInvariant()}-", asOf);

    /// <summary>Those of stays at a point that ended from an instant until another, both of them too.</summary>
    internal static IEnumerable<RecordRow> Ended(
        IViewStore views, SettlementPointId point, Interval time, long? asOf) =>
        Placed(views, $"end|{point}|{RowJson.Key(time.Start)}", $"end|{point}|{RowJson.Key(time.End)}|~", asOf);

    private static IEnumerable<RecordRow> Placed(IViewStore views, string beginning, long? asOf) =>
        Placed(views, beginning, beginning + "~", asOf);

    private static IEnumerable<RecordRow> Placed(IViewStore views, string first, string last, long? asOf) =>
        views.Range(RowsName, first, last, asOf)
            .Select(row => views.Get(RowsName, RowJson.Read<Place>(row.Json)!.Key, asOf)!)
            .Select(row => RowJson.Read<RecordRow>(row)!);

    private static string KeyOf(Instant at, long position) => $"record|{RowJson.Key(at)}|{Digits(position)}";

    // 19 digits hold every position, so that records of one instant stay in order.
    private static string Digits(long position) => position.ToString("D19", CultureInfo.InvariantCulture);
}
