using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Ledger.Api;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// Streams end to end in one process: frames through the door, into the log on the disk, acknowledged, integrated, and
/// their records durable in the journal. The load is made beforehand but for the times in it, so that what is measured
/// is the ledger; a second of each connector stands in one block. Frames come with 1 % of the samples up to 5 s late
/// and 0.5 % of them twice. With <c>--wire grpc</c> the frames come over a loopback connection from senders in this
/// process, and what they cost is part of the figure; <c>--per-session N</c> has senders of N connectors that send a
/// frame for each
/// <c>--per-frame</c> of them.
/// </summary>
internal static class IngestThroughput
{
    private const int ConnectorsPerGateway = 1000;
    private static readonly FrameUnits Units = new(1000, 1000);
    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);
    private static readonly long StartMicroseconds = Start.ToUnixTimeMilliseconds() * 1000;

    /// <summary>The clock of the simulated day, so that a quarter hour passes in seconds.</summary>
    private sealed class DayClock : IClock
    {
        private long ticks = Start.ToUnixTimeTicks();
        public Instant Now { set => Volatile.Write(ref ticks, value.ToUnixTimeTicks()); }
        public Instant GetCurrentInstant() => Instant.FromUnixTimeTicks(Volatile.Read(ref ticks));
    }

    public static async Task<int> RunAsync(ReadOnlyMemory<string> args)
    {
        var connectors = Number(args, "--connectors", 100_000);
        var rate = Number(args, "--rate", 10);
        var seconds = Number(args, "--seconds", 120);
        var perFrame = Number(args, "--per-frame", ConnectorsPerGateway);
        var load = new Load(connectors, rate, seconds, perFrame, Number(args, "--per-session", perFrame),
            args.Span.IndexOf("--wire") is >= 0 and var at && args.Span[at + 1] == "grpc", Number(args, "--connections", 4));
        var folder = Path.Combine(Path.GetTempPath(), $"ledger-streams-{Environment.ProcessId}");
        try
        {
            await MeasureAsync(folder, load).ConfigureAwait(false);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Number(ReadOnlyMemory<string> args, string name, int otherwise)
    {
        var at = args.Span.IndexOf(name);
        return at < 0 ? otherwise : int.Parse(args.Span[at + 1], CultureInfo.InvariantCulture);
    }

    /// <summary>What is streamed, and how.</summary>
    private sealed record Load(
        int Connectors, int Rate, int Seconds, int PerFrame, int PerSession, bool IsWire, int Connections);

    /// <summary>How a sender's frames get to the ledger.</summary>
    private interface IRoad : IAsyncDisposable
    {
        ValueTask SendAsync(ReadOnlyMemory<byte> frame);
        Task FlushAsync();
        long Waits { get; }
    }

    /// <summary>Into the door, in this process.</summary>
    private sealed class DoorRoad(StreamDoor door, DelayTally delays) : IRoad
    {
        private readonly Queue<(long Began, ValueTask<FrameAddress> Durable)> pending = new();

        public long Waits { get; private set; }

        public async ValueTask SendAsync(ReadOnlyMemory<byte> frame)
        {
            ValueTask<FrameAddress> durable;
            while (door.Take(frame, out _, out durable) == FrameTaken.Full)
            {
                Waits++;
                await Task.Delay(1).ConfigureAwait(false);
            }
            pending.Enqueue((Stopwatch.GetTimestamp(), durable));
            while (pending.TryPeek(out var first) && first.Durable.IsCompleted)
                await FirstAsync().ConfigureAwait(false);
        }

        public async Task FlushAsync()
        {
            while (pending.Count > 0) await FirstAsync().ConfigureAwait(false);
        }

        private async Task FirstAsync()
        {
            var (began, durable) = pending.Dequeue();
            await durable.ConfigureAwait(false);
            delays.Add(Stopwatch.GetElapsedTime(began));
        }

        public ValueTask DisposeAsync()
        {
            door.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Over a loopback connection.</summary>
    private sealed class WireRoad(StreamSender sender) : IRoad
    {
        public long Waits => sender.Sessions - 1;
        public ValueTask SendAsync(ReadOnlyMemory<byte> frame) => sender.SendAsync(frame);
        public Task FlushAsync() => sender.FlushAsync();

        public async ValueTask DisposeAsync()
        {
            await sender.CloseAsync().ConfigureAwait(false);
            await sender.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task MeasureAsync(string folder, Load load)
    {
        var clock = new DayClock();
        await using var ledger = OpenLedger.Open(folder, new LedgerId("streams"), clock);
        await RegisterAsync(ledger, load.Connectors).ConfigureAwait(false);
        var before = ledger.Journal.Length;
        var streams = ledger.OpenStreams();
        await using var server = load.IsWire
            ? await StreamServer.StartAsync(streams, new(IPAddress.Loopback, 0), CancellationToken.None)
                .ConfigureAwait(false) : null;
        var channels = server is null ? []
            : Enumerable.Range(0, load.Connections).Select(_ => new StreamChannel(server.Url)).ToList();
        var delays = new DelayTally();
        var gateways = await ConnectAsync(streams, load, channels, delays).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{load.Connectors} connectors at {load.Rate} Hz, {gateways.Count} senders of {load.PerSession}, {load.PerFrame} in a frame, "
            + $"{load.Seconds} s of their time, {(load.IsWire ? $"gRPC, {channels.Count} connections" : "in process")}"));
        var process = Process.GetCurrentProcess();
        var (watch, cpu) = (Stopwatch.StartNew(), process.TotalProcessorTime);
        var (frames, bytes, samples) = await SendAsync(load, gateways, clock).ConfigureAwait(false);
        foreach (var gateway in gateways) await gateway.Road.FlushAsync().ConfigureAwait(false);
        await streams.SettleAsync(Start + Duration.FromSeconds(load.Seconds), CancellationToken.None)
            .ConfigureAwait(false);
        var (wall, used) = (watch.Elapsed.TotalSeconds, (process.TotalProcessorTime - cpu).TotalSeconds);
        var waits = gateways.Sum(gateway => gateway.Road.Waits);
        foreach (var gateway in gateways) await gateway.Road.DisposeAsync().ConfigureAwait(false);
        foreach (var channel in channels) channel.Dispose();
        if (server is not null) await server.DisposeAsync().ConfigureAwait(false);
        await streams.DisposeAsync().ConfigureAwait(false);
        process.Refresh();
        var disk = new DirectoryInfo(Path.Combine(folder, FrameLogOptions.FolderName)).EnumerateFiles()
            .Sum(f => f.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{samples / wall / 1e6:0.00} M samples/s, {frames / wall:0} frames/s, {bytes / wall / 1048576:0.0} MiB/s, "
            + $"{used:0.0} CPU s in {wall:0.0} s, {delays.MillisecondsOf(99)} ms p99 "
            + $"until durable, {waits} {(load.IsWire ? "reconnections" : "waits for room")}"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(double)disk / samples:0.00} bytes a sample on the disk, {ledger.Journal.Length - before} records, "
            + $"{process.PeakWorkingSet64 / 1048576} MiB at most, load generator included"));
    }

    private static async Task<(long Frames, long Bytes, long Samples)> SendAsync(
        Load load, List<Gateway> gateways, DayClock clock)
    {
        var (frames, bytes, samples) = (0L, 0L, 0L);
        var buffer = new byte[Limits.FrameBytesMax];
        for (var second = 0; second < load.Seconds; second++)
        {
            clock.Now = Start + Duration.FromSeconds(second + 1);
            foreach (var gateway in gateways)
                for (var first = 0; first < gateway.Connectors; first += load.PerFrame)
                {
                    var (length, count) = Write(buffer, gateway, first, load, second);
                    await gateway.Road.SendAsync(buffer.AsMemory(0, length)).ConfigureAwait(false);
                    (frames, bytes, samples) = (frames + 1, bytes + length, samples + count);
                }
        }
        return (frames, bytes, samples);
    }

    /// <summary>Writes a second of some connectors of a gateway.</summary>
    private static (int Length, int Samples) Write(byte[] buffer, Gateway gateway, int first, Load load, int second)
    {
        Span<PowerSample> block = stackalloc PowerSample[2 * 1000];
        block = block[..(2 * load.Rate)];
        var samples = 0;
        var frame = FrameWriter.Samples(buffer, gateway.Next++, StartMicroseconds + (second + 1) * 1_000_000L, Units);
        for (var i = first; i < Math.Min(first + load.PerFrame, gateway.Connectors); i++)
        {
            var count = Fill(block, gateway.First + i, second, load.Rate);
            if (!frame.TryAdd(i, block[..count])) throw new InvalidOperationException("a frame is full");
            samples += count;
        }
        return (frame.Finish(), samples);
    }

    /// <summary>A second of a connector: some samples come late, some twice.</summary>
    private static int Fill(Span<PowerSample> block, int connector, int second, int rate)
    {
        var chance = Mix(Mix((uint)connector) ^ (uint)second);
        var level = 50_000L + connector % 200 * 1000;
        var (step, count) = (1_000_000L / rate, 0);
        for (var i = 0; i < rate; i++)
        {
            var noise = (long)(Mix(chance ^ (uint)i) % 512) - 256;
            block[count++] = new(StartMicroseconds + second * 1_000_000L + i * step, (level + noise) * 1000);
        }
        // A tenth of the seconds has a sample at its end that belongs up to 5 s before, one in twenty one twice.
        if (chance % 10 == 0 && second > 5)
            block[count++] = new(StartMicroseconds + (second - 1 - chance / 10 % 4) * 1_000_000L
                + step / 2 / 1000 * 1000, level * 1000);
        if (chance % 20 == 1) block[count++] = block[rate - 1];
        return count;
    }

    private static uint Mix(uint value)
    {
        unchecked
        {
            value ^= value >> 16;
            value *= 0x7feb352du;
            value ^= value >> 15;
            value *= 0x846ca68bu;
            return value ^ (value >> 16);
        }
    }

    private sealed class Gateway(IRoad road, int first, int connectors)
    {
        public IRoad Road => road;
        public int First => first;
        public int Connectors => connectors;
        public long Next { get; set; } = 1;
    }

    private static async Task<List<Gateway>> ConnectAsync(
        StreamEngine streams, Load load, IReadOnlyList<StreamChannel> channels, DelayTally delays)
    {
        var gateways = new List<Gateway>();
        var buffer = new byte[Limits.FrameBytesMax];
        for (var first = 0; first < load.Connectors; first += load.PerSession)
        {
            var count = Math.Min(load.PerSession, load.Connectors - first);
            IRoad road = channels.Count == 0 ? new DoorRoad(streams.Connect(), delays)
                // No more is on the way than of two seconds, so that the clock and what arrives keep step.
                : new WireRoad(channels[gateways.Count % channels.Count].Open(new("benchmark")
                {
                    Acknowledged = delays.Add,
                    FramesInFlightMax = 2 * ((load.PerSession + load.PerFrame - 1) / load.PerFrame),
                }));
            var frame = FrameWriter.Announce(buffer, 0, StartMicroseconds, 0);
            for (var i = 0; i < count; i++)
                frame.TryAdd(new Announcement(i, Name(first + i), SampleSemantics.Instant, 100_000));
            await road.SendAsync(buffer.AsMemory(0, frame.Finish())).ConfigureAwait(false);
            gateways.Add(new(road, first, count));
        }
        foreach (var gateway in gateways) await gateway.Road.FlushAsync().ConfigureAwait(false);
        await streams.SettleAsync(Start, CancellationToken.None).ConfigureAwait(false);
        return gateways;
    }

    private static SettlementPointId Name(int connector) =>
        new(string.Create(CultureInfo.InvariantCulture, $"CP{connector:000000}"));

    private static async Task RegisterAsync(OpenLedger ledger, int connectors)
    {
        foreach (var part in Enumerable.Range(0, connectors).Chunk(10_000))
        {
            var text = string.Concat(part.Select(i =>
                $$"""{"type":"settlement-point","point":"{{Name(i)}}","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""" + "\n"));
            await ledger.Intake.TakeAsync(new Submission(Encoding.UTF8.GetBytes(text), "points"), new IntakeHints(),
                ledger.Operator("benchmark"), CancellationToken.None).ConfigureAwait(false);
        }
    }
}
