namespace Ledger.Domain;

/// <summary>
/// Mean powers of one settlement period, positive when importing; null where nobody measured or recorded it.
/// <paramref name="Requested"/> is what the vehicles asked of the connectors,
/// <paramref name="Connectors"/> what they had.
/// </summary>
public sealed record PeakPeriod(Power Grid, Power? Discharge, Power? Charge, Power? Connectors, Power? Requested);

/// <summary>The highest mean of the periods, and the first period that has it, counted from 0.</summary>
public sealed record Peak(Power Highest, int Period);

/// <summary>
/// A peak that was not, by a named method, and how far the measured one lies below it (negative: above). Where a period
/// lacks what the method needs there is no peak, and <paramref name="MissingIn"/> is the first such period.
/// </summary>
public sealed record CounterfactualPeak(string Method, Peak? Highest, Power? Shaved, int? MissingIn);

/// <summary>The measured peak beside what it would have been without storage and without management.</summary>
public sealed record PeakComparison(Peak Measured, CounterfactualPeak WithoutStorage,
    CounterfactualPeak WithoutManagement);

/// <summary>
/// Peak shaving: the measured peak of the grid connection against two counterfactuals, never against a guess. Their
/// methods answer different questions, so both are shown and neither is added to the other.
/// </summary>
public static class PeakShaving
{
    /// <summary>Storage is taken away; everything else stays as it was measured.</summary>
    public const string WithoutStorageMethod = "grid + storage discharge - storage charge, per period";

    /// <summary>Every connector has what was asked of it; the rest of the site, storage included,
    /// stays as measured.</summary>
    public const string WithoutManagementMethod = "grid - connectors + requested power of the connectors, per period";

    public static PeakComparison Compare(IReadOnlyList<PeakPeriod> periods)
    {
        ArgumentOutOfRangeException.ThrowIfZero(periods.Count, nameof(periods));
        var measured = Highest([.. periods.Select(period => period.Grid)]);
        return new(measured,
            Without(WithoutStorageMethod, measured,
                [.. periods.Select(period => period.Grid + period.Discharge - period.Charge)]),
            Without(WithoutManagementMethod, measured,
                [.. periods.Select(period => period.Grid - period.Connectors + period.Requested)]));
    }

    private static CounterfactualPeak Without(string method, Peak measured, Power?[] means)
    {
        var missing = Array.FindIndex(means, mean => mean is null);
        if (missing >= 0) return new(method, null, null, missing);
        var peak = Highest([.. means.Select(mean => mean!.Value)]);
        return new(method, peak, peak.Highest - measured.Highest, null);
    }

    private static Peak Highest(Power[] means)
    {
        var highest = means.Max();
        return new(highest, Array.IndexOf(means, highest));
    }
}
