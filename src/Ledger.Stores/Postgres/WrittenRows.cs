using System.Buffers;
using System.Text.Json;
using Ledger.Projections;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The JSON of rows on their way into a table, written as UTF-8 and as nothing else: a string of each row would be
/// made, counted and encoded before it is sent. Rows share blocks of memory. For one thread at a time.
/// </summary>
internal sealed class WrittenRows : IDisposable
{
    // Below the size from which the runtime keeps memory apart and collects it seldom.
    private const int BlockBytes = 64 * 1024;
    private const int FreeMin = 4 * 1024; // for the next row; a longer one has its block grow
    private readonly Utf8JsonWriter writer;
    private ArrayBufferWriter<byte> block = new(BlockBytes);

    // What is written was serialised from a row, so its structure need not be checked again.
    public WrittenRows() => writer = new(block, new JsonWriterOptions { SkipValidation = true });

    /// <summary>The JSON of a row; it stays as it is.</summary>
    public ReadOnlyMemory<byte> Write(RowContent row)
    {
        if (block.FreeCapacity < FreeMin) block = new(BlockBytes);
        var before = block.WrittenCount;
        writer.Reset(block);
        row.Write(writer);
        writer.Flush();
        return block.WrittenMemory[before..];
    }

    public void Dispose() => writer.Dispose();
}
