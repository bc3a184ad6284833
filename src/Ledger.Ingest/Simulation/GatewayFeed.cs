using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Simulation;

/// <summary>What a frame of samples brings.</summary>
internal enum FrameContent { None, Second, ConflictingSamples }

/// <summary>A frame that is to arrive, before it is filled.</summary>
internal readonly record struct DueFrame(
    GatewayFeed Feed, FrameKind Kind, FrameContent Content, int Second, int Session, long Sequence,
    long SentAtMicroseconds, long ArrivesAtMicroseconds);

/// <summary>
/// One gateway, second by second: which frames it sends and which arrive. What is due is decided first, and the samples
/// are generated when a frame is filled, into the frame's own buffer.
/// </summary>
internal sealed class GatewayFeed
{
    private readonly record struct KeptBack(int ReleasedAt, int Window);
    private readonly record struct OnTheWay(int ArrivesIn, DueFrame Frame);

    private readonly StreamPlan plan;
    private readonly GatewayFaults faults;
    private readonly FeedConnector[] connectors;
    private readonly Queue<KeptBack> keptBack;
    private readonly List<OnTheWay> onTheWay = [];
    private readonly List<LostFrame> lost = [];
    private readonly List<SessionFrames> sessions = [];
    private readonly List<VehicleFact> vehicle = [];
    private readonly List<ShedSamples> shed = [];
    private bool connected;
    private int session = -1, connectedBefore = -1, arrivals;
    private long sequence;

    public GatewayFeed(StreamFleet fleet, int gateway)
    {
        (plan, Gateway, faults) = (fleet.Plan, gateway, new GatewayFaults(fleet.Plan, gateway));
        var (first, end) = plan.ConnectorsOf(gateway);
        connectors = [.. Enumerable.Range(first, end - first)
            .Select(connector => new FeedConnector(fleet.Stream(connector), faults, connector - first))];
        LatencyMicroseconds =
            StreamDraws.Of(plan.Seed, StreamPurpose.Latency, gateway, 0).Between(5_000, 900_000);
        keptBack = new(plan.Has(StreamFaults.Late)
            ? Enumerable.Range(0, plan.Windows).Where(window => faults.KeptBack(window).To > 0)
                .Select(window => new KeptBack(faults.ReleasedAt(window), window))
                .OrderBy(one => one.ReleasedAt).ThenBy(one => one.Window)
            : []);
    }

    public int Gateway { get; }
    /// <summary>From the end of a second until its frame arrives.</summary>
    public long LatencyMicroseconds { get; }
    public IEnumerable<LostFrame> Lost => lost;
    public IEnumerable<SessionFrames> Sessions =>
        session < 0 ? sessions : sessions.Append(new SessionFrames(Gateway, session, sequence));

    /// <summary>The seconds after the given one in which something is sent that was kept back.</summary>
    public IEnumerable<int> ReleasesAfter(int second) =>
        keptBack.Select(one => one.ReleasedAt).Where(at => at > second);

    /// <summary>Adds the frames that arrive in the second after the given one.</summary>
    public void AddDue(int second, List<DueFrame> due)
    {
        arrivals = 0;
        if (second < plan.Seconds)
        {
            if (faults.Disconnected(second))
            {
                connected = false;
                return;
            }
            if (!connected) Connect(second, due);
            AddSecond(second, due);
            AddOvertaken(second, due);
            AddRepeats(second, due);
        }
        AddReleased(second, due);
        if (!connected || second > plan.Seconds) return;
        if (plan.Has(StreamFaults.Shed)) AddShed(second, due);
        if (second < plan.Seconds) AddVehicle(second, due);
        connectedBefore = second;
    }

    private void Connect(int second, List<DueFrame> due)
    {
        if (session >= 0) sessions.Add(new SessionFrames(Gateway, session, sequence));
        (connected, session, sequence) = (true, session + 1, 0);
        due.Add(Next(FrameKind.Announce, FrameContent.None, second, second));
    }

    private void AddSecond(int second, List<DueFrame> due)
    {
        var fate = faults.FateOf(second);
        if (fate == FrameFate.KeptBack || !HasSamples(second)) return;
        var frame = Next(FrameKind.Samples, FrameContent.Second, second, second);
        if (fate == FrameFate.Lost) lost.Add(new LostFrame(Gateway, session, frame.Sequence));
        else if (fate == FrameFate.Overtaken)
            onTheWay.Add(new OnTheWay(second + faults.OvertakenBySeconds(second), frame));
        else due.Add(frame);
    }

    private void AddOvertaken(int second, List<DueFrame> due)
    {
        foreach (var one in onTheWay)
            if (one.ArrivesIn == second) due.Add(one.Frame with { ArrivesAtMicroseconds = NextArrival(second) });
        onTheWay.RemoveAll(one => one.ArrivesIn == second);
    }

    private void AddRepeats(int second, List<DueFrame> due)
    {
        var before = second - GatewayFaults.RepeatsAfterSeconds;
        if (before < 0) return;
        if (plan.Has(StreamFaults.Duplicates) && faults.ComesTwice(before) && HasSamples(before))
            due.Add(Next(FrameKind.Samples, FrameContent.Second, before, second));
        if (plan.Has(StreamFaults.Conflicts) && Array.Exists(connectors, one => one.HasConflict(before)))
            due.Add(Next(FrameKind.Samples, FrameContent.ConflictingSamples, before, second));
    }

    private void AddReleased(int second, List<DueFrame> due)
    {
        while (keptBack.TryPeek(out var next) && next.ReleasedAt == second)
        {
            keptBack.Dequeue();
            if (!connected) Connect(second, due);
            var stretch = faults.KeptBack(next.Window);
            for (var kept = stretch.From; kept < stretch.To; kept++)
                if (faults.FateOf(kept) == FrameFate.KeptBack && HasSamples(kept))
                    due.Add(Next(FrameKind.Samples, FrameContent.Second, kept, second));
        }
    }

    /// <summary>What was dropped is said when the connection next sends something.</summary>
    private void AddShed(int second, List<DueFrame> due)
    {
        shed.Clear();
        foreach (var connector in connectors) connector.AddShed(connectedBefore, second, shed);
        if (shed.Count > 0) due.Add(Next(FrameKind.Shed, FrameContent.None, second, second));
    }

    private void AddVehicle(int second, List<DueFrame> due)
    {
        vehicle.Clear();
        foreach (var connector in connectors) connector.AddVehicle(second, vehicle);
        if (vehicle.Count > 0) due.Add(Next(FrameKind.Vehicle, FrameContent.None, second, second));
    }

    /// <summary>Whether the frame of a second has anything in it if it arrives.</summary>
    private bool HasSamples(int second) => Array.Exists(connectors, connector => connector.HasSamples(second));

    private DueFrame Next(FrameKind kind, FrameContent content, int second, int sentIn) => new(
        this, kind, content, second, session, sequence++, SentAt(sentIn), NextArrival(sentIn));

    /// <summary>The end of the second, by the gateway's right clock or by the station's own.</summary>
    private long SentAt(int second) => plan.ConnectorsPerGateway > 1
        ? plan.StartMicroseconds + (second + 1) * 1_000_000L : connectors[0].ClockAtEndOf(second);

    private long NextArrival(int second) =>
        plan.StartMicroseconds + (second + 1) * 1_000_000L + LatencyMicroseconds + arrivals++;

    public void Fill(in DueFrame due, DeliveredFrame frame)
    {
        frame.Begin(due);
        if (due.Kind == FrameKind.Vehicle) frame.Add(vehicle);
        else if (due.Kind == FrameKind.Shed) frame.Add(shed);
        else
            foreach (var connector in connectors)
                if (due.Kind == FrameKind.Announce) frame.Add(connector.Announcement);
                else connector.Fill(due.Second, due.Content, frame);
    }
}
