using Ledger.Projections;

namespace Ledger.Api.Pages;

/// <summary>Who was credited with the day's energy: one kWh counts once, so what a claim lost stands beside it,
/// with the claim that has it.</summary>
internal static class ClaimsSection
{
    public static Html Of(Answers answers, LocalDay day)
    {
        var claims = answers.Claims().Where(claim => day.MayTouch(claim.Start, claim.End)
                && day.Touches(claim.Point, claim.Start, claim.End))
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
                Html.Of($"{Clock(claim, claim.Start)}–{Clock(claim, claim.End)}"),
                Html.Of(DayPage.Kwh(claim.Claimed)), Html.Of(DayPage.Kwh(claim.Held)),
                Html.Of(claim.Lost.Count == 0 ? "held" : string.Join("; ", claim.Lost.Select(loss =>
                    $"{DayPage.Kwh(loss.Energy)} kWh displaced by "
                        + (loss.By is { } by ? $"{by} of {loss.ByProgramme}" : "another claim")))),
            ]));
        return Html.Format($"<section><h2>Claims</h2>{table}</section>");

        string Clock(ProgrammesView.ClaimRow claim, NodaTime.Instant at) => DayPage.Clock(at, day.ZoneOf(claim.Point));
    }
}
