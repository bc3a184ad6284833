using System.Buffers;
using System.Runtime.InteropServices;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Blocks of the log that wait to be integrated, bounded by their bytes and samples: many small ones, so that a moment
/// in which nothing is integrated delays no acknowledgement, or few large ones. They are copied, because the log uses
/// its memory again, into memory that is used again too. One thread adds and one takes.
/// </summary>
internal sealed class BlockQueue(long bytesMax, long samplesMax)
{
    private readonly object gate = new();
    private readonly Queue<FrameBlock> waiting = new();
    private long bytes, samples;
    private bool isClosed;
    private Exception? fault;

    /// <summary>Whether none is left and none will come.</summary>
    public bool IsDone
    {
        get { lock (gate) return isClosed && waiting.Count == 0; }
    }

    /// <summary>Adds a block, and waits while there is no room; throws once nothing is taken any more.</summary>
    public void Add(FrameBlock block)
    {
        var copy = block.CopiedInto(ArrayPool<byte>.Shared.Rent(block.Bytes.Length));
        lock (gate)
        {
            while (bytes > 0 && fault is null
                && (bytes + copy.Bytes.Length > bytesMax || samples + copy.Samples > samplesMax)) Monitor.Wait(gate);
            if (fault is not null) throw new InvalidOperationException("blocks are not integrated any more", fault);
            (bytes, samples) = (bytes + copy.Bytes.Length, samples + copy.Samples);
            waiting.Enqueue(copy);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Takes the next block, for which it waits so long at most; null where none has come.</summary>
    public FrameBlock? Take(TimeSpan patience)
    {
        lock (gate)
        {
            if (waiting.Count == 0 && !isClosed && patience > TimeSpan.Zero) Monitor.Wait(gate, patience);
            return waiting.TryDequeue(out var block) ? block : null;
        }
    }

    /// <summary>A block that was taken is done: its memory is used again, so nobody may look at it any more.</summary>
    public void Done(FrameBlock block)
    {
        if (MemoryMarshal.TryGetArray(block.Bytes, out var memory)) ArrayPool<byte>.Shared.Return(memory.Array!);
        lock (gate)
        {
            (bytes, samples) = (bytes - block.Bytes.Length, samples - block.Samples);
            Monitor.PulseAll(gate);
        }
    }

    /// <summary>Wakes whoever waits for a block, because there is something else to do.</summary>
    public void Wake()
    {
        lock (gate) Monitor.PulseAll(gate);
    }

    /// <summary>No further block will come; with a fault, none is taken any more.</summary>
    public void Close(Exception? cause = null)
    {
        lock (gate)
        {
            isClosed = true;
            fault ??= cause;
            Monitor.PulseAll(gate);
        }
    }
}
