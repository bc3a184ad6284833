using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Ledger.Tests.EventStoreDb;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>kill -9</c> of the process that writes a journal, at random moments, in every store: when it opens, while it
/// appends, before an answer is heard. What was acknowledged is there once, what was not is sent again and is there
/// once, and in the end the digest is that of a run that nobody disturbed. LEDGER_LONG=1 kills 1000 times in each
/// store, in 20 campaigns of a ledger each; LEDGER_CAMPAIGNS=3-8 takes those. LEDGER_ESDB names a server to use in the
/// place of the double.
/// </summary>
[Collection(OnPostgres.Name)]
public sealed class WriterKillTests(PostgresCluster cluster)
{
    private const int AppendsAfterwards = 50;
    private static bool IsLong => Environment.GetEnvironmentVariable("LEDGER_LONG") == "1";
    private static int Kills => IsLong ? 50 : 3;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Numbers of the campaigns; each has its own ledger and its own chance.</summary>
    private static IEnumerable<int> Campaigns
    {
        get
        {
            var chosen = Environment.GetEnvironmentVariable("LEDGER_CAMPAIGNS");
            if (chosen is null) return Enumerable.Range(0, IsLong ? 20 : 1);
            var ends = Array.ConvertAll(chosen.Split('-'), end => int.Parse(end, CultureInfo.InvariantCulture));
            return Enumerable.Range(ends[0], ends[^1] - ends[0] + 1);
        }
    }

    [Fact]
    public Task In_sqlite_a_killed_writer_loses_and_doubles_nothing() =>
        CampaignsAsync("sqlite", folder => Task.FromResult($"sqlite:{folder}"));

    [Fact]
    public Task In_postgresql_a_killed_writer_loses_and_doubles_nothing()
    {
        var store = "postgres:" + cluster.Server.Connection();
        return CampaignsAsync("postgres", _ => Task.FromResult(store));
    }

    [Fact]
    public async Task In_an_event_store_a_killed_writer_loses_and_doubles_nothing()
    {
        await using var server = await EventStoreDouble.StartAsync();
        var store = EventStoreDbServerContractTests.Server ?? server.ConnectionString;
        await CampaignsAsync("esdb", _ => Task.FromResult(store));
    }

    /// <summary>A call that fails on whichever of the writer's threads: that which writes rows, or answers, or writes
    /// the index, which alone renames.</summary>
    [Theory]
    [InlineData("rename", 3)] // the first one names the owner of the folder
    [InlineData("rename", 20)]
    [InlineData("fsync", 40)]
    [InlineData("fsync", 41)]
    [InlineData("fsync", 42)]
    [InlineData("unlink", 30)] // of runs that were merged
    public async Task In_sqlite_a_disk_that_fails_stops_the_writer_and_loses_nothing(string call, int number)
    {
        WholeMachine.SkipWhileMutating();
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        using var folder = TestFolder.OnDisk();
        var place = new WriterPlace(folder.Path, new LedgerId("failing"), $"sqlite:{folder.Path}");
        using var child = KillableWriter.Start(place, "strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e",
            $"trace={call}", "-e", string.Create(CultureInfo.InvariantCulture, $"inject={call}:error=EIO:when={number}"));
        await child.WaitForExitAsync(Ct).WaitAsync(TimeSpan.FromMinutes(2), Ct);
        KillableWriter.WrongOf(place).ShouldContain(nameof(JournalFaultedException));
        await ShouldEndAsUndisturbedAsync(place, new SeenEvents(place));
    }

    private static async Task CampaignsAsync(string name, Func<string, Task<string>> store)
    {
        WholeMachine.SkipWhileMutating();
        var (kills, sum) = (0, default(Tally));
        foreach (var number in Campaigns)
        {
            using var folder = TestFolder.OnDisk();
            // A server keeps the ledger of every campaign and every run before.
            var ledger = new LedgerId(string.Create(CultureInfo.InvariantCulture,
                $"killed-{number}-{TimeProvider.System.GetTimestamp():x}"));
            sum += await CampaignAsync(new(folder.Path, ledger, await store(folder.Path)), new Random(number));
            kills += Kills;
            TestContext.Current.SendDiagnosticMessage(
                $"{name}: {kills} kills, {sum.Appends} appends acknowledged, {sum.Repeats} of them repeats, digests equal");
        }
    }

    private static async Task<Tally> CampaignAsync(WriterPlace place, Random chance)
    {
        var seen = new SeenEvents(place);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var child = KillableWriter.Start(place);
            // Every third time at any moment, also before the journal is open; else amid appending.
            if (kill % 3 == 2) await Task.Delay(chance.Next(0, 1000), Ct);
            else
            {
                var target = KillableWriter.Acknowledged(place) + chance.Next(1, 60);
                while (KillableWriter.Acknowledged(place) < target && !child.HasExited) await Task.Delay(1, Ct);
                await Task.Delay(chance.Next(0, 20), Ct);
            }
            child.HasExited.ShouldBeFalse("it ends only when it is killed: " + KillableWriter.WrongOf(place));
            child.Kill();
            await child.WaitForExitAsync(Ct);
            await seen.CheckAsync();
        }
        await ShouldEndAsUndisturbedAsync(place, seen);
        return new(KillableWriter.Acknowledged(place), KillableWriter.Repeats(place));
    }

    private static async Task ShouldEndAsUndisturbedAsync(WriterPlace place, SeenEvents seen)
    {
        await seen.CheckAsync();
        var appends = Math.Max(KillableWriter.Acknowledged(place), seen.Appends) + AppendsAfterwards;
        var disturbed = await KillableWriter.WriteAsync(place, appends, Ct);
        await seen.CheckAsync();
        seen.Appends.ShouldBe(appends);
        using var calm = new TestFolder();
        var undisturbed = await KillableWriter.WriteAsync(
            place with { Folder = calm.Path, Store = $"sqlite:{calm.Path}" }, appends, Ct);
        disturbed.ShouldBe(undisturbed);
    }

    private readonly record struct Tally(int Appends, int Repeats)
    {
        public static Tally operator +(Tally one, Tally other) =>
            new(one.Appends + other.Appends, one.Repeats + other.Repeats);
    }

    /// <summary>What the journal holds, read on from where the last look ended.</summary>
    private sealed class SeenEvents(WriterPlace place)
    {
        private long next;

        /// <summary>Whatever of the index is there is what the journal says.</summary>
        private void ShouldHaveItsIndex()
        {
            var findings = new Findings();
            JournalVerification.Verify(
                place.Folder, place.Ledger, TestFolder.Secret, [], false, findings, _ => { }, Ct);
            findings.Faults.Where(fault => fault.Place.StartsWith("index/", StringComparison.Ordinal)).ShouldBeEmpty();
        }

        /// <summary>Appends that are there, each whole.</summary>
        public int Appends { get; private set; }

        public async Task CheckAsync()
        {
            var acknowledged = KillableWriter.Acknowledged(place);
            IJournalReader journal;
            try
            {
                journal = LedgerStores.OpenReader(place.Options);
            }
            catch (JournalRefusedException) when (acknowledged == 0)
            {
                return; // it was killed before the journal was begun
            }
            await using (journal)
            {
                Appends = PlannedAppends.At(journal.Length);
                Appends.ShouldBeGreaterThanOrEqualTo(acknowledged, "acknowledged, and lost");
                journal.Length.ShouldBe(PlannedAppends.First(Appends), "an append is there in part");
                await foreach (var recorded in journal.ReadAllAsync(next, Ct))
                {
                    var fact = TestFolder.Reading((int)next);
                    (recorded.Position, recorded.Envelope.Id, recorded.Envelope.Stream).ShouldBe((next,
                        EventId.From(fact.ValidTime.Start, fact.Evidence),
                        PlannedAppends.StreamOf(PlannedAppends.At(next))));
                    next++;
                }
                next.ShouldBe(journal.Length);
            }
            if (place.Options.Embedded is not null) ShouldHaveItsIndex();
        }
    }
}
