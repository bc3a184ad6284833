using Ledger.Domain;
using Ledger.Projections;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Cli.Listings;

/// <summary>Verified energy, day by day and period by period.</summary>
public static class EnergyListings
{
    public static Listing Days(IEnumerable<DayRow> days) => Listing.Of(days,
        new("day", "day", row => row.Day),
        new("zone", null, row => row.Zone),
        new("station", null, row => row.Station),
        new("point", "point", row => row.Point),
        new("kind", null, row => row.Kind),
        new("verifiedExportKwh", "verified export kWh", row => row.Export.Verified),
        new("exportSource", "source", row => Source(row.Export)),
        new("exportCheck", "register check", row => row.Export.Check),
        new("exportResidualKwh", "residual kWh", row => row.Export.Residual),
        new("exportToleranceKwh", "tolerance kWh", row => row.Export.Tolerance),
        new("exportWhy", null, row => row.Export.Why),
        new("exportDominating", null, row => row.Export.Budget?.Dominating()),
        new("exportBudgetKwh", null, row => Budget(row.Export.Budget)),
        new("exportRegisterKwh", null, row => row.Export.Register),
        new("exportCurveKwh", null, row => row.Export.Curve),
        new("exportSuspectKwh", null, row => row.Export.Suspect),
        new("verifiedImportKwh", "verified import kWh", row => row.Import.Verified),
        new("importSource", null, row => Source(row.Import)),
        new("importCheck", null, row => row.Import.Check),
        new("importResidualKwh", null, row => row.Import.Residual),
        new("importToleranceKwh", null, row => row.Import.Tolerance),
        new("importWhy", null, row => row.Import.Why),
        new("importDominating", null, row => row.Import.Budget?.Dominating()),
        new("importBudgetKwh", null, row => Budget(row.Import.Budget)),
        new("importRegisterKwh", null, row => row.Import.Register),
        new("importCurveKwh", null, row => row.Import.Curve),
        new("importSuspectKwh", null, row => row.Import.Suspect),
        new("periods", null, row => row.Periods),
        new("uncoveredSeconds", null, row => Seconds(row.UncoveredMicroseconds)));

    /// <summary>A row for each direction of a period whose register was read at both edges.</summary>
    public static Listing Checks(IEnumerable<PeriodCheckRow> checks) => Listing.Of(
        checks.SelectMany(check => new[] { new Checked(check, Direction.Import), new Checked(check, Direction.Export) })
            .Where(row => row.Found is not null),
        new("point", null, row => row.Period.Point),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("direction", "direction", row => row.Direction),
        new("check", "register check", row => row.Side.Check),
        new("registerKwh", "register kWh", row => row.Side.Register),
        new("curveKwh", "curve kWh", row => row.Side.Curve),
        new("residualKwh", "residual kWh", row => row.Side.Residual),
        new("toleranceKwh", "tolerance kWh", row => row.Side.Tolerance),
        new("dominating", null, row => row.Side.Budget.Dominating()),
        new("budgetKwh", null, row => Budget(row.Side.Budget)),
        new("why", null, row => row.Side.Why));

    private sealed record Checked(PeriodCheckRow Period, Direction Direction)
    {
        public PeriodSideRow? Found => Direction == Direction.Import ? Period.Import : Period.Export;
        public PeriodSideRow Side => Found!;
    }

    /// <summary>Every term of the tolerance: "registerStep 0.01", in kWh.</summary>
    private static List<string> Budget(ErrorBudget? known) => known is { } budget
        ? [.. budget.Terms().Select(term => $"{Cell.Exact(term.Term)} {Cell.Exact(term.Energy)}")]
        : [];

    private static string Source(SideRow side) => side.Register is null ? "curve" : "register";

    public static Listing Stations(IEnumerable<StationRow> stations) => Listing.Of(stations,
        new("day", "day", row => row.Day),
        new("station", "station", row => row.Station),
        new("connectors", "connectors", row => row.Connectors),
        new("verifiedExportKwh", "verified export kWh", row => row.Export),
        new("verifiedImportKwh", "verified import kWh", row => row.Import));

    public static Listing Records(IEnumerable<PeriodRow> periods) => Listing.Of(periods,
        new("point", null, row => row.Point),
        new("start", "from", row => row.Start),
        new("end", "to", row => row.End),
        new("version", "v", row => row.Version),
        new("state", "state", row => row.State),
        new("importKwh", "import kWh", row => row.Import),
        new("exportKwh", "export kWh", row => row.Export),
        new("minimumKw", null, row => new Power(row.MinimumMilliwatts)),
        new("maximumKw", null, row => new Power(row.MaximumMilliwatts)),
        new("coveredSeconds", "covered s", row => Seconds(row.CoveredMicroseconds)),
        new("clockOffsetSeconds", null, row => Seconds(row.ClockOffsetMicroseconds)),
        new("quality", "quality", row => row.Quality),
        new("reason", null, row => row.Reason),
        new("evidence", null, row => row.Evidence));

    /// <summary>Microseconds as seconds, exact.</summary>
    public static decimal Seconds(long microseconds) => microseconds / 1_000_000m;
}
