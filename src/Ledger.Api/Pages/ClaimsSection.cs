using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>Who was credited with the day's energy: one kWh counts once, so what a claim lost stands beside it,
/// with the claim that has it.</summary>
internal static class ClaimsSection
{
    public static Html Of(Answers answers, LocalDate day)
    {
        var zones = answers.Export(day).ToDictionary(row => row.Point, row => row.Zone, StringComparer.Ordinal);
        var claims = answers.Claims().Where(claim => Touches(claim, day, ZoneOf(claim)))
            .OrderBy(claim => claim.Point, StringComparer.Ordinal).ThenBy(claim => claim.Start)
            .ThenBy(claim => claim.Claim, StringComparer.Ordinal).ToList();
        if (claims.Count == 0)
            return Html.Format($"""
                <section><h2>Claims</h2><p class="empty">No energy of this day is claimed for a programme.</p></section>
                """);
        var table = HtmlTable.Of("Energy claimed for a programme; one kWh counts once",
            [
                new("Claim"), new("Programme"), new("Point"), new("Local time"), new("Claimed", "kWh", true),
                new("Held", "kWh", true), new("What became of it"),
            ],
            claims.Select(claim => (IReadOnlyList<Html>)
            [
                Html.Of(claim.Claim), Html.Of(claim.Programme), Html.Of(claim.Point),
                Html.Of($"{Clock(claim.Start, ZoneOf(claim))}–{Clock(claim.End, ZoneOf(claim))}"),
                Html.Of(DayPage.Kwh(claim.Claimed)), Html.Of(DayPage.Kwh(claim.Held)),
                Html.Of(claim.Lost.Count == 0 ? "held" : string.Join("; ", claim.Lost.Select(loss =>
                    $"{DayPage.Kwh(loss.Energy)} kWh displaced by "
                        + (loss.By is { } by ? $"{by} of {loss.ByProgramme}" : "another claim")))),
            ]));
        return Html.Format($"<section><h2>Claims</h2>{table}</section>");

        DateTimeZone ZoneOf(ProgrammesView.ClaimRow claim) =>
            DateTimeZoneProviders.Tzdb[zones.GetValueOrDefault(claim.Point, "Etc/UTC")];
    }

    private static bool Touches(ProgrammesView.ClaimRow claim, LocalDate day, DateTimeZone zone)
    {
        var edges = SettlementCalendar.Day(zone, day);
        return claim.Start < edges.End && claim.End > edges.Start;
    }

    private static string Clock(Instant at, DateTimeZone zone) =>
        at.InZone(zone).ToString("HH:mm", CultureInfo.InvariantCulture);
}
