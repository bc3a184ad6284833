using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// What people and devices hand in that must not count: each breaks another rule, and all of it is believable. The one
/// file that is in order is the first station's readings once more.
/// </summary>
public static class FleetMistakes
{
    private const int Minute = 60, AfterMidnight = FleetPlan.DaySeconds;

    /// <param name="curveFile">A curve file of the day, of which a part is sent again.</param>
    /// <param name="readings">Register readings that were handed in before.</param>
    public static IEnumerable<(string Name, byte[] Bytes)> Of(FleetPlan plan, byte[] curveFile, byte[] readings)
    {
        var point = FleetPlan.ConnectorOf(1, 1).Value;
        var midnight = FleetText.Time(plan, plan.At(AfterMidnight));
        yield return ("curves-st01-cut.parquet", curveFile[..(curveFile.Length * 3 / 5)]);
        yield return ("curve-nan.csv", FleetText.Lines(["point,time,kw", $"{point},{midnight},NaN"]));
        yield return ("curve-in-megawatts.csv", FleetText.Lines(["point,time,mw", $"{point},{midnight},0.2"]));
        yield return ("curve-unknown-connector.csv", FleetText.Lines(["point,time,kw", $"st99-c1,{midnight},120.5"]));
        yield return ("curve-gigawatts.csv", FleetText.Lines(["point,time,kw", $"{point},{midnight},2500000"]));
        yield return ("reading-of-tomorrow.csv",
            FleetReadings.Single(plan, point, "1.8.0", AfterMidnight + 720 * Minute, "90000.000"));
        yield return ("reading-unknown-connector.csv",
            FleetReadings.Single(plan, "st99-c1", "1.8.0", AfterMidnight, "1.000"));
        yield return ("reading-other-index.csv",
            FleetReadings.Single(plan, point, "1.8.0", AfterMidnight, "99999.999"));
        yield return ("reading-decreased.csv",
            FleetReadings.Single(plan, point, "1.8.0", AfterMidnight + 5 * Minute, "12.000"));
        yield return ("reading-negative.csv",
            FleetReadings.Single(plan, point, "2.8.0", AfterMidnight + 5 * Minute, "-4.200"));
        yield return ("reading-endless.csv",
            FleetReadings.Single(plan, point, "2.8.0", AfterMidnight + 5 * Minute, new string('9', 1_000_000)));
        yield return ("clock-of-no-instruction.jsonl", FleetText.Lines([
            $$"""{"type":"instruction-clock","instruction":"export-2025-07-16-2500","point":"{{point}}","clock":"received","at":"{{midnight}}","source":"charger"}""",
        ]));
        yield return ("latin-1.csv", [.. "point,register,read_at,kwh\nst01-c1,1.8.0,gestern fr"u8, 0xfc, .. "h,1\n"u8]);
        yield return ("readings-st01.csv", readings);
    }
}
