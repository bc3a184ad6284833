using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Demonstration;

/// <summary>Verified export per station: what the connectors' registers counted,
/// and the grid connection beside it.</summary>
internal static class ExportSection
{
    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var rows = answers.Stations(outcome.Plan.Day);
        var points = answers.Export(outcome.Plan.Day);
        return new Section("export", "Verified export by station, kWh",
            [
                "Export of vehicles is what the export registers (2.8.0) of the connectors counted over the day. "
                + "Storage and grid connection stand beside it; they are not part of it, because the grid connection "
                + "measures it again.",
            ],
            [new ReportTable(
                ["station", ">vehicles exported", ">vehicles imported", ">storage exported", ">grid exported",
                    ">grid imported"],
                [
                    .. rows.Select(row => (string[])
                    [
                        row.Station, Shown.Kwh(row.Export), Shown.Kwh(row.Import),
                        Shown.Kwh(Sum(points, row.Station, SettlementPointKind.Storage, point =>
                            point.Export.Verified)),
                        Shown.Kwh(Sum(points, row.Station, SettlementPointKind.GridConnection, point =>
                            point.Export.Verified)),
                        Shown.Kwh(Sum(points, row.Station, SettlementPointKind.GridConnection, point =>
                            point.Import.Verified)),
                    ]),
                    [
                        "all", Shown.Kwh(rows.Aggregate(Energy.Zero, (sum, row) => sum + row.Export)),
                        Shown.Kwh(rows.Aggregate(Energy.Zero, (sum, row) => sum + row.Import)),
                        Shown.Kwh(Sum(points, null, SettlementPointKind.Storage, point => point.Export.Verified)),
                        Shown.Kwh(Sum(points, null, SettlementPointKind.GridConnection, point =>
                            point.Export.Verified)),
                        Shown.Kwh(Sum(points, null, SettlementPointKind.GridConnection, point =>
                            point.Import.Verified)),
                    ],
                ])],
            []);
    }

    private static Energy Sum(
        IEnumerable<VerifiedExport.DayRow> points, string? station, SettlementPointKind kind,
        Func<VerifiedExport.DayRow, Energy> energy) =>
        points.Where(point => point.Kind == kind && (station is null || point.Station == station))
            .Aggregate(Energy.Zero, (sum, point) => sum + energy(point));
}
