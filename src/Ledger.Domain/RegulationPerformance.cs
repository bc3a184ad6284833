using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// How well a response followed a regulation signal, each from 0 to 1 and to <see
/// cref="RegulationPerformance.Decimals"/> decimals;
/// a correlation is negative where the response went against the signal.
/// </summary>
public sealed record PerformanceScore(decimal Delay, decimal Correlation, decimal Precision, decimal Overall);

/// <summary>
/// The performance score of regulation (market rules §2.6; PJM Manual 12 as GMLC battery_interface computes it): 12
/// blocks of five minutes, samples of 10 s, the response compared at 31 lags from 0 to 300 s. Per block correlation =
/// highest Pearson r, delay = (300 − lag)/300 at the first lag that reaches it, precision = max(0, 1 − mean|y − x| /
/// mean|x|) with the response as it came, not delayed. Scores are the means of the blocks, overall the mean of three.
/// </summary>
/// <remarks>
/// Samples become whole numbers of one unit, so that sums, products and comparisons of correlations are exact; only the
/// square root of a correlation is cut, far behind the last decimal that is answered. Precision where the request is
/// zero throughout a block is undefined in the source. Here it is 1 if the response is zero throughout too, else 0:
/// the limit of the formula.
/// </remarks>
public static class RegulationPerformance
{
    /// <summary>Decimals of the answer.</summary>
    public const int Decimals = 9;
    /// <summary>Seconds between two samples of the rule; finer signals are thinned to it.</summary>
    public const int StepSeconds = 10;
    /// <summary>Samples at 10 s that the rule reads: of the request an hour,
    /// of the response five minutes more.</summary>
    public const int RequestSamples = Blocks * Samples, ResponseSamples = RequestSamples + Samples;

    private const int Blocks = 12, Samples = 30;
    /// <summary>Inner fractions are whole multiples of 10^-24; twelve of them, cut,
    /// stay far below the ninth decimal.</summary>
    private const int InnerDecimals = 24;
    /// <summary>A request with a standard deviation below 0.01 is nearly constant,
    /// a response below 0.00001 constant.</summary>
    private const int RequestDeviationDecimals = 2, ResponseDeviationDecimals = 5;

    private static readonly BigInteger One = BigInteger.Pow(10, InnerDecimals);

    /// <summary>
    /// Scores samples at 10 s, each a whole number of 10^-<paramref name="decimals"/> of one unit; those beyond the
    /// rule's hour are not read.
    /// </summary>
    public static PerformanceScore Of(IReadOnlyList<BigInteger> request, IReadOnlyList<BigInteger> response,
        int decimals)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Count, RequestSamples);
        ArgumentOutOfRangeException.ThrowIfLessThan(response.Count, ResponseSamples);
        BigInteger[] x = [.. request], y = [.. response];
        var unit = BigInteger.Pow(10, decimals);
        var (delay, correlation, precision) = (BigInteger.Zero, BigInteger.Zero, BigInteger.Zero);
        for (var start = 0; start < RequestSamples; start += Samples)
        {
            var block = x.AsSpan(start, Samples);
            var (lag, best) = Correlation(block, y, start, unit);
            delay += One * (Samples - lag) / Samples;
            correlation += best;
            precision += Precision(block, y.AsSpan(start, Samples));
        }

        return new(Mean(delay, Blocks), Mean(correlation, Blocks), Mean(precision, Blocks),
            Mean(delay + correlation + precision, 3 * Blocks));
    }

    private static (int Lag, BigInteger Correlation) Correlation(
        ReadOnlySpan<BigInteger> x, BigInteger[] response, int start, BigInteger unit)
    {
        var deviation = Moment(x, x);
        if (Below(deviation, RequestDeviationDecimals, unit))
            return (0, Parallel(x, response.AsSpan(start, Samples), unit));
        var (lag, covariance, variance) = (Samples, BigInteger.Zero, BigInteger.One);
        var moved = false;
        for (var delayed = 0; delayed <= Samples; delayed++)
        {
            var y = response.AsSpan(start + delayed, Samples);
            var own = Moment(y, y);
            var constant = Below(own, ResponseDeviationDecimals, unit);
            // A constant response has no correlation; the source counts it as 0.
            var (with, of) = constant ? (BigInteger.Zero, BigInteger.One) : (Moment(x, y), own);
            moved |= !constant;
            if (delayed > 0 && !Higher(with, of, covariance, variance)) continue;
            (lag, covariance, variance) = (delayed, with, of);
        }

        return moved ? (lag, Root(covariance, deviation * variance)) : (Samples, BigInteger.Zero);
    }

    /// <summary>n·Σab − Σa·Σb: n² times the covariance, exact.</summary>
    private static BigInteger Moment(ReadOnlySpan<BigInteger> a, ReadOnlySpan<BigInteger> b)
    {
        var (products, ofA, ofB) = (BigInteger.Zero, BigInteger.Zero, BigInteger.Zero);
        for (var i = 0; i < Samples; i++)
        {
            products += a[i] * b[i];
            ofA += a[i];
            ofB += b[i];
        }

        return (Samples * products) - (ofA * ofB);
    }

    /// <summary>Whether a standard deviation, of which this is the square times n², is below 10^-decimals.</summary>
    private static bool Below(BigInteger moment, int decimals, BigInteger unit) =>
        moment * BigInteger.Pow(10, 2 * decimals) < (BigInteger)Samples * Samples * unit * unit;

    /// <summary>Whether cov/√var is above the other: by sign, then by squares, without a root.</summary>
    private static bool Higher(BigInteger covariance, BigInteger variance, BigInteger than, BigInteger thanVariance)
    {
        if (covariance.Sign != than.Sign) return covariance.Sign > than.Sign;
        var (left, right) = (covariance * covariance * thanVariance, than * than * variance);
        return covariance.Sign >= 0 ? left > right : left < right;
    }

    /// <summary>numerator/√square as a whole number of 10^-24, cut.</summary>
    private static BigInteger Root(BigInteger numerator, BigInteger square)
    {
        var root = FloorRoot(numerator * numerator * One * One / square);
        return numerator.Sign * root;
    }

    /// <summary>The largest whole number whose square is not above the value, by Newton's steps from above.</summary>
    private static BigInteger FloorRoot(BigInteger value)
    {
        if (value.IsZero) return BigInteger.Zero;
        var root = BigInteger.One << (int)((value.GetBitLength() + 1) / 2);
        while (true)
        {
            var next = (root + (value / root)) >> 1;
            if (next >= root) return root;
            root = next;
        }
    }

    /// <summary>max(0, 1 − |slope of request − slope of response|), slopes per sample by least squares.</summary>
    private static BigInteger Parallel(ReadOnlySpan<BigInteger> x, ReadOnlySpan<BigInteger> y, BigInteger unit)
    {
        var axis = new BigInteger[Samples];
        for (var i = 0; i < Samples; i++) axis[i] = i;
        var apart = BigInteger.Abs(Moment(axis, x) - Moment(axis, y));
        return BigInteger.Max(0, One - (apart * One / (Moment(axis, axis) * unit)));
    }

    private static BigInteger Precision(ReadOnlySpan<BigInteger> x, ReadOnlySpan<BigInteger> y)
    {
        var (error, signal) = (BigInteger.Zero, BigInteger.Zero);
        for (var i = 0; i < Samples; i++)
        {
            error += BigInteger.Abs(y[i] - x[i]);
            signal += BigInteger.Abs(x[i]);
        }

        return signal.IsZero
            ? error.IsZero ? One : BigInteger.Zero
            : BigInteger.Max(0, One - (error * One / signal));
    }

    private static decimal Mean(BigInteger sum, int count)
    {
        var (unit, half) = (BigInteger.Pow(10, InnerDecimals - Decimals) * count,
            BigInteger.Pow(10, InnerDecimals - Decimals) * count / 2);
        var rounded = (BigInteger.Abs(sum) + half) / unit;
        return sum.Sign * (decimal)rounded / 1_000_000_000m;
    }
}
