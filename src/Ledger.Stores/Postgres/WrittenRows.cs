using System.Buffers;
using Ledger.Projections;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The JSON of rows on their way into a table, written as UTF-8 and as nothing else: a string of each row would be
/// made, counted and encoded before it is sent. Rows share blocks of memory. For one thread at a time.
/// </summary>
internal sealed class WrittenRows
{
    // Below the size from which the runtime keeps memory apart and collects it seldom.
    private const int BlockBytes = 64 * 1024;
    private readonly TextBuffer text = new(); // of one row
    private ArrayBufferWriter<byte> block = new(BlockBytes);

    /// <summary>The JSON of a row; it stays as it is.</summary>
    public ReadOnlyMemory<byte> Write(RowContent row)
    {
        text.Clear();
        row.Write(text);
        var json = text.Written;
        if (block.FreeCapacity < json.Length) block = new(Math.Max(BlockBytes, json.Length));
        var before = block.WrittenCount;
        block.Write(json);
        return block.WrittenMemory[before..];
    }
}
