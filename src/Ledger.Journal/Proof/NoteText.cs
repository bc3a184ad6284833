using System.Globalization;

namespace Ledger.Journal.Proof;

/// <summary>A signed note, a checkpoint, a proof or a key is not what its format says,
/// or a signature does not hold.</summary>
public sealed class NoteRefusedException(string why) : Exception(why);

/// <summary>How values stand in the lines of notes, checkpoints and proofs. Each value has one form,
/// and no other is read.</summary>
internal static class NoteText
{
    /// <summary>Standard base64 with padding, RFC 4648 §4; other spellings of the same bytes are refused.</summary>
    public static byte[] Base64(string text, string what) =>
        TryBase64(text, out var bytes) ? bytes : throw new NoteRefusedException($"{what} is not base64: '{text}'");

    public static bool TryBase64(string text, out byte[] bytes)
    {
        var buffer = new byte[text.Length / 4 * 3];
        var read = Convert.TryFromBase64String(text, buffer, out var written);
        bytes = buffer[..written];
        return read && Convert.ToBase64String(bytes) == text;
    }

    public static byte[] Hash(string text, string what) => Base64(text, what) is { Length: MerkleTree.HashBytes } hash
        ? hash
        : throw new NoteRefusedException($"{what} does not have {MerkleTree.HashBytes} bytes");

    /// <summary>A decimal number from 0 on without leading zeros.</summary>
    public static long Number(string text, string what) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && Number(number) == text
            ? number
            : throw new NoteRefusedException($"{what} is not a number from 0 to {long.MaxValue}: '{text}'");

    public static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
