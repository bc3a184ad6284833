using Ledger.Domain;
using static Ledger.Projections.ProgrammesView;

namespace Ledger.Cli.Listings;

/// <summary>Programmes, who takes part in them, and what was claimed for them.</summary>
public static class ProgrammeListings
{
    public static Listing Programmes(IEnumerable<ProgrammeRow> programmes) => Listing.Of(programmes,
        new("programme", "programme", row => row.Programme),
        new("version", "v", row => row.Version),
        new("validFrom", "from", row => row.ValidFrom),
        new("service", "service", row => row.Service),
        new("baselinePack", "baseline", row => row.BaselinePack),
        new("scoringPack", "scoring", row => row.ScoringPack),
        new("noticeMs", null, row => row.NoticeMs),
        new("rampMs", null, row => row.RampMs),
        new("tolerancePermille", null, row => row.TolerancePermille),
        new("paidPer", null, row => row.PaidPer),
        new("precedence", "precedence", row => row.Precedence),
        new("sharesWith", "shares with", row => row.SharesWith),
        new("currency", "currency", row => row.Currency),
        new("pricePerKwh", "per kWh", row => row.PricePerKwh),
        new("activationPermilleMin", null, row => row.ActivationPermilleMin),
        new("availabilityPerKwHour", null, row => row.AvailabilityPerKwHour),
        new("redistribution", null, row => row.Redistribution),
        new("payer", null, row => row.Payer), new("payee", null, row => row.Payee));

    public static Listing Enrolments(IEnumerable<EnrolmentRow> enrolments) => Listing.Of(enrolments,
        new("point", "point", row => row.Point),
        new("programme", "programme", row => row.Programme),
        new("prequalifiedKw", "prequalified kW", row => new Power(row.PrequalifiedMilliwatts)),
        new("from", "from", row => row.From),
        new("to", "to", row => row.To),
        new("endReason", "ended because", row => row.EndReason));

    public static Listing Availabilities(IEnumerable<AvailabilityRow> availabilities) => Listing.Of(availabilities,
        new("point", "point", row => row.Point),
        new("programme", "programme", row => row.Programme),
        new("start", "from", row => row.Start),
        new("end", "to", row => row.End),
        new("availableKw", "available kW", row => new Power(row.AvailableMilliwatts)),
        new("declaredAt", null, row => row.DeclaredAt));

    public static Listing Claims(IEnumerable<ClaimRow> claims) => Listing.Of(claims,
        new("claim", "claim", row => row.Claim),
        new("programme", "programme", row => row.Programme),
        new("point", "point", row => row.Point),
        new("direction", "direction", row => row.Direction),
        new("start", "from", row => row.Start),
        new("end", null, row => row.End),
        new("claimedKwh", "claimed kWh", row => row.Claimed),
        new("heldKwh", "held kWh", row => row.Held),
        new("claimedBy", null, row => row.ClaimedBy),
        new("programmeVersion", null, row => row.ProgrammeVersion),
        new("precedence", null, row => row.Precedence),
        new("sharesWith", null, row => row.SharesWith),
        new(null, "lost", row =>
            row.Lost.Select(loss => $"{Cell.Shown(loss.Energy)} kWh to {Winner(loss)}").ToList()),
        new("lost", null, row => row.Lost.Select(loss =>
            $"{loss.Energy.ToKwh()} kWh to {Winner(loss)}, {Cell.Exact(loss.Start)} to "
            + $"{Cell.Exact(loss.End)}").ToList()));

    private static string Winner(LossRow loss) =>
        loss.By is { } by ? $"{by} of {loss.ByProgramme}" : "another claim";
}
