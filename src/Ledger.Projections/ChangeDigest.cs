using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Ledger.Projections;

/// <summary>
/// A digest of changes of rows that does not depend on their order: rows are folded in the order of positions and
/// stored in the order of keys, and nobody who compares both has to keep either.
/// <para>
/// A change (key, position, row or none) is a polynomial: its bytes, in words of 15, are the coefficients, and no two
/// changes have the same one. The digest is the product, over all changes, of a number plus their polynomials' values,
/// at a point that is drawn anew for each comparison, modulo the prime 2^127 - 1. The products of different collections
/// of changes are different polynomials, because polynomials have one factorization; and two of these agree at a drawn
/// point with a probability of at most their degree by the prime (Schwartz and Zippel), which is 2^-93 for a hundred
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

/// <summary>Where the polynomials of changes are evaluated: three numbers that nobody knows beforehand.</summary>
internal sealed class DigestPoint
{
    private const int WordBytes = 15; // less than the prime, whatever they are
    private const int BlockBytes = 2 * WordBytes;
    private const ulong WordUpper = ulong.MaxValue >> 8; // of a word's upper half, which is read as eight bytes
    private readonly UInt128 number = Drawn(), at = Drawn(), times = Drawn();

    /// <summary>
    /// The number plus the polynomial of a change: A(at) + times · B(at), where A begins with a word that says position
    /// and lengths, and both go on with every other word of the key and then of the row. That these are two makes the
    /// processor work on both at once.
    /// </summary>
    public UInt128 FactorOf(ReadOnlySpan<byte> key, long position, ReadOnlySpan<byte> json, bool isEnd)
    {
        // A position has 63 bits and a length 31, so this is below the prime.
        var lengths = ((ulong)key.Length << 32) | (isEnd ? 0 : (uint)json.Length + 1);
        var (a, b) = (new UInt128((ulong)position, lengths), UInt128.Zero);
        Take(key, ref a, ref b);
        Take(json, ref a, ref b);
        return Prime127.Add(number, Prime127.Add(a, Prime127.Multiply(times, b)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Take(ReadOnlySpan<byte> text, ref UInt128 a, ref UInt128 b)
    {
        var (first, second) = (a, b);
        while (text.Length > BlockBytes) // one byte more, because a word is read as sixteen
        {
            TakeBlock(text, ref first, ref second);
            text = text[BlockBytes..];
        }
        if (!text.IsEmpty)
        {
            Span<byte> last = stackalloc byte[BlockBytes + 1];
            last.Clear();
            text.CopyTo(last);
            TakeBlock(last, ref first, ref second);
        }
        (a, b) = (first, second);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TakeBlock(ReadOnlySpan<byte> block, ref UInt128 a, ref UInt128 b)
    {
        a = Prime127.Add(Prime127.Multiply(a, at), Word(block));
        b = Prime127.Add(Prime127.Multiply(b, at), Word(block[WordBytes..]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static UInt128 Word(ReadOnlySpan<byte> text) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(text[sizeof(ulong)..]) & WordUpper,
        BinaryPrimitives.ReadUInt64LittleEndian(text));

    private static UInt128 Drawn()
    {
        Span<byte> bytes = stackalloc byte[16];
        RandomNumberGenerator.Fill(bytes);
        return BinaryPrimitives.ReadUInt128LittleEndian(bytes) & Prime127.Value;
    }
}
