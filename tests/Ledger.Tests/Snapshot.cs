using System.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Compares an outcome with the accepted one in <c>tests/Ledger.Tests/{name}.verified.txt</c> (text) or
/// <c>{name}.verified.hex</c> (bytes, 32 a line, so that a difference can be read). On a mismatch the outcome is
/// written beside it as <c>{name}.received.*</c>; a person accepts it by renaming it. Verify uses the same names.
/// </summary>
internal static class Snapshot
{
    private const int BytesPerLine = 32;

    public static void Match(string text, string name) => Compare(Normalised(text), name, "txt");

    public static void Match(ReadOnlySpan<byte> bytes, string name)
    {
        var hex = new StringBuilder();
        for (var at = 0; at < bytes.Length; at += BytesPerLine)
            hex.Append(Convert.ToHexStringLower(bytes.Slice(at, Math.Min(BytesPerLine, bytes.Length - at))))
                .Append('\n');
        Compare(hex.ToString(), name, "hex");
    }

    public static void Match(byte[] bytes, string name) => Match(bytes.AsSpan(), name);

    private static void Compare(string outcome, string name, string extension)
    {
        var verified = Repository.PathOf($"tests/Ledger.Tests/{name}.verified.{extension}");
        var received = Repository.PathOf($"tests/Ledger.Tests/{name}.received.{extension}");
        var accepted = File.Exists(verified) ? Normalised(File.ReadAllText(verified)) : null;
        if (accepted == outcome)
        {
            File.Delete(received);
            return;
        }
        File.WriteAllText(received, outcome);
        if (accepted is null) throw new ShouldAssertException($"{name} has no accepted outcome yet; read {received}");
        outcome.ShouldBe(accepted, $"{name} differs from what was accepted; read {received}");
    }

    /// <summary>Line ends as LF, with one at the end, so that a checkout's line ends and an editor's do not
    /// matter.</summary>
    private static string Normalised(string text) => text.ReplaceLineEndings("\n").TrimEnd('\n') + "\n";
}
