using System.Text.Json;

namespace Ledger.Tests;

/// <summary>The cases of samples/market-rules/domain-vectors.json;
/// a test that asks for one is skipped without it.</summary>
internal static class MarketVectors
{
    public static JsonElement Case(string id) =>
        Cases().Single(c => c.GetProperty("id").GetString() == id);

    public static IReadOnlyList<JsonElement> Cases()
    {
        var folder = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(folder)) Assert.Skip("sample: set LEDGER_SAMPLES for the market vectors");
        using var json = JsonDocument.Parse(
            File.ReadAllBytes(Path.Combine(folder, "samples", "market-rules", "domain-vectors.json")));
        return [.. json.RootElement.GetProperty("cases").EnumerateArray().Select(c => c.Clone())];
    }
}
