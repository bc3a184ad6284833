using System.Buffers.Binary;
using System.Security.Cryptography;
using Ledger.Journal.Indexing;

namespace Ledger.Journal.Verification;

/// <summary>
/// Compares the index of a journal with its events, as these are read: each run has an entry for each of its events,
/// both by id and by stream, and no other. A wrong entry would show another event as one of a stream or as recorded, a
/// missing one would hide it, and so would one that stands out of its order, by which readers look for it. No event is
/// looked up: of both sides the entries are summed up in whatever order they come, each as a number that depends on a
/// secret of this verification. An index that is missing is made anew by the
/// journal's owner, and no fault.
/// </summary>
internal sealed class IndexVerification : IDisposable
{
    private const string Remedy = $"the journal's events: delete the folder {IndexRuns.FolderName}, which is then made anew";
    private readonly Findings findings;
    private readonly IndexRuns runs;
    private readonly EntrySum[] sums; // of the events of each run
    private readonly EntryNumber number = new();
    private int at; // the run of the event that comes next

    /// <summary>Opens the index as it is now; what is read of the journal after this has all that is in it.</summary>
    /// <param name="directory">The data folder.</param>
    public IndexVerification(string directory, Findings findings)
    {
        this.findings = findings;
        runs = new(IndexRuns.Load(Path.Combine(directory, IndexRuns.FolderName), Fault));
        sums = new EntrySum[runs.All.Count];
    }

    /// <summary>Takes the next event.</summary>
    public void Add(long position, EventId id, long stream, long revision, ReadOnlySpan<byte> leaf)
    {
        while (at < sums.Length && position >= runs.All[at].Name.To) at++;
        if (at == sums.Length) return;
        ref var sum = ref sums[at];
        sum.Add(number.Of(id.Value, position), number.Of(IndexRun.StreamKey(stream, revision), position));
        sum.IsOfLast = position == runs.All[at].Name.To - 1 && leaf.SequenceEqual(runs.All[at].LastLeaf);
    }

    /// <summary>Adds a fault for each run that has other entries than the events that were taken.</summary>
    public void Verify(CancellationToken ct)
    {
        var (ids, streams) = (new KeyCursor(), new KeyCursor());
        for (var i = 0; i < sums.Length; i++)
        {
            var run = runs.All[i];
            try
            {
                var (found, isInOrder) = (new EntrySum { IsOfLast = true }, true);
                var (isId, isStream) = (ids.Seek(run.Ids, 0), streams.Seek(run.Streams, 0));
                (UInt128 Id, UInt128 Stream) before = default;
                for (var first = true; isId && isStream; isId = ids.MoveNext(), isStream = streams.MoveNext())
                {
                    found.Add(number.Of(ids.Key, ids.Position), number.Of(streams.Key, streams.Position));
                    isInOrder &= first || (ids.Key > before.Id && streams.Key > before.Stream);
                    (before, first) = ((ids.Key, streams.Key), false);
                }
                if (found != sums[i]) Fault($"{run.Name}", "other entries");
                else if (!isInOrder || before != (run.Ids.Last, run.Streams.Last))
                    Fault($"{run.Name}", "entries that are not in their order");
            }
            catch (JournalRefusedException damaged)
            {
                Fault($"{run.Name}", damaged.Message);
            }
            ct.ThrowIfCancellationRequested();
        }
    }

    private void Fault(string file, string found) => findings.Add($"{IndexRuns.FolderName}/{file}", found, Remedy);

    public void Dispose() => runs.Dispose();

    /// <summary>All entries of some events, whatever their order.</summary>
    private record struct EntrySum
    {
        private UInt128 ids, streams;
        private long count;

        /// <summary>Whether the last one added is the last of the run.</summary>
        public bool IsOfLast { get; set; }

        public void Add(UInt128 id, UInt128 stream)
        {
            unchecked
            {
                ids += id;
                streams += stream;
            }
            count++;
        }
    }

    /// <summary>A number of 128 bits for an entry; who does not know the secret can find no other entries for one.
    /// </summary>
    private sealed class EntryNumber
    {
        private readonly ulong[] secret = [.. Enumerable.Range(0, 6)
            .Select(_ => BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong))))];

        public UInt128 Of(UInt128 key, long position)
        {
            var (high, low, at) = ((ulong)(key >> 64), (ulong)(key & ulong.MaxValue), (ulong)position);
            var first = Folded(high ^ secret[0], low ^ secret[1]);
            var second = Folded(high ^ secret[2], at ^ secret[3]);
            return new(Folded(first ^ at, second ^ secret[4]), Folded(second ^ low, first ^ secret[5]));
        }

        private static ulong Folded(ulong one, ulong other) => Math.BigMul(one, other, out var low) ^ low;
    }
}
