using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A damaged journal that goes on without its last facts, beside a frame log that is whole: what was lost of records is
/// made again from the frames, wherever the log had been recorded up to.
/// </summary>
public sealed class StreamRecoveryTests
{
    private const int Connectors = 3;

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // as if the machine had stopped before the mark was forgotten
    public async Task Records_that_were_lost_with_the_journals_last_facts_are_made_again(bool keepsMark)
    {
        await using var town = await StreamTown.OpenAsync(Connectors);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(Connectors));
        // Four periods, each recorded before the next is sent, and at last all of them for good.
        for (var second = 0; second < 3600; second += 900)
        {
            await town.StreamAsync(door, Connectors, second, second + 899, 100 + second / 900);
            await town.SettleAsync();
        }
        await FinishAsync(town);
        var before = Text(await town.LatestAsync());
        before.Count.ShouldBe(4 * Connectors);

        using var crashed = new TestFolder();
        var mark = Path.Combine(crashed.Path, "frames", "streams.resume");
        var marked = await File.ReadAllBytesAsync(
            Path.Combine(town.FramesPath, "streams.resume"), TestContext.Current.CancellationToken);
        await LoseSomeAsync(town, crashed.Path, 4 * Connectors);
        File.Exists(mark).ShouldBeFalse();
        if (keepsMark) await File.WriteAllBytesAsync(mark, marked, TestContext.Current.CancellationToken);

        await using var again = StreamTown.OpenAt(crashed.Path);
        await FinishAsync(again);
        Text(await again.LatestAsync()).ShouldBe(before);
        (await again.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Copies a town's folder without the end of its journal's log, and recovers it: so much is cut off that
    /// some records are lost, and some are not.</summary>
    private static async Task LoseSomeAsync(StreamTown town, string to, int records)
    {
        // Where in the log the records lie depends on how they were batched.
        for (var twelfths = 11; twelfths > 0; twelfths--)
        {
            if (Directory.Exists(to)) Directory.Delete(to, recursive: true);
            Copy(town.FolderPath, to);
            using (var log = new FileStream(Path.Combine(to, SqliteJournal.FileName + "-wal"), FileMode.Open))
                log.SetLength(log.Length * twelfths / 12);
            var recovered = CommandRun.Of(["recover", "--by", "A. Person", "--accept-loss", "--data", to],
                clock: town.Clock);
            recovered.Exit.ShouldBe(ExitCode.Done, recovered.Output + recovered.Errors);
            var left = await RecordedAsync(to);
            if (left > 0 && left < records) return;
        }
        Assert.Fail("no cut leaves some records and loses others");
    }

    [Fact]
    public async Task A_mark_of_a_journal_that_continues_is_gone_on_from_and_one_of_the_older_form_is_not()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await town.StreamAsync(door, 1, 0, 1860);
        }
        await FinishAsync(town);
        await town.CloseAsync();
        var mark = Path.Combine(town.FramesPath, "streams.resume");
        var parts = (await File.ReadAllTextAsync(mark, TestContext.Current.CancellationToken)).Split(' ');
        parts.Length.ShouldBe(5);
        await ReadAsync(mark, string.Join(' ', parts), samples: 1);
        await ReadAsync(mark, Signed([parts[0], .. parts[2..4]]), samples: 1); // as before refusals were marked too
        // A length that is there, with the leaf of another event: the log is read from its beginning.
        parts[3] = new string('0', 64);
        await ReadAsync(mark, Signed(parts[..4]), samples: 1861);
        await ReadAsync(mark, Signed(parts[..1]), samples: 1861);

        async Task ReadAsync(string path, string text, int samples)
        {
            await File.WriteAllTextAsync(path, text, TestContext.Current.CancellationToken);
            await town.ReopenAsync();
            await town.SettleAsync();
            if (samples == 1) town.Streams.Samples.ShouldBeLessThan(1861);
            else town.Streams.Samples.ShouldBe(samples);
            await town.CloseAsync();
        }
    }

    private static string Signed(string[] parts)
    {
        var text = string.Join(' ', parts);
        var sum = System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(text));
        return $"{text} {Convert.ToHexStringLower(sum.AsSpan(0, 8))}";
    }

    /// <summary>Two days later nothing more is waited for; when it is recorded the mark moves behind it.</summary>
    private static async Task FinishAsync(StreamTown town)
    {
        town.Clock.Now = StreamTown.Day + Duration.FromDays(2);
        await town.SettleAsync();
        await town.SettleAsync();
    }

    /// <summary>How many periods of connectors the journal of a folder has records of.</summary>
    private static async Task<int> RecordedAsync(string folder)
    {
        var identity = LedgerIdentity.Open(folder);
        await using var journal = SqliteJournalReader.Open(new(
            folder, identity.Ledger, new StandingClock(StreamTown.Day), identity.Secret));
        return (await TestFolder.AllAsync(journal)).Select(EventCodec.Decode).OfType<IntervalRecorded>()
            .DistinctBy(record => (record.Point, record.Period)).Count();
    }

    // By how many steps a record came about depends on when idle streams were looked for.
    private static List<string> Text(IEnumerable<IntervalRecorded> records) => [.. records.Select(record =>
        string.Create(CultureInfo.InvariantCulture, $"{record.Point} {record.Period.Start} {record.State} "
            + $"{record.Import} {record.Samples} {record.CoveredMicroseconds}"))];

    private static void Copy(string from, string to)
    {
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories).Prepend(from))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
            foreach (var file in Directory.EnumerateFiles(folder))
                if (Path.GetFileName(file) is not ("journal.lock" or "journal.owner"))
                    File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }
}
