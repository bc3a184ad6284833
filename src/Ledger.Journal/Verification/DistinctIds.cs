using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ledger.Journal.Verification;

/// <summary>
/// The ids of any number of events, to find those that come twice, in memory that does not grow with them: sorted runs
/// go into a file of the temporary folder, which is deleted when this is disposed. It takes 32 bytes an event.
/// </summary>
/// <param name="folder">Where the file lies; null for the temporary folder.</param>
public sealed class DistinctIds(string? folder = null) : IDisposable
{
    // Events: 2 MiB are sorted at once, and as much is read at once from all runs together.
    private const int SortedMax = 1 << 16, ReadMin = 64;
    private readonly Entry[] sorted = new Entry[SortedMax];
    private readonly List<int> runs = []; // how many events each has
    private int count;
    private FileStream? file;

    private readonly record struct Entry(UInt128 Id, long Position) : IComparable<Entry>
    {
        public int CompareTo(Entry other) =>
            Id != other.Id ? Id.CompareTo(other.Id) : Position.CompareTo(other.Position);
    }

    public void Add(EventId id, long position)
    {
        if (count == SortedMax) WriteRun();
        sorted[count++] = new(id.Value, position);
    }

    private void WriteRun()
    {
        Array.Sort(sorted, 0, count);
        file ??= new FileStream(Path.Combine(folder ?? Path.GetTempPath(), Path.GetRandomFileName()),
            FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 0, FileOptions.DeleteOnClose);
        file.Write(MemoryMarshal.AsBytes(sorted.AsSpan(0, count)));
        runs.Add(count);
        count = 0;
    }

    /// <summary>Each event with an id that an earlier one has, with the position of the one before it; asked for once,
    /// when all were added.</summary>
    public IEnumerable<(EventId Id, long Position, long Before)> Repeated()
    {
        Entry? before = null;
        foreach (var next in InOrder())
        {
            if (before is { } last && last.Id == next.Id) yield return (new(next.Id), next.Position, last.Position);
            before = next;
        }
    }

    private IEnumerable<Entry> InOrder()
    {
        if (file is null)
        {
            Array.Sort(sorted, 0, count);
            for (var i = 0; i < count; i++) yield return sorted[i];
            yield break;
        }
        WriteRun();
        var together = Math.Max(ReadMin, SortedMax / runs.Count);
        var (open, start) = (new PriorityQueue<Run, Entry>(), 0L);
        foreach (var length in runs)
        {
            var run = new Run(file, start, length, together);
            if (run.ReadNext()) open.Enqueue(run, run.Now);
            start += length;
        }
        while (open.TryPeek(out var least, out var entry))
        {
            yield return entry;
            if (least.ReadNext()) open.DequeueEnqueue(least, least.Now);
            else open.Dequeue();
        }
    }

    /// <summary>One run as it is read again, some entries at once.</summary>
    private sealed class Run(FileStream file, long start, int length, int together)
    {
        private static readonly int EntryBytes = Unsafe.SizeOf<Entry>();
        private readonly Entry[] entries = new Entry[Math.Min(length, together)];
        private int taken, at, filled;

        public Entry Now { get; private set; }

        public bool ReadNext()
        {
            if (at == filled && !Fill()) return false;
            Now = entries[at++];
            return true;
        }

        private bool Fill()
        {
            (at, filled) = (0, Math.Min(entries.Length, length - taken));
            if (filled == 0) return false;
            file.Position = (start + taken) * EntryBytes;
            file.ReadExactly(MemoryMarshal.AsBytes(entries.AsSpan(0, filled)));
            taken += filled;
            return true;
        }
    }

    public void Dispose() => file?.Dispose();
}
