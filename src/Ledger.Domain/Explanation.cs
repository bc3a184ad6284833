using System.Globalization;

namespace Ledger.Domain;

/// <summary>A rule by which a value follows from others, and where it is written down.</summary>
/// <param name="Id">Its name in docs/explanation.md, where its arithmetic stands for anyone to repeat.</param>
/// <param name="Clause">The source of the rule with its clause.</param>
public sealed record ExplanationRule(string Id, string Says, string Clause)
{
    public static readonly ExplanationRule
        Total = new("total", "the sum of its lines", "market rules §2.10: the sum of the lines is the total"),
        Direction = new("direction", "the sum of the lines of one direction", "statement rule: nothing is netted before pricing"),
        Amount = new("amount", "the exact amount and what the lines before left over, rounded half away from zero",
            "market rules §2.10: y = round(q + r)"),
        AmountExact = new("amountExact", "billed energy × price; below zero where it is credited",
            "statement rule: import charged, export credited"),
        Billed = new("billedKwh", "metered energy and what the lines before left over, rounded half up to the tariff's decimals",
            "market rules §2.10: y = round(q + r)"),
        Price = new("pricePerKwh", "the tariff's price of its period and direction", "market rules §2.8: period lookup"),
        TariffPeriod = new("tariffPeriod", "the first rule of the tariff that holds at the local time of the start",
            "market rules §2.8: period lookup"),
        Problem = new("problem", "what the line lacks; without energy or price it has no amount",
            "market rules §2.10: line amount null if price missing"),
        Carry = new("carry", "what the lines before leave over", "market rules §2.10: r = q + r − y"),
        Delta = new("delta", "what the line is as the day is run again, less what stood before the correction",
            "decision 61: a run and its deltas are the day run again"),
        Charges = new("charges", "the sum of what is charged beside energy", "market rules §2.10"),
        Growth = new("growth", "what the bill of the month comes to up to the end of the day, less what it came to before",
            "decision 59: a day owes what its month grew by"),
        MonthEnergy = new("monthKwh", "what the month's energy up to and with this period is rounded to, half up, less what "
            + "is billed of the periods before it", "market rules §2.10: y = round(q + r)"),
        MonthDay = new("day", "the sum of the energy of the day's periods", "decision 59"),
        Tier = new("tier", "the part of the quantity between two limits × the price of the tier, of energy in a tier above "
            + "the first × what it is dearer than the first", "market rules §2.8: tiers"),
        BilledDemand = new("billedKw", "the highest of the own peak, the least that is agreed and shares of earlier peaks",
            "market rules §2.8: billing demand"),
        Peak = new("peak", "the highest mean import of a demand interval that lies in the windows, to whole milliwatts",
            "market rules §2.8: demand charges"),
        Fee = new("fee", "how often it is due × its amount", "market rules §2.8: fees"),
        Tax = new("tax", "the sum of the exact amounts of one rate × the rate", "market rules §2.8: tax on exact amounts"),
        Bound = new("bound", "what is left to the least price, or is above the most", "market rules §2.8: bounds"),
        Flexibility = new("flexibility", "the sum of what programmes pay for flexibility", "market rules §2.10"),
        Payment = new("payment", "what the scoring pays up to and with this interval, less what was paid before it, rounded "
            + "half away from zero; below zero, because it is credited", "market rules §2.3: payment curves"),
        Penalty = new("penalty", "the same of its penalty, which the account pays", "market rules §2.3: penalties"),
        Scored = new("scored", "the terms of the scoring rule: quantity × price × factor, and the shortfall × price of a "
            + "penalty", "market rules §2.3: payment curves"),
        Effective = new("effective", "what the bands of the rule make of the delivered energy, by its ratio to the order",
            "market rules §2.3: payment curves"),
        Ordered = new("ordered", "what the order asks of the baseline, summed over the points and periods that are scored "
            + "together", "market rules §2.2"),
        MayLack = new("mayLack", "of the order all that falls within the ramp, and the tolerance of the rest: it is missing "
            + "without a penalty", "decision 155"),
        Delivered = new("delivered", "baseline less metered, less what other programmes hold of it, summed in the same way",
            "market rules §2.2"),
        Response = new("response", "the frozen baseline less import and plus export, in whole millionths of a kWh",
            "market rules §2.2"),
        Redistributed = new("redistribution", "the penalties of the call × own weight / all weights, cut off; what is left "
            + "goes to the largest remainders", "market rules §2.3: redistribution"),
        Availability = new("availability", "declared power × its hours, as the programme pays it",
            "market rules §2.3: availability"),
        IntervalReadings = new("M1", "interval readings that fill the period", "decision 14, rule 1"),
        RegisterDifference = new("M2", "the register's difference over the period", "decision 14, rule 2"),
        RegisterDivided = new("M3", "the register's difference over several periods, divided by their curves",
            "decision 14, rule 2"),
        IntervalRecord = new("M4", "the interval record, as far as its curve is covered", "decision 14, rule 3"),
        Estimate = new("M5", "estimates that fill the period, as the last resort", "decision 14, rule 4"),
        Missing = new("M6", "nothing is known, and never a zero in its place", "decision 14, rule 5"),
        Register = new("index", "the differences from reading to reading, in steps of the register, × its factor",
            "rules: register"),
        Curve = new("curve", "what the interval records say of the period", "decision 14, rule 3"),
        Fact = new("fact", "as it was recorded", "the journal");
}

/// <summary>
/// One value, the rule by which it follows from its children, and what they give. A leaf that has a position is a fact
/// of the journal. Energies are whole half nanojoules, so that each step can be repeated exactly.
/// </summary>
/// <param name="Name">What it is.</param>
/// <param name="Unit">halfNanojoules, kWh, a currency, a currency per kWh, or empty for a text.</param>
/// <param name="Says">As the statement has it; - where it has none.</param>
/// <param name="Follows">As its children give it, by an arithmetic written apart from the statement's.</param>
/// <param name="Arithmetic">The step in figures, for a person.</param>
/// <param name="Position">Of the fact that it is; null where it is none.</param>
public sealed record ExplainedValue(
    string Name, string Unit, string Says, string Follows, ExplanationRule Rule, string Arithmetic,
    IReadOnlyList<ExplainedValue> From, long? Position = null)
{
    /// <summary>Whose figures it has; null where they are of whoever owns what follows from it, or of everybody.
    /// </summary>
    public PartyId? Whose { get; init; }

    public const string None = "-";
    public const string HalfNanojoules = "halfNanojoules";

    /// <summary>Whether it and all that it follows from come out as they are said.</summary>
    public bool Holds => All().All(value => value.Says == value.Follows);

    /// <summary>The value and everything below it, itself first. A value from which several others follow comes once:
    /// tax and bounds rest on all that is charged, and by every way through them a month would be looked at again and
    /// again.</summary>
    public IEnumerable<ExplainedValue> All() => All(_ => true);

    private IEnumerable<ExplainedValue> All(Predicate<ExplainedValue> isToldOf)
    {
        var seen = new HashSet<ExplainedValue>(ReferenceEqualityComparer.Instance);
        var open = new Stack<ExplainedValue>([this]);
        while (open.TryPop(out var value))
        {
            if (!isToldOf(value) || !seen.Add(value)) continue;
            yield return value;
            for (var i = value.From.Count - 1; i >= 0; i--) open.Push(value.From[i]);
        }
    }

    /// <summary>The facts that it rests on, each once, in order.</summary>
    public IReadOnlyList<long> Positions() =>
        [.. All().Select(value => value.Position).OfType<long>().Distinct().Order()];

    /// <summary>The same without those that it rests on only by figures of others.</summary>
    /// <param name="reaches">Whose figures are told.</param>
    public IReadOnlyList<long> Positions(Predicate<PartyId> reaches) =>
        [.. All(value => value.Whose is not { } party || reaches(party)).Select(value => value.Position)
            .OfType<long>().Distinct().Order()];

    /// <summary>The rules that it and all below it follow by, each once.</summary>
    public IReadOnlyList<ExplanationRule> Rules() =>
        [.. All().Select(value => value.Rule).Where(rule => rule != ExplanationRule.Fact).Distinct()];

    /// <summary>A fact of the journal, as it was recorded.</summary>
    public static ExplainedValue Of(long position, string name, string unit, string says) =>
        new(name, unit, says, says, ExplanationRule.Fact, $"position {Text(position)}", [], position);

    /// <summary>A value that is given by what stands beside it.</summary>
    public static ExplainedValue Given(string name, string unit, string says, ExplanationRule rule, string how) =>
        new(name, unit, says, says, rule, how, []);

    internal static string Text(object? value) => value switch
    {
        null => None,
        decimal number => number.ToString("0.############################", CultureInfo.InvariantCulture),
        Energy energy => energy.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"{value}",
    };
}
