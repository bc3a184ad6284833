using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// A curve that is the only evidence of its periods: which of its samples a record of each is made of, and how long a
/// gap may be between two of them. So who asks without a record uses the rule of who makes one.
/// </summary>
/// <param name="inTime">The samples in order of time.</param>
/// <param name="maxGap">The longest gap that is bridged, where it is agreed.</param>
public sealed class LoneCurve(PowerSample[] inTime, Duration? maxGap = null)
{
    private readonly CurvePiece[] pieces = [new(default, inTime, CurveSpacing.Of(inTime))];

    /// <summary>The samples of a period, from one ramp window before it to the first that closes it, and the longest
    /// gap that is bridged between them.</summary>
    public (PowerSample[] Samples, Duration MaxGap) Within(Interval period)
    {
        var (start, end) = CurveWindow.Edges(period);
        var samples = CurveWindow.Union(pieces, start, end, []).ToArray();
        return (samples, maxGap ?? CurveGaps.Longest(samples, pieces, start, end));
    }
}
