using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ledger.Projections;

/// <summary>
/// A digest of changes of rows that does not depend on their order: rows are folded in the order of positions and
/// stored in the order of keys, and nobody who compares both has to keep either.
/// <para>
/// A change (key, position, row or none) is a polynomial: its bytes, in words of 14, are the coefficients, and no two
/// changes have the same one. The digest is the product, over all changes, of a number plus their polynomials' values,
/// at a point that is drawn anew for each comparison, modulo the prime 2^127 - 1. The products of different collections
/// of changes are different polynomials, because polynomials have one factorization; and two of these agree at a drawn
/// point with a probability of at most their degree by the prime (Schwartz and Zippel), which is 2^-92 for a hundred
/// million changes of three kilobytes. Nothing else is relied on: no strength of a hash that somebody may break, and
/// not that rows were not made to collide, as long as they are there before the point is drawn.
/// </para>
/// </summary>
/// <param name="point">The same for digests that are compared, drawn after what they are of is there.</param>
internal sealed class ChangeDigest(DigestPoint point)
{
    private readonly TextBuffer key = new(), row = new(); // are written anew for each change
    private UInt128 product = 1;

    /// <summary>Changes so far.</summary>
    public long Changes { get; private set; }

    public void Add(in PositionedChange change)
    {
        key.Clear();
        change.RowKey.Write(key);
        row.Clear();
        if (!change.Row.IsNone) change.Row.Write(row);
        Add(key.Written, change.Position, row.Written, change.Row.IsNone);
    }

    /// <summary>The row begins as this JSON.</summary>
    public void Open(ReadOnlySpan<byte> key, long position, ReadOnlySpan<byte> json) => Add(key, position, json, false);

    /// <summary>The row ends, and none takes its place.</summary>
    public void End(ReadOnlySpan<byte> key, long position) => Add(key, position, default, true);

    private void Add(ReadOnlySpan<byte> key, long position, ReadOnlySpan<byte> json, bool isEnd)
    {
        product = Prime127.Multiply(product, point.FactorOf(key, position, json, isEnd));
        Changes++;
    }

    public bool IsSame(ChangeDigest other) => product % Prime127.Value == other.product % Prime127.Value;
}

/// <summary>Where the polynomials of changes are evaluated: two numbers that nobody knows beforehand.</summary>
internal sealed class DigestPoint
{
    private const int HalfBytes = 7, WordBytes = 2 * HalfBytes; // less than the prime, whatever they are
    private const ulong SevenBytes = ulong.MaxValue >> 8; // of a word, which is read as eight bytes
    private const int BlockWords = 16, BlockBytes = BlockWords * WordBytes;
    private readonly UInt128 number = Drawn();
    private readonly UInt128[] powers = PowersOf(Drawn()); // from none to as many as a block has words

    /// <summary>
    /// The number plus the polynomial of a change, whose first word says position and lengths; those of the key follow,
    /// and then those of the row.
    /// </summary>
    public UInt128 FactorOf(ReadOnlySpan<byte> key, long position, ReadOnlySpan<byte> json, bool isEnd)
    {
        // A position has 63 bits and a length 31, so this is below the prime.
        var lengths = ((ulong)key.Length << 32) | (isEnd ? 0 : (uint)json.Length + 1);
        return Prime127.Add(number, Take(json, Take(key, new UInt128((ulong)position, lengths))));
    }

    private UInt128 Take(ReadOnlySpan<byte> text, UInt128 value)
    {
        for (; text.Length > BlockBytes; text = text[BlockBytes..]) // one byte more, because a half is read as eight
            value = TakeWords(text, BlockWords, value);
        if (text.IsEmpty) return value;
        Span<byte> last = stackalloc byte[BlockBytes + 1];
        last.Clear();
        text.CopyTo(last);
        return TakeWords(last, (text.Length + WordBytes - 1) / WordBytes, value);
    }

    /// <summary>Some words, each times its power, and what was before times the next one. Products are added up by
    /// where their halves stand, which no sum of a block overflows, and reduced once.</summary>
    private UInt128 TakeWords(ReadOnlySpan<byte> text, int words, UInt128 value)
    {
        unchecked
        {
            UInt128 sum = 0, sum56 = 0, sum64 = 0, sum120 = 0;
            for (var word = 0; word < words; word++)
            {
                var bytes = text.Slice(word * WordBytes, WordBytes + 1);
                var first = BinaryPrimitives.ReadUInt64LittleEndian(bytes) & SevenBytes;
                var second = BinaryPrimitives.ReadUInt64LittleEndian(bytes[HalfBytes..]) & SevenBytes;
                var power = powers[words - 1 - word];
                var (lower, upper) = ((ulong)power, (ulong)(power >> 64));
                sum += Math.BigMul(first, lower);
                sum56 += Math.BigMul(second, lower);
                sum64 += Math.BigMul(first, upper);
                sum120 += Math.BigMul(second, upper);
            }
            return Prime127.Add(
                Prime127.Add(Prime127.Multiply(value, powers[words]), sum),
                Prime127.Add(Prime127.Shifted(sum56, 56),
                    Prime127.Add(Prime127.Shifted(sum64, 64), Prime127.Shifted(sum120, 120))));
        }
    }

    private static UInt128[] PowersOf(UInt128 at)
    {
        var powers = new UInt128[BlockWords + 1];
        powers[0] = 1;
        for (var i = 0; i < BlockWords; i++) powers[i + 1] = Prime127.Multiply(powers[i], at);
        return powers;
    }

    private static UInt128 Drawn()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt128LittleEndian(bytes) & Prime127.Value;
    }
}
