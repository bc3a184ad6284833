namespace Ledger.Domain;

/// <summary>What one sample says of the time around it. Numbers are part of layouts and never change.</summary>
public enum SampleSemantics
{
    /// <summary>The power at the instant; the curve is straight between samples (trapezoid).</summary>
    Instant = 1,
    /// <summary>The power from the instant on, until the next sample.</summary>
    Hold = 2,
    /// <summary>The mean power over [t, t + nominal period).</summary>
    MeanForward = 3,
    /// <summary>The mean power over (t - nominal period, t].</summary>
    MeanBack = 4,
}

/// <summary>
/// What a sender declares of a stream of samples: their meaning and how far apart they should be. Nothing is integrated
/// between two samples that are farther apart than the greater of three nominal periods and two seconds.
/// </summary>
public sealed record SampleDeclaration
{
    /// <summary>Longest nominal period, in µs: one day.</summary>
    public const long NominalMicrosecondsMax = Limits.NominalPeriodMicrosecondsMax;

    /// <summary>How late a sample may come and still be taken in its place, in µs: 5 s after the newest one.</summary>
    public const long LatenessMicrosecondsDefault = 5_000_000;

    /// <summary>A lateness by which no sample is ever late: everything is held until it is finished.</summary>
    public const long NeverLate = 1L << 61;

    /// <summary>Throws <see cref="ArgumentOutOfRangeException"/> for an unknown meaning, a nominal period below 1 µs or
    /// above a day, and a negative lateness.</summary>
    public SampleDeclaration(
        SampleSemantics semantics, long nominalMicroseconds, long latenessMicroseconds = LatenessMicrosecondsDefault)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan((int)semantics, (int)SampleSemantics.Instant);
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)semantics, (int)SampleSemantics.MeanBack);
        ArgumentOutOfRangeException.ThrowIfLessThan(nominalMicroseconds, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nominalMicroseconds, NominalMicrosecondsMax);
        ArgumentOutOfRangeException.ThrowIfNegative(latenessMicroseconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(latenessMicroseconds, NeverLate);
        Semantics = semantics;
        NominalMicroseconds = nominalMicroseconds;
        LatenessMicroseconds = latenessMicroseconds;
        Shape = new(semantics, nominalMicroseconds, MaxGapMicroseconds);
    }

    public SampleSemantics Semantics { get; }

    public long NominalMicroseconds { get; }

    public long LatenessMicroseconds { get; }

    /// <summary>The longest distance of two samples across which is integrated, in µs.</summary>
    public long MaxGapMicroseconds => Math.Max(3 * NominalMicroseconds, 2_000_000);

    /// <summary>How far beside a period a sample may lie and still change its record, in µs: a ramp's window that ends
    /// in the period may begin in a segment before it.</summary>
    public long ReachMicroseconds => MaxGapMicroseconds + PowerCurve.LongRampWindowMicroseconds;

    internal CurveShape Shape { get; }
}

/// <summary>
/// The curve that samples of one meaning draw. Between two samples that are near enough every meaning is a straight
/// line with two end powers, so one arithmetic serves all: an instant's line goes from the one to the other, a held or
/// forward value is level at the first, a backward mean is level at the second (a shorter or longer distance than the
/// nominal one is bridged by the mean itself). At a gap a forward mean still covers its nominal period after the
/// sample, and a backward mean the one before.
/// </summary>
internal readonly record struct CurveShape(SampleSemantics Semantics, long Nominal, long MaxGap)
{
    /// <summary>What a mean covers after the last sample before a gap, in µs.</summary>
    public long Tail => Semantics == SampleSemantics.MeanForward ? Nominal : 0;

    /// <summary>What a mean covers before the first sample after a gap, in µs.</summary>
    public long Lead => Semantics == SampleSemantics.MeanBack ? Nominal : 0;

    /// <summary>
    /// A backward mean at the edge of a period speaks of the period that ends there: it counts 1 µs sooner than it
    /// stands.
    /// </summary>
    public long Shift => Semantics == SampleSemantics.MeanBack ? 1 : 0;

    /// <summary>The first and the last instant of which a sample speaks by itself, without a neighbour.</summary>
    public (long First, long Last) Covered(long at) => (at - Lead, at - Shift + Math.Max(0, Tail - 1));

    /// <summary>The powers at both ends of the line between two neighbouring samples.</summary>
    public (long Left, long Right) Ends(long power, long nextPower) => Semantics switch
    {
        SampleSemantics.Instant => (power, nextPower),
        SampleSemantics.MeanBack => (nextPower, nextPower),
        _ => (power, power),
    };

    /// <summary>The power at an instant from one sample on and before the next, in mW.</summary>
    public long PowerAt(PowerSample a, PowerSample b, long at)
    {
        if (at == a.AtMicroseconds) return a.Milliwatts;
        var (left, right) = Ends(a.Milliwatts, b.Milliwatts);
        return left == right ? left : CurveSegment.PowerAt(a, b, at);
    }

    /// <summary>The line between two samples, as samples of its ends.</summary>
    public (PowerSample A, PowerSample B) Line(PowerSample a, PowerSample b)
    {
        var (left, right) = Ends(a.Milliwatts, b.Milliwatts);
        return (new(a.AtMicroseconds, left), new(b.AtMicroseconds, right));
    }
}
