using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Doubts about <c>ledger verify</c>: what somebody who holds the folder can do without its saying so.</summary>
public sealed class DoubtVerificationTests : IDisposable
{
    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly string keys;

    public DoubtVerificationTests()
    {
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        SigningKeyFile.ReadOrCreate(town.Data, "town", [.. Enumerable.Repeat((byte)7, 32)]);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        keys = town.File("trusted.keys", town.Run("checkpoint", "--key").Output);
        town.Run("show").Exit.ShouldBe(ExitCode.Done);
    }

    public void Dispose() => town.Dispose();

    private SqliteJournalOptions Options =>
        new(town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);

    [Fact]
    public void Who_names_a_trusted_key_is_not_told_verified_of_a_folder_that_nobody_signed()
    {
        town.Run("verify", "--keys", keys).Exit.ShouldBe(ExitCode.Done);
        Directory.Delete(Path.Combine(town.Data, CheckpointStore.DirectoryName), recursive: true);
        Directory.Delete(Path.Combine(town.Data, TransparencyLog.DirectoryName), recursive: true);
        var unsigned = town.Run("verify", "--keys", keys);
        unsigned.Exit.ShouldBe(ExitCode.NotAsItShouldBe, unsigned.Output);
    }

    [Fact]
    public void Events_behind_the_last_checkpoint_are_said_to_be_signed_by_nobody()
    {
        var whole = town.Run("verify", "--keys", keys).Output;
        town.Run("import", town.File("more.jsonl",
            """{"type":"charging-fact","point":"S01-C1","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","reason":"fault","source":"charger"}"""))
            .Exit.ShouldBe(ExitCode.Done);
        town.Run("show").Exit.ShouldBe(ExitCode.Done);
        var found = town.Run("verify", "--keys", keys);
        found.Exit.ShouldBe(ExitCode.Done, found.Output);
        NotChecked(found.Output).ShouldNotBe(NotChecked(whole), "an unsigned fact excuses a target, and nothing says so");
    }

    private static string NotChecked(string output) => string.Join('\n',
        output.Split('\n').Where(line => line.StartsWith("NOT CHECKED", StringComparison.Ordinal)).Order());

    /// <summary>A period's record rests on all evidence of it (decision 23). Here the operator records a version 2 that names a
    /// second curve alone, in which the export is half of it, and leaves the first one out.</summary>
    [Fact]
    public async Task A_later_version_of_a_record_that_leaves_out_the_evidence_of_the_one_before_is_found()
    {
        const string curve = "point,time,kw\nS01-C1,2026-02-27T18:00:00+08:00,-90\nS01-C1,2026-02-27T18:10:00+08:00,-90\nS01-C1,2026-02-27T18:20:00+08:00,-90\nS01-C1,2026-02-27T18:30:00+08:00,-90\nS01-C1,2026-02-27T18:40:00+08:00,-90\nS01-C1,2026-02-27T18:50:00+08:00,-90\nS01-C1,2026-02-27T19:00:00+08:00,-90\n";
        using var other = SmallTown.WithItsDay();
        other.Run("import", other.File("curve.csv", curve)).Exit.ShouldBe(ExitCode.Done);
        IntervalRecorded forged;
        byte[] bytes;
        await using (var ledger = OpenLedger.Open(new SqliteJournalOptions(
            other.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret)))
        {
            forged = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<IntervalRecorded>()
                .First(record => record.Export > Energy.Zero);
            bytes = ledger.Evidence.Get(forged.Evidence)!;
        }
        await using (var ledger = OpenLedger.Open(Options))
        {
            var before = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<IntervalRecorded>().Single(record => record.Period == forged.Period);
            before.Evidence.ShouldNotBe(forged.Evidence);
            ledger.Evidence.Put(bytes).ShouldBe(forged.Evidence);
            var second = forged with { Version = before.Version + 1, Reason = "late data" };
            await ledger.Journal.AppendAsync(Streams.Curve(second.Point, new(2026, 2, 27)), ExpectedRevision.Any,
                [new NewFact(second, second.Period, IntervalRecords.Key(second.Point, second.Period, second.Version))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var found = town.Run("verify");
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe, found.Output);
    }

    /// <summary>The kept file has two readings; the operator records one of them. Nothing was changed, and one was lost.</summary>
    [Fact]
    public async Task A_reading_that_stands_in_kept_evidence_and_was_never_recorded_is_told()
    {
        var whole = town.Run("verify").Output;
        var text = "point,register,read_at,kwh\nS01-C1,1.8.0,2026-02-28T01:00:00+08:00,1501.000\nS01-C1,1.8.0,2026-02-28T02:00:00+08:00,1901.000\n"u8.ToArray();
        await using (var ledger = OpenLedger.Open(Options))
        {
            var digest = ledger.Evidence.Put(text);
            var register = new RegisterId(new("S01-C1"), Direction.Import);
            var at = Instant.FromUtc(2026, 2, 27, 17, 0);
            await ledger.Journal.AppendAsync(Streams.Register(register), ExpectedRevision.Any, [NewFact.At(
                new RegisterReadingRecorded(register, at, 1_501_000, ReadingQuality.Measured, digest), at,
                new EvidenceKey("forged"))], TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        var found = town.Run("verify");
        (found.Exit != ExitCode.Done || NotChecked(found.Output) != NotChecked(whole)).ShouldBeTrue(found.Output);
    }
}
