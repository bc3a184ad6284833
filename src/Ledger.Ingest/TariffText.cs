using Ledger.Domain;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The text of tariffs and of their assignment to accounts.</summary>
internal static class TariffText
{
    /// <summary>Rules, prices or holidays of one tariff version; the version then still fits one decision.</summary>
    private const int RowsMax = 1_000;
    /// <summary>The market's quantum of energy, 1 Wh, in decimals of a kWh; and cents.</summary>
    private const int EnergyDecimalsDefault = 3, MoneyDecimalsDefault = 2;

    public static FactInput Tariff(InputValue input)
    {
        var fact = input.Fact("tariff", "version", "currency", "zone", "validFrom", "rules", "prices", "holidays",
            "energyDecimals", "moneyDecimals");
        var published = new TariffPublished(
            fact.Required("tariff").Tariff(), fact.Required("version").Integer(1, int.MaxValue),
            fact.Required("currency").Currency(),
            fact.Required("zone").Line(Limits.IdentifierLengthMax), Rows(fact.Required("rules"), Rule),
            Rows(fact.Required("prices"), Price),
            fact.Optional("holidays") is { } holidays ? Rows(holidays, FactValues.Day) : [],
            fact.Optional("energyDecimals")?.Integer(0, 9) ?? EnergyDecimalsDefault,
            fact.Optional("moneyDecimals")?.Integer(0, 8) ?? MoneyDecimalsDefault);
        return new FactInput.Of<Dated<TariffPublished>>(new(published, fact.Required("validFrom").At()));
    }

    public static FactInput Assignment(InputValue input)
    {
        var fact = input.Fact("account", "tariff", "validFrom");
        return new FactInput.Of<Dated<TariffAssigned>>(new(
            new TariffAssigned(fact.Required("account").Party(), fact.Required("tariff").Tariff()),
            fact.Required("validFrom").At()));
    }

    private static TariffRule Rule(InputValue input)
    {
        var rule = input.Object("months", "days", "from", "to", "period");
        var to = rule.Required("to");
        return new TariffRule(
            Rows(rule.Required("months"), month => month.Integer(1, 12)),
            Rows(rule.Required("days"), day => day.Choice<DayClass>()),
            rule.Required("from").Clock(), to.Text() == "24:00"
                ? null : to.Clock(), rule.Required("period").Choice<TariffPeriod>());
    }

    private static TariffPrice Price(InputValue input)
    {
        var price = input.Object("period", "importPerKwh", "exportPerKwh");
        return new TariffPrice(price.Required("period").Choice<TariffPeriod>(),
            price.Required("importPerKwh").Decimal(), price.Required("exportPerKwh").Decimal());
    }

    private static List<T> Rows<T>(InputValue input, Func<InputValue, T> read)
    {
        var rows = input.Array();
        return rows.Count <= RowsMax
            ? rows.ConvertAll(row => read(row))
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {RowsMax} elements");
    }
}
