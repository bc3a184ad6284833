using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>From delivered periods to amounts: added up over what the programme pays together,
/// then scored by its pack.</summary>
internal static class DeliveryScores
{
    /// <param name="paid">The targets as they are registered, in order.</param>
    /// <param name="ofEachPoint">By the rules since <see cref="Settlement.EachPointRuleVersion"/>.</param>
    public static IEnumerable<DeliveryShare> Of(
        DispatchInstructed order, CallTerms terms, IReadOnlyList<SettlementPointRegistered> paid,
        IReadOnlyList<DeliveredPeriod> periods, bool ofEachPoint) =>
        paid.GroupBy(point => PaidWith(terms.Programme, paid, point)).Select(together =>
        {
            IReadOnlyList<SettlementPointId> points = [.. together.Select(point => point.Point)];
            var (statement, whyNot) = Statement(order, terms, [.. together],
                [.. periods.Where(period => points.Contains(period.Point))], ofEachPoint);
            return new DeliveryShare(together.Key, points, statement, whyNot)
            {
                IsOfOneOwner = IsParted(terms.Programme, paid, together.First()),
            };
        });

    /// <summary>What is paid together has one payee: where the programme names none, it is the owner, and a station of
    /// several owners is paid to each for his own points.</summary>
    private static string PaidWith(ProgrammePublished programme, IReadOnlyList<SettlementPointRegistered> paid,
        SettlementPointRegistered point) => programme.PaidPer switch
        {
            PaymentLevel.Station when IsParted(programme, paid, point) => $"{point.Station} of {point.Owner}",
            PaymentLevel.Station => $"{point.Station}",
            PaymentLevel.Account => $"{point.Owner}",
            _ => $"{point.Point}",
        };

    /// <summary>Whether a station is paid in parts, because its called points are of several owners.</summary>
    private static bool IsParted(ProgrammePublished programme, IReadOnlyList<SettlementPointRegistered> paid,
        SettlementPointRegistered at) => programme is { PaidPer: PaymentLevel.Station, Payee: null }
        && paid.Where(point => point.Station == at.Station).Select(point => point.Owner).Distinct().Skip(1).Any();

    private static (FlexStatement? Statement, string? WhyNot) Statement(
        DispatchInstructed order, CallTerms terms, IReadOnlyList<SettlementPointRegistered> points,
        IReadOnlyList<DeliveredPeriod> periods, bool ofEachPoint)
    {
        if (terms.Scoring is not { Scoring: { } rule } pack)
            return (null, $"no scoring {terms.Programme.ScoringPack} is in force at {order.IssuedAt}");
        if (terms.Programme.Service == ServiceKind.DemandIncrease)
            return (null, "an instruction orders an export or a cap, and this programme pays for more load");
        if (terms.Programme.Service == ServiceKind.Regulation)
            return (null, "following a signal is scored from its curve, not from settlement periods");
        // Nobody has agreed to a price that nobody states: paid by zero, the call would look settled.
        if (rule.Uses(PriceSource.CapacityPrice) || rule.Uses(PriceSource.EnergyPrice))
            return (null, $"{pack.Pack} pays by a capacity or an energy price, which neither order nor programme states; "
                + "a version of the pack can fix it");
        if (points.Select(point => (point.Zone, point.PeriodMinutes)).Distinct().Count() > 1)
            return (null, "points of several zones or period lengths are not added up");
        // The order's own price is what was agreed for this call; where it has none, the programme's holds.
        var prices = new ScoringPrices(
            order.PricePerKwh > 0 ? order.PricePerKwh : terms.Programme.PricePerKwh,
            order.PenaltyPerKwh > 0 ? order.PenaltyPerKwh : null);
        var together = periods.GroupBy(period => period.Period).OrderBy(group => group.Key.Start)
            .Select(group => Together(group.Key, [.. group], ofEachPoint)).ToList();
        if (together.Count == 0) return (null, "no settlement period of it was called");
        try
        {
            var zone = DateTimeZoneProviders.Tzdb[points[0].Zone];
            return FlexStatements.Refusal(rule, together, zone, prices) is { } refused
                ? (null, refused)
                : (FlexStatements.Of(pack, FlexDirection.Reduce, together, zone, prices, Deliveries.MoneyDecimals,
                    dividesFirst: !ofEachPoint), null);
        }
        catch (OverflowException inexact)
        {
            return (null, inexact.Message);
        }
    }

    /// <summary>What another programme holds at a point counts there as if it had not come; before, it was taken from
    /// the sum.</summary>
    private static BaselineBesideMeter Together(
        Interval period, IReadOnlyList<DeliveredPeriod> points, bool ofEachPoint) => new(
        period, Kilowatts(points.Sum(point => point.OrderedKwh ?? 0m), period),
        Sum(points, period, point => point.BaselineKwh),
        Sum(points, period, point => ofEachPoint ? point.BaselineKwh - point.OwnKwh : point.MeteredKwh),
        ofEachPoint ? 0m : Kilowatts(points.Sum(point => point.HeldElsewhereKwh), period))
        {
            MayLackKw = Kilowatts(points.Sum(point => point.MayLackKwh), period),
        };

    // One point of which something is unknown leaves the sum unknown.
    private static decimal? Sum(IReadOnlyList<DeliveredPeriod> points, Interval period,
        Func<DeliveredPeriod, decimal?> part) =>
        points.Any(point => part(point) is null) ? null : Kilowatts(points.Sum(point => part(point)!.Value), period);

    // A settlement period is a whole part of an hour, so a mean power is its energy times a whole number.
    private static decimal Kilowatts(decimal kwh, Interval period) =>
        kwh * (NodaConstants.NanosecondsPerHour / period.Duration.ToInt64Nanoseconds());
}
