using System.Buffers.Binary;
using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What an auditor or an operator gets of a ledger with streams: the frames themselves, copies, and proofs of
/// statements that rest on them.</summary>
public sealed class StreamProofTests : IDisposable
{
    private const string Tariff = """
        {"type":"tariff","tariff":"tou","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"1.1","exportPerKwh":"1.0"}]}
        {"type":"tariff-assignment","account":"ACME","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}

        """;

    private readonly TestFolder outside = new();

    public StreamProofTests() => Directory.CreateDirectory(outside.Path);

    public void Dispose() => outside.Dispose();

    private string Outside(string name) => Path.Combine(outside.Path, name);

    private static async Task<StreamTown> HourAsync()
    {
        var town = await StreamTown.OpenAsync(2, new(new FrameLogOptions("", SegmentBytesMax: 4 * 1024)));
        await town.TakeAsync(Tariff, "tariff");
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, 0, 3660);
        await town.SettleAsync();
        return town;
    }

    private static string Start => InstantPattern.ExtendedIso.Format(StreamTown.Day);

    /// <summary>Whoever reads a damaged frame log is told the file and the byte.</summary>
    [Fact]
    public async Task A_damaged_frame_log_is_named_in_one_line()
    {
        await using var town = await HourAsync();
        await town.CloseAsync();
        foreach (var segment in Directory.GetFiles(town.FramesPath, "*", SearchOption.AllDirectories)
            .Where(path => new FileInfo(path).Length > 0))
        {
            var bytes = await File.ReadAllBytesAsync(segment, TestContext.Current.CancellationToken);
            bytes.AsSpan(0, Math.Min(64, bytes.Length)).Clear();
            await File.WriteAllBytesAsync(segment, bytes, TestContext.Current.CancellationToken);
        }
        var run = town.Run("show", "evidence", "CP1", Start);
        (run.Exit, run.Output).ShouldBe((ExitCode.CouldNot, ""));
        run.Errors.ShouldContain("damaged at byte");
        run.Errors.Count(character => character == '\n').ShouldBe(1);
    }

    [Fact]
    public async Task The_frames_of_a_record_are_given_back_as_received_and_make_the_record_again()
    {
        await using var town = await HourAsync();
        var path = Outside("frames");
        var run = town.Run("show", "evidence", "CP1", Start, "--out", path, "--json");
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        run.Output.ShouldContain("\"derived\": \"the same\"");
        var (bytes, at, samples, kinds) = (File.ReadAllBytes(path), 0, new List<PowerSample>(), new List<FrameKind>());
        while (at < bytes.Length)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at));
            var reader = FrameReader.Open(bytes.AsSpan(at + 4, length));
            kinds.Add(reader.Head.Kind);
            var room = new PowerSample[Limits.SamplesPerBlockMax];
            if (reader.Head.Kind == FrameKind.Samples)
                while (reader.TryRead(room, out var block))
                    if (block.Stream == 1) samples.AddRange(room.AsSpan(0, block.Count));
            at += 4 + length;
        }
        kinds[0].ShouldBe(FrameKind.Announce);
        var record = (await town.LatestAsync()).First(one => one.Point == StreamTown.Name(1));
        var declaration = new SampleDeclaration(SampleSemantics.Instant, 1_000_000);
        PowerCurve.Integrate(samples.ToArray(), [record.Period], declaration)[0].Import.ShouldBe(record.Import);
        town.Run("show", "evidence", "CP9", Start).Errors.ShouldContain("there is no record of CP9");
    }

    [Fact]
    public async Task A_backup_beside_streams_has_all_that_its_records_rest_on_and_can_be_taken_over()
    {
        await using var town = await HourAsync();
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            using var stop = new CancellationTokenSource();
            var streaming = Task.Run(async () =>
            {
                for (var second = 3661; !stop.IsCancellationRequested; second += 5)
                    await town.StreamAsync(door, 2, second, second + 4);
            }, TestContext.Current.CancellationToken);
            var backup = town.Run("backup", Outside("backup"));
            await stop.CancelAsync();
            await streaming;
            (backup.Exit, backup.Errors).ShouldBe((ExitCode.Done, ""), backup.Output);
        }
        File.Exists(Path.Combine(Outside("backup"), "ledger", "frames", "streams.resume")).ShouldBeFalse();
        var restored = CommandRun.Of(["restore", Outside("backup"), "--data", Outside("restored")], clock: town.Clock);
        (restored.Exit, restored.Errors).ShouldBe((ExitCode.Done, ""), restored.Output);
        restored.Output.ShouldContain("frame log");
        // A frame that was changed since is found before anything is restored.
        var segment = Directory.GetFiles(Path.Combine(Outside("backup"), "ledger", "frames")).Order(StringComparer.Ordinal)
            .First(path => !path.EndsWith("frames.head", StringComparison.Ordinal) && new FileInfo(path).Length > 9);
        var bytes = File.ReadAllBytes(segment);
        bytes[^9] ^= 1;
        File.WriteAllBytes(segment, bytes);
        CommandRun.Of(["restore", Outside("backup"), "--data", Outside("again")], clock: town.Clock).Exit
            .ShouldBe(ExitCode.NotAsItShouldBe);
        var taken = CommandRun.Of(["restore", "--take-over", "--by", "operator", "--no-checkpoint", "--data",
            Outside("restored")], clock: town.Clock);
        (taken.Exit, taken.Errors).ShouldBe((ExitCode.Done, ""));
        var here = StreamTown.OpenAt(Outside("restored"));
        here.Clock.Now = town.Clock.Now;
        using (var door = here.Streams.Connect()) await StreamTown.SendAsync(door, here.Announce(2));
        await here.SettleAsync();
        (await here.VerifiedAsync()).Faults.ShouldBeEmpty();
        await here.CloseAsync();
    }

    /// <summary>A ledger that is restored gives numbers of sessions again that were given after the copy was made. A
    /// sender that had one of them is not told how far another one came with it.</summary>
    [Fact]
    public async Task After_a_restore_nobody_is_told_of_a_session_that_another_has_now()
    {
        const long number = 1500;
        async Task<string> TokenAsync(StreamTown town, Func<StreamDoor, Task> last)
        {
            while (true)
            {
                using var door = town.Streams.Connect();
                door.Session.ShouldBeLessThanOrEqualTo(number);
                if (door.Session < number) continue;
                await last(door);
                return door.Token;
            }
        }

        await using var town = await HourAsync();
        town.Run("backup", Outside("backup")).Exit.ShouldBe(ExitCode.Done);
        var token = await TokenAsync(town, _ => Task.CompletedTask);
        (await LastAsync(town, token)).ShouldBe(-1);
        CommandRun.Of(["restore", Outside("backup"), "--data", Outside("restored")], clock: town.Clock).Exit
            .ShouldBe(ExitCode.Done);
        CommandRun.Of(["restore", "--take-over", "--by", "operator", "--no-checkpoint", "--data", Outside("restored")],
            clock: town.Clock).Exit.ShouldBe(ExitCode.Done);
        var here = StreamTown.OpenAt(Outside("restored"));
        here.Clock.Now = town.Clock.Now;
        var other = await TokenAsync(here, door => StreamTown.SendAsync(door, here.Announce(2)));
        (await LastAsync(here, other)).ShouldBe(0);
        (await LastAsync(here, token)).ShouldBeNull();
        await here.RestartAsync();
        (await LastAsync(here, other)).ShouldBe(0); // its own, also after a start
        await here.CloseAsync();

        static Task<long?> LastAsync(StreamTown town, string token) =>
            town.Streams.LastSequenceAsync(number, token, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Full_segments_are_sealed_beside_the_work_and_a_restart_reads_them()
    {
        await using var town = await HourAsync();
        for (var tries = 0; tries < 3000 && Directory.GetFiles(town.FramesPath, "*.sealed").Length == 0; tries++)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        Directory.GetFiles(town.FramesPath, "*.sealed").ShouldNotBeEmpty();
        var records = (await town.AllAsync()).Count;
        await town.RestartAsync();
        await town.SettleAsync();
        (await town.AllAsync()).Count.ShouldBe(records);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_bundle_and_a_line_that_rest_on_streams_name_the_range_and_say_what_they_cannot_check()
    {
        await using var town = await HourAsync();
        town.Clock.Now = StreamTown.Day + Duration.FromDays(2);
        await town.SettleAsync();
        await town.CloseAsync();
        var settled = town.Run("settle", "--account", "ACME", "--day", "2026-03-01");
        const string run = "ACME-2026-03-01-1";
        settled.Output.ShouldContain(run, Case.Sensitive, settled.Errors);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
        foreach (var words in (string[][])[["bundle", "--statement", run, "--out", Outside("bundle.zip")],
            ["prove", $"{run}#1", "--out", Outside("line.zip")]])
        {
            var made = town.Run(words);
            (made.Exit, made.Errors).ShouldBe((ExitCode.Done, ""), made.Output);
            var verified = CommandRun.Of(["verify", words[^1]]);
            (verified.Exit, verified.Errors).ShouldBe((ExitCode.Done, ""), verified.Output);
            verified.Output.ShouldContain("interval records of streams against their frames");
        }
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }
}
