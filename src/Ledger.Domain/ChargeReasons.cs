using System.Numerics;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>What a point's charges are explained by: its month up to the end of the settled day, and the months that
/// are looked back at.</summary>
/// <param name="Day">The settled day.</param>
/// <param name="Periods">From the first that is billed of the month to the last of the day, in order of time.</param>
/// <param name="Earlier">The periods of each earlier month of which there are any, in order.</param>
public sealed record ReasonedMonth(
    LocalDate Day, IReadOnlyList<ReasonedPeriod> Periods,
    IReadOnlyList<(YearMonth Month, IReadOnlyList<ReasonedPeriod> Periods)> Earlier)
{
    /// <summary>Who stood there, where the tariff has a fee for it.</summary>
    public IReadOnlyList<StandingStay> Stays { get; init; } = [];
}

/// <summary>A charge as its month gives it.</summary>
/// <param name="How">The step in figures.</param>
/// <param name="Why">Up to the end of the day, and before it; none where the bill had no such charge.</param>
public sealed record ReasonedCharge(
    Fraction? Quantity, Fraction? AmountExact, string? Problem, string How, IReadOnlyList<ExplainedValue> Why);

/// <summary>
/// Why a point has its charges, or an account those that it owes as a whole: the bill of its month, a second time and
/// written apart from <see cref="Bill"/> and <see cref="StatementCharges"/>, in fractions of any size, down to the facts
/// of each settlement period. A law holds the two to the same charges.
/// </summary>
public sealed class ChargeReasons
{
    private readonly SettlementPointId? point;
    private readonly TariffPublished tariff;
    private readonly LocalDate day;
    private readonly Dictionary<ChargeKey, ReasonedCharge> charges = [];

    public ChargeReasons(SettlementPointId point, TariffPublished tariff, ReasonedMonth month)
    {
        (this.point, this.tariff, day) = (point, tariff, month.Day);
        var own = tariff.Terms is { } terms ? tariff with
        {
            Terms = terms with { Fees = [.. terms.Fees.Where(fee => fee.Bearer != FeeBearer.Account)] },
        } : tariff;
        Dictionary<ChargeKey, Sum> Owed(IReadOnlyList<ReasonedPeriod> periods) => periods.Count == 0 ? []
            : Sums(new ChargedBill(own, Filled(periods), month.Earlier, month.Stays).Of());
        Grow(Owed(month.Periods), Owed([.. month.Periods.Where(period => period.Day < month.Day)]));
    }

    /// <summary>Why the account has the charges that it owes as a whole.</summary>
    public ChargeReasons(TariffPublished tariff, AccountMonth month)
    {
        (this.tariff, day) = (tariff, month.Day);
        Grow(Sums(ChargedAccount.Of(tariff, month.First, month.Standing)), Sums(ChargedAccount.Of(tariff, month.First,
            [.. month.Standing.TakeWhile(standing => standing.Day != month.Day)])));
    }

    private void Grow(Dictionary<ChargeKey, Sum> now, Dictionary<ChargeKey, Sum> was)
    {
        foreach (var key in now.Keys.Concat(was.Keys.Where(key => !now.ContainsKey(key))))
            if (Grown(now.GetValueOrDefault(key), was.GetValueOrDefault(key)) is { } charge) charges[key] = charge;
    }

    /// <summary>All that the day owes beside energy.</summary>
    public IReadOnlyDictionary<ChargeKey, ReasonedCharge> Charges => charges;

    private ReasonedCharge? Grown(Sum? now, Sum? was)
    {
        Fraction? Less(Func<Sum, Fraction?> of) => now is null ? Fraction.Zero - of(was!)
            : of(now) - ((was is null ? null : of(was)) ?? Fraction.Zero);
        var problem = now?.Problem ?? was?.Problem;
        var (quantity, amount) = (Less(sum => sum.Quantity), problem is null ? Less(sum => sum.Amount) : null);
        if (problem is null && quantity == Fraction.Zero && amount == Fraction.Zero) return null;
        var named = LocalDatePattern.Iso.Format(day);
        return new(quantity, amount, problem, $"{now?.Why.Follows ?? "0"} − {was?.Why.Follows ?? "0"}",
            [.. Named(now, $"up to the end of {named}"), .. Named(was, $"before {named}")]);
    }

    private static IEnumerable<ExplainedValue> Named(Sum? sum, string name) =>
        sum is null ? [] : [sum.Why with { Name = name }];

    private sealed record Sum(Fraction? Quantity, Fraction? Amount, string? Problem, ExplainedValue Why);

    private Dictionary<ChargeKey, Sum> Sums(IReadOnlyList<ChargedPart> bill)
    {
        var sums = new Dictionary<ChargeKey, Sum>();
        foreach (var same in bill
            .SelectMany(part => part.Charge is { } charge ? [(Part: part, Charge: charge)]
                : Array.Empty<(ChargedPart Part, ChargedAmount Charge)>())
            .GroupBy(each => new ChargeKey(point, each.Part.Part, each.Charge.Name, each.Part.Of)))
        {
            var parts = same.ToList();
            var amount = parts.Skip(1).Aggregate(parts[0].Charge.Amount, (sum, each) => sum + each.Charge.Amount);
            var why = parts is [var one] ? one.Charge.Why : new ExplainedValue(same.Key.Name, tariff.Currency,
                ChargedMonth.Text(amount), ChargedMonth.Text(amount), ExplanationRule.Charges,
                $"sum of {parts.Count}", [.. parts.Select(each => each.Charge.Why)]);
            sums[same.Key] = new(
                parts.Skip(1).Aggregate(parts[0].Part.Quantity, (sum, each) => sum + each.Part.Quantity), amount,
                parts.Select(each => each.Part.Problem).FirstOrDefault(problem => problem is not null), why);
        }

        return sums;
    }

    /// <summary>Where a day has no whole settlement periods, nobody knows what flowed.</summary>
    private List<ReasonedPeriod> Filled(IReadOnlyList<ReasonedPeriod> periods)
    {
        var filled = new List<ReasonedPeriod>(periods.Count);
        foreach (var period in periods)
        {
            if (filled.Count > 0 && filled[^1].Period.End < period.Period.Start)
            {
                var hole = new Interval(filled[^1].Period.End, period.Period.Start);
                var nothing = ExplainedValue.Given("metered", ExplainedValue.HalfNanojoules, ExplainedValue.None,
                    ExplanationRule.Missing, $"no settlement period from {hole.Start} to {hole.End}");
                filled.Add(new(hole, SettlementCalendar.DayContaining(DateTimeZoneProviders.Tzdb[tariff.Zone],
                    hole.Start), nothing, nothing));
            }

            filled.Add(period);
        }

        return filled;
    }

    /// <summary>A charge as a statement says it, taken apart; what the statement does not say and is due is
    /// said to be none.</summary>
    /// <param name="charge">Null where the statement has no such charge.</param>
    /// <param name="carriedMoney">What the lines and charges before it leave over.</param>
    public ExplainedValue Explain(ChargeKey key, StatementCharge? charge, decimal carriedMoney, PricingFacts pricing)
    {
        var reasoned = charges.GetValueOrDefault(key);
        ExplainedValue Node(string name, string unit, decimal? says, Fraction? follows, ExplanationRule rule,
            string how, IReadOnlyList<ExplainedValue> from) =>
            new(name, unit, ExplainedValue.Text(says), ChargedMonth.Text(follows), rule, how, from);
        var problem = new ExplainedValue("problem", "", charge?.Problem ?? ExplainedValue.None,
            reasoned?.Problem ?? ExplainedValue.None, ExplanationRule.Problem, "energy, demand and price", []);
        ExplainedValue[] facts =
        [
            ExplainedValue.Of(pricing.Tariff.Position, "tariff", "",
                FormattableString.Invariant($"{tariff.Tariff} v{tariff.Version}")),
            ExplainedValue.Of(pricing.AssignmentPosition, "tariff of the account", "", $"{tariff.Tariff}"),
            .. point is { } of
                ? [ExplainedValue.Of(pricing.Points[of], "settlement point", "", of.Value)]
                : Array.Empty<ExplainedValue>(),
        ];
        var exact = Node("amountExact", tariff.Currency, charge?.AmountExact, reasoned?.AmountExact,
            ExplanationRule.Growth, reasoned?.How ?? "nothing is due",
            [.. reasoned?.Why ?? [], problem]);
        var quantity = Node("quantity", charge?.Unit ?? "", charge?.Quantity, reasoned?.Quantity, ExplanationRule.Growth,
            "the quantities of the same two", []);
        var due = reasoned?.AmountExact is { } amount ? amount + Fraction.Of(carriedMoney) : (Fraction?)null;
        return Node($"{(charge is null ? "no line" : FormattableString.Invariant($"line {charge.Number}"))}: "
            + $"{key.Part.ToString().ToLowerInvariant()}, {key.Name}, {key.Whose}", tariff.Currency, charge?.Amount,
            due is { } owed ? Rounded(owed, tariff.MoneyDecimals) : null, ExplanationRule.Amount,
            $"{exact.Follows} + {ExplainedValue.Text(carriedMoney)} to {tariff.MoneyDecimals} decimals",
            [exact, quantity, ExplainedValue.Given("carriedMoney", tariff.Currency, ExplainedValue.Text(carriedMoney),
                ExplanationRule.Carry, "left over by the lines before"), .. facts]);
    }

    /// <summary>Half away from zero.</summary>
    private static Fraction Rounded(Fraction value, int decimals)
    {
        var scale = BigInteger.Pow(10, decimals);
        var whole = BigInteger.Abs(value.Numerator) * scale * 2 + value.Denominator;
        return new(whole / (value.Denominator * 2) * value.Numerator.Sign, scale);
    }
}
