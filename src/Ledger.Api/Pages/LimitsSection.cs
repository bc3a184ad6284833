using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>The standing limits of the day, each with its verdict and, opened,
/// the periods above, near or unproven.</summary>
internal static class LimitsSection
{
    public static Html Of(Answers answers, LocalDate day)
    {
        var limits = answers.Limits(day);
        if (limits.Count == 0)
            return Html.Format($"""
                <section><h2>Limits</h2><p class="empty">No standing limit holds on this day.</p></section>
                """);
        var table = HtmlTable.Of("Standing limits of the day, judged by the interval records",
            [
                new("Point"), new("Limit"), new("Direction"), new("Verdict"), new("Periods", null, true),
                new("Above", null, true), new("Unproven", null, true), new("Energy above, at least", "kWh", true),
                new("at most", "kWh", true),
            ],
            limits.Select(limit => Row(limit.Day)));
        var periods = limits.SelectMany(limit => limit.Periods.Select(period => (limit.Day.Zone, Period: period)))
            .OrderBy(row => row.Period.Point, StringComparer.Ordinal).ThenBy(row => row.Period.Start).ToList();
        var opened = periods.Count == 0 ? Html.Nothing : Html.Format($"""
            <details><summary>{periods.Count} recorded periods above, near or unproven, with what was recorded of the
            same time</summary>{Periods(periods)}</details>
            """);
        return Html.Format($"<section><h2>Limits</h2>{table}{opened}</section>");
    }

    private static IReadOnlyList<Html> Row(LimitCompliance.DayRow row) =>
    [
        Html.Of(row.Point), Html.Of(DayPage.Words(row.Kind)), Html.Of(DayPage.Words(row.Direction)),
        Mark(row.Verdict), Html.Format($"{row.Periods}"), Html.Format($"{row.PeriodsAbove}"),
        Html.Format($"{row.PeriodsUnproven}"), Html.Of(DayPage.Kwh(row.Above.AtLeast)),
        Html.Of(row.Above.AtMost is { } most ? DayPage.Kwh(most) : "–"),
    ];

    private static Html Periods(IReadOnlyList<(string Zone, LimitCompliance.PeriodRow Period)> rows) => HtmlTable.Of(
        "Recorded periods above, near or unproven; no bound (–) where data is missing",
        [
            new("Point"), new("Limit"), new("Local time"), new("Verdict"), new("Limit", "kW", true),
            new("Highest, at least", "kW", true), new("Mean, at least", "kW", true), new("Recorded of the same time"),
        ],
        rows.Select(row => (IReadOnlyList<Html>)
        [
            Html.Of(row.Period.Point),
            Html.Of($"{DayPage.Words(row.Period.Kind)}, {DayPage.Words(row.Period.Direction)}"),
            Html.Of($"{Clock(row.Period.Start, row.Zone)}–{Clock(row.Period.End, row.Zone)}"),
            Mark(row.Period.Verdict), Html.Of(Kw(new Power(row.Period.MostMilliwatts))),
            Html.Of(Kw(row.Period.Highest.AtLeast)), Html.Of(Kw(row.Period.Demand.AtLeast)),
            Html.Of(row.Period.Causes.Count == 0 ? "–" : string.Join("; ", row.Period.Causes)),
        ]));

    private static Html Mark(LimitVerdict verdict) =>
        Html.Format($"<span class=\"mark {DayPage.Words(verdict)}\">{DayPage.Words(verdict)}</span>");

    private static string Kw(Power power) => DayPage.Grouped(power.Kilowatts, KwDecimals);

    private const int KwDecimals = 3; // 1 W, as pages of the command line have it

    private static string Clock(Instant at, string zone) => DayPage.Clock(at, DateTimeZoneProviders.Tzdb[zone]);
}
