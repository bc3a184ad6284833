using System.Text.Json.Nodes;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>ocpi {tariff, cdr, timeZone?, decimals?}</c> → <c>{totalCost, totalEnergyCost, totalTimeCost, totalParkingCost,
/// totalFixedCost, totalReservationCost, limitAdjustment, lines, notes}</c>, each amount <c>{withoutTax, withTax}</c>:
/// a charge detail record priced by a tariff. Without <c>tariff</c> the record's own one holds. OCPI keeps the zone of
/// a location beside its records, so a tariff with local times needs it stated.
/// </summary>
static class OcpiCalculator
{
    /// <summary>Decimals of quantities and amounts in the lines, which are exact only as ratios.</summary>
    const int lineDecimals = 12;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("tariff", "cdr", "timeZone", "decimals");
        var cdr = asked.Required("cdr");
        var tariff = OcpiText.Tariff(asked.Optional("tariff") ?? Own(cdr));
        if (cdr.OpenObject().Optional("currency") is { } currency && currency.Text() != tariff.Currency)
            throw currency.Refused(Rejection.OutOfRange, $"must be the tariff's currency, {tariff.Currency}");
        var usage = OcpiText.Usage(cdr, asked.Optional("timeZone") is { } zone ? Zone(zone) : null);
        if (usage.Zone is null && tariff.NeedsLocalTime)
            throw new InputRefusedException(Rejection.MissingField, "timeZone", "",
                "is needed: the tariff has times of the location");
        if (usage.Periods.Select(period => period.TariffId).Where(id => id is not null).Distinct().Count() > 1)
            throw cdr.OpenObject().Required("charging_periods").Array()[0].Refused(Rejection.WrongCount,
                "one tariff prices a record here, and its periods name several");
        return Answer(tariff, OcpiPricing.Of(tariff, usage,
            asked.Optional("decimals")?.Integer(0, 12) ?? OcpiPricing.MoneyDecimals));
    }

    static InputValue Own(InputValue cdr) => cdr.OpenObject().Required("tariffs") is var tariffs
        && tariffs.Array() is [var only]
            ? only : throw tariffs.Refused(Rejection.WrongCount, "must hold one tariff where none stands beside it");

    static DateTimeZone Zone(InputValue input) => DateTimeZoneProviders.Tzdb.GetZoneOrNull(input.Text())
        ?? throw input.Refused(Rejection.UnknownZone, "must be a name of the time zone database");

    static JsonObject Answer(OcpiTariff tariff, OcpiCost cost) => new()
    {
        ["currency"] = tariff.Currency,
        ["totalCost"] = Amount(cost.Total),
        ["totalEnergyCost"] = Amount(cost.Energy),
        ["totalTimeCost"] = Amount(cost.Time),
        ["totalParkingCost"] = Amount(cost.Parking),
        ["totalFixedCost"] = Amount(cost.Fixed),
        ["totalReservationCost"] = Amount(cost.Reservation),
        ["limitAdjustment"] = Amount(cost.LimitAdjustment),
        ["lines"] = new JsonArray([.. cost.Lines.Select(Line)]),
        ["notes"] = new JsonArray([.. cost.Notes.Select(note => (JsonNode)note)]),
    };

    static JsonObject Amount(OcpiAmount amount) => new()
    {
        ["withoutTax"] = Cell.Json(amount.WithoutTax),
        ["withTax"] = Cell.Json(amount.WithTax),
    };

    static JsonNode Line(OcpiPricedLine line) => new JsonObject
    {
        ["charge"] = Cell.Json(line.Charge),
        ["period"] = line.Period,
        ["element"] = line.Element,
        ["quantity"] = line.Quantity.ToText(lineDecimals),
        ["addedByStep"] = line.Stepped.ToText(lineDecimals),
        ["price"] = Cell.Json(line.Component.Price),
        ["vatPercent"] = Cell.Json(line.Component.VatPercent),
        ["withoutTax"] = line.WithoutTax?.ToText(lineDecimals),
        ["withTax"] = line.WithTax.ToText(lineDecimals),
    };
}
