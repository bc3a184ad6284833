using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>kill -9</c> at random moments while 64 HTTP writers and one import run: after each restart everything that was
/// acknowledged is there exactly once, and at the end the journal proves itself. LEDGER_LONG=1 kills 1000 times.
/// </summary>
public sealed class KillTests
{
    private const int Seed = 20260601;
    private static readonly Instant FirstReadAt = Instant.FromUtc(2026, 1, 2, 0, 0);
    private static int Kills => Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 1000 : 20;

    [Fact]
    public async Task Nothing_acknowledged_is_lost_and_nothing_counts_twice()
    {
        WholeMachine.SkipWhileMutating();
        var ct = TestContext.Current.CancellationToken;
        using var folder = TestFolder.OnDisk();
        var port = FreePorts.Next();
        using var writers =
            new KilledWriters(new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}"), FirstReadAt);
        var chance = new Random(Seed);
        var seen = new SeenReadings(folder);
        Task? writing = null;
        for (var kill = 0; kill < Kills; kill++)
        {
            using var server = await ServeProcess.StartAsync(folder.Path, port, ct, kill == 0 ? "kills" : null);
            if (writing is null)
            {
                await writers.InstallAsync(ct);
                writing = writers.RunAsync();
            }
            else await seen.CheckAsync(writers, ct);
            writers.Up();
            // Every other kill comes at any moment, before the first answer too; the rest come amid writing.
            if (kill % 2 == 0) await writers.WaitForAsync(chance.Next(1, 200), ct);
            await Task.Delay(chance.Next(0, 200), ct);
            writers.Down();
            await server.KillAsync(ct);
            server.Errors.ShouldBeEmpty();
            writers.Wrong.ShouldBeEmpty();
        }
        await writers.StopAsync();
        await writing!;
        await seen.CheckAsync(writers, ct);
        await ProveAsync(folder, seen, ct);
        TestContext.Current.SendDiagnosticMessage(
            $"{Kills} kills, {seen.Count} readings, {seen.Checked} acknowledgements");
        seen.Checked.ShouldBeGreaterThan(Kills * 10);
    }

    [Fact]
    public async Task Told_to_stop_it_ends_well_and_a_second_owner_is_told_where_the_first_answers()
    {
        WholeMachine.SkipWhileMutating();
        var ct = TestContext.Current.CancellationToken;
        using var folder = TestFolder.OnDisk();
        using var server = await ServeProcess.StartAsync(folder.Path, 0, ct, "stops");
        server.Greeting.ShouldStartWith("ledger stops at http://127.0.0.1:");
        Should.Throw<FolderOwnedException>(() => OpenLedger.Open(folder.Path, null, folder.Clock)).Url.ShouldNotBeNull()
            .ShouldStartWith("http://127.0.0.1:");
        await server.TerminateAsync(ct);
        server.ExitCode.ShouldBe(0, server.Errors);
    }

    /// <summary>The journal against itself: each leaf, the head, every reading once, the sum, and every view.</summary>
    private static async Task ProveAsync(TestFolder folder, SeenReadings seen, CancellationToken ct)
    {
        await using var ledger = OpenLedger.Open(folder.Path, null, SystemClock.Instance);
        StoredRoot(folder).ShouldBe(Convert.ToHexStringLower(ledger.Journal.Root));
        await ledger.CatchUpAsync(ct);
        (await Replay.DiffAsync(ledger.Journal, ledger.Views, StandardProjections.All,
            (wireName, version, payload) => EventCodec.Decode(wireName, version, payload), null, ct)).ShouldBeEmpty();
        var facts = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode);
        facts.ShouldNotContain(fact => fact is EvidenceRefused || fact is RegisterReadingQuarantined);
        // Each register counts one step from one reading to the next: what is there is what was counted.
        foreach (var register in facts.OfType<RegisterReadingRecorded>().GroupBy(fact => fact.Register))
            register.Sum(reading => reading.IndexSteps)
                .ShouldBe(Enumerable.Range(1, register.Count()).Sum(index => (long)index));
        facts.Count(fact => fact is RegisterReadingRecorded).ShouldBe(seen.Count);
    }

    /// <summary>The Merkle root over the leaves as they are stored.</summary>
    private static string StoredRoot(TestFolder folder)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT leaf FROM events ORDER BY position";
        using var rows = command.ExecuteReader();
        var tree = new MerkleTree();
        while (rows.Read()) tree.Append(rows.GetFieldValue<byte[]>(0));
        return Convert.ToHexStringLower(tree.Root());
    }

    /// <summary>Every reading that the journal holds, read on from where the last look ended.</summary>
    private sealed class SeenReadings(TestFolder folder)
    {
        private readonly Dictionary<(string Register, long Index), long> positions = [];
        private long next;

        public int Count => positions.Count;
        public int Checked { get; private set; }

        public async Task CheckAsync(KilledWriters writers, CancellationToken ct)
        {
            var acknowledged = new List<Acknowledged>();
            while (writers.Fresh.TryDequeue(out var one)) acknowledged.Add(one);
            var identity = LedgerIdentity.Open(folder.Path);
            await using var journal =
                SqliteJournalReader.Open(new(folder.Path, identity.Ledger, SystemClock.Instance, identity.Secret));
            await foreach (var recorded in journal.ReadAllAsync(next, ct))
            {
                recorded.Position.ShouldBe(next++);
                if (EventCodec.Decode(recorded) is RegisterReadingRecorded reading)
                    positions.TryAdd((reading.Register.Point.Value, reading.IndexSteps), recorded.Position)
                        .ShouldBeTrue($"{reading} stands twice, at {recorded.Position} too");
            }
            foreach (var (register, index, position) in acknowledged)
            {
                positions.ShouldContainKey((register, index), $"acknowledged at {position}, and lost");
                if (position is { } said) positions[(register, index)].ShouldBe(said);
            }
            Checked += acknowledged.Count;
        }
    }
}
