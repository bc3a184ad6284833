using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A declared schedule as the baseline (market rules §2.1, proposal c; the thresholds of PJM and AEMO are RRMSE ≤ 20 %
/// and |bias| ≤ 4 %). It counts only while it has been good: measured over the whole of the earlier days for which
/// there are both a declaration and meter values, without event days, outages and holes.
/// </summary>
internal static class BaselineDeclared
{
    public static BaselineResult Of(BaselineRule rule, BaselineQuestion asked, BaselineLoad load)
    {
        var gate = rule.Gate!;
        var declared = asked.DeclaredDays.ToDictionary(day => day.Day);
        var uses = asked.Days.OrderByDescending(day => day.Day).Select(day =>
            Exclusion(gate, asked, load, day, declared) is { } reason
                ? new BaselineDayUse(day.Day, false, reason)
                : new BaselineDayUse(day.Day, true, "compared with what was declared")).ToList();
        var used = uses.Where(use => use.Used).Select(use => use.Day).ToHashSet();
        if (asked.DeclaredKwh.Count != load.EventPeriods.Count)
            return Refused($"{asked.DeclaredKwh.Count} declared values for {load.EventPeriods.Count} periods");
        if (used.Count < gate.MinDays || used.Count == 0)
            return Refused(
                $"the declaration can be compared on {used.Count} of {Math.Max(gate.MinDays, 1)} days needed");
        var quality = Quality.Of([.. asked.Days.Where(day => used.Contains(day.Day)).OrderBy(day => day.Day)
            .SelectMany(day => day.KilowattHours.Zip(declared[day.Day].KilowattHours,
                (metered, said) => (metered!.Value, said!.Value)))]);
        if (quality.Breach(gate) is { } breach) return Refused(breach);
        return Baseline.Found(rule, asked, uses, asked.DeclaredKwh) with { Notes = [quality.Told()] };

        BaselineResult Refused(string why) => Baseline.Insufficient(uses, why);
    }

    private static string? Exclusion(
        BaselineGate gate, BaselineQuestion asked, BaselineLoad load, BaselineDay day,
        Dictionary<LocalDate, BaselineDay> declared)
    {
        var back = Period.DaysBetween(day.Day, load.EventDay);
        return back <= 0 ? "not before the event"
            : back > gate.LookbackDaysMax ? $"older than {gate.LookbackDaysMax} days"
            : asked.EventDays.Contains(day.Day) ? "event day"
            : asked.OutageDays.Contains(day.Day) ? "outage"
            : !declared.TryGetValue(day.Day, out var said) ? "nothing was declared"
            : !load.Fits(day.Day) || said.KilowattHours.Count != day.KilowattHours.Count
                ? "its values do not divide the day into such periods"
            : day.KilowattHours.Contains(null) || said.KilowattHours.Contains(null) ? "not wholly measured and declared"
            : null;
    }

    /// <summary>
    /// Sums over the compared periods. RRMSE = √(Σe²/n) ÷ (Σm/n) and bias = Σe ÷ Σm, with e = declared − metered; both
    /// are compared without a root or a quotient.
    /// </summary>
    private sealed record Quality(int Count, decimal Metered, decimal Error, decimal SquaredError)
    {
        public static Quality Of(IReadOnlyList<(decimal Metered, decimal Declared)> pairs) => new(
            pairs.Count, pairs.Sum(pair => pair.Metered), pairs.Sum(pair => pair.Declared - pair.Metered),
            pairs.Sum(pair => (pair.Declared - pair.Metered) * (pair.Declared - pair.Metered)));

        public string? Breach(BaselineGate gate)
        {
            if (Metered <= 0) return "no load was metered that a declaration could be compared with";
            // √(Σe²/n) ≤ limit · Σm/n, both sides squared and multiplied by n.
            if (SquaredError > gate.RrmseMax * Metered / Count * gate.RrmseMax * Metered)
                return $"{Told()}: at most {Percent(gate.RrmseMax)} RRMSE is allowed";
            return Math.Abs(Error) > gate.BiasMax * Metered
                ? $"{Told()}: at most {Percent(gate.BiasMax)} bias either way is allowed"
                : null;
        }

        public string Told() =>
            $"the declaration had an RRMSE of {Percent(Rrmse())} and a bias of {Percent(Error / Metered)}";

        // The root is only told, never decided by: hundredths of a percent, downward.
        private decimal Rrmse()
        {
            var relative = SquaredError * Count / Metered / Metered;
            return (decimal)Root(new BigInteger(relative * 100_000_000m)) / 10_000m;
        }

        private static BigInteger Root(BigInteger square)
        {
            if (square.IsZero) return 0;
            var root = BigInteger.One << (int)(square.GetBitLength() / 2 + 1);
            for (BigInteger next; (next = (root + square / root) / 2) < root;) root = next;
            return root;
        }
    }

    private static string Percent(decimal fraction) =>
        string.Create(CultureInfo.InvariantCulture, $"{fraction * 100:0.##} %");
}
