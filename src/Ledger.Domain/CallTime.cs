using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A call as it reads at an instant. Verdicts follow from facts alone and have no clock, so of time to come they say
/// what they would say if nothing more came: unproven and silent. Whoever reads them while the call is not over is told
/// that, by a word of its own. What is proven stays: a breach cannot be undone, and an order that is kept with all its
/// records is kept. An excuse may end, because the next vehicle may come, so an excused target is not over either.
/// </summary>
public static class CallTime
{
    /// <summary>The word, where there is no verdict to say it.</summary>
    public const string NotOverYet = "not over yet";

    /// <summary>The judged time: from the end of the ramp until the end, or the withdrawal. Empty where that leaves
    /// none.</summary>
    public static Interval Judged(Interval period, long rampAllowanceMs, Instant? withdrawnAt)
    {
        var end = Instant.Min(withdrawnAt ?? period.End, period.End);
        return new(Instant.Min(period.Start + Duration.FromMilliseconds(rampAllowanceMs), end), end);
    }

    /// <summary>Whether some of the judged time is to come at an instant. Where there is none to judge, nothing is.
    /// </summary>
    public static bool IsNotOver(Interval judged, Instant at) => judged.Start < judged.End && at < judged.End;

    /// <summary>A target's verdict while the call is not over.</summary>
    public static ComplianceVerdict Reading(ComplianceVerdict verdict) =>
        verdict is ComplianceVerdict.Unproven or ComplianceVerdict.Excused ? ComplianceVerdict.NotOverYet : verdict;

    /// <summary>The tally of such verdicts.</summary>
    public static VerdictTally Reading(VerdictTally tally) => tally with { Excused = 0, Unproven = 0 };

    /// <summary>A target's reasons while the call is not over: nobody is silent, and no data is missing, of what is to
    /// come. Whether the instruction has arrived is known before.</summary>
    public static IReadOnlyList<string> Reading(IReadOnlyList<string> reasons, Interval judged) =>
    [
        $"{NotOverYet}: it ends at {judged.End}",
        .. reasons.Where(reason => !ComplianceReasons.IsOfMissingData(reason)),
        .. reasons.Contains(ComplianceReasons.Silent) ? [ComplianceReach.NoClock] : Array.Empty<string>(),
    ];

    /// <summary>The judged time without data that has passed.</summary>
    public static Duration Unmeasured(Duration unmeasured, Interval judged, Instant at) =>
        Duration.Max(Duration.Zero, unmeasured - (judged.End - Instant.Max(judged.Start, at)));
}
