using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// One period of a call: the frozen baseline beside the meter; null is unknown, which is never zero.
/// <paramref name="HeldElsewhereKw"/> of the response is credited to other programmes, so it counts as not delivered.
/// </summary>
public sealed record BaselineBesideMeter(
    Interval Period, decimal OrderedKw, decimal? BaselineKw, decimal? MeteredKw, decimal HeldElsewhereKw = 0m)
{
    /// <summary>What of the order may be missing without a penalty.</summary>
    public decimal MayLackKw { get; init; }
}

/// <summary>
/// What is paid for one interval at the level of the rule, in money of the statement's decimals. Energies are exact.
/// </summary>
public sealed record FlexStatementLine(
    Interval Covers, decimal OrderedKwh, decimal DeliveredKwh, decimal EffectiveKwh, decimal ShortfallKwh,
    decimal Payment, decimal Penalty, decimal Net);

/// <summary>
/// The amounts of one instruction target by one version of one pack. <paramref name="Unproven"/> are the intervals at
/// the level of the rule of which a period has no baseline or no meter: nothing is settled for them, and there is no
/// total that looks complete.
/// </summary>
public sealed record FlexStatement(
    RulePackId Pack, int Version, bool Provisional, IReadOnlyList<FlexStatementLine> Lines,
    IReadOnlyList<Interval> Unproven)
{
    /// <summary>Null while something is unproven.</summary>
    public decimal? Net => Unproven.Count == 0 ? Lines.Sum(line => line.Net) : null;
}

/// <summary>
/// From frozen baseline and meter to amounts: delivered = baseline − metered (or the opposite where more load was
/// ordered), summed at the rule's level, scored, and only then rounded, with what rounding leaves carried on. The pack
/// is the one in force, so that a statement that is derived again gives the same amounts after a new version.
/// </summary>
public static class FlexStatements
{
    /// <summary>
    /// The version of a pack that holds at an instant: of those known (recorded before the position of the run), the
    /// latest that is valid by then. Null where none is.
    /// </summary>
    public static RulePackPublished? InForce(
        IEnumerable<(RulePackPublished Pack, Instant ValidFrom)> known, RulePackId pack, Instant at) =>
        known.Where(entry => entry.Pack.Pack == pack && entry.ValidFrom <= at)
            .OrderBy(entry => entry.ValidFrom).ThenBy(entry => entry.Pack.Version).LastOrDefault().Pack;

    /// <summary>Why a rule cannot score these periods; null where it can.</summary>
    public static string? Refusal(
        ScoringRule rule, IReadOnlyList<BaselineBesideMeter> periods, DateTimeZone zone, ScoringPrices prices) =>
        ScoringAggregation.Of(rule.Level, periods.Select(period => Scored(FlexDirection.Reduce, period)), zone, prices)
            .Select(sum => Scoring.Refusal(rule, sum.Input)?.Reason).FirstOrDefault(reason => reason is not null);

    /// <param name="pack">A pack that holds a scoring rule.</param>
    /// <param name="dividesFirst">As before <see cref="Settlement.EachPointRuleVersion"/>
    /// (<see cref="Scoring.DivideFirst"/>).</param>
    public static FlexStatement Of(
        RulePackPublished pack, FlexDirection direction, IReadOnlyList<BaselineBesideMeter> periods, DateTimeZone zone,
        ScoringPrices prices, int moneyDecimals, bool dividesFirst = false)
    {
        var rule = pack.Scoring ?? throw new ArgumentException($"pack {pack.Pack} holds no scoring rule", nameof(pack));
        var unknown = periods.Where(period => period.BaselineKw is null || period.MeteredKw is null)
            .Select(period => period.Period).ToHashSet();
        var sums = ScoringAggregation.Of(rule.Level, periods.Select(period => Scored(direction, period)), zone, prices);
        var proven = sums.Where(sum => !unknown.Any(gap => gap.Start >= sum.Covers.Start && gap.End <= sum.Covers.End))
            .ToList();
        if (dividesFirst) proven.ForEach(sum => Scoring.DivideFirst(rule, sum.Input));
        var scores = proven.ConvertAll(sum => Scoring.Evaluate(rule, sum.Input));
        var payments = Rounding.HalfAwayWithCarry(
            [.. scores.Select(score => score.PaymentExact)], moneyDecimals, nothingStaysNothing: false).Rounded;
        var penalties = Rounding.HalfAwayWithCarry([.. scores.Select(score => score.Penalty)], moneyDecimals).Rounded;
        return new FlexStatement(pack.Pack, pack.Version, pack.Provisional,
            [.. proven.Select((sum, i) => Line(sum.Covers, sum.Input, scores[i], payments[i], penalties[i]))],
            [.. sums.Select(sum => sum.Covers).Except(proven.Select(sum => sum.Covers))]);
    }

    private static ScoredPeriod Scored(FlexDirection direction, BaselineBesideMeter period)
    {
        var response = ExactDecimal.Plus(period.BaselineKw ?? 0m, -(period.MeteredKw ?? 0m));
        var delivered = direction == FlexDirection.Reduce ? response : -response;
        // One kWh counts once; a response against the order has nothing that another could hold.
        var held = Math.Max(0m, Math.Min(period.HeldElsewhereKw, delivered));
        return new(period.Period, period.OrderedKw, ExactDecimal.Plus(delivered, -held), period.MayLackKw);
    }

    private static FlexStatementLine Line(
        Interval covers, ScoringInput input, Score score, decimal payment, decimal penalty) => new(
        covers, ExactDecimal.Times(input.OrderedKw, input.Hours), ExactDecimal.Times(input.DeliveredKw, input.Hours),
        ExactDecimal.Times(score.EffectiveKw, input.Hours), ExactDecimal.Times(score.ShortfallKw, input.Hours),
        payment, penalty, payment - penalty);
}
