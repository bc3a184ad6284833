using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Simulation;

/// <summary>Samples of one connector in a frame: its number in the plan and in its gateway's session, and where they
/// stand.</summary>
public readonly record struct DeliveredBlock(int Connector, int Stream, int First, int Count);

/// <summary>
/// One frame as it arrives. The delivery reuses it: it holds until the next one is asked for. Its bytes are those of
/// the wire's format; the content is here too, for those that do without bytes.
/// </summary>
public sealed class DeliveredFrame
{
    private readonly List<DeliveredBlock> blocks = [];
    private readonly List<VehicleFact> vehicle = [];
    private readonly List<ShedSamples> shed = [];
    private readonly List<Announcement> announcements = [];
    private readonly FrameUnits units;
    private PowerSample[] samples;
    private int used;

    internal DeliveredFrame(StreamPlan plan)
    {
        units = new FrameUnits(plan.TimeUnitMicroseconds, plan.PowerUnitMilliwatts);
        samples = new PowerSample[plan.ConnectorsPerGateway * (plan.RateHz + 2)];
    }

    /// <summary>Room enough for the bytes of any frame.</summary>
    public static int BytesMax => Limits.FrameBytesMax;

    public FrameKind Kind { get; private set; }
    public int Gateway { get; private set; }
    /// <summary>The gateway's connections count from 0, the frames sent over each as well.</summary>
    public int Session { get; private set; }
    public long Sequence { get; private set; }
    /// <summary>By the sender's clock: the gateway's, or, where a connector sends for itself, its station's.</summary>
    public long SentAtMicroseconds { get; private set; }
    /// <summary>In true time, no earlier than the frame before.</summary>
    public Instant ReceivedAt { get; private set; }
    public IReadOnlyList<DeliveredBlock> Blocks => blocks;
    public IReadOnlyList<VehicleFact> Vehicle => vehicle;
    public IReadOnlyList<ShedSamples> Shed => shed;
    public IReadOnlyList<Announcement> Announcements => announcements;

    public ReadOnlySpan<PowerSample> SamplesOf(DeliveredBlock block) => samples.AsSpan(block.First, block.Count);

    internal void Begin(in DueFrame due)
    {
        (Kind, Gateway, Session, Sequence, SentAtMicroseconds) =
            (due.Kind, due.Feed.Gateway, due.Session, due.Sequence, due.SentAtMicroseconds);
        ReceivedAt = Instant.FromUnixTimeTicks(due.ArrivesAtMicroseconds * 10);
        blocks.Clear();
        vehicle.Clear();
        shed.Clear();
        announcements.Clear();
        used = 0;
    }

    internal void Add(IEnumerable<VehicleFact> facts) => vehicle.AddRange(facts);
    internal void Add(IEnumerable<ShedSamples> drops) => shed.AddRange(drops);
    internal void Add(Announcement announcement) => announcements.Add(announcement);

    /// <summary>Room for samples of a connector, behind those that it already has in this frame.</summary>
    internal Span<PowerSample> Room(int connector, int stream, int count)
    {
        if (used + count > samples.Length) Array.Resize(ref samples, 2 * (used + count));
        if (blocks.Count > 0 && blocks[^1].Connector == connector)
            blocks[^1] = blocks[^1] with { Count = blocks[^1].Count + count };
        else blocks.Add(new DeliveredBlock(connector, stream, used, count));
        used += count;
        return samples.AsSpan(used - count, count);
    }

    /// <summary>Writes the frame's bytes and gives how many there are, at most <see cref="BytesMax"/>.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="sentLaterMicroseconds">How much later than in the plan the frame is sent, by the same
    /// clock.</param>
    public int Write(Span<byte> buffer, long sentLaterMicroseconds = 0)
    {
        var sentAt = SentAtMicroseconds + sentLaterMicroseconds;
        var writer = Kind switch
        {
            FrameKind.Samples => FrameWriter.Samples(buffer, Sequence, sentAt, units),
            FrameKind.Vehicle => FrameWriter.Vehicle(buffer, Sequence, sentAt),
            FrameKind.Shed => FrameWriter.Shed(buffer, Sequence, sentAt),
            _ => FrameWriter.Announce(buffer, Sequence, sentAt, 0),
        };
        var fits = true;
        foreach (var block in blocks) fits &= writer.TryAdd(block.Stream, SamplesOf(block));
        foreach (var fact in vehicle) fits &= writer.TryAdd(fact);
        foreach (var drop in shed) fits &= writer.TryAdd(drop);
        foreach (var announcement in announcements) fits &= writer.TryAdd(announcement);
        return fits ? writer.Finish() : throw new InvalidOperationException("a plan's frames fit into the buffer");
    }
}
