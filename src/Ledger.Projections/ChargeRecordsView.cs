using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Every charge record and every credit: in the order in which the ledger learned of them, and by their own numbers.
/// What each bills is in its evidence.
/// </summary>
public sealed class ChargeRecordsView : IProjection
{
    /// <param name="Credits">The record that this one takes back; null of a charge.</param>
    /// <param name="Evidence">The record as it came; null where it was not kept.</param>
    public sealed record RecordRow(
        string Operator, string Record, string? Credits, string Point, Instant Start, Instant End, Instant RecordedAt,
        long Position, string? Evidence);

    private sealed record Place(string Key);

    public string Name => "ChargeRecords";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(ChargeRecorded) };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact) => fact.Event is not ChargeRecorded e ? [] :
    [
        new(KeyOf(fact.RecordedAt, fact.Position), new RecordRow(e.Operator.Value, e.Record.Value, e.Credits?.Value,
            e.Point.Value, e.Start, e.End, fact.RecordedAt, fact.Position, e.Evidence?.Hex)),
        new($"number|{e.Record}|{e.Operator}", new Place(KeyOf(fact.RecordedAt, fact.Position))),
    ];

    /// <summary>Keys of records that were recorded from an instant on.</summary>
    internal static string From(Instant at) => $"record|{RowJson.Key(at)}";

    /// <summary>The records whose numbers begin so, in order of number.</summary>
    internal static IEnumerable<RecordRow> Numbered(IViewStore views, string beginning, long? asOf) =>
        views.Range("ChargeRecords", $"number|{beginning}", $"number|{beginning}~", asOf)
            .Select(row => views.Range("ChargeRecords", RowJson.Read<Place>(row.Json)!.Key,
                RowJson.Read<Place>(row.Json)!.Key + "~", asOf)[0])
            .Select(row => RowJson.Read<RecordRow>(row.Json)!);

    // 19 digits hold every position, so that records of one instant stay in order.
    private static string KeyOf(Instant at, long position) =>
        $"record|{RowJson.Key(at)}|{position.ToString("D19", CultureInfo.InvariantCulture)}";
}
