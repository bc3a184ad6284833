using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>What is known of samples by the frame that they came in.</summary>
/// <param name="Block">The block of the log that has it.</param>
/// <param name="ClockFrom">From which block on the log says how far the sender's clock is off; itself where it is
/// right.</param>
internal readonly record struct FrameReceipt(
    BlockPlace Block, BlockPlace ClockFrom, ClockEstimate Clock, long SentAt, long ReceivedAt);

/// <summary>
/// A settlement point whose samples arrive: the state of its curve, and from which block of the log on its periods have
/// their evidence. Two sessions may name it, so whoever changes it holds <see cref="Gate"/>.
/// </summary>
/// <param name="wasUnknown">Whether frames of it came before it was registered: the periods in which that may matter
/// are derived from the log, which has them.</param>
internal sealed class LiveStream(
    SettlementPointId point, PointPeriods periods, SampleDeclaration declaration, bool wasUnknown)
{
    /// <summary>The period in which it was registered, and the one after, whose first ramps reach back.</summary>
    private const int PeriodsAfterUnknown = 2;

    private readonly long reach = declaration.ReachMicroseconds;
    private readonly List<(long Start, BlockPlace From)> begun = new(2);
    // How many samples had been taken when the first came that is looked at for a period.
    private readonly long beside = FrameDerivation.BesideMicroseconds(declaration);
    private readonly List<(long Start, long Taken)> counted = new(2);
    private long taken, countedUntil = long.MinValue;
    private readonly List<long> provisional = new(2);
    private long newest = long.MinValue, reachedUntil = long.MinValue;
    private int notAllSeen = wasUnknown ? PeriodsAfterUnknown : 0;
    private long newestReceived;
    private PeriodSenders senders;
    // Frames that were missed after a sample; a station's clock may be minutes off, so where they may lie is known by
    // this stream's own samples only.
    private int lost;
    private long lostAfter;

    /// <summary>Itself: the lock is in memory that is looked at anyway.</summary>
    public object Gate => this;
    public SettlementPointId Point => point;
    public SampleDeclaration Declaration => declaration;
    public ConnectorCurve Curve { get; } = new(declaration, periods.Grid);

    /// <summary>Who sends what is taken next, where the log says so.</summary>
    public FrameSender? Sender { get; set; }

    /// <summary>The session that announced it last: frames of it and of another that does are taken in the order of
    /// the log.</summary>
    public LiveSession? Session { get; set; }

    /// <summary>Who sent what there is of a period (µs of its start): what is recorded of it is in his name.</summary>
    public FrameSender? SenderOf(long period) => senders.Of(period);

    /// <summary>Before this instant (µs, of ours) passing time changes nothing of it; asked of very many streams every
    /// few seconds.</summary>
    public long WakesAt { get; private set; } = long.MaxValue;

    /// <summary>Of its newest sample (µs); null while it has none. Another thread may ask.</summary>
    public long? Newest => Volatile.Read(ref newest) is var at && at == long.MinValue ? null : at;

    /// <summary>The number of the step that touched it last, so that a step lists it once.</summary>
    public long Touched { get; set; }

    /// <summary>The settlement day of a period; null where it is of none.</summary>
    public LocalDate? DayOf(Interval period) => periods.DayOf(period);

    /// <summary>The point has other master data: what is begun by the ones before stays so.</summary>
    public void Use(PointPeriods other)
    {
        periods = newest == long.MinValue ? other : other.Continuing(periods, newest + reach);
        Curve.Use(periods.Grid);
    }

    /// <summary>As <see cref="ConnectorCurve.Foresee"/>. Another thread may be adding samples: what is read then is
    /// torn, and means as little.</summary>
    public long Foresee() => newest ^ WakesAt ^ Touched ^ Curve.Foresee();

    /// <summary>Takes samples of a frame, where they count; answers which count nowhere.</summary>
    public UnplacedSamples Take(
        ReadOnlySpan<PowerSample> samples, in TimeExtent times, in FrameReceipt receipt, CurveScratch scratch)
    {
        if (SamplePlacing.AreAsDated(times, receipt.Clock, receipt.ReceivedAt))
        {
            Place(samples, times, receipt.Clock, receipt.Block, receipt.ReceivedAt, scratch);
            return default;
        }
        var parts = SamplePlacing.Place(
            samples, receipt.Clock, receipt.SentAt, receipt.ReceivedAt, out var unplaced);
        foreach (var part in parts)
        {
            if (InTime(part, ref unplaced) is not { Length: > 0 } samplesInTime) continue;
            Need(receipt.ClockFrom);
            Place(samplesInTime, TimeExtent.Of(samplesInTime), part.Clock, receipt.ClockFrom, receipt.ReceivedAt,
                scratch);
        }
        return unplaced;
    }

    /// <summary>Of samples whose time is corrected those that the stream is not complete up to. The others could count
    /// only by the log, which does not say by itself where.</summary>
    private PowerSample[] InTime(in PlacedSamples part, ref UnplacedSamples unplaced)
    {
        if (part.Times.Earliest > Curve.Watermark) return part.Samples;
        foreach (var (at, _) in part.Samples)
            if (at <= Curve.Watermark) unplaced = unplaced.And(at + part.Clock.AheadMicroseconds);
        return Array.FindAll(part.Samples, sample => sample.AtMicroseconds > Curve.Watermark);
    }

    /// <summary>What places these samples is in an earlier block than what begins their period.</summary>
    private void Need(BlockPlace from)
    {
        if (begun.Count == 0 || begun[^1].From.Address <= from.Address) return;
        begun[^1] = (begun[^1].Start, from);
        Needed = BlockPlace.Earlier(Needed ?? from, from);
    }

    private void Place(ReadOnlySpan<PowerSample> samples, in TimeExtent times, in ClockEstimate clock, BlockPlace block,
        long receivedAt, CurveScratch scratch)
    {
        var (earliest, latest) = times;
        if (lost > 0 && latest > lostAfter) Missed(FirstAfter(lostAfter, samples), earliest);
        if (Needed is null)
        {
            begun.Add((periods.Grid.PeriodOf(earliest).Start, block));
            Needed = block;
        }
        if (!senders.IsLatest(Sender)) senders.Sent(Sender, periods.Grid.PeriodOf(earliest), latest > newest);
        if (latest > newest)
        {
            if (latest + beside >= countedUntil) Count(periods.Grid.PeriodOf(latest + beside));
            (newest, newestReceived) = (latest, receivedAt);
            if (latest + reach >= reachedUntil) Reach(periods.Grid.PeriodOf(latest + reach), block);
        }
        Curve.Accumulate(samples, times, clock, receivedAt, scratch);
        taken += samples.Length;
        WakesAt = Curve.WakesAt;
    }

    /// <summary>Registers of the point were read, first and last at these instants.</summary>
    public void RegisterRead(long first, long last)
    {
        Curve.RegisterRead(first);
        Curve.RegisterRead(last);
        WakesAt = long.MinValue;
    }

    private void Reach((long Start, long End) period, BlockPlace block)
    {
        reachedUntil = period.End;
        if (period.Start > begun[^1].Start) begun.Add((period.Start, block));
    }

    /// <summary>Counts from here on what is looked at for a period.</summary>
    private void Count((long Start, long End) period)
    {
        countedUntil = period.End;
        if (counted.Count == 0 || period.Start > counted[^1].Start) counted.Add((period.Start, taken));
    }

    /// <summary>Frames are missing by their numbers: what they had may be missing between the newest sample and the
    /// next one.</summary>
    public void Lost(int sequences)
    {
        if (lost == 0) lostAfter = newest;
        lost = (int)Math.Min((long)lost + sequences, int.MaxValue);
    }

    /// <summary>A missing frame has come after all, with samples between two instants.</summary>
    public void Found(long first, long last)
    {
        if (lost > 0) lost--;
        else Curve.Found(first, last, 1);
    }

    /// <summary>It is a later time.</summary>
    public void Advance(long now, CurveScratch scratch)
    {
        Curve.Advance(now, scratch);
        WakesAt = Curve.WakesAt;
        if (lost > 0 && newest != long.MinValue && Curve.Watermark >= lostAfter) Missed(Curve.Watermark, newest);
    }

    /// <summary>The earliest of some samples that are later than an instant; one of them is.</summary>
    private static long FirstAfter(long instant, ReadOnlySpan<PowerSample> samples)
    {
        var first = long.MaxValue;
        foreach (var (at, _) in samples)
            if (at > instant) first = Math.Min(first, at);
        return first;
    }

    private void Missed(long until, long first)
    {
        Curve.Missing(GapCause.Lost, lostAfter == long.MinValue ? first : lostAfter, until, lost);
        lost = 0;
    }

    /// <summary>
    /// The sender is connected anew. How long it was away is known by our clock, when by its own: from its newest
    /// sample on. What it sends first may fill the beginning, so what is missing within counts and not what comes next.
    /// </summary>
    public void Interrupted(long receivedAt)
    {
        if (newest != long.MinValue)
            Curve.Missing(GapCause.Reconnect, newest, newest + Math.Max(0, receivedAt - newestReceived));
    }

    /// <summary>
    /// The first block that has something of a period; earlier ones of the same period are forgotten.
    /// </summary>
    public BlockPlace? Began(long periodStart)
    {
        var known = begun.FindLastIndex(one => one.Start <= periodStart);
        return known < 0 ? begun.Count > 0 ? begun[0].From : null : begun[known].From;
    }

    /// <summary>Whether the log has samples of a finished period that were not summed, or that do not count; asked once
    /// of each.</summary>
    public bool IsDerived(CurvePeriod step) =>
        step.Integral is not null && ((notAllSeen > 0 && notAllSeen-- > 0) || MayBeCrowded(step.Period));

    /// <summary>Whether there may be more samples of a period, or beside it, than count: then they are counted as they
    /// stand in the log.</summary>
    private bool MayBeCrowded(Interval period)
    {
        var start = PowerCurve.Microseconds(period.Start);
        var before = counted.FindLast(one => one.Start <= start).Taken; // where none is known, all count
        return taken - before > FrameDerivation.SamplesMax(period, declaration);
    }

    /// <summary>Takes note of what became of a period: until it is final, the log from its beginning is needed to make
    /// this state again.</summary>
    public void Note(CurvePeriod step)
    {
        var start = PowerCurve.Microseconds(step.Period.Start);
        if (step.IsFinal) provisional.Remove(start);
        else if (provisional.BinarySearch(start) is < 0 and var at) provisional.Insert(~at, start);
        var oldest = provisional.Count > 0 ? provisional[0] : start;
        while (begun.Count > 1 && begun[1].Start <= oldest) begun.RemoveAt(0);
        while (counted.Count > 1 && counted[1].Start <= oldest) counted.RemoveAt(0);
        senders.Forget(oldest);
        Needed = begun.Count > 0 ? begun[0].From : null;
        WakesAt = Curve.WakesAt;
    }

    /// <summary>
    /// After a day of silence, and when all is told, nothing of the log is needed to go on: as if the stream began
    /// anew. For a connector that is gone the log would else be kept, and be read again from its last day at every
    /// start.
    /// </summary>
    public void Rest(long now)
    {
        if (Needed is null || now - newest <= ConnectorCurve.DeadlineMicroseconds) return;
        lock (Gate)
        {
            if (!Curve.IsTold || provisional.Count > 0) return;
            begun.Clear();
            (Needed, reachedUntil) = (null, long.MinValue);
        }
    }

    /// <summary>From which block on the log is needed to make the state again.</summary>
    public BlockPlace? Needed { get; private set; }
}
