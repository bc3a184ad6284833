using System.Numerics;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>What is known of a register beside its indices, when a reading is judged.</summary>
/// <param name="PowerMax">The most that can flow through the point; null where it is not known.</param>
/// <param name="SentFactor">The factor that the sender names; null where it names none.</param>
/// <param name="ClockOffset">How far the meter's clock was off; null where nobody knows.</param>
public sealed record ReadingContext(Power? PowerMax = null, int? SentFactor = null, Duration? ClockOffset = null)
{
    public static readonly ReadingContext Nothing = new();
}

/// <summary>A charging transaction with the indices that its charger sent for its begin and its end.</summary>
public sealed record MeteredTransaction(string Id, Interval Period, long BeginSteps, long EndSteps);

/// <summary>
/// Validation of register readings: each against the few before it. It says what is doubtful; what a decrease means for
/// the energy is said by <see cref="Register.Difference"/> alone.
/// </summary>
public static class ReadingValidation
{
    /// <summary>How many readings before one are compared with it (ours):
    /// enough to know how much power is usual.</summary>
    public const int ReadingsCompared = 4;

    /// <summary>All findings of a series of readings. Their order changes nothing.</summary>
    public static IReadOnlyList<MeterFinding> Of(
        RegisterInstalled installed, IReadOnlyList<KnownReading> readings, ReadingContext context,
        MeterThresholds limits)
    {
        var found = new List<MeterFinding>();
        var before = new List<KnownReading>();
        foreach (var same in readings.GroupBy(reading => reading.ReadAt).OrderBy(group => group.Key))
        {
            var values = same.Select(reading => reading.IndexSteps).Distinct().Order().ToList();
            if (values.Count > 1) found.Add(At(MeterRule.Conflict, same.Key, string.Join(" and ", values) + " steps"));
            else if (same.Count() > 1)
                found.Add(At(MeterRule.Duplicate, same.Key, $"{same.Count()} times {values[0]} steps"));
            found.AddRange(OfReading(installed, before, new(same.Key, values[0]), context, limits));
            before.Add(new(same.Key, values[0]));
        }
        return [.. found.OrderBy(finding => finding.Rule).ThenBy(finding => finding.At.Start)
            .ThenBy(finding => finding.At.End)];
    }

    /// <summary>The findings of one reading, given those before it in order of time;
    /// the last few of them are enough.</summary>
    public static IEnumerable<MeterFinding> OfReading(
        RegisterInstalled installed, IReadOnlyList<KnownReading> before, KnownReading now, ReadingContext context,
        MeterThresholds limits)
    {
        if (now.IndexSteps < 0) yield return At(MeterRule.Negative, now.ReadAt, $"{now.IndexSteps} steps");
        if (context.SentFactor is { } factor && factor != installed.Factor)
            yield return At(MeterRule.Factor, now.ReadAt,
                $"sent with factor {factor}, installed with {installed.Factor}");
        if (context.ClockOffset is { } offset && (offset > limits.ClockOffsetMax || -offset > limits.ClockOffsetMax))
            yield return At(MeterRule.Clock, now.ReadAt,
                $"off by {IntervalValidation.Minutes(offset)}, limit "
                + $"{IntervalValidation.Minutes(limits.ClockOffsetMax)}");
        if (before.Count == 0 || now.IndexSteps < 0) yield break;
        var recent = before.Skip(before.Count - ReadingsCompared).ToList();
        var last = recent[^1];
        var span = new Interval(last.ReadAt, now.ReadAt);
        var step = Register.Difference(installed, last.IndexSteps, now.IndexSteps);
        if (BeginsAtZero(installed, last.IndexSteps, now.IndexSteps))
            yield return new(MeterRule.BeginZero, span, $"0 after {last.IndexSteps} steps");
        else if (step.Delta is null) yield return new(MeterRule.Decrease, span, step.Detail!);
        var excess = Excess(installed, recent, now, step.Delta, context.PowerMax, limits);
        if (excess is not null && context.PowerMax is { } power)
            yield return new(MeterRule.PowerLimit, span,
                $"{step.Delta}, but {power} gives at most {excess} since the reading before");
        if (IsThousandfold(installed, last, now, context.PowerMax) && (excess is not null || step.Delta is null))
            yield return new(MeterRule.ScaleJump, span, $"from {last.IndexSteps} to {now.IndexSteps} steps");
    }

    /// <summary>The findings of a connector's transactions in order of time, which share its one register.</summary>
    public static IReadOnlyList<MeterFinding> OfTransactions(
        RegisterInstalled installed, IReadOnlyList<MeteredTransaction> transactions, ReadingContext context,
        MeterThresholds limits)
    {
        var found = new List<MeterFinding>();
        MeteredTransaction? before = null;
        foreach (var now in transactions.OrderBy(t => t.Period.Start).ThenBy(t => t.Period.End)
            .ThenBy(t => t.Id, StringComparer.Ordinal))
        {
            if (before is { } earlier && Continues(installed, earlier, now) is { } broken) found.Add(broken);
            var zero = found.Count > 0 && found[^1] is { Rule: MeterRule.BeginZero } last
                && last.At.End == now.Period.Start;
            // What a transaction that began at a false zero counted is the register's whole life,
            // and known to be wrong.
            if (!zero)
                found.AddRange(OfReading(installed, [new(now.Period.Start, now.BeginSteps)],
                    new(now.Period.End, now.EndSteps), context, limits));
            before = now;
        }
        return [.. found.OrderBy(finding => finding.Rule).ThenBy(finding => finding.At.Start)
            .ThenBy(finding => finding.At.End)];
    }

    private static MeterFinding? Continues(RegisterInstalled installed, MeteredTransaction before,
        MeteredTransaction now)
    {
        if (before.EndSteps == now.BeginSteps) return null;
        var between = new Interval(Instant.Min(before.Period.End, now.Period.Start), now.Period.Start);
        return BeginsAtZero(installed, before.EndSteps, now.BeginSteps)
            ? new(MeterRule.BeginZero, between,
                $"{now.Id} begins at 0 after {before.Id} ended at {before.EndSteps} steps")
            : new(MeterRule.Continuity, between,
                $"{before.Id} ended at {before.EndSteps} steps, {now.Id} begins at {now.BeginSteps}");
    }

    /// <summary>
    /// Whether an index of zero follows one that is not in the last 1 % before the register rolls over. A rollover may
    /// show exactly zero, but a register that is half full does not.
    /// </summary>
    internal static bool BeginsAtZero(RegisterInstalled installed, long previousSteps, long currentSteps)
    {
        var modulus = installed.ModulusSteps ?? Energy.PowerOfTen(installed.Digits);
        return currentSteps == 0 && previousSteps > 0 && (modulus - previousSteps) * 100 > modulus;
    }

    /// <summary>
    /// The most that could have flowed, where more did. Without a known power it is what the highest power between the
    /// readings before would give, times the ratio of a scale jump.
    /// </summary>
    private static Energy? Excess(
        RegisterInstalled installed, List<KnownReading> recent, KnownReading now, Energy? delta, Power? power,
        MeterThresholds limits)
    {
        if (delta is not { } energy) return null;
        var time = now.ReadAt - recent[^1].ReadAt;
        // Each reading is cut off at its last digit, so a difference may show up to one step more than what flowed.
        var step = Register.Difference(installed, 0, 1).Delta ?? Energy.Zero;
        if (power is { } known)
            return IntervalValidation.Flow(known, time) + step is var most && energy > most ? most : null;
        foreach (var (from, to) in recent.Zip(recent.Skip(1)))
        {
            if (Register.Difference(installed, from.IndexSteps, to.IndexSteps).Delta is not { } usual) return null;
            // Energy by time, now against before, as products in place of quotients.
            var (here, there) = (time.BclCompatibleTicks, (to.ReadAt - from.ReadAt).BclCompatibleTicks);
            if ((BigInteger)energy.HalfNanojoules * there
                < (BigInteger)(usual + step).HalfNanojoules * limits.ScaleJumpRatio * here) return null;
        }
        return recent.Count > 1 ? energy : null;
    }

    /// <summary>Whether the index, divided or multiplied by 1000, would continue the one before.</summary>
    private static bool IsThousandfold(RegisterInstalled installed, KnownReading last, KnownReading now, Power? power)
    {
        if (last.IndexSteps <= 0) return false;
        long? scaled = now.IndexSteps / 1000 >= last.IndexSteps ? now.IndexSteps / 1000
            : now.IndexSteps > 0 && now.IndexSteps < long.MaxValue / 1000 && now.IndexSteps < last.IndexSteps
                ? now.IndexSteps * 1000
            : null;
        // Watt-hours cut off below their last digit leave up to a thousand steps open.
        if (scaled is not { } index || index + 999 < last.IndexSteps) return false;
        var delta = Register.Difference(installed, last.IndexSteps, Math.Max(index, last.IndexSteps)).Delta;
        return power is { } known
            ? delta <= IntervalValidation.Flow(known, now.ReadAt - last.ReadAt)
                + Register.Difference(installed, 0, 1000).Delta
            : index - last.IndexSteps <= Math.Max(1000, last.IndexSteps / 10);
    }

    private static MeterFinding At(MeterRule rule, Instant at, string saw) =>
        new(rule, new Interval(at, at), $"{saw} at {InstantPattern.ExtendedIso.Format(at)}");
}
