using Ledger.Domain;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Each file of the embedded journal, cut or changed at every byte of its last two batches: it is opened with all that
/// was acknowledged, or refused with the place. LEDGER_LONG=1 takes every byte, every day takes one of some.
/// </summary>
public sealed class JournalCutTests : IDisposable
{
    private const int Before = 10, Last = 2, EventsPerBatch = 3;
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1";
    private readonly TestFolder folder = new();
    private List<string> expected = [];
    private int opened, refused;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private string PathOf(string name) => Path.Combine(folder.Path, name);

    /// <summary>Twelve batches, each acknowledged, as a crash leaves them, or closed well.</summary>
    /// <returns>How long the log was before the last two.</returns>
    private async Task<long> FillAsync(bool crashes)
    {
        using var alive = new TestFolder();
        var wal = Path.Combine(alive.Path, SqliteJournal.FileName + "-wal");
        var before = 0L;
        await using (var journal = alive.Open())
        {
            for (var batch = 0; batch < Before + Last; batch++)
            {
                if (batch == Before) before = new FileInfo(wal).Length;
                await journal.AppendAsync($"s/{batch % 4}", ExpectedRevision.Any,
                    [.. Enumerable.Range(batch * EventsPerBatch, EventsPerBatch).Select(i => TestFolder.Reading(i, i))],
                    TestFolder.Tester, null, Ct);
            }
            expected = (await TestFolder.AllAsync(journal)).ConvertAll(Text);
            if (crashes) CopyFrom(alive);
        }
        if (!crashes) CopyFrom(alive);
        return before;
    }

    private void CopyFrom(TestFolder alive)
    {
        Directory.CreateDirectory(folder.Path);
        foreach (var name in (string[])[SqliteJournal.FileName, SqliteJournal.FileName + "-wal", JournalHead.FileName])
            if (File.Exists(Path.Combine(alive.Path, name))) File.Copy(Path.Combine(alive.Path, name), PathOf(name));
    }

    private static string Text(RecordedEvent recorded) => $"{recorded.Position} "
        + Convert.ToHexString(EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length))
        + Convert.ToHexString(recorded.Payload.Span);

    [Fact]
    public async Task The_log_is_opened_whole_or_refused_wherever_it_is_cut_or_changed()
    {
        var from = await FillAsync(crashes: true);
        await EachByteAsync(SqliteJournal.FileName + "-wal", from, every: 229);
        refused.ShouldBeGreaterThan(opened); // what stands in a log is used to the last page
    }

    [Fact]
    public async Task The_database_is_opened_whole_or_refused_wherever_it_is_cut_or_changed()
    {
        await FillAsync(crashes: false);
        await EachByteAsync(SqliteJournal.FileName, 0, every: 149);
        (refused > 0 && opened > 0).ShouldBeTrue($"{refused} refused, {opened} opened"); // pages have room in them
    }

    [Fact]
    public async Task The_head_is_opened_whole_or_refused_wherever_it_is_cut_or_changed()
    {
        await FillAsync(crashes: true);
        await EachByteAsync(JournalHead.FileName, 0, every: 17);
        refused.ShouldBe(CutsAmid(84, every: 17)); // the first slot: without it the second is cut away too
    }

    /// <summary>How many of the places where a file is cut lie before a byte.</summary>
    private static int CutsAmid(int bytes, int every) => Places(0, bytes, every).Count();

    private static IEnumerable<long> Places(long from, long to, int every)
    {
        for (var at = from; at < to; at += IsLong ? 1 : every) yield return at;
    }

    private async Task EachByteAsync(string name, long from, int every)
    {
        var bytes = await File.ReadAllBytesAsync(PathOf(name), Ct);
        foreach (var at in Places(from, bytes.Length, every))
        {
            await File.WriteAllBytesAsync(PathOf(name), bytes[..(int)at], Ct);
            await ShouldBeWholeOrRefusedAsync($"{name} cut at byte {at}");
            var flipped = bytes.ToArray();
            flipped[at] ^= (byte)(1 << (int)(at % 8));
            await File.WriteAllBytesAsync(PathOf(name), flipped, Ct);
            await ShouldBeWholeOrRefusedAsync($"{name} changed at byte {at}");
        }
        TestContext.Current.SendDiagnosticMessage($"{name}: {opened} opened, {refused} refused");
    }

    private async Task ShouldBeWholeOrRefusedAsync(string damage)
    {
        try
        {
            await using var reader = SqliteJournalReader.Open(folder.Options);
            reader.Length.ShouldBe(expected.Count, damage);
            (await TestFolder.AllAsync(reader)).ConvertAll(Text).ShouldBe(expected, damage);
            var ofStreams = 0;
            for (var stream = 0; stream < 4; stream++)
                await foreach (var recorded in reader.ReadStreamAsync($"s/{stream}", 0, Ct))
                {
                    Text(recorded).ShouldBe(expected[(int)recorded.Position], damage);
                    ofStreams++;
                }
            ofStreams.ShouldBe(expected.Count, damage);
            opened++;
        }
        catch (JournalRefusedException place)
        {
            place.Message.ShouldMatch("position|journal.db|journal.head|there is no journal|says .* events", damage);
            refused++;
        }
        catch (Exception other) when (other is not ShouldAssertException)
        {
            throw new InvalidOperationException($"{damage}: neither opened nor refused", other);
        }
    }

    /// <summary>Of what the reader opens, the owner opens the same, and goes on from it.</summary>
    [Fact]
    public async Task The_owner_refuses_what_the_reader_refuses_and_goes_on_from_what_it_opens()
    {
        var from = await FillAsync(crashes: true);
        var name = SqliteJournal.FileName + "-wal";
        var bytes = await File.ReadAllBytesAsync(PathOf(name), Ct);
        foreach (var at in Places(from, bytes.Length, IsLong ? 61 : 1801))
        {
            using var damaged = new TestFolder();
            Directory.CreateDirectory(damaged.Path);
            foreach (var file in Directory.GetFiles(folder.Path).Where(file => !file.EndsWith("-shm", StringComparison.Ordinal)))
                File.Copy(file, Path.Combine(damaged.Path, Path.GetFileName(file)));
            var flipped = bytes.ToArray();
            flipped[at] ^= 0x10;
            await File.WriteAllBytesAsync(Path.Combine(damaged.Path, name), flipped, Ct);
            long? read = null;
            try
            {
                await using var reader = SqliteJournalReader.Open(damaged.Options);
                read = reader.Length;
            }
            catch (JournalRefusedException)
            {
                Should.Throw<JournalRefusedException>(damaged.Open);
            }
            if (read is null) continue;
            await using var journal = damaged.Open();
            journal.Length.ShouldBe(read.Value);
            (await journal.AppendAsync("s/0", ExpectedRevision.Any, [TestFolder.Reading(999)], TestFolder.Tester, null, Ct))
                .ShouldBeOfType<AppendResult.Recorded>().FirstPosition.ShouldBe(read.Value);
        }
    }
}
