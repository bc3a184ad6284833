using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>Verified energy of the day, by station and, opened, by settlement point with its register check.</summary>
internal static class ExportSection
{
    public static Html Of(Answers answers, LocalDate day)
    {
        var stations = answers.Stations(day);
        var points = answers.Export(day);
        if (stations.Count + points.Count == 0)
            return Html.Format($"<section><h2>Verified export</h2><p class=\"empty\">No energy is verified on this day.</p></section>");
        var export = stations.Aggregate(Energy.Zero, (sum, row) => sum + row.Export);
        var import = stations.Aggregate(Energy.Zero, (sum, row) => sum + row.Import);
        var table = HtmlTable.Of("Verified energy of each station's connectors",
            [new("Station"), new("Connectors", null, true), new("Export", "kWh", true), new("Import", "kWh", true)],
            stations.Select(row => Row(row.Station, row.Connectors, row.Export, row.Import)));
        return Html.Format($"""
            <section><h2>Verified export</h2>
            <p class="figures"><span><b>{DayPage.Kwh(export)}</b> kWh export</span>
            <span><b>{DayPage.Kwh(import)}</b> kWh import</span> <span><b>{stations.Count}</b> stations</span></p>
            {table}
            <details><summary>By settlement point, with the register check</summary>{Points(points)}</details></section>
            """);
    }

    private static IReadOnlyList<Html> Row(string station, int connectors, Energy export, Energy import) =>
        [Html.Of(station), Html.Format($"{connectors}"), Html.Of(DayPage.Kwh(export)), Html.Of(DayPage.Kwh(import))];

    private static Html Points(IReadOnlyList<VerifiedExport.DayRow> points) => HtmlTable.Of(
        "Verified energy of each settlement point",
        [
            new("Point"), new("Kind"), new("Export", "kWh", true), new("Check"), new("Residual", "kWh", true),
            new("Import", "kWh", true), new("Check"), new("Residual", "kWh", true),
        ],
        points.Select(row => (IReadOnlyList<Html>)
        [
            Html.Of(row.Point), Html.Of(DayPage.Words(row.Kind)), .. Side(row.Export), .. Side(row.Import),
        ]));

    private static Html[] Side(VerifiedExport.SideRow side) =>
    [
        Html.Of(DayPage.Kwh(side.Verified)),
        Html.Format($"<span class=\"mark {DayPage.Words(side.Check)}\" title=\"{side.Why}\">{DayPage.Words(side.Check)}</span>"),
        Html.Of(side.Residual is { } residual ? DayPage.Kwh(residual) : "–"),
    ];
}
