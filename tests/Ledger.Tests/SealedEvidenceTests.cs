using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How evidence that names somebody lies in its segment: final bytes, and no bit of them can change unseen.
/// </summary>
public sealed class SealedEvidenceTests : IDisposable
{
    private const int HeadBytes = 48;
    private readonly TestFolder folder = new();
    private readonly Submission submission = new("head, anna, between, anna and bert, tail"u8.ToArray(), "file")
    {
        Personal = [new(6, 4, ["anna"]), new(21, 13, ["bert", "anna"])],
    };
    private readonly EvidenceDigest digest;
    private readonly byte[] segment, keys;

    public SealedEvidenceTests()
    {
        Directory.CreateDirectory(folder.Path);
        using (var archive = Open())
        {
            // Keys are random; given here, so that all bytes are known.
            keys = [.. Key(archive.PseudonymOf("anna"), 1), .. Key(archive.PseudonymOf("bert"), 2)];
        }
        WriteKeys(keys);
        using (var archive = Open()) digest = archive.Put(submission);
        segment = File.ReadAllBytes(Segment);
        File.ReadAllBytes(Path.Combine(folder.Path, "ledger.subjects")).ShouldBe(keys); // no other was made
    }

    public void Dispose() => folder.Dispose();

    private string Segment => Path.Combine(folder.Path, "evidence", "000000.segment");

    private EvidenceArchive Open() => EvidenceArchive.Open(folder.Path, TestFolder.Secret);

    private void WriteKeys(byte[] content)
    {
        var path = Path.Combine(folder.Path, "ledger.subjects");
        File.WriteAllBytes(path, content);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    private static byte[] Key(SubjectPseudonym subject, byte fill)
    {
        byte[] record = [.. "LSK1"u8, .. Convert.FromHexString(subject.Hex), 0, 0, 0, 1,
            .. Enumerable.Repeat(fill, 32)];
        return [.. record, .. SHA256.HashData(record)[..8]];
    }

    [Fact]
    public void The_bytes_are_the_accepted_ones()
    {
        using var archive = Open();
        archive.Get(digest).ShouldBe(submission.Bytes.ToArray());
        archive.Put(submission).ShouldBe(digest);
        File.ReadAllBytes(Segment).ShouldBe(segment);
        var disclosed = archive.Find(digest)!.Disclosed!;
        Convert.ToHexStringLower(SHA256.HashData(disclosed)).ShouldBe(digest.Hex);
        SaltedEvidence.Raw(disclosed).ShouldBe(submission.Bytes.ToArray());
        Snapshot.Match($"keys {Convert.ToHexStringLower(keys)}\nsegment {Convert.ToHexStringLower(segment)}\n"
            + Encoding.UTF8.GetString(disclosed) + "\n", "SealedEvidence");
    }

    /// <summary>Anna's wish erases what names her, also beside Bert; what names nobody stays.</summary>
    [Fact]
    public void Each_part_goes_with_the_first_of_its_subjects()
    {
        using var archive = Open();
        archive.DestroyKeys(archive.PseudonymOf("bert"), 1);
        Left(archive).ShouldBe("head, anna, between, [erased], tail");
        archive.DestroyKeys(archive.PseudonymOf("Anna"), 1);
        Left(archive).ShouldBe("head, [erased], between, [erased], tail");
        archive.Find(digest)!.DisclosesSomebody.ShouldBeFalse();
        archive.Put(submission).ShouldBe(digest);
        using var again = EvidenceArchive.OpenForReading(folder.Path, TestFolder.Secret);
        Left(again).ShouldBe("head, [erased], between, [erased], tail");
        Should.Throw<InvalidOperationException>(() => again.DestroyKeys(again.PseudonymOf("anna"), 1));
        File.ReadAllBytes(Segment).ShouldBe(segment);

        string Left(EvidenceArchive of) => Encoding.UTF8.GetString(of.Find(digest)!.Raw);
    }

    [Fact]
    public void Every_flipped_bit_of_record_and_keys_is_found()
    {
        Faults().ShouldBe(0);
        for (var bit = 0; bit < segment.Length * 8; bit++)
        {
            File.WriteAllBytes(Segment, Flipped(segment, bit));
            Faults().ShouldBeGreaterThan(0, $"bit {bit} of the segment");
        }
        File.WriteAllBytes(Segment, segment);
        for (var bit = 0; bit < keys.Length * 8; bit += 7)
        {
            WriteKeys(Flipped(keys, bit));
            Faults().ShouldBeGreaterThan(0, $"bit {bit} of the keys");
        }

        static byte[] Flipped(byte[] bytes, int bit)
        {
            var flipped = (byte[])bytes.Clone();
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));
            return flipped;
        }
    }

    /// <summary>What a crash cut short at the end was never acknowledged, as with evidence that names nobody.</summary>
    [Fact]
    public void A_record_torn_at_the_end_is_cut_off_and_can_be_put_again()
    {
        for (var length = segment.Length - 1; length > 0; length -= 17)
        {
            File.WriteAllBytes(Segment, segment[..length]);
            using var archive = Open();
            archive.Find(digest).ShouldBeNull();
            archive.Put(submission).ShouldBe(digest);
            File.ReadAllBytes(Segment).ShouldBe(segment);
        }
        File.WriteAllBytes(Segment, [.. segment[..HeadBytes], .. new byte[segment.Length - HeadBytes]]);
        using var unwritten = Open();
        unwritten.Find(digest).ShouldBeNull();
    }

    /// <summary>Bytes that were kept under the ledger's own key before stay as they are, and so does their name.
    /// </summary>
    [Fact]
    public void What_was_kept_under_the_ledgers_key_keeps_its_name()
    {
        using var archive = Open();
        var before = archive.Put("kept before"u8);
        archive.Put(new Submission("kept before"u8.ToArray(), "f") { Personal = [new(0, 11, ["anna"])] })
            .ShouldBe(before);
    }

    /// <summary>Faults of the evidence alone, where the journal says of no erasure.</summary>
    private long Faults()
    {
        var findings = new Findings();
        var found = EvidenceVerification.Verify(folder.Path, TestFolder.Secret, findings, _ => { },
            TestContext.Current.CancellationToken);
        EvidenceVerification.Verify(folder.Path, TestFolder.Secret, found, new Erasures(), findings);
        return findings.FaultCount;
    }
}
