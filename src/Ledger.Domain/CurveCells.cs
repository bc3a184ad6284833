namespace Ledger.Domain;

/// <summary>Makes one period of the cells that divide it, to the last integer what it would be undivided.</summary>
internal static class CurveCells
{
    /// <summary>The sums from one edge to another; cells that are not kept are missing entirely.</summary>
    public static PeriodSum Join(List<CurveCell>? cells, long start, long end)
    {
        var whole = new PeriodSum();
        var (reached, openFrom) = (start, long.MinValue); // a gap that may run on begins at openFrom
        foreach (var cell in cells ?? [])
        {
            if (cell.End <= start || cell.Start >= end) continue;
            if (reached < cell.Start && openFrom == long.MinValue) openFrom = reached;
            Add(ref whole, cell, ref openFrom);
            reached = cell.End;
        }
        if (reached < end && openFrom == long.MinValue) openFrom = reached;
        if (openFrom != long.MinValue && openFrom < end) whole.Miss(openFrom, end);
        return whole;
    }

    private static void Add(ref PeriodSum whole, CurveCell cell, ref long openFrom)
    {
        var sum = cell.Sum;
        var gaps = sum.Gaps ?? [];
        for (var i = 0; i < gaps.Count; i++)
        {
            var from = PowerCurve.Microseconds(gaps[i].Missing.Start);
            var to = PowerCurve.Microseconds(gaps[i].Missing.End);
            if (i == 0 && openFrom != long.MinValue)
            {
                if (sum.GapRunsIn && from == cell.Start) from = openFrom;
                else whole.Miss(openFrom, cell.Start);
            }
            openFrom = to == cell.End ? from : long.MinValue;
            if (to < cell.End) whole.Miss(from, to);
        }
        if (gaps.Count == 0 && openFrom != long.MinValue)
        {
            whole.Miss(openFrom, cell.Start);
            openFrom = long.MinValue;
        }
        Combine(ref whole, sum);
    }

    private static void Combine(ref PeriodSum whole, PeriodSum part)
    {
        whole.Import += part.Import;
        whole.Export += part.Export;
        whole.Covered += part.Covered;
        whole.Ramp = Math.Max(whole.Ramp, part.Ramp);
        whole.LongRamp = Math.Max(whole.LongRamp, part.LongRamp);
        whole.Duplicates += part.Duplicates;
        whole.Conflicts += part.Conflicts;
        if (part.Samples > 0) whole.See(part.Minimum, part.Maximum, part.Samples);
        else if (part.HasEdges)
        {
            whole.SeeEdge(part.Minimum);
            whole.SeeEdge(part.Maximum);
        }
    }
}
