using System.Globalization;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The same-day correction of a baseline (market rules §2.1): what the event's own day metered in the windows, against
/// what the kept days metered at the same local times. The windows are looked up in the whole load, never in the rows
/// of the event, where there is nothing to find (§2.11).
/// </summary>
internal static class BaselineCorrections
{
    /// <summary>Below 1 µWh a period the kept days have no load that a ratio could be taken against.</summary>
    private const decimal LeastForRatioKwh = 0.000000001m;

    public static BaselineCorrection None(string reason) =>
        new(BaselineAdjustmentKind.None, 0m, null, null, null, reason, false);

    public static BaselineCorrection Of(
        BaselineAdjustment? rule, IReadOnlyList<LocalDate> kept, IReadOnlyList<decimal> unadjusted,
        BaselineQuestion asked, BaselineLoad load)
    {
        if (rule is null) return None("the rule has none");
        var neutral = new BaselineCorrection(rule.Kind, Neutral(rule.Kind), null, null, null, "", false);
        if (load.Periods(rule.Windows) is not { } starts)
            return neutral with { Reason = "not corrected: the time of the notice is not given" };
        if (load.IsCalled(starts))
            return neutral with { Reason = "not corrected: another call held in the window" };
        if (load.MeanAt(starts) is not { } actual)
            return neutral with { Reason = "not corrected: the event's own day is not wholly measured in the window" };
        var earlier = kept.Select(day => load.MeanOn(day, starts)).ToList();
        if (BaselineLoad.Mean(earlier) is not { } usual)
            return neutral with { Reason = "not corrected: the kept days are not wholly measured in the window" };
        if (rule.Kind == BaselineAdjustmentKind.Ratio && usual < LeastForRatioKwh)
            return neutral with { Reason = "not corrected: the kept days have no load in the window" };
        var measured = rule.Kind == BaselineAdjustmentKind.Ratio ? actual / usual : actual - usual;
        var (least, most) = Bounds(rule, unadjusted.Sum() / unadjusted.Count, asked.Period);
        var applied = Math.Max(least ?? decimal.MinValue, Math.Min(most ?? decimal.MaxValue, measured));
        return new(rule.Kind, applied, measured, least, most,
            Explain(measured, applied, actual, usual), actual > earlier.Max());
    }

    public static decimal Apply(BaselineCorrection correction, decimal value) =>
        correction.Kind == BaselineAdjustmentKind.Ratio ? value * correction.Applied : value + correction.Applied;

    private static decimal Neutral(BaselineAdjustmentKind kind) => kind == BaselineAdjustmentKind.Ratio ? 1m : 0m;

    /// <summary>Bounds of the correction in its own unit; of two the tighter one holds.</summary>
    private static (decimal? Least, decimal? Most) Bounds(BaselineAdjustment rule, decimal mean, Duration period)
    {
        var (least, most) = (rule.Least, rule.Most);
        if (rule.Kind == BaselineAdjustmentKind.Additive)
        {
            // The bounds are multiples of the baseline's size, so that they also hold where it is an export.
            least = (rule.Least - 1) * Math.Abs(mean);
            most = (rule.Most - 1) * Math.Abs(mean);
            if (rule.CapKw is { } kilowatts)
            {
                var cap = Baseline.EnergyOver(kilowatts, period);
                (least, most) = (Math.Max(least ?? -cap, -cap), Math.Min(most ?? cap, cap));
            }
        }
        var neutral = Neutral(rule.Kind);
        return (rule.PositiveOnly ? Math.Max(least ?? neutral, neutral) : least, most);
    }

    private static string Explain(decimal measured, decimal applied, decimal actual, decimal usual)
    {
        var means = string.Create(CultureInfo.InvariantCulture,
            $"in the window {actual:0.###} kWh a period, on the kept days {usual:0.###} kWh");
        return applied == measured ? means : $"{means}; held at its bound";
    }
}
