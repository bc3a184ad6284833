using Ledger.Journal;
using Ledger.Journal.Indexing;
using Shouldly;
using static Ledger.Tests.JournalIndexTests;

namespace Ledger.Tests;

/// <summary>Whatever becomes of the index of a journal, it is made anew from the events, or refused with the place: a
/// fact that is there is never taken for a new one.</summary>
public sealed class IndexDamageTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Ten events of two streams, of which the first eight are in one run.</summary>
    private static async Task<SqliteJournalOptions> FillAsync(TestFolder folder, int events = 10, int together = 8)
    {
        var options = folder.Options with { IndexedTogether = together };
        await using var journal = SqliteJournal.Open(options);
        for (var i = 0; i < events; i++) await Append(journal, $"s/{i % 2}", i, 1);
        await Append(journal, "s/0", 0, 1); // a batch more: what is durable is indexed when the next one is written
        return options;
    }

    private static readonly RunName First = new(0, 8);

    private const string Remedy = "expected the journal's events: delete the folder index, which is then made anew";

    private static void ShouldAcceptTheRemedy(TestFolder folder)
    {
        Directory.Delete(Index(folder), recursive: true);
        ShouldBeSound(folder);
    }

    [Fact]
    public async Task A_damaged_block_is_named_stops_who_needs_it_and_is_made_anew()
    {
        using var folder = new TestFolder();
        var options = await FillAsync(folder, events: 9);
        foreach (var at in (int[])[100, SortedKeys.BlockBytes + 100])
        {
            var bytes = await File.ReadAllBytesAsync(PathOf(folder, First), Ct);
            bytes[at] ^= 4;
            await File.WriteAllBytesAsync(PathOf(folder, First), bytes, Ct);
            var refused = $"block {at / SortedKeys.BlockBytes} of index/{First} is damaged: delete the folder index, which "
                + "the journal's next owner makes anew from journal.db";
            Faults(folder).ShouldBe([$"index/{First}: {refused}, {Remedy}"]);
            await using (var reader = SqliteJournalReader.Open(options))
                if (at > SortedKeys.BlockBytes)
                    (await Should.ThrowAsync<JournalRefusedException>(() => ShouldReadEachStreamAsync(reader))).Message
                        .ShouldBe(refused);
                else await ShouldReadEachStreamAsync(reader);
            if (at < SortedKeys.BlockBytes)
                await using (var journal = SqliteJournal.Open(options)) // a fact that is there is not recorded again
                {
                    (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, "s/0", 4, 1)))
                        .Message.ShouldBe($"the journal has stopped: {refused}");
                    journal.Length.ShouldBe(9);
                }
            else Should.Throw<JournalRefusedException>(() => SqliteJournal.Open(options)).Message
                .ShouldBe(refused); // it asks for the last event of s/1
            ShouldAcceptTheRemedy(folder);
            await using (var journal = SqliteJournal.Open(options))
                (await Append(journal, "s/0", 4, 1)).ShouldBe(new AppendResult.AlreadyRecorded(4));
            ShouldBeSound(folder);
            Runs(folder).ShouldBe([First]);
        }
    }

    /// <summary>With all its checksums, as only a program could write it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_wrong_entry_is_found(bool isOfStream)
    {
        using var folder = new TestFolder();
        await FillAsync(folder);
        var (entries, leaf) = (new List<(UInt128 Key, long Position)>[2], Array.Empty<byte>());
        using (var run = IndexRun.Open(Index(folder), First))
        {
            leaf = run.LastLeaf;
            for (var column = 0; column < 2; column++)
            {
                entries[column] = [];
                var (keys, cursor) = (column == 0 ? run.Ids : run.Streams, new KeyCursor());
                for (var isThere = cursor.Seek(keys, 0); isThere; isThere = cursor.MoveNext())
                    entries[column].Add((cursor.Key, cursor.Position));
            }
        }
        var wrong = entries[isOfStream ? 1 : 0];
        (wrong[2], wrong[3]) = ((wrong[2].Key, wrong[3].Position), (wrong[3].Key, wrong[2].Position));
        File.Delete(PathOf(folder, First));
        using (var writer = new IndexRunWriter(Index(folder), First))
        {
            foreach (var (key, position) in entries.SelectMany(column => column)) writer.Add(key, position);
            writer.Finish(leaf);
        }
        Faults(folder).ShouldBe([$"index/{First}: other entries, {Remedy}"]);
        ShouldAcceptTheRemedy(folder);
    }

    /// <summary>Every entry is there and right, and every checksum: a reader that looks where its key should be does
    /// not find it, and ends before it.</summary>
    [Theory]
    [InlineData(false, 2, 3)]
    [InlineData(true, 2, 3)]
    [InlineData(true, 3, 7)] // the last of one stream behind the last of all
    [InlineData(true, 6, 7)]
    public async Task Entries_that_are_not_in_their_order_are_found(bool isOfStream, int one, int other)
    {
        using var folder = new TestFolder();
        await FillAsync(folder);
        var bytes = await File.ReadAllBytesAsync(PathOf(folder, First), Ct);
        var number = isOfStream ? 1 : 0;
        var block = bytes.AsSpan(number * SortedKeys.BlockBytes, SortedKeys.BlockBytes);
        var (first, second) = ((SortedKeys.KeyOf(block, one), SortedKeys.PositionOf(block, one)),
            (SortedKeys.KeyOf(block, other), SortedKeys.PositionOf(block, other)));
        SortedKeys.Put(block, one, second.Item1, second.Item2);
        SortedKeys.Put(block, other, first.Item1, first.Item2);
        SortedKeys.Seal(block, number, (int)First.Events);
        await File.WriteAllBytesAsync(PathOf(folder, First), bytes, Ct);
        Faults(folder).ShouldBe([$"index/{First}: entries that are not in their order, {Remedy}"]);
        ShouldAcceptTheRemedy(folder);
    }

    /// <summary>What is looked for behind the last key is not looked for at all.</summary>
    [Fact]
    public async Task A_last_key_that_is_not_the_last_entry_s_is_found()
    {
        using var folder = new TestFolder();
        await FillAsync(folder);
        var bytes = await File.ReadAllBytesAsync(PathOf(folder, First), Ct);
        UInt128[] keys = [KeyOf(0, 0), KeyOf(1, 0), KeyOf(0, 7), KeyOf(1, 6)];
        using (var run = IndexRun.Open(Index(folder), First))
            IndexRun.Tail(keys, First, run.LastLeaf).CopyTo(bytes, 2 * SortedKeys.BlockBytes);
        await File.WriteAllBytesAsync(PathOf(folder, First), bytes, Ct);
        Faults(folder).ShouldBe([$"index/{First}: entries that are not in their order, {Remedy}"]);
        ShouldAcceptTheRemedy(folder);

        UInt128 KeyOf(int block, int entry) =>
            SortedKeys.KeyOf(bytes.AsSpan(block * SortedKeys.BlockBytes, SortedKeys.BlockBytes), entry);
    }

    /// <summary>Whatever lies in the folder when its owner comes, he has the whole index after it, and nothing else.
    /// </summary>
    [Theory]
    [InlineData("missing")]
    [InlineData("gap")]
    [InlineData("end")]
    [InlineData("foreign")]
    [InlineData("ahead")]
    [InlineData("unfinished")]
    [InlineData("merged before")]
    [InlineData("half deleted")]
    public async Task What_is_not_the_index_of_the_journal_is_made_anew(string what)
    {
        using var folder = new TestFolder();
        using var other = new TestFolder();
        var options = await FillAsync(folder, 20, 4);
        Runs(folder).ShouldBe([new(0, 4), new(4, 8), new(8, 12), new(12, 16), new(16, 20)]);
        var whole = Runs(folder).ToDictionary(name => name, name => File.ReadAllBytes(PathOf(folder, name)));
        var isFault = true; // for who verifies it before
        switch (what)
        {
            case "missing":
                Directory.Delete(Index(folder), recursive: true);
                isFault = false;
                break;
            case "gap": File.Delete(PathOf(folder, new(4, 8))); break;
            case "end": File.WriteAllBytes(PathOf(folder, new(8, 12)), whole[new(8, 12)][..^1]); break;
            case "foreign":
                await using (var journal = SqliteJournal.Open(other.Options with { IndexedTogether = 4 }))
                    for (var i = 0; i < 13; i++) await Append(journal, $"s/{i % 2}", i + 100, 1);
                foreach (var name in Runs(other)) File.Copy(PathOf(other, name), PathOf(folder, name), overwrite: true);
                break;
            case "ahead": // the journal is restored, and the index is of a later one
                await FillAsync(other, 10, 4);
                foreach (var name in Directory.GetFiles(folder.Path).Where(name => !name.Contains("owner")))
                    File.Delete(name);
                foreach (var name in Directory.GetFiles(other.Path))
                    File.Copy(name, Path.Combine(folder.Path, Path.GetFileName(name)), overwrite: true);
                break;
            case "unfinished":
                File.WriteAllText(PathOf(folder, new(0, 16)) + ".12.3", "unfinished");
                isFault = false;
                break;
            default: // a crash after a merged run has its name, and before or while the others are deleted
                var runs = Runs(folder)[..3].ConvertAll(name => IndexRun.Open(Index(folder), name));
                using (var merge = new RunMerge(Index(folder), runs))
                    while (merge.GoOn()) { }
                runs.ForEach(run => run.Dispose());
                if (what == "half deleted") File.Delete(PathOf(folder, new(4, 8)));
                isFault = false;
                break;
        }
        await using (var reader = SqliteJournalReader.Open(options)) await ShouldReadEachStreamAsync(reader);
        (Faults(folder).Count > 0).ShouldBe(isFault, string.Join('\n', Faults(folder)));
        await using (var journal = SqliteJournal.Open(options))
        {
            await ShouldReadEachStreamAsync(journal);
            for (var i = 0; i < journal.Length; i++)
                (await Append(journal, "another", i, 1)).ShouldBe(new AppendResult.AlreadyRecorded(i));
        }
        if (what is "merged before" or "half deleted")
            Runs(folder).ShouldBe([new(0, 12), new(12, 16), new(16, 20)]);
        else
        {
            Runs(folder).ShouldBe([.. whole.Keys.Where(name => what != "ahead" || name.To <= 8)]);
            foreach (var name in Runs(folder))
                if (what != "ahead") File.ReadAllBytes(PathOf(folder, name)).ShouldBe(whole[name]);
        }
        Directory.GetFiles(Index(folder)).Length.ShouldBe(Runs(folder).Count);
        ShouldBeSound(folder);
    }

    [Fact]
    public async Task An_index_that_cannot_be_written_stops_the_journal_and_loses_nothing()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        await File.WriteAllTextAsync(Index(folder), "in the way of the folder", Ct);
        var options = folder.Options with { IndexedTogether = 5 };
        var recorded = 0;
        await using (var journal = SqliteJournal.Open(options))
        {
            var stopped = await Should.ThrowAsync<JournalFaultedException>(async () =>
            {
                for (; recorded < 1000; recorded++) await Append(journal, "s", recorded, 1);
            });
            stopped.Message.ShouldStartWith("the journal has stopped: the index cannot go on: ");
            stopped.InnerException.ShouldBeOfType<IOException>();
            (await Should.ThrowAsync<JournalFaultedException>(async () => await Append(journal, "s", 2000, 1)))
                .Message.ShouldBe(stopped.Message);
        }
        recorded.ShouldBeInRange(5, 999);
        File.Delete(Index(folder));
        await using (var again = SqliteJournal.Open(options))
        {
            again.Length.ShouldBe(recorded);
            (await Append(again, "s", recorded, 1)).ShouldBe(new AppendResult.Recorded(recorded, recorded));
            await ShouldReadEachStreamAsync(again);
        }
        ShouldBeSound(folder);
    }
}
