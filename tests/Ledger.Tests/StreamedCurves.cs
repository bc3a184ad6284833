using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Random streams, their arrival, and how an integral is compared with that of the batch.</summary>
internal static class StreamedCurves
{
    public const long Second = 1_000_000;
    public const long Span = 60 * Second;
    public static readonly CurveGrid Grid = new(0, 15 * Second, 7 * Second, 20_250_000, 37 * Second + 1);
    public static readonly long[] Edges =
        [0, 7 * Second, 15 * Second, 20_250_000, 30 * Second, 37 * Second + 1, 45 * Second, 60 * Second];

    private static Gen<long> Of(params long[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    public static readonly Gen<SampleDeclaration> Declarations = Gen.Select(
        Gen.Enum<SampleSemantics>(), Of(20_000L, 250_000L, 1_000_000L, 1_500_000L),
        Of(0L, 250_000L, 5 * Second, 20 * Second, SampleDeclaration.NeverLate),
        (semantics, nominal, lateness) => new SampleDeclaration(semantics, nominal, lateness));

    private static readonly Gen<long> Powers = Gen.Frequency(
        (6, Gen.Long[-1_000_000_000, 1_000_000_000]), (3, Gen.Long[0, 1_000_000_000]), (1, Gen.Const(0L)),
        (2, Gen.Long[-3, 3]),
        (1, Of(Limits.PowerMilliwattsMax, -Limits.PowerMilliwattsMax, 7L, 7L)));

    /// <summary>Stretches of even spacing and of random times, with gaps between, repeats, and edges met exactly.</summary>
    public static readonly Gen<PowerSample[]> Curves = Gen.OneOf(
        Gen.Select(Gen.Select(Gen.Long[0, Span - 1], Powers, (t, p) => new PowerSample(t, p)).Array[0, 60], Steady(),
            (some, steady) => some.Concat(steady).ToArray()),
        Gen.Select(Gen.Select(Gen.Long[0, 239].Select(q => q * 250_000), Powers,
            (t, p) => new PowerSample(t, p)).Array[0, 200], curve => curve),
        Steady());

    private static Gen<PowerSample[]> Steady() =>
        from step in Of(20_000L, 100_000L, 250_000L, 300_000L, 1_000_000L, 2_500_000L)
        from start in Gen.Long[0, 39].Select(second => second * Second)
        from sign in Of(1L, 1L, -1L, 0L)
        from powers in Powers.Array[0, 300]
        select powers.Select((p, i) => new PowerSample(start + i * step, sign == 0 ? p : sign * Math.Abs(p)))
            .Where(sample => sample.AtMicroseconds < Span).ToArray();

    /// <summary>An order of arrival in which no sample is later than the lateness.</summary>
    public static PowerSample[] Arrival(PowerSample[] curve, long lateness, int seed)
    {
        var random = new Random(seed);
        var reach = Math.Min(lateness, 2 * Span);
        return [.. curve.Select(sample => (sample, key: sample.AtMicroseconds
                + (reach == 0 || random.Next(3) == 0 ? 0 : random.NextInt64(reach)), tie: random.Next()))
            .OrderBy(at => at.key).ThenBy(at => at.tie).Select(at => at.sample)];
    }

    public static IReadOnlyList<Interval> Periods { get; } =
        [.. Edges.Zip(Edges.Skip(1), Between), Between(0, 15 * Second), Between(15 * Second, 60 * Second),
            Between(0, 60 * Second)];

    /// <summary>The reference, one period at a time: periods that overlap cannot be integrated together.</summary>
    public static PeriodIntegral[] Reference(PowerSample[] curve, SampleDeclaration declaration) =>
        [.. Periods.Select(period => PowerCurve.Integrate(curve, [period], declaration)[0])];

    public static CurveAccumulator Fed(
        PowerSample[] arrived, SampleDeclaration declaration, int seed, CurveScratch scratch)
    {
        var accumulator = new CurveAccumulator(declaration, Grid);
        Feed(accumulator, arrived, seed, scratch);
        return accumulator;
    }

    /// <summary>In calls of random lengths.</summary>
    public static void Feed(CurveAccumulator accumulator, PowerSample[] arrived, int seed, CurveScratch scratch)
    {
        var random = new Random(seed);
        for (var i = 0; i < arrived.Length;)
        {
            var count = Math.Min(arrived.Length - i, random.Next(4) == 0 ? random.Next(1, 200) : random.Next(1, 12));
            accumulator.Accumulate(arrived.AsSpan(i, count), scratch);
            i += count;
        }
    }

    public static void Same(IReadOnlyList<PeriodIntegral> one, IReadOnlyList<PeriodIntegral> other)
    {
        one.Count.ShouldBe(other.Count);
        for (var i = 0; i < one.Count; i++)
        {
            one[i].Gaps.ShouldBe(other[i].Gaps, $"{one[i].Period}");
            (one[i] with { Gaps = other[i].Gaps }).ShouldBe(other[i]);
        }
    }

    public static Interval Between(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
