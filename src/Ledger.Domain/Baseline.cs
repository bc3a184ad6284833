using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// One earlier day as a baseline sees it. <paramref name="Kilowatts"/> has one mean power for each settlement period
/// of the event, null where nothing is measured; <paramref name="ExcludedBecause"/> names an event, outage or holiday.
/// </summary>
public sealed record BaselineDay(
    LocalDate Day, DayClass Class, IReadOnlyList<decimal?> Kilowatts, string? ExcludedBecause);

/// <summary>
/// X of Y: of the last <paramref name="Candidates"/> days of the same class, at most
/// <paramref name="LookbackDaysMax"/> days back, the <paramref name="Highest"/> with the highest mean over the event.
/// </summary>
public sealed record XOfY(int Candidates, int Highest, int LookbackDaysMax);

/// <summary>Whether a day was used, and why or why not.</summary>
public sealed record BaselineDayUse(LocalDate Day, bool Used, string Reason);

/// <summary>
/// A baseline in kW for each period, or <paramref name="Insufficient"/> saying why there is none: never a silent zero.
/// </summary>
public sealed record BaselineResult(
    string Method, IReadOnlyList<decimal>? Kilowatts, IReadOnlyList<BaselineDayUse> Days, decimal AdjustmentKw,
    string? Insufficient);

/// <summary>What would have happened without the instruction, by named and versioned methods.</summary>
public static class Baseline
{
    /// <summary>At a bidirectional connector export has a baseline of zero.</summary>
    public static BaselineResult Zero(int periods) =>
        new("zero-at-connector/1", new decimal[periods], [], 0m, null);

    /// <summary>Mean of the measured periods before the event, held constant over it.</summary>
    public static BaselineResult MeterBefore(IReadOnlyList<decimal?> beforeKw, int periods) =>
        beforeKw.Count == 0 || beforeKw.Any(value => value is null)
            ? new("meter-before/1", null, [], 0m, "a period before the event is not measured")
            : new("meter-before/1", [.. Enumerable.Repeat(beforeKw.Average()!.Value, periods)], [], 0m, null);

    /// <summary>
    /// Selects whole days, not values per period (a selection per period inflates the baseline). The additive
    /// adjustment is the same-day difference, held within ±<paramref name="adjustmentCapKw"/>.
    /// </summary>
    public static BaselineResult Select(
        XOfY rule, LocalDate eventDay, DayClass eventClass, IReadOnlyList<BaselineDay> history,
        decimal sameDayDifferenceKw = 0m, decimal? adjustmentCapKw = null)
    {
        var method = $"{rule.Highest}-of-{rule.Candidates}/1";
        var uses = new List<BaselineDayUse>();
        var candidates = new List<BaselineDay>();
        foreach (var day in history.OrderByDescending(day => day.Day))
            if (Exclusion(rule, eventDay, eventClass, day, candidates.Count) is { } reason)
                uses.Add(new(day.Day, false, reason));
            else candidates.Add(day);
        if (candidates.Count < rule.Candidates)
        {
            uses.AddRange(candidates.Select(day => new BaselineDayUse(day.Day, false, "history insufficient")));
            return new(method, null, uses, 0m, $"{candidates.Count} of {rule.Candidates} days");
        }

        // A tie is broken towards the later day, so that the choice is one and the same for every reader.
        var ranked = candidates.OrderByDescending(day => day.Kilowatts.Average())
            .ThenByDescending(day => day.Day).ToList();
        var chosen = ranked.Take(rule.Highest).ToList();
        uses.AddRange(ranked.Select((day, rank) => rank < rule.Highest
            ? new BaselineDayUse(day.Day, true, $"rank {rank + 1}")
            : new BaselineDayUse(day.Day, false, $"rank {rank + 1}, not among the highest {rule.Highest}")));
        var cap = adjustmentCapKw ?? Math.Abs(sameDayDifferenceKw);
        var adjustment = Math.Clamp(sameDayDifferenceKw, -cap, cap);
        var periods = chosen[0].Kilowatts.Count;
        var values = Enumerable.Range(0, periods)
            .Select(period => chosen.Sum(day => day.Kilowatts[period]!.Value) / chosen.Count + adjustment).ToList();
        return new(method, values, [.. uses.OrderByDescending(use => use.Day)], adjustment, null);
    }

    private static string? Exclusion(XOfY rule, LocalDate eventDay, DayClass eventClass, BaselineDay day, int found) =>
        day.Day >= eventDay ? "not before the event"
        : Period.DaysBetween(day.Day, eventDay) > rule.LookbackDaysMax ? "beyond the lookback"
        : day.Class != eventClass ? $"{day.Class}, not {eventClass}"
        : day.ExcludedBecause is { } because ? because
        : day.Kilowatts.Count == 0 || day.Kilowatts.Any(value => value is null) ? "not wholly measured"
        : found >= rule.Candidates ? "older than the candidates"
        : null;
}
