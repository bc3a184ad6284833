using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The signed values in a piece of evidence, each as it was signed, to be handed on.</summary>
public static class SignedTexts
{
    /// <summary>Nothing where the evidence is no OCMF.</summary>
    public static IReadOnlyList<string> Of(ReadOnlySpan<byte> evidence)
    {
        if (IntakeText.Decode(evidence, out var text) is not null) return [];
        if (text.AsSpan().TrimStart() is ['<', ..])
            return OcmfContainer.Read(evidence, out var values) is not null ? []
                : [.. values.Where(value => value is { Value: not null, Text: not null }).Select(value => value.Text!)];
        return text.StartsWith("OCMF|", StringComparison.Ordinal) && Ocmf.Read(text, null, out _) is null ? [text] : [];
    }

    /// <summary>When the readings of one of these values were taken.</summary>
    public static IReadOnlyList<Instant> ReadAt(string text) =>
        [.. Value(text)?.Readings.Select(reading => reading.At).OfType<Instant>() ?? []];

    /// <summary>The serial number of its meter.</summary>
    public static string? Serial(string text) => Value(text)?.Serial;

    private static OcmfValue? Value(string text) => Ocmf.Read(text, null, out var value) is null ? value : null;

    /// <summary>The user's identification (OCMF, ID) of a payload; null where it has none.</summary>
    public static string? User(string payload)
    {
        try
        {
            using var document = InputValue.Parse(System.Text.Encoding.UTF8.GetBytes(payload));
            return new InputValue("payload", document.RootElement).Member("ID")?.Text();
        }
        catch (InputRefusedException)
        {
            return null;
        }
    }
}
