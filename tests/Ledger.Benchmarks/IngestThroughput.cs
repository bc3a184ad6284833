using System.Diagnostics;
using System.Globalization;
using System.Text;
using Ledger.Api;
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
/// and 0.5 % of them twice. What comes out is compared with the energy that went in.
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
        var folder = Path.Combine(Path.GetTempPath(), $"ledger-streams-{Environment.ProcessId}");
        try
        {
            await MeasureAsync(folder, connectors, rate, seconds, perFrame).ConfigureAwait(false);
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

    private static async Task MeasureAsync(string folder, int connectors, int rate, int seconds, int perFrame)
    {
        var clock = new DayClock();
        await using var ledger = OpenLedger.Open(folder, new LedgerId("streams"), clock);
        await RegisterAsync(ledger, connectors).ConfigureAwait(false);
        var before = ledger.Journal.Length;
        var streams = ledger.OpenStreams();
        var gateways = await ConnectAsync(streams, connectors, perFrame).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{connectors} connectors at {rate} Hz, {gateways.Count} senders of {perFrame}, {seconds} s of their time"));
        var process = Process.GetCurrentProcess();
        var (watch, cpu) = (Stopwatch.StartNew(), process.TotalProcessorTime);
        var (frames, bytes, samples, waits, delays) = (0L, 0L, 0L, 0L, new List<double>());
        var buffer = new byte[Limits.FrameBytesMax];
        var block = new PowerSample[2 * rate];
        var pending = new Queue<(long Began, ValueTask<FrameAddress> Durable)>();
        for (var second = 0; second < seconds; second++)
        {
            clock.Now = Start + Duration.FromSeconds(second + 1);
            foreach (var gateway in gateways)
            {
                var sentAt = StartMicroseconds + (second + 1) * 1_000_000L;
                var frame = FrameWriter.Samples(buffer, gateway.Next++, sentAt, Units);
                for (var i = 0; i < gateway.Connectors; i++)
                {
                    var count = Fill(block, gateway.First + i, second, rate);
                    if (!frame.TryAdd(i, block.AsSpan(0, count))) throw new InvalidOperationException("a frame is full");
                    samples += count;
                }
                var length = frame.Finish();
                ValueTask<FrameAddress> durable;
                while (gateway.Door.Take(buffer.AsMemory(0, length), out _, out durable) == FrameTaken.Full)
                {
                    waits++;
                    await Task.Delay(1).ConfigureAwait(false);
                }
                pending.Enqueue((Stopwatch.GetTimestamp(), durable));
                while (pending.TryPeek(out var first) && first.Durable.IsCompleted)
                {
                    pending.Dequeue();
                    await first.Durable.ConfigureAwait(false);
                    if (delays.Count < 1_000_000) delays.Add(Stopwatch.GetElapsedTime(first.Began).TotalMilliseconds);
                }
                (frames, bytes) = (frames + 1, bytes + length);
            }
        }
        foreach (var (_, durable) in pending) await durable.ConfigureAwait(false);
        await streams.SettleAsync(Start + Duration.FromSeconds(seconds), CancellationToken.None).ConfigureAwait(false);
        var (wall, used) = (watch.Elapsed.TotalSeconds, (process.TotalProcessorTime - cpu).TotalSeconds);
        foreach (var gateway in gateways) gateway.Door.Dispose();
        await streams.DisposeAsync().ConfigureAwait(false);
        delays.Sort();
        process.Refresh();
        var disk = new DirectoryInfo(Path.Combine(folder, FrameLogOptions.FolderName)).EnumerateFiles()
            .Sum(file => file.Length);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{samples / wall / 1e6:0.00} M samples/s, {frames / wall:0} frames/s, {bytes / wall / 1048576:0.0} MiB/s, "
            + $"{used:0.0} CPU s in {wall:0.0} s, {(delays.Count > 0 ? delays[delays.Count * 99 / 100] : 0):0} ms p99 "
            + $"until durable, {waits} waits for room"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(double)disk / samples:0.00} bytes a sample on the disk, {ledger.Journal.Length - before} records, "
            + $"{process.PeakWorkingSet64 / 1048576} MiB at most, load generator included"));
    }

    /// <summary>A second of a connector: some samples come late, some twice.</summary>
    private static int Fill(PowerSample[] block, int connector, int second, int rate)
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
        {
            var late = StartMicroseconds + (second - 1 - chance / 10 % 4) * 1_000_000L;
            block[count++] = new(late + step / 2 / 1000 * 1000, level * 1000);
        }
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

    private sealed class Gateway(StreamDoor door, int first, int connectors)
    {
        public StreamDoor Door => door;
        public int First => first;
        public int Connectors => connectors;
        public long Next { get; set; } = 1;
    }

    private static async Task<List<Gateway>> ConnectAsync(StreamEngine streams, int connectors, int perFrame)
    {
        var gateways = new List<Gateway>();
        var buffer = new byte[Limits.FrameBytesMax];
        ValueTask<FrameAddress> last = default;
        for (var first = 0; first < connectors; first += perFrame)
        {
            var count = Math.Min(perFrame, connectors - first);
            var door = streams.Connect();
            var frame = FrameWriter.Announce(buffer, 0, StartMicroseconds, 0);
            for (var i = 0; i < count; i++)
                frame.TryAdd(new Announcement(i, Name(first + i), SampleSemantics.Instant, 100_000));
            var length = frame.Finish();
            while (door.Take(buffer.AsMemory(0, length), out _, out last) == FrameTaken.Full)
                await Task.Delay(1).ConfigureAwait(false);
            gateways.Add(new(door, first, count));
        }
        await last.ConfigureAwait(false);
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
