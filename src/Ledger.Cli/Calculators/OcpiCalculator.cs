using System.Text.Json.Nodes;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>ocpi {tariff or tariffs, cdr, timeZone?, decimals?}</c> → <c>{totalCost, totalEnergyCost, totalTimeCost,
/// totalParkingCost, totalFixedCost, totalReservationCost, limitAdjustment, lines, notes}</c>, each amount
/// <c>{withoutTax, withTax}</c>: a charge detail record priced by its tariff, or by several, of which each charging
/// period names one. Where none stands beside the record its own hold. OCPI keeps the zone of a location beside its
/// records, so a tariff with local times needs it stated.
/// </summary>
static class OcpiCalculator
{
    /// <summary>Decimals of quantities and amounts in the lines, which are exact only as ratios.</summary>
    const int lineDecimals = 12;

    /// <summary>More than a session ever went through.</summary>
    const int tariffsMax = 100;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("tariff", "tariffs", "cdr", "timeZone", "decimals");
        var cdr = asked.Required("cdr");
        if (asked.Optional("tariff") is not null && asked.Optional("tariffs") is { } both)
            throw both.Refused(Rejection.OutOfRange, "give one tariff, or several, not both");
        var given = asked.Optional("tariff") is { } one ? [one]
            : (asked.Optional("tariffs") ?? cdr.OpenObject().Required("tariffs")).Array();
        if (given.Count is 0 or > tariffsMax)
            throw (asked.Optional("tariffs") ?? cdr.OpenObject().Required("tariffs")).Refused(Rejection.WrongCount,
                $"must hold one tariff or more, up to {tariffsMax}");
        var tariffs = given.ConvertAll(OcpiText.Tariff);
        Coherent(given, tariffs, cdr);
        var usage = OcpiText.Usage(cdr, asked.Optional("timeZone") is { } zone ? Zone(zone) : null);
        if (usage.Zone is null && tariffs.Exists(tariff => tariff.NeedsLocalTime))
            throw new InputRefusedException(Rejection.MissingField, "timeZone", "",
                "is needed: the tariff has times of the location");
        Named(cdr, tariffs, usage);
        try
        {
            return Answer(tariffs, OcpiPricing.Of(tariffs, usage,
                asked.Optional("decimals")?.Integer(0, 12) ?? OcpiPricing.MoneyDecimals));
        }
        catch (ArgumentException contradictory) when (contradictory.ParamName == nameof(tariffs))
        {
            throw cdr.Refused(Rejection.OutOfRange, contradictory.Message.Split(" (Parameter", 2)[0]);
        }
    }

    /// <summary>Each tariff once, and all in the currency of the record.</summary>
    static void Coherent(List<InputValue> given, List<OcpiTariff> tariffs, InputValue cdr)
    {
        for (var i = 1; i < tariffs.Count; i++)
        {
            if (tariffs.Take(i).Any(before => IsSame(before.Id, tariffs[i].Id)))
                throw given[i].OpenObject().Required("id").Refused(Rejection.NamedTwice, "must stand once");
            if (tariffs[i].Currency != tariffs[0].Currency)
                throw given[i].OpenObject().Required("currency").Refused(Rejection.OutOfRange,
                    $"must be that of the other tariffs, {tariffs[0].Currency}");
        }
        if (cdr.OpenObject().Optional("currency") is { } currency && currency.Text() != tariffs[0].Currency)
            throw currency.Refused(Rejection.OutOfRange, $"must be the tariff's currency, {tariffs[0].Currency}");
    }

    /// <summary>Of several tariffs a period names the one that prices it; to one alone a record may go by one name.
    /// </summary>
    static void Named(InputValue cdr, List<OcpiTariff> tariffs, OcpiUsage usage)
    {
        var periods = cdr.OpenObject().Required("charging_periods").Array();
        var named = usage.Periods.Select(period => period.TariffId?.ToUpperInvariant()).OfType<string>();
        if (tariffs.Count == 1 && named.Distinct().Count() > 1)
            throw periods[0].Refused(Rejection.WrongCount,
                "names one of several tariffs, and only one is given: give them as tariffs");
        if (tariffs.Count == 1) return;
        if (usage.Periods.All(period => period.TariffId is null))
            throw periods[0].Refused(Rejection.MissingField, "must name its tariff_id where several tariffs are given");
        for (var i = 0; i < periods.Count; i++)
            if (usage.Periods[i].TariffId is { } id && !tariffs.Exists(tariff => IsSame(tariff.Id, id)))
                throw periods[i].OpenObject().Required("tariff_id").Refused(Rejection.UnknownTariff,
                    "must be one of the tariffs");
    }

    static bool IsSame(string id, string other) => string.Equals(id, other, StringComparison.OrdinalIgnoreCase);

    static DateTimeZone Zone(InputValue input) => DateTimeZoneProviders.Tzdb.GetZoneOrNull(input.Text())
        ?? throw input.Refused(Rejection.UnknownZone, "must be a name of the time zone database");

    static JsonObject Answer(List<OcpiTariff> tariffs, OcpiCost cost) => new()
    {
        ["currency"] = tariffs[0].Currency,
        ["totalCost"] = Amount(cost.Total),
        ["totalEnergyCost"] = Amount(cost.Energy),
        ["totalTimeCost"] = Amount(cost.Time),
        ["totalParkingCost"] = Amount(cost.Parking),
        ["totalFixedCost"] = Amount(cost.Fixed),
        ["totalReservationCost"] = Amount(cost.Reservation),
        ["limitAdjustment"] = Amount(cost.LimitAdjustment),
        ["lines"] = new JsonArray([.. cost.Lines.Select(line => Line(line, tariffs.Count > 1))]),
        ["notes"] = new JsonArray([.. cost.Notes.Select(note => (JsonNode)note)]),
    };

    static JsonObject Amount(OcpiAmount amount) => new()
    {
        ["withoutTax"] = Cell.Json(amount.WithoutTax),
        ["withTax"] = Cell.Json(amount.WithTax),
    };

    static JsonObject Line(OcpiPricedLine line, bool isOneOfSeveral)
    {
        var written = Line(line);
        if (isOneOfSeveral) written["tariff"] = line.Tariff.Id;
        return written;
    }

    static JsonObject Line(OcpiPricedLine line) => new()
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
