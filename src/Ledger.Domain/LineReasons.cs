using System.Globalization;
using System.Numerics;

namespace Ledger.Domain;

/// <summary>The facts by which an account's day is priced, with their positions.</summary>
public sealed record PricingFacts(
    Positioned<TariffPublished> Tariff, long AssignmentPosition, IReadOnlyDictionary<SettlementPointId, long> Points);

/// <summary>
/// Why a statement has its amounts: each amount as a tree of the values that it follows from, down to facts of the
/// journal. The arithmetic is that of <see cref="StatementNodes"/> and <see cref="MeteredReasons"/>, and for sums
/// whole numbers of the smallest money, all of it written apart from what made the statement.
/// </summary>
public static class LineReasons
{
    /// <summary>The amount of a line, down to the facts of its point and its tariff.</summary>
    /// <param name="carry">What the lines before leave over.</param>
    /// <param name="metered">Its energy, explained.</param>
    public static ExplainedValue OfLine(StatementLine line, LineCarry carry, ExplainedValue metered, string currency,
        PricingFacts pricing)
    {
        var nodes = StatementNodes.Of(line, pricing.Tariff.Fact, carry).ToDictionary(node => node.Name);
        var tariff = ExplainedValue.Of(pricing.Tariff.Position, "tariff", "",
            $"{pricing.Tariff.Fact.Tariff} v{Text(pricing.Tariff.Fact.Version)}");
        var assigned = ExplainedValue.Of(pricing.AssignmentPosition, "tariff of the account", "",
            $"{pricing.Tariff.Fact.Tariff}");
        var point = ExplainedValue.Of(pricing.Points[line.Point], "settlement point", "", line.Point.Value);
        var period = Value(nodes["tariffPeriod"], "", ExplanationRule.TariffPeriod,
            $"at {ExplainedValue.Text(line.Period.Start)} in {pricing.Tariff.Fact.Zone}", [tariff, assigned]);
        var price = Value(nodes["pricePerKwh"], currency + " per kWh", ExplanationRule.Price,
            $"{Word(line.Direction)} in {nodes["tariffPeriod"].Said}", [tariff, period]);
        var problem = Value(nodes["problem"], "", ExplanationRule.Problem, "energy, price, one price in the period",
            []);
        var billed = Value(nodes["billedKwh"], "kWh", ExplanationRule.Billed,
            $"{Kwh(line.Metered)} + {Kwh(carry.Energy)} to {Text(pricing.Tariff.Fact.EnergyDecimals)} decimals",
            [metered, Carried("carriedEnergy", ExplainedValue.HalfNanojoules, ExplainedValue.Text(carry.Energy), line)]);
        var exact = Value(nodes["amountExact"], currency, ExplanationRule.AmountExact,
            $"{(line.Direction == Direction.Import ? "" : "−")}{nodes["billedKwh"].Said} × {nodes["pricePerKwh"].Said}",
            [billed, price, problem]);
        return Value(nodes["amount"], currency, ExplanationRule.Amount,
            $"{nodes["amountExact"].Said} + {ExplainedValue.Text(carry.Money)} to "
            + $"{Text(pricing.Tariff.Fact.MoneyDecimals)} decimals",
            [exact, Carried("carriedMoney", currency, ExplainedValue.Text(carry.Money), line), point]);
    }

    /// <summary>A statement's total: by direction and tariff period, then by line.</summary>
    /// <param name="said">The total as it was recorded.</param>
    /// <param name="lines">The amount of each line, explained, in their order.</param>
    /// <param name="charges">The amount of each charge, and of each that is due and not there.</param>
    /// <param name="flexibility">The same of each line of flexibility.</param>
    public static ExplainedValue OfTotal(decimal said, Statement statement, IReadOnlyList<ExplainedValue> lines,
        IReadOnlyList<ExplainedValue>? charges = null, IReadOnlyList<ExplainedValue>? flexibility = null)
    {
        var explained = statement.Lines.Zip(lines).ToList();
        var directions = explained.GroupBy(each => each.First.Direction).OrderBy(group => group.Key).Select(direction =>
        {
            var periods = direction.GroupBy(each => each.First.TariffPeriod).OrderBy(group => group.Key)
                .Select(group => Summed(
                    $"{Word(direction.Key)} {(group.Key is { } named ? Word(named) : "without a price")}",
                    group.Sum(each => each.First.Amount ?? 0m), statement, ExplanationRule.Direction,
                    [.. group.Select(each => each.Second with { Name = $"line {Text(each.First.Number)}" })])).ToList();
            return Summed(Word(direction.Key), direction.Key == Direction.Import
                ? statement.ImportTotal : statement.ExportTotal, statement, ExplanationRule.Direction, periods);
        }).ToList();
        if (charges is { Count: > 0 })
            directions.Add(Summed("charges beside energy", statement.Charges.Sum(charge => charge.Amount ?? 0m),
                statement, ExplanationRule.Charges, charges));
        if (flexibility is { Count: > 0 })
            directions.Add(Summed("flexibility", statement.Flexibility.Sum(line => line.Amount ?? 0m), statement,
                ExplanationRule.Flexibility, flexibility));
        return Summed("total", said, statement, ExplanationRule.Total, directions);
    }

    /// <summary>A sum counted in steps of the smallest amount of money, which no sum of decimals shares.</summary>
    private static ExplainedValue Summed(string name, decimal said, Statement statement, ExplanationRule rule,
        IReadOnlyList<ExplainedValue> parts)
    {
        var steps = parts.Aggregate(BigInteger.Zero, (sum, part) => sum + Steps(part.Follows));
        var follows = (decimal)steps / (decimal)BigInteger.Pow(10, MoneyDecimalsMax);
        var without = parts.Count(part => part.Follows == ExplainedValue.None);
        return new(name, statement.Currency, ExplainedValue.Text(said), ExplainedValue.Text(follows), rule,
            $"sum of {Text(parts.Count)}" + (without == 0 ? "" : $", of them {Text(without)} without an amount"), parts);
    }

    private const int MoneyDecimalsMax = 8; // the most that a tariff may have

    private static BigInteger Steps(string amount)
    {
        if (amount == ExplainedValue.None) return 0;
        var point = amount.IndexOf('.', StringComparison.Ordinal);
        var decimals = point < 0 ? 0 : amount.Length - point - 1;
        return BigInteger.Parse(amount.Replace(".", "", StringComparison.Ordinal), CultureInfo.InvariantCulture)
            * BigInteger.Pow(10, MoneyDecimalsMax - decimals);
    }

    private static ExplainedValue Carried(string name, string unit, string says, StatementLine line) =>
        ExplainedValue.Given(name, unit, says, ExplanationRule.Carry,
            line.Number == 1 ? "nothing stands before it" : $"left over by the lines before {Text(line.Number)}");

    private static ExplainedValue Value(LineNode node, string unit, ExplanationRule rule, string arithmetic,
        IReadOnlyList<ExplainedValue> from) => new(node.Name, unit, node.Said, node.Follows, rule, arithmetic, from);

    /// <summary>"SharpPeak" is "sharp peak".</summary>
    private static string Word(Enum choice) => string.Concat($"{choice}".Select((letter, i) =>
        (char.IsAsciiLetterUpper(letter) && i > 0 ? " " : "") + char.ToLowerInvariant(letter)));

    private static string Kwh(Energy? energy) => energy is { } known ? known.ToKwh(6) + " kWh" : "no energy";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
