namespace Ledger.Domain;

/// <summary>The sums of one cell of a grid. A cell of which nothing is covered and no sample is known is not
/// kept.</summary>
internal struct CurveCell
{
    public long Start, End;
    public PeriodSum Sum;

    public readonly bool HasContent => Sum.Samples > 0 || Sum.Covered > 0;
}

/// <summary>
/// The running sums of a stream whose samples come in order and once for each instant: one cell of the grid after the
/// other, segment by segment as <see cref="PowerCurve"/> does it, and whole blocks at a time where nothing happens in
/// them. It is a value: a copy of it can be carried on to see what a stream would be if it ended now.
/// </summary>
internal struct CurveFold(SampleDeclaration declaration, CurveGrid grid)
{
    private const int BlockMin = 8, BlockMax = 256, RampsMax = 16;

    /// <summary>More segments of one length are not counted: a stream that never stops has more than a number of 32
    /// bits can say, and no window of a ramp holds as many.</summary>
    private const int SteadySegmentsMax = 1 << 30;

    public readonly SampleDeclaration Declaration => declaration;
    public readonly CurveGrid Grid => grid;

    /// <inheritdoc cref="ConnectorCurve.Use"/>
    public void Use(CurveGrid other) => grid = other;
    private readonly CurveShape Shape => declaration.Shape; // which all streams of a declaration share

    public CurveCell Cell;
    public List<CurveCell>? Closed;
    /// <summary>The first sample since the last gap; windows of ramps lie behind it.</summary>
    public long RunStart;
    /// <summary>How many of the latest segments have the same length, and that length.</summary>
    public int SteadySegments;
    public long SteadyStep;
    public bool IsStarted;
    /// <summary>The first instant that the stream says something of.</summary>
    public long Begins;

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
            var end = columns.At[to - 1] - Shape.Shift < Cell.End
                ? to : columns.FirstAfter(Cell.End - 1 + Shape.Shift, i, to);
            if (end > i) AddInside(ref columns, i, end);
            else AddAcross(ref columns, i, end = i + 1);
            CountRepeats(repeats, ref counted, columns.At[end - 1]);
            i = end;
        }
    }

    /// <summary>The cells as they are if no sample follows the last one.</summary>
    public void End(PowerSample last)
    {
        Level(last.AtMicroseconds, last.AtMicroseconds + Shape.Tail, last.Milliwatts);
        var from = Math.Max(Cell.Start, last.AtMicroseconds + Shape.Tail);
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
    public readonly long Lead => Shape.Lead;

    /// <summary>The cells so far, the current one as it is.</summary>
    public readonly List<CurveCell> CellsWithCurrent() => Cell.HasContent ? [.. Closed ?? [], Cell] : Closed ?? [];

    /// <summary>The first instant from one on of which the sums know something; none where they do not.</summary>
    public readonly long? FirstKnown(long from)
    {
        foreach (var cell in Closed ?? [])
            if (cell.End > from) return Math.Max(cell.Start, from);
        return Cell.HasContent && Cell.End > from ? Math.Max(Cell.Start, from) : null;
    }

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
        writer.Int64(Begins);
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
        Begins = reader.Int64();
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
        Begins = at - Math.Max(Shape.Lead, Shape.Shift);
        Cell = Opened(grid.CellOf(Begins));
        if (Cell.Start < at - Shape.Lead)
        {
            Cell.Sum.GapRunsIn = true;
            Cell.Sum.Miss(Cell.Start, at - Shape.Lead);
        }
        Level(at - Shape.Lead, at, power);
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
        var block = CurveBlock.Sum(columns.At, columns.Power, from, to, Shape.Semantics);
        var duration = columns.At[to - 1] - columns.At[from - 1];
        var (least, most) = (block.Minimum, block.Maximum);
        if (Shape.Semantics != SampleSemantics.MeanBack)
            (least, most) = (Math.Min(least, columns.Power[from - 1]), Math.Max(most, columns.Power[from - 1]));
        if (block.LongestStep > Shape.MaxGap || (least < 0 && most > 0)
            || !BlockSum.Fits(Math.Max(Math.Abs(least), Math.Abs(most)), duration))
        {
            // Most of the block may still be plain.
            if (to - from < 2 * BlockMin) AddEach(ref columns, from, to);
            else
            {
                var middle = (from + to) / 2;
                AddBlock(ref columns, from, middle);
                AddBlock(ref columns, middle, to);
            }
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
            if (step > Shape.MaxGap)
            {
                if (run < i) Ramps(ref columns, run, i, isEven: false);
                Gap(ref columns, i);
                run = i + 1;
                continue;
            }
            var (left, right) = Shape.Ends(columns.Power[i - 1], columns.Power[i]);
            Cell.Sum.AddWhole(left, right, step);
            Cell.Sum.See(columns.Power[i]);
        }
        if (run < to) Ramps(ref columns, run, to, isEven: false);
    }

    /// <summary>A segment that leaves the current cell, at whose end the sample counts in a later one.</summary>
    private void AddAcross(ref CurveColumns columns, int i, int to)
    {
        PowerSample before = new(columns.At[i - 1], columns.Power[i - 1]), after = new(columns.At[i], columns.Power[i]);
        if (after.AtMicroseconds - before.AtMicroseconds > Shape.MaxGap)
        {
            Gap(ref columns, i);
            return;
        }
        var (a, b) = Shape.Line(before, after);
        while (true)
        {
            var start = Math.Max(a.AtMicroseconds, Cell.Start);
            var end = Math.Min(b.AtMicroseconds, Cell.End);
            if (start < end) Cell.Sum.AddPart(a, b, start, end);
            var earliest = Math.Max(a.AtMicroseconds + 1, Cell.Start + Shape.Shift);
            var latest = Math.Min(b.AtMicroseconds - 1, Cell.End - 1 + Shape.Shift);
            CurveWindows.BeginBefore(ref columns, i, earliest, latest, Shape, RunStart,
                PowerCurve.RampWindowMicroseconds, ref Cell.Sum.Ramp);
            CurveWindows.BeginBefore(ref columns, i, earliest, latest, Shape, RunStart,
                PowerCurve.LongRampWindowMicroseconds, ref Cell.Sum.LongRamp);
            if (b.AtMicroseconds - Shape.Shift < Cell.End) break;
            Open(Cell.End);
        }
        CurveWindows.EndAtSamples(ref columns, columns.First, i, to, Shape, RunStart,
            PowerCurve.RampWindowMicroseconds, ref Cell.Sum.Ramp);
        CurveWindows.EndAtSamples(ref columns, columns.First, i, to, Shape, RunStart,
            PowerCurve.LongRampWindowMicroseconds, ref Cell.Sum.LongRamp);
        CountSteady(ref columns, i, to, isEven: false);
        Cell.Sum.See(after.Milliwatts);
    }

    private void Gap(ref CurveColumns columns, int i)
    {
        var (last, at, power) = (columns.At[i - 1], columns.At[i], columns.Power[i]);
        Level(last, last + Shape.Tail, columns.Power[i - 1]);
        Miss(last + Shape.Tail, at - Shape.Lead);
        Level(at - Shape.Lead, at, power);
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
        Cell.Sum.GapRunsIn = from < next.Start;
        Cell.Sum.Miss(Math.Max(from, next.Start), to);
    }

    private void See(long at, long power)
    {
        if (at - Shape.Shift >= Cell.End) Open(at - Shape.Shift);
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
        if (isEven && step == SteadyStep) SteadySegments = Math.Min(SteadySegments + to - from, SteadySegmentsMax);
        else if (isEven) (SteadyStep, SteadySegments) = (step, to - from);
        else
        {
            for (var i = from; i < to; i++)
            {
                var one = columns.At[i] - columns.At[i - 1];
                if (one != SteadyStep) (SteadyStep, SteadySegments) = (one, 1);
                else if (SteadySegments < SteadySegmentsMax) SteadySegments++;
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
        var begun = FirstBegun(ref columns, from, window);
        for (var end = from; from < to; from = end)
        {
            end = Math.Min(to, from + RampsMax);
            var beyond = columns.FirstAfterFromStart(columns.At[end - 1] - window, begun, end);
            // Powers at the ends of these windows lie between those of the samples around them.
            var (leastBegun, mostBegun) = CurveBlock.Extremes(columns.Power[begun..(beyond + 1)]);
            var (leastEnded, mostEnded) = CurveBlock.Extremes(columns.Power[(from - 1)..end]);
            if (Math.Max(mostEnded - leastBegun, mostBegun - leastEnded) > largest)
            {
                CurveWindows.EndAtSamples(ref columns, begun, from, end, Shape, RunStart, window, ref largest);
                CurveWindows.BeginAtSamples(ref columns, begun, from, end, Shape, RunStart, window, ref largest);
            }
            begun = Math.Max(columns.First, beyond - 1);
        }
    }

    /// <summary>The sample at or before the beginning of the window that ends at the one before an index; of those that
    /// are held the first, where that is later. The long windows begin at the oldest ones, the short ones at the
    /// newest.</summary>
    private static int FirstBegun(ref CurveColumns columns, int from, long window)
    {
        var begin = columns.At[from - 1] - window;
        var after = window == PowerCurve.LongRampWindowMicroseconds
            ? columns.FirstAfterFromStart(begin, columns.First, from)
            : columns.FirstAfterFromEnd(begin, columns.First, from);
        return Math.Max(columns.First, after - 1);
    }
}
