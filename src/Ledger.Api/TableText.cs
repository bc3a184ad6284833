using System.Buffers;
using System.Text;
using Ledger.Api.Tables;

namespace Ledger.Api;

/// <summary>A table as text, from the JSON of its rows.</summary>
internal sealed class TableText(IReadOnlyList<TableColumn> columns)
{
    private static readonly SearchValues<byte> Quoting = SearchValues.Create("\",\r\n"u8);
    private readonly RowCells cells = new(columns);

    /// <summary>One row of JSON a line.</summary>
    public static void WriteLine(IBufferWriter<byte> into, ReadOnlySpan<byte> row)
    {
        into.Write(row);
        into.Write("\n"u8);
    }

    /// <summary>RFC 4180: a header first, and CRLF after each row.</summary>
    public void WriteHead(IBufferWriter<byte> into)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (i > 0) into.Write(","u8);
            WriteCell(into, Encoding.UTF8.GetBytes(columns[i].Name));
        }
        into.Write("\r\n"u8);
    }

    public void WriteRow(IBufferWriter<byte> into, ReadOnlySpan<byte> row)
    {
        cells.Read(row);
        for (var i = 0; i < columns.Count; i++)
        {
            if (i > 0) into.Write(","u8);
            WriteCell(into, cells[i]);
        }
        into.Write("\r\n"u8);
    }

    /// <summary>A text that a spreadsheet would take for a formula gets an apostrophe before it, which shows it as
    /// text; a number keeps its sign.</summary>
    private static void WriteCell(IBufferWriter<byte> into, ReadOnlySpan<byte> text)
    {
        var isFormula = TableCell.IsFormula(text);
        if (text.IndexOfAny(Quoting) < 0)
        {
            if (isFormula) into.Write("'"u8);
            into.Write(text);
            return;
        }
        into.Write(isFormula ? "\"'"u8 : "\""u8);
        for (var quote = text.IndexOf((byte)'"'); quote >= 0; quote = text.IndexOf((byte)'"'))
        {
            into.Write(text[..quote]);
            into.Write("\"\""u8);
            text = text[(quote + 1)..];
        }
        into.Write(text);
        into.Write("\""u8);
    }
}
