using NodaTime;

namespace Ledger.Domain;

/// <summary>What a price component prices (OCPI 2.3.0, 11.4.5): kWh, hours of charging, hours of standing, a fee.
/// </summary>
public enum OcpiDimension { Energy = 1, Time = 2, ParkingTime = 3, Flat = 4 }

/// <summary>Whether an element prices a reservation that was used, or one that expired (11.4.3).</summary>
public enum OcpiReservation { Reservation = 1, ReservationExpires = 2 }

/// <summary>Whether the prices of a tariff include taxes (11.4.7); 2.1.1 and 2.2.1 have only prices without.</summary>
public enum OcpiTaxes { Excluded = 1, Included = 2, None = 3 }

/// <summary>A price of one dimension (11.4.2).</summary>
/// <param name="Price">Per kWh, per hour, or once; in the tariff's currency.</param>
/// <param name="VatPercent">Null where none is stated, which means none.</param>
/// <param name="StepSize">In Wh or s; the sum of a session is billed in whole steps. 0 and 1 of what is whole already
/// change nothing.</param>
public sealed record OcpiPriceComponent(OcpiDimension Dimension, decimal Price, decimal? VatPercent, int StepSize);

/// <summary>When an element holds: all that are stated must (11.4.6). Local times are those of the location.</summary>
public sealed record OcpiRestrictions
{
    public LocalTime? StartTime { get; init; }
    /// <summary>Exclusive; 00:00 is the end of the day, and an earlier time than the start is of the next day.
    /// </summary>
    public LocalTime? EndTime { get; init; }
    public LocalDate? StartDate { get; init; }
    /// <summary>Exclusive.</summary>
    public LocalDate? EndDate { get; init; }
    /// <summary>Inclusive, and the greatest exclusive, as of every pair here; kWh of the session so far.</summary>
    public decimal? MinKwh { get; init; }
    public decimal? MaxKwh { get; init; }
    /// <summary>Amperes over all phases.</summary>
    public decimal? MinCurrent { get; init; }
    public decimal? MaxCurrent { get; init; }
    /// <summary>kW.</summary>
    public decimal? MinPower { get; init; }
    public decimal? MaxPower { get; init; }
    /// <summary>Seconds since the session began, its reservation not counted.</summary>
    public int? MinDurationSeconds { get; init; }
    public int? MaxDurationSeconds { get; init; }
    /// <summary>Empty: every day.</summary>
    public IReadOnlyList<IsoDayOfWeek> DaysOfWeek { get; init; } = [];
    public OcpiReservation? Reservation { get; init; }

    /// <summary>Whether they can only be judged in the location's local time.</summary>
    public bool NeedLocalTime =>
        StartTime is not null || EndTime is not null || StartDate is not null || EndDate is not null
            || DaysOfWeek.Count > 0;
}

/// <summary>Prices that hold under the same restrictions (11.4.4); none: always.</summary>
public sealed record OcpiTariffElement(
    IReadOnlyList<OcpiPriceComponent> Components, OcpiRestrictions? Restrictions);

/// <summary>The least or most that a session costs, without and with taxes; each binds by itself (11.3.1).</summary>
public sealed record OcpiPriceLimit(decimal WithoutTax, decimal? WithTax);

/// <summary>A tariff as OCPI 2.1.1, 2.2.1 and 2.3.0 exchange it (module Tariffs).</summary>
public sealed record OcpiTariff(
    string Id, string Currency, IReadOnlyList<OcpiTariffElement> Elements, OcpiPriceLimit? MinPrice,
    OcpiPriceLimit? MaxPrice, OcpiTaxes Taxes)
{
    /// <summary>From when on it is valid; null where it always was.</summary>
    public Instant? From { get; init; }

    /// <summary>Until when, exclusive; null where no end is known.</summary>
    public Instant? Until { get; init; }

    /// <summary>Whether it can only be applied where the location's time zone is known.</summary>
    public bool NeedsLocalTime => Elements.Any(element => element.Restrictions?.NeedLocalTime == true);

    /// <summary>The component of a dimension that holds at a moment: the first one in the list of elements.</summary>
    /// <param name="reservation">Null for what is charged; else only elements that price such a reservation.</param>
    public (int Element, OcpiPriceComponent Component)? Active(
        OcpiDimension dimension, OcpiMoment moment, OcpiReservation? reservation)
    {
        for (var i = 0; i < Elements.Count; i++)
        {
            var restrictions = Elements[i].Restrictions;
            if (restrictions?.Reservation != reservation) continue;
            if (Elements[i].Components.FirstOrDefault(component => component.Dimension == dimension) is not { } priced)
                continue;
            if (restrictions is null || moment.Meets(restrictions)) return (i, priced);
        }
        return null;
    }

    /// <summary>Whether a current or power that the record does not state decides which component of a dimension holds
    /// at a moment.</summary>
    public bool DependsOnUnstated(OcpiDimension dimension, OcpiMoment moment) =>
        Before(dimension, moment).Any(moment.MeetsAsFarAsStated);

    /// <summary>Whether another component than at the start may hold later in a period, also where it holds no longer
    /// as the period ends.</summary>
    public bool MayChange(OcpiDimension dimension, OcpiMoment start, OcpiMoment last) =>
        Active(dimension, start, null)?.Element != Active(dimension, last, null)?.Element
        || Before(dimension, start).Any(restrictions => start.MayMeetUntil(last, restrictions));

    /// <summary>The restrictions of the elements that come before the active one, and do not hold.</summary>
    private IEnumerable<OcpiRestrictions> Before(OcpiDimension dimension, OcpiMoment moment) =>
        Elements.Take(Active(dimension, moment, null)?.Element ?? Elements.Count)
            .Where(element => element.Restrictions is { Reservation: null }
                && element.Components.Any(component => component.Dimension == dimension))
            .Select(element => element.Restrictions!);
}

/// <summary>A moment of a session, as restrictions are judged by: once at the start of each charging period.</summary>
/// <param name="Local">Null where the zone of the location is not known.</param>
/// <param name="Kwh">Of the session so far.</param>
/// <param name="Elapsed">Since the session began.</param>
/// <param name="Period">The period that begins, with its currents and powers.</param>
public sealed record OcpiMoment(LocalDateTime? Local, decimal Kwh, Duration Elapsed, OcpiPeriod Period)
{
    /// <summary>
    /// A least current or power is met where the period's own least one is at or above it, a greatest where its
    /// greatest is below it; where the record states only one of them, that one is all that is known of both. What a
    /// record does not state at all meets nothing.
    /// </summary>
    public bool Meets(OcpiRestrictions of) =>
        (!of.NeedLocalTime || (Local is { } local && Meets(of, local)))
        && AtLeast(of.MinKwh, Kwh) && Below(of.MaxKwh, Kwh)
        && AtLeast(of.MinCurrent, Period.MinCurrent ?? Period.MaxCurrent)
        && Below(of.MaxCurrent, Period.MaxCurrent ?? Period.MinCurrent)
        && AtLeast(of.MinPower, Period.MinPower ?? Period.MaxPower)
        && Below(of.MaxPower, Period.MaxPower ?? Period.MinPower)
        && (of.MinDurationSeconds is not { } shortest || Elapsed >= Duration.FromSeconds(shortest))
        && (of.MaxDurationSeconds is not { } longest || Elapsed < Duration.FromSeconds(longest));

    /// <summary>The same where a current or power that the record does not state at all may be any.</summary>
    public bool MeetsAsFarAsStated(OcpiRestrictions of)
    {
        var (current, power) = (Period.MinCurrent ?? Period.MaxCurrent, Period.MinPower ?? Period.MaxPower);
        return Meets(of with
        {
            MinCurrent = current is null ? null : of.MinCurrent,
            MaxCurrent = current is null ? null : of.MaxCurrent,
            MinPower = power is null ? null : of.MinPower,
            MaxPower = power is null ? null : of.MaxPower,
        });
    }

    /// <summary>Whether restrictions may be met at some moment from this one until another of the period: each of its
    /// quantities takes the least value in between that they allow, and what is not stated any.</summary>
    public bool MayMeetUntil(OcpiMoment last, OcpiRestrictions of)
    {
        var (least, most) = (Math.Min(Kwh, last.Kwh), Math.Max(Kwh, last.Kwh));
        var reached = this with
        {
            Kwh = Math.Clamp(of.MinKwh ?? least, least, most),
            Elapsed = Duration.Min(last.Elapsed,
                Duration.Max(Elapsed, Duration.FromSeconds(of.MinDurationSeconds ?? 0))),
        };
        return reached.MeetsAsFarAsStated(of)
            || Begins(of, last.Local).Any(local => (reached with { Local = local }).MeetsAsFarAsStated(of));
    }

    /// <summary>Local times until another at which restrictions may begin to be met.</summary>
    private IEnumerable<LocalDateTime> Begins(OcpiRestrictions of, LocalDateTime? until)
    {
        if (Local is not { } from) return [];
        LocalDateTime[] begins =
        [
            from.Date + (of.StartTime ?? LocalTime.Midnight), from.Date.PlusDays(1) + LocalTime.Midnight,
            from.Date.PlusDays(1) + (of.StartTime ?? LocalTime.Midnight),
        ];
        return begins.Where(local => local > from && local <= until);
    }

    private static bool Meets(OcpiRestrictions of, LocalDateTime local)
    {
        if (of.DaysOfWeek.Count > 0 && !of.DaysOfWeek.Contains(local.DayOfWeek)) return false;
        if (local.Date < of.StartDate || local.Date >= of.EndDate) return false;
        var (time, start) = (local.TimeOfDay, of.StartTime ?? LocalTime.Midnight);
        var end = of.EndTime is { } stated && stated != LocalTime.Midnight ? stated : (LocalTime?)null;
        return end is not { } until ? time >= start
            : start < until ? time >= start && time < until
            : time >= start || time < until;
    }

    private static bool AtLeast(decimal? least, decimal? value) => least is null || value >= least;
    private static bool Below(decimal? most, decimal? value) => most is null || value < most;
}

/// <summary>
/// A charging period of a record, until the next one begins (module CDRs, ChargingPeriod). Null is not stated.
/// </summary>
/// <param name="EnergyKwh">Below zero where more went back to the grid than came from it.</param>
/// <param name="TimeHours">Charging.</param>
/// <param name="ParkingHours">Connected, and asking for no power.</param>
/// <param name="ReservationHours">Reserved, and not yet in use.</param>
/// <param name="TariffId">The tariff that is relevant; where no period of a record names one, one holds for
/// all.</param>
public sealed record OcpiPeriod(
    Instant Start, decimal? EnergyKwh, decimal? TimeHours, decimal? ParkingHours, decimal? ReservationHours,
    decimal? MinCurrent, decimal? MaxCurrent, decimal? MinPower, decimal? MaxPower, string? TariffId)
{
    /// <summary>Whether its time may be charging as well as parking, whichever is stated: of a session of the ledger's
    /// own, of which nobody knows it. No record says so.</summary>
    public bool IsEither { get; init; }

    /// <summary>Whether more than nothing is stated beside a reservation.</summary>
    public bool IsUsed => EnergyKwh is not (null or 0) || TimeHours > 0 || ParkingHours > 0;
}

/// <summary>What of a record is priced: its periods in order, and when it ended.</summary>
/// <param name="Zone">The location's, which OCPI keeps beside the record and not in it.</param>
public sealed record OcpiUsage(Instant End, IReadOnlyList<OcpiPeriod> Periods, DateTimeZone? Zone)
{
    /// <summary>A reservation that no session followed: nothing else was used.</summary>
    public bool Expired =>
        Periods.Any(period => period.ReservationHours > 0) && !Periods.Any(period => period.IsUsed);

    /// <summary>When the session itself began.</summary>
    public Instant Start =>
        (Periods.FirstOrDefault(period => period.ReservationHours is null or 0) ?? Periods[0]).Start;
}
