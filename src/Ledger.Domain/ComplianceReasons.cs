using System.Globalization;
using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>The reasons of a verdict in plain words, in the order in which they decide.</summary>
internal static class ComplianceReasons
{
    /// <summary>What was neither proven nor disproven, because the measurement is not fine enough.</summary>
    public const string WithinUncertainty = "within the measurement's uncertainty";

    /// <summary>What nobody said or sent anything of.</summary>
    public const string Silent = "silent: no message and no data";

    private const string NoData = "no data for ";

    /// <summary>Whether a reason says that nothing came of some time, which is none while that time is to come.
    /// </summary>
    public static bool IsOfMissingData(string reason) =>
        reason == Silent || reason.StartsWith(NoData, StringComparison.Ordinal);

    public static IEnumerable<string> Of(
        DispatchInstructed order, Instant? withdrawnAt, Interval window, TargetVerdict result,
        IReadOnlyList<IntervalRecorded> latest, IReadOnlyList<JudgedPeriod> judged, IReadOnlyList<Excuse> excuses,
        IReadOnlyList<Contradicted> contradicted, bool silent)
    {
        if (withdrawnAt is { } at && at < order.Period.End)
            yield return $"withdrawn at {at}, " + (at <= order.Period.Start ? "before it began" : "judged until then");
        if (window.Duration == Duration.Zero)
        {
            if (withdrawnAt is null) yield return "the ramp allowance leaves no time to judge";
            yield break;
        }
        if (result.Excess > Energy.Zero) yield return $"imported {result.Excess} above cap and tolerance";
        if (result.Deficiency > Energy.Zero)
            yield return $"exported {result.Deficiency} less than ordered" +
                (result.DeficiencyExcused > Energy.Zero
                    ? $", of which recorded facts excuse {result.DeficiencyExcused}"
                    : "");
        if (judged.Where(period => period.Doubtful && period.Beside == Energy.Zero).ToList() is { Count: > 0 } doubtful)
            yield return $"{WithinUncertainty} of "
                + doubtful.Aggregate(Energy.Zero, (sum, period) => sum + period.Uncertainty);
        if (judged.Where(period => period.Doubtful && period.Beside > Energy.Zero).ToList() is { Count: > 0 } reaching)
            yield return $"of {reaching.Aggregate(Energy.Zero, (sum, period) => sum + period.Beside)} the records do "
                + "not say whether it flowed in the judged time or beside it";
        foreach (var reason in Missing(window, latest, silent)) yield return reason;
        foreach (var excuse in excuses)
            yield return $"recorded by {excuse.Source}: {Words(excuse.Reason)}"
                + (excuse.Limit is { } limit ? $" of {limit}" : "")
                + $" from {excuse.Period.Start} to {excuse.Period.End}";
        foreach (var (said, from) in contradicted)
            yield return $"{said.Source} said: {Words(said.Reason)} from {said.Period.Start} to {said.Period.End}; "
                + $"the meter shows energy from {from} on";
    }

    /// <summary>A claim of a reason that a fact supports is no longer alone; any other improves nothing.</summary>
    public static IEnumerable<string> Claims(
        IEnumerable<ReasonClaimed> claims, IReadOnlyList<ShortfallReason> supported) => claims
        .Select(claim => supported.Contains(claim.Reason)
            ? $"claimed by {claim.ClaimedBy}, as recorded facts say: {Words(claim.Reason)}"
            : $"claimed by {claim.ClaimedBy} without evidence: {Words(claim.Reason)}")
        .Distinct().Order(StringComparer.Ordinal);

    // What is suspect, missing or not measured counts as it must, and is said with its own reason.
    private static IEnumerable<string> Missing(Interval window, IReadOnlyList<IntervalRecorded> latest, bool silent)
    {
        var doubts = latest
            .Where(record => record.Quality is not (ReadingQuality.Measured or ReadingQuality.MeasuredSigned))
            .GroupBy(Doubt).OrderBy(group => group.Key, StringComparer.Ordinal);
        foreach (var group in doubts)
            yield return $"{Seconds(Length(Inside(group.Select(record => record.Period), window)))} of "
                + $"{Seconds(window.Duration)} {group.Key}";
        var proving = latest.Where(Compliance.Proves).SelectMany(record => record.Gaps).Select(gap => gap.Missing);
        List<Interval> absent =
            [.. Without([window], latest.Select(record => record.Period)), .. Inside(proving, window)];
        if (silent) yield return Silent;
        else if (absent.Count > 0) yield return $"{NoData}{Seconds(Length(absent))} of {Seconds(window.Duration)}";
    }

    private static string Doubt(IntervalRecorded record) => record.Quality switch
    {
        ReadingQuality.Suspect => "is suspect: " + Suspicion(record),
        ReadingQuality.Missing => "is recorded as missing",
        ReadingQuality.Estimated => "is estimated, not measured",
        _ => "is substituted, not measured",
    };

    private static string Suspicion(IntervalRecorded record) =>
        Math.Abs(record.ClockOffsetMicroseconds) > Limits.ClockSkewMs * 1000L
            ? string.Create(CultureInfo.InvariantCulture,
                $"clock {Math.Abs(record.ClockOffsetMicroseconds) / 1_000_000m:0.######} s off")
            : record.Reason ?? "no reason recorded";

    private static string Words(ShortfallReason reason) => reason switch
    {
        ShortfallReason.NoVehicle => "no vehicle",
        ShortfallReason.StateOfChargeFloor => "state-of-charge floor",
        ShortfallReason.Safety => "safety",
        ShortfallReason.VehicleLimit => "vehicle limit",
        _ => "fault",
    };

    private static string Seconds(Duration time) => string.Create(CultureInfo.InvariantCulture,
        $"{(decimal)time.ToInt64Nanoseconds() / 1_000_000_000m:0.#########} s");
}
