using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// Register readings of the day, in CSV: grid connections at every edge of a settlement period, connectors and storage
/// at the edges of the day, both directions. The last reading of one grid connection comes late, in a file of its own.
/// </summary>
public static class FleetReadings
{
    private const string Header = "point,register,read_at,kwh";

    public static byte[] OfStation(StationDay day) => FleetText.Lines(
        [Header, .. day.Curves.SelectMany(curve => Rows(day.Plan, curve)).Where(row => !row.Late)
            .Select(row => row.Text)]);

    /// <summary>The readings that come the next morning; false where this station has none.</summary>
    public static bool TryLate(StationDay day, out byte[] file)
    {
        var late = day.Curves.SelectMany(curve => Rows(day.Plan, curve)).Where(row => row.Late).Select(row => row.Text)
            .ToList();
        file = FleetText.Lines([Header, .. late]);
        return late.Count > 0;
    }

    /// <summary>Any reading as a file of one row; what it says need not be true.</summary>
    internal static byte[] Single(FleetPlan plan, string point, string register, int second, string kwh) =>
        FleetText.Lines([Header, $"{point},{register},{FleetText.Time(plan, plan.At(second))},{kwh}"]);

    private static IEnumerable<(string Text, bool Late)> Rows(FleetPlan plan, SimulatedCurve curve)
    {
        var edges = TrueEnergy.AtEdges(curve, plan);
        foreach (var register in SimulatedRegister.Of(plan, curve))
            for (var edge = 0; edge < edges.Count; edge++)
            {
                var last = edge == edges.Count - 1;
                if (curve.Kind != SettlementPointKind.GridConnection && edge > 0 && !last) continue;
                var at = FleetText.Time(plan, plan.At(edge * plan.PeriodMinutes * 60));
                var kwh = Kwh(register.IndexAfter(edges[edge].Of(register.Installed.Register.Direction)),
                    register.Installed.Decimals);
                yield return ($"{curve.Point},{(register.Installed.Register.Direction == Direction.Import ? "1.8.0" : "2.8.0")},{at},{kwh}",
                    last && curve.Point == FleetPlan.GridOf(plan.Disturbances.LateStation));
            }
    }

    /// <summary>An index as its display shows it.</summary>
    private static string Kwh(long steps, int decimals)
    {
        var digits = steps.ToString(CultureInfo.InvariantCulture).PadLeft(decimals + 1, '0');
        return $"{digits[..^decimals]}.{digits[^decimals..]}";
    }
}
