using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>Frozen baselines as they were recorded, every day with its reason.</summary>
public static class BaselineListings
{
    /// <summary>The same tables wherever baselines are shown.</summary>
    public static Page Add(this Page page, IReadOnlyList<BaselineFrozen> frozen) => page
        .Table("baselines", "frozen baselines", Targets(frozen))
        .Table("days", "days, and why each was used or not", Days(frozen))
        .Table("adjustments", "corrections by the call's own day", Adjustments(frozen))
        .Table("periods", "settlement periods, kWh", Periods(frozen))
        .Table("notes", "notes", Notes(frozen));

    private static Listing Targets(IEnumerable<BaselineFrozen> frozen) => Listing.Of(frozen,
        new("point", "point", row => row.Point.Value),
        new(null, "rule pack", row => $"{row.Pack} v{row.PackVersion}{(row.Provisional ? ", provisional" : "")}"),
        new("pack", null, row => row.Pack.Value),
        new("packVersion", null, row => row.PackVersion),
        new("provisional", null, row => row.Provisional),
        new("method", "method", row => row.Method),
        new("ruleVersion", null, row => row.RuleVersion),
        new("atPosition", "facts before", row => row.AtPosition),
        new("completedAtPosition", "completed before", row => row.CompletedAtPosition),
        new("zone", null, row => row.Zone),
        new("daysUsed", "days used", row => row.Days.Count(day => day.Used)),
        new("baselineKwh", "baseline kWh", row => row.Periods.Any(period => period.Kwh is null)
            ? null : row.Periods.Sum(period => period.Kwh)),
        new("insufficient", null, row => row.Insufficient),
        new("awaitsFrom", null, row => row.Awaits?.Start),
        new("awaitsTo", null, row => row.Awaits?.End),
        new(null, "standing", Standing),
        new("eventDays", null, row => row.EventDays.Select(day => Cell.Exact(day)).ToList()),
        new("holidays", null, row => row.Holidays.Select(day => Cell.Exact(day)).ToList()));

    private static string Standing(BaselineFrozen row) =>
        row.Awaits is { } open ? $"awaits meter values from {Cell.Shown(open.Start)} to {Cell.Shown(open.End)}"
        : row.Insufficient is { } why ? $"insufficient: {why}"
        : "frozen";

    private static Listing Days(IEnumerable<BaselineFrozen> frozen) => Listing.Of(
        frozen.SelectMany(row => row.Days.Select(day => (row.Point, Use: day))),
        new("point", "point", row => row.Point.Value),
        new("day", "day", row => row.Use.Day),
        new("used", "used", row => row.Use.Used),
        new("reason", "reason", row => row.Use.Reason));

    private static Listing Adjustments(IEnumerable<BaselineFrozen> frozen) => Listing.Of(
        frozen.Where(row => row.Adjustment.Kind != BaselineAdjustmentKind.None),
        new("point", "point", row => row.Point.Value),
        new("kind", "kind", row => row.Adjustment.Kind),
        new("applied", "applied", row => Figure(row.Adjustment.Applied)),
        new("measured", "measured", row => Figure(row.Adjustment.Measured)),
        new("least", "least", row => Figure(row.Adjustment.Least)),
        new("most", "most", row => Figure(row.Adjustment.Most)),
        new("loadRaised", "load raised", row => row.Adjustment.LoadRaised),
        new("reason", "reason", row => row.Adjustment.Reason));

    // A quotient may have 28 digits; the fact keeps them.
    private static decimal? Figure(decimal? value) =>
        value is { } exact ? Math.Round(exact, FrozenBaselines.KwhDecimals) : null;

    private static Listing Periods(IEnumerable<BaselineFrozen> frozen) => Listing.Of(
        frozen.SelectMany(row =>
            row.Periods.Select(period => (row.Point, period.Period, period.Kwh, period.UnadjustedKwh))),
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Period.Start),
        new("end", "to", row => row.Period.End),
        new("unadjustedKwh", "unadjusted", row => row.UnadjustedKwh),
        new("baselineKwh", "baseline", row => row.Kwh));

    private static Listing Notes(IEnumerable<BaselineFrozen> frozen) => Listing.Of(
        frozen.SelectMany(row => row.Notes.Select(note => (row.Point, Note: note))),
        new("point", "point", row => row.Point.Value),
        new("note", "note", row => row.Note));
}
