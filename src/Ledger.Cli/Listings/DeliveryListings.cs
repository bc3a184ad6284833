using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>What an instruction brought about, and what it is worth.</summary>
public static class DeliveryListings
{
    public static Listing Periods(IEnumerable<DeliveredPeriod> periods) => Listing.Of(periods,
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", null, row => row.Period.End),
        new("orderedKwh", "ordered", row => row.OrderedKwh),
        new("baselineKwh", "baseline", row => row.BaselineKwh),
        new("meteredKwh", "metered", row => row.MeteredKwh),
        new("deliveredKwh", "delivered", row => row.DeliveredKwh),
        new("deficiencyKwh", "deficiency", row => row.DeficiencyKwh),
        new("overDeliveryKwh", "over- delivery", row => row.OverDeliveryKwh),
        new("heldElsewhereKwh", null, row => row.HeldElsewhereKwh),
        new("unproven", null, row => row.Unproven));

    public static Listing Unproven(IEnumerable<DeliveredPeriod> periods) => Listing.Of(
        periods.Where(row => row.Unproven is not null),
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("unproven", "why", row => row.Unproven));

    public static Listing Held(IEnumerable<HeldElsewhere> held) => Listing.Of(held,
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("claim", "claim", row => row.Claim.Value),
        new("programme", "programme", row => row.Programme.Value),
        new("precedence", "precedence", row => row.Precedence),
        new("kwh", "kWh", row => row.Kwh));

    public static Listing Shares(IReadOnlyList<DeliveryShare> shares)
    {
        // Only a programme that gives penalties back has a column of them.
        var back = shares.Any(share => share.Penalties is not null);
        return Listing.Of(shares,
            new("paid", "paid", row => row.Paid),
            new("points", null, row => row.Points.Select(point => point.Value).ToList()),
            new("payment", "payment", row => Sum(row, line => line.Payment)),
            new("penalty", "penalty", row => Sum(row, line => line.Penalty)),
            new("penaltiesBack", back ? "penalties given back" : null, row => row.Penalties?.Back),
            new("net", "net", row => row.Net),
            new("unprovenIntervals", "unproven intervals", row => row.Statement?.Unproven.Count),
            new("whyNot", "not scored because", row => row.WhyNot),
            new("whyNotBack", back ? "about them" : null, row => row.Penalties?.WhyNot));
    }

    /// <summary>The offers that an order takes, whole and in part.</summary>
    public static Listing Offers(DispatchInstructed order) => Listing.Of(order.Activation?.Offers ?? [],
        new("point", "point", row => row.Point.Value),
        new("offeredKw", "offered kW", row => row.Offered),
        new("takenKw", "taken kW", row => order.Activation!.Of(row.Point)));

    public static Listing Lines(IEnumerable<DeliveryShare> shares) => Listing.Of(
        shares.SelectMany(share => (share.Statement?.Lines ?? []).Select(line => (share.Paid, Line: line))),
        new("paid", "paid", row => row.Paid),
        new("start", "from", row => row.Line.Covers.Start),
        new("end", null, row => row.Line.Covers.End),
        new("orderedKwh", "ordered kWh", row => row.Line.OrderedKwh),
        new("deliveredKwh", "delivered kWh", row => row.Line.DeliveredKwh),
        new("effectiveKwh", "effective kWh", row => row.Line.EffectiveKwh),
        new("shortfallKwh", "shortfall kWh", row => row.Line.ShortfallKwh),
        new("payment", "payment", row => row.Line.Payment),
        new("penalty", "penalty", row => row.Line.Penalty),
        new("net", "net", row => row.Line.Net));

    public static Listing Gaps(IEnumerable<DeliveryShare> shares) => Listing.Of(
        shares.SelectMany(share => (share.Statement?.Unproven ?? []).Select(gap => (share.Paid, Gap: gap))),
        new("paid", "paid", row => row.Paid),
        new("start", "from", row => row.Gap.Start),
        new("end", "to", row => row.Gap.End));

    // No sum where an interval is missing: it would look complete.
    private static decimal? Sum(DeliveryShare share, Func<FlexStatementLine, decimal> part) =>
        share.Statement is { Unproven.Count: 0 } whole ? whole.Lines.Sum(part) : null;
}
