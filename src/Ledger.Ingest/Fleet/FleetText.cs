using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest.Fleet;

/// <summary>How the simulated parties write: JSON facts, one a line,
/// and instants in local time with their offset.</summary>
internal static class FleetText
{
    // Files are read by people too: a plus sign in a time stays a plus sign.
    private static readonly JsonSerializerOptions Plain =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One fact a line.</summary>
    public static byte[] Lines(IEnumerable<JsonObject> facts) =>
        Encoding.UTF8.GetBytes(string.Concat(facts.Select(fact => fact.ToJsonString(Plain) + "\n")));

    public static byte[] Lines(IEnumerable<string> rows) =>
        Encoding.UTF8.GetBytes(string.Concat(rows.Select(row => row + "\n")));

    /// <summary>A choice as facts write it: lower camel case.</summary>
    public static string Word<T>(T choice) where T : struct, Enum =>
        JsonNamingPolicy.CamelCase.ConvertName($"{choice}");

    public static string Time(FleetPlan plan, Instant at) =>
        OffsetDateTimePattern.ExtendedIso.Format(at.InZone(DateTimeZoneProviders.Tzdb[plan.Zone]).ToOffsetDateTime());
}
