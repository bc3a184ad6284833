using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// How an estimate was made, by the two-digit method code of NEM12 whose meaning is nearest (AEMO MDFF, appendix B):
/// the codes 51 to 75 are those of meters that are read by hand or not at all.
/// </summary>
public enum EstimationMethod
{
    /// <summary>52, previous read: the same hours of a day that is like this one.</summary>
    ProxyDay = 52,
    /// <summary>53, revision: a shape revised so that it sums to what the register counted.</summary>
    ScaledToRegister = 53,
    /// <summary>54, linear: on the line between the intervals before and after.</summary>
    Linear = 54,
}

/// <summary>How far each method may be trusted; each default says where it is from.</summary>
/// <param name="LinearMax">Longest gap that a line may bridge. California: 2 h (from memory); IESO has 1 h.</param>
/// <param name="ProxyMax">Longest gap that another day may fill. Ours: seven days.</param>
/// <param name="ProxyDistanceMax">How far that day may lie from the gap. IESO: three weeks of history.</param>
/// <param name="ScaledMax">Longest gap whose register difference may be divided without a curve. Ours: 31 days.</param>
public sealed record EstimationLimits(
    Duration LinearMax, Duration ProxyMax, Duration ProxyDistanceMax, Duration ScaledMax)
{
    public static readonly EstimationLimits Default = new(
        LinearMax: Duration.FromHours(2), ProxyMax: Duration.FromDays(7), ProxyDistanceMax: Duration.FromDays(21),
        ScaledMax: Duration.FromDays(31));
}

/// <summary>
/// Intervals that nobody measured, and what there is to estimate them from.
/// </summary>
/// <param name="Missing">The intervals, all of one length, in order and without holes.</param>
/// <param name="Known">What was measured around them; for <see cref="EstimationMethod.ScaledToRegister"/> also what the
/// register counted besides the missing intervals.</param>
/// <param name="Proxy">Measured intervals of another day, one for each missing interval, all equally far away.</param>
/// <param name="Counted">The register's difference over the missing and the known intervals together.</param>
public sealed record EstimationRequest(
    EstimationMethod Method, IReadOnlyList<Interval> Missing, IReadOnlyList<SentInterval> Known,
    IReadOnlyList<SentInterval> Proxy, Energy? Counted);

/// <summary>The estimates; or the rule that forbids them.</summary>
public sealed record EstimationResult(IReadOnlyList<SentInterval> Intervals, Rejection? Code, string? Detail);

/// <summary>
/// Estimation of intervals that nobody measured (Oracle VEE: interpolation, proxy day, adjust from scalar).
/// An estimate is made of measured values alone, bears its method, and is never of measured quality;
/// any measurement replaces it. Where the register counted the gap,
/// the parts sum to its difference to the last half nanojoule.
/// </summary>
public static class Estimation
{
    /// <summary>Estimates are whole multiples of this,
    /// so that as kWh with 12 decimals they sum as exactly as here.</summary>
    private static readonly Int128 Quantum = Energy.HalfNanojoulesPerWattHour / 1_000_000_000;

    /// <summary>What is copied from another time substitutes; what is calculated for this time estimates.</summary>
    public static ReadingQuality QualityOf(EstimationMethod method) =>
        method == EstimationMethod.ProxyDay ? ReadingQuality.Substituted : ReadingQuality.Estimated;

    /// <summary>The longest gap that a method may fill.</summary>
    public static Duration LongestGap(EstimationMethod method, EstimationLimits limits) => method switch
    {
        EstimationMethod.Linear => limits.LinearMax,
        EstimationMethod.ProxyDay => limits.ProxyMax,
        _ => limits.ScaledMax,
    };

    public static EstimationResult Of(EstimationRequest request, EstimationLimits limits)
    {
        var missing = request.Missing;
        if (missing.Count == 0) return Refused(Rejection.IntervalEmpty, "no interval is missing");
        var length = missing[0].Duration;
        if (length <= Duration.Zero || missing.Any(interval => interval.Duration != length)
            || missing.Zip(missing.Skip(1)).Any(pair => pair.First.End != pair.Second.Start))
            return Refused(Rejection.PeriodMisaligned, "the missing intervals have one length and follow each other");
        var gap = missing[^1].End - missing[0].Start;
        var longest = LongestGap(request.Method, limits);
        if (gap > longest)
            return Refused(Rejection.EstimateTooLong,
                $"a gap of {IntervalValidation.Minutes(gap)}, by {request.Method} at most "
                + $"{IntervalValidation.Minutes(longest)}");
        if (request.Known.Concat(request.Proxy)
            .FirstOrDefault(known => known.Quality > ReadingQuality.Measured) is { } unproven)
            return Refused(Rejection.NothingToEstimateFrom,
                $"the interval from {unproven.Period.Start} is {unproven.Quality}: estimates are made of measurements "
                + $"alone");
        return request.Method switch
        {
            EstimationMethod.Linear => Linear(missing, request.Known),
            EstimationMethod.ProxyDay => ProxyDay(missing, request.Proxy, limits),
            _ => Scaled(request, limits),
        };
    }

    /// <summary>
    /// A whole in proportion to a shape, the last part closing the sum; where the shape is zero, or there is none,
    /// in equal parts (Oracle: adjust from scalar, factor = scalar/Σ, Σ = 0 is spread evenly).
    /// </summary>
    public static IReadOnlyList<Energy> ScaledTo(Energy whole, IReadOnlyList<Energy> shape)
    {
        var all = shape.Aggregate(BigInteger.Zero, (sum, part) => sum + part.HalfNanojoules);
        var (seen, given) = (BigInteger.Zero, Energy.Zero);
        var parts = new Energy[shape.Count];
        for (var i = 0; i < parts.Length; i++)
        {
            seen += all.IsZero ? BigInteger.One : shape[i].HalfNanojoules;
            var of = all.IsZero ? parts.Length : all;
            var upToHere = seen == of
                ? whole : new Energy(Energy.DivideHalfEven(whole.HalfNanojoules * seen, of * Quantum) * Quantum);
            parts[i] = Energy.Min(upToHere, whole) - given;
            given += parts[i];
        }
        return parts;
    }

    private static EstimationResult Linear(IReadOnlyList<Interval> missing, IReadOnlyList<SentInterval> known)
    {
        var before = known.FirstOrDefault(interval => interval.Period.End == missing[0].Start);
        var after = known.FirstOrDefault(interval => interval.Period.Start == missing[^1].End);
        if (before is null || after is null)
            return Refused(Rejection.NothingToEstimateFrom,
                "a line needs the measured intervals directly before and after the gap");
        if (before.Period.Duration != missing[0].Duration || after.Period.Duration != missing[0].Duration)
            return Refused(Rejection.PeriodMisaligned,
                "the intervals before and after the gap are as long as the missing ones");
        var steps = missing.Count + 1;
        return Estimated(EstimationMethod.Linear, missing,
            [.. Enumerable.Range(1, missing.Count).Select(i => new Energy(
            Energy.DivideHalfEven(before.Energy.HalfNanojoules * (steps - i) + after.Energy.HalfNanojoules * i,
                steps * Quantum)
            * Quantum))]);
    }

    private static EstimationResult ProxyDay(
        IReadOnlyList<Interval> missing, IReadOnlyList<SentInterval> proxy, EstimationLimits limits) =>
        Misfit(missing, proxy, limits)
            ?? Estimated(EstimationMethod.ProxyDay, missing, [.. Ordered(proxy).Select(like => like.Energy)]);

    private static EstimationResult Scaled(EstimationRequest request, EstimationLimits limits)
    {
        if (request.Counted is not { } counted)
            return Refused(Rejection.NothingToEstimateFrom, "the register's difference is not known");
        if (request.Proxy.Count > 0 && Misfit(request.Missing, request.Proxy, limits) is { } misfit) return misfit;
        var measured = request.Known.Aggregate(Energy.Zero, (sum, known) => sum + known.Energy);
        if (measured > counted)
            return Refused(Rejection.RegisterContradicted,
                $"the measured intervals sum to {measured}, the register counted {counted}: nothing is left to divide");
        IReadOnlyList<Energy> shape = request.Proxy.Count > 0
            ? [.. Ordered(request.Proxy).Select(like => like.Energy)]
            : [.. request.Missing.Select(_ => Energy.Zero)];
        return Estimated(EstimationMethod.ScaledToRegister, request.Missing, ScaledTo(counted - measured, shape));
    }

    private static EstimationResult? Misfit(
        IReadOnlyList<Interval> missing, IReadOnlyList<SentInterval> proxy, EstimationLimits limits)
    {
        if (proxy.Count != missing.Count)
            return Refused(Rejection.WrongCount,
                $"{proxy.Count} intervals of the other day for {missing.Count} missing ones");
        var like = Ordered(proxy);
        var apart = like[0].Period.Start - missing[0].Start;
        if (like.Zip(missing).Any(pair => pair.First.Period.Start - pair.Second.Start != apart
            || pair.First.Period.Duration != pair.Second.Duration))
            return Refused(Rejection.PeriodMisaligned,
                "each interval of the other day stands where the missing one does");
        if (apart == Duration.Zero) return Refused(Rejection.PeriodsOverlap, "the other day is the missing one");
        return apart > limits.ProxyDistanceMax || -apart > limits.ProxyDistanceMax
            ? Refused(Rejection.EstimateTooLong, $"the other day is {IntervalValidation.Minutes(apart)} away, " +
                $"at most {IntervalValidation.Minutes(limits.ProxyDistanceMax)} either way")
            : null;
    }

    private static EstimationResult Estimated(
        EstimationMethod method, IReadOnlyList<Interval> missing, IReadOnlyList<Energy> energies) =>
        new([.. missing.Zip(energies, (period, energy) => new SentInterval(period, energy, QualityOf(method)))], null,
            null);

    private static List<SentInterval> Ordered(IReadOnlyList<SentInterval> proxy) =>
        [.. proxy.OrderBy(like => like.Period.Start)];

    private static EstimationResult Refused(Rejection code, string detail) => new([], code, detail);
}
