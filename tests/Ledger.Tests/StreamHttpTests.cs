using System.Buffers.Binary;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Frames over HTTP, the health of the streams, and a served ledger that a simulated fleet streams
/// to.</summary>
public sealed class StreamHttpTests
{
    private static long Time(int second) => StreamTown.DayMicroseconds + second * 1_000_000L;

    private static byte[] Announce(params string[] points)
    {
        var buffer = new byte[1024];
        var frame = FrameWriter.Announce(buffer, 0, Time(0), 0);
        for (var i = 0; i < points.Length; i++)
            frame.TryAdd(new Announcement(i, new(points[i]), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static byte[] Hour(long sequence, int stream = 0) => StreamTown.Samples(sequence, Time(3600),
        (stream, StreamTown.Seconds(0, 3600)));

    private static byte[] Body(params byte[][] frames)
    {
        using var body = new MemoryStream();
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var frame in frames)
        {
            BinaryPrimitives.WriteInt32LittleEndian(length, frame.Length);
            body.Write(length);
            body.Write(frame);
        }
        return body.ToArray();
    }

    private static async Task<ServedLedger> StartAsync(FrameLogOptions? log = null, int files = 4)
    {
        var served = await ServedLedger.StartAsync(
            options => options with { FileBytesMax = 1 << 20, FileRequestsMax = files }, log ?? new(""));
        served.Clock.Now = StreamTown.Day + Duration.FromHours(1);
        await served.RegisterConnectorAsync();
        return served;
    }

    [Fact]
    public async Task Frames_of_a_short_session_are_answered_when_they_are_durable_and_make_records()
    {
        await using var served = await StartAsync();
        var body = Body(Announce("CP1"), Hour(1));
        var answer = await served.PostAsync("/v1/frames", body);
        (answer.Status, answer["session"], answer["frames"], answer["samples"]).ShouldBe((201, "1", "2", "3601"));
        var again = await served.PostAsync("/v1/frames", body);
        (again.Status, again["session"]).ShouldBe((201, "2"));
        await served.Streams!.SettleAsync(
            served.Clock.Now + Duration.FromMinutes(5), TestContext.Current.CancellationToken);
        var records = (await TestFolder.AllAsync(served.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<IntervalRecorded>().GroupBy(record => record.Period)
            .Select(versions => versions.MaxBy(record => record.Version)!).ToList();
        records.Count.ShouldBeGreaterThanOrEqualTo(4);
        records.Take(4).ShouldAllBe(record => record.Import == Energy.FromWattHours(25_000)
            && record.DuplicateSamples == record.Samples);
    }

    [Fact]
    public async Task Files_that_wait_take_no_place_from_frames()
    {
        await using var served = await StartAsync(files: 1);
        var (file, frames) = (0, 0);
        while (file != 429)
        {
            // As in ApiTests: where the half sent file lost the one place to the whole one, the next round has another.
            using var waits = await ApiTests.HalfSentAsync(served.Client.BaseAddress!);
            file = (await served.PostAsync("/v1/imports?name=x", "x")).Status;
            frames = (await served.PostAsync("/v1/frames", Body(Announce("CP1"), Hour(1)))).Status;
        }
        frames.ShouldBe(201);
    }

    [Fact]
    public async Task A_frame_that_breaks_a_rule_is_refused_with_its_number_in_the_request_and_kept()
    {
        await using var served = await StartAsync();
        var broken = await served.PostAsync("/v1/frames", Body(Announce("CP1"), "hello"u8.ToArray()));
        (broken.Status, broken["name"]).ShouldBe((422, "UnknownFormat"));
        broken["detail"]!.ShouldStartWith("frame 2 of the request: frame.kind is 104");
        var session = await served.PostAsync("/v1/frames", Body(Announce("CP1"), Hour(1), Hour(2, stream: 3)));
        (session.Status, session["name"], session["detail"]).ShouldBe((422, "MissingField",
            "frame 3 of the request: frame.stream is 3: announced in this session before"));
        var other = await served.PostAsync("/v1/frames", Body(Announce("CP1"), Hour(1), StreamTown.Samples(1, Time(0),
            (0, StreamTown.Seconds(0, 0)))));
        (other.Status, other["name"]).ShouldBe((409, "EvidenceConflict"));
        (await TestFolder.AllAsync(served.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()
            .Select(one => (one.Code, one.Source)).ShouldBe([(Rejection.UnknownFormat, "/v1/frames"),
                (Rejection.MissingField, "/v1/frames"), (Rejection.EvidenceConflict, "/v1/frames")]);
    }

    [Fact]
    public async Task A_body_that_is_not_frames_behind_their_lengths_or_is_too_large_is_refused()
    {
        await using var served = await StartAsync();
        foreach (var body in (byte[][])[[1, 2, 3], [5, 0, 0, 0, 1], [255, 255, 255, 255, 0], [.. Body(Announce("CP1")), 0]])
        {
            var answer = await served.PostAsync("/v1/frames", body);
            (answer.Status, answer["name"]).ShouldBe((400, "Malformed"));
        }
        var empty = await served.PostAsync("/v1/frames", (byte[])[]);
        (empty.Status, empty["name"]).ShouldBe((400, "EmptyInput"));
        var large = await served.PostAsync("/v1/frames", new byte[(1 << 20) + 1]);
        (large.Status, large["name"]).ShouldBe((413, "TooLarge"));
        served.Streams!.Log.Acknowledged.End.ShouldBe(new FrameAddress(0, 0));
    }

    /// <summary>A frame of a million samples that are all alike has a few thousand bytes.</summary>
    [Fact]
    public async Task A_body_of_more_samples_than_a_request_may_have_is_refused_before_any_is_taken()
    {
        await using var served = await StartAsync();
        PowerSample[] alike = [.. Enumerable.Range(0, Limits.SamplesPerFrameMax)
            .Select(i => new PowerSample(Time(0) + i * 1000L, 100_000_000))];
        byte[][] Frames(int count) => [.. Enumerable.Range(1, count)
            .Select(number => StreamTown.Samples(number, Time(3600), (0, alike)))];
        var body = Body([Announce("CP1"), .. Frames(33)]);
        body.Length.ShouldBeLessThan(1 << 20);
        var answer = await served.PostAsync("/v1/frames", body);
        (answer.Status, answer["name"], answer["detail"]).ShouldBe(
            (413, "TooLarge", "a request has at most 33554432 samples; nothing of this one was taken"));
        served.Streams!.Log.Acknowledged.End.ShouldBe(new FrameAddress(0, 0));
        (await served.PostAsync("/v1/frames", Body([Announce("CP1"), .. Frames(1)]))).Status.ShouldBe(201);
    }

    [Fact]
    public async Task What_is_ready_includes_the_streams_and_the_document_describes_their_resource()
    {
        await using var served = await StartAsync();
        await served.PostAsync("/v1/frames", Body(Announce("CP1"), Hour(1)));
        await served.Streams!.SettleAsync(StreamTown.Day, TestContext.Current.CancellationToken);
        var streams = (await served.GetAsync("/health/ready")).Json.GetProperty("streams");
        (streams.GetProperty("points").ToString(), streams.GetProperty("samples").ToString()).ShouldBe(("1", "3601"));
        var post = (await served.GetAsync("/openapi/v1.json")).Json.GetProperty("paths").GetProperty("/v1/frames")
            .GetProperty("post");
        post.GetProperty("requestBody").GetProperty("content").TryGetProperty("application/octet-stream", out _).ShouldBeTrue();
        post.GetProperty("responses").EnumerateObject().Select(one => one.Name)
            .ShouldBe(["201", "400", "401", "403", "404", "408", "409", "413", "422", "429", "503"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_storage_error_of_the_log_is_no_answer_of_success_and_stops_the_server()
    {
        using var gate = new ManualResetEventSlim(true);
        var isBroken = false;
        await using var served = await StartAsync(
            new FrameLogOptions("") { OpenFile = path => new GatedFile(path, gate, () => isBroken) });
        isBroken = true;
        var answer = await served.PostAsync("/v1/frames", Body(Announce("CP1"), Hour(1)));
        (answer.Status, answer["name"]).ShouldBe((503, "FrameLogStopped"));
        (await served.Ended)!.Message.ShouldBe("the frame log has stopped: the disk is broken");
        var ready = await served.GetAsync("/health/ready");
        (ready.Status, ready["detail"]).ShouldBe((503, "the streams have stopped: the frame log has stopped: the disk is broken"));
        isBroken = false;
    }

    /// <summary>A frame that comes again is durable before the one that came after it the first time.</summary>
    [Fact]
    public async Task A_request_that_repeats_its_first_frame_is_answered_when_its_last_one_is_durable()
    {
        using var gate = new ManualResetEventSlim(true);
        // Two frames have no room in one block; of the segment all is written but the second.
        var log = new FrameLogOptions("", BlockBytesMax: Limits.FrameBytesMax + 4096)
        {
            OpenFile = path => new GatedFile(path, gate, () => path.EndsWith(".frames", StringComparison.Ordinal)
                && new FileInfo(path).Length > Limits.FrameBytesMax / 2),
        };
        await using var served = await ServedLedger.StartAsync(options => options with { FileBytesMax = 8 << 20 }, log);
        served.Clock.Now = StreamTown.Day + Duration.FromHours(1);
        await served.RegisterConnectorAsync();
        var (first, second) = (Noise(1), Noise(2));
        first.Length.ShouldBeInRange((Limits.FrameBytesMax / 2) + 4096, Limits.FrameBytesMax);
        var answer = await served.PostAsync("/v1/frames", Body(Announce("CP1"), first, second, first));
        (answer.Status, answer["name"]).ShouldBe((503, "FrameLogStopped"));
        await served.Ended;
    }

    /// <summary>Samples that take nearly all the bytes that a frame may have.</summary>
    private static byte[] Noise(int sequence)
    {
        var (chance, at) = (new Random(sequence), Time(0));
        return StreamTown.Samples(sequence, Time(3600), (0, [.. Enumerable.Range(0, 120_000)
            .Select(_ => new PowerSample(at += 1 + chance.Next(30_000), chance.Next(1_000_000_000)))]));
    }

    [Fact]
    public async Task A_served_ledger_takes_what_a_simulated_fleet_streams_and_nothing_is_lost_when_it_is_killed()
    {
        using var data = new TestFolder();
        var ct = TestContext.Current.CancellationToken;
        var (port, streamPort) = (FreePorts.Next(), FreePorts.Next());
        string[] serve = ["serve", "--stream-port", $"{streamPort}", "--give-up-after", "60", "--ledger", "streams"];
        var process = await ServeProcess.StartAsync(serve, data.Path, port, ct);
        string[] fleet = ["simulate", "fleet", "--connectors", "200", "--rate", "10", "--minutes", "12", "--gateway", "50",
            "--start", "2026-06-02T08:00:00Z", "--to", $"http://127.0.0.1:{streamPort}", "--register", $"http://127.0.0.1:{port}",
            "--speed", "max", "--period", "5", "--json"];
        var sending = Task.Run(() => CommandRun.OfAsync(fleet, clock: SystemClock.Instance), ct);
        var frames = Path.Combine(data.Path, FrameLogOptions.FolderName, "000000.frames");
        while (!sending.IsCompleted && (!File.Exists(frames) || new FileInfo(frames).Length < 200_000))
            await Task.Delay(5, ct);
        sending.IsCompleted.ShouldBeFalse("there was nothing left to kill it in");
        await process.KillAsync(ct);
        process.Dispose();
        process = await ServeProcess.StartAsync(serve, data.Path, port, ct);
        var run = await sending;
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""));
        run.Output.ShouldContain("\"reconnects\": \"4\"");
        await process.TerminateAsync(ct);
        process.Dispose();
        await using var ledger = Api.OpenLedger.Open(data.Path, null, SystemClock.Instance);
        await using (var streams = ledger.OpenStreams())
            await streams.SettleAsync(SystemClock.Instance.GetCurrentInstant() + Duration.FromMinutes(10), ct);
        var records = (await TestFolder.AllAsync(ledger.Journal)).Select(EventCodec.Decode).OfType<IntervalRecorded>()
            .GroupBy(record => (record.Point, record.Period))
            .Select(all => all.MaxBy(record => record.Version)!).ToList();
        records.Select(record => record.Point).Distinct().Count().ShouldBe(200);
        // Twelve minutes have two whole periods of five; what waited for the server is in the period of its own time.
        records.Sum(record => (long)record.Samples).ShouldBe(200 * 7201);
        var whole = records.Where(record => record.Period.End <= Instant.FromUtc(2026, 6, 2, 8, 10)).ToList();
        whole.Count.ShouldBe(400);
        whole.ShouldAllBe(record => record.Samples == 3000 && record.Gaps.Count == 0
            && record.CoveredMicroseconds == 300_000_000 && record.Quality == ReadingQuality.Measured);
        records.ShouldAllBe(record => record.ConflictingSamples == 0);
    }

    [Theory]
    [InlineData("it is --out or --to", "--to", "http://127.0.0.1:1", "--out", "x")]
    [InlineData("--speed, --register and --key-file go with --to", "--speed", "2", "--out", "x")]
    [InlineData("--speed is max, or a number from 1 to 100000, not '0'", "--to", "http://127.0.0.1:1", "--speed", "0")]
    [InlineData("--to is an address like http://127.0.0.1:8480, not '127.0.0.1'", "--to", "127.0.0.1")]
    public void What_does_not_go_together_is_usage(string problem, params string[] args)
    {
        var (exit, _, errors) = CommandRun.Of(["simulate", "fleet", "--connectors", "1", .. args]);
        (exit, errors.Split('\n')[0]).ShouldBe((ExitCode.Usage, $"ledger simulate: {problem}"));
    }
}
