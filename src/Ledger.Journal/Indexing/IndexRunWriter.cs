using Microsoft.Win32.SafeHandles;

namespace Ledger.Journal.Indexing;

/// <summary>Writes the file of a run, under a name that nobody looks for until it is whole and durable.</summary>
public sealed class IndexRunWriter : IDisposable
{
    // Bytes that are made durable at once: of more the journal's own log would have to wait for the disk.
    private const int SyncedTogether = 4 << 20;
    private const int Buffered = 16; // blocks
    private readonly string path, unfinished;
    private readonly RunName name;
    private readonly SafeFileHandle file;
    private readonly byte[] buffer = new byte[Buffered * SortedKeys.BlockBytes];
    private readonly List<UInt128> firsts = [], lasts = [];
    private int blocks, entries; // blocks that are full, entries of the next one
    private long written, synced, ofColumn, positionBefore;
    private UInt128 before;
    private bool isFinished;

    /// <param name="folder">Of all runs, which is there.</param>
    public IndexRunWriter(string folder, RunName name)
    {
        (this.name, path) = (name, Path.Combine(folder, name.ToString()));
        unfinished = DurableFiles.Unfinished(path);
        file = File.OpenHandle(unfinished, FileMode.CreateNew, FileAccess.Write);
    }

    /// <summary>Adds an entry: first of all ids, then of all streams, both in ascending order.</summary>
    public void Add(UInt128 key, long position)
    {
        if (ofColumn > 0 && key <= before)
            throw new JournalRefusedException(
                $"the events at positions {Math.Min(position, positionBefore)} and {Math.Max(position, positionBefore)} "
                + $"have one key in the index: {key:x32}");
        if (entries == 0) firsts.Add(key);
        SortedKeys.Put(Block, entries++, key, position);
        (before, positionBefore) = (key, position);
        var isColumnDone = ++ofColumn == name.Events;
        if (entries == SortedKeys.EntriesMax || isColumnDone) EndBlock();
        if (!isColumnDone) return;
        lasts.Add(key);
        ofColumn = 0;
    }

    private Span<byte> Block => buffer.AsSpan(blocks % Buffered * SortedKeys.BlockBytes, SortedKeys.BlockBytes);

    private void EndBlock()
    {
        SortedKeys.Seal(Block, blocks, entries);
        entries = 0;
        if (++blocks % Buffered == 0) Write(buffer);
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(file, bytes, written);
        written += bytes.Length;
        if (written - synced >= SyncedTogether) Sync();
    }

    private void Sync()
    {
        DurableFiles.Sync(file, unfinished);
        synced = written;
    }

    /// <summary>Returns when the run is durable under its name.</summary>
    /// <param name="lastLeaf">The leaf entry of its last event.</param>
    public void Finish(ReadOnlySpan<byte> lastLeaf)
    {
        Write(buffer.AsSpan(0, blocks % Buffered * SortedKeys.BlockBytes));
        Write(IndexRun.Tail([.. firsts, .. lasts], name, lastLeaf));
        Sync();
        DurableFiles.Settle(unfinished, path);
        isFinished = true;
    }

    /// <summary>What is not finished is gone.</summary>
    public void Dispose()
    {
        file.Dispose();
        if (!isFinished) File.Delete(unfinished);
    }
}
