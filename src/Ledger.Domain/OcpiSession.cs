using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A metered session as OCPI counts it: one charging period for each settlement period of the stay, with energies and
/// times of four decimals of a kWh and an hour. What rounding leaves is carried on, so that the volumes of each
/// dimension sum to the session's rounded whole. What happened inside a settlement period is not said, and neither is a
/// current or power: a tariff that asks for them has no price for the session.
/// </summary>
/// <param name="TotalEnergyKwh">Below zero where more came back than went in.</param>
public sealed record OcpiSession(
    MeteredSession Metered, OcpiUsage Usage, OcpiCost Cost, decimal TotalEnergyKwh, decimal TotalTimeHours,
    decimal TotalParkingHours)
{
    private const int VolumeDecimals = 4; // types, number
    private const long NanosecondsPerHour = 3_600_000_000_000;

    /// <summary>Why its cost is not proven, or cannot be written; null where it is proven and can.</summary>
    public string? Unpriced => Cost.Notes.Count > 0 ? Cost.Notes[0]
        : Cost.Total.WithoutTax is null
            ? "its prices include a tax that the tariff does not state, so that they have no cost before taxes" : null;

    /// <summary>A period in which nothing flowed is parking, because its vehicle asked for nothing that anyone knows.
    /// </summary>
    public static OcpiSession Of(MeteredSession metered, OcpiTariff tariff, DateTimeZone zone)
    {
        var kwh = Rounding.HalfAwayWithCarry([.. metered.Parts.Select(part =>
            new Fraction((part.Import - part.Export).HalfNanojoules, Energy.HalfNanojoulesPerWattHour * 1000))],
            VolumeDecimals).Rounded;
        var hours = Rounding.HalfAwayWithCarry([.. metered.Parts.Select(part =>
            new Fraction(part.Period.Duration.ToInt64Nanoseconds(), NanosecondsPerHour))], VolumeDecimals).Rounded;
        var periods = metered.Parts.Select((part, i) => Period(part, kwh[i], hours[i], tariff.Id)).ToList();
        var usage = new OcpiUsage(metered.Session.End, periods, zone);
        var parking = periods.Sum(period => period.ParkingHours ?? 0m);
        return new(metered, usage, OcpiPricing.Of(tariff, usage), kwh.Sum(), hours.Sum(), parking);
    }

    private static OcpiPeriod Period(SessionPart part, decimal kwh, decimal hours, string tariff)
    {
        var flows = part.Import > Energy.Zero || part.Export > Energy.Zero;
        return new(part.Period.Start, kwh, flows ? hours : null, flows ? null : hours, null, null, null, null, null,
            tariff);
    }
}
