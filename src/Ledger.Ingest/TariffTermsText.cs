using System.Text.Json;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The text of a tariff's terms: <c>exportRules</c>, <c>demandCharges</c>, <c>useBy</c>, <c>fees</c>,
/// <c>taxPercent</c>, <c>bounds</c>, <c>ratios</c>. What is left out is not charged.
/// </summary>
public static class TariffTermsText
{
    internal static readonly string[] Members =
        ["exportRules", "demandCharges", "useBy", "fees", "taxPercent", "bounds", "ratios"];

    /// <summary>Demand is the mean of a quarter of an hour where a charge says nothing else.</summary>
    private const int DemandMinutesDefault = 15;

    /// <summary>Null where the tariff is a price per period and no more.</summary>
    internal static TariffTerms? Terms(InputObject tariff, IReadOnlyList<EnergyPrice> prices) =>
        prices.Count == 0 && Members.All(member => tariff.Optional(member) is null) ? null : new(
            prices, tariff.Optional("exportRules") is { } rules ? TariffText.Rules(rules) : [],
            tariff.Optional("demandCharges") is { } charges ? TariffText.Rows(charges, Charge) : [],
            tariff.Optional("useBy")?.Line(Limits.IdentifierLengthMax),
            tariff.Optional("fees") is { } fees ? TariffText.Rows(fees, Fee) : [],
            tariff.Optional("taxPercent")?.Decimal() ?? 0m,
            tariff.Optional("bounds") is { } bounds ? Bounds(bounds) : null,
            tariff.Optional("ratios") is { } ratios ? Ratios(ratios) : null);

    private static DemandCharge Charge(InputValue input)
    {
        var charge = input.Object("name", "windows", "prices", "perKw", "tiers", "intervalMinutes", "slideMinutes",
            "per", "ratchet", "taxPercent");
        var minutes = charge.Optional("intervalMinutes")?.Integer(1, 60) ?? DemandMinutesDefault;
        var always = TariffPriceText.One(charge, "perKw", "tiers");
        if (always is not null && charge.Optional("prices") is { } both)
            throw both.Refused(Rejection.OutOfRange, "give prices by month, or one for all months, not both");
        return new(
            charge.Required("name").Line(Limits.IdentifierLengthMax),
            charge.Optional("windows") is { } windows ? TariffText.Rows(windows, Window)
                : [Window(TariffText.When(charge with { Members = NoMembers }))],
            always is not null ? [new([.. Enumerable.Range(1, 12)], always)]
                : TariffText.Rows(charge.Required("prices"), Price),
            minutes, charge.Optional("slideMinutes")?.Integer(1, 60) ?? minutes,
            charge.Optional("per")?.Choice<DemandSpan>() ?? DemandSpan.Month,
            charge.Optional("ratchet") is { } ratchet ? Ratchet(ratchet) : null,
            charge.Optional("taxPercent")?.Decimal());
    }

    private static readonly Dictionary<string, InputValue> NoMembers = [];

    private static DemandWindow Window(InputValue input) =>
        Window(TariffText.When(input.Object("months", "days", "from", "to")));

    private static DemandWindow Window(
        (IReadOnlyList<int> Months, IReadOnlyList<DayClass> Days, NodaTime.LocalTime From, NodaTime.LocalTime? To) when)
        => new(when.Months, when.Days, when.From, when.To);

    private static DemandPrice Price(InputValue input)
    {
        var price = input.Object("months", "perKw", "tiers");
        return new(TariffText.Months(price), TariffPriceText.One(price, "perKw", "tiers")
            ?? [new(null, TierUnit.Quantity, price.Required("perKw").Decimal())]);
    }

    /// <summary>
    /// <c>{percent, lookbackMonths?, months?, minimumKw?, wrap?}</c>: one percentage for the named months (default
    /// all), or one for each of twelve.
    /// </summary>
    public static DemandRatchet Ratchet(InputValue input)
    {
        var rule = input.Object("percent", "lookbackMonths", "months", "minimumKw", "wrap");
        var percent = rule.Required("percent");
        decimal[] byMonth;
        if (percent.Json.ValueKind == JsonValueKind.Array)
        {
            if (rule.Optional("months") is { } both)
                throw both.Refused(Rejection.OutOfRange, "name months, or give a percentage for each, not both");
            byMonth = [.. percent.Array().Select(Percent)];
            if (byMonth.Length != 12)
                throw percent.Refused(Rejection.WrongCount, "must have 12 elements, January first");
        }
        else
        {
            var (share, named) = (Percent(percent), TariffText.Months(rule));
            byMonth = [.. Enumerable.Range(1, 12).Select(month => named.Contains(month) ? share : 0m)];
        }

        return new(byMonth, rule.Optional("lookbackMonths")?.Integer(1, TariffCoherence.LookbackMonthsMax),
            rule.Optional("minimumKw")?.NotNegative() ?? 0m, rule.Optional("wrap")?.Flag() ?? false);
    }

    private static decimal Percent(InputValue input) => input.Decimal() is >= 0m and <= 100m and var percent
        && TariffCoherence.Fits(percent)
        ? percent : throw input.Refused(Rejection.OutOfRange, "must be 0 to 100 with at most 12 decimals");

    private static TariffFee Fee(InputValue input)
    {
        var fee = input.Object("name", "per", "amount", "stepSeconds", "taxPercent", "bearer");
        return new(fee.Required("name").Line(Limits.IdentifierLengthMax), fee.Required("per").Choice<FeeBasis>(),
            fee.Required("amount").Decimal(), fee.Optional("stepSeconds")?.Integer(1, 86_400) ?? 1,
            fee.Optional("taxPercent")?.Decimal(), fee.Optional("bearer")?.Choice<FeeBearer>() ?? FeeBearer.Point);
    }

    private static PriceBounds Bounds(InputValue input)
    {
        var bounds = input.Object("per", "least", "leastWithTax", "most", "mostWithTax");
        return new(bounds.Optional("per")?.Choice<BoundSpan>() ?? BoundSpan.Month, bounds.Optional("least")?.Decimal(),
            bounds.Optional("leastWithTax")?.Decimal(), bounds.Optional("most")?.Decimal(),
            bounds.Optional("mostWithTax")?.Decimal());
    }

    private static RatioRule Ratios(InputValue input)
    {
        var ratios = input.Object("sharpPeak", "peak", "valley", "deepValley");
        return new(ratios.Required("sharpPeak").NotNegative(), ratios.Required("peak").NotNegative(),
            ratios.Required("valley").NotNegative(), ratios.Required("deepValley").NotNegative());
    }
}
