namespace Ledger.Cli;

/// <summary>Options whose value is one of a few words, the vocabulary's in lower camel case.</summary>
internal static class Choices
{
    public static T? Of<T>(CommandLine line, string option) where T : struct, Enum => line.Option<T>(option, TryRead,
        $"one of {string.Join(", ", Enum.GetValues<T>().Select(Text))}");

    public static string Text<T>(T choice) where T : struct, Enum =>
        $"{choice}" is var name ? char.ToLowerInvariant(name[0]) + name[1..] : "";

    private static bool TryRead<T>(string text, out T choice) where T : struct, Enum
    {
        foreach (var known in Enum.GetValues<T>())
            if (Text(known) == text)
            {
                choice = known;
                return true;
            }
        choice = default;
        return false;
    }
}
