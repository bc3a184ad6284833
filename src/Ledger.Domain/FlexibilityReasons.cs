using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A settlement period of a target of a call, with the facts that say what was delivered in it.</summary>
/// <param name="Baseline">Null where none is frozen.</param>
/// <param name="Import">Its metered energy, explained.</param>
/// <param name="Export">Null where it has no lines of export.</param>
/// <param name="Held">What claims of other programmes hold of it, in kWh.</param>
/// <param name="IsProven">Whether baseline and meter say all of it; energy by a suspect reading proves nothing.</param>
public sealed record ReasonedCallPeriod(
    SettlementPointId Point, Interval Period, Positioned<BaselineFrozen>? Baseline, ExplainedValue Import,
    ExplainedValue? Export, IReadOnlyList<ExplainedValue> Held, bool IsProven);

/// <summary>What of a call is paid together.</summary>
/// <param name="Payee">On whose statement it stands.</param>
/// <param name="Zone">In which hours and months are counted.</param>
/// <param name="IsScored">Whether the programme's rule can score it.</param>
public sealed record ReasonedShare(
    string Paid, PartyId Payee, string Zone, bool IsScored, IReadOnlyList<ReasonedCallPeriod> Periods)
{
    /// <summary>Why what is missing of it has no penalty; null where it has the rule's.</summary>
    public string? WhyNoPenalty { get; init; }

    /// <summary>By which enrolments its points take part.</summary>
    public IReadOnlyList<Positioned<PointEnrolled>> TakesPart { get; init; } = [];
}

/// <summary>A call with all that its payment follows from.</summary>
public sealed record ReasonedCall(
    Positioned<DispatchInstructed> Order, Positioned<ProgrammePublished> Programme,
    Positioned<RulePackPublished>? Scoring, IReadOnlyList<ReasonedShare> Shares)
{
    /// <summary>Whether what is held is taken from the point where it is held; else from all that are paid
    /// together.</summary>
    public bool HoldsOfEachPoint { get; init; }

    /// <summary>Whether ramp and tolerance leave a part of the order without a penalty.</summary>
    public bool AllowsByTerms { get; init; }
}

/// <summary>
/// Why a call is paid what it is paid: the delivery and its score a second time, in fractions of energies, from the
/// frozen baselines and the facts of each meter, written apart from <see cref="FlexStatements"/>,
/// <see cref="Scoring"/> and <see cref="Redistribution"/>.
/// </summary>
public sealed class FlexibilityReasons
{
    private sealed record Scored(
        ReasonedShare Share, Interval Covers, Fraction Ordered, Fraction Delivered, ScoredFraction? Score,
        IReadOnlyList<ExplainedValue> Why)
    {
        public string Paid => Share.Paid;
    }

    private sealed record Reasoned(
        Fraction? Kwh, Fraction? Amount, ExplanationRule Rule, string How, IReadOnlyList<ExplainedValue> Why);

    private readonly ReasonedCall call;
    private readonly int decimals;
    private readonly IReadOnlyList<ExplainedValue> terms;
    private readonly Dictionary<FlexibilityKey, Reasoned> lines = [];

    /// <param name="moneyDecimals">Of the programme's currency.</param>
    public FlexibilityReasons(ReasonedCall call, int moneyDecimals)
    {
        (this.call, decimals) = (call, moneyDecimals);
        var (order, programme) = (call.Order, call.Programme);
        terms = [Fact(order.Position, "order", order.Fact.Instruction.Value),
            Fact(programme.Position, "programme", $"{programme.Fact.Programme} v{Number(programme.Fact.Version)}"),
            .. call.Scoring is { } pack
                ? [Fact(pack.Position, "scoring", $"{pack.Fact.Pack} v{Number(pack.Fact.Version)}")]
                : Array.Empty<ExplainedValue>()];
        var shares = call.Shares.Where(share => share.IsScored).Select(share => Scores(share).ToList()).ToList();
        foreach (var share in shares) Pay(share);
        if (programme.Fact.Redistribution is { } by && shares.Count == call.Shares.Count
            && shares.All(share => share.All(each => each.Score is not null))) GiveBack(shares, by);
    }

    /// <summary>The lines that are due to an account for the call.</summary>
    public IEnumerable<FlexibilityKey> DueTo(PartyId payee) => lines.Keys.Where(key =>
        call.Shares.Any(share => share.Paid == key.Paid && share.Payee == payee));

    /// <summary>A line as a statement says it, taken apart; what it does not say and is due is said to be
    /// none.</summary>
    /// <param name="line">Null where the statement has no such line.</param>
    /// <param name="currency">Of the statement.</param>
    public ExplainedValue Explain(FlexibilityKey key, FlexibilityLine? line, string currency)
    {
        var reasoned = lines.GetValueOrDefault(key);
        var here = call.Programme.Fact.Currency == currency;
        var amount = here ? reasoned?.Amount : null;
        var kwh = new ExplainedValue("kWh", "kWh", ExplainedValue.Text(line?.Kwh), Text(reasoned?.Kwh),
            reasoned?.Rule ?? ExplanationRule.Missing, "as the rule counts it", []);
        return new($"{(line is null ? "no line" : $"line {Number(line.Number)}")}: {key}", currency,
            ExplainedValue.Text(line?.Amount), Text(amount), reasoned?.Rule ?? ExplanationRule.Missing,
            line?.Problem ?? reasoned?.How ?? "nothing is due", [.. reasoned?.Why ?? [], kwh, .. terms]);
    }

    private IEnumerable<Scored> Scores(ReasonedShare share)
    {
        var zone = DateTimeZoneProviders.Tzdb[share.Zone];
        var rule = share.WhyNoPenalty is null ? call.Scoring!.Fact.Scoring!
            : call.Scoring!.Fact.Scoring! with { Penalty = null };
        foreach (var together in share.Periods.GroupBy(period => period.Period).OrderBy(group => group.Key.Start)
            .GroupBy(group => Together(rule.Level, group.Key.Start.InZone(zone))))
        {
            var periods = together.ToList();
            var covers = new Interval(periods[0].Key.Start, periods[^1].Key.End);
            if (periods.Any(period => period.Any(each => !each.IsProven || each.Baseline is null)))
            {
                yield return new(share, covers, Fraction.Zero, Fraction.Zero, null,
                    [.. periods.SelectMany(period => period).Where(each => !each.IsProven).SelectMany(Facts)]);
                continue;
            }
            var (ordered, delivered) = (periods.Aggregate(Fraction.Zero, (sum, period) =>
                sum + period.Aggregate(Fraction.Zero, (of, each) => of + Ordered(each))), Fraction.Zero);
            var responses = new List<ExplainedValue>();
            foreach (var period in periods)
            {
                responses.AddRange(period.Select(Response));
                delivered += call.HoldsOfEachPoint
                    ? period.Aggregate(Fraction.Zero, (sum, each) => sum + Own([each])) : Own(period);
            }
            var hours = periods.Aggregate(Fraction.Zero, (sum, period) => sum + Hours(period.Key));
            var mayLack = periods.Aggregate(Fraction.Zero, (sum, period) =>
                sum + period.Aggregate(Fraction.Zero, (of, each) => of + MayLack(each)));
            var score = FlexibilityScores.Of(rule, ordered, delivered, hours, Prices(), mayLack);
            yield return new(share, covers, ordered, delivered, score,
            [
                new("ordered", "kWh", Text(ordered), Text(ordered), ExplanationRule.Ordered,
                    $"{Number(share.Periods.Select(each => each.Point).Distinct().Count())} points, "
                    + $"{Number(periods.Count)} periods", []),
                new("delivered", "kWh", Text(delivered), Text(delivered), ExplanationRule.Delivered,
                    "the sum of the responses, less what is held elsewhere",
                    [.. responses, .. periods.SelectMany(period => period).SelectMany(each => each.Held)]),
                new("effective", "kWh", Text(score.Effective), Text(score.Effective), ExplanationRule.Effective,
                    $"{Text(delivered)} of {Text(ordered)} kWh", []),
                .. mayLack == Fraction.Zero ? Array.Empty<ExplainedValue>() : [new("mayLack", "kWh", Text(mayLack),
                    Text(mayLack), ExplanationRule.MayLack, "by programme and order", [])],
                .. share.TakesPart.Select(enrolled => Fact(enrolled.Position, "enrolment",
                    $"{enrolled.Fact.Point} in {enrolled.Fact.Programme}")),
            ]);
        }
    }

    /// <summary>The response of points in a period, less what is held of it.</summary>
    private static Fraction Own(IEnumerable<ReasonedCallPeriod> points)
    {
        var (response, held) = (Fraction.Zero, Fraction.Zero);
        foreach (var each in points)
        {
            response += Baseline(each) - Metered(each);
            held = each.Held.Aggregate(held, (sum, of) => sum + Value(of));
        }
        return response - Fraction.Max(Fraction.Zero, Fraction.Min(held, response));
    }

    /// <summary>What has the same of it is scored together.</summary>
    private static (LocalDate, int, Offset, Instant) Together(ScoringLevel level, ZonedDateTime at) => level switch
    {
        ScoringLevel.Interval => (default, 0, default, at.ToInstant()),
        ScoringLevel.Hour => (at.Date, at.Hour, at.Offset, default),
        ScoringLevel.Month => (new(at.Year, at.Month, 1), 0, default, default),
        _ => default,
    };

    /// <summary>Each interval gets what all up to it come to, less what was paid before.</summary>
    private void Pay(IReadOnlyList<Scored> share)
    {
        var (payment, paid, penalty, penalised) = (Fraction.Zero, Fraction.Zero, Fraction.Zero, Fraction.Zero);
        foreach (var each in share)
        {
            if (each.Score is not { } score)
            {
                lines[Key(each.Paid, each.Covers, FlexibilityKind.Energy)] =
                    new(null, null, ExplanationRule.Missing, "unproven", each.Why);
                continue;
            }
            payment += score.Payment;
            penalty += score.Penalty;
            var (due, owed) = (Rounded(payment - paid), Rounded(penalty - penalised));
            lines[Key(each.Paid, each.Covers, FlexibilityKind.Energy)] = new(score.Effective, Fraction.Zero - due,
                ExplanationRule.Payment, $"{Text(payment)} − {Text(paid)}, rounded, credited",
                [Exact(each, "payment", score.Payment)]);
            if (owed != Fraction.Zero)
                lines[Key(each.Paid, each.Covers, FlexibilityKind.Penalty)] = new(score.Shortfall, owed,
                    ExplanationRule.Penalty, $"{Text(penalty)} − {Text(penalised)}, rounded",
                    [Exact(each, "penalty", score.Penalty)]);
            paid += due;
            penalised += owed;
        }
    }

    private ExplainedValue Exact(Scored each, string name, Fraction amount) => new(name, call.Programme.Fact.Currency,
        Text(amount), Text(amount), ExplanationRule.Scored, $"at {ExplainedValue.Text(Prices().Price)} a kWh, "
            + (each.Share.WhyNoPenalty is { } why ? $"no penalty: {why}"
                : $"a penalty at {ExplainedValue.Text(Prices().Penalty)}"), each.Why);

    /// <summary>The penalties of all, to each by its weight: whole steps of money, the rest to the largest
    /// remainders.</summary>
    private void GiveBack(IReadOnlyList<List<Scored>> shares, RedistributionWeight by)
    {
        var steps = BigInteger.Pow(10, decimals);
        Fraction Penalties(List<Scored> share) => share.Aggregate(Fraction.Zero, (sum, each) => sum
            + (lines.GetValueOrDefault(Key(each.Paid, each.Covers, FlexibilityKind.Penalty))?.Amount ?? Fraction.Zero));
        Fraction Weight(List<Scored> share) => share.Aggregate(Fraction.Zero, (sum, each) => sum + Fraction.Max(
            Fraction.Zero, by switch
            {
                RedistributionWeight.OverDelivery => each.Delivered - each.Ordered,
                RedistributionWeight.Delivered => each.Score!.Effective,
                _ => each.Ordered,
            }));
        var pot = shares.Aggregate(Fraction.Zero, (sum, share) => sum + Penalties(share)) * new Fraction(steps, 1);
        var all = shares.Aggregate(Fraction.Zero, (sum, share) => sum + Weight(share));
        var quotas = shares.Where(share => share.Count > 0).Select(share => (share[0].Paid, Weight: Weight(share),
            Quota: all == Fraction.Zero ? Fraction.Zero : pot * Weight(share) / all)).ToList();
        var cut = quotas.Select(each => each.Quota.Numerator / each.Quota.Denominator).ToList();
        var given = new Fraction(cut.Aggregate(BigInteger.Zero, (sum, each) => sum + each), 1);
        var left = all == Fraction.Zero ? 0 : (int)(pot - given).Numerator;
        var more = quotas.Index().OrderByDescending(each => each.Item.Quota - new Fraction(cut[each.Index], 1))
            .ThenBy(each => each.Item.Paid, StringComparer.Ordinal).Take(left).Select(each => each.Index).ToHashSet();
        ExplainedValue[] penalties = [.. shares.Where(share => share.Count > 0).Select(share => ExplainedValue.Given(
            $"penalties of {share[0].Paid}", call.Programme.Fact.Currency, Text(Penalties(share)),
            ExplanationRule.Penalty, $"weight {Text(Weight(share))} kWh") with
        {
            From = [.. share.SelectMany(each => each.Why)],
            Whose = call.Shares.First(each => each.Paid == share[0].Paid).Payee,
        })];
        foreach (var (i, (paid, weight, _)) in quotas.Index())
            lines[Key(paid, call.Order.Fact.Period, FlexibilityKind.Redistribution)] = new(null,
                new Fraction(-(cut[i] + (more.Contains(i) ? 1 : 0)), steps), ExplanationRule.Redistributed,
                $"{Text(pot / new Fraction(steps, 1))} × {Text(weight)} / {Text(all)}, credited", penalties);
    }

    private FlexibilityKey Key(string paid, Interval covers, FlexibilityKind kind) =>
        new(call.Programme.Fact.Programme, call.Order.Fact.Instruction, paid, covers.Start, kind);

    /// <summary>The order's own price is what was agreed for this call; where it has none, the programme's
    /// holds.</summary>
    private ScoringPrices Prices() => new(
        call.Order.Fact.PricePerKwh > 0 ? call.Order.Fact.PricePerKwh : call.Programme.Fact.PricePerKwh,
        call.Order.Fact.PenaltyPerKwh > 0 ? call.Order.Fact.PenaltyPerKwh : null);

    /// <summary>To come down to the cap or to the ordered export, or by the part of an offer that is taken.</summary>
    private Fraction Ordered(ReasonedCallPeriod period)
    {
        var order = call.Order.Fact;
        if (order is { Kind: InstructionKind.Curtail, Activation: { } activation })
            return Energy(new Fraction((BigInteger)activation.Offers.First(offer => offer.Point == period.Point).Offered
                .Milliwatts * activation.Permille, 1_000), period.Period);
        var quantity = Energy(order.Targets.First(target => target.Point == period.Point).Quantity.Milliwatts,
            period.Period);
        return Fraction.Max(Fraction.Zero, order.Kind == InstructionKind.Export
            ? Baseline(period) + quantity : Baseline(period) - quantity);
    }

    /// <summary>All of the order within the ramp, and of the rest the tolerance: the larger one of what the programme
    /// and the order allow.</summary>
    private Fraction MayLack(ReasonedCallPeriod period)
    {
        if (!call.AllowsByTerms) return Fraction.Zero;
        var (order, terms) = (call.Order.Fact, call.Programme.Fact);
        var ramp = Duration.FromMilliseconds(Math.Max(order.RampAllowanceMs, terms.RampMs));
        var before = Fraction.Max(Fraction.Zero, Fraction.Min(Hours(period.Period),
            new Fraction((order.Period.Start + ramp - period.Period.Start).ToInt64Nanoseconds(),
                NodaConstants.NanosecondsPerHour))) / Hours(period.Period);
        var (whole, after) = (Ordered(period), 1 - before);
        var tolerated = Fraction.Min(whole, Fraction.Max(whole * new Fraction(terms.TolerancePermille, 1000),
            new Fraction(order.Tolerance.Milliwatts, 1_000_000) * Hours(period.Period)));
        return Millionths(whole * before + tolerated * after);
    }

    private static Fraction Energy(Fraction milliwatts, Interval period) =>
        Millionths(milliwatts * Hours(period) / new Fraction(1_000_000, 1));

    private static Fraction Hours(Interval period) =>
        new(period.Duration.ToInt64Nanoseconds(), NodaConstants.NanosecondsPerHour);

    private static Fraction Baseline(ReasonedCallPeriod period) => period.Baseline!.Fact.Periods
        .FirstOrDefault(frozen => frozen.Period == period.Period)?.Kwh is { } kwh ? Fraction.Of(kwh) : Fraction.Zero;

    private static Fraction Metered(ReasonedCallPeriod period) => Millionths(new Fraction(
        HalfNanojoules(period.Import) - (period.Export is { } export ? HalfNanojoules(export) : 0),
        (BigInteger)Domain.Energy.HalfNanojoulesPerWattHour * 1000));

    private static ExplainedValue Response(ReasonedCallPeriod period)
    {
        var (baseline, metered) = (Baseline(period), Metered(period));
        var response = Text(baseline - metered);
        return new($"{period.Point} from {period.Period.Start}", "kWh", response, response, ExplanationRule.Response,
            $"{Text(baseline)} − {Text(metered)}", [.. Facts(period)]);
    }

    private static IEnumerable<ExplainedValue> Facts(ReasonedCallPeriod period) =>
    [
        .. period.Baseline is { } frozen
            ? [Fact(frozen.Position, "baseline", $"{frozen.Fact.Pack} v{Number(frozen.Fact.PackVersion)}")]
            : Array.Empty<ExplainedValue>(),
        period.Import with { Name = "import" },
        .. period.Export is { } export ? [export with { Name = "export" }] : Array.Empty<ExplainedValue>(),
    ];

    private static BigInteger HalfNanojoules(ExplainedValue energy) => energy.Follows == ExplainedValue.None ? 0
        : BigInteger.Parse(energy.Follows, System.Globalization.CultureInfo.InvariantCulture);

    private static Fraction Value(ExplainedValue held) => Fraction.Of(
        decimal.Parse(held.Follows, System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>To the decimals of a baseline, half to even.</summary>
    private static Fraction Millionths(Fraction kwh)
    {
        var scale = BigInteger.Pow(10, FrozenBaselines.KwhDecimals);
        return new((kwh * new Fraction(scale, 1)).Round(), scale);
    }

    /// <summary>To the decimals of money, half away from zero.</summary>
    private Fraction Rounded(Fraction amount)
    {
        var scale = BigInteger.Pow(10, decimals);
        var twice = BigInteger.Abs(amount.Numerator) * scale * 2 + amount.Denominator;
        return new(twice / (amount.Denominator * 2) * amount.Numerator.Sign, scale);
    }

    private static ExplainedValue Fact(long position, string name, string says) =>
        ExplainedValue.Of(position, name, "", says);

    private static string Text(Fraction? value) => ChargedMonth.Text(value);

    private static string Number(int number) => ExplainedValue.Text(number);
}
