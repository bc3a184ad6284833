using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Tariffs and what is priced of charge detail records, as OCPI 2.1.1, 2.2.1 and 2.3.0 write them. Members that are not
/// known are passed over, because parties may add some, but not in a tariff's elements: there each could change a
/// price.
/// </summary>
public static class OcpiText
{
    /// <summary>OCPI's mark for what is not available: it names nobody.</summary>
    public const string NotAvailable = "#NA";

    /// <summary>More than any published tariff has, and any session of a month.</summary>
    private const int ElementsMax = 1_000, PeriodsMax = 50_000;

    /// <summary>The longest step: a day in seconds, and as many Wh.</summary>
    private const int StepMax = 86_400;

    /// <summary>Bounds under which every cost is a decimal of twelve places: a price of a kWh, an hour or a session, a
    /// least or greatest price, a tax in percent, and what a session takes of a dimension, in kWh or hours. Each is
    /// more than anybody ever stated, in whatever currency.</summary>
    private const long PriceMax = 1_000_000_000, LimitMax = 1_000_000_000_000_000, VatPercentMax = 1_000,
        VolumeMax = 1_000_000;

    public static OcpiTariff Tariff(InputValue input)
    {
        var tariff = input.OpenObject();
        var (from, until) = (tariff.Optional("start_date_time"), tariff.Optional("end_date_time"));
        if (from is { } begins && until is { } ends && At(ends) <= At(begins))
            throw ends.Refused(Rejection.IntervalEmpty, "must be after start_date_time");
        return new(
            tariff.Required("id").Text(), tariff.Required("currency").Currency(),
            Bounded(tariff.Required("elements"), 1, ElementsMax).ConvertAll(Element),
            Limit(tariff.Optional("min_price")), Limit(tariff.Optional("max_price")),
            tariff.Optional("tax_included") is { } taxes ? Taxes(taxes) : OcpiTaxes.Excluded)
        {
            From = from is { } valid ? At(valid) : null,
            Until = until is { } over ? At(over) : null,
        };
    }

    /// <param name="record">A charge detail record, or at least its end and its charging periods.</param>
    /// <param name="zone">The location's.</param>
    public static OcpiUsage Usage(InputValue record, DateTimeZone? zone)
    {
        var cdr = record.OpenObject();
        var periods = Bounded(cdr.Required("charging_periods"), 1, PeriodsMax).ConvertAll(Period);
        for (var i = 1; i < periods.Count; i++)
            if (periods[i].Start < periods[i - 1].Start)
                throw cdr.Required("charging_periods").Array()[i].Refused(Rejection.PeriodsOverlap,
                    "must not begin before the period before it");
        foreach (var (dimension, volume) in new (string, Func<OcpiPeriod, decimal?>)[]
        {
            ("ENERGY", period => period.EnergyKwh), ("TIME", period => period.TimeHours),
            ("PARKING_TIME", period => period.ParkingHours), ("RESERVATION_TIME", period => period.ReservationHours),
        })
            if (periods.Exists(period => Math.Abs(volume(period) ?? 0m) > VolumeMax)
                || periods.Sum(period => Math.Abs(volume(period) ?? 0m)) > VolumeMax)
                throw new InputRefusedException(Rejection.OutOfRange, cdr.Required("charging_periods").Path, "",
                    $"must hold at most {VolumeMax} of {dimension} in all");
        var stop = End(cdr);
        return At(stop) >= periods[^1].Start
            ? new(At(stop), periods, zone)
            : throw stop.Refused(Rejection.IntervalEmpty, "must not be before the last period begins");
    }

    /// <summary>When a session ended; 2.1.1 calls it <c>stop_date_time</c>.</summary>
    internal static InputValue End(InputObject cdr) =>
        cdr.Optional("stop_date_time") ?? cdr.Required("end_date_time");

    /// <summary>RFC 3339 in UTC, where the Z may be left out (types, DateTime).</summary>
    public static Instant At(InputValue input) => TryTime(input.Text(), out var at)
        ? at : throw input.Refused(Rejection.InvalidTime, "must be a time as RFC 3339, in UTC");

    /// <summary>The same of a text alone.</summary>
    public static bool TryTime(string? text, out Instant at) => FactValues.TryInstant(
        text is null || text.EndsWith('Z') || text.LastIndexOfAny(['+', '-']) > "yyyy-MM-dd".Length
            ? text ?? "" : text + "Z", out at);

    /// <summary>A time as OCPI has it: at most 25 characters (string(25)), so down to the millisecond.</summary>
    public static string Time(Instant at) => Milliseconds.Format(at);

    private static readonly InstantPattern Milliseconds =
        InstantPattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss;FFF'Z'");

    /// <summary>An amount in any of the three versions: a number, excl_vat and incl_vat, or before_taxes and taxes.
    /// </summary>
    public static OcpiAmount Amount(InputValue input)
    {
        if (input.Json.ValueKind != System.Text.Json.JsonValueKind.Object) return new(input.Decimal(), null);
        var amount = input.OpenObject();
        if (amount.Optional("before_taxes") is not { } before)
            return new(amount.Required("excl_vat").Decimal(), amount.Optional("incl_vat")?.Decimal());
        var without = before.Decimal();
        try
        {
            return new(without, amount.Optional("taxes") is { } taxes
                ? taxes.Array().Aggregate(without, (sum, tax) => sum + tax.OpenObject().Required("amount").Decimal())
                : null);
        }
        catch (OverflowException)
        {
            throw amount.Required("taxes").Refused(Rejection.OutOfRange, "must fit a decimal with before_taxes");
        }
    }

    private static decimal Within(InputValue input, long most) => Within(input, most, input.Decimal());

    private static decimal Within(InputValue input, long most, decimal value) => Math.Abs(value) <= most ? value
        : throw input.Refused(Rejection.OutOfRange, $"must be at most {most}, either way");

    private static OcpiPriceLimit? Limit(InputValue? input)
    {
        if (input is not { } stated) return null;
        var limit = stated.OpenObject();
        return limit.Optional("before_taxes") is { } before
            ? new(Money(before), limit.Optional("after_taxes") is { } after ? Money(after) : null)
            : new(Money(limit.Required("excl_vat")), limit.Optional("incl_vat") is { } with ? Money(with) : null);

        static decimal Money(InputValue amount) => Within(amount, LimitMax);
    }

    private static OcpiTaxes Taxes(InputValue input) => input.Text() switch
    {
        "NO" => OcpiTaxes.Excluded,
        "YES" => OcpiTaxes.Included,
        "N/A" => OcpiTaxes.None,
        _ => throw input.Refused(Rejection.OutOfRange, "must be YES, NO or N/A"),
    };

    private static OcpiTariffElement Element(InputValue input)
    {
        var element = input.Object("price_components", "restrictions");
        return new(Bounded(element.Required("price_components"), 1, ElementsMax).ConvertAll(Component),
            element.Optional("restrictions") is { } restrictions ? Restrictions(restrictions) : null);
    }

    private static OcpiPriceComponent Component(InputValue input)
    {
        var component = input.Object("type", "price", "vat", "step_size");
        return new(component.Required("type").Text() switch
        {
            "ENERGY" => OcpiDimension.Energy,
            "TIME" => OcpiDimension.Time,
            "PARKING_TIME" => OcpiDimension.ParkingTime,
            "FLAT" => OcpiDimension.Flat,
            _ => throw component.Required("type").Refused(Rejection.OutOfRange,
                "must be ENERGY, TIME, PARKING_TIME or FLAT"),
        }, Within(component.Required("price"), PriceMax),
            component.Optional("vat") is { } vat ? Within(vat, VatPercentMax, vat.NotNegative()) : null,
            component.Required("step_size").Integer(0, StepMax));
    }

    private static OcpiRestrictions Restrictions(InputValue input)
    {
        var of = input.Object("start_time", "end_time", "start_date", "end_date", "min_kwh", "max_kwh", "min_current",
            "max_current", "min_power", "max_power", "min_duration", "max_duration", "day_of_week", "reservation");
        return new()
        {
            StartTime = of.Optional("start_time")?.Clock(),
            EndTime = of.Optional("end_time")?.Clock(),
            StartDate = of.Optional("start_date")?.Day(),
            EndDate = of.Optional("end_date")?.Day(),
            MinKwh = of.Optional("min_kwh")?.Decimal(),
            MaxKwh = of.Optional("max_kwh")?.Decimal(),
            MinCurrent = of.Optional("min_current")?.Decimal(),
            MaxCurrent = of.Optional("max_current")?.Decimal(),
            MinPower = of.Optional("min_power")?.Decimal(),
            MaxPower = of.Optional("max_power")?.Decimal(),
            MinDurationSeconds = of.Optional("min_duration")?.Integer(0, int.MaxValue),
            MaxDurationSeconds = of.Optional("max_duration")?.Integer(0, int.MaxValue),
            DaysOfWeek = of.Optional("day_of_week")?.Array().ConvertAll(DayOfWeek) ?? [],
            Reservation = of.Optional("reservation") is { } reservation ? Reservation(reservation) : null,
        };
    }

    private static IsoDayOfWeek DayOfWeek(InputValue input)
    {
        var text = input.Text();
        for (var day = IsoDayOfWeek.Monday; day <= IsoDayOfWeek.Sunday; day++)
            if (day.ToString().ToUpperInvariant() == text) return day;
        throw input.Refused(Rejection.OutOfRange, "must be a day like MONDAY");
    }

    private static OcpiReservation Reservation(InputValue input) => input.Text() switch
    {
        "RESERVATION" => OcpiReservation.Reservation,
        "RESERVATION_EXPIRES" => OcpiReservation.ReservationExpires,
        _ => throw input.Refused(Rejection.OutOfRange, "must be RESERVATION or RESERVATION_EXPIRES"),
    };

    private static OcpiPeriod Period(InputValue input)
    {
        var period = input.OpenObject();
        var volumes = new Dictionary<string, decimal>(StringComparer.Ordinal);
        foreach (var dimension in Bounded(period.Required("dimensions"), 0, ElementsMax))
        {
            var stated = dimension.OpenObject();
            if (!volumes.TryAdd(stated.Required("type").Text(), stated.Required("volume").Decimal()))
                throw stated.Required("type").Refused(Rejection.NamedTwice, "must stand once in a period");
        }
        decimal? Volume(string type) => volumes.TryGetValue(type, out var volume) ? volume : null;
        decimal? Hours(string type) => Volume(type) is not < 0m ? Volume(type)
            : throw period.Required("dimensions").Refused(Rejection.OutOfRange, $"{type} must not be negative");
        return new(At(period.Required("start_date_time")), Volume("ENERGY"), Hours("TIME"), Hours("PARKING_TIME"),
            Hours("RESERVATION_TIME"), Volume("MIN_CURRENT"), Volume("MAX_CURRENT"), Volume("MIN_POWER"),
            Volume("MAX_POWER"), period.Optional("tariff_id")?.Text());
    }

    private static List<InputValue> Bounded(InputValue input, int least, int most) =>
        input.Array() is var all && all.Count >= least && all.Count <= most
            ? all
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have {least} to {most} elements");
}
