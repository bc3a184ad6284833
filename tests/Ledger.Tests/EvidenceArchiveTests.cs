using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Shouldly;

namespace Ledger.Tests;

public sealed class EvidenceArchiveTests : IDisposable
{
    private const int FramingBytes = 64; // head and tag of a record
    private readonly TestFolder folder = new();
    private readonly EvidenceDigest first, second;
    private readonly byte[] intact;

    public EvidenceArchiveTests()
    {
        using (var archive = Open())
        {
            first = archive.Put("first"u8);
            second = archive.Put("second"u8);
            archive.Put("first"u8).ShouldBe(first);
        }
        intact = File.ReadAllBytes(Segment);
        intact.Length.ShouldBe(2 * FramingBytes + 11);
    }

    public void Dispose() => folder.Dispose();

    private string Segment => Path.Combine(folder.Path, "evidence", "000000.segment");

    private EvidenceArchive Open() => EvidenceArchive.Open(folder.Path, TestFolder.Secret);

    private void Write(Action<byte[]> damage, int cutFromEnd = 0)
    {
        var bytes = intact[..^cutFromEnd];
        damage(bytes);
        File.WriteAllBytes(Segment, bytes);
    }

    /// <summary>What facts are made of comes back after it was pruned, and goes only by a later fact; what nobody
    /// can read stays away.</summary>
    [Fact]
    public void What_was_pruned_comes_back_where_facts_are_made_of_it()
    {
        var again = new Submission("first"u8.ToArray(), "file");
        using (var archive = Open())
        {
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 7 }).ShouldBe(5 + FramingBytes - 64);
            archive.Put(again, out var isNew).ShouldBe(first);
            (isNew, archive.PrunedBy(first), archive.CameBack.Count).ShouldBe((false, 7, 0));
            archive.Hold(again, out isNew).ShouldBe(first);
            (isNew, archive.PrunedBy(first)).ShouldBe((false, null)); // it was there once
            var bytes = new FileInfo(Segment).Length;
            archive.Hold(again, out _).ShouldBe(first);
            new FileInfo(Segment).Length.ShouldBe(bytes);
        }
        using (var archive = Open())
        {
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 7 }).ShouldBe(0);
            archive.Get(first).ShouldBe("first"u8.ToArray());
            archive.CameBack.ShouldHaveSingleItem().ShouldBe(new(first, 7));
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 9 }).ShouldBe(5);
            (archive.PrunedBy(first), archive.CameBack.Count).ShouldBe((9, 0));
        }
        using (var archive = Open())
        {
            (archive.PrunedBy(first), archive.WasPrunedBefore(first, 7), archive.WasPrunedBefore(first, 8))
                .ShouldBe((9, false, true));
            archive.Put("first"u8).ShouldBe(first); // so does what the ledger itself makes for a fact
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 9 }, again: true).ShouldBe(5);
            (archive.PrunedBy(first), archive.Get(second)).ShouldSatisfyAllConditions(
                both => both.Item1.ShouldBe(9), both => both.Item2.ShouldBe("second"u8.ToArray()));
        }
    }

    /// <summary>A later removal writes the segment anew in which it lies, and is told of all facts that were ever
    /// recorded.</summary>
    [Fact]
    public void What_came_back_stays_where_another_piece_of_its_segment_goes()
    {
        using (var archive = Open())
        {
            archive.Prune(Pieces(7, first));
            archive.Hold(new Submission("first"u8.ToArray(), "file"), out _);
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 7, [second] = 9 }).ShouldBe(6);
            Check(archive);
        }
        using (var archive = Open()) Check(archive);

        void Check(EvidenceArchive archive)
        {
            archive.Get(first).ShouldBe("first"u8.ToArray());
            (archive.PrunedBy(first), archive.PrunedBy(second)).ShouldBe((null, 9));
        }
    }

    [Fact]
    public void What_came_back_and_was_torn_was_never_acknowledged_and_is_as_pruned_as_before()
    {
        using (var archive = Open())
        {
            archive.Prune(new Dictionary<EvidenceDigest, long> { [first] = 7 });
            archive.Hold(new Submission("first"u8.ToArray(), "file"), out _);
        }
        var torn = File.ReadAllBytes(Segment);
        torn[^1] ^= 1;
        File.WriteAllBytes(Segment, torn);
        using (var archive = Open())
        {
            archive.PrunedBy(first).ShouldBe(7);
            archive.Hold(new Submission("first"u8.ToArray(), "file"), out var isNew);
            (isNew, archive.PrunedBy(first)).ShouldBe((false, null));
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(FramingBytes)]
    [InlineData(FramingBytes + 5)]
    public void A_record_torn_at_the_end_was_never_acknowledged_and_is_cut_off(int bytes)
    {
        Write(_ => { }, bytes);
        using var archive = Open();
        archive.Get(first).ShouldBe("first"u8.ToArray());
        archive.Get(second).ShouldBeNull();
        new FileInfo(Segment).Length.ShouldBe(FramingBytes + 5);
        archive.Put("second"u8).ShouldBe(second);
        File.ReadAllBytes(Segment).ShouldBe(intact);
    }

    [Fact]
    public void Space_that_grew_before_the_crash_but_was_not_written_is_cut_off()
    {
        Write(bytes => bytes.AsSpan(FramingBytes + 5).Clear());
        using var archive = Open();
        (archive.Get(first), archive.Get(second)).ShouldSatisfyAllConditions(
            found => found.Item1.ShouldNotBeNull(), found => found.Item2.ShouldBeNull());
        new FileInfo(Segment).Length.ShouldBe(FramingBytes + 5);
    }

    [Fact]
    public void A_last_record_whose_bytes_did_not_reach_the_disk_does_not_count_as_kept()
    {
        Write(bytes => bytes.AsSpan(^20..).Clear());
        using (var archive = Open())
        {
            archive.Get(second).ShouldBeNull();
            archive.Put("second"u8).ShouldBe(second);
            archive.Get(second).ShouldBe("second"u8.ToArray());
            archive.Put("third"u8);
        }
        using var again = Open();
        again.Get(second).ShouldBe("second"u8.ToArray());
    }

    /// <summary>It is cut off: behind the next record it would be damage, and at the second start nobody would look at
    /// it again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_last_record_whose_bytes_did_not_reach_the_disk_is_cut_off_before_the_next_is_kept(bool isSealed)
    {
        var piece = new Submission("second"u8.ToArray(), "test");
        if (isSealed)
        {
            piece = new("jane's"u8.ToArray(), "test") { Personal = [new(0, 4, ["Jane"])] };
            using var archive = Open();
            archive.Put(piece);
        }
        var bytes = File.ReadAllBytes(Segment);
        bytes.AsSpan(^5..).Clear();
        File.WriteAllBytes(Segment, bytes);
        EvidenceDigest third;
        using (var archive = Open())
        {
            new FileInfo(Segment).Length.ShouldBe(isSealed ? intact.Length : FramingBytes + 5);
            archive.CloseKeys(archive.PseudonymOf("Jane")).Evidence.ShouldBeEmpty();
            third = archive.Put("third"u8);
        }
        using (var archive = Open())
        {
            archive.Get(third).ShouldBe("third"u8.ToArray());
            archive.Put(piece, out var isNew);
            isNew.ShouldBeTrue();
            archive.CloseKeys(archive.PseudonymOf("Jane")).Evidence.Count.ShouldBe(isSealed ? 1 : 0);
        }
        var findings = new Findings();
        EvidenceVerification.Verify(folder.Path, TestFolder.Secret, findings, _ => { },
            TestContext.Current.CancellationToken).Kept.Count.ShouldBe(isSealed ? 4 : 3);
        findings.Faults.ShouldBeEmpty();
    }

    /// <summary>A disk without room for a second copy of the segment: nothing is left of it, and the archive is as it
    /// was.</summary>
    [Fact]
    public void Pruning_that_has_no_room_leaves_the_archive_as_it_was()
    {
        using var disk = new TestFolder();
        Directory.CreateDirectory(disk.Path);
        Assert.SkipUnless(Mount("-t", "tmpfs", "-o", "size=3m", "ledger-test", disk.Path),
            "only root may mount a small disk");
        try
        {
            var large = new byte[2 * 1024 * 1024];
            EvidenceDigest small, kept;
            using (var archive = EvidenceArchive.Open(disk.Path, TestFolder.Secret))
            {
                (small, kept) = (archive.Put("small"u8), archive.Put(large));
                archive.RoomToPrune([small]).ShouldBe(large.Length + (2 * FramingBytes));
                archive.RoomToPrune([small, kept]).ShouldBe(2 * FramingBytes);
                archive.FreeBytes.ShouldBeLessThan(large.Length);
                Should.Throw<IOException>(() => archive.Prune(Pieces(7, small)));
                Directory.GetFiles(Path.Combine(disk.Path, "evidence")).Select(Path.GetFileName)
                    .ShouldBe(["000000.segment"]);
                archive.Get(small).ShouldBe("small"u8.ToArray());
                archive.Prune(Pieces(7, small, kept)).ShouldBe(5 + large.Length);
            }
            using var again = EvidenceArchive.Open(disk.Path, TestFolder.Secret);
            again.PrunedBy(kept).ShouldBe(7);
        }
        finally
        {
            using var unmount = System.Diagnostics.Process.Start("umount", [disk.Path]);
            unmount.WaitForExit();
        }
    }

    /// <summary>A piece of which a part reached a full disk: it is not there, and nothing stands before the next.
    /// </summary>
    [Fact]
    public void A_piece_that_has_no_room_leaves_the_archive_as_it_was_and_when_there_is_room_it_goes_on()
    {
        using var disk = new TestFolder();
        Directory.CreateDirectory(disk.Path);
        Assert.SkipUnless(Mount("-t", "tmpfs", "-o", "size=1m", "ledger-test", disk.Path),
            "only root may mount a small disk");
        try
        {
            var large = new byte[2 * 1024 * 1024];
            Array.Fill(large, (byte)'x');
            EvidenceDigest small, after, kept;
            using (var archive = EvidenceArchive.Open(disk.Path, TestFolder.Secret))
            {
                small = archive.Put("small"u8);
                var segment = new FileInfo(Path.Combine(disk.Path, "evidence", "000000.segment"));
                var before = segment.Length;
                Should.Throw<IOException>(() => archive.Put(large));
                segment.Refresh();
                segment.Length.ShouldBe(before);
                after = archive.Put("after"u8);
                Mount("-o", "remount,size=8m", disk.Path).ShouldBeTrue();
                kept = archive.Put(large);
            }
            using var again = EvidenceArchive.Open(disk.Path, TestFolder.Secret);
            again.Get(small).ShouldBe("small"u8.ToArray());
            again.Get(after).ShouldBe("after"u8.ToArray());
            again.Get(kept).ShouldBe(large);
        }
        finally
        {
            using var unmount = System.Diagnostics.Process.Start("umount", [disk.Path]);
            unmount.WaitForExit();
        }
    }

    private static bool Mount(params string[] arguments)
    {
        using var mount = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
        mount.WaitForExit();
        return mount.ExitCode == 0;
    }

    [Fact]
    public void What_was_kept_in_a_segment_that_began_since_the_start_is_pruned_as_well()
    {
        using var fresh = new TestFolder();
        using (var archive = EvidenceArchive.Open(fresh.Path, TestFolder.Secret))
        {
            var piece = archive.Put("piece"u8);
            archive.Prune(Pieces(7, piece)).ShouldBe(5);
            archive.PrunedBy(piece).ShouldBe(7);
            archive.Put("next"u8);
        }
        using var again = EvidenceArchive.Open(fresh.Path, TestFolder.Secret);
        again.Kept.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    [InlineData(20)]
    [InlineData(47)]
    public void A_damaged_head_in_the_middle_is_refused(int at)
    {
        Write(bytes => bytes[at] ^= 1);
        Should.Throw<InvalidDataException>(Open).Message.ShouldEndWith("000000.segment is damaged at byte 0");
    }

    [Fact]
    public void A_head_in_the_middle_that_became_zeros_is_refused()
    {
        Write(bytes => bytes.AsSpan(0, 48).Clear());
        Should.Throw<InvalidDataException>(Open);
        File.ReadAllBytes(Segment).Length.ShouldBe(intact.Length);
    }

    [Fact]
    public void Damaged_evidence_is_named_when_it_is_read()
    {
        Write(bytes => bytes[50] ^= 1);
        using var archive = Open();
        Should.Throw<InvalidDataException>(() => archive.Get(first)).Message.ShouldBe($"evidence {first} is damaged");
        archive.Get(second).ShouldBe("second"u8.ToArray());
    }

    [Fact]
    public void An_earlier_segment_has_no_torn_end()
    {
        Write(_ => { }, 3);
        File.WriteAllBytes(Path.Combine(folder.Path, "evidence", "000001.segment"), []);
        Should.Throw<InvalidDataException>(Open).Message.ShouldEndWith($"is damaged at byte {FramingBytes + 5}");
    }

    private const int MarkBytes = 64;

    [Fact]
    public void A_pruned_piece_leaves_a_mark_and_everything_else_is_where_the_index_says()
    {
        var jane = new Submission("jane's"u8.ToArray(), "test") { Personal = [new(0, 4, ["Jane"])] };
        EvidenceDigest personal, third;
        using (var archive = Open())
        {
            personal = archive.Put(jane);
            archive.Prune(Pieces(7, first, personal, new(new string('0', 64)))).ShouldBe(5); // the bytes of the piece
            third = archive.Put("third"u8);
            var again = new Submission("first"u8.ToArray(), "test");
            archive.Put(again).ShouldBe(first); // it comes again, and stays away
            archive.Prune(Pieces(9, first)).ShouldBe(0);
            Check(archive);
        }
        File.ReadAllBytes(Segment)[MarkBytes..(2 * MarkBytes + 6)].ShouldBe(intact[(FramingBytes + 5)..]);
        using (var archive = Open()) Check(archive);
        using (var archive = EvidenceArchive.OpenForReading(folder.Path, TestFolder.Secret))
        {
            Check(archive);
            Should.Throw<InvalidOperationException>(() => archive.Prune(Pieces(7, second)));
        }

        void Check(EvidenceArchive archive)
        {
            (archive.HasPruned, archive.Has(first), archive.PrunedBy(first)).ShouldBe((true, true, 7L));
            var gone = Should.Throw<EvidencePrunedException>(() => archive.Get(first));
            (gone.Digest, gone.Position).ShouldBe((first, 7));
            archive.Get(second).ShouldBe("second"u8.ToArray());
            archive.Get(third).ShouldBe("third"u8.ToArray());
            archive.Find(personal)!.Raw.ShouldBe("jane's"u8.ToArray());
            archive.Kept.ShouldBe([second, personal, third], ignoreOrder: true);
            archive.SubjectsOf(personal).ShouldBe([archive.PseudonymOf("jane")]);
            archive.SubjectsOf(second).ShouldBeEmpty();
            archive.PrunedBy(second).ShouldBeNull();
        }
    }

    /// <summary>What is sealed in a segment that was written anew can still be erased.</summary>
    [Fact]
    public void A_person_in_a_segment_that_was_written_anew_can_be_erased()
    {
        using var archive = Open();
        var personal = archive.Put(new Submission("jane's"u8.ToArray(), "test") { Personal = [new(0, 4, ["Jane"])] });
        archive.Prune(Pieces(7, first, second));
        var subject = archive.PseudonymOf("Jane");
        var (generation, pieces, _) = archive.CloseKeys(subject);
        pieces.ShouldBe([personal]);
        archive.DestroyKeys(subject, generation!.Value);
        archive.IsErased(personal).ShouldBeTrue();
        Should.Throw<EvidenceErasedException>(() => archive.Get(personal));
    }

    [Fact]
    public void Pieces_are_pruned_in_every_segment_and_taken_from_a_months_archive_where_it_is_at_hand()
    {
        File.Move(Segment, Path.Combine(folder.Path, "evidence", "000001.segment"));
        using (var archive = new TestFolder())
        {
            using (var other = EvidenceArchive.Open(archive.Path, TestFolder.Secret)) other.Put("zeroth"u8);
            File.Copy(Path.Combine(archive.Path, "evidence", "000000.segment"), Segment);
        }
        using var month = new TestFolder();
        using (var archived = EvidenceArchive.Open(month.Path, TestFolder.Secret)) archived.Put("first"u8);
        using var both = Open();
        var zeroth = both.Put("zeroth"u8);
        both.Prune(Pieces(7, zeroth, first)).ShouldBe(11);
        both.Get(second).ShouldBe("second"u8.ToArray());
        both.TakePrunedFrom(month.Path, TestFolder.Secret);
        both.Get(first).ShouldBe("first"u8.ToArray());
        Should.Throw<EvidencePrunedException>(() => both.Get(zeroth));
        both.PrunedBy(first).ShouldBe(7);
    }

    [Theory]
    [InlineData(4)] // length
    [InlineData(20)] // digest
    [InlineData(50)] // position
    [InlineData(60)] // checksum
    public void A_damaged_mark_is_refused(int at)
    {
        using (var archive = Open()) archive.Prune(Pieces(7, first));
        var bytes = File.ReadAllBytes(Segment);
        bytes[at] ^= 1;
        File.WriteAllBytes(Segment, bytes);
        Should.Throw<InvalidDataException>(Open).Message.ShouldEndWith("000000.segment is damaged at byte 0");
    }

    private static Dictionary<EvidenceDigest, long> Pieces(long position, params EvidenceDigest[] pieces) =>
        pieces.ToDictionary(piece => piece, _ => position);
}
