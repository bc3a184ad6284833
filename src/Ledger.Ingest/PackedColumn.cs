using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ledger.Ingest;

/// <summary>
/// One column of one row group in a Parquet file, uncompressed and without missing values, as
/// <see cref="CurveParquet.WriteAsync"/> packs it: a page of integers in DELTA_BINARY_PACKED, or a dictionary of one
/// text and a page that names it for every row (Apache Parquet format, Encodings.md). Whatever is not exactly so is
/// not read here, and is neither refused: the general reader decides what it means.
/// </summary>
/// <param name="chunk">The column's bytes and at least eight more: what follows in the file.</param>
/// <param name="bytes">How many of them are the column's.</param>
internal readonly ref struct PackedColumn(ReadOnlySpan<byte> chunk, int bytes, int rows)
{
    private const int DeltaBinaryPacked = 5, PlainDictionary = 2, Plain = 0, RleDictionary = 8;
    /// <summary>A value may begin at any bit of a byte, and all of it has to lie in the 64 bits from there.</summary>
    private const int WidthMax = 56;
    private const int PartsMax = 512, BlockValuesMax = 65_536;

    private readonly ReadOnlySpan<byte> chunk = chunk;

    /// <summary>The one text that all rows have; empty where the column does not say so in this form.</summary>
    public ReadOnlySpan<byte> OnlyText()
    {
        var column = new CompactBytes(chunk, bytes);
        if (PageHead.Read(ref column) is not { IsDictionary: true, Values: 1, Encoding: PlainDictionary or Plain } first
            || first.PayloadBytes < sizeof(int)) return [];
        var dictionary = column.Raw(first.PayloadBytes);
        if (dictionary.IsEmpty
            || BinaryPrimitives.ReadInt32LittleEndian(dictionary) != dictionary.Length - sizeof(int)) return [];
        if (PageHead.Read(ref column) is not { IsDictionary: false, Encoding: PlainDictionary or RleDictionary } second
            || second.Values != rows || second.PayloadBytes != column.Left) return [];
        // How many bits an index has, and one run of as many rows as there are, all of index 0.
        var width = column.Byte();
        return width <= 1 && column.Number() == (ulong)rows << 1
            && (width == 0 || column.Byte() == 0) && column.IsAtItsEnd ? dictionary[sizeof(int)..] : [];
    }

    /// <summary>
    /// The first integer, and what each is more than the one before, where that is always the same: then no value has
    /// bits of its own, and the heads of the blocks say all. Null where it is not so, or the form is another one.
    /// </summary>
    public (long First, long Step)? Rule()
    {
        if (rows < 2 || Open(out var column) is not { } packed) return null;
        long? step = null;
        for (var done = 1; done < rows;)
        {
            var least = column.Signed();
            var widths = column.Raw(packed.BlockParts);
            if (column.IsCut || (step ?? least) != least) return null;
            step = least;
            // Widths of parts beyond the last row say nothing.
            var parts = Math.Min(packed.BlockParts, (rows - done + packed.PartValues - 1) / packed.PartValues);
            if (widths[..parts].ContainsAnyExcept((byte)0)) return null;
            done += parts * packed.PartValues;
        }
        return column.IsAtItsEnd && step is { } always ? (packed.First, always) : null;
    }

    /// <summary>
    /// Writes the integers into cells, and says their least and largest. Null where the column does not have them in
    /// this form; then the cells hold anything.
    /// </summary>
    /// <param name="apart">How many cells it is from each integer to the next.</param>
    public (long Least, long Most)? Integers(Span<long> cells, int apart)
    {
        if (Open(out var column) is not { } packed) return null;
        var value = packed.First;
        var range = (Least: value, Most: value);
        cells[0] = value;
        for (var done = 1; done < rows;)
        {
            var least = column.Signed();
            var widths = column.Raw(packed.BlockParts);
            if (column.IsCut) return null;
            for (var part = 0; part < widths.Length && done < rows; part++) // parts beyond the last row are not there
            {
                if (widths[part] > WidthMax) return null;
                var bits = column.WithMore(packed.PartValues / 8 * widths[part], sizeof(ulong));
                if (column.IsCut) return null;
                var taken = Math.Min(packed.PartValues, rows - done);
                value = Unpack(bits, widths[part], least, value, cells.Slice(apart * done, (apart * (taken - 1)) + 1),
                    apart, ref range);
                done += taken;
            }
        }
        return column.IsAtItsEnd ? range : null;
    }

    /// <summary>How the values of a page are grouped, and the first of them; the column then stands at its first block.
    /// </summary>
    private (int BlockParts, int PartValues, long First)? Open(out CompactBytes column)
    {
        column = new(chunk, bytes);
        if (!BitConverter.IsLittleEndian // as the encoding is, whose words are read as they stand
            || PageHead.Read(ref column) is not { IsDictionary: false, Encoding: DeltaBinaryPacked } head
            || head.Values != rows || head.PayloadBytes != column.Left) return null;
        var (blockValues, blockParts, count) = (column.Number(), column.Number(), column.Number());
        if (blockParts is 0 or > PartsMax || blockValues is 0 or > BlockValuesMax
            || blockValues % (32 * blockParts) != 0 || count != (ulong)rows) return null;
        return ((int)blockParts, (int)(blockValues / blockParts), column.Signed());
    }

    /// <summary>Each value is the one before, the block's least difference, and what is packed of its own;
    /// it wraps, as the encoding does.</summary>
    /// <param name="packed">As many bits as there are values of this width, and a word more.</param>
    private static long Unpack(ReadOnlySpan<byte> packed, int width, long least, long value, Span<long> cells,
        int apart, ref (long Least, long Most) range)
    {
        var (lowest, highest) = range;
        unchecked
        {
            if (width == 0) // as are the times of a clock
                for (var i = 0; i < cells.Length; i += apart)
                {
                    cells[i] = value += least;
                    lowest = Math.Min(lowest, value);
                    highest = Math.Max(highest, value);
                }
            else
            {
                var mask = (1UL << width) - 1;
                ref var first = ref MemoryMarshal.GetReference(packed);
                for (int i = 0, bit = 0; i < cells.Length; i += apart, bit += width)
                {
                    // It lies in the bytes or the word behind them, because there are not more cells than values.
                    var word = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref first, bit >> 3));
                    cells[i] = value += least + (long)((word >> (bit & 7)) & mask);
                    lowest = Math.Min(lowest, value);
                    highest = Math.Max(highest, value);
                }
            }
        }
        range = (lowest, highest);
        return value;
    }
}
