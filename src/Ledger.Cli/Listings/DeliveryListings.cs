using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

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
        new("quality", "quality", row => row.Quality),
        new("deliveredKwh", "delivered", row => row.DeliveredKwh),
        new("deficiencyKwh", "deficiency", row => row.DeficiencyKwh),
        new("overDeliveryKwh", "over- delivery", row => row.OverDeliveryKwh),
        new("heldElsewhereKwh", null, row => row.HeldElsewhereKwh),
        new("mayLackKwh", null, row => row.MayLackKwh),
        new("unproven", null, row => row.Unproven));

    public static Listing Unproven(IEnumerable<DeliveredPeriod> periods) => Listing.Of(
        periods.Where(row => row.Unproven is not null),
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("unproven", "why", row => row.Unproven));

    /// <summary>
    /// The same for people: equal reasons of periods that follow each other are one stretch, and points with the same
    /// stretch one row, so that what holds of a whole call is said once.
    /// </summary>
    public static Listing UnprovenTogether(IReadOnlyList<DeliveredPeriod> periods)
    {
        var points = periods.Select(row => row.Point).Distinct().Count();
        return Listing.Of(Stretches(periods).GroupBy(stretch => (stretch.Why, stretch.Start, stretch.End))
                .OrderBy(same => same.Key.Start).ThenBy(same => same.Key.End)
                .ThenBy(same => same.Key.Why, StringComparer.Ordinal),
            new("unproven", "why", same => same.Key.Why),
            new("start", "from", same => same.Key.Start),
            new("end", "to", same => same.Key.End),
            new("periods", "periods", same => same.Sum(stretch => stretch.Periods)),
            new("pointCount", "points", same => same.Count()),
            new("points", null, same => same.Select(stretch => stretch.Point.Value).ToList()),
            new(null, "which", same => same.Count() == points ? "all"
                : Named([.. same.Select(stretch => stretch.Point.Value)]))) with
        {
            WhenEmpty = "nothing is unknown",
        };
    }

    private const int NamedMax = 12;

    private static string Named(IReadOnlyList<string> points) => string.Join(", ", points.Take(NamedMax))
        + (points.Count > NamedMax
            ? string.Create(CultureInfo.InvariantCulture, $" and {points.Count - NamedMax} more") : "");

    private sealed record Stretch(SettlementPointId Point, string Why, Instant Start, Instant End, int Periods);

    private static IEnumerable<Stretch> Stretches(IEnumerable<DeliveredPeriod> periods)
    {
        Stretch? open = null;
        foreach (var row in periods.Where(row => row.Unproven is not null)
            .OrderBy(row => row.Point).ThenBy(row => row.Period.Start))
        {
            if (open is not null && open.Point == row.Point && open.Why == row.Unproven && open.End == row.Period.Start)
            {
                open = open with { End = row.Period.End, Periods = open.Periods + 1 };
                continue;
            }
            if (open is not null) yield return open;
            open = new(row.Point, row.Unproven!, row.Period.Start, row.Period.End, 1);
        }
        if (open is not null) yield return open;
    }

    public static Listing Held(IEnumerable<HeldElsewhere> held) => Listing.Of(held,
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("claim", "claim", row => row.Claim.Value),
        new("programme", "programme", row => row.Programme.Value),
        new("precedence", "precedence", row => row.Precedence),
        new("kwh", "kWh", row => row.Kwh));

    public static Listing Shares(Delivered found)
    {
        var shares = found.Shares;
        // Only a programme that gives penalties back has a column of them.
        var back = shares.Any(share => share.Penalties is not null);
        // Only where a penalty falls away is there anything to say of it.
        var free = shares.Any(share => share.WhyNoPenalty is not null);
        return Listing.Of(shares,
            new("paid", "paid", row => row.Paid),
            new("points", null, row => row.Points.Select(point => point.Value).ToList()),
            new("payment", "payment", row => Sum(row, line => line.Payment)),
            new("penalty", "penalty", row => Sum(row, line => line.Penalty)),
            new("penaltiesBack", back ? "penalties given back" : null, row => row.Penalties?.Back),
            new("net", "net", row => row.Net),
            new("unprovenIntervals", "unproven intervals", row =>
                row.Statement?.Unproven.Count(gap => !found.IsToCome(gap))),
            new("whyNot", "not scored because", row => row.WhyNot),
            new("whyNoPenalty", free ? "no penalty because" : null, row => row.WhyNoPenalty),
            new("whyNotBack", back ? "about them" : null, row => row.Penalties?.WhyNot),
            new("intervalsNotOverYet", found.NotOverAt is null ? null : "intervals not over yet", row =>
                row.Statement?.Unproven.Count(found.IsToCome))) with
        {
            WhenEmpty = found.WhyNoTerms is { } why ? $"nobody is paid: {why}" : null,
        };
    }

    /// <summary>Targets of which the energy is paid at another target of the order.</summary>
    public static Listing Behind(Delivered found) => Listing.Of(found.Behind,
        new("point", "point", row => row.Point.Value),
        new("before", "lies behind", row => row.Before.Value));

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
        new("net", "net", row => row.Line.Net)) with
    {
        WhenEmpty = "nothing is scored yet",
    };

    public static Listing Gaps(Delivered found) => Listing.Of(
        found.Shares.SelectMany(share => (share.Statement?.Unproven ?? []).Select(gap => (share.Paid, Gap: gap))),
        new("paid", "paid", row => row.Paid),
        new("start", "from", row => row.Gap.Start),
        new("end", "to", row => row.Gap.End),
        new("because", found.NotOverAt is null ? null : "because",
            row => found.IsToCome(row.Gap) ? CallTime.NotOverYet : "unproven")) with
    {
        WhenEmpty = "nothing is unsettled",
    };

    // No sum where an interval is missing: it would look complete.
    private static decimal? Sum(DeliveryShare share, Func<FlexStatementLine, decimal> part) =>
        share.Statement is { Unproven.Count: 0 } whole ? whole.Lines.Sum(part) : null;
}
