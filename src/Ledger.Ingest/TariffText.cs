using Ledger.Domain;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The text of tariffs and of their assignment to accounts; TariffPriceText.cs and TariffTermsText.cs read
/// their parts.</summary>
public static class TariffText
{
    /// <summary>Rules, prices or holidays of one tariff version; the version then still fits one decision.</summary>
    private const int RowsMax = 1_000;
    /// <summary>The market's quantum of energy, 1 Wh, in decimals of a kWh; and cents.</summary>
    private const int EnergyDecimalsDefault = 3, MoneyDecimalsDefault = 2;
    /// <summary>As many decimals of a kWh as an energy is read with.</summary>
    private const int EnergyDecimalsExact = 12;

    private static readonly string[] Members =
    [
        "tariff", "version", "currency", "zone", "rules", "prices", "holidays", "energyDecimals", "moneyDecimals",
        .. TariffTermsText.Members,
    ];

    internal static FactInput Tariff(InputValue input)
    {
        var fact = input.Fact(["validFrom", .. Members]);
        var (plain, priced) = TariffPriceText.Prices(fact.Required("prices"), RowsMax, mustBeWhole: true);
        var published = new TariffPublished(
            fact.Required("tariff").Tariff(), fact.Required("version").Integer(1, int.MaxValue),
            fact.Required("currency").Currency(),
            fact.Required("zone").Line(Limits.IdentifierLengthMax), Rows(fact.Required("rules"), Rule), plain,
            fact.Optional("holidays") is { } holidays ? Rows(holidays, FactValues.Day) : [],
            fact.Optional("energyDecimals")?.Integer(0, 9) ?? EnergyDecimalsDefault,
            fact.Optional("moneyDecimals")?.Integer(0, 8) ?? MoneyDecimalsDefault, TariffTermsText.Terms(fact, priced));
        return new FactInput.Of<Dated<TariffPublished>>(new(published, fact.Required("validFrom").At()));
    }

    /// <summary>
    /// A tariff that stands in another input and is not published: it needs no name, and where it does not say to how
    /// many decimals, nothing is rounded.
    /// </summary>
    public static TariffPublished ReadInline(InputValue input, string? zone)
    {
        var tariff = input.Object(Members);
        var (plain, priced) = TariffPriceText.Prices(tariff.Required("prices"), RowsMax, mustBeWhole: false);
        var terms = TariffTermsText.Terms(tariff, priced);
        if (terms is not null && TariffCoherence.Incoherence(terms) is { } incoherent)
            throw new InputRefusedException(Rejection.OutOfRange, input.Path, "", incoherent);
        return new(
            tariff.Optional("tariff")?.Tariff() ?? new("inline"),
            tariff.Optional("version")?.Integer(1, int.MaxValue) ?? 1, tariff.Optional("currency")?.Currency() ?? "XXX",
            zone ?? tariff.Required("zone").Line(Limits.IdentifierLengthMax),
            Rows(tariff.Required("rules"), Rule), plain,
            tariff.Optional("holidays") is { } holidays ? Rows(holidays, FactValues.Day) : [],
            tariff.Optional("energyDecimals")?.Integer(0, 9) ?? EnergyDecimalsExact,
            tariff.Optional("moneyDecimals")?.Integer(0, 8) ?? Bill.Unrounded, terms);
    }

    internal static FactInput Assignment(InputValue input)
    {
        var fact = input.Fact("account", "tariff", "seller", "validFrom");
        return new FactInput.Of<Dated<TariffAssigned>>(new(
            new TariffAssigned(fact.Required("account").Party(), fact.Required("tariff").Tariff(),
                fact.Optional("seller")?.Party()),
            fact.Required("validFrom").At()));
    }

    internal static List<TariffRule> Rules(InputValue input) => Rows(input, Rule);

    /// <summary>What a rule leaves out holds always: all months, all days, from midnight to midnight.</summary>
    private static TariffRule Rule(InputValue input)
    {
        var rule = input.Object("months", "days", "from", "to", "period");
        var (months, days, from, to) = When(rule);
        return new TariffRule(months, days, from, to, rule.Required("period").Choice<TariffPeriod>());
    }

    internal static (IReadOnlyList<int> Months, IReadOnlyList<DayClass> Days, LocalTime From, LocalTime? To) When(
        InputObject rule) => (
        Months(rule), rule.Optional("days") is { } days ? Rows(days, day => day.Choice<DayClass>())
            : Enum.GetValues<DayClass>(),
        rule.Optional("from")?.Clock() ?? LocalTime.Midnight,
        rule.Optional("to") is not { } to || to.Text() == "24:00" ? null : to.Clock());

    internal static IReadOnlyList<int> Months(InputObject row) => row.Optional("months") is { } months
        ? Rows(months, month => month.Integer(1, 12)) : [.. Enumerable.Range(1, 12)];

    internal static List<T> Rows<T>(InputValue input, Func<InputValue, T> read)
    {
        var rows = input.Array();
        return rows.Count <= RowsMax
            ? rows.ConvertAll(row => read(row))
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {RowsMax} elements");
    }
}
