using Ledger.Domain;

namespace Ledger.Ingest.Simulation;

/// <summary>Why samples that were to be measured count in no period; where several apply, the first one listed.
/// </summary>
public enum FaultCause
{
    /// <summary>Before the first sample of the plan, or after the last.</summary>
    Outside = 0,
    /// <summary>Nothing was measured.</summary>
    NotMeasured = 1,
    /// <summary>They came, dated by a clock that was not set.</summary>
    UnsetClock = 2,
    /// <summary>The sender dropped them, and said so.</summary>
    Shed = 3,
    /// <summary>There was no connection.</summary>
    Reconnect = 4,
    /// <summary>Their frame never came; its number is missing.</summary>
    LostFrame = 5,
}

/// <summary>Samples from one to below the other that have one fate; without a cause they come.</summary>
internal readonly record struct SampleStretch(long First, long End, FaultCause? Cause)
{
    public long Count => End - First;
}

/// <summary>
/// Samples of one second that come twice with different powers. The false power has the sign of the true one and is
/// the greater, so the lower one, which counts, is the true one, whichever comes first.
/// </summary>
internal readonly record struct SampleConflict(long First, long End, bool FalseFirst, long FalseByMilliwatts)
{
    public long FalseOf(long milliwatts) =>
        milliwatts < 0 ? milliwatts - FalseByMilliwatts : milliwatts + FalseByMilliwatts;
}

/// <summary>What goes wrong with one connector's samples, and what its gateway's frames make of them.</summary>
internal sealed class ConnectorFaults(SimulatedStream stream, GatewayFaults gateway)
{
    /// <summary>What a clock shows that was never set, and earliest time that a frame can say: 2000-01-01, in Unix µs.
    /// </summary>
    public const long UnsetClockMicroseconds = 946_684_800_000_000;
    private const int Window = StreamPlan.FaultWindowSeconds;

    private readonly StreamPlan plan = stream.Fleet.Plan;

    /// <summary>
    /// The samples of a second in their order, in stretches of one fate each; in the last second there is one more, at
    /// its end. Writes at most three and gives how many there are.
    /// </summary>
    public int StretchesOf(int second, FrameFate fate, Span<SampleStretch> stretches)
    {
        var (first, end) = (stream.FirstIndex(second), stream.FirstIndex(second + 1));
        if (second == plan.Seconds - 1) end = stream.EndIndex;
        FaultCause? cause = UnsetClock(second) is { To: > 0 } ? FaultCause.UnsetClock
            : Shed(second) is { To: > 0 } ? FaultCause.Shed
            : fate == FrameFate.Disconnected ? FaultCause.Reconnect
            : fate == FrameFate.Lost ? FaultCause.LostFrame : null;
        var gap = NotMeasured(second / Window);
        var (gapFirst, gapEnd) = (Math.Clamp(gap.First, first, end), Math.Clamp(gap.End, first, end));
        var count = 0;
        if (gapFirst == gapEnd) gapFirst = gapEnd = end;
        if (first < gapFirst) stretches[count++] = new(first, gapFirst, cause);
        if (gapFirst < gapEnd) stretches[count++] = new(gapFirst, gapEnd, FaultCause.NotMeasured);
        if (gapEnd < end) stretches[count++] = new(gapEnd, end, cause);
        return count;
    }

    /// <summary>Up to a second of samples that are not measured, or up to 20 s.</summary>
    private SampleStretch NotMeasured(int window)
    {
        if (!plan.Has(StreamFaults.Gaps)) return default;
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Gap, stream.Connector, window);
        if (!draws.Happens(40)) return default;
        var length = draws.Happens(50) ? draws.Between(1, plan.RateHz) : draws.Between(plan.RateHz, 20 * plan.RateHz);
        var (from, to) = (stream.FirstIndex(window * Window) + 1, stream.FirstIndex((window + 1) * Window));
        var first = draws.Between(from, to - length);
        return new SampleStretch(first, first + length, FaultCause.NotMeasured);
    }

    /// <summary>The seconds around this one in which the station's clock is not set; none where it is.</summary>
    public SecondStretch UnsetClock(int second) =>
        Around(StreamFaults.UnsetClock, StreamPurpose.UnsetClock, plan.StationOf(stream.Connector), second, 10, 30);

    /// <summary>The seconds around this one whose samples are dropped; none where they are sent.</summary>
    public SecondStretch Shed(int second) => ShedIn(second / Window) is var shed && shed.Holds(second) ? shed : default;

    /// <summary>The seconds of a window whose samples are dropped.</summary>
    public SecondStretch ShedIn(int window) =>
        Stretch(StreamFaults.Shed, StreamPurpose.Shed, stream.Connector, window, 25, 5);

    private SecondStretch Around(
        StreamFaults fault, StreamPurpose purpose, int whose, int second, int percent, int max) =>
        Stretch(fault, purpose, whose, second / Window, percent, max) is var stretch && stretch.Holds(second)
            ? stretch : default;

    private SecondStretch Stretch(
        StreamFaults fault, StreamPurpose purpose, int whose, int window, int percent, int max)
    {
        if (!plan.Has(fault)) return default;
        var draws = StreamDraws.Of(plan.Seed, purpose, whose, window);
        return FaultWindow.Stretch(ref draws, window, percent, 1, max);
    }

    /// <summary>What a station's clock shows for a sample while it is not set: since it restarted.</summary>
    public long UnsetInstantOf(long index, SecondStretch unset) =>
        UnsetClockMicroseconds + stream.InstantOf(index) - stream.InstantOf(stream.FirstIndex(unset.From) - 1);

    /// <summary>The samples of a second that conflict; none where the second cannot come twice.</summary>
    public SampleConflict ConflictIn(int second)
    {
        if (!plan.Has(StreamFaults.Conflicts)) return default;
        var window = second / Window;
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Conflict, stream.Connector, window);
        if (!FaultWindow.Stretch(ref draws, window, 40, 1, 1).Holds(second) || !gateway.CanRepeat(second))
            return default;
        var (first, end) = (stream.FirstIndex(second), stream.FirstIndex(second + 1));
        var from = draws.Between(first, end - 1);
        var to = Math.Min(end, from + draws.Between(1, 5));
        var by = draws.Between(1, 50_000) * 1000;
        return new SampleConflict(from, to, draws.Happens(50), by);
    }
}
