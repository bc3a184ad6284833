using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>What is streamed, and how.</summary>
/// <param name="Connectors">Connectors in all.</param>
/// <param name="Rate">Samples of a connector a second.</param>
/// <param name="Seconds">Seconds of their time that are measured.</param>
/// <param name="PerFrame">Connectors in a frame, each with one second.</param>
/// <param name="PerSession">Connectors of a sender.</param>
internal sealed record Load(int Connectors, int Rate, int Seconds, int PerFrame, int PerSession)
{
    /// <summary>Whether the frames come over gRPC, else through the door in this process.</summary>
    public bool IsWire { get; init; }
    /// <summary>Connections that the senders share.</summary>
    public int Connections { get; init; } = 4;
    /// <summary>Frames in one message at most.</summary>
    public int PerMessage { get; init; } = 1024;
    /// <summary>Whether a second of the connectors takes a second; else they stream as fast as is taken.</summary>
    public bool IsPaced { get; init; }

    /// <summary>Whether it is measured how long a start takes afterwards.</summary>
    public bool Reopens { get; init; }

    /// <summary>Seconds before those that are measured, while code is compiled and buffers grow.</summary>
    public int Warm { get; init; }

    public int Senders => (Connectors + PerSession - 1) / PerSession;

    /// <summary>In which second a quarter of an hour ends, so that records of all connectors become due; -1: amid the
    /// run.</summary>
    public int Edge { get; init; } = -1;

    public Instant Start =>
        Instant.FromUtc(2026, 3, 1, 0, 15) - Duration.FromSeconds(Edge < 0 ? Warm + Seconds / 2 : Edge);

    public long StartMicroseconds => Start.ToUnixTimeMilliseconds() * 1000;
}

/// <summary>
/// The frames of one sender, made beforehand: some seconds of its connectors in turn, with noise. All that a second
/// changes in a frame is its head, because times in it are told from when it was sent; so making the load takes next to
/// nothing of what is measured. 1 % of the samples come up to 5 s late, and 0.5 % come twice.
/// </summary>
internal sealed class SenderFrames
{
    private const int SecondsPrepared = 4;
    private const int KindBytes = 1;
    private static readonly FrameUnits Units = new(1000, 1000);

    private readonly record struct Prepared(byte[] Body, int Entries, int Samples);

    private readonly Prepared[][] frames = new Prepared[SecondsPrepared][];
    private readonly long start;
    private long next = 1;

    public SenderFrames(Load load, int first)
    {
        (First, start) = (first, load.StartMicroseconds);
        Connectors = Math.Min(load.PerSession, load.Connectors - first);
        var buffer = new byte[Limits.FrameBytesMax];
        for (var second = 0; second < SecondsPrepared; second++)
        {
            frames[second] = new Prepared[(Connectors + load.PerFrame - 1) / load.PerFrame];
            for (var f = 0; f < frames[second].Length; f++)
                frames[second][f] = Prepare(buffer, load, f * load.PerFrame, second);
        }
    }

    public int First { get; }
    public int Connectors { get; }

    /// <summary>Frames of one second.</summary>
    public int PerSecond => frames[0].Length;

    /// <summary>Bytes that wait to be sent again and again.</summary>
    public long Bytes => frames.Sum(second => second.Sum(frame => (long)frame.Body.Length));

    /// <summary>Writes a frame of a second, and returns its bytes and samples.</summary>
    public (int Length, int Samples) Write(byte[] buffer, int second, int frame)
    {
        var prepared = frames[second % SecondsPrepared][frame];
        var head = WriteHead(buffer, next++, SentAt(second), prepared.Entries);
        prepared.Body.CopyTo(buffer, head);
        return (head + prepared.Body.Length, prepared.Samples);
    }

    /// <summary>Writes the frame that announces the connectors.</summary>
    public int WriteAnnouncement(byte[] buffer, int rate)
    {
        var frame = FrameWriter.Announce(buffer, 0, start, 0);
        for (var i = 0; i < Connectors; i++)
            frame.TryAdd(new Announcement(i, Name(First + i), SampleSemantics.Instant, 1_000_000 / rate));
        return frame.Finish();
    }

    public static SettlementPointId Name(int connector) =>
        new(string.Create(CultureInfo.InvariantCulture, $"CP{connector:0000000}"));

    private long SentAt(int second) => start + (second + 1) * 1_000_000L;

    private Prepared Prepare(byte[] buffer, Load load, int from, int second)
    {
        Span<PowerSample> block = stackalloc PowerSample[2 * 1000];
        block = block[..(2 * load.Rate)];
        var (samples, to) = (0, Math.Min(from + load.PerFrame, Connectors));
        var frame = FrameWriter.Samples(buffer, 0, SentAt(second), Units);
        for (var i = from; i < to; i++)
        {
            var count = Fill(block, First + i, second, load.Rate);
            if (!frame.TryAdd(i, block[..count])) throw new InvalidOperationException("a frame is full");
            samples += count;
        }
        var length = frame.Finish();
        var head = WriteHead(new byte[FrameWriter.HeadBytesMax], 0, SentAt(second), to - from);
        return new(buffer[head..length], to - from, samples);
    }

    /// <summary>Writes the head of a frame of samples, and returns its bytes.</summary>
    private static int WriteHead(byte[] buffer, long sequence, long sentAt, int entries)
    {
        _ = FrameWriter.Samples(buffer, sequence, sentAt, Units);
        BinaryPrimitives.WriteUInt16LittleEndian(buffer.AsSpan(KindBytes), (ushort)entries);
        return KindBytes + sizeof(ushort) + NumberBytes(sequence) + NumberBytes(sentAt)
            + NumberBytes(Units.TimeMicroseconds) + NumberBytes(Units.PowerMilliwatts);
    }

    /// <summary>Bytes of a number, seven bits in each (docs/frame-format.md).</summary>
    private static int NumberBytes(long value) => BitOperations.Log2((ulong)value | 1) / 7 + 1;

    /// <summary>A second of a connector: some samples come late, some twice.</summary>
    private int Fill(Span<PowerSample> block, int connector, int second, int rate)
    {
        var chance = Mix(Mix((uint)connector) ^ (uint)second);
        var level = 50_000L + connector % 200 * 1000;
        var (step, count) = (1_000_000L / rate, 0);
        for (var i = 0; i < rate; i++)
        {
            var noise = (long)(Mix(chance ^ (uint)i) % 512) - 256;
            block[count++] = new(start + second * 1_000_000L + i * step, (level + noise) * 1000);
        }
        // Of so many seconds one has a sample at its end that belongs up to 5 s before, and one has its last one twice.
        var seconds = Math.Max(1, 100 / rate);
        if (chance % seconds == 0)
            block[count++] = new(start + (second - 1 - chance / seconds % 4) * 1_000_000L + step / 2 / 1000 * 1000,
                level * 1000);
        if (chance % (2 * seconds) == 1) block[count++] = block[rate - 1];
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
}
