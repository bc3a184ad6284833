using System.Buffers.Binary;
using System.Text;
using Parquet.Meta;
using Encoding = Parquet.Meta.Encoding;
using Type = Parquet.Meta.Type;

namespace Ledger.Tests;

/// <summary>
/// Parquet files written field by field (parquet.thrift, compact protocol), for what other programs write and
/// Parquet.Net does not: one row group, one page a column, nothing compressed.
/// </summary>
internal static class ParquetBytes
{
    /// <summary>A column of as many values as there are rows; of lists twice as many, without levels, since nobody
    /// reads them.</summary>
    /// <param name="Meaning">The field of LogicalType and its content; null: none.</param>
    public sealed record Column(
        string Name, Type Type, byte[] Values, (int Field, byte[] Content)? Meaning = null,
        ConvertedType? Older = null, (int Precision, int Scale)? Number = null, int Length = 0,
        Encoding Encoding = Encoding.PLAIN, bool IsList = false);

    public static byte[] Of(int rows, params Column[] columns)
    {
        var file = new List<byte>("PAR1"u8.ToArray());
        var chunks = new List<byte[]>();
        foreach (var column in columns)
        {
            var values = column.IsList ? 2 * rows : rows;
            var start = file.Count;
            var data = new Struct().Integer(1, values).Integer(2, (int)column.Encoding).Integer(3, 3).Integer(4, 3);
            file.AddRange(new Struct().Integer(1, 0).Integer(2, column.Values.Length).Integer(3, column.Values.Length)
                .Inside(5, data.End()).End());
            file.AddRange(column.Values);
            string[] path = column.IsList ? [column.Name, "list", "element"] : [column.Name];
            var meta = new Struct().Integer(1, (int)column.Type).List(2, 5, [ZigZag((int)column.Encoding)])
                .List(3, 8, [.. path.Select(Text)]).Integer(4, 0).Long(5, values).Long(6, file.Count - start)
                .Long(7, file.Count - start).Long(9, start);
            chunks.Add(new Struct().Long(2, start).Inside(3, meta.End()).End());
        }
        byte[][] schema = [new Struct().Text(4, "schema").Integer(5, columns.Length).End(), .. columns.SelectMany(Elements)];
        var group = new Struct().List(1, 12, [.. chunks]).Long(2, file.Count).Long(3, rows);
        var footer = new Struct().Integer(1, 1).List(2, 12, schema).Long(3, rows).List(4, 12, [group.End()]).End();
        file.AddRange(footer);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.Length);
        return [.. file, .. length, .. "PAR1"u8];
    }

    private static IEnumerable<byte[]> Elements(Column column)
    {
        if (column.IsList)
        {
            yield return new Struct().Integer(3, 1).Text(4, column.Name).Integer(5, 1).Integer(6, 3).End();
            yield return new Struct().Integer(3, 2).Text(4, "list").Integer(5, 1).End();
        }
        var element = new Struct().Integer(1, (int)column.Type);
        if (column.Length > 0) element.Integer(2, column.Length);
        element.Integer(3, 0).Text(4, column.IsList ? "element" : column.Name);
        if (column.Older is { } older) element.Integer(6, (int)older);
        if (column.Number is { } number) element.Integer(7, number.Scale).Integer(8, number.Precision);
        if (column.Meaning is { } meaning)
            element.Inside(10, new Struct().Inside(meaning.Field, meaning.Content).End());
        yield return element.End();
    }

    /// <summary>LogicalType TIMESTAMP; units 1 to 3 are MILLIS, MICROS and NANOS.</summary>
    public static (int, byte[]) Timestamp(bool isUtc, int unit) =>
        (8, new Struct().Flag(1, isUtc).Inside(2, new Struct().Inside(unit, [0]).End()).End());

    public static byte[] Texts(params string[] texts) =>
        [.. texts.SelectMany(text => (byte[])[.. BitConverter.GetBytes(text.Length), .. Utf8.GetBytes(text)])];

    public static byte[] Longs(params long[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];

    public static byte[] Integers(params int[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];

    public static byte[] Doubles(params double[] numbers) => [.. numbers.SelectMany(BitConverter.GetBytes)];

    /// <summary>DELTA_BINARY_PACKED of at most 129 numbers that are one step apart: one block of four, without bits.
    /// </summary>
    public static byte[] Steps(long first, long step, int count) =>
        [.. Number(128), .. Number(4), .. Number((ulong)count), .. ZigZag(first), .. ZigZag(step), 0, 0, 0, 0];

    private static UTF8Encoding Utf8 { get; } = new();

    private static byte[] Text(string text) => [.. Number((ulong)text.Length), .. Utf8.GetBytes(text)];

    private static byte[] ZigZag(long number) => Number((ulong)((number << 1) ^ (number >> 63)));

    private static byte[] Number(ulong number)
    {
        var bytes = new List<byte>();
        for (; number > 127; number >>= 7) bytes.Add((byte)((number & 127) | 128));
        return [.. bytes, (byte)number];
    }

    /// <summary>A structure, whose fields come in the order of their numbers.</summary>
    private sealed class Struct
    {
        private readonly List<byte> bytes = [];
        private int last;

        public Struct Integer(int field, int value) => Field(field, 5, ZigZag(value));

        public Struct Long(int field, long value) => Field(field, 6, ZigZag(value));

        public Struct Text(int field, string value) => Field(field, 8, ParquetBytes.Text(value));

        public Struct Flag(int field, bool value) => Field(field, value ? 1 : 2, []);

        public Struct Inside(int field, byte[] content) => Field(field, 12, content);

        public Struct List(int field, int kind, byte[][] elements) => Field(field, 9,
            [(byte)((elements.Length << 4) | kind), .. elements.SelectMany(element => element)]);

        public byte[] End() => [.. bytes, 0];

        private Struct Field(int field, int kind, byte[] value)
        {
            bytes.Add((byte)(((field - last) << 4) | kind));
            bytes.AddRange(value);
            last = field;
            return this;
        }
    }
}
