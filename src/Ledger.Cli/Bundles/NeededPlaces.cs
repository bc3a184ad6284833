using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Cli.Bundles;

/// <summary>
/// The station tree of a ledger is one stream, and who is handed a statement is shown no more of it than where the
/// account's own points and those that were called lie: their places, and those of what they lie behind.
/// </summary>
internal static class NeededPlaces
{
    /// <summary>The same events without the places of others.</summary>
    public static IReadOnlyList<RecordedEvent> Of(PartyId account, IReadOnlyCollection<RecordedEvent> given)
    {
        var placed = given.Where(recorded => recorded.Envelope.Stream == Streams.StationTree)
            .Select(recorded => (recorded.Position, Fact: (PointPlaced)EventCodec.Decode(recorded))).ToList();
        if (placed.Count == 0) return [.. given];
        var needed = given.Select(recorded => recorded.Envelope.WireName == "settlement-point-registered"
                ? EventCodec.Decode(recorded) : null).OfType<SettlementPointRegistered>()
            .Where(point => point.Owner == account).Select(point => point.Point).ToHashSet();
        // Whether a call is paid may hang on another one of a point behind, whose order is here anyway.
        needed.UnionWith(given.Where(recorded => recorded.Envelope.WireName == "dispatch-instructed")
            .SelectMany(recorded => ((DispatchInstructed)EventCodec.Decode(recorded)).Targets)
            .Select(target => target.Point));
        int before;
        do
        {
            before = needed.Count;
            needed.UnionWith(placed.Where(each => needed.Contains(each.Fact.Point)).Select(each => each.Fact.Parent)
                .ToList());
        } while (needed.Count > before);
        var left = placed.Where(each => !needed.Contains(each.Fact.Point)).Select(each => each.Position).ToHashSet();
        return [.. given.Where(recorded => !left.Contains(recorded.Position))];
    }
}
