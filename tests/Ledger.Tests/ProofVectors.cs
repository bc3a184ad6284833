using System.Text.Json;

namespace Ledger.Tests;

/// <summary>The known answers of vectors/; a test that asks for one is skipped without them.</summary>
internal static class ProofVectors
{
    public static JsonElement Read(string path)
    {
        var folder = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(folder)) Assert.Skip("sample: set LEDGER_SAMPLES to the folder of vectors/");
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "vectors", path)));
        return json.RootElement.Clone();
    }

    public static string Text(this JsonElement element, string member) => element.GetProperty(member).GetString()!;

    public static JsonElement.ArrayEnumerator List(this JsonElement element, string member) =>
        element.GetProperty(member).EnumerateArray();
}
