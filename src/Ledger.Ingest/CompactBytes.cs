namespace Ledger.Ingest;

/// <summary>
/// Reads the variable-length integers of Parquet, and of the Thrift compact protocol in which its heads are written.
/// Past the end everything is zero, and <see cref="IsCut"/>: a caller asks once, after it has read.
/// </summary>
/// <param name="length">How many of the bytes are to be read; what follows them may be looked at.</param>
internal ref struct CompactBytes(ReadOnlySpan<byte> bytes, int length)
{
    private readonly ReadOnlySpan<byte> bytes = bytes;
    private readonly int end = Math.Min(length, bytes.Length);
    private int at;

    public bool IsCut { get; private set; }
    public readonly int Left => end - at;
    public readonly bool IsAtItsEnd => !IsCut && at == end;

    public byte Byte()
    {
        if (at < end) return bytes[at++];
        IsCut = true;
        return 0;
    }

    /// <summary>Seven bits a byte, lowest first.</summary>
    public ulong Number()
    {
        var number = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte();
            number |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80) return number;
        }
        IsCut = true;
        return 0;
    }

    /// <summary>Zigzag: 0, -1, 1, -2, …</summary>
    public long Signed()
    {
        var number = Number();
        return (long)(number >> 1) ^ -(long)(number & 1);
    }

    /// <summary>So many bytes; none where there are fewer.</summary>
    public ReadOnlySpan<byte> Raw(int count) => WithMore(count, 0);

    /// <summary>So many bytes, and some of those that follow, which are still to be read; none where there are fewer.
    /// </summary>
    public ReadOnlySpan<byte> WithMore(int count, int more)
    {
        if (count < 0 || count > Left || bytes.Length - at - count < more)
        {
            IsCut = true;
            return [];
        }
        at += count;
        return bytes.Slice(at - count, count + more);
    }
}

/// <summary>The head of a page, as far as it matters here (parquet.thrift, PageHeader).</summary>
/// <param name="PayloadBytes">Of the page behind its head.</param>
/// <param name="Values">Rows, or entries of a dictionary.</param>
internal readonly record struct PageHead(bool IsDictionary, int PayloadBytes, int Values, int Encoding)
{
    private const int Integer = 5, Text = 8, Struct = 12; // kinds of fields in the compact protocol

    /// <summary>Reads a head of an uncompressed page; null for any other, and where it says more than is known here.
    /// </summary>
    public static PageHead? Read(ref CompactBytes bytes)
    {
        Span<long> numbers = stackalloc long[4]; // kind, bytes unpacked, bytes packed
        Span<long> ofKind = stackalloc long[5]; // values, their encoding, and those of levels
        numbers.Fill(-1);
        ofKind.Fill(-1);
        var (id, kind, kindAt) = (0, 0, 0);
        while (Next(ref bytes, ref id, ref kind))
            if (kind == Integer && id is >= 1 and <= 3) numbers[id] = bytes.Signed();
            else if (kind != Struct || kindAt != 0 || !ReadKind(ref bytes, ofKind)) return null;
            else kindAt = id;
        var (isData, isDictionary) = (numbers[1] == 0 && kindAt == 5 && ofKind[3] >= 0 && ofKind[4] >= 0,
            numbers[1] == 2 && kindAt == 7);
        return !bytes.IsCut && (isData || isDictionary) && numbers[2] == numbers[3]
            && numbers[2] is >= 0 and <= int.MaxValue && ofKind[1] is >= 0 and <= int.MaxValue
            && ofKind[2] is >= 0 and <= byte.MaxValue
            ? new(isDictionary, (int)numbers[2], (int)ofKind[1], (int)ofKind[2]) : null;
    }

    private static bool ReadKind(ref CompactBytes bytes, scoped Span<long> numbers)
    {
        var (id, kind) = (0, 0);
        while (Next(ref bytes, ref id, ref kind))
            if (kind == Integer && id is >= 1 and <= 4) numbers[id] = bytes.Signed();
            else if (kind == Struct && id == 5 && SkipStatistics(ref bytes)) continue;
            else if (kind is not (1 or 2) || id != 3) return false; // a flag: whether a dictionary is sorted
        return !bytes.IsCut;
    }

    private static bool SkipStatistics(ref CompactBytes bytes)
    {
        var (id, kind) = (0, 0);
        while (Next(ref bytes, ref id, ref kind))
            if (id == int.MaxValue) return false; // its number stands behind it, and is not to be taken for its value
            else if (kind is 5 or 6) bytes.Number();
            else if (kind == Text) bytes.Raw((int)Math.Min(bytes.Number(), int.MaxValue));
            else if (kind is not (1 or 2)) return false;
        return !bytes.IsCut;
    }

    /// <summary>The number and the kind of the next field; false at the end of the fields.</summary>
    private static bool Next(ref CompactBytes bytes, ref int id, ref int kind)
    {
        var head = bytes.Byte();
        if (head == 0) return false;
        var after = head >> 4;
        id = after > 0 ? id + after : int.MaxValue; // a number written out is of no field that is known here
        kind = head & 0xf;
        return !bytes.IsCut;
    }
}
