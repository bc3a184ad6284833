using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A curve whose times are a rule is integrated as its samples are, to the last integer.</summary>
public sealed class EvenCurveTests
{
    private static readonly SettlementPointId Point = new("ST1/CP1");

    private static readonly long[] Steps = [20_000, 50_000, 300_000, 1_000_000, 3_000_000, 7_000_000];

    // Long runs on one side of zero, so that blocks are summed whole, and now and then the largest powers.
    private static readonly Gen<long[]> Powers = Gen.Frequency(
            (3, Gen.Long[0, 1_000_000_000]), (3, Gen.Long[-1_000_000_000, 0]), (2, Gen.Long[-5, 5]),
            (1, Gen.Int[-1, 1].Select(sign => sign * (Limits.PowerMilliwattsMax - 2))))
        .SelectMany(level => Gen.Long[-2, 2].Select(noise => level + noise).Array[0, 700]).Array[1, 3]
        .Select(runs => runs.SelectMany(run => run).ToArray());

    private static readonly Gen<(long First, long Step, long[] Powers)> Curves = Gen.Select(
        Gen.Long[-20_000_000, 20_000_000], Gen.Int[0, Steps.Length - 1], Powers,
        (first, step, powers) => (first, Steps[step], powers));

    private static readonly Gen<Interval[]> Periods = Gen.Long[1, 40_000_000].Array[1, 6].Select(lengths =>
    {
        var at = -10_000_000L;
        return lengths.Select(length => Between(at, at += length)).ToArray();
    });

    [Fact]
    public void Its_integral_is_that_of_its_samples() => Gen.Select(Curves, Periods,
        Gen.OneOf(Consts(0, 299_999, 300_000, 3_000_000, 10_000_000))).Sample((curve, periods, gap) =>
    {
        var even = EvenCurve.Of(curve.First, curve.Step, curve.Powers);
        PowerSample[] samples =
            [.. curve.Powers.Select((power, i) => new PowerSample(curve.First + (i * curve.Step), power))];
        even.ToSamples().ShouldBe(samples);
        PowerCurve.DefaultMaxGap(even).ShouldBe(PowerCurve.DefaultMaxGap(samples));
        var maxGap = Duration.FromTicks(gap * 10);
        StreamedCurves.Same(PowerCurve.Integrate(even, periods, maxGap),
            PowerCurve.Integrate(samples, periods, maxGap));
    }, iter: LongRun.Samples / 5);

    [Fact]
    public void A_part_of_it_is_the_curve_of_those_samples() => Gen.Select(Curves, Gen.Double[0, 1], Gen.Double[0, 1])
        .Sample((curve, from, to) =>
    {
        var even = EvenCurve.Of(curve.First, curve.Step, curve.Powers);
        var (first, end) = ((int)(from * even.Count), (int)(to * even.Count));
        if (first > end) (first, end) = (end, first);
        even.Slice(first, end - first).ToSamples().ShouldBe(even.ToSamples()[first..end]);
        foreach (var at in new[] { curve.First - 1, curve.First, curve.First + 1, curve.First + (end * curve.Step),
            curve.First + (end * curve.Step) + 1, long.MinValue, long.MaxValue })
            even.CountBefore(at).ShouldBe(even.ToSamples().Count(sample => sample.AtMicroseconds < at));
    });

    [Fact]
    public void No_sample_is_beyond_its_bounds()
    {
        const long most = Limits.PowerMilliwattsMax, latest = PowerSample.AtMicrosecondsMax;
        EvenCurve.Of(-latest, 2 * latest, new[] { most, -most }).At(1).ShouldBe(latest);
        EvenCurve.Of(latest + 1, 1, Array.Empty<long>()).Count.ShouldBe(0);
        foreach (var power in new[] { most + 1, -most - 1, long.MinValue, long.MaxValue })
            Should.Throw<ArgumentOutOfRangeException>(() => EvenCurve.Of(0, 1, new[] { 0, 0, 0, 0, 0, power }))
                .Message.ShouldContain("PowerMilliwattsMax");
        Should.Throw<ArgumentOutOfRangeException>(() => EvenCurve.Of(-latest - 1, 1, new[] { 0L }));
        Should.Throw<ArgumentOutOfRangeException>(() => EvenCurve.Of(latest, 1, new[] { 0L, 0 }));
        Should.Throw<ArgumentOutOfRangeException>(() => EvenCurve.Of(0, long.MaxValue, new long[1000]));
        Should.Throw<ArgumentOutOfRangeException>(() => EvenCurve.Of(0, 0, new[] { 0L }));
    }

    [Fact]
    public void Of_no_sample_everything_is_missing()
    {
        var period = Between(0, 5_000_000);
        PowerCurve.DefaultMaxGap(default(EvenCurve)).ShouldBe(Duration.FromSeconds(2));
        var integral = PowerCurve.Integrate(default(EvenCurve), [period], Duration.Zero)[0];
        (integral.Samples, integral.CoveredMicroseconds).ShouldBe((0, 0));
        integral.Gaps.ShouldHaveSingleItem().Missing.ShouldBe(period);
    }

    /// <summary>The same samples as a file that the ledger packed, as text, and as a file for each half of them: three
    /// ways to read and to put together, and one record.</summary>
    [Fact]
    public Task A_record_is_derived_alike_from_every_form_of_its_evidence() => Gen.Select(
        Gen.Long[0, 5_000], Gen.OneOf(Consts(250, 300, 1_000, 3_000)), Powers.Where(powers => powers.Length > 2),
        Gen.Long[-3_000, 60_000], Gen.Long[1, 90_000]).SampleAsync(async (first, step, powers, start, length) =>
    {
        const long epoch = 1_700_000_000_000; // Unix ms of 2023
        PowerSample[] samples =
            [.. powers.Select((power, i) => new PowerSample((epoch + first + (i * step)) * 1000, power))];
        var period = Between((epoch + start) * 1000, (epoch + start + length) * 1000);
        var half = samples.Length / 2;
        var packed = await PackedAsync(samples);
        var text = Encoding.UTF8.GetBytes("point,time,kw\n" + string.Concat(samples.Select(sample =>
            string.Create(CultureInfo.InvariantCulture,
                $"{Point},{sample.AtMicroseconds / 1000},{sample.Milliwatts / 1_000_000m}\n"))));
        byte[][] halves = [await PackedAsync(samples[..half]), await PackedAsync(samples[half..])];
        var manifest = EvidenceManifest.Of([.. halves.Select(DigestOf)]);
        var expected = Derived(packed);
        StreamedCurves.Same([Derived(text).Integral], [expected.Integral]);
        Derived(text).IsClosed.ShouldBe(expected.IsClosed);
        var union = Derived(manifest, halves);
        StreamedCurves.Same([union.Integral], [expected.Integral]);
        union.IsClosed.ShouldBe(expected.IsClosed);

        (PeriodIntegral Integral, bool IsClosed) Derived(byte[] evidence, params byte[][] others)
        {
            var kept = others.Append(evidence).DistinctBy(DigestOf).ToDictionary(DigestOf);
            var nothing = PowerCurve.Integrate(default(EvenCurve), [period], Duration.Zero)[0];
            var record = IntervalRecords.From(
                Point, nothing, IntervalRecordState.Final, 0, 0, ReadingQuality.Measured, DigestOf(evidence));
            return new RecordVerification(digest => kept.GetValueOrDefault(digest), new Findings()).Derive(record);
        }
    }, iter: LongRun.Samples / 20, threads: 1);

    private static Gen<long>[] Consts(params long[] values) => [.. values.Select(value => Gen.Const(value))];

    private static async Task<byte[]> PackedAsync(PowerSample[] samples)
    {
        using var file = new MemoryStream();
        await CurveParquet.WriteAsync(
            file, [new PointCurve(Point, samples)], ct: TestContext.Current.CancellationToken);
        return file.ToArray();
    }

    private static EvidenceDigest DigestOf(byte[] bytes) => new(Convert.ToHexStringLower(SHA256.HashData(bytes)));

    private static Interval Between(long from, long to) =>
        new(Instant.FromUnixTimeTicks(from * 10), Instant.FromUnixTimeTicks(to * 10));
}
