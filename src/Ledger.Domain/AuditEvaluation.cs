using System.Numerics;

namespace Ledger.Domain;

/// <summary>A drawn line and what its evidence gives.</summary>
/// <param name="Audited">The amount by the evidence; null where none can be derived, and then the whole amount counts
/// as misstated (ISA 530.11).</param>
/// <param name="Deviates">Something of the line is not as the evidence says, also where the amount is.</param>
public sealed record ExaminedLine(DrawnLine Drawn, decimal? Audited, bool Deviates)
{
    /// <summary>By how much the amount, taken without its sign, is stated too high; too low is negative.</summary>
    public decimal Overstated => Drawn.Item.Amount is not { } said ? 0m
        : Audited is { } right ? Math.Sign(said) * (said - right) : Math.Abs(said);
}

/// <summary>
/// What the misstatements of a sample come to for all lines (ISA 530.14): those of lines examined for certain as they
/// are; those of lines drawn by value as their taint, misstatement divided by amount, times the sampling interval; none
/// is left out as an anomaly. The upper limits are those of monetary unit sampling: interval times the confidence
/// factor for no misstatement, and the increment of the factor times each projected misstatement, largest taint first
/// (AICPA, Audit Guide Audit Sampling, chapter "Monetary Unit Sampling"; Stringer's bound). Too high and too low are
/// evaluated apart. For lines without value only how many may deviate can be said.
/// </summary>
/// <param name="Known">Found in the lines examined, too high less too low.</param>
/// <param name="Projected">To all lines with value.</param>
/// <param name="OverstatedMax">With the stated confidence all lines are stated too high by no more than this.</param>
/// <param name="UnderstatedMax">The same of too low. A line may be too low by more than its amount, which no sample
/// by value bounds.</param>
/// <param name="DeviatingWithoutValueMax">With that confidence no more lines without value deviate.</param>
/// <param name="ValueExamined">Sum of the examined amounts without their signs.</param>
public sealed record AuditEvaluation(
    int ConfidencePercent, int Deviations, decimal Known, Fraction Projected, Fraction OverstatedMax,
    Fraction UnderstatedMax, int DeviatingWithoutValueMax, decimal ValueExamined, decimal Value)
{
    public static AuditEvaluation Of(AuditSample sample, IReadOnlyList<ExaminedLine> lines, int confidencePercent)
    {
        var certain = lines.Where(line => line.Drawn.Stratum == SampleStratum.Certain).ToList();
        var byValue = lines.Where(line => line.Drawn.Stratum == SampleStratum.ByValue).ToList();
        var taints = byValue.SelectMany(line => Enumerable.Repeat(
            Exact(line.Overstated) / Exact(Math.Abs(line.Drawn.Item.Amount!.Value)), line.Drawn.Hits)).ToList();
        var projected = taints.Aggregate(Fraction.Zero, (sum, taint) => sum + taint * sample.Interval)
            + Exact(certain.Sum(line => line.Overstated));
        var (without, deviating) = (sample[SampleStratum.WithoutValue],
            lines.Count(line => line.Drawn.Stratum == SampleStratum.WithoutValue && line.Deviates));
        return new(
            confidencePercent, lines.Count(line => line.Deviates), lines.Sum(line => line.Overstated), projected,
            Limit(sample, taints, confidencePercent) + Exact(certain.Sum(line => Math.Max(0m, line.Overstated))),
            Limit(sample, [.. taints.Select(taint => Fraction.Zero - taint)], confidencePercent)
                + Exact(certain.Sum(line => Math.Max(0m, -line.Overstated))),
            WithoutValueMax(without, deviating, confidencePercent),
            lines.Sum(line => Math.Abs(line.Drawn.Item.Amount ?? 0m)), sample.Strata.Sum(stratum => stratum.Value));
    }

    private static Fraction Limit(AuditSample sample, IReadOnlyList<Fraction> taints, int confidence)
    {
        if (sample[SampleStratum.ByValue].Hits == 0) return Fraction.Zero;
        var high = taints.Where(taint => taint > Fraction.Zero).OrderByDescending(taint => taint).ToList();
        var factor = ConfidenceFactor.Of(0, confidence);
        var limit = factor;
        for (var i = 0; i < high.Count; i++)
        {
            var next = ConfidenceFactor.Of(i + 1, confidence);
            limit += (next - factor) * high[i];
            factor = next;
        }
        return limit * sample.Interval;
    }

    /// <summary>The factor divided by the lines drawn is the rate;
    /// a stratum that was examined whole is known.</summary>
    private static int WithoutValueMax(SampledStratum stratum, int deviating, int confidence)
    {
        if (stratum.Drawn == stratum.Lines) return deviating;
        if (stratum.Drawn == 0) return stratum.Lines;
        var lines = ConfidenceFactor.Of(deviating, confidence) * new Fraction(stratum.Lines, stratum.Drawn);
        return (int)BigInteger.Min(stratum.Lines - stratum.Drawn + deviating, lines.Numerator / lines.Denominator);
    }

    private static Fraction Exact(decimal amount) => Fraction.Of(amount);
}

/// <summary>
/// The confidence factor of a number of misstatements: the mean of a Poisson distribution of which so many or fewer
/// come with a probability of 100 % less the confidence (AICPA, Audit Sampling, appendix of confidence factors: 95 %:
/// 3.00, 4.75, 6.30). Here to four decimals and never below the true one, by whole numbers alone.
/// </summary>
public static class ConfidenceFactor
{
    public const int PercentMin = 50, PercentMax = 99;
    private const int UnitsPerOne = 10_000;
    private static readonly BigInteger One = BigInteger.Pow(10, 60), RoundedMax = BigInteger.Pow(10, 50);

    public static Fraction Of(int misstatements, int confidencePercent)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(misstatements);
        ArgumentOutOfRangeException.ThrowIfLessThan(confidencePercent, PercentMin);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(confidencePercent, PercentMax);
        var (below, enough) = (0, UnitsPerOne);
        while (!IsEnough(enough, misstatements, confidencePercent)) (below, enough) = (enough, enough * 2);
        while (enough - below > 1)
        {
            var middle = below + (enough - below) / 2;
            if (IsEnough(middle, misstatements, confidencePercent)) enough = middle;
            else below = middle;
        }
        return new(enough, UnitsPerOne);
    }

    /// <summary>Σ λ^i/i! up to the misstatements ≤ (1 − confidence) · e^λ: the left side is rounded up, the series of
    /// the right side down.</summary>
    private static bool IsEnough(int units, int misstatements, int confidencePercent)
    {
        var (term, some, all) = (One, BigInteger.Zero, BigInteger.Zero);
        for (var i = 0; !term.IsZero || i <= misstatements; i++)
        {
            if (i > 0) term = term * units / ((BigInteger)i * UnitsPerOne);
            // A term that counts here has lost less than a part in 10^50 by rounding down, or is next to nothing.
            if (i <= misstatements) some += term + term / RoundedMax + 1;
            all += term;
        }
        return some * 100 <= all * (100 - confidencePercent);
    }
}
