using NodaTime;

namespace Ledger.Domain;

/// <summary>A period that samples came too late for: it has to be derived again from the evidence. So many are its own;
/// <paramref name="IsCovered"/> says whether they, or the time that they speak of, lie in it, and not only a window
/// that reaches it.</summary>
/// <param name="Samples">Late samples that lie in it; 0 where they lie beside it, near enough to change it.</param>
public readonly record struct LatePeriod(long Start, long End, int Samples, bool IsCovered)
{
    /// <summary>The same period for which more samples came.</summary>
    public LatePeriod And(LatePeriod more) =>
        this with { Samples = SampleCount.Sum(Samples, more.Samples), IsCovered = IsCovered || more.IsCovered };
}

/// <summary>Late samples that lie in one period: how many, and the first and the last of them.</summary>
internal sealed class LateSamples(long start, long end)
{
    public long Start => start;
    public long End => end;
    public long Earliest { get; set; } = long.MaxValue;
    public long Latest { get; set; } = long.MinValue;
    public long Count { get; set; }

    public void Add(long earliest, long latest, long count)
    {
        (Earliest, Latest) = (Math.Min(Earliest, earliest), Math.Max(Latest, latest));
        Count += count;
    }
}

/// <summary>Whether two accumulators could be made one, or why not.</summary>
public enum CurveMerge
{
    Merged = 1,
    /// <summary>They are of other declarations or grids.</summary>
    OtherDeclaration = 2,
    /// <summary>Both have added energy between their own samples already, and samples of the other may lie
    /// between.</summary>
    BothCommitted = 3,
    /// <summary>Samples of the other lie behind the watermark.</summary>
    BehindWatermark = 4,
}

/// <summary>
/// The exact integral of one stream while its samples arrive. What it says of a period equals
/// <see cref="PowerCurve.Integrate(ReadOnlySpan{PowerSample}, IReadOnlyList{Interval}, SampleDeclaration)"/> over all
/// samples it took, to the last integer, whatever the order in which they came and however they were cut into calls. It
/// holds sums, and the samples of the last moments only: those that may still get a neighbour, because the watermark
/// (the newest sample less the lateness) has not passed them, those of a moment before, which are added together, and
/// 10 s before for ramps. A sample behind the watermark is not added; its period is told by <see cref="TakeLate"/>.
/// </summary>
public sealed partial class CurveAccumulator
{
    /// <summary>Samples that a call may move to make places for others; what comes in no order is sorted later, at
    /// once.</summary>
    private const int MovedMax = 1024;
    private const int SlackFewMax = 4, FewMax = 64, RoomAgainMax = 256;

    /// <summary>So many nominal periods are added to the sums together.</summary>
    private const int AddedTogether = 32;

    private CurveFold fold;
    private SortedDictionary<long, LateSamples>? late; // by the start of the period in which they lie
    private LateSamples? latest; // of them those to which one was added last
    private long[] held = []; // times in its first half, powers in the second
    private int first, committed, count;
    private long newest = long.MinValue, oldestUnsorted;
    private long settled = long.MinValue; // the watermark up to which the sums have everything
    private bool hasRepeats, isUnsorted;

    public CurveAccumulator(SampleDeclaration declaration, CurveGrid grid) => fold = new(declaration, grid);

    /// <inheritdoc cref="ConnectorCurve.Use"/>
    internal void Use(CurveGrid other) => fold.Use(other);

    public SampleDeclaration Declaration => fold.Declaration;

    /// <summary>The time of the newest sample, in µs; null before the first.</summary>
    public long? Newest => newest == long.MinValue ? null : newest;

    /// <summary>The first instant that its sums speak of, in µs; null while all samples are held.</summary>
    public long? Begins => fold.IsStarted ? fold.Begins : null;

    /// <summary>What is not later than this is complete; samples that still come for it are late.</summary>
    public long Watermark { get; private set; } = long.MinValue;

    /// <summary>Samples that came behind the watermark.</summary>
    public long LateSamples { get; private set; }

    /// <summary>Samples that are held; the rest is in the sums.</summary>
    public int Held => count - first;

    /// <summary>
    /// Takes samples in any order. Throws <see cref="ArgumentOutOfRangeException"/>, and takes none, where a power is
    /// beyond <see cref="Limits.PowerMilliwattsMax"/> or a time beyond <see cref="PowerSample.AtMicrosecondsMax"/>.
    /// </summary>
    public void Accumulate(ReadOnlySpan<PowerSample> samples, CurveScratch scratch)
    {
        if (samples.IsEmpty) return;
        var columns = Open(samples.Length, scratch);
        var taken = isUnsorted ? 0 : columns.AppendRun(samples, Math.Max(newest, Watermark));
        // Nothing is this stream's before all of the call is known to be within its bounds.
        if (taken < samples.Length && !CurveLook.AreWithinBounds(samples[taken..])) throw Beyond(samples[taken..]);
        if (taken > 0) MoveOn(samples[taken - 1].AtMicroseconds);
        while (taken < samples.Length)
        {
            var (at, power) = samples[taken++];
            Append(ref columns, at, power);
            if (isUnsorted || taken == samples.Length) continue;
            var run = columns.AppendRun(samples[taken..], Math.Max(newest, Watermark));
            if (run == 0) continue;
            taken += run;
            MoveOn(samples[taken - 1].AtMicroseconds);
        }
        // The sums may stay behind the watermark for a while: who asks for them settles first. So a stream's memory is
        // gone through once for many small calls.
        if (!fold.IsStarted || isUnsorted || Watermark - settled >= BehindMax) Commit(ref columns, scratch);
        Close(ref columns, scratch);
    }

    /// <summary>How far the sums may stay behind the watermark, in µs.</summary>
    private long BehindMax =>
        Math.Min(AddedTogether * Declaration.NominalMicroseconds, Declaration.LatenessMicroseconds);

    /// <summary>Adds to the sums all that is complete.</summary>
    private void Settle(CurveScratch scratch)
    {
        if (settled == Watermark) return;
        var columns = Open(0, scratch);
        Commit(ref columns, scratch);
        Close(ref columns, scratch);
    }

    /// <summary>
    /// Moves the watermark on without a sample, when what has not come by now is taken for missing. It never moves
    /// back.
    /// </summary>
    public void AdvanceTo(long watermark, CurveScratch scratch)
    {
        if (watermark <= Watermark) return;
        Watermark = Math.Min(watermark, PowerSample.AtMicrosecondsMax);
        var columns = Open(0, scratch);
        Commit(ref columns, scratch);
        Close(ref columns, scratch);
    }

    /// <summary>
    /// Makes this the accumulator of the samples of both. That is possible while one of the two still holds all its
    /// samples and none of them lies behind the other's watermark; otherwise neither is changed and the answer says
    /// why.
    /// </summary>
    public CurveMerge Merge(CurveAccumulator other, CurveScratch scratch)
    {
        if (other.Declaration != Declaration || !ReferenceEquals(other.fold.Grid, fold.Grid))
            return CurveMerge.OtherDeclaration;
        if (other.fold.IsStarted && fold.IsStarted) return CurveMerge.BothCommitted;
        var (whole, part) = other.fold.IsStarted ? (other, this) : (this, other);
        var samples = part.HeldSamples();
        foreach (var (at, _) in samples)
            if (whole.fold.IsStarted && at <= whole.Watermark) return CurveMerge.BehindWatermark;
        if (ReferenceEquals(part, this)) TakeOver(other);
        var watermark = Math.Max(Watermark, part.Watermark);
        // None is late, whatever the order: the watermark of the whole moves when all are in.
        var columns = Open(samples.Length, scratch);
        foreach (var (at, power) in samples) Place(ref columns, at, power);
        newest = Math.Max(newest, Largest(samples));
        Watermark = newest == long.MinValue
            ? watermark : Math.Max(watermark, newest - Declaration.LatenessMicroseconds);
        Commit(ref columns, scratch);
        Close(ref columns, scratch);
        LateSamples += other.LateSamples;
        foreach (var more in other.late?.Values.ToArray() ?? [])
            Keep(new(more.Start, more.End)).Add(more.Earliest, more.Latest, more.Count);
        return CurveMerge.Merged;
    }

    /// <summary>
    /// What the samples so far prove of periods, as if none followed. Each begins and ends at an edge of the grid; of
    /// several that divide one, the parts sum to it to the last integer.
    /// </summary>
    public IReadOnlyList<PeriodIntegral> Finish(IReadOnlyList<Interval> periods, CurveScratch scratch)
    {
        var ended = Ended(scratch);
        var integrals = new PeriodIntegral[periods.Count];
        for (var i = 0; i < integrals.Length; i++) integrals[i] = Integral(ended.Closed, periods[i]);
        return integrals;
    }

    /// <summary>The same for one period.</summary>
    public PeriodIntegral Finish(Interval period, CurveScratch scratch) =>
        Integral(
            fold.IsStarted && LastCommitted() >= PowerCurve.Microseconds(period.End)
                ? fold.CellsWithCurrent() : Ended(scratch).Closed,
            period);

    /// <summary>
    /// Whether no sample that is not late can change what is before an instant: a sample that is not before it is
    /// behind the watermark, or so is all that a gap leaves open.
    /// </summary>
    public bool IsClosed(long end, CurveScratch scratch)
    {
        if (!fold.IsStarted) return Watermark >= end + fold.Lead;
        if (Watermark < end) return false;
        Settle(scratch);
        return LastCommitted() is var last && (last >= end
            || Watermark >= Math.Max(last + Declaration.MaxGapMicroseconds, end + fold.Lead));
    }

    /// <summary>The first instant, from one up to which all is closed on, of which something is known; itself where
    /// that is not told by a sample that lies behind it.</summary>
    internal long FirstKnown(long from)
    {
        if (fold.FirstKnown(from) is { } summed) return summed;
        // The last one that is added may speak of more than is summed yet.
        if (committed == count || Declaration.Shape.Covered(LastCommitted()).Last >= from) return from;
        return Math.Max(from, Declaration.Shape.Covered(isUnsorted ? oldestUnsorted : held[committed]).First);
    }

    /// <summary>Forgets the closed cells that end by an instant: their periods are finished.</summary>
    public void Forget(long until) => fold.Forget(until);

    /// <summary>Whether <see cref="TakeLate"/> has one.</summary>
    public bool HasLate => late is { Count: > 0 };

    /// <summary>Tells the periods that samples came too late for, each once, and forgets them.</summary>
    public IReadOnlyList<LatePeriod> TakeLate()
    {
        if (late is null || late.Count == 0) return [];
        var taken = new SortedDictionary<long, LatePeriod>();
        foreach (var together in late.Values) Tell(together, taken);
        (late, latest) = (null, null);
        return [.. taken.Values];
    }

    /// <summary>
    /// Reads here and there what the next samples will be added to, so that it is in the processor's caches when they
    /// come: of a hundred thousand streams none is, and what is read of several ahead is fetched at one time. The
    /// number means nothing.
    /// </summary>
    internal long Foresee()
    {
        var seen = Watermark ^ newest ^ settled;
        // Another thread may be adding samples just now, so nothing is taken for granted of one number from another.
        var (own, last, added, oldest) = (held, count - 1, committed - 1, first);
        if (own.Length == 0) return seen;
        seen ^= Foresee(own, last) ^ Foresee(own, last + Line);
        if (unchecked(Watermark - settled) < BehindMax - CallMicroseconds) return seen;
        // Where samples are added to the sums, the sums, and where the windows of ramps begin.
        ref var sum = ref fold.Cell.Sum;
        for (var line = -1; line <= AddedTogether / Line; line++) seen ^= Foresee(own, added + (line * Line));
        for (var line = 0; line <= AddedTogether / Line; line++) seen ^= Foresee(own, oldest + (line * Line));
        return seen ^ fold.Cell.Start ^ sum.Covered ^ sum.Maximum ^ sum.LongRamp ^ fold.SteadyStep;
    }

    private static long Foresee(long[] own, int place)
    {
        var powers = own.Length / 2;
        var within = Math.Clamp(place, 0, powers - 1);
        return own[within] ^ own[powers + within];
    }

    /// <summary>What most calls bring, in µs: a second.</summary>
    private const long CallMicroseconds = 1_000_000;

    /// <summary>Numbers that a processor fetches together: 64 bytes.</summary>
    private const int Line = 8;

    private long LastCommitted() => held[committed - 1];

    private PeriodIntegral Integral(List<CurveCell>? cells, Interval period)
    {
        var (start, end) = (PowerCurve.Microseconds(period.Start), PowerCurve.Microseconds(period.End));
        if (!fold.Grid.IsEdge(start) || !fold.Grid.IsEdge(end))
            throw new ArgumentException("a period begins and ends at an edge of the grid", nameof(period));
        return CurveCells.Join(cells, start, end).ToIntegral(period, withLongRamp: true);
    }

    /// <summary>The sums as they are if no sample follows.</summary>
    private CurveFold Ended(CurveScratch scratch)
    {
        var columns = CopyOut(0, scratch);
        var copy = fold.Copy();
        scratch.Repeats.Clear();
        if (isUnsorted) SortTail(ref columns, scratch);
        var to = hasRepeats || isUnsorted ? columns.TakeRepeats(columns.Count, scratch.Repeats) : columns.Count;
        copy.Add(ref columns, columns.Committed, to, scratch.Repeats);
        if (to > 0) copy.End(new(columns.At[to - 1], columns.Power[to - 1]));
        return copy;
    }

    private void MoveOn(long latest)
    {
        newest = latest;
        Watermark = Math.Max(Watermark, latest - Declaration.LatenessMicroseconds);
    }

    private static ArgumentOutOfRangeException Beyond(ReadOnlySpan<PowerSample> samples)
    {
        foreach (var (_, power) in samples)
            if (power is > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax)
                return new(nameof(samples), "a power is beyond Limits.PowerMilliwattsMax");
        return new(nameof(samples), "a time is beyond PowerSample.AtMicrosecondsMax");
    }

    private void Append(ref CurveColumns columns, long at, long power)
    {
        if (at <= Watermark)
        {
            Late(at);
            return;
        }
        Place(ref columns, at, power);
        if (at > newest) MoveOn(at);
    }

    /// <summary>Puts a sample where it belongs among those that are not added yet, or last, to be sorted in.</summary>
    private void Place(ref CurveColumns columns, long at, long power)
    {
        if (isUnsorted)
        {
            oldestUnsorted = Math.Min(oldestUnsorted, at);
            columns.Insert(columns.Count, at, power);
            return;
        }
        var index = columns.FirstAfterFromEnd(at, columns.Committed, columns.Count);
        hasRepeats |= index > columns.Committed && columns.At[index - 1] == at;
        if (columns.Moved + columns.Count - index > MovedMax)
        {
            isUnsorted = true;
            oldestUnsorted = Math.Min(columns.At[columns.Committed], at);
            index = columns.Count;
        }
        columns.Insert(index, at, power);
    }

    /// <summary>Counts a sample that is not added. Of those of one period only the first and the last matter to what
    /// they change, so a sender that sends very many of them makes no work of each.</summary>
    private void Late(long at)
    {
        LateSamples++;
        var counted = at - Declaration.Shape.Shift;
        if (latest is null || counted < latest.Start || counted >= latest.End)
        {
            var (start, end) = fold.Grid.PeriodOf(counted);
            latest = Keep(new(start, end));
        }
        latest.Add(at, at, 1);
    }

    /// <summary>Those of its period that are known; itself where none is.</summary>
    private LateSamples Keep(LateSamples more)
    {
        if ((late ??= []).TryGetValue(more.Start, out var known)) return known;
        late.Add(more.Start, more);
        return more;
    }

    /// <summary>Which periods late samples of one period change: their own, and those beside that a segment or a window
    /// of one of them reaches.</summary>
    private void Tell(LateSamples together, SortedDictionary<long, LatePeriod> told)
    {
        var reach = Declaration.ReachMicroseconds;
        var (first, last) = (Declaration.Shape.Covered(together.Earliest).First,
            Declaration.Shape.Covered(together.Latest).Last);
        for (var start = fold.Grid.PeriodOf(together.Earliest - reach).Start; start <= together.Latest + reach;)
        {
            var (from, to) = fold.Grid.PeriodOf(start);
            var period = new LatePeriod(from, to, from == together.Start ? SampleCount.Of(together.Count) : 0,
                from <= last && to > first);
            told[from] = told.TryGetValue(from, out var known) ? known.And(period) : period;
            start = to;
        }
    }

    private void Commit(ref CurveColumns columns, CurveScratch scratch)
    {
        settled = Watermark;
        if (columns.Committed == columns.Count) return;
        if (isUnsorted)
        {
            if (oldestUnsorted > Watermark) return;
            Sort(ref columns, scratch);
        }
        // As many become complete as come, in the long run; those between are not looked at.
        var to = columns.FirstAfterFromStart(Watermark, columns.Committed, columns.Count);
        if (to == columns.Committed) return;
        scratch.Repeats.Clear();
        if (hasRepeats)
        {
            to = columns.TakeRepeats(to, scratch.Repeats);
            hasRepeats = columns.HasRepeats(to);
        }
        fold.Add(ref columns, columns.Committed, to, scratch.Repeats);
        columns.Committed = to;
        // The ramps of what follows begin at the earliest 10 s before the last that was added.
        var kept = columns.At[to - 1] - PowerCurve.LongRampWindowMicroseconds;
        columns.First = columns.FirstAfterFromStart(kept, columns.First + 1, to) - 1;
    }

    /// <summary>Puts in order what came last, as if each sample had been put into its place when it came.</summary>
    private void Sort(ref CurveColumns columns, CurveScratch scratch)
    {
        SortTail(ref columns, scratch);
        (isUnsorted, hasRepeats, oldestUnsorted) = (false, columns.HasRepeats(columns.Committed), 0);
    }

    private static void SortTail(ref CurveColumns columns, CurveScratch scratch) => CurveSort.ByTime(
        columns.At[columns.Committed..columns.Count], columns.Power[columns.Committed..columns.Count], scratch);

    /// <summary>
    /// Where a call works: in the state's own buffer if the samples are few beside those that are held, else in the
    /// worker's, so that a large call leaves no large buffer behind.
    /// </summary>
    private CurveColumns Open(int more, CurveScratch scratch)
    {
        var capacity = held.Length / 2;
        if (count + more > capacity && Held + more > capacity && more > SlackFewMax && 4 * more >= Held)
            return CopyOut(more, scratch);
        if (count + more > capacity) MakeRoom(Held + more);
        capacity = held.Length / 2;
        return new(held.AsSpan(0, capacity), held.AsSpan(capacity))
        {
            First = first,
            Committed = committed,
            Count = count,
        };
    }

    private CurveColumns CopyOut(int more, CurveScratch scratch)
    {
        scratch.Ensure(Held + more);
        held.AsSpan(first, Held).CopyTo(scratch.At);
        held.AsSpan(held.Length / 2 + first, Held).CopyTo(scratch.Power);
        return new(scratch.At, scratch.Power) { Committed = committed - first, Count = Held };
    }

    private void Close(ref CurveColumns columns, CurveScratch scratch)
    {
        if (columns.At == scratch.At.AsSpan())
        {
            var live = columns.Count - columns.First;
            if (live > held.Length / 2) held = new long[2 * Roomy(live)];
            columns.At[columns.First..columns.Count].CopyTo(held);
            columns.Power[columns.First..columns.Count].CopyTo(held.AsSpan(held.Length / 2));
            (first, committed, count) = (0, columns.Committed - columns.First, live);
        }
        else (first, committed, count) = (columns.First, columns.Committed, columns.Count);
    }

    /// <summary>Moves what is held to the front of a buffer that is large enough.</summary>
    private void MakeRoom(int needed)
    {
        var (capacity, live) = (held.Length / 2, Held);
        // What is sorted at its end only may be very long, so it grows by as much as there is.
        var room = needed <= capacity ? held
            : GC.AllocateUninitializedArray<long>(2 * Roomy(isUnsorted ? Math.Max(needed, 2 * capacity) : needed));
        held.AsSpan(first, live).CopyTo(room);
        held.AsSpan(capacity + first, live).CopyTo(room.AsSpan(room.Length / 2));
        (held, committed, first, count) = (room, committed - first, 0, live);
    }

    // Of many, room for half more, and of not so many for as many again, so that they are seldom moved; in fours, so
    // that few are not grown often.
    private static int Roomy(int needed) => (needed
        + (needed > FewMax ? Math.Max(needed / 2, Math.Min(needed, RoomAgainMax)) : 0) + 3) / 4 * 4;

    private PowerSample[] HeldSamples()
    {
        var samples = new PowerSample[Held];
        for (var i = 0; i < samples.Length; i++)
            samples[i] = new(held[first + i], held[held.Length / 2 + first + i]);
        return samples;
    }

    private static long Largest(PowerSample[] samples)
    {
        var largest = long.MinValue;
        foreach (var (at, _) in samples) largest = Math.Max(largest, at);
        return largest;
    }

    private void TakeOver(CurveAccumulator other)
    {
        (fold, held, newest, oldestUnsorted) = (other.fold.Copy(), [.. other.held], other.newest, other.oldestUnsorted);
        (first, committed, count) = (other.first, other.committed, other.count);
        (hasRepeats, isUnsorted, settled) = (other.hasRepeats, other.isUnsorted, other.settled);
        Watermark = Math.Max(Watermark, other.Watermark);
    }
}
