using System.Buffers.Binary;
using Ledger.Domain;
using Parquet.Meta;

namespace Ledger.Ingest;

/// <summary>
/// What the pages of a Parquet file say of themselves, before a decoder believes it: a page that claims more bytes or
/// values than its column has would have them allocated (Apache Parquet format, parquet.thrift, PageHeader).
/// </summary>
internal static class ParquetPages
{
    private const int FileEndBytes = 8; // the footer's length and the mark
    /// <summary>Pages of one file.</summary>
    private const int PagesMax = 1_000_000;
    /// <summary>Structs inside structs of a head.</summary>
    private const int DepthMax = 16;
    private const int True = 1, False = 2, One = 3, SmallestNumber = 4, LargestNumber = 6, Real = 7, Text = 8, List = 9,
        Set = 10, Struct = 12; // kinds of fields in the compact protocol

    /// <summary>Whether the footer's lists and texts are no longer than the footer.</summary>
    public static Refusal? CheckFooter(ReadOnlySpan<byte> file)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(file[^FileEndBytes..]);
        if (length < 0 || length > file.Length - FileEndBytes) return Bad("its footer is longer than the file");
        var bytes = new CompactBytes(file[^(length + FileEndBytes)..^FileEndBytes], length);
        return Fields(ref bytes, stackalloc long[4], 0, ParquetShapes.Footer) ? null : Bad("its footer");
    }

    /// <summary>Whether every page of the columns that are read lies in the file, and holds no more than its column
    /// says.</summary>
    public static Refusal? Check(ReadOnlySpan<byte> file, FileMetaData metadata, ParquetColumns columns)
    {
        var pages = 0;
        foreach (var group in metadata.RowGroups)
            foreach (var column in group.Columns)
            {
                if (column.MetaData is not { } meta) return Bad("a column without its place");
                if (!columns.Has(meta.PathInSchema)) continue;
                if (Check(file, meta, group.NumRows, ref pages) is { } refused) return refused;
            }
        return null;
    }

    private static Refusal? Check(ReadOnlySpan<byte> file, ColumnMetaData meta, long rows, ref int pages)
    {
        var start = meta.DictionaryPageOffset is > 0 and var dictionary
            ? Math.Min(dictionary, meta.DataPageOffset) : meta.DataPageOffset;
        if (start < 0 || meta.TotalCompressedSize < 0 || start > file.Length
            || meta.TotalCompressedSize > file.Length - start) return Bad("a column that does not lie in the file");
        if (meta.NumValues < 0 || meta.NumValues > rows) return Bad($"{meta.NumValues} values in {rows} rows");
        var bytes = new CompactBytes(file[(int)start..], (int)meta.TotalCompressedSize);
        Span<long> numbers = stackalloc long[4]; // values of any kind; of field 2 and 3 the bytes unpacked and packed
        while (bytes.Left > 0)
        {
            if (++pages > PagesMax) return Refusal.Of(Rejection.TooLarge, $"curve: more than {PagesMax} Parquet pages");
            numbers.Clear();
            if (!Fields(ref bytes, numbers, 0, ParquetShapes.PageHead)) return Bad("the head of a page");
            var (unpacked, packed, values) = (numbers[2], numbers[3], numbers[0]);
            if (unpacked < 0 || unpacked > meta.TotalUncompressedSize || packed < 0 || packed > bytes.Left
                || values < 0 || values > Math.Max(rows, unpacked))
                return Bad($"a page of {values} values in {unpacked} bytes, packed {packed}");
            bytes.Raw((int)packed);
        }
        return null;
    }

    /// <summary>
    /// Reads the fields of a structure by its shape. Of the head of a page the numbers of fields 2 and 3 are noted, and
    /// the first of each structure in it, its values.
    /// </summary>
    private static bool Fields(ref CompactBytes bytes, scoped Span<long> numbers, int depth, string? shape)
    {
        if (depth > DepthMax) return false;
        for (var id = 0; bytes.Byte() is not 0 and var head && !bytes.IsCut;)
        {
            id = head >> 4 is > 0 and var after ? id + after : (int)Math.Clamp(bytes.Signed(), -1, 99);
            var (kind, field) = (head & 0xf, ParquetShapes.Of(shape, id));
            if (!Fits(kind, field)) return false;
            if (kind is >= SmallestNumber and <= LargestNumber)
            {
                var number = bytes.Signed();
                if (depth == 0 && id is 2 or 3) numbers[id] = number;
                else if (depth == 1 && id == 1) numbers[0] = number;
            }
            else if (kind == Struct)
            {
                if (!Fields(ref bytes, numbers, depth + 1, field)) return false;
            }
            else if (kind is not (True or False) && !Value(ref bytes, kind, depth, field)) return false;
        }
        return !bytes.IsCut;
    }

    /// <summary>Whether bytes of a kind can be what a field is; of a field that is not known, any.</summary>
    private static bool Fits(int kind, string? field) => field switch
    {
        null => true,
        "i" => kind is >= SmallestNumber and <= LargestNumber,
        "b" => kind == Text,
        "f" => kind is True or False,
        ['+', ..] => kind == List,
        _ => kind == Struct,
    };

    private static bool Value(ref CompactBytes bytes, int kind, int depth, string? field)
    {
        if (depth > DepthMax) return false;
        switch (kind)
        {
            case True or False or One: bytes.Byte(); break; // a flag of a list is a byte
            case >= SmallestNumber and <= LargestNumber: bytes.Number(); break;
            case Real: bytes.Raw(8); break;
            case Text: bytes.Raw((int)Math.Min(bytes.Number(), int.MaxValue)); break;
            case List or Set: return Elements(ref bytes, depth, field is ['+', ..] ? field[1..] : null);
            case Struct: return Fields(ref bytes, stackalloc long[4], depth + 1, field);
            default: return false; // neither footers nor heads have maps
        }
        return !bytes.IsCut;
    }

    /// <summary>An element takes a byte or more, so no list is longer than what is left.</summary>
    private static bool Elements(ref CompactBytes bytes, int depth, string? element)
    {
        var head = bytes.Byte();
        var (count, kind) = (head >> 4 is < 15 and var few ? (ulong)few : bytes.Number(), head & 0xf);
        if (count > (ulong)bytes.Left || (count > 0 && !Fits(kind, element))) return false;
        for (; count > 0; count--)
            if (!Value(ref bytes, kind, depth + 1, element)) return false;
        return true;
    }

    private static Refusal Bad(string what) =>
        Refusal.Of(Rejection.Malformed, $"curve: the Parquet file can not be decoded: {what}");
}
