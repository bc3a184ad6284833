using NodaTime;

namespace Ledger.Domain;

/// <summary>What has to be done about a period of a stream.</summary>
public enum PeriodStep
{
    /// <summary>A first record, which may still change.</summary>
    Provisional = 1,
    /// <summary>The record is final: its register bracket and all its sequence numbers are seen, or it was waited for
    /// long enough.</summary>
    Final = 2,
    /// <summary>Samples came after it was recorded: it is to be derived again from the evidence, as its next
    /// version.</summary>
    DeriveAgain = 3,
}

/// <summary>
/// A period of a stream and what has to be done about it. <paramref name="Integral"/> is what its samples prove, with
/// the causes of its gaps; null where a period that is recorded only becomes final, and where it is to be derived
/// again.
/// </summary>
public sealed record CurvePeriod(
    PeriodStep Step, Interval Period, PeriodIntegral? Integral, int LateSamples, int MissingSequences,
    ClockEstimate Clock)
{
    /// <summary>Whether nothing more is waited for: also what is derived again may be so, and of what nobody was told
    /// before that is the first record.</summary>
    public bool IsFinal { get; init; } = Step == PeriodStep.Final;

    /// <summary>The record of an integral; <see cref="IntervalRecords.Decide"/> gives its version.</summary>
    public IntervalRecorded ToRecord(
        SettlementPointId point, SampleDeclaration declaration, PeriodIntegral integral, EvidenceDigest evidence) =>
        IntervalRecords.From(point, integral,
            IsFinal ? IntervalRecordState.Final : IntervalRecordState.Provisional, LateSamples,
            Clock.AheadMicroseconds, IntervalRecords.QualityOf(integral.CoveredMicroseconds, Clock.AheadMicroseconds),
            evidence, stream: new(declaration.Semantics, declaration.NominalMicroseconds,
                integral.Ramp10sMilliwattsMax ?? 0, Clock.DriftPpm, Clock.BoundMicroseconds, MissingSequences));
}

/// <summary>
/// One connector's stream from its samples to the records of its settlement periods. A period is open until the
/// stream's own watermark has passed it, then provisional, and final when register readings stand at or before its
/// start and at or after its end and no sequence number is missing, or when the deadline has passed. Nothing here reads
/// a clock: the host says what time it is. The host takes the steps with <see cref="TryTake"/> after each call.
/// </summary>
public sealed partial class ConnectorCurve(SampleDeclaration declaration, CurveGrid grid)
{
    /// <summary>After so long without a sample, in µs, what has not come is taken for missing: 90 s.</summary>
    public const long IdleMicroseconds = 90_000_000;

    /// <summary>After so long, in µs, a period is final whatever is missing: a day.</summary>
    public const long DeadlineMicroseconds = 86_400_000_000;

    private const int MarksMax = 256;

    private readonly record struct Mark(GapCause Cause, long From, long To, int Sequences);
    private readonly record struct Waiting(long Start, long End);

    private readonly List<Mark> marks = new(0);
    private readonly List<Waiting> waiting = new(2);
    private readonly PeriodClocks clocks = new();
    private SortedDictionary<long, LatePeriod>? late; // by their starts; as few streams have any
    private CurveAccumulator curve = new(declaration, grid);
    private long next = long.MinValue, lastReceived = long.MinValue;
    private long? firstRegister, lastRegister;
    private GapCause? across; // of a gap that runs over the beginning of the next period: both parts have one cause
    private long knownNext = long.MinValue, knownEnd; // the end of the period that is told next, once it was asked for
    private long waitsUntil = long.MaxValue; // the end of the period that waits longest to be final
    private PeriodClocks.Entry told; // said again of the same periods it changes nothing

    public SampleDeclaration Declaration => declaration;

    /// <summary>What is not later than this is complete by the stream's own samples, in µs.</summary>
    public long Watermark => curve.Watermark;

    /// <summary>Samples that came behind the watermark.</summary>
    public long LateSamples => curve.LateSamples;

    /// <summary>
    /// Takes samples that were received at an instant of our time, with the times at which they count
    /// (<see cref="SamplePlacing"/>) and what is known of the clock that dated them.
    /// </summary>
    public void Accumulate(
        ReadOnlySpan<PowerSample> samples, ClockEstimate clock, long receivedAt, CurveScratch scratch)
    {
        if (!samples.IsEmpty) Accumulate(samples, TimeExtent.Of(samples), clock, receivedAt, scratch);
    }

    /// <summary>The same of samples, at least one, whose earliest and latest time are known.</summary>
    public void Accumulate(ReadOnlySpan<PowerSample> samples, in TimeExtent times, in ClockEstimate clock,
        long receivedAt, CurveScratch scratch)
    {
        lastReceived = Math.Max(lastReceived, receivedAt);
        var before = curve.Newest;
        curve.Accumulate(samples, scratch);
        if (clock == ClockEstimate.None) return;
        var first = grid.PeriodOf(times.Earliest - declaration.Shape.Shift).Start;
        if (!(before >= first)) first = Math.Min(first, SpokenFrom(times.Earliest, before));
        Know(new(first, grid.PeriodOf(declaration.Shape.Covered(times.Latest).Last).Start, clock));
    }

    /// <summary>The start of the first period, after the one of the sample before, of which a sample speaks by itself
    /// or together with that one.</summary>
    private long SpokenFrom(long at, long? before)
    {
        var shape = declaration.Shape;
        if (before is not { } known) return grid.PeriodOf(at - shape.Lead).Start;
        var from = at - known <= shape.MaxGap ? known : at - shape.Lead;
        return Math.Max(grid.PeriodOf(known - shape.Shift).End, grid.PeriodOf(from).Start);
    }

    /// <summary>From now on its periods are those of another grid, which is the same up to the end of the period after
    /// the newest sample.</summary>
    public void Use(CurveGrid other)
    {
        grid = other;
        curve.Use(other);
        knownNext = long.MinValue;
    }

    /// <summary>
    /// Says why samples may be missing between two instants of sample time, both included, and how many sequence
    /// numbers are.
    /// </summary>
    public void Missing(GapCause cause, long from, long to, int sequences = 0)
    {
        if (marks.Count > 0 && marks[^1] is var last && last.Cause == cause
            && (marks.Count >= MarksMax || last.To >= from && last.From <= to))
            marks[^1] = new(cause, Math.Min(last.From, from), Math.Max(last.To, to),
                SampleCount.Sum(last.Sequences, sequences));
        else if (marks.Count < MarksMax) marks.Add(new(cause, from, to, sequences));
        else marks[0] = new(marks[0].Cause, Math.Min(marks[0].From, from), Math.Max(marks[0].To, to),
            SampleCount.Sum(marks[0].Sequences, sequences));
    }

    /// <summary>Sequence numbers that were missing have come after all.</summary>
    public void Found(long from, long to, int sequences)
    {
        for (var i = marks.Count - 1; i >= 0 && sequences > 0; i--)
        {
            if (marks[i].Sequences == 0 || marks[i].From > to || marks[i].To < from) continue;
            var found = Math.Min(sequences, marks[i].Sequences);
            sequences -= found;
            marks[i] = marks[i] with { Sequences = marks[i].Sequences - found };
            if (marks[i] is { Sequences: 0, Cause: GapCause.Lost }) marks.RemoveAt(i);
        }
    }

    /// <summary>A register of the connector was read.</summary>
    public void RegisterRead(long at)
    {
        firstRegister = Math.Min(firstRegister ?? at, at);
        lastRegister = Math.Max(lastRegister ?? at, at);
    }

    /// <summary>Before this instant of our time <see cref="Advance"/> changes nothing, and no step becomes due without
    /// a call of another kind; in µs.</summary>
    public long WakesAt => Math.Min(
        lastReceived == long.MinValue ? long.MaxValue : lastReceived + IdleMicroseconds,
        waitsUntil == long.MaxValue ? long.MaxValue : waitsUntil + DeadlineMicroseconds);

    /// <summary>Whether every period of which its samples speak is told and final, and nothing waits: what comes next
    /// says the same to a stream that knows nothing of them, unless it is for a time before.</summary>
    public bool IsTold => curve.Newest is not null && LastCovered() < next && waiting.Count == 0
        && late is not { Count: > 0 } && !curve.HasLate;

    /// <summary>It is a later time: a stream that has been idle for long enough is complete up to then.</summary>
    public void Advance(long now, CurveScratch scratch)
    {
        if (lastReceived != long.MinValue && now - lastReceived >= IdleMicroseconds)
            curve.AdvanceTo(now - IdleMicroseconds, scratch);
    }

    /// <summary>Reads what the next samples will need before they come, as a host of very many streams does for some of
    /// them at one time; the number means nothing.</summary>
    public long Foresee() =>
        next ^ lastReceived ^ knownEnd ^ told.First ^ told.Clock.BoundMicroseconds ^ curve.Foresee();

    /// <summary>
    /// Whether a step may be due, told from a few numbers: where not, <see cref="TryTake"/> has none. A host that asks
    /// this first passes over the many streams of which nothing ends just now.
    /// </summary>
    public bool MayHaveStep(long now) =>
        late is { Count: > 0 } || curve.HasLate
        || (next == long.MinValue ? curve.Begins is not null : curve.Watermark >= EndOfNext())
        || (waitsUntil < long.MaxValue
            && (lastRegister >= waitsUntil || now - waitsUntil >= DeadlineMicroseconds));

    /// <summary>The next step that is due, oldest first; false where there is none. A step is told once.</summary>
    public bool TryTake(long now, CurveScratch scratch, out CurvePeriod step)
    {
        if (DeriveAgain(now) is { } again) step = again;
        else if (Closed(now, scratch) is { } closed) step = closed;
        else if (Finished(now) is { } finished) step = finished;
        else
        {
            step = null!;
            return false;
        }
        return true;
    }

    /// <summary>However many periods a call speaks of, one entry says it of all of them.</summary>
    private void Know(in PeriodClocks.Entry said)
    {
        if (said.Last < next) return;
        var one = said with { First = Math.Max(said.First, next) }; // of what is over nothing is asked any more
        if (told == one) return;
        told = one;
        clocks.Know(one);
    }

    private CurvePeriod? DeriveAgain(long now)
    {
        foreach (var period in curve.TakeLate())
            (late ??= [])[period.Start] = late.TryGetValue(period.Start, out var known) ? known.And(period) : period;
        if (late is not { Count: > 0 }) return null;
        var (start, end, samples, _) = late.Values.First();
        if (start >= next) return null; // told when its first record is
        late.Remove(start);
        // It may be told for the first time: it lies before all that was told, or in a silence that was passed over.
        var isFinal = IsFinal(start, end, now);
        if (!isFinal) Wait(new(start, end));
        // Its record stands; a new one derives its clock again.
        return Step(PeriodStep.DeriveAgain, start, end, null, samples, ClockEstimate.None) with { IsFinal = isFinal };
    }

    private CurvePeriod? Closed(long now, CurveScratch scratch)
    {
        if (next == long.MinValue)
        {
            if (curve.Begins is not { } begins) return null;
            next = grid.PeriodOf(begins).Start;
        }
        if (!curve.IsClosed(EndOfNext(), scratch) || FirstKnown() is not { } known) return null;
        // After a silence of more than a day the periods of which nothing is known are not told one by one, once
        // nothing but what is late can come of them.
        if (known - next > DeadlineMicroseconds)
        {
            var speaks = grid.PeriodOf(known).Start;
            if (!curve.IsClosed(speaks, scratch)) return null;
            next = speaks;
        }
        var (start, end) = grid.PeriodOf(next);
        if (!curve.IsClosed(end, scratch)) return null;
        var integral = curve.Finish(Between(start, end), scratch);
        curve.Forget(end);
        var clock = clocks.Tell(start);
        next = end;
        var isFinal = IsFinal(start, end, now);
        if (!isFinal) Wait(new(start, end));
        var step = Step(isFinal ? PeriodStep.Final : PeriodStep.Provisional, start, end,
            integral with { Gaps = WithCauses(integral) }, 0, clock);
        ForgetMarks();
        return step;
    }

    /// <summary>The last instant of which the newest sample speaks; none where there is no sample.</summary>
    private long? LastCovered() =>
        curve.Newest is { } newest ? declaration.Shape.Covered(newest).Last : null;

    /// <summary>The first instant of which something is known, from the period on that is told next, which is closed;
    /// null where the stream has been silent since, and nothing of it came late either.</summary>
    private long? FirstKnown()
    {
        var first = next <= LastCovered() ? curve.FirstKnown(next) : long.MaxValue;
        if (late is not null)
            foreach (var period in late.Values)
                if (period.IsCovered && period.Start >= next) first = Math.Min(first, period.Start);
        return first == long.MaxValue ? null : first;
    }

    private CurvePeriod? Finished(long now)
    {
        for (var i = 0; i < waiting.Count; i++)
        {
            var (start, end) = waiting[i];
            if (!IsFinal(start, end, now)) continue;
            waiting.RemoveAt(i);
            waitsUntil = waiting.Count == 0 ? long.MaxValue : waiting[0].End;
            var step = Step(PeriodStep.Final, start, end, null, 0, ClockEstimate.None);
            ForgetMarks();
            return step;
        }
        return null;
    }

    /// <summary>In order of time, and once.</summary>
    private void Wait(Waiting period)
    {
        var before = waiting.FindLastIndex(one => one.Start <= period.Start);
        if (before >= 0 && waiting[before].Start == period.Start) return;
        waiting.Insert(before + 1, period);
        waitsUntil = waiting[0].End;
    }

    private long EndOfNext()
    {
        if (knownNext != next) (knownNext, knownEnd) = (next, grid.PeriodOf(next).End);
        return knownEnd;
    }

    private bool IsFinal(long start, long end, long now) => now - end >= DeadlineMicroseconds
        || (firstRegister <= start && lastRegister >= end && Sequences(start, end) == 0);

    private int Sequences(long start, long end)
    {
        var missing = 0;
        foreach (var mark in marks)
            if (mark.From < end && mark.To >= start) missing = SampleCount.Sum(missing, mark.Sequences);
        return missing;
    }

    private CurveGap[] WithCauses(PeriodIntegral integral)
    {
        CurveGap[] gaps = [.. integral.Gaps.Select(gap =>
            WithCause(gap, gap.Missing.Start == integral.Period.Start ? across : null))];
        across = gaps.Length > 0 && gaps[^1].Missing.End == integral.Period.End ? gaps[^1].Cause : null;
        return gaps;
    }

    private CurveGap WithCause(CurveGap gap, GapCause? before)
    {
        var (from, to) = (PowerCurve.Microseconds(gap.Missing.Start), PowerCurve.Microseconds(gap.Missing.End));
        var cause = before ?? GapCause.Silent;
        foreach (var mark in marks)
            if (mark.From <= to && mark.To >= from && mark.Cause < cause) cause = mark.Cause;
        return gap with { Cause = cause };
    }

    private void ForgetMarks()
    {
        var oldest = waiting.Count > 0 ? waiting[0].Start : next;
        marks.RemoveAll(mark => mark.To < oldest);
    }

    private CurvePeriod Step(
        PeriodStep step, long start, long end, PeriodIntegral? integral, int lateSamples, ClockEstimate clock) =>
        new(step, Between(start, end), integral, lateSamples, Sequences(start, end), clock);

    private static Interval Between(long start, long end) => new(PowerCurve.At(start), PowerCurve.At(end));
}
