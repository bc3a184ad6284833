using System.Globalization;
using System.Numerics;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>Under which total of a record an amount stands (module CDRs: total_energy_cost and its siblings).</summary>
public enum OcpiCharge { Energy = 1, Time = 2, Parking = 3, Fixed = 4, Reservation = 5 }

/// <summary>An amount of money; null is not known.</summary>
public sealed record OcpiAmount(decimal? WithoutTax, decimal? WithTax)
{
    public static readonly OcpiAmount Zero = new(0m, 0m);
    public static OcpiAmount operator -(OcpiAmount amount) => new(-amount.WithoutTax, -amount.WithTax);
    public static OcpiAmount operator +(OcpiAmount a, OcpiAmount b) =>
        new(a.WithoutTax + b.WithoutTax, a.WithTax + b.WithTax);
}

/// <summary>What one component bills of one period.</summary>
/// <param name="Tariff">By which of the tariffs.</param>
/// <param name="Quantity">kWh, hours or 1, steps included.</param>
/// <param name="Stepped">The part of it that was not used but completes the last step; below zero where the hours that
/// a record states are rounded up from the seconds that were used.</param>
/// <param name="WithoutTax">Exact; null where the tax that a price includes is not stated.</param>
public sealed record OcpiPricedLine(
    OcpiTariff Tariff, OcpiCharge Charge, int Period, int Element, OcpiPriceComponent Component, Fraction Quantity,
    Fraction Stepped, Fraction? WithoutTax, Fraction WithTax);

/// <summary>
/// What a session costs. The parts and the adjustment add up to the total, without and with taxes.
/// </summary>
/// <param name="LimitAdjustment">What the least or greatest price adds or takes.</param>
/// <param name="Notes">Where the record does not say enough for its tariff: a period goes on while a price changes,
/// states no current or power that a price depends on, or may be charging or parking; or a tariff is not valid. Empty
/// where the record proves its cost.</param>
public sealed record OcpiCost(
    OcpiAmount Total, OcpiAmount Energy, OcpiAmount Time, OcpiAmount Parking, OcpiAmount Fixed, OcpiAmount Reservation,
    OcpiAmount LimitAdjustment, IReadOnlyList<OcpiPricedLine> Lines, IReadOnlyList<string> Notes);

/// <summary>
/// The price of a charging session by an OCPI tariff (2.1.1, 2.2.1, 2.3.0; modules Tariffs and CDRs). Quantities are
/// those that the record states. Of each dimension the first element that matches at the start of a period prices the
/// period. A step is applied once to the session's energy, once to its parking or, where no parking is priced, its
/// charging time, and once to its reservation: the priced sum is rounded up to the step of the last component, at its
/// price. Hours have four decimals, the third part of a second: their sum is brought to the nearest whole second
/// before a step is begun. A fee is taken once a session, and once a reservation. All is exact until the totals are
/// rounded.
/// Where a session goes from one tariff to another, each period is priced by the tariff that it names. What has passed
/// of the session is not counted anew, and no step is taken at the change (module CDRs, step_size): the quantities of
/// all tariffs are one sum. A least or greatest price is of a session with its tariff, so all of them bind the whole.
/// </summary>
public static class OcpiPricing
{
    /// <summary>Numbers of OCPI have four decimals unless something else is said (types, number).</summary>
    public const int MoneyDecimals = 4;

    private const long WattHoursPerKwh = 1000;
    private const long SecondsPerHour = 3600;

    /// <summary>What a component bills of a period, before steps and taxes.</summary>
    private sealed record Used(
        OcpiTariff Tariff, OcpiCharge Charge, int Period, int Element, OcpiPriceComponent Component, Fraction Quantity,
        Fraction Stepped)
    {
        public bool IsFee => Component.Dimension == OcpiDimension.Flat;
    }

    /// <param name="usage">At least one period, in order of time; with a zone where the tariff needs local time.
    /// </param>
    /// <param name="decimals">Of money; half away from zero, what is left over carried from part to part, so that the
    /// parts add up.</param>
    public static OcpiCost Of(OcpiTariff tariff, OcpiUsage usage, int decimals = MoneyDecimals) =>
        Of([tariff], usage, decimals);

    /// <summary>The same by several tariffs, of which each period names one; a period that names none is not
    /// priced.</summary>
    /// <param name="tariffs">All that periods name, each once, in one currency. One alone holds for each period that
    /// names any, and for all where none does.</param>
    /// <exception cref="ArgumentException">A period names a tariff that is not among several, or the least price of one
    /// is above the greatest of another.</exception>
    public static OcpiCost Of(IReadOnlyList<OcpiTariff> tariffs, OcpiUsage usage, int decimals = MoneyDecimals)
    {
        var by = ByPeriod(tariffs, usage);
        var (used, open) = Billed(by, usage);
        List<string> notes = [.. Invalid(by, usage), .. open];
        var lines = Stepped(used).ConvertAll(Priced);
        var relevant = by.OfType<OcpiTariff>().Distinct().ToList();
        var (least, most) = Limits(relevant);
        var without = Limited(Sums(lines, line => line.WithoutTax), Highest(least, limit => limit.WithoutTax),
            Lowest(most, limit => limit.WithoutTax));
        var with = Limited(Sums(lines, line => line.WithTax), Highest(least, limit => limit.WithTax),
            Lowest(most, limit => limit.WithTax));
        // A limit that says nothing of taxes leaves open which tax its difference bears.
        if (Binding(without, least, most).Any(limit => limit.WithTax is null)) with = null;
        var (rounded, taxed) = (Rounded(without, decimals), Rounded(with, decimals));
        OcpiAmount Part(int i) => new(rounded?[i], taxed?[i]);
        return new(new(rounded?.Sum(), taxed?.Sum()), Part(0), Part(1), Part(2), Part(3), Part(4), Part(5), lines,
            notes);
    }

    /// <summary>The tariff of each period; null where none is relevant (module CDRs, ChargingPeriod, tariff_id).
    /// </summary>
    private static List<OcpiTariff?> ByPeriod(IReadOnlyList<OcpiTariff> tariffs, OcpiUsage usage)
    {
        var named = usage.Periods.Any(period => period.TariffId is not null);
        return
        [
            .. usage.Periods.Select(period => period.TariffId switch
            {
                null => named || tariffs.Count > 1 ? null : tariffs[0],
                _ when tariffs.Count == 1 => tariffs[0],
                // Identifiers of OCPI are compared without regard to case (types, CiString).
                var id => tariffs.FirstOrDefault(tariff => tariff.Id.Equals(id, StringComparison.OrdinalIgnoreCase))
                    ?? throw new ArgumentException($"no tariff is named {id}", nameof(tariffs)),
            }),
        ];
    }

    /// <summary>Tariffs that are not valid when the first period begins that they price (module Tariffs,
    /// start_date_time and end_date_time).</summary>
    private static IEnumerable<string> Invalid(List<OcpiTariff?> by, OcpiUsage usage)
    {
        foreach (var tariff in by.OfType<OcpiTariff>().Distinct())
        {
            var i = by.IndexOf(tariff);
            var begins = usage.Periods[i].Start;
            var edge = tariff.From is { } from && begins < from
                ? $"start_date_time is {InstantPattern.ExtendedIso.Format(from)}"
                : tariff.Until is { } until && begins >= until
                    ? $"end_date_time is {InstantPattern.ExtendedIso.Format(until)}" : null;
            if (edge is not null)
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"tariff {tariff.Id} is not valid when period {i + 1} begins: its {edge}");
        }
    }

    private static (List<OcpiPriceLimit> Least, List<OcpiPriceLimit> Most) Limits(List<OcpiTariff> tariffs)
    {
        var (least, most) = (tariffs.Select(tariff => tariff.MinPrice).OfType<OcpiPriceLimit>().ToList(),
            tariffs.Select(tariff => tariff.MaxPrice).OfType<OcpiPriceLimit>().ToList());
        return tariffs.Count > 1 && (Contradict(limit => limit.WithoutTax) || Contradict(limit => limit.WithTax))
            ? throw new ArgumentException("the least price of one tariff is above the greatest of another", nameof(tariffs))
            : (least, most);

        bool Contradict(Func<OcpiPriceLimit, decimal?> of) => Highest(least, of) > Lowest(most, of);
    }

    private static decimal? Highest(List<OcpiPriceLimit> limits, Func<OcpiPriceLimit, decimal?> of) => limits.Max(of);

    private static decimal? Lowest(List<OcpiPriceLimit> limits, Func<OcpiPriceLimit, decimal?> of) => limits.Min(of);

    /// <summary>The limits that a total without taxes was held to.</summary>
    private static IEnumerable<OcpiPriceLimit> Binding(
        List<Fraction>? parts, List<OcpiPriceLimit> least, List<OcpiPriceLimit> most) =>
        parts is null || parts[^1] == Fraction.Zero ? []
        : parts[^1] > Fraction.Zero
            ? least.Where(limit => limit.WithoutTax == Highest(least, other => other.WithoutTax))
        : most.Where(limit => limit.WithoutTax == Lowest(most, other => other.WithoutTax));

    private static List<Fraction?> Sums(List<OcpiPricedLine> lines, Func<OcpiPricedLine, Fraction?> amount) =>
        [.. Enum.GetValues<OcpiCharge>().Select(charge => lines.Where(line => line.Charge == charge)
            .Aggregate((Fraction?)Fraction.Zero, (sum, line) => sum + amount(line)))];

    /// <summary>The parts and, as the last, what a limit adds or takes; null where a part is not known.</summary>
    private static List<Fraction>? Limited(List<Fraction?> parts, decimal? least, decimal? most)
    {
        if (parts.Contains(null)) return null;
        var total = parts.Aggregate(Fraction.Zero, (sum, part) => sum + part!.Value);
        var bounded = least is { } atLeast ? Fraction.Max(total, Fraction.Of(atLeast)) : total;
        if (most is { } atMost) bounded = Fraction.Min(bounded, Fraction.Of(atMost));
        return [.. parts.Select(part => part!.Value), bounded - total];
    }

    private static IReadOnlyList<decimal>? Rounded(List<Fraction>? amounts, int decimals) =>
        amounts is null ? null : Rounding.HalfAwayWithCarry(amounts, decimals).Rounded;

    private static (List<Used> Lines, List<string> Notes) Billed(List<OcpiTariff?> by, OcpiUsage usage)
    {
        var (lines, notes) = (new List<Used>(), new List<string>());
        var kwh = 0m;
        for (var i = 0; i < usage.Periods.Count; i++)
        {
            var period = usage.Periods[i];
            var end = i + 1 < usage.Periods.Count ? usage.Periods[i + 1].Start : usage.End;
            var before = Moment(usage, period, kwh, period.Start);
            kwh += period.EnergyKwh ?? 0m;
            if (by[i] is not { } tariff) continue;
            if (period.ReservationHours > 0) BillReservation(i, before);
            // No fee of a session is due where none was, or while it is only reserved, also where a zero says so.
            if (usage.Expired || (period.ReservationHours > 0 && !period.IsUsed)) continue;
            Bill(i, before, OcpiCharge.Energy, OcpiDimension.Energy, period.EnergyKwh, null);
            Bill(i, before, OcpiCharge.Time, OcpiDimension.Time, period.TimeHours, null);
            Bill(i, before, OcpiCharge.Parking, OcpiDimension.ParkingTime, period.ParkingHours, null);
            var isFeeDue = !lines.Exists(line => line.Charge == OcpiCharge.Fixed);
            if (isFeeDue) Bill(i, before, OcpiCharge.Fixed, OcpiDimension.Flat, 1m, null);
            // The end itself belongs to the next period: a restriction that begins there changes nothing here.
            var last = Moment(usage, period, kwh > before.Kwh ? kwh - 0.0000000001m : kwh,
                Instant.Max(period.Start, end - Duration.Epsilon));
            if (Open(tariff, before, last, isFeeDue) is { } open)
                notes.Add(string.Create(CultureInfo.InvariantCulture, $"period {i + 1} {open}"));
        }
        return (lines, notes);

        void BillReservation(int i, OcpiMoment at)
        {
            foreach (var (dimension, quantity) in
                new[] { (OcpiDimension.Time, at.Period.ReservationHours), (OcpiDimension.Flat, 1m) })
            {
                var isFee = dimension == OcpiDimension.Flat;
                if (isFee && lines.Exists(line => line is { Charge: OcpiCharge.Reservation, IsFee: true })) continue;
                // What an expired reservation costs has its own price, else that of any reservation.
                if (!usage.Expired || !Bill(i, at, OcpiCharge.Reservation, dimension, quantity,
                    OcpiReservation.ReservationExpires))
                    Bill(i, at, OcpiCharge.Reservation, dimension, quantity, OcpiReservation.Reservation);
            }
        }

        bool Bill(int i, OcpiMoment at, OcpiCharge charge, OcpiDimension dimension, decimal? quantity,
            OcpiReservation? reservation)
        {
            if (quantity is null or 0m) return false;
            if (by[i]!.Active(dimension, at, reservation) is not { } active) return false;
            lines.Add(new(by[i]!, charge, i, active.Element, active.Component, Fraction.Of(quantity.Value),
                Fraction.Zero));
            return true;
        }
    }

    private static OcpiMoment Moment(OcpiUsage usage, OcpiPeriod period, decimal kwh, Instant at) => new(
        usage.Zone is { } zone ? at.InZone(zone).LocalDateTime : null, kwh,
        Instant.Max(at, usage.Start) - usage.Start, period);

    /// <summary>What a period leaves open of the price of a dimension: which of two it is, where the record states no
    /// current or power; or how much was used by another one that holds just before it ends, where the record should
    /// have been cut (module CDRs, ChargingPeriod); or of which dimension its time is. Null where it leaves nothing
    /// open.</summary>
    private static string? Open(OcpiTariff tariff, OcpiMoment start, OcpiMoment last, bool isFeeDue)
    {
        var (charging, parking) = (start.Period.TimeHours, start.Period.ParkingHours);
        if (start.Period.IsEither) (charging, parking) = (charging ?? parking, parking ?? charging);
        foreach (var (dimension, used, name) in new[]
        {
            (OcpiDimension.Energy, start.Period.EnergyKwh, "energy"),
            (OcpiDimension.Time, charging, "charging time"),
            (OcpiDimension.ParkingTime, parking, "parking time"),
            (OcpiDimension.Flat, isFeeDue ? 1m : 0m, "the session"),
        })
        {
            if (used is null or 0m) continue;
            if (tariff.DependsOnUnstated(dimension, start))
                return $"states no current or power, on which the price of {name} depends";
            // A fee that was taken as the period began is not taken again.
            if (dimension == OcpiDimension.Flat && tariff.Active(dimension, start, null) is not null) continue;
            if (tariff.MayChange(dimension, start, last))
                return $"goes on after another price of {name} begins to hold; it is priced as it began";
        }
        return start.Period.IsEither && !IsOnePrice(tariff, start)
            ? "may be charging or parking, which have different prices, and no meter says which" : null;
    }

    /// <summary>Whether charging and parking cost the same at a moment, also where both cost nothing.</summary>
    private static bool IsOnePrice(OcpiTariff tariff, OcpiMoment at)
    {
        var (charging, parking) = (Price(OcpiDimension.Time), Price(OcpiDimension.ParkingTime));
        // A longer step is taken of one of both alone.
        return charging == parking && charging is null or { StepSize: <= 1 };

        OcpiPriceComponent? Price(OcpiDimension dimension) => tariff.Active(dimension, at, null)
            is { Component: { Price: not 0m } priced } ? priced with { Dimension = OcpiDimension.Time } : null;
    }

    private static List<Used> Stepped(List<Used> lines)
    {
        var stepped = new List<Used>(lines);
        Step(OcpiCharge.Energy, WattHoursPerKwh);
        // Charging and parking have one step together, and where both are priced it is that of the parking.
        Step(lines.Exists(line => line.Charge == OcpiCharge.Parking) ? OcpiCharge.Parking : OcpiCharge.Time,
            SecondsPerHour);
        Step(OcpiCharge.Reservation, SecondsPerHour);
        return stepped;

        void Step(OcpiCharge charge, long perUnit)
        {
            var at = stepped.FindLastIndex(line => line.Charge == charge && !line.IsFee);
            if (at < 0 || stepped[at] is not { Component.StepSize: > 0 } last) return;
            var used = stepped.Where(line => line.Charge == charge && !line.IsFee)
                .Aggregate(Fraction.Zero, (sum, line) => sum + line.Quantity);
            // What went back to the grid is no consumption that could be rounded up.
            if (used <= Fraction.Zero) return;
            var step = new Fraction(last.Component.StepSize, perUnit);
            var counted = perUnit != SecondsPerHour ? used
                : new Fraction(BigInteger.Max(BigInteger.One, (used * perUnit).Round()), perUnit);
            var added = new Fraction((counted / step).Ceiling(), 1) * step - used;
            stepped[at] = last with { Quantity = last.Quantity + added, Stepped = added };
        }
    }

    private static OcpiPricedLine Priced(Used of)
    {
        var stated = Fraction.Of(of.Component.Price) * of.Quantity;
        var factor = Fraction.Of(1m + (of.Component.VatPercent ?? 0m) / 100m);
        var (without, with) = of.Tariff.Taxes switch
        {
            // Which tax an inclusive price holds is known only where it is stated.
            OcpiTaxes.Included => (of.Component.VatPercent is null ? (Fraction?)null : stated / factor, stated),
            OcpiTaxes.None => (stated, stated),
            _ => (stated, stated * factor),
        };
        return new(of.Tariff, of.Charge, of.Period, of.Element, of.Component, of.Quantity, of.Stepped, without, with);
    }
}
