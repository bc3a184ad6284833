using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// A settlement point whose samples arrive: the state of its curve, and from which block of the log on its periods have
/// their evidence. Two sessions may name it, so whoever changes it holds <see cref="Gate"/>.
/// </summary>
internal sealed class LiveStream(
    SettlementPointId point, DateTimeZone zone, SampleDeclaration declaration, CurveGrid grid)
{
    /// <summary>How far beside a period samples lie that change its record: a segment and a window of a ramp.</summary>
    private readonly long reach = Math.Max(declaration.MaxGapMicroseconds, PowerCurve.LongRampWindowMicroseconds);
    private readonly List<(long Start, BlockPlace From)> begun = new(2);
    private readonly List<long> provisional = new(2);
    private long newest = long.MinValue;
    private long? interruptedAt;

    public Lock Gate { get; } = new();
    public SettlementPointId Point => point;
    public SampleDeclaration Declaration => declaration;
    public ConnectorCurve Curve { get; } = new(declaration, grid);

    /// <summary>The number of the step that touched it last, so that a step lists it once.</summary>
    public long Touched { get; set; }

    /// <summary>Whether all its samples are behind its watermark, because none came for a while.</summary>
    public bool IsIdle
    {
        get
        {
            lock (Gate) return Curve.Watermark >= newest;
        }
    }

    /// <summary>The settlement day of a period.</summary>
    public LocalDate DayOf(Interval period) => SettlementCalendar.DayContaining(zone, period.Start);

    /// <summary>Takes samples of a frame in a block.</summary>
    public void Take(
        ReadOnlySpan<PowerSample> samples, ClockEstimate clock, BlockPlace block, long receivedAt, CurveScratch scratch)
    {
        long earliest = samples[0].AtMicroseconds, latest = earliest;
        foreach (var (at, _) in samples) (earliest, latest) = (Math.Min(earliest, at), Math.Max(latest, at));
        if (interruptedAt is { } broken)
        {
            Curve.Missing(GapCause.Reconnect, broken, Math.Max(broken, earliest));
            interruptedAt = null;
        }
        if (begun.Count == 0) begun.Add((grid.PeriodOf(earliest).Start, block));
        if (latest > newest)
        {
            newest = latest;
            var start = grid.PeriodOf(latest + reach).Start;
            if (start > begun[^1].Start) begun.Add((start, block));
        }
        Curve.Accumulate(samples, clock, receivedAt, scratch);
    }

    /// <summary>Frames that nobody has numbered in: what they had may be missing after the newest sample.</summary>
    public void Lost(long before, int sequences) =>
        Curve.Missing(GapCause.Lost, newest == long.MinValue ? before : newest, before, sequences);

    /// <summary>The sender is connected anew.</summary>
    public void Interrupted()
    {
        if (newest != long.MinValue) interruptedAt ??= newest;
    }

    /// <summary>The first block that has something of a period; earlier ones of the same period are
    /// forgotten.</summary>
    public BlockPlace? Began(long periodStart)
    {
        var known = begun.FindLastIndex(one => one.Start <= periodStart);
        return known < 0 ? begun.Count > 0 ? begun[0].From : null : begun[known].From;
    }

    /// <summary>Takes note of what became of a period: until it is final, the log from its beginning is needed to make
    /// this state again.</summary>
    public void Note(CurvePeriod step)
    {
        var start = PowerCurve.Microseconds(step.Period.Start);
        if (step.Step == PeriodStep.Provisional) provisional.Add(start);
        else if (step.Step == PeriodStep.Final) provisional.Remove(start);
        var oldest = provisional.Count > 0 ? provisional[0] : start;
        while (begun.Count > 1 && begun[1].Start <= oldest) begun.RemoveAt(0);
    }

    /// <summary>From which block on the log is needed to make the state again.</summary>
    public BlockPlace? Needed => begun.Count > 0 ? begun[0].From : null;
}
