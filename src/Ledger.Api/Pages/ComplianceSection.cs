using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>The instructions that touch the day, each with its tally and, opened, the verdict and reasons of each target.</summary>
internal static class ComplianceSection
{
    public static Html Of(Answers answers, LocalDate day)
    {
        var zone = answers.Export(day).FirstOrDefault()?.Zone ?? "Etc/UTC";
        var edges = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day);
        var instructions = answers.Instructions().Where(row => row.Start < edges.End && row.End > edges.Start).ToList();
        var found = instructions.Count == 0
            ? Html.Format($"<p class=\"empty\">No dispatch instruction holds on this day.</p>")
            : Html.Join(instructions.Select(row => Instruction(answers, row, DateTimeZoneProviders.Tzdb[zone])));
        return Html.Format($"<section><h2>Compliance</h2>{found}</section>");
    }

    private static Html Instruction(Answers answers, CurtailmentCompliance.InstructionRow row, DateTimeZone zone)
    {
        var tally = row.Tally;
        var counts = Html.Join(new (string Verdict, int Count)[]
        {
            ("kept", tally.Kept), ("partly kept", tally.PartlyKept), ("broken", tally.Broken),
            ("excused", tally.Excused), ("unproven", tally.Unproven),
        }.Where(each => each.Count > 0).Select(each => Html.Format($"<li><span class=\"mark {Class(each.Verdict)}\">{each.Count} {each.Verdict}</span></li>")));
        var withdrawn = row.WithdrawnAt is null ? Html.Nothing : Html.Format($" <span class=\"mark\">withdrawn</span>");
        return Html.Format($"""
            <article><h3>{row.Instruction}{withdrawn}</h3>
            <p>{DayPage.Words(row.Kind)}, ordered by {row.IssuedBy}, {Clock(row.Start, zone)} to {Clock(row.End, zone)} {zone.Id}</p>
            <p class="figures"><span><b>{DayPage.Kwh(tally.Ordered)}</b> kWh ordered</span>
            <span><b>{DayPage.Kwh(tally.Delivered)}</b> kWh delivered</span>
            <span><b>{DayPage.Kwh(tally.Deficiency)}</b> kWh deficient</span>
            <span><b>{DayPage.Kwh(tally.DeficiencyExcused)}</b> kWh of it excused</span></p>
            <ul class="tally">{counts}</ul>
            <details><summary>{tally.Instructed} settlement points</summary>{Targets(answers.Instruction(new(row.Instruction))!.Targets)}</details></article>
            """);
    }

    private static Html Targets(IReadOnlyList<CurtailmentCompliance.TargetRow> targets) => HtmlTable.Of(
        "Verdict of each settlement point",
        [
            new("Point"), new("Verdict"), new("Ordered", "kWh", true), new("Delivered", "kWh", true), new("Deficient", "kWh", true), new("Reasons"),
        ],
        targets.Select(row => (IReadOnlyList<Html>)
        [
            Html.Of(row.Point), Html.Format($"<span class=\"mark {Class(DayPage.Words(row.Verdict))}\">{DayPage.Words(row.Verdict)}</span>"),
            Html.Of(DayPage.Kwh(row.Ordered)), Html.Of(DayPage.Kwh(row.Delivered)), Html.Of(DayPage.Kwh(row.Deficiency)),
            Html.Of(string.Join("; ", row.Reasons.Concat(row.Claimed.Select(claim =>
                $"{DayPage.Words(claim.Reason)} claimed by {claim.ClaimedBy}")))),
        ]));

    private static string Class(string verdict) => verdict.Replace(' ', '-');

    private static string Clock(Instant at, DateTimeZone zone) =>
        at.InZone(zone).ToString("uuuu-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
}
