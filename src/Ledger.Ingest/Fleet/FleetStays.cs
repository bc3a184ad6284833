using System.Text.Json.Nodes;

namespace Ledger.Ingest.Fleet;

/// <summary>What the chargers of a station say of who is connected, from which its charge records follow.</summary>
internal static class FleetStays
{
    /// <summary>A vehicle that stands there when the day begins comes with it; one that is still there has not
    /// left.</summary>
    public static byte[] States(StationDay day) => FleetText.Lines(
        from connector in day.Sessions.Index()
        from session in connector.Item
        from change in new[]
        {
            (Second: session.PlugInSecond, IsThere: true), (Second: session.PlugOutSecond, IsThere: false),
        }
        where change.Second < FleetPlan.DaySeconds
        select new JsonObject
        {
            ["type"] = "charging-state",
            ["point"] = FleetPlan.ConnectorOf(day.Station, connector.Index + 1).Value,
            ["at"] = FleetText.Time(day.Plan, day.Plan.At(change.Second)),
            ["connected"] = change.IsThere,
            ["source"] = "charger",
        });
}
