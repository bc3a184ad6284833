using Ledger.Domain;
using Ledger.Journal;
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
}
