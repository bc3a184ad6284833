namespace Ledger.Domain;

/// <summary>The sums of one cell of a grid. A cell of which nothing is covered and no sample is known is not
/// kept.</summary>
internal struct CurveCell
{
    public long Start, End;
    /// <summary>Whether the gap at its start began before it.</summary>
    public bool GapRunsIn;
    public PeriodSum Sum;

    public readonly bool HasContent => Sum.Samples > 0 || Sum.Covered > 0;
}

/// <summary>
/// The running sums of a stream whose samples come in order and once for each instant: one cell of the grid after the
/// other, segment by segment as <see cref="PowerCurve"/> does it, and whole blocks at a time where nothing happens in
/// them. It is a value: a copy of it can be carried on to see what a stream would be if it ended now.
/// </summary>
internal struct CurveFold(CurveShape shape, CurveGrid grid)
{
    private const int BlockMin = 8, BlockMax = 512;

    public CurveCell Cell;
    public List<CurveCell>? Closed;
    /// <summary>The first sample since the last gap; windows of ramps lie behind it.</summary>
    public long RunStart;
    /// <summary>How many of the latest segments have the same length, and that length.</summary>
    public int SteadySegments;
    public long SteadyStep;
    public bool IsStarted;

    /// <summary>Adds samples; those before <paramref name="from"/> are added already.</summary>
    public void Add(ref CurveColumns columns, int from, int to, List<CurveRepeat> repeats)
    {
        var (i, counted) = (from, 0);
        if (i < to && !IsStarted)
        {
            Begin(columns.At[i], columns.Power[i]);
            i++;
            CountRepeats(repeats, ref counted, columns.At[i - 1]);
        }
        while (i < to)
        {
            var end = columns.At[to - 1] - shape.Shift < Cell.End
                ? to : columns.FirstAfter(Cell.End - 1 + shape.Shift, i, to);
            if (end > i) AddInside(ref columns, i, end);
            else AddAcross(ref columns, i, end = i + 1);
            CountRepeats(repeats, ref counted, columns.At[end - 1]);
            i = end;
        }
    }

    /// <summary>The cells as they are if no sample follows the last one.</summary>
    public void End(PowerSample last)
    {
        Level(last.AtMicroseconds, last.AtMicroseconds + shape.Tail, last.Milliwatts);
        var from = Math.Max(Cell.Start, last.AtMicroseconds + shape.Tail);
        if (from < Cell.End) Cell.Sum.Miss(from, Cell.End);
        Close();
    }

    /// <summary>A copy that shares nothing with this.</summary>
    public readonly CurveFold Copy()
    {
        var copy = this;
        copy.Closed = Closed is null ? null : [.. Closed];
        copy.Cell.Sum.Gaps = Cell.Sum.Gaps is null ? null : [.. Cell.Sum.Gaps];
        return copy;
    }

    /// <summary>What a mean covers before its sample at a gap.</summary>
    public readonly long Lead => shape.Lead;

    /// <summary>The cells so far, the current one as it is.</summary>
    public readonly List<CurveCell> CellsWithCurrent() => Cell.HasContent ? [.. Closed ?? [], Cell] : Closed ?? [];

    /// <summary>Forgets closed cells that end by an instant.</summary>
    public readonly void Forget(long until)
    {
        var count = 0;
        while (count < Closed?.Count && Closed[count].End <= until) count++;
        if (count > 0) Closed!.RemoveRange(0, count);
    }

    public readonly void Save(StateWriter writer)
    {
        writer.Flag(IsStarted);
        writer.Int64(RunStart);
        writer.Int64(SteadyStep);
        writer.Int32(SteadySegments);
        CurveCellBytes.Write(writer, Cell);
        writer.Int32(Closed?.Count ?? 0);
        foreach (var cell in Closed ?? []) CurveCellBytes.Write(writer, cell);
    }

    public void Restore(ref StateReader reader)
    {
        IsStarted = reader.Flag();
        RunStart = reader.Int64();
        SteadyStep = reader.Int64();
        SteadySegments = reader.Int32();
        Cell = CurveCellBytes.Read(ref reader);
        for (var left = reader.Count(1); left > 0; left--) (Closed ??= new(1)).Add(CurveCellBytes.Read(ref reader));
    }

    private void Begin(long at, long power)
    {
        IsStarted = true;
        RunStart = at;
        Cell = Opened(grid.CellOf(at - Math.Max(shape.Lead, shape.Shift)));
        if (Cell.Start < at - shape.Lead)
        {
            Cell.GapRunsIn = true;
            Cell.Sum.Miss(Cell.Start, at - shape.Lead);
        }
        Level(at - shape.Lead, at, power);
        See(at, power);
    }

    private void CountRepeats(List<CurveRepeat> repeats, ref int counted, long upTo)
    {
        for (; counted < repeats.Count && repeats[counted].At <= upTo; counted++)
        {
            if (repeats[counted].IsConflict) Cell.Sum.Conflicts++;
            else Cell.Sum.Duplicates++;
        }
    }

    /// <summary>Segments of which both ends count in the current cell.</summary>
    private void AddInside(ref CurveColumns columns, int from, int to)
    {
        while (from < to)
        {
            var end = Math.Min(to, from + BlockMax);
            if (end - from < BlockMin) AddEach(ref columns, from, end);
            else AddBlock(ref columns, from, end);
            from = end;
        }
    }

    private void AddBlock(ref CurveColumns columns, int from, int to)
    {
        var block = CurveBlock.Sum(columns.At, columns.Power, from, to, shape.Semantics);
        var duration = columns.At[to - 1] - columns.At[from - 1];
        var (least, most) = (block.Minimum, block.Maximum);
        if (shape.Semantics != SampleSemantics.MeanBack)
            (least, most) = (Math.Min(least, columns.Power[from - 1]), Math.Max(most, columns.Power[from - 1]));
        if (block.LongestStep > shape.MaxGap || (least < 0 && most > 0)
            || !BlockSum.Fits(Math.Max(Math.Abs(least), Math.Abs(most)), duration))
        {
            AddEach(ref columns, from, to);
            return;
        }
        if (least >= 0) Cell.Sum.Import += block.Doubled;
        else Cell.Sum.Export -= block.Doubled;
        Cell.Sum.Covered += duration;
        Cell.Sum.See(block.Minimum, block.Maximum, to - from);
        Ramps(ref columns, from, to, block.ShortestStep == block.LongestStep);
    }

    private void AddEach(ref CurveColumns columns, int from, int to)
    {
        var run = from;
        for (var i = from; i < to; i++)
        {
            var step = columns.At[i] - columns.At[i - 1];
            if (step > shape.MaxGap)
            {
                if (run < i) Ramps(ref columns, run, i, isEven: false);
                Gap(ref columns, i);
                run = i + 1;
                continue;
            }
            var (left, right) = shape.Ends(columns.Power[i - 1], columns.Power[i]);
            Cell.Sum.AddWhole(left, right, step);
            Cell.Sum.See(columns.Power[i]);
        }
        if (run < to) Ramps(ref columns, run, to, isEven: false);
    }

    /// <summary>A segment that leaves the current cell, at whose end the sample counts in a later one.</summary>
    private void AddAcross(ref CurveColumns columns, int i, int to)
    {
        PowerSample before = new(columns.At[i - 1], columns.Power[i - 1]), after = new(columns.At[i], columns.Power[i]);
        if (after.AtMicroseconds - before.AtMicroseconds > shape.MaxGap)
        {
            Gap(ref columns, i);
            return;
        }
        var (a, b) = shape.Line(before, after);
        while (true)
        {
            var start = Math.Max(a.AtMicroseconds, Cell.Start);
            var end = Math.Min(b.AtMicroseconds, Cell.End);
            if (start < end) Cell.Sum.AddPart(a, b, start, end);
            var earliest = Math.Max(a.AtMicroseconds + 1, Cell.Start + shape.Shift);
            var latest = Math.Min(b.AtMicroseconds - 1, Cell.End - 1 + shape.Shift);
            CurveWindows.BeginAtASample(ref columns, i, earliest, latest, shape, RunStart,
                PowerCurve.RampWindowMicroseconds, ref Cell.Sum.Ramp);
            CurveWindows.BeginAtASample(ref columns, i, earliest, latest, shape, RunStart,
                PowerCurve.LongRampWindowMicroseconds, ref Cell.Sum.LongRamp);
            if (b.AtMicroseconds - shape.Shift < Cell.End) break;
            Open(Cell.End);
        }
        CurveWindows.EndAtSamples(ref columns, i, to, shape, RunStart,
            PowerCurve.RampWindowMicroseconds, ref Cell.Sum.Ramp);
        CurveWindows.EndAtSamples(ref columns, i, to, shape, RunStart,
            PowerCurve.LongRampWindowMicroseconds, ref Cell.Sum.LongRamp);
        CountSteady(ref columns, i, to, isEven: false);
        Cell.Sum.See(after.Milliwatts);
    }

    private void Gap(ref CurveColumns columns, int i)
    {
        var (last, at, power) = (columns.At[i - 1], columns.At[i], columns.Power[i]);
        Level(last, last + shape.Tail, columns.Power[i - 1]);
        Miss(last + shape.Tail, at - shape.Lead);
        Level(at - shape.Lead, at, power);
        RunStart = at;
        SteadySegments = 0;
        See(at, power);
    }

    private void Level(long from, long to, long power)
    {
        while (from < to)
        {
            if (from >= Cell.End) Open(from);
            var end = Math.Min(to, Cell.End);
            Cell.Sum.AddPart(new(from, power), new(to, power), from, end);
            from = end;
        }
    }

    private void Miss(long from, long to)
    {
        if (from < Cell.End) Cell.Sum.Miss(from, Math.Min(to, Cell.End));
        if (to <= Cell.End) return;
        // Cells of which nothing is known are passed over.
        var next = grid.CellOf(to - 1);
        Close();
        Cell = Opened(next);
        Cell.GapRunsIn = from < next.Start;
        Cell.Sum.Miss(Math.Max(from, next.Start), to);
    }

    private void See(long at, long power)
    {
        if (at - shape.Shift >= Cell.End) Open(at - shape.Shift);
        Cell.Sum.See(power);
    }

    private void Open(long at)
    {
        Close();
        Cell = Opened(grid.CellOf(at));
    }

    private void Close()
    {
        if (Cell.HasContent) (Closed ??= new(1)).Add(Cell);
    }

    private static CurveCell Opened((long Start, long End) edges) => new() { Start = edges.Start, End = edges.End };

    private void Ramps(ref CurveColumns columns, int from, int to, bool isEven)
    {
        CountSteady(ref columns, from, to, isEven);
        Ramp(ref columns, from, to, PowerCurve.RampWindowMicroseconds, ref Cell.Sum.Ramp);
        Ramp(ref columns, from, to, PowerCurve.LongRampWindowMicroseconds, ref Cell.Sum.LongRamp);
    }

    private void CountSteady(ref CurveColumns columns, int from, int to, bool isEven)
    {
        var step = columns.At[to - 1] - columns.At[to - 2];
        if (isEven && step == SteadyStep) SteadySegments += to - from;
        else if (isEven) (SteadyStep, SteadySegments) = (step, to - from);
        else
        {
            for (var i = from; i < to; i++)
            {
                var one = columns.At[i] - columns.At[i - 1];
                if (one == SteadyStep) SteadySegments++;
                else (SteadyStep, SteadySegments) = (one, 1);
            }
        }
    }

    /// <summary>
    /// Of evenly spaced samples every window that begins at one ends at one, a fixed number of places later; otherwise
    /// the windows are looked for one by one.
    /// </summary>
    private readonly void Ramp(ref CurveColumns columns, int from, int to, long window, ref long largest)
    {
        var places = (int)Math.Min(window / SteadyStep, int.MaxValue);
        var steadyFrom = Math.Max(to - 1 - SteadySegments, columns.First);
        if (places * SteadyStep == window && steadyFrom <= from - 1)
        {
            if (from - 1 - places >= steadyFrom || columns.At[steadyFrom] == RunStart)
            {
                var first = Math.Max(from, steadyFrom + places);
                if (first < to)
                    largest = Math.Max(largest, CurveBlock.LargestChange(columns.Power, first, to, places));
                return;
            }
        }
        CurveWindows.EndAtSamples(ref columns, from, to, shape, RunStart, window, ref largest);
        CurveWindows.BeginAtSamples(ref columns, from, to, shape, RunStart, window, ref largest);
    }
}

/// <summary>The windows of ramps over samples at any distance, among those that a stream holds.</summary>
internal static class CurveWindows
{
    /// <summary>Windows that end at one of the samples.</summary>
    public static void EndAtSamples(
        ref CurveColumns columns, int from, int to, CurveShape shape, long runStart, long window, ref long largest)
    {
        ReadOnlySpan<long> at = columns.At, power = columns.Power;
        var j = -1;
        for (var i = from; i < to; i++)
        {
            var begin = at[i] - window;
            if (begin < runStart) continue;
            if (j < 0) j = columns.FirstAfter(begin, columns.First, i) - 1;
            while (at[j + 1] <= begin) j++;
            if (!CurveRamp.MayExceed(largest, power[i], power[j], power[j + 1])) continue;
            var other = shape.PowerAt(new(at[j], power[j]), new(at[j + 1], power[j + 1]), begin);
            largest = Math.Max(largest, Math.Abs(power[i] - other));
        }
    }

    /// <summary>Windows that begin at a sample and end between two neighbours.</summary>
    public static void BeginAtSamples(
        ref CurveColumns columns, int from, int to, CurveShape shape, long runStart, long window, ref long largest)
    {
        ReadOnlySpan<long> at = columns.At, power = columns.Power;
        var i = columns.FirstAfter(Math.Max(at[from - 1] - window, runStart - 1), columns.First, from);
        for (var k = from; k < to; k++)
        {
            while (i < k && at[i] + window <= at[k - 1]) i++;
            for (; i < k && at[i] + window < at[k]; i++)
                See(ref columns, i, k, shape, window, ref largest);
        }
    }

    /// <summary>Windows that begin at a sample and end in one segment, from one instant to another, both
    /// included.</summary>
    public static void BeginAtASample(
        ref CurveColumns columns, int k, long earliest, long latest, CurveShape shape, long runStart, long window,
        ref long largest)
    {
        if (earliest > latest) return;
        var first = columns.FirstAfter(Math.Max(earliest - window, runStart) - 1, columns.First, k);
        for (var i = first; i < k && columns.At[i] + window <= latest; i++)
            See(ref columns, i, k, shape, window, ref largest);
    }

    private static void See(
        ref CurveColumns columns, int i, int k, CurveShape shape, long window, ref long largest)
    {
        ReadOnlySpan<long> at = columns.At, power = columns.Power;
        if (!CurveRamp.MayExceed(largest, power[i], power[k - 1], power[k])) return;
        var other = shape.PowerAt(new(at[k - 1], power[k - 1]), new(at[k], power[k]), at[i] + window);
        largest = Math.Max(largest, Math.Abs(power[i] - other));
    }
}
