using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Simulation;

/// <summary>One connector behind its gateway: what of it goes into a frame.</summary>
internal sealed class FeedConnector(SimulatedStream stream, GatewayFaults gateway, int number)
{
    private readonly ConnectorFaults faults = new(stream, gateway);
    private readonly StreamPlan plan = stream.Fleet.Plan;
    private StreamCursor cursor;
    private SimulatedSession session = stream.SessionAt(0);

    public Announcement Announcement =>
        new(number, plan.PointOf(stream.Connector), SampleSemantics.Instant, plan.StepMicroseconds);

    /// <summary>What the station's clock shows at the end of a true second.</summary>
    public long ClockAtEndOf(int second)
    {
        var shows = stream.OriginMicroseconds + stream.ClockMicroseconds(second + 1);
        return faults.UnsetClock(second) is { To: > 0 } unset
            ? ConnectorFaults.UnsetClockMicroseconds + shows - stream.OriginMicroseconds
                - stream.ClockMicroseconds(unset.From)
            : shows;
    }

    public bool HasSamples(int second)
    {
        Span<SampleStretch> stretches = stackalloc SampleStretch[3];
        var count = faults.StretchesOf(second, FrameFate.Arrives, stretches);
        foreach (var stretch in stretches[..count])
            if (IsSent(stretch)) return true;
        return false;
    }

    public bool HasConflict(int second)
    {
        var conflict = faults.ConflictIn(second);
        if (conflict.First == conflict.End) return false;
        Span<SampleStretch> stretches = stackalloc SampleStretch[3];
        var count = faults.StretchesOf(second, FrameFate.Arrives, stretches);
        foreach (var stretch in stretches[..count])
            if (stretch.Cause is null && Within(conflict, stretch) is { Count: > 0 }) return true;
        return false;
    }

    public void Fill(int second, FrameContent content, DeliveredFrame frame)
    {
        Span<SampleStretch> stretches = stackalloc SampleStretch[3];
        var count = faults.StretchesOf(second, FrameFate.Arrives, stretches);
        var conflict = faults.ConflictIn(second);
        foreach (var stretch in stretches[..count])
        {
            if (!IsSent(stretch)) continue;
            var part = content == FrameContent.Second ? stretch : Within(conflict, stretch);
            if (part.Count <= 0 || content == FrameContent.ConflictingSamples && stretch.Cause is not null) continue;
            var samples = frame.Room(stream.Connector, number, (int)part.Count);
            stream.Read(part.First, samples, ref cursor);
            if (stretch.Cause == FaultCause.UnsetClock) Redate(part.First, second, samples);
            else if (conflict.FalseFirst == (content == FrameContent.Second))
                Falsify(part, conflict, samples);
        }
    }

    /// <summary>Samples of an unset clock come like others, with other times.</summary>
    private static bool IsSent(SampleStretch stretch) => stretch.Cause is null or FaultCause.UnsetClock;

    private static SampleStretch Within(SampleConflict conflict, SampleStretch stretch)
    {
        var first = Math.Max(conflict.First, stretch.First);
        return stretch with { First = first, End = Math.Max(first, Math.Min(conflict.End, stretch.End)) };
    }

    private void Redate(long first, int second, Span<PowerSample> samples)
    {
        var unset = faults.UnsetClock(second);
        for (var i = 0; i < samples.Length; i++)
            samples[i] = samples[i] with { AtMicroseconds = faults.UnsetInstantOf(first + i, unset) };
    }

    private static void Falsify(SampleStretch part, SampleConflict conflict, Span<PowerSample> samples)
    {
        var within = Within(conflict, part);
        for (var index = within.First; index < within.End; index++)
        {
            ref var sample = ref samples[(int)(index - part.First)];
            sample = sample with { Milliwatts = conflict.FalseOf(sample.Milliwatts) };
        }
    }

    /// <summary>Adds what was dropped in a stretch that ended after one second, at the latest before the other.
    /// </summary>
    public void AddShed(int after, int until, List<ShedSamples> drops)
    {
        Span<SampleStretch> parts = stackalloc SampleStretch[3];
        // A stretch that ended in this second's window, or, before a lost connection, in the one before.
        for (var window = Math.Max(0, (after - 1) / StreamPlan.FaultWindowSeconds);
            window <= (until - 1) / StreamPlan.FaultWindowSeconds && window < plan.Windows; window++)
        {
            var stretch = faults.ShedIn(window);
            if (stretch.To <= after || stretch.To > until || stretch.To == 0) continue;
            var (first, last, count) = (0L, 0L, 0L);
            for (var second = stretch.From; second < stretch.To; second++)
                foreach (var part in parts[..faults.StretchesOf(second, FrameFate.Arrives, parts)])
                {
                    if (part.Cause != FaultCause.Shed) continue;
                    if (count == 0) first = part.First;
                    (last, count) = (part.End - 1, count + part.Count);
                }
            if (count > 0)
                drops.Add(new ShedSamples(number, stream.InstantOf(first), stream.InstantOf(last), count));
        }
    }

    /// <summary>Adds what the vehicle says in a second: every ten seconds while it is plugged in, and when it stops.
    /// </summary>
    public void AddVehicle(int second, List<VehicleFact> facts)
    {
        var (first, end) = (stream.FirstIndex(second), stream.FirstIndex(second + 1));
        if (session.TurnEndIndex <= first) session = stream.SessionAt(first);
        if (first > session.PlugOutIndex || end <= session.PlugInIndex || faults.UnsetClock(second).To > 0) return;
        if (first <= session.StopIndex && session.StopIndex < end)
            facts.Add(SimulatedVehicle.Stopped(stream, session, number));
        else if (second % SimulatedVehicle.SpeaksEverySeconds == stream.Connector % SimulatedVehicle.SpeaksEverySeconds
            && end - 1 >= session.PlugInIndex && end - 1 <= session.PlugOutIndex)
            facts.Add(SimulatedVehicle.At(stream, session, number, end - 1));
    }
}
