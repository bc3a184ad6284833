namespace Ledger.Ingest.Simulation;

/// <summary>What becomes of the frame that a gateway makes of one second; where several apply, the last one listed.
/// </summary>
internal enum FrameFate
{
    /// <summary>It arrives within the second after.</summary>
    Arrives,
    /// <summary>It arrives some seconds later, behind frames that were sent after it.</summary>
    Overtaken,
    /// <summary>The gateway keeps it back and sends it later.</summary>
    KeptBack,
    /// <summary>It is sent and never arrives.</summary>
    Lost,
    /// <summary>There is no connection, and what was measured is not kept.</summary>
    Disconnected,
}

/// <summary>Seconds from one to below the other; none where both are equal.</summary>
internal readonly record struct SecondStretch(int From, int To)
{
    public bool Holds(int second) => From <= second && second < To;
}

/// <summary>
/// What goes wrong with a gateway's frames. Each fault happens at most once in a window of a minute and ends within
/// it, so what holds in a second is drawn from that window's number, without knowing what was before.
/// </summary>
internal sealed class GatewayFaults(StreamPlan plan, int gateway)
{
    /// <summary>A frame comes again so many seconds later, so does a sample that conflicts.</summary>
    public const int RepeatsAfterSeconds = 2;
    private const int Window = StreamPlan.FaultWindowSeconds;
    private const int OvertakenSecondsMax = 4;

    public FrameFate FateOf(int second)
    {
        if (Disconnected(second)) return FrameFate.Disconnected;
        if (Stretch(StreamFaults.LostFrames, StreamPurpose.Lost, second, 40, 1, 3).Holds(second)) return FrameFate.Lost;
        if (KeptBack(second / Window).Holds(second)) return FrameFate.KeptBack;
        return OvertakenBySeconds(second) > 0 ? FrameFate.Overtaken : FrameFate.Arrives;
    }

    public bool Disconnected(int second) => second >= 0 && second < plan.Seconds
        && Stretch(StreamFaults.Reconnect, StreamPurpose.Reconnect, second, 30, 4, 12).Holds(second);

    /// <summary>By how many seconds a frame is late that is overtaken; 0 where it is not. No frame is overtaken across
    /// the end of a connection.</summary>
    public int OvertakenBySeconds(int second)
    {
        var stretch = Stretch(StreamFaults.Reorder, StreamPurpose.Reorder, second, 50, 1, 1);
        if (!stretch.Holds(second)) return 0;
        var draws = Draws(StreamPurpose.Reorder, second);
        var by = (int)draws.Between(1, OvertakenSecondsMax);
        for (var later = second + 1; later <= second + by; later++)
            if (later >= plan.Seconds || Disconnected(later)) return 0;
        return by;
    }

    /// <summary>Whether the samples of a second can come a second time.</summary>
    public bool CanRepeat(int second) => second + RepeatsAfterSeconds < plan.Seconds
        && FateOf(second) == FrameFate.Arrives && !Disconnected(second + RepeatsAfterSeconds);

    public bool ComesTwice(int second) =>
        Stretch(StreamFaults.Duplicates, StreamPurpose.Duplicate, second, 50, 1, 2).Holds(second) && CanRepeat(second);

    /// <summary>The frames of a window that are kept back; only those whose fate says so are.</summary>
    public SecondStretch KeptBack(int window) =>
        Stretch(StreamFaults.Late, StreamPurpose.Late, window * Window, 30, 5, 20);

    /// <summary>
    /// The second in which a window's frames that were kept back are sent: within the next window, or one to three
    /// hours after the end of the plan.
    /// </summary>
    public int ReleasedAt(int window)
    {
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Late, gateway, -1 - window);
        if (draws.Happens(30)) return plan.Seconds + 3600 * (int)draws.Between(1, 3);
        var second = (window + 1) * Window + (int)draws.Between(5, 30);
        while (Disconnected(second)) second++;
        return second;
    }

    private SecondStretch Stretch(StreamFaults fault, StreamPurpose purpose, int second, int percent, int min, int max)
    {
        if (!plan.Has(fault)) return default;
        var draws = Draws(purpose, second);
        return FaultWindow.Stretch(ref draws, second / Window, percent, min, max);
    }

    private StreamDraws Draws(StreamPurpose purpose, int second) =>
        StreamDraws.Of(plan.Seed, purpose, gateway, second / Window);
}

/// <summary>Where in a window a fault lies.</summary>
internal static class FaultWindow
{
    /// <summary>A stretch within a window that begins after its first second, so that two windows' never touch.
    /// </summary>
    public static SecondStretch Stretch(ref StreamDraws draws, int window, int percent, int min, int max)
    {
        if (!draws.Happens(percent)) return default;
        var length = (int)draws.Between(min, max);
        var from = window * StreamPlan.FaultWindowSeconds
            + (int)draws.Between(1, StreamPlan.FaultWindowSeconds - length);
        return new SecondStretch(from, from + length);
    }
}
