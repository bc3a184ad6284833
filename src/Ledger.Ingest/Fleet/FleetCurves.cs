using NodaTime;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// Power curves of a day, one Parquet file a station. The next station's file is written while the caller takes this
/// one, because writing and taking cost about the same.
/// </summary>
public static class FleetCurves
{
    public static IEnumerable<(StationDay Day, byte[] File)> Of(IReadOnlyList<StationDay> days, Instant sentAt)
    {
        var next = Task.Run(() => Write(days[0], sentAt));
        for (var i = 0; i < days.Count; i++)
        {
            var file = next.GetAwaiter().GetResult();
            if (i + 1 < days.Count)
            {
                var day = days[i + 1];
                next = Task.Run(() => Write(day, sentAt));
            }
            yield return (days[i], file);
        }
    }

    /// <summary>One station's file. It says when it was sent, by the station's own clock.</summary>
    private static byte[] Write(StationDay day, Instant sentAt)
    {
        var aheadMs = day.Station == day.Plan.Disturbances.ClockStation ? day.Plan.Disturbances.ClockAheadMs : 0;
        using var file = new MemoryStream();
        CurveParquet.WriteAsync(file, day.Curves.Select(curve => new PointCurve(curve.Point, [.. day.Sent(curve)])),
            sentAt + Duration.FromMilliseconds(aheadMs)).GetAwaiter().GetResult();
        return file.ToArray();
    }
}
