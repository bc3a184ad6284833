using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A metered session as OCPI counts it: one charging period for each settlement period of the stay, with energies and
/// times of four decimals of a kWh and an hour. What rounding leaves is carried on, so that the volumes of each
/// dimension sum to its own rounded whole. What happened inside a settlement period is not said, and neither is a
/// current or power: a tariff that asks for them has no price for the session. Nor has one by which charging and
/// parking cost differently where nobody knows which of both it was.
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
    /// Of one of which nobody knows it the energy that is its share says it, as long as no price hangs on it.</summary>
    public static OcpiSession Of(MeteredSession metered, OcpiTariff tariff, DateTimeZone zone)
    {
        var kwh = Rounding.HalfAwayWithCarry([.. metered.Parts.Select(part =>
            new Fraction((part.Import - part.Export).HalfNanojoules, Energy.HalfNanojoulesPerWattHour * 1000))],
            VolumeDecimals).Rounded;
        var (charging, parking) = (Hours(metered.Parts, Charges), Hours(metered.Parts, part => !Charges(part)));
        var periods = metered.Parts.Select((part, i) => new OcpiPeriod(
            part.Period.Start, kwh[i], charging[i], parking[i], null, null, null, null, null, tariff.Id)
        {
            IsEither = part.Flows is null,
        }).ToList();
        var usage = new OcpiUsage(metered.Session.End, periods, zone);
        var parked = parking.Sum(hours => hours ?? 0m);
        return new(metered, usage, OcpiPricing.Of(tariff, usage), kwh.Sum(),
            parked + charging.Sum(hours => hours ?? 0m), parked);
    }

    private static bool Charges(SessionPart part) =>
        part.Flows ?? (part.Import > Energy.Zero || part.Export > Energy.Zero);

    /// <summary>The hours of the parts of one kind; null of the others.</summary>
    private static List<decimal?> Hours(IReadOnlyList<SessionPart> parts, Func<SessionPart, bool> isOfKind)
    {
        var rounded = Rounding.HalfAwayWithCarry([.. parts.Where(isOfKind).Select(part =>
            new Fraction(part.Period.Duration.ToInt64Nanoseconds(), NanosecondsPerHour))], VolumeDecimals).Rounded;
        var next = 0;
        return [.. parts.Select(part => isOfKind(part) ? rounded[next++] : (decimal?)null)];
    }
}
