using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary><c>ledger show eligibility POINT --day DAY</c>: what could be called on at each instant, and what bound
/// it.</summary>
internal static class ShowEligibility
{
    public static async Task<Page> PageAsync(
        Page page, LedgerReader ledger, long? asOf, string about, LocalDate? asked, CancellationToken ct)
    {
        var point = CommandLine.Read<SettlementPointId>(about, SettlementPointId.TryParse, "POINT is an identifier");
        var day = asked ?? throw new UsageException("show eligibility needs --day");
        var answers = ledger.Answers(asOf);
        var zone = answers.PointOn(point, day)?.Zone
            ?? throw new CouldNotException($"settlement point {point} is not registered");
        var rows = await PointEligibility.OfAsync(ledger.Journal, answers.KnownBefore, answers, point,
            SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day), ct).ConfigureAwait(false);
        return page.Field("point", "point", point.Value).Field("day", "day", day)
            .Table("eligible", "what could be called on, by programme", Listing.Of(rows,
                new("programme", "programme", row => row.Programme),
                new("start", "from", row => row.Start), new("end", "to", row => row.End),
                new("eligibleKw", "eligible kW", row => row.Eligible),
                new("because", "because", row => row.Because.Select(reason => Cell.Shown(reason)).ToList())))
            .Note("The prequalified power, no more than was declared, and no more than what chargers recorded leaves "
                + "possible; nothing stands under because where all that was proven is eligible.");
    }
}
