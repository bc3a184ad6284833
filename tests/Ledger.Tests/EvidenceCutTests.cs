using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// The evidence archive, cut or changed at every byte of what the last two facts rest on: the ledger is opened with all
/// of it, or refused with the place, and then no byte is changed. LEDGER_LONG=1 takes every byte.
/// </summary>
public sealed class EvidenceCutTests : IDisposable
{
    private static readonly int Every = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 1 : 23;
    private readonly TestFolder folder = new();
    private readonly List<EvidenceDigest> pieces = [];
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private string Segment => Path.Combine(folder.Path, EvidenceArchive.FolderName, "000000.segment");

    public void Dispose() => folder.Dispose();

    /// <summary>Six facts with their evidence; the last two name somebody and nobody.</summary>
    /// <returns>Where the evidence of the last two begins.</returns>
    private async Task<long> FillAsync()
    {
        LedgerIdentity.OpenOrCreate(folder.Path, folder.Options.Ledger, TestFolder.Secret);
        await using var ledger = OpenLedger.Open(folder.Options);
        var before = 0L;
        for (var i = 0; i < 6; i++)
        {
            if (i == 4) before = new FileInfo(Segment).Length;
            var bytes = Enumerable.Repeat((byte)i, 100 + i).ToArray();
            var digest = i == 4
                ? ledger.Evidence.Put(new Submission(bytes, "test") { Personal = [new(0, 50, ["somebody"])] })
                : ledger.Evidence.Put(bytes);
            pieces.Add(digest);
            await ledger.Journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(
                new EvidenceKept(digest, "application/octet-stream", "test", bytes.Length), TestFolder.Start,
                new EvidenceKey($"piece {i}"))], TestFolder.Tester, null, Ct);
        }
        return before;
    }

    [Fact]
    public async Task It_is_opened_with_all_that_facts_name_or_refused_with_the_place_and_left_as_it_is()
    {
        var from = await FillAsync();
        var bytes = await File.ReadAllBytesAsync(Segment, Ct);
        for (var at = from; at < bytes.Length; at += Every)
        {
            await ShouldBeRefusedAsync(bytes[..(int)at], $"cut at byte {at}");
            var flipped = bytes.ToArray();
            flipped[at] ^= (byte)(1 << (int)(at % 8));
            await ShouldBeRefusedAsync(flipped, $"changed at byte {at}");
        }
        await File.WriteAllBytesAsync(Segment, [.. bytes, 1, 2, 3], Ct); // what a crash left, and no fact names
        await using var ledger = OpenLedger.Open(folder.Options);
        pieces.ShouldAllBe(piece => ledger.Evidence.Get(piece) != null);
        new FileInfo(Segment).Length.ShouldBe(bytes.Length);
    }

    private async Task ShouldBeRefusedAsync(byte[] damaged, string damage)
    {
        await File.WriteAllBytesAsync(Segment, damaged, Ct);
        Should.Throw<InvalidDataException>(() => OpenLedger.Open(folder.Options), damage).Message
            .ShouldMatch("000000.segment is damaged at byte|000000.segment has whole ends at byte", damage);
        (await File.ReadAllBytesAsync(Segment, Ct)).ShouldBe(damaged, damage);
    }

    [Fact]
    public async Task An_archive_that_is_gone_is_refused()
    {
        await FillAsync();
        File.Delete(Segment);
        Should.Throw<InvalidDataException>(() => OpenLedger.Open(folder.Options)).Message
            .ShouldBe($"evidence {pieces[^1]}, which the journal names, is not in the archive: "
                + $"{Path.GetDirectoryName(Segment)} has no segment");
    }
}
