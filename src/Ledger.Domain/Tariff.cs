using NodaTime;

namespace Ledger.Domain;

/// <summary>The five periods of a Chinese time-of-use tariff; other markets use a subset.</summary>
public enum TariffPeriod { SharpPeak = 1, Peak = 2, Flat = 3, Valley = 4, DeepValley = 5 }

/// <summary>A class of day: rules for a holiday come before those for a weekday class.</summary>
public enum DayClass { Weekday = 1, Weekend = 2, Holiday = 3 }

/// <summary>In these months, on these days, from one local time to another (half-open; <c>null</c> end is midnight),
/// this period holds.</summary>
public sealed record TariffRule(
    IReadOnlyList<int> Months, IReadOnlyList<DayClass> Days, LocalTime From, LocalTime? To, TariffPeriod Period);

/// <summary>Price of one tariff period, per kWh, before tax; import and export apart.</summary>
public sealed record TariffPrice(TariffPeriod Period, decimal ImportPerKwh, decimal ExportPerKwh);

/// <summary>A version of a tariff, valid from its valid time. The first rule that matches wins.</summary>
/// <param name="Terms">Demand charges, tiers, fees, tax and the like; null where it is a price per period and no
/// more.</param>
public sealed record TariffPublished(
    TariffId Tariff, int Version, string Currency, string Zone, IReadOnlyList<TariffRule> Rules,
    IReadOnlyList<TariffPrice> Prices, IReadOnlyList<LocalDate> Holidays, int EnergyDecimals,
    int MoneyDecimals, TariffTerms? Terms = null) : LedgerEvent;

/// <summary>
/// Which tariff period holds when, in the tariff's own zone and local time: month, then day class (a holiday before
/// the weekday class), then local time; the first rule that matches wins.
/// </summary>
public static class TariffCalendar
{
    /// <summary>A holiday is a holiday whatever its weekday; Saturday and Sunday are weekend.</summary>
    public static DayClass ClassOf(TariffPublished tariff, LocalDate day) =>
        tariff.Holidays.Contains(day) ? DayClass.Holiday
        : day.DayOfWeek is IsoDayOfWeek.Saturday or IsoDayOfWeek.Sunday ? DayClass.Weekend
        : DayClass.Weekday;

    /// <summary>The period at a local time; null where no rule covers it,
    /// which is never read as a free period.</summary>
    public static TariffPeriod? PeriodAt(TariffPublished tariff, LocalDateTime at) =>
        Lookup(tariff, at.Month, ClassOf(tariff, at.Date), at.TimeOfDay);

    public static TariffPeriod? PeriodAt(TariffPublished tariff, DateTimeZone zone, Instant at) =>
        PeriodAt(tariff, at.InZone(zone).LocalDateTime);

    /// <summary>The price per kWh of a period in one direction; null where the tariff names none.</summary>
    public static decimal? Price(TariffPublished tariff, TariffPeriod period, Direction direction)
    {
        foreach (var price in tariff.Prices)
            if (price.Period == period) return direction == Direction.Import ? price.ImportPerKwh : price.ExportPerKwh;
        return null;
    }

    /// <summary>
    /// The instants strictly inside the interval where the tariff period changes. Energy metered across such an edge
    /// has no single price; it must be divided by a curve, never by priority of periods.
    /// </summary>
    public static IReadOnlyList<Instant> EdgesWithin(TariffPublished tariff, DateTimeZone zone, Interval interval)
    {
        if (HasNoBoundary(tariff, zone, interval)) return [];
        var edges = new List<Instant>();
        var holds = PeriodAt(tariff, zone, interval.Start);
        foreach (var at in Candidates(tariff, zone, interval))
        {
            var next = PeriodAt(tariff, zone, at);
            if (next != holds) edges.Add(at);
            holds = next;
        }

        return edges;
    }

    /// <summary>
    /// Null where every month, day class and time of day has a period and every used period a price; else what is
    /// missing first.
    /// </summary>
    public static string? Incompleteness(TariffPublished tariff)
    {
        var starts = tariff.Rules.Concat(tariff.Terms?.ExportRules ?? []).SelectMany(Boundaries)
            .Append(LocalTime.Midnight).Distinct().Order().ToList();
        foreach (var month in Enumerable.Range(1, 12))
            foreach (var day in Enum.GetValues<DayClass>())
                foreach (var from in starts)
                {
                    if (Lookup(tariff, month, day, from) is not { } period)
                        return $"no period in month {month} on {day} from {from:HH:mm}";
                    if (Unpriced(tariff, month, period, Direction.Import) is { } unpriced) return unpriced;
                    if (Lookup(EnergyPrices.CalendarOf(tariff, Direction.Export), month, day, from) is not { } exported)
                        return $"no period of export in month {month} on {day} from {from:HH:mm}";
                    if (Unpriced(tariff, month, exported, Direction.Export) is { } without) return without;
                }

        return tariff.Terms?.DemandCharges.Select(Unpriced).FirstOrDefault(unpriced => unpriced is not null);
    }

    private static string? Unpriced(TariffPublished tariff, int month, TariffPeriod period, Direction direction) =>
        EnergyPrices.Of(tariff, month, period, direction) is not { } price
            ? direction == Direction.Import ? $"no price for {period}" : $"no export price for {period}"
        : price.Tiers[^1].UpTo is not null ? $"no price above the last tier of {period}" : null;

    private static string? Unpriced(DemandCharge charge)
    {
        foreach (var month in charge.Windows.SelectMany(window => window.Months).Distinct().Order())
            if (charge.Prices.FirstOrDefault(price => price.Months.Contains(month)) is not { } priced)
                return $"no price for {charge.Name} in month {month}";
            else if (priced.Tiers[^1].UpTo is not null) return $"no price above the last tier of {charge.Name}";
        return null;
    }

    private static TariffPeriod? Lookup(TariffPublished tariff, int month, DayClass day, LocalTime at)
    {
        foreach (var rule in tariff.Rules)
            if (at >= rule.From && (rule.To is not { } to || at < to) && rule.Months.Contains(month)
                && rule.Days.Contains(day)) return rule.Period;
        return null;
    }

    /// <summary>Whether nothing at which a rule may begin or end lies inside: what is so of nearly all settlement
    /// periods, and is seen without listing anything. False says nothing.</summary>
    private static bool HasNoBoundary(TariffPublished tariff, DateTimeZone zone, Interval interval)
    {
        var (start, end) = (interval.Start.InZone(zone).LocalDateTime, interval.End.InZone(zone).LocalDateTime);
        var clock = zone.GetZoneInterval(interval.Start);
        if ((start.Date != end.Date && end.TimeOfDay != LocalTime.Midnight) || interval.Duration >= Duration.FromDays(1)
            || (clock.HasEnd && clock.End <= interval.End)) return false;
        var until = end.Date == start.Date ? end.TimeOfDay : LocalTime.MaxValue;
        foreach (var rule in tariff.Rules)
            if ((rule.From > start.TimeOfDay && rule.From < until)
                || (rule.To is { } to && to > start.TimeOfDay && to < until)) return false;
        return true;
    }

    private static IEnumerable<LocalTime> Boundaries(TariffRule rule) =>
        rule.To is { } to ? [rule.From, to] : [rule.From];

    private static IEnumerable<Instant> Candidates(TariffPublished tariff, DateTimeZone zone, Interval interval)
    {
        var times = tariff.Rules.SelectMany(Boundaries).Append(LocalTime.Midnight).Distinct().ToList();
        var instants = new SortedSet<Instant>();
        var last = interval.End.InZone(zone).Date;
        for (var day = interval.Start.InZone(zone).Date; day <= last; day = day.PlusDays(1))
            foreach (var time in times)
            {
                // A local time can come twice where a clock goes back, and not at all where it goes forward.
                var mapping = zone.MapLocal(day + time);
                if (mapping.Count == 0) continue;
                instants.Add(mapping.First().ToInstant());
                instants.Add(mapping.Last().ToInstant());
            }

        foreach (var stretch in zone.GetZoneIntervals(interval))
            if (stretch.HasStart) instants.Add(stretch.Start);
        return instants.Where(at => at > interval.Start && at < interval.End);
    }
}

/// <summary>The published versions of one tariff, with the instant from which each holds.</summary>
public sealed record TariffState(IReadOnlyList<(Instant From, TariffPublished Tariff)> Published)
{
    public static readonly TariffState Empty = new([]);
}

/// <summary>When a tariff may be published.</summary>
public static class Tariffs
{
    /// <summary>The market's quantum of 1 Wh.</summary>
    private const int TermsEnergyDecimalsMin = 3;

    /// <summary>Guards in order of their codes: range and terms, time, version, zone, completeness. What is recorded
    /// with terms and fewer decimals of energy than a new version may have is known all the same.</summary>
    public static Decision Decide(TariffState state, TariffPublished tariff, Instant validFrom, EvidenceKey evidence)
    {
        if (tariff.MoneyDecimals is < 0 or > 8 || tariff.EnergyDecimals is < 0 or > 9 || tariff.Version < 1)
            return new Decision.Rejected(Rejection.OutOfRange,
                "decimals of money 0 to 8, of energy 0 to 9; version 1 up");
        if (tariff.Terms is { } terms && Unfit(tariff, terms) is { } unfit)
            return new Decision.Rejected(Rejection.OutOfRange, unfit);
        if (tariff.Rules.Any(rule => rule.To is { } to && to <= rule.From))
            return new Decision.Rejected(Rejection.InvalidTime, "a rule ends after it begins; null is midnight");
        if (state.Published.FirstOrDefault(earlier => earlier.Tariff.Version == tariff.Version) is
            { Tariff: { } known, From: var from })
            return PublishedVersions.Again(tariff.Version, Same(known, tariff), from, validFrom);
        // Lines are of a day's energy and charges of a month's, each in whole steps: of coarse ones it would be seen.
        if (tariff.Terms is not null && tariff.EnergyDecimals < TermsEnergyDecimalsMin)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a tariff with terms has at least {TermsEnergyDecimalsMin} decimals of energy: energyDecimals is "
                + $"{tariff.EnergyDecimals}");
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(tariff.Zone) is null)
            return new Decision.Rejected(Rejection.UnknownZone, $"no time zone is named '{tariff.Zone}'");
        return TariffCalendar.Incompleteness(tariff) is { } missing
            ? new Decision.Rejected(Rejection.TariffIncomplete, missing)
            : new Decision.Accepted(NewFact.At(tariff, validFrom, evidence));
    }

    public static TariffState Evolve(TariffState state, LedgerEvent happened, Instant from) =>
        happened is TariffPublished tariff ? new([.. state.Published, (from, tariff)]) : state;

    private static string? Unfit(TariffPublished tariff, TariffTerms terms) =>
        tariff.Prices.Any(price =>
            !TariffCoherence.Fits(price.ImportPerKwh) || !TariffCoherence.Fits(price.ExportPerKwh))
            ? TariffCoherence.NumberRule
            : TariffCoherence.Incoherence(terms) ?? TariffCoherence.Unsettled(terms);

    // Lists are compared by what they hold.
    private static bool Same(TariffPublished a, TariffPublished b) =>
        a with { Rules = b.Rules, Prices = b.Prices, Holidays = b.Holidays, Terms = b.Terms } == b
        && (a.Terms is null || b.Terms is null ? a.Terms == b.Terms : a.Terms.Says(b.Terms))
        && a.Prices.SequenceEqual(b.Prices) && a.Holidays.SequenceEqual(b.Holidays)
        && a.Rules.Count == b.Rules.Count && a.Rules.Zip(b.Rules).All(pair => Same(pair.First, pair.Second));

    private static bool Same(TariffRule a, TariffRule b) =>
        a with { Months = b.Months, Days = b.Days } == b && a.Months.SequenceEqual(b.Months)
            && a.Days.SequenceEqual(b.Days);
}
