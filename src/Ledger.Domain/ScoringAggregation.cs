using NodaTime;

namespace Ledger.Domain;

/// <summary>One metered period of a call: mean powers, signed where delivered.</summary>
/// <param name="MayLackKw">What of the order may be missing without a penalty.</param>
public sealed record ScoredPeriod(Interval Period, decimal OrderedKw, decimal DeliveredKw, decimal MayLackKw = 0m);

/// <summary>
/// The level at which a rule counts (market rules §2.3): periods of one hour, event or month are summed first and then
/// scored once, so that a good quarter makes up for a bad one only where the rule lets it.
/// </summary>
public static class ScoringAggregation
{
    private const decimal SecondsPerHour = 3600m;

    // 3600 = 2⁴ · 3² · 5²: a part of it has an end as a decimal where nine divides its seconds.
    private const decimal HourPartOfSeconds = 9m;

    /// <summary>
    /// The inputs to score, in order of time, each with the interval that it covers. Kilowatts of summed periods are
    /// sums, and their hours are those of one period; all periods of a sum are equally long.
    /// </summary>
    /// <exception cref="ArgumentException">Periods that are summed are not equally long.</exception>
    public static IReadOnlyList<(Interval Covers, ScoringInput Input)> Of(
        ScoringLevel level, IEnumerable<ScoredPeriod> periods, DateTimeZone zone, ScoringPrices prices) =>
        [.. periods.OrderBy(period => period.Period.Start)
            .GroupBy(period => Key(level, period.Period.Start, zone))
            .Select(group => Sum([.. group], prices))];

    private static Instant Key(ScoringLevel level, Instant start, DateTimeZone zone) => level switch
    {
        ScoringLevel.Interval => start,
        // An hour of elapsed time: where a clock goes back, the two hours of one name stay two.
        ScoringLevel.Hour => Instant.FromUnixTimeSeconds(FloorToHour(start.InZone(zone))),
        ScoringLevel.Event => Instant.MinValue,
        ScoringLevel.Month => start.InZone(zone).Date.With(DateAdjusters.StartOfMonth).AtStartOfDayInZone(zone)
            .ToInstant(),
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };

    // The local hour begins at a whole hour of local time, also where the zone's offset is no whole hour.
    private static long FloorToHour(ZonedDateTime at) =>
        at.ToInstant().ToUnixTimeSeconds() - (at.Minute * 60) - at.Second;

    private static (Interval, ScoringInput) Sum(IReadOnlyList<ScoredPeriod> periods, ScoringPrices prices)
    {
        var length = periods[0].Period.Duration;
        if (periods.Any(period => period.Period.Duration != length))
            throw new ArgumentException("periods that are summed are equally long", nameof(periods));
        var seconds = Seconds(length);
        // 5 minutes are no decimal part of an hour. Energies over one hour give the same products as powers over 1/12.
        if (seconds % HourPartOfSeconds != 0) return SumOfEnergies(periods, seconds, prices);
        var hours = ExactDecimal.Over(seconds, SecondsPerHour);
        return (new Interval(periods[0].Period.Start, periods[^1].Period.End), new ScoringInput(
            periods.Select(period => period.OrderedKw).Aggregate(0m, ExactDecimal.Plus),
            periods.Select(period => period.DeliveredKw).Aggregate(0m, ExactDecimal.Plus),
            hours, prices, CallHours: Together(periods))
        {
            MayLackKw = periods.Select(period => period.MayLackKw).Aggregate(0m, ExactDecimal.Plus),
        });
    }

    private static (Interval, ScoringInput) SumOfEnergies(
        IReadOnlyList<ScoredPeriod> periods, decimal seconds, ScoringPrices prices)
    {
        return (new Interval(periods[0].Period.Start, periods[^1].Period.End), new ScoringInput(
            Energies(period => period.OrderedKw), Energies(period => period.DeliveredKw), 1m, prices,
            CallHours: Together(periods))
        {
            MayLackKw = Energies(period => period.MayLackKw),
        });

        decimal Energies(Func<ScoredPeriod, decimal> power) => ExactDecimal.Over(
            ExactDecimal.Times(periods.Select(power).Aggregate(0m, ExactDecimal.Plus), seconds), SecondsPerHour);
    }

    private static Fraction Together(IReadOnlyList<ScoredPeriod> periods) => new(
        (System.Numerics.BigInteger)periods[0].Period.Duration.ToInt64Nanoseconds() * periods.Count,
        NodaConstants.NanosecondsPerHour);

    private static decimal Seconds(Duration duration) =>
        ExactDecimal.Trimmed((decimal)duration.ToInt64Nanoseconds() / NodaConstants.NanosecondsPerSecond);
}
