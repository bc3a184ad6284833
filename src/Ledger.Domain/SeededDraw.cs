using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ledger.Domain;

/// <summary>
/// Random numbers that anybody draws again from the same seed, in any language: number i, from 0 on, is the first eight
/// bytes, as a big-endian whole number, of SHA-256 over the text <c>ledger-sample/1</c>, the purpose, the seed and i,
/// each with a line feed behind it.
/// </summary>
public sealed class SeededDraw(string seed, string purpose)
{
    /// <summary>Longest seed, in characters.</summary>
    public const int SeedLengthMax = 200;

    private long drawn;

    /// <summary>Whether a text may be a seed: 1 to 200 characters, none of control.</summary>
    public static bool IsSeed(string text) => text.Length is > 0 and <= SeedLengthMax && !text.Any(char.IsControl);

    /// <summary>The next number, from 0 to 2^64 − 1, each as likely.</summary>
    public ulong Next()
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"ledger-sample/1\n{purpose}\n{seed}\n{drawn++}\n");
        return BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>A number from 0 to below <paramref name="count"/>, each as likely: numbers from the last whole
    /// multiple of it on are passed over.</summary>
    public int Below(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        var limit = ulong.MaxValue - (ulong.MaxValue % (ulong)count + 1) % (ulong)count;
        while (true)
            if (Next() is var next && next <= limit) return (int)(next % (ulong)count);
    }
}
