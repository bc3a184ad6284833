using System.Runtime.Intrinsics;
using System.Security.Cryptography;

namespace Ledger.Projections;

/// <summary>
/// A digest of changes of rows that does not depend on their order: rows are folded in the order of positions and
/// stored in the order of keys, and nobody who compares both has to keep either.
/// <para>
/// A change (key, position, row or none) is a polynomial in numbers that are drawn anew for each comparison: its bytes,
/// in words of 16, are the coefficients, and no two changes have the same one. The digest is the product, over all
/// changes, of one more drawn number plus their polynomials' values, in the field of 2^128 elements. The products of
/// different collections of changes are different polynomials, because polynomials have one factorization; and two of
/// these agree where the numbers were drawn with a probability of at most their degree by 2^128 (Schwartz and Zippel),
/// which is 2^-97 for a hundred million changes of three kilobytes. Nothing else is relied on: no strength of a hash
/// that somebody may break, and not that rows were not made to collide, as long as they are there before the numbers
/// are drawn.
/// </para>
/// </summary>
/// <param name="point">The same for digests that are compared, drawn after what they are of is there.</param>
internal sealed class ChangeDigest(DigestPoint point)
{
    private readonly TextBuffer key = new(), row = new(); // are written anew for each change
    private Vector128<ulong> product = Field128.One;

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
        product = Field128.Multiply(product, point.FactorOf(key, position, json, isEnd));
        Changes++;
    }

    public bool IsSame(ChangeDigest other) => product == other.product;
}

/// <summary>Where the polynomials of changes are evaluated: numbers that nobody knows beforehand.</summary>
internal sealed class DigestPoint
{
    private const int WordBytes = 16, PairBytes = 2 * WordBytes, BlockWords = 16, BlockBytes = BlockWords * WordBytes;
    private readonly Vector128<ulong> number = Drawn(), step = Drawn();
    private readonly Vector128<ulong>[] ofWords = [.. Enumerable.Range(0, BlockWords).Select(_ => Drawn())];

    /// <summary>
    /// The number plus the polynomial of a change. Its first word says position and lengths, so that it is known which
    /// word of key and row each other one is.
    /// </summary>
    public Vector128<ulong> FactorOf(ReadOnlySpan<byte> key, long position, ReadOnlySpan<byte> json, bool isEnd)
    {
        var lengths = ((ulong)key.Length << 32) | (isEnd ? 0 : (uint)json.Length + 1);
        return number ^ Take(json, Take(key, Vector128.Create((ulong)position, lengths)));
    }

    private Vector128<ulong> Take(ReadOnlySpan<byte> text, Vector128<ulong> value)
    {
        for (; text.Length > BlockBytes; text = text[BlockBytes..]) value = TakeBlock(text[..BlockBytes], value);
        return text.IsEmpty ? value : TakeBlock(text, value);
    }

    /// <summary>
    /// What was before times the step, and the words of a block two by two, each plus a number of its own, one times
    /// the other: half as many products as there are words, and yet each word is the coefficient of the other's number.
    /// </summary>
    private Vector128<ulong> TakeBlock(ReadOnlySpan<byte> text, Vector128<ulong> value)
    {
        var sum = default(Field128.Sum);
        sum.Add(value, step);
        var numbers = ofWords.AsSpan();
        for (; text.Length >= PairBytes; text = text[PairBytes..], numbers = numbers[2..])
            sum.Add(Word(text) ^ numbers[0], Word(text[WordBytes..]) ^ numbers[1]);
        if (text.IsEmpty) return sum.Reduced();
        Span<byte> last = stackalloc byte[PairBytes];
        last.Clear();
        text.CopyTo(last);
        sum.Add(Word(last) ^ numbers[0], Word(last[WordBytes..]) ^ numbers[1]);
        return sum.Reduced();
    }

    private static Vector128<ulong> Word(ReadOnlySpan<byte> text) => Vector128.Create(text).AsUInt64();

    private static Vector128<ulong> Drawn()
    {
        Span<byte> bytes = stackalloc byte[WordBytes];
        RandomNumberGenerator.Fill(bytes);
        return Word(bytes);
    }
}
