using System.Diagnostics;
using System.Globalization;
using System.Net;
using Ledger.Api;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// Streams end to end in one process: frames through the door, into the log on the disk, acknowledged, integrated, and
/// their records durable in the journal. The load is made beforehand.
/// Four loads have a name, <c>ingest gateway | single | nation | steady</c>; each flag changes one thing of it:
/// <list type="bullet">
/// <item><c>--connectors N --rate HZ --seconds S</c>: what is streamed;</item>
/// <item><c>--per-frame N --per-session N --per-message FRAMES</c>: connectors in a frame and of a sender, frames in a
/// message at most;</item>
/// <item><c>--wire grpc | door --connections N</c>: over loopback connections, from senders in this process, or without
/// any;</item>
/// <item><c>--paced yes | no</c>: a second takes a second, or as fast as frames are taken;</item>
/// <item><c>--warm S</c>: seconds before those that are measured, while code is compiled and buffers grow;</item>
/// <item><c>--edge SECOND</c>: when a quarter of an hour ends, with a record of each connector; else amid the
/// run;</item>
/// <item><c>--bare yes</c>: the same frames first to a server that only answers them;</item>
/// <item><c>--reopen yes</c>: how long it takes afterwards until a start has read the log again.</item>
/// </list>
/// What senders and server cost stands in the figures, by thread.
/// </summary>
internal static class IngestThroughput
{
    /// <summary>The clock of the simulated day, so that a quarter hour passes in seconds, or of one that passes as it
    /// does.</summary>
    private sealed class DayClock : IClock
    {
        private readonly Load load;
        private readonly Stopwatch watch = new();
        private long ticks;

        public DayClock(Load load) => (this.load, ticks) = (load, load.Start.ToUnixTimeTicks());

        public TimeSpan Elapsed => watch.Elapsed;
        public void Begin() => watch.Start();
        public Instant Now { set => Volatile.Write(ref ticks, value.ToUnixTimeTicks()); }

        public Instant GetCurrentInstant() =>
            load.IsPaced && watch.IsRunning ? load.Start + Duration.FromTimeSpan(watch.Elapsed)
            : Instant.FromUnixTimeTicks(Volatile.Read(ref ticks));
    }

    private sealed record Sender(IRoad Road, SenderFrames Frames);

    public static async Task<int> RunAsync(ReadOnlyMemory<string> args)
    {
        var load = LoadOf(args);
        var folder = Path.Combine(Path.GetTempPath(), $"ledger-streams-{Environment.ProcessId}");
        try
        {
            if (Text(args, "--bare", "no") == "yes") await MeasureBareAsync(load).ConfigureAwait(false);
            await MeasureAsync(folder, load with { Reopens = Text(args, "--reopen", "no") == "yes" })
                .ConfigureAwait(false);
            return 0;
        }
        finally
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }

    private static Load LoadOf(ReadOnlyMemory<string> args)
    {
        var named = (args.IsEmpty ? "" : args.Span[0]) switch
        {
            "gateway" => new Load(100_000, 10, 900, 1000, 1000) { IsWire = true, Warm = 60 },
            "single" => new(100_000, 10, 60, 1, 1000) { IsWire = true, PerMessage = 1, Warm = 20 },
            "nation" => new(1_600_000, 1, 120, 1000, 10_000) { IsWire = true, IsPaced = true, Warm = 20, Edge = 895 },
            "steady" => new(15_000, 10, 600, 200, 200) { IsWire = true, IsPaced = true, Warm = 20 },
            _ => new(100_000, 10, 900, 1000, 1000) { Warm = 60 },
        };
        var perFrame = Number(args, "--per-frame", named.PerFrame);
        return new(Number(args, "--connectors", named.Connectors), Number(args, "--rate", named.Rate),
            Number(args, "--seconds", named.Seconds), perFrame,
            Number(args, "--per-session", Math.Max(perFrame, named.PerSession)))
        {
            IsWire = Text(args, "--wire", named.IsWire ? "grpc" : "door") == "grpc",
            Connections = Number(args, "--connections", named.Connections),
            PerMessage = Number(args, "--per-message", named.PerMessage),
            IsPaced = Text(args, "--paced", named.IsPaced ? "yes" : "no") == "yes",
            Edge = Number(args, "--edge", named.Edge),
            Warm = Number(args, "--warm", named.Warm),
        };
    }

    private static string Text(ReadOnlyMemory<string> args, string name, string otherwise) =>
        args.Span.IndexOf(name) is >= 0 and var at ? args.Span[at + 1] : otherwise;

    private static int Number(ReadOnlyMemory<string> args, string name, int otherwise) =>
        int.Parse(Text(args, name, otherwise.ToString(CultureInfo.InvariantCulture)), CultureInfo.InvariantCulture);

    private static async Task MeasureAsync(string folder, Load load)
    {
        var clock = new DayClock(load);
        await using var ledger = OpenLedger.Open(folder, new LedgerId("streams"), clock);
        var registering = Stopwatch.StartNew();
        await RegisterAsync(ledger, load.Connectors).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"registered in {registering.Elapsed.TotalSeconds:0} s"));
        var prepared = Prepare(load);
        var (before, heap) = (ledger.Journal.Length, GC.GetTotalMemory(forceFullCollection: true));
        var streams = ledger.OpenStreams();
        await using var server = load.IsWire
            ? await StreamServer.StartAsync(streams, new(IPAddress.Loopback, 0), CancellationToken.None)
                .ConfigureAwait(false) : null;
        var channels = Channels(server?.Url, load);
        var delays = new DelayTally();
        var senders = prepared.ConvertAll(frames => new Sender(server is null ? new DoorRoad(streams.Connect())
            : Road(channels, load, frames), frames));
        await AnnounceAsync(senders, load).ConfigureAwait(false);
        await streams.SettleAsync(load.Start, CancellationToken.None).ConfigureAwait(false);
        Say(load, $"{load.Connectors} connectors at {load.Rate} Hz, {load.Seconds} s of their time{(load.IsPaced ? ", as it passes" : "")}; "
            + $"{load.Senders} senders, {load.PerFrame} connectors a frame, {(load.IsWire ? $"gRPC, {load.Connections} connections" : "in process")}");
        using var memory = new MemoryWatch();
        var figures = await StreamAsync(load, senders, clock, delays, async () =>
        {
            foreach (var sender in senders) await sender.Road.FlushAsync().ConfigureAwait(false);
            await streams.SettleAsync(
                load.Start + Duration.FromSeconds(load.Warm + load.Seconds), CancellationToken.None)
                .ConfigureAwait(false);
        }).ConfigureAwait(false);
        var state = (GC.GetTotalMemory(forceFullCollection: true) - heap) / load.Connectors;
        figures.Print(load, delays, senders.Sum(sender => sender.Road.Waits));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {ledger.Journal.Length - before} records; {memory.Greatest >> 20} MiB at most, load generator included "
            + $"(by quarter {memory.Quarters}); {state} bytes of heap a connector, queues included"));
        foreach (var sender in senders) await sender.Road.DisposeAsync().ConfigureAwait(false);
        foreach (var channel in channels) channel.Dispose();
        if (server is not null) await server.DisposeAsync().ConfigureAwait(false);
        await streams.DisposeAsync().ConfigureAwait(false);
        if (load.Reopens) await ReopenAsync(ledger).ConfigureAwait(false);
        PrintDisk(folder, figures.Samples * (load.Warm + load.Seconds) / load.Seconds);
    }

    private static async Task ReopenAsync(OpenLedger ledger)
    {
        var watch = Stopwatch.StartNew();
        await using var streams = ledger.OpenStreams();
        while (!streams.IsReplayed) await Task.Delay(10).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  opened again: {streams.Samples / 1e6:0.0} M samples of the log integrated in {watch.Elapsed.TotalSeconds:0.0} s"));
    }

    /// <summary>The same frames to a server that does nothing with them.</summary>
    private static async Task MeasureBareAsync(Load load)
    {
        var bare = load with { Seconds = Math.Min(load.Seconds, 20), IsPaced = false };
        await using var server = await BareServer.StartAsync().ConfigureAwait(false);
        var (channels, delays) = (Channels(server.Url, bare), new DelayTally());
        var senders = Prepare(bare).ConvertAll(frames => new Sender(Road(channels, bare, frames), frames));
        await AnnounceAsync(senders, bare).ConfigureAwait(false);
        Say(bare, $"bare gRPC, {bare.Seconds} s:");
        var figures = await StreamAsync(bare, senders, new DayClock(bare), delays, async () =>
        {
            foreach (var sender in senders) await sender.Road.FlushAsync().ConfigureAwait(false);
        }).ConfigureAwait(false);
        figures.Print(bare, delays, 0);
        foreach (var sender in senders) await sender.Road.DisposeAsync().ConfigureAwait(false);
        foreach (var channel in channels) channel.Dispose();
    }

    private static void Say(Load load, string what) =>
        Console.WriteLine($"{what}{(load.PerMessage == 1 ? ", each in a message of its own" : "")}");

    private static List<SenderFrames> Prepare(Load load) =>
        [.. Enumerable.Range(0, load.Senders).Select(s => new SenderFrames(load, s * load.PerSession))];

    private static List<StreamChannel> Channels(Uri? url, Load load) =>
        url is null ? [] : [.. Enumerable.Range(0, load.Connections).Select(_ => new StreamChannel(url))];

    /// <summary>No more is on the way than of two seconds, so that the clock and what arrives keep step.</summary>
    private static WireRoad Road(List<StreamChannel> channels, Load load, SenderFrames frames) =>
        new(channels[frames.First / load.PerSession % channels.Count], new("benchmark")
        {
            FramesInFlightMax = 2 * frames.PerSecond,
            FramesPerMessageMax = load.PerMessage,
        });

    private static async Task AnnounceAsync(List<Sender> senders, Load load)
    {
        var buffer = new byte[Limits.FrameBytesMax];
        foreach (var (road, frames) in senders)
            await road.SendAsync(buffer.AsMemory(0, frames.WriteAnnouncement(buffer, load.Rate))).ConfigureAwait(false);
        foreach (var (road, _) in senders) await road.FlushAsync().ConfigureAwait(false);
    }

    /// <summary>What a run took.</summary>
    private sealed record Figures(
        long Frames, long Bytes, long Samples, double Wall, double Cpu, TimeSpan Behind,
        IReadOnlyList<(string Name, double Seconds)> Threads)
    {
        public void Print(Load load, DelayTally delays, long waits)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {Samples / Wall / 1e6:0.00} M samples/s, {Frames / Wall:0} frames/s of {(double)Samples / Frames:0} samples, "
                + $"{Bytes / Wall / 1048576:0.0} MiB/s; {Cpu:0.0} CPU s in {Wall:0.0} s, "
                + $"{100 * Cpu / Wall / Environment.ProcessorCount:0} % of {Environment.ProcessorCount} processors"));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  acknowledged after {delays.MillisecondsOf(50)} ms (half), {delays.MillisecondsOf(99)} ms (99 of 100); {waits} waits"
                + $"{(load.IsPaced ? $"; at most {Behind.TotalMilliseconds:0} ms behind" : "")}"));
            Console.WriteLine("  CPU s by thread: " + string.Join(", ", Threads.Take(8).Select(thread =>
                string.Create(CultureInfo.InvariantCulture, $"{thread.Name} {thread.Seconds:0.0}"))));
        }
    }

    private static Task<Figures> StreamAsync(
        Load load, List<Sender> senders, DayClock clock, DelayTally delays, Func<Task> settle)
    {
        var done = new TaskCompletionSource<Figures>(TaskCreationOptions.RunContinuationsAsynchronously);
        // A thread of its own, so that what making the load costs stands in the table.
        var thread = new Thread(() =>
        {
            try
            {
                done.SetResult(Stream(load, senders, clock, delays, settle));
            }
            catch (Exception cause) // the caller is told
            {
                done.SetException(cause);
            }
        })
        { IsBackground = true, Name = "load" };
        thread.Start();
        return done.Task;
    }

    private static Figures Stream(
        Load load, List<Sender> senders, DayClock clock, DelayTally delays, Func<Task> settle)
    {
        var (sent, behind, buffer) = (default(Sent), TimeSpan.Zero, new byte[Limits.FrameBytesMax]);
        clock.Begin();
        for (var second = 0; second < load.Warm; second++)
            Send(load, senders, clock, second, buffer, ref sent, ref behind);
        foreach (var (road, _) in senders)
        {
            road.FlushAsync().GetAwaiter().GetResult();
            road.Delays = delays;
        }
        using var process = Process.GetCurrentProcess();
        var times = new ProcessTimes();
        var (watch, cpu) = (Stopwatch.StartNew(), process.TotalProcessorTime);
        (sent, behind) = (default, TimeSpan.Zero);
        for (var second = load.Warm; second < load.Warm + load.Seconds; second++)
            Send(load, senders, clock, second, buffer, ref sent, ref behind);
        settle().GetAwaiter().GetResult();
        process.Refresh();
        return new(sent.Frames, sent.Bytes, sent.Samples, watch.Elapsed.TotalSeconds,
            (process.TotalProcessorTime - cpu).TotalSeconds, behind, [.. times.Since()]);
    }

    private record struct Sent(long Frames, long Bytes, long Samples);

    /// <summary>Sends a second of all connectors.</summary>
    private static void Send(Load load, List<Sender> senders, DayClock clock, int second, byte[] buffer, ref Sent sent,
        ref TimeSpan behind)
    {
        clock.Now = load.Start + Duration.FromSeconds(second + 1);
        for (var s = 0; s < senders.Count; s++)
        {
            if (load.IsPaced)
            {
                // Senders are spread over the second.
                var left = TimeSpan.FromSeconds(second + 1 + (double)s / senders.Count) - clock.Elapsed;
                if (left > TimeSpan.Zero) Thread.Sleep(left);
                else if (-left > behind) behind = -left;
            }
            var (road, own) = senders[s];
            for (var f = 0; f < own.PerSecond; f++)
            {
                var (length, samples) = own.Write(buffer, second, f);
                var taken = road.SendAsync(buffer.AsMemory(0, length));
                if (!taken.IsCompletedSuccessfully) taken.AsTask().GetAwaiter().GetResult();
                sent = new(sent.Frames + 1, sent.Bytes + length, sent.Samples + samples);
            }
        }
    }

    private static void PrintDisk(string folder, long samples)
    {
        var disk = new DirectoryInfo(Path.Combine(folder, FrameLogOptions.FolderName)).EnumerateFiles()
            .Sum(file => file.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {(double)disk / samples:0.00} bytes a sample on the disk"));
    }

    private static Task RegisterAsync(OpenLedger ledger, int connectors)
    {
        var (by, from) = (ledger.Operator("benchmark"), Instant.FromUtc(2026, 1, 1, 0, 0));
        var many = new ParallelOptions { MaxDegreeOfParallelism = 512 };
        return Parallel.ForAsync(0, connectors, many, async (i, ct) =>
        {
            var point = new SettlementPointRegistered(SenderFrames.Name(i), new StationId("S1"),
                SettlementPointKind.Connector, new PartyId("ACME"), "Asia/Shanghai", 15, new Power(1_000_000_000),
                Bidirectional: true);
            await ledger.Recorder.RecordAsync(Streams.Point(point.Point), SettlementPointState.Empty,
                SettlementPoint.Evolve, state => SettlementPoint.Decide(state, point, from), by, ct)
                .ConfigureAwait(false);
        });
    }
}
