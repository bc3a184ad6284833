using Ledger.Domain;
using Ledger.Projections;
using static Ledger.Projections.LimitCompliance;

namespace Ledger.Cli.Listings;

/// <summary>Standing limits, and what the interval records say of them.</summary>
public static class LimitListings
{
    public static Listing Limits(IEnumerable<MasterData.LimitRow> limits) => Listing.Of(limits,
        new("point", "point", row => row.Point),
        new("kind", "kind", row => row.Kind),
        new("direction", "direction", row => row.Direction),
        new("limitKw", "limit kW", row => row.MostMilliwatts is { } most ? new Power(most) : null),
        new("steps", "steps", row => row.Steps.Select(Text).ToList()),
        new("zone", null, row => row.Zone),
        new("validFrom", "from", row => row.ValidFrom),
        new("validTo", "to", row => row.ValidTo),
        new("source", "source", row => row.Source),
        new("position", null, row => row.Position));

    private static string Text(MasterData.LimitStepRow step) => $"from {step.Daily ?? Cell.Exact(step.At)} "
        + (step.MostMilliwatts is { } most ? new Power(most).ToString() : "no limit");

    public static Listing Days(IEnumerable<DayRow> days) => Listing.Of(days,
        new("day", "day", row => row.Day),
        new("zone", null, row => row.Zone),
        new("point", "point", row => row.Point),
        new("kind", "kind", row => row.Kind),
        new("direction", "direction", row => row.Direction),
        new("verdict", "verdict", row => row.Verdict),
        new("periods", "periods", row => row.Periods),
        new("periodsAbove", "above", row => row.PeriodsAbove),
        new("periodsUnproven", "unproven", row => row.PeriodsUnproven),
        new("withoutRecords", "not recorded", row => row.WithoutRecords),
        new("secondsAboveAtLeast", "s above ≥", row => EnergyListings.Seconds(row.MicrosecondsAbove.AtLeast)),
        new("secondsAboveAtMost", "≤", row => Seconds(row.MicrosecondsAbove.AtMost)),
        new("kwhAboveAtLeast", "kWh above ≥", row => row.Above.AtLeast),
        new("kwhAboveAtMost", "≤", row => row.Above.AtMost),
        new("worstStart", null, row => row.WorstStart),
        new("worstMarginKw", null, row => row.WorstMargin),
        new("method", null, row => row.Method));

    /// <summary>Each limit over some days.</summary>
    public static Listing Totals(IEnumerable<TotalRow> totals) => Listing.Of(totals,
        new("point", "point", row => row.Point),
        new("kind", "limit", row => row.Kind),
        new("direction", "direction", row => row.Direction),
        new("days", "days", row => row.Days),
        new("periods", "periods", row => row.Periods),
        new("periodsAbove", "above", row => row.PeriodsAbove),
        new("periodsUnproven", "unproven", row => row.PeriodsUnproven),
        new("secondsAboveAtLeast", null, row => EnergyListings.Seconds(row.MicrosecondsAbove.AtLeast)),
        new("secondsAboveAtMost", null, row => Seconds(row.MicrosecondsAbove.AtMost)),
        new("kwhAboveAtLeast", "kWh above, at least", row => row.Above.AtLeast),
        new("kwhAboveAtMost", "at most", row => row.Above.AtMost),
        new("verdict", "verdict", row => row.Verdict));

    public static Listing Periods(IEnumerable<PeriodRow> periods) => Listing.Of(periods,
        [.. Measured, new("verdict", "verdict", row => row.Verdict), .. Explained]);

    /// <summary>Periods that were above their limit for certain.</summary>
    public static Listing Violations(IEnumerable<PeriodRow> periods) => Listing.Of(
        periods.Where(row => row.Verdict == LimitVerdict.Above), [.. Measured, .. Explained]);

    private static IReadOnlyList<Column<PeriodRow>> Measured { get; } =
    [
        new("point", "point", row => row.Point),
        new("kind", "limit", row => row.Kind),
        new("direction", null, row => row.Direction),
        new("start", "from", row => row.Start),
        new("end", null, row => row.End),
        new("limitKw", "limit kW", row => new Power(row.MostMilliwatts)),
        new(null, "highest kW", row => Between(row.Highest)),
        new("highestKwAtLeast", null, row => row.Highest.AtLeast),
        new("highestKwAtMost", null, row => row.Highest.AtMost),
        new(null, "demand kW", row => Between(row.Demand)),
        new("demandKwAtLeast", null, row => row.Demand.AtLeast),
        new("demandKwAtMost", null, row => row.Demand.AtMost),
        new("secondsAboveAtLeast", null, row => EnergyListings.Seconds(row.MicrosecondsAbove.AtLeast)),
        new("secondsAboveAtMost", null, row => Seconds(row.MicrosecondsAbove.AtMost)),
        new("kwhAboveAtLeast", null, row => row.Above.AtLeast),
        new("kwhAboveAtMost", null, row => row.Above.AtMost),
    ];

    private static IReadOnlyList<Column<PeriodRow>> Explained { get; } =
    [
        new("causes", "cause", row => row.Causes),
        new("method", null, row => row.Method),
    ];

    /// <summary>A figure where the bounds meet, as it is shown, else both of them.</summary>
    private static object Between(Bounds<Power> bounds) =>
        bounds.AtMost is { } same && Cell.Rounded(same) == Cell.Rounded(bounds.AtLeast) ? bounds.AtLeast
        : bounds.AtMost is { } most ? $"{Cell.Shown(bounds.AtLeast)} to {Cell.Shown(most)}"
        : $"at least {Cell.Shown(bounds.AtLeast)}";

    private static decimal? Seconds(long? microseconds) =>
        microseconds is { } known ? EnergyListings.Seconds(known) : null;
}
