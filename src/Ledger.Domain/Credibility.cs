using System.Numerics;

namespace Ledger.Domain;

/// <summary>One call of a resource, with what is known of how it followed. Powers are in mW,
/// never negative when ordered.</summary>
/// <param name="DeliveredMilliwatts">Delivered in the ordered direction; negative when it moved the other way.</param>
/// <param name="UncertaintyMilliwatts">How far the delivered power may be from the truth, zero or more.</param>
/// <param name="DelayMicroseconds">From the order to 10 % of it; null when not known.</param>
/// <param name="RampKwPerSecond">Mean ramp from 10 % to 90 %; null when not known.</param>
public sealed record DispatchCall(
    long OrderedMilliwatts, long DeliveredMilliwatts, long UncertaintyMilliwatts, long? DelayMicroseconds,
    decimal? RampKwPerSecond)
{
    /// <summary>What was delivered for certain.</summary>
    public long CertainMilliwatts => DeliveredMilliwatts - UncertaintyMilliwatts;
}

/// <summary>The middle and both ends of a sample; null below five values.</summary>
public sealed record Spread<T>(int Values, T? Fifth, T? Median, T? NinetyFifth) where T : struct;

/// <summary>
/// What may be promised of a resource, from its calls. Below five calls every figure is null: the number of calls is
/// all that is known.
/// </summary>
/// <param name="Successes">Calls whose certain delivery was at least the asked share of the order.</param>
/// <param name="SuccessRateAtLeastMillionths">Lower confidence bound of the success rate, in millionths,
/// rounded down.</param>
/// <param name="Delivered90">mW that at least 90 % of the calls delivered for certain.</param>
/// <param name="Delivered95">The same for 95 %.</param>
/// <param name="Credible90">
/// mW that, at the stated confidence, at least 90 % of calls to come deliver; null while too few calls are known to
/// say so of any power.
/// </param>
/// <param name="Credible95">The same for 95 %.</param>
public sealed record DispatchWindow(
    int Calls, int? Successes, int? SuccessRateAtLeastMillionths, long? Delivered90, long? Delivered95,
    long? Credible90, long? Credible95, long? OrderedMost, Spread<long> Delay, Spread<decimal> Ramp);

/// <summary>
/// The credible dispatch window (market rules §2.6): how often a resource followed, what it delivered in most of its
/// calls after the uncertainty of the measurement, and how fast. A quantile is always a value that was observed: the
/// p-quantile of n values is the ⌈n·p⌉-th smallest (nearest rank; type 1 of Hyndman and Fan 1996).
/// </summary>
public static class Credibility
{
    /// <summary>Fewer calls than this support no figure.</summary>
    public const int CallsMin = 5;

    /// <summary>Most calls that one window is computed from: exact tails of more cost more than they say.</summary>
    public const int CallsMax = 2_000;

    private const int Million = 1_000_000;

    /// <param name="calls">At most <see cref="CallsMax"/>, in any order.</param>
    /// <param name="successMillionths">Share of its order that a call must deliver for certain to be a success.</param>
    /// <param name="confidenceMillionths">Of the lower bounds, one-sided; above zero and below one million.</param>
    public static DispatchWindow Window(
        IReadOnlyList<DispatchCall> calls, int successMillionths, int confidenceMillionths)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(calls.Count, CallsMax);
        var delays = Spread(calls.Where(call => call.DelayMicroseconds is not null)
            .Select(call => call.DelayMicroseconds!.Value));
        var ramps = Spread(calls.Where(call => call.RampKwPerSecond is not null)
            .Select(call => call.RampKwPerSecond!.Value));
        if (calls.Count < CallsMin)
            return new(calls.Count, null, null, null, null, null, null, null, delays, ramps);

        var successes = calls.Count(call =>
            (Int128)call.CertainMilliwatts * Million >= (Int128)call.OrderedMilliwatts * successMillionths);
        var most = calls.Select(call => call.CertainMilliwatts).OrderDescending().ToList();
        return new(
            calls.Count, successes, RateAtLeast(successes, calls.Count, confidenceMillionths),
            most[Rank(calls.Count, 90) - 1], most[Rank(calls.Count, 95) - 1],
            Credible(most, 90, confidenceMillionths), Credible(most, 95, confidenceMillionths),
            calls.Max(call => call.OrderedMilliwatts), delays, ramps);
    }

    /// <summary>
    /// The lower bound of Clopper and Pearson (1934), one-sided: the largest rate at which so many successes or more
    /// still have a probability of at most 1 − confidence, in millionths, rounded down. Whatever the true rate is, the
    /// bound is above it in at most that share of samples, which an approximation such as Wilson's does not promise;
    /// and it is a comparison of whole numbers, the same on every machine.
    /// </summary>
    public static int RateAtLeast(int successes, int calls, int confidenceMillionths)
    {
        var (below, above) = (0, Million); // the bound is at least the one and less than the other
        while (above - below > 1)
        {
            var rate = (below + above) / 2;
            if (IsUnlikely(successes, calls, rate, confidenceMillionths)) below = rate;
            else above = rate;
        }
        return below;
    }

    /// <summary>Whether P(X ≥ successes) ≤ 1 − confidence for calls that each succeed at a rate,
    /// in millionths.</summary>
    private static bool IsUnlikely(int successes, int calls, int rate, int confidenceMillionths)
    {
        // Every term in units of 10^-6·calls is a whole number: C(n, i) · rate^i · (10^6 − rate)^(n − i).
        var term = BigInteger.Pow(rate, calls);
        var tail = BigInteger.Zero;
        for (var i = calls; i >= successes; i--)
        {
            tail += term;
            if (i > 0) term = term * i * (Million - rate) / ((BigInteger)(calls - i + 1) * rate);
        }
        return tail * Million <= BigInteger.Pow(Million, calls) * (Million - confidenceMillionths);
    }

    /// <summary>
    /// With fewer calls than this no power is credible at that share and confidence, even if every call delivered it.
    /// </summary>
    public static int CallsForCredible(int percent, int confidenceMillionths) => Enumerable.Range(CallsMin, CallsMax)
        .First(calls => IsUnlikely(calls, calls, percent * (Million / 100), confidenceMillionths));

    /// <summary>The largest power for which so many calls delivered it that the bound of their share is the asked
    /// one.</summary>
    private static long? Credible(List<long> most, int percent, int confidenceMillionths)
    {
        var (few, enough) = (0, most.Count + 1); // more calls only raise the bound, so the least number is bisected
        while (enough - few > 1)
        {
            var middle = (few + enough) / 2;
            // The bound is at least the share just when the successes are unlikely at the share itself.
            if (IsUnlikely(middle, most.Count, percent * (Million / 100), confidenceMillionths)) enough = middle;
            else few = middle;
        }
        return enough > most.Count ? null : most[enough - 1];
    }

    private static Spread<T> Spread<T>(IEnumerable<T> values) where T : struct
    {
        var sorted = values.Order().ToList();
        T? At(int percent) => sorted.Count < CallsMin ? null : sorted[Rank(sorted.Count, percent) - 1];
        return new(sorted.Count, At(5), At(50), At(95));
    }

    /// <summary>⌈count · percent / 100⌉: the smallest number of values that is that share of all.</summary>
    private static int Rank(int count, int percent) => (count * percent + 99) / 100;
}
