namespace Ledger.Domain;

/// <summary>The prices that a contract may name, each per kWh,
/// or per kW where the rule's term does not count hours.</summary>
/// <param name="Penalty">Null: no penalty was agreed, so nothing is penalised by it.</param>
public sealed record ScoringPrices(decimal Price, decimal? Penalty = null, decimal Capacity = 0m, decimal Energy = 0m);

/// <summary>
/// One thing to score. <paramref name="DeliveredKw"/> is signed: negative where the load went the other way; only a
/// rule's own bands clamp it. <paramref name="Late"/>: its data came after the rule's deadline.
/// </summary>
/// <param name="CallHours">
/// How long the call lasted, where kW are a sum over its periods and <paramref name="Hours"/> is the length of one;
/// null: the call lasted <paramref name="Hours"/>.
/// </param>
public sealed record ScoringInput(
    decimal OrderedKw, decimal DeliveredKw, decimal Hours, ScoringPrices Prices, bool Late = false,
    Fraction? CallHours = null)
{
    /// <summary>What of the order may be missing without a penalty, by the terms of the call.</summary>
    public decimal MayLackKw { get; init; }

    /// <summary>The hours by which a table of the rule is looked up.</summary>
    public Fraction Lasted => CallHours ?? Fraction.Of(Hours);
}

/// <summary>
/// What a rule makes of a delivery; nothing in it is rounded but what the rule rounds.
/// </summary>
/// <param name="EffectiveKw">The power that the bands make of the delivered one.</param>
/// <param name="ShortfallKw">The power that the penalty counts; 0 where none applies.</param>
/// <param name="ExecutionRate">
/// Delivered/ordered as the rule rounds and caps it, 0 where nothing was ordered. Cut at 28 digits where it does not
/// terminate; no amount is calculated from it.
/// </param>
/// <param name="Factor">The factor of the first term that has factors; null where no term has any.</param>
/// <param name="PaymentExact">A term per kW pays the mean of a call's periods, which may have no end as a
/// decimal.</param>
public sealed record Score(
    decimal EffectiveKw, decimal ShortfallKw, decimal ExecutionRate, decimal? Factor, Fraction PaymentExact,
    decimal Penalty)
{
    /// <summary>Cut at 28 digits where it does not terminate.</summary>
    public decimal Payment => ExactDecimal.Nearest(PaymentExact);

    /// <summary>Cut as the payment is.</summary>
    public decimal Net => ExactDecimal.Nearest(PaymentExact - Fraction.Of(Penalty));
}

/// <summary>
/// The one engine of payment curves (market rules §2.3). Ratios are never divided out: r is compared with a knot by
/// comparing delivered with knot × ordered, so an edge is exact, and the value of a band is a multiple of the order
/// plus a multiple of what was delivered.
/// </summary>
public static class Scoring
{
    /// <summary>Null where the rule can score the input; else the member that is wrong, and why.</summary>
    public static (string Member, string Reason)? Refusal(ScoringRule rule, ScoringInput input)
    {
        if (input.OrderedKw < 0) return ("orderedKw", "must not be negative");
        if (input.Hours < 0) return ("hours", "must not be negative");
        foreach (var price in Prices(rule))
            if (price.Source == PriceSource.ByHours
                && price.ByHours.All(row => Fraction.Of(row.Hours) != input.Lasted))
                return ("hours",
                    $"this rule has prices for {string.Join(", ", price.ByHours.Select(row => row.Hours))} hours");
        return null;
    }

    /// <summary>Scores an input that <see cref="Refusal"/> does not refuse.</summary>
    /// <exception cref="OverflowException">An exact amount needs more than 28 digits.</exception>
    public static Score Evaluate(ScoringRule rule, ScoringInput input)
    {
        if (Refusal(rule, input) is { } refused) throw new ArgumentOutOfRangeException(refused.Member, refused.Reason);
        var reading = Read(rule.Ratio, input.OrderedKw, input.DeliveredKw);
        var effective = Effective(rule.Bands, input.OrderedKw, reading);
        var (payment, factor) = (Fraction.Zero, (decimal?)null);
        foreach (var term in rule.Payment)
        {
            var times = Factor(term.Factors, input.OrderedKw, reading.LookupKw);
            factor ??= times;
            payment += Fraction.Of(ExactDecimal.Product(
                Counted(term.Quantity, input.OrderedKw, reading, effective), term.TimesHours ? input.Hours : 1m,
                PriceOf(rule, term.Price, input), times ?? 1m)) * (term.TimesHours ? 1 : PartOfCall(input));
        }

        if (rule.LatePaysNothing && input.Late) payment = Fraction.Zero;
        if (rule.Penalty is not { } penalty || !Applies(penalty, input.OrderedKw, reading.LookupKw))
            return new Score(effective, 0m, reading.Rate, factor, payment, 0m);
        var shortfall = Math.Max(0m, ExactDecimal.Plus(ExactDecimal.Plus(
            ExactDecimal.Times(penalty.Edge, input.OrderedKw),
            -Counted(penalty.Against, input.OrderedKw, reading, effective)), -input.MayLackKw));
        return new Score(effective, shortfall, reading.Rate, factor, payment,
            ExactDecimal.Product(shortfall, input.Hours, PriceOf(rule, penalty.Price, input)));
    }

    private static decimal Counted(ScoredQuantity quantity, decimal ordered, Reading reading,
        decimal effective) => quantity switch
        {
            ScoredQuantity.Ordered => ordered,
            ScoredQuantity.Delivered => reading.CountedKw,
            ScoredQuantity.Effective => effective,
            _ => throw new ArgumentOutOfRangeException(nameof(quantity)),
        };

    // A term per kW counts the order once, not once for each period that was summed.
    private static Fraction PartOfCall(ScoringInput input) =>
        input.CallHours is { } lasted ? Fraction.Of(input.Hours) / lasted : 1;

    /// <summary>What statements before <see cref="Settlement.EachPointRuleVersion"/> asked of a term per kW: that the
    /// hours of a period by those of the call are a decimal, before they are multiplied with anything.</summary>
    /// <exception cref="OverflowException">They are not, and such a call had no amount.</exception>
    public static void DivideFirst(ScoringRule rule, ScoringInput input)
    {
        if (input.CallHours is { } lasted && rule.Payment.Any(term => !term.TimesHours))
            _ = ExactDecimal.Over(input.Hours, ExactDecimal.Nearest(lasted));
    }

    /// <summary>Delivered power by which bands are looked up, and by which they are evaluated;
    /// both for this order.</summary>
    private readonly record struct Reading(decimal LookupKw, decimal CountedKw, decimal Rate);

    private static Reading Read(RatioReading ratio, decimal ordered, decimal delivered)
    {
        var held = Held(ratio.Cap, ordered, delivered);
        if (ordered == 0) return new(held, held, 0m);
        if (ratio.Decimals is not { } decimals) return new(held, held, ExactDecimal.Trimmed(held / ordered));
        var rate = ExactDecimal.Quotient(delivered, ordered, decimals, ratio.Rounding);
        if (rate > ratio.Cap) rate = ratio.Cap.Value;
        var counted = ExactDecimal.Times(rate, ordered);
        return new(ratio.Place == RatioRoundingPlace.BeforeLookup ? counted : held, counted, rate);
    }

    private static decimal Held(decimal? cap, decimal ordered, decimal delivered) =>
        cap is { } most ? Math.Min(delivered, ExactDecimal.Times(most, ordered)) : delivered;

    private static decimal Effective(IReadOnlyList<ScoringBand> bands, decimal ordered, Reading reading)
    {
        var (anchor, value) = (0m, bands[0].Value ?? 0m);
        var holds = bands[0];
        foreach (var next in bands.Skip(1))
        {
            if (!Reached(next.From!.Value, next.FromIncluded, ordered, reading.LookupKw)) break;
            // A band without a value goes on where the one before it ends.
            value = next.Value ?? ExactDecimal.Plus(value, ExactDecimal.Times(holds.Slope, next.From.Value - anchor));
            (anchor, holds) = (next.From.Value, next);
        }

        var beyond = ExactDecimal.Plus(reading.CountedKw, -ExactDecimal.Times(anchor, ordered));
        return ExactDecimal.Plus(ExactDecimal.Times(value, ordered), ExactDecimal.Times(holds.Slope, beyond));
    }

    private static decimal? Factor(IReadOnlyList<FactorStep> steps, decimal ordered, decimal lookup) =>
        steps.LastOrDefault(step => step.From is not { } from
            || Reached(from, step.FromIncluded, ordered, lookup))?.Factor;

    private static bool Applies(ScoringPenalty penalty, decimal ordered, decimal lookup) =>
        penalty.Below is not { } below || !Reached(below, !penalty.BelowIncluded, ordered, lookup);

    private static bool Reached(decimal knot, bool included, decimal ordered, decimal lookup)
    {
        var edge = ExactDecimal.Times(knot, ordered);
        return included ? lookup >= edge : lookup > edge;
    }

    private static decimal PriceOf(ScoringRule rule, ScoringPrice price, ScoringInput input) =>
        ExactDecimal.Times(price.Factor, price.Source switch
        {
            PriceSource.Price => Math.Min(Math.Max(input.Prices.Price, rule.PriceFloor ?? input.Prices.Price),
                rule.PriceCap ?? decimal.MaxValue),
            PriceSource.PenaltyPrice => input.Prices.Penalty ?? 0m,
            PriceSource.CapacityPrice => input.Prices.Capacity,
            PriceSource.EnergyPrice => input.Prices.Energy,
            PriceSource.Fixed => price.Fixed!.Value,
            PriceSource.ByHours => price.ByHours.First(row => Fraction.Of(row.Hours) == input.Lasted).Price,
            _ => throw new ArgumentOutOfRangeException(nameof(price)),
        });

    private static IEnumerable<ScoringPrice> Prices(ScoringRule rule) =>
        rule.Payment.Select(term => term.Price).Concat(rule.Penalty is { } penalty ? [penalty.Price] : []);
}
