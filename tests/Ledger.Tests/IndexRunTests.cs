using CsCheck;
using Ledger.Journal;
using Ledger.Journal.Indexing;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The files of the journal's index: whatever was put into them, in whatever order and merged or not, is found
/// as in a dictionary, and no byte of them can change unseen.</summary>
public sealed class IndexRunTests : IDisposable
{
    private readonly TestFolder folder = new();

    public IndexRunTests() => Directory.CreateDirectory(folder.Path);

    public void Dispose() => folder.Dispose();

    private readonly record struct Keyed(UInt128 Id, long Stream, long Revision);

    private static byte[] LeafOf(long position) => [.. Enumerable.Repeat((byte)(position % 251), MerkleTree.HashBytes)];

    private static RunName Write(string folder, long from, IReadOnlyList<Keyed> events)
    {
        var name = new RunName(from, from + events.Count);
        using var writer = new IndexRunWriter(folder, name);
        foreach (var keys in (IEnumerable<UInt128>[])[events.Select(one => one.Id), events.Select(StreamKey)])
            foreach (var (key, i) in keys.Select((key, i) => (key, i)).OrderBy(one => one.key))
                writer.Add(key, from + i);
        writer.Finish(LeafOf(name.To - 1));
        return name;
    }

    private static UInt128 StreamKey(Keyed one) => IndexRun.StreamKey(one.Stream, one.Revision);

    /// <summary>Events of which no id comes twice, each the next of a stream.</summary>
    private static List<Keyed> Events(IReadOnlyList<(int Id, int Stream)> drawn)
    {
        var revisions = new Dictionary<int, long>();
        return [.. drawn.DistinctBy(one => one.Id).Select(one =>
        {
            revisions[one.Stream] = revisions.GetValueOrDefault(one.Stream, -1) + 1;
            // Few of the bits differ, at both ends.
            var id = ((UInt128)(one.Id / 64) << 124) + (UInt128)(one.Id % 64);
            return new Keyed(id, one.Stream, revisions[one.Stream]);
        })];
    }

    private static List<(UInt128 Key, long Position)> Read(SortedKeys keys)
    {
        var (read, cursor) = (new List<(UInt128, long)>(), new KeyCursor());
        for (var isThere = cursor.Seek(keys, 0); isThere; isThere = cursor.MoveNext())
            read.Add((cursor.Key, cursor.Position));
        return read;
    }

    [Fact]
    public void Whatever_is_in_runs_and_merged_is_found_as_in_a_dictionary() => Gen.Select(
        Gen.Select(Gen.Int[0, 1023], Gen.Int[0, 5]).Array[1, 600], Gen.Int[1, 400].Array[1, 8], Gen.Int[0, 7],
        Gen.Int[1, 7]).Sample((drawn, sizes, firstMerged, merged) =>
    {
        using var own = new TestFolder();
        Directory.CreateDirectory(own.Path);
        var events = Events(drawn);
        var from = 0;
        for (var i = 0; from < events.Count; i++)
        {
            var size = Math.Min(sizes[i % sizes.Length], events.Count - from);
            Write(own.Path, from, events.GetRange(from, size));
            from += size;
        }
        using var apart = IndexRuns.Open(own.Path, LeafOf);
        ShouldAnswer(apart, events);
        var (first, count) = (firstMerged % apart.All.Count, merged);
        count = Math.Min(count, apart.All.Count - first);
        using (var merge = new RunMerge(own.Path, [.. apart.All.Skip(first).Take(count)]))
            while (merge.GoOn()) { }
        using var together = IndexRuns.Open(own.Path, LeafOf);
        together.All.Count.ShouldBe(apart.All.Count - count + 1);
        ShouldAnswer(together, events);
        ShouldAnswer(apart, events);
    }, iter: LongRun.Samples / 100);

    private static void ShouldAnswer(IndexRuns runs, List<Keyed> events)
    {
        runs.Length.ShouldBe(events.Count);
        var cursor = new KeyCursor();
        foreach (var run in runs.All)
        {
            var own = Enumerable.Range((int)run.Name.From, (int)run.Name.Events)
                .Select(at => (events[at], (long)at)).ToList();
            foreach (var (keys, expected) in ((SortedKeys, List<(UInt128 Key, long Position)>)[])[
                (run.Ids, [.. own.Select(one => (one.Item1.Id, one.Item2)).OrderBy(one => one.Id)]),
                (run.Streams, [.. own.Select(one => (StreamKey(one.Item1), one.Item2)).OrderBy(one => one.Item1)])])
            {
                Read(keys).ShouldBe(expected);
                (keys.First, keys.Last).ShouldBe((expected[0].Key, expected[^1].Key));
                foreach (var asked in expected.SelectMany(one => (UInt128[])[one.Key, one.Key + 1, one.Key + 40])
                    .Prepend((UInt128)0))
                {
                    var from = expected.FindIndex(one => one.Key >= asked);
                    cursor.Seek(keys, asked).ShouldBe(from >= 0);
                    if (from >= 0) (cursor.Key, cursor.Position).ShouldBe(expected[from]);
                    var before = expected.FindLastIndex(one => one.Key < asked);
                    cursor.SeekBefore(keys, asked).ShouldBe(before >= 0);
                    if (before >= 0) (cursor.Key, cursor.Position).ShouldBe(expected[before]);
                }
            }
        }
        var streams = events.Select(one => one.Stream).Distinct().Order().ToList();
        var known = new Dictionary<long, long> { [streams[0]] = 77 };
        runs.AddLastRevisions([.. streams, 6, 7], known);
        known.OrderBy(one => one.Key).ShouldBe(streams.Select(stream => KeyValuePair.Create(stream,
            stream == streams[0] ? 77 : events.Last(one => one.Stream == stream).Revision)));
    }

    [Fact]
    public void An_event_that_has_the_key_of_another_is_in_no_run()
    {
        using (var writer = new IndexRunWriter(folder.Path, new(10, 12)))
        {
            writer.Add(5, 10);
            Should.Throw<JournalRefusedException>(() => writer.Add(5, 11)).Message.ShouldBe(
                "the events at positions 10 and 11 have one key in the index: 00000000000000000000000000000005");
        }
        Directory.GetFiles(folder.Path).ShouldBeEmpty();
        Write(folder.Path, 0, [new(1, 0, 0), new(2, 0, 1)]);
        Write(folder.Path, 2, [new(3, 0, 2), new(2, 0, 3)]);
        using var runs = IndexRuns.Open(folder.Path, LeafOf);
        using (var merge = new RunMerge(folder.Path, runs.All))
            Should.Throw<JournalRefusedException>(() => { while (merge.GoOn()) { } }).Message.ShouldBe(
                "the events at positions 1 and 3 have one key in the index: 00000000000000000000000000000002");
        Directory.GetFiles(folder.Path).Length.ShouldBe(2); // of what was not finished nothing is left
    }

    /// <summary>Of two columns of two blocks, one of them full.</summary>
    private RunName WriteSmall() => Write(folder.Path, 0,
        [.. Enumerable.Range(0, SortedKeys.EntriesMax + 30)
            .Select(i => new Keyed((UInt128)(i * 7919 % 1000), i % 3, i / 3))]);

    [Fact]
    public void No_byte_of_a_run_can_change_unseen()
    {
        var name = WriteSmall();
        var path = Path.Combine(folder.Path, name.ToString());
        var bytes = File.ReadAllBytes(path);
        var (refused, notOpened) = (0, 0);
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (var at = 0; at < bytes.Length; at++)
        {
            RandomAccess.Write(file, [(byte)(bytes[at] ^ (1 << (at % 8)))], at);
            try
            {
                using var run = IndexRun.Open(folder.Path, name);
                Should.Throw<JournalRefusedException>(() => (Read(run.Ids), Read(run.Streams)), $"byte {at}")
                    .Message.ShouldBe($"block {at / SortedKeys.BlockBytes} of index/{name} is damaged: delete the folder "
                        + "index, which the journal's next owner makes anew from journal.db");
                refused++;
            }
            catch (InvalidDataException)
            {
                notOpened++;
            }
            RandomAccess.Write(file, [bytes[at]], at);
        }
        (refused, notOpened).ShouldBe((4 * SortedKeys.BlockBytes, bytes.Length - (4 * SortedKeys.BlockBytes)));
    }

    [Fact]
    public void A_run_that_is_cut_or_longer_or_has_another_name_is_not_opened()
    {
        var name = WriteSmall();
        var path = Path.Combine(folder.Path, name.ToString());
        var bytes = File.ReadAllBytes(path);
        for (var length = 0; length < bytes.Length; length += 97)
        {
            File.WriteAllBytes(path, bytes[..length]);
            Should.Throw<InvalidDataException>(() => IndexRun.Open(folder.Path, name)).Message
                .ShouldBe($"it has {length} bytes, not {bytes.Length}");
        }
        File.WriteAllBytes(path, [.. bytes, 0]);
        Should.Throw<InvalidDataException>(() => IndexRun.Open(folder.Path, name));
        var other = new RunName(1, name.To + 1);
        File.WriteAllBytes(Path.Combine(folder.Path, other.ToString()), bytes);
        Should.Throw<InvalidDataException>(() => IndexRun.Open(folder.Path, other)).Message
            .ShouldBe("its end is not that of its name");
    }

    [Fact]
    public void A_block_that_stands_in_the_place_of_another_is_damaged()
    {
        var name = WriteSmall();
        var path = Path.Combine(folder.Path, name.ToString());
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(0, SortedKeys.BlockBytes).CopyTo(bytes.AsSpan(2 * SortedKeys.BlockBytes));
        File.WriteAllBytes(path, bytes);
        using var run = IndexRun.Open(folder.Path, name);
        Read(run.Ids).Count.ShouldBe((int)name.Events);
        Should.Throw<JournalRefusedException>(() => Read(run.Streams)).Message.ShouldStartWith("block 2 of index/");
    }

    [Theory]
    [InlineData("0000000000000000000-0000000000000000200", 0L, 200L)]
    [InlineData("0000000000000000200-0000000000000000201", 200L, 201L)]
    [InlineData("0000000000000000200-0000000000000000200", null, null)]
    [InlineData("000000000000000000-00000000000000000201", null, null)]
    [InlineData("0000000000000000000-0000000000000000200.12.3", null, null)]
    [InlineData("-000000000000000001-0000000000000000200", null, null)]
    [InlineData("9999999999999999999-9999999999999999999", null, null)]
    [InlineData("another", null, null)]
    public void A_run_is_named_by_its_positions(string name, long? from, long? to)
    {
        RunName.Parse(name).ShouldBe(from is { } first ? new RunName(first, to!.Value) : null);
        if (RunName.Parse(name) is { } parsed) parsed.ToString().ShouldBe(name);
    }

    /// <summary>The bytes of a run, as docs/journal-format.md says.</summary>
    [Fact]
    public void The_bytes_of_a_run_are_the_accepted_ones()
    {
        var name = Write(folder.Path, 7,
            [new(new UInt128(0x0102030405060708, 0x090a0b0c0d0e0f10), 1, 2), new(3, 0, 9)]);
        Snapshot.Match(File.ReadAllBytes(Path.Combine(folder.Path, name.ToString())), "IndexRun.bytes");
    }

    private IReadOnlyList<RunName> Chain(out List<string> told)
    {
        var faults = new List<string>();
        var runs = IndexRuns.Load(folder.Path, (name, why) => faults.Add($"{name}: {why}"));
        foreach (var run in runs) run.Dispose();
        told = faults;
        return [.. runs.Select(run => run.Name)];
    }

    [Fact]
    public void Of_what_lies_in_the_folder_the_longest_runs_are_taken_as_far_as_they_follow_each_other()
    {
        var all = Enumerable.Range(0, 12).Select(i => new Keyed((UInt128)i, 0, i)).ToList();
        foreach (var (from, to) in ((int, int)[])[(0, 2), (2, 4), (0, 4), (4, 6), (8, 10), (10, 12)])
            Write(folder.Path, from, all[from..to]);
        File.WriteAllText(Path.Combine(folder.Path, "0000000000000000006-0000000000000000008.1.2"), "unfinished");
        Chain(out var told).ShouldBe([new(0, 4), new(4, 6)]);
        told.ShouldBe([$"{new RunName(8, 10)}: the runs before it end at position 6"]);
        Write(folder.Path, 6, all[6..8]);
        Chain(out told).ShouldBe([new(0, 4), new(4, 6), new(6, 8), new(8, 10), new(10, 12)]);
        told.ShouldBeEmpty();
        File.WriteAllText(Path.Combine(folder.Path, $"{new RunName(4, 6)}"), "damaged");
        Chain(out told).ShouldBe([new(0, 4)]);
        told.ShouldHaveSingleItem().ShouldStartWith($"{new RunName(4, 6)}: it has 7 bytes, not ");
        using var others = IndexRuns.Open(folder.Path, _ => LeafOf(99)); // another journal
        (others.Length, others.All.Count).ShouldBe((0L, 0));
        IndexRuns.Load(Path.Combine(folder.Path, "none"), (_, _) => throw new InvalidOperationException()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("2 2 2", 3, "0 1 2")]
    [InlineData("2 2", 3, null)]
    [InlineData("4 2 2 2 2", 3, "1 2 3")]
    [InlineData("4 4 4 2 2 2", 3, "0 1 2")]
    [InlineData("4 4 2 4 2 2", 2, "0 1")]
    [InlineData("4 2 4 2", 2, null)]
    [InlineData("", 2, null)]
    public void The_first_neighbours_of_one_length_are_merged(string lengths, int count, string? expected)
    {
        var from = 0L;
        foreach (var length in lengths.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse))
        {
            Write(folder.Path, from,
                [.. Enumerable.Range(0, length).Select(i => new Keyed((UInt128)(from + i), 0, from + i))]);
            from += length;
        }
        using var runs = IndexRuns.Open(folder.Path, LeafOf);
        var neighbours = runs.Neighbours(count);
        (neighbours is null ? null : string.Join(' ', neighbours.Select(run => runs.All.ToList().IndexOf(run))))
            .ShouldBe(expected);
    }
}
