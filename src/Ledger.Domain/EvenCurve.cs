namespace Ledger.Domain;

/// <summary>
/// A curve whose samples are one step apart, as those of a clock are. Its times are a rule and only its powers are
/// numbers: it takes half the memory of its samples, and powers that stand together are summed several at a time. What
/// <see cref="PowerCurve"/> says of it is what it says of its samples, to the last integer. The default is no sample.
/// </summary>
public readonly struct EvenCurve
{
    private readonly long first, step;
    private readonly ReadOnlyMemory<long> powers;

    private EvenCurve(long first, long step, ReadOnlyMemory<long> powers) =>
        (this.first, this.step, this.powers) = (first, step, powers);

    /// <summary>
    /// The curve of powers in mW. Throws <see cref="ArgumentOutOfRangeException"/> where a power is beyond
    /// <see cref="Limits.PowerMilliwattsMax"/>, a time beyond <see cref="PowerSample.AtMicrosecondsMax"/>, or the step
    /// shorter than 1 µs; so nothing that is computed of a curve has to look at its bounds again.
    /// </summary>
    public static EvenCurve Of(long firstMicroseconds, long stepMicroseconds, ReadOnlyMemory<long> milliwatts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stepMicroseconds, 1);
        if (milliwatts.IsEmpty) return default;
        var last = firstMicroseconds + ((Int128)stepMicroseconds * (milliwatts.Length - 1));
        ArgumentOutOfRangeException.ThrowIfLessThan(firstMicroseconds, -PowerSample.AtMicrosecondsMax);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(last, PowerSample.AtMicrosecondsMax);
        var (least, most) = CurveBlock.Extremes(milliwatts.Span);
        if (least < -Limits.PowerMilliwattsMax || most > Limits.PowerMilliwattsMax)
            throw new ArgumentOutOfRangeException(nameof(milliwatts), "a power is beyond Limits.PowerMilliwattsMax");
        return new(firstMicroseconds, stepMicroseconds, milliwatts);
    }

    public int Count => powers.Length;

    /// <summary>The time from each sample to the next, in µs; 0 where there is no sample.</summary>
    public long StepMicroseconds => step;

    /// <summary>When a sample is, in µs.</summary>
    public long At(int index) => first + (index * step);

    /// <summary>How many samples come before an instant.</summary>
    public int CountBefore(long at) => Columns.CountBefore(at);

    /// <summary>The part of so many samples from one of them on.</summary>
    public EvenCurve Slice(int from, int count) =>
        count == 0 ? default : new(At(from), step, powers.Slice(from, count));

    public PowerSample[] ToSamples()
    {
        var samples = new PowerSample[powers.Length];
        var milliwatts = powers.Span;
        var at = first;
        for (var i = 0; i < samples.Length; i++, at += step) samples[i] = new(at, milliwatts[i]);
        return samples;
    }

    internal EvenColumns Columns => new(first, step, powers.Span);
}

/// <summary>
/// Samples in order of time, one for each instant, however they lie in memory: the integral is written once, and is
/// compiled for each layout.
/// </summary>
internal interface ICurveSamples
{
    int Count { get; }

    /// <summary>The time from each sample to the next in µs; 0 where it is not always the same.</summary>
    long Step { get; }

    PowerSample this[int index] { get; }

    /// <summary>The sum and the extremes of the powers of some samples, at least one, that add up in 64 bits.</summary>
    (long Sum, long Least, long Most) SumAndExtremes(int from, int to);

    /// <summary>The largest change of power, up or down, to each of some samples from the one so many places before.
    /// </summary>
    long WidestChange(int from, int to, int apart);
}

/// <summary>Samples as they came: times and powers in turn.</summary>
internal readonly ref struct CurveSamples(ReadOnlySpan<PowerSample> samples, long step) : ICurveSamples
{
    private readonly ReadOnlySpan<PowerSample> samples = samples;

    public int Count => samples.Length;
    public long Step => step;
    public PowerSample this[int index] => samples[index];

    public (long Sum, long Least, long Most) SumAndExtremes(int from, int to) =>
        CurveLook.SumAndExtremes(samples[from..to]);

    public long WidestChange(int from, int to, int apart) =>
        CurveLook.WidestChange(samples[(from - apart)..(to - apart)], samples[from..to]);
}

/// <summary>A rule of times and a column of powers.</summary>
internal readonly ref struct EvenColumns(long first, long step, ReadOnlySpan<long> powers) : ICurveSamples
{
    private readonly ReadOnlySpan<long> powers = powers;

    public int Count => powers.Length;
    public long Step => powers.Length > 1 ? step : 0;
    public PowerSample this[int index] => new(first + (index * step), powers[index]);

    public (long Sum, long Least, long Most) SumAndExtremes(int from, int to) =>
        CurveBlock.SumAndExtremes(powers[from..to]);

    public long WidestChange(int from, int to, int apart) => CurveBlock.LargestChange(powers, from, to, apart);

    public int CountBefore(long at) => Count == 0 ? 0 : EvenSteps.Before(at, first, step, Count);
}

/// <summary>Instants that are one step apart.</summary>
internal static class EvenSteps
{
    /// <summary>How many of them come before an instant.</summary>
    public static int Before(long at, long first, long step, int count)
    {
        var distance = (Int128)at - first + step - 1;
        if (distance < step) return 0;
        return distance > long.MaxValue ? count : (int)Math.Min((long)distance / step, count);
    }
}
