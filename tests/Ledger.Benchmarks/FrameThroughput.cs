using System.Diagnostics;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What a sample of a curve costs in a frame and in the log: bytes, and samples a second of one core for writing,
/// checking, and sealing, beside SHA-256 of the same bytes. The curve has the noise of a real one: 250 kW with a
/// deviation of 250 W, every 20 ms with a deviation of 1 ms, in whole watts and milliseconds.
/// </summary>
internal static class FrameThroughput
{
    private const int Rounds = 7; // the first two warm up and are not counted
    private const int SamplesPerRound = 2_000_000;
    private const int FrameSamples = 10_000;
    private static readonly FrameUnits Units = new(1000, 1000);
    private static readonly long Start = Instant.FromUtc(2026, 3, 1, 0, 0).ToUnixTimeMilliseconds() * 1000;

    public static async Task<int> RunAsync(ReadOnlyMemory<string> args)
    {
        Console.WriteLine($"{"samples a block",-16} {"bytes/sample",13} {"write",12} {"read",12} {"check",12} {"SHA-256",12}");
        foreach (var block in new[] { 1, 10, 100, 1000 }) Measure(block);
        Console.WriteLine("(samples a second of one core)");
        var samples = args.Length > 0 ? int.Parse(args.Span[0], null) : 40_000_000;
        foreach (var block in new[] { 10, 100, 1000 }) await ArchiveAsync(block, samples).ConfigureAwait(false);
        return 0;
    }

    private static void Measure(int block)
    {
        var curve = Curve(block, SamplesPerRound);
        var buffer = new byte[Limits.FrameBytesMax];
        var frames = Frames(curve, block, buffer).ToList();
        var (write, read, check, hash) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        var into = new PowerSample[Limits.SamplesPerBlockMax];
        var digest = new byte[32];
        for (var round = 0; round < Rounds; round++)
        {
            var times = new[]
            {
                Seconds(() => WriteAll(curve, block, buffer)),
                Seconds(() => frames.ForEach(frame => ReadAll(frame, into))),
                Seconds(() => frames.ForEach(frame => CheckedFrame.Check(frame))),
                Seconds(() => frames.ForEach(frame => SHA256.HashData(frame, digest))),
            };
            if (round < 2) continue;
            write.Add(times[0]);
            read.Add(times[1]);
            check.Add(times[2]);
            hash.Add(times[3]);
        }
        var bytes = frames.Sum(frame => (long)frame.Length);
        Console.WriteLine(FormattableString.Invariant(
            $"{block,-16} {(double)bytes / curve.Length,13:N3} {Rate(write),12:N0} {Rate(read),12:N0} ")
            + FormattableString.Invariant($"{Rate(check),12:N0} {Rate(hash),12:N0}"));

        double Rate(List<double> seconds) => curve.Length / seconds.Order().ElementAt(seconds.Count / 2);
    }

    /// <summary>A log of so many samples, sealed, and read from both forms.</summary>
    private static async Task ArchiveAsync(int block, int samples)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"ledger-frames-{Environment.ProcessId}-{block}");
        var buffer = new byte[Limits.FrameBytesMax];
        var curve = Curve(block, SamplesPerRound);
        var frames = Frames(curve, block, buffer).ToList();
        using (var log = FrameLog.Open(new(folder, SegmentBytesMax: 8 * 1024 * 1024)))
        {
            var session = log.StartSession();
            var head = FrameWriter.Announce(buffer, 0, Start, 0);
            for (var i = 0; i < FrameSamples; i++)
                head.TryAdd(new Announcement(i, new($"CP{i}"), SampleSemantics.Instant, 20_000));
            await AppendAsync(log, session, buffer.AsMemory(0, head.Finish())).ConfigureAwait(false);
            var watch = Stopwatch.StartNew();
            for (var sent = 0; sent < samples; sent += SamplesPerRound)
                foreach (var frame in frames) await AppendAsync(log, session, frame).ConfigureAwait(false);
            watch.Stop();
            var reader = log.Reader;
            var before = log.Acknowledged.End.Segment;
            var seal = Seconds(() => log.SealFullSegments());
            var kept = Directory.EnumerateFiles(folder, "*.sealed").Sum(path => new FileInfo(path).Length);
            var (raw, inSealed) = (0L, 0L);
            var scan = Seconds(() =>
            {
                foreach (var one in reader.ReadAll().TakeWhile(one => one.Address.Segment < before))
                {
                    raw += one.Bytes.Length;
                    foreach (var frame in one.Frames) inSealed += CheckedFrame.Check(frame.Bytes).Samples;
                }
            });
            Console.WriteLine(FormattableString.Invariant(
                $"log, {block} a block: {(double)raw / inSealed:N3} bytes/sample, sealed {(double)kept / inSealed:N3}; ")
                + FormattableString.Invariant($"appended {samples / watch.Elapsed.TotalSeconds:N0}/s (wall), sealed and ")
                + FormattableString.Invariant($"compared {inSealed / seal:N0}/s, verified and decoded from sealed {inSealed / scan:N0}/s"));
        }
        Directory.Delete(folder, recursive: true);
    }

    private static ValueTask<FrameAddress> last;

    private static async Task AppendAsync(FrameLog log, FrameSession session, ReadOnlyMemory<byte> frame)
    {
        ValueTask<FrameAddress> durable;
        while (!log.TryAppend(frame, session, Instant.FromUnixTimeMilliseconds(Start / 1000), out durable))
            await last.ConfigureAwait(false);
        last = durable;
    }

    /// <summary>Blocks one after the other, each of a connector of its own.</summary>
    private static PowerSample[] Curve(int block, int count)
    {
        var chance = new Random(20_260_301);
        var curve = new PowerSample[count];
        for (var i = 0; i < count; i++)
            curve[i] = new(Start + (i % block * 20_000) + ((long)Math.Round(Normal(chance)) * 1000),
                (250_000 + (long)Math.Round(250 * Normal(chance))) * 1000);
        return curve;
    }

    private static double Normal(Random chance) =>
        Math.Sqrt(-2 * Math.Log(1 - chance.NextDouble())) * Math.Cos(2 * Math.PI * chance.NextDouble());

    private static IEnumerable<byte[]> Frames(PowerSample[] curve, int block, byte[] buffer)
    {
        for (var at = 0; at < curve.Length; at += FrameSamples)
            yield return buffer[..Write(curve.AsSpan(at, Math.Min(FrameSamples, curve.Length - at)), block, buffer)];
    }

    private static void WriteAll(PowerSample[] curve, int block, byte[] buffer)
    {
        for (var at = 0; at < curve.Length; at += FrameSamples)
            Write(curve.AsSpan(at, Math.Min(FrameSamples, curve.Length - at)), block, buffer);
    }

    private static int Write(ReadOnlySpan<PowerSample> samples, int block, byte[] buffer)
    {
        var frame = FrameWriter.Samples(buffer, 1, Start, Units);
        for (var (at, stream) = (0, 0); at < samples.Length; at += block, stream++)
            if (!frame.TryAdd(stream, samples.Slice(at, block))) throw new InvalidOperationException("no room");
        return frame.Finish();
    }

    private static void ReadAll(byte[] bytes, PowerSample[] into)
    {
        var frame = FrameReader.Open(bytes);
        while (frame.TryRead(into, out _)) continue;
    }

    private static double Seconds(Action action)
    {
        using var self = Process.GetCurrentProcess();
        var before = self.TotalProcessorTime;
        action();
        self.Refresh();
        return (self.TotalProcessorTime - before).TotalSeconds;
    }
}
