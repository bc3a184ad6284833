using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A disk that fails while a server records: it refuses, says so and ends with an exit code that is not zero; after the
/// first refusal nothing is acknowledged; and what was acknowledged before is there once when the disk is well again.
/// LEDGER_LONG=1 lets the disk fail at many more moments.
/// </summary>
public sealed class StorageErrorTests
{
    private static readonly bool IsLong = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1";
    private static readonly Instant FirstReadAt = Instant.FromUtc(2026, 1, 2, 0, 0);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Which call fails, how, and whether it fails from then on: a full disk stays full.</summary>
    public static TheoryData<string, string, string> Failures => new()
    {
        { "fsync", "EIO", "" }, // how SQLite makes its log durable
        { "pwrite64", "ENOSPC", "+" }, // SQLite's log, journal.head, evidence
        { "pwrite64", "EIO", "" },
        { "fsync", "EIO", "+" },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task A_disk_that_fails_ends_the_server_and_nothing_is_acknowledged_after(
        string call, string error, string from)
    {
        WholeMachine.SkipWhileMutating();
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        foreach (var number in IsLong ? Enumerable.Range(1, 60).Select(i => i * 7) : [30])
        {
            using var folder = TestFolder.OnDisk();
            await PrepareAsync(folder);
            var (acknowledged, stopped) = await RecordAsync(folder, ["strace", "-f", "--seccomp-bpf", "-qqq", "-o",
                "/dev/null", "-e", $"trace={call}", "-e",
                string.Create(CultureInfo.InvariantCulture, $"inject={call}:error={error}:when={number}{from}")]);
            if (!IsLong) stopped.ShouldBeTrue($"{call} was not called {number} times");
            if (!stopped) continue; // so many calls were not made
            await ShouldHaveOnceAsync(folder, acknowledged);
        }
    }

    [Fact]
    public async Task A_full_disk_refuses_and_when_there_is_room_again_the_ledger_goes_on()
    {
        WholeMachine.SkipWhileMutating();
        using var folder = TestFolder.OnDisk();
        Directory.CreateDirectory(folder.Path);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=6m", "ledger-test", folder.Path),
            "only root may mount a small disk");
        try
        {
            await PrepareAsync(folder);
            var ballast = Path.Combine(folder.Path, "ballast");
            await File.WriteAllBytesAsync(ballast, new byte[2 << 20], Ct);
            var (acknowledged, stopped) = await RecordAsync(folder, []);
            stopped.ShouldBeTrue();
            acknowledged.ShouldBeGreaterThan(20);
            File.Delete(ballast);
            await ShouldHaveOnceAsync(folder, acknowledged);
            var run = CommandRun.Of(["verify", "--data", folder.Path], clock: SystemClock.Instance);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        }
        finally
        {
            Run("umount", folder.Path).ShouldBeTrue();
        }
    }

    /// <summary>The evidence of what is refused has no room, and what was written of it cannot be taken back.</summary>
    [Fact]
    public async Task Evidence_that_can_neither_be_kept_nor_taken_back_ends_the_server()
    {
        WholeMachine.SkipWhileMutating();
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        using var folder = TestFolder.OnDisk();
        await PrepareAsync(folder);
        var segment = Path.Combine(folder.Path, EvidenceArchive.FolderName, "000000.segment"); // not there yet
        var port = FreePorts.Next();
        using var server = await ServeProcess.StartAsync(["serve"], folder.Path, port, Ct, ["strace", "-f", "--seccomp-bpf", "-qqq", "-o",
            "/dev/null", "-P", segment, "-e", "trace=pwrite64,ftruncate", "-e", "inject=pwrite64:error=ENOSPC:when=1+",
            "-e", "inject=ftruncate:error=EIO:when=1+"]);
        using var client = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}"),
        };
        using var body = new StringContent("""{"point":"P","kwh":"NaN"}""", Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync("/v1/register-readings", body, Ct);
        ((int)answer.StatusCode).ShouldBe(503);
        (await answer.Content.ReadAsStringAsync(Ct)).ShouldContain("EvidenceStopped");
        await server.EndedAsync(Ct).WaitAsync(TimeSpan.FromMinutes(2), Ct);
        server.Errors.ShouldContain("ledger serve: STOPPED by a storage error: ");
        server.ExitCode.ShouldBe(ExitCode.CouldNot);
        await ShouldHaveOnceAsync(folder, 0);
    }

    /// <summary>
    /// A sync that failed leaves in memory what is not on the disk, and a process that is started anew finds it there:
    /// it writes it again before anything rests on it, and where that fails too it does not begin.
    /// </summary>
    [Theory]
    [InlineData(SqliteJournal.FileName + "-wal")]
    [InlineData(JournalHead.FileName)]
    [InlineData(EvidenceArchive.FolderName + "/000000.segment")]
    [InlineData("ledger.subjects")]
    public async Task What_an_earlier_process_may_have_left_in_memory_alone_is_written_again_before_it_counts(
        string file)
    {
        WholeMachine.SkipWhileMutating();
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        using var folder = TestFolder.OnDisk();
        await PrepareAsync(folder);
        using (var archive = EvidenceArchive.Open(folder.Path, LedgerIdentity.Open(folder.Path).Secret))
        {
            archive.Put("before"u8);
            archive.Put(new Submission("jane's"u8.ToArray(), "test") { Personal = [new(0, 4, ["Jane"])] });
        }
        var port = FreePorts.Next();
        using (var killed = await ServeProcess.StartAsync(["serve"], folder.Path, port, Ct))
        using (var client = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}"),
        })
        {
            (await TakesAsync(client, 1)).ShouldBe(true);
            await killed.KillAsync(Ct);
        }
        var path = Path.Combine(folder.Path, file);
        var before = await File.ReadAllBytesAsync(path, Ct);
        (await Should.ThrowAsync<InvalidOperationException>(async () => (await ServeProcess.StartAsync(["serve"],
            folder.Path, FreePorts.Next(), Ct, ["strace", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-P", path, "-e",
            "trace=pwrite64", "-e", "inject=pwrite64:error=EIO:when=1"])).Dispose()))
            .Message.ShouldContain("ledger serve: ");
        (await File.ReadAllBytesAsync(path, Ct)).ShouldBe(before);
        await ShouldHaveOnceAsync(folder, 1);
    }

    /// <summary>A checkpoint is nobody's before the disk has how far the journal was: beside a server that is not
    /// waited for when facts are answered.</summary>
    [Fact]
    public async Task No_checkpoint_is_signed_where_the_disk_does_not_take_how_far_the_journal_is()
    {
        WholeMachine.SkipWhileMutating();
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        using var folder = TestFolder.OnDisk();
        await PrepareAsync(folder);
        var sign = new[] { "checkpoint", "--data", folder.Path };
        (await CommandRun.OfAsync(sign, clock: SystemClock.Instance)).Exit.ShouldBe(ExitCode.Done);
        await PrepareAsync(folder, "Q");
        var sizes = new CheckpointStore(folder.Path).Sizes;
        string[] failing = ["-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-P", Path.Combine(folder.Path, JournalHead.FileName),
            "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "dotnet",
            Path.Combine(AppContext.BaseDirectory, "ledger.dll"), .. sign];
        Run("strace", failing).ShouldBeFalse();
        new CheckpointStore(folder.Path).Sizes.ShouldBe(sizes);
        (await CommandRun.OfAsync(sign, clock: SystemClock.Instance)).Exit.ShouldBe(ExitCode.Done);
        new CheckpointStore(folder.Path).Sizes.Count.ShouldBe(sizes.Count + 1);
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>A ledger with one register, on a disk that is well.</summary>
    private static async Task PrepareAsync(TestFolder folder, string point = "P")
    {
        var masterData = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await File.WriteAllTextAsync(masterData, $$"""
            {"type":"settlement-point","point":"{{point}}","station":"S","kind":"connector","owner":"ACME","zone":"Etc/UTC","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}
            {"type":"register","point":"{{point}}","direction":"import","meterSerial":"M{{point}}","digits":12,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}
            """, Ct);
        var run = await CommandRun.OfAsync(["import", masterData, "--ledger", "faults", "--data", folder.Path],
            clock: SystemClock.Instance);
        File.Delete(masterData);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    /// <summary>Sends reading after reading until the server has ended, or very many were taken.</summary>
    /// <returns>How many were acknowledged, and whether the server ended by itself.</returns>
    private static async Task<(int Acknowledged, bool Stopped)> RecordAsync(TestFolder folder, string[] under)
    {
        const int Many = 800;
        var port = FreePorts.Next();
        ServeProcess server;
        try
        {
            server = await ServeProcess.StartAsync(["serve"], folder.Path, port, Ct, under);
        }
        catch (InvalidOperationException refused)
        {
            // The disk failed while the ledger was opened: it said so, and did not begin to listen.
            refused.Message.ShouldContain("ledger serve: ");
            return (0, true);
        }
        using (server)
        using (var client = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}"),
        })
        {
            var (acknowledged, refusedAt) = (0, -1);
            for (var reading = 1; reading <= Many; reading++)
            {
                if (await TakesAsync(client, reading) is not { } takes) break;
                if (takes)
                {
                    refusedAt.ShouldBe(-1, $"reading {reading} was acknowledged after {refusedAt} was refused");
                    acknowledged = reading;
                }
                else if (refusedAt < 0) refusedAt = reading;
                if (reading == Many)
                {
                    await server.KillAsync(Ct);
                    return (acknowledged, false);
                }
            }
            await server.EndedAsync(Ct).WaitAsync(TimeSpan.FromMinutes(2), Ct);
            server.Errors.ShouldContain("ledger serve: STOPPED by a storage error: ");
            server.ExitCode.ShouldBe(ExitCode.CouldNot);
            return (acknowledged, true);
        }
    }

    /// <summary>Whether a reading is acknowledged; null where nobody answers any more.</summary>
    private static async Task<bool?> TakesAsync(HttpClient client, int reading)
    {
        var at = NodaTime.Text.InstantPattern.ExtendedIso.Format(FirstReadAt + Duration.FromSeconds(reading));
        var kwh = (reading / 1000m).ToString("0.000", CultureInfo.InvariantCulture);
        using var body = new StringContent($$"""{"point":"P","direction":"import","readAt":"{{at}}","kwh":"{{kwh}}"}""",
            Encoding.UTF8, "application/json");
        try
        {
            using var answer = await client.PostAsync("/v1/register-readings", body, Ct);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>The disk is well again: the ledger opens, has each reading that was acknowledged once, and takes the
    /// next.</summary>
    private static async Task ShouldHaveOnceAsync(TestFolder folder, int acknowledged)
    {
        var identity = LedgerIdentity.Open(folder.Path);
        await using (var ledger = Api.OpenLedger.Open(folder.Path, null, SystemClock.Instance))
        {
            await ledger.CatchUpAsync(Ct);
            var readings = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<RegisterReadingRecorded>().Select(reading => reading.IndexSteps).ToList();
            readings.ShouldBe(Enumerable.Range(1, readings.Count).Select(step => (long)step));
            // One more may have become durable, of which the answer was lost with the disk.
            readings.Count.ShouldBeInRange(acknowledged, acknowledged + 1);
        }
        identity.Ledger.Value.ShouldBe("faults");
        var run = await CommandRun.OfAsync(["verify", "--fast", "--data", folder.Path], clock: SystemClock.Instance);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }
}
