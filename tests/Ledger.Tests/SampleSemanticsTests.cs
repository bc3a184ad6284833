using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.StreamedCurves;

namespace Ledger.Tests;

/// <summary>What each meaning of a sample gives in energy, coverage and gaps, counted by hand.</summary>
public sealed class SampleSemanticsTests
{
    // 10 kW at 1 s, 20 kW at 2 s, nothing until 8 s, 30 kW at 8 s; nominally a second apart.
    private static readonly PowerSample[] Curve =
        [new(1 * Second, 10_000_000), new(2 * Second, 20_000_000), new(8 * Second, 30_000_000)];

    [Theory]
    [InlineData(SampleSemantics.Instant, 15, 1)] // the trapezoid between the two
    [InlineData(SampleSemantics.Hold, 10, 1)] // the first one until the second
    [InlineData(SampleSemantics.MeanForward, 60, 3)] // a second after each
    [InlineData(SampleSemantics.MeanBack, 60, 3)] // a second before each
    public void A_meaning_has_its_energy_and_coverage(SampleSemantics semantics, int kilowattSeconds, int seconds)
    {
        var whole = Integral(semantics, 0, 10);
        whole.Import.ShouldBe(new Energy((Int128)kilowattSeconds * 1_000_000 * Second * 2));
        whole.Export.ShouldBe(Energy.Zero);
        whole.CoveredMicroseconds.ShouldBe(seconds * Second);
        whole.Samples.ShouldBe(3);
        (whole.Minimum, whole.Maximum).ShouldBe((Power.FromKilowatts(10), Power.FromKilowatts(30)));
    }

    [Fact]
    public void A_gap_is_what_no_sample_speaks_of()
    {
        Integral(SampleSemantics.Instant, 0, 10).Gaps.ShouldBe([Gap(0, 1), Gap(2, 8), Gap(8, 10)]);
        Integral(SampleSemantics.Hold, 0, 10).Gaps.ShouldBe([Gap(0, 1), Gap(2, 8), Gap(8, 10)]);
        Integral(SampleSemantics.MeanForward, 0, 10).Gaps.ShouldBe([Gap(0, 1), Gap(3, 8), Gap(9, 10)]);
        Integral(SampleSemantics.MeanBack, 0, 10).Gaps.ShouldBe([Gap(2, 7), Gap(8, 10)]);
    }

    [Fact]
    public void A_sample_at_an_edge_counts_where_it_speaks_of()
    {
        (Integral(SampleSemantics.MeanForward, 1, 2).Samples, Integral(SampleSemantics.MeanForward, 2, 3).Samples)
            .ShouldBe((1, 1));
        Integral(SampleSemantics.MeanForward, 1, 2).Import.ShouldBe(Integral(SampleSemantics.Hold, 1, 2).Import);
        var back = Integral(SampleSemantics.MeanBack, 1, 2);
        (back.Samples, back.Maximum, back.CoveredMicroseconds).ShouldBe((1, Power.FromKilowatts(20), Second));
        Integral(SampleSemantics.MeanBack, 0, 1).Maximum.ShouldBe(Power.FromKilowatts(10));
        Integral(SampleSemantics.MeanBack, 8, 10).Samples.ShouldBe(0);
    }

    [Fact]
    public void A_distance_up_to_three_nominal_periods_is_bridged_and_no_longer_one()
    {
        foreach (var semantics in Enum.GetValues<SampleSemantics>())
        {
            var declared = new SampleDeclaration(semantics, Second);
            declared.MaxGapMicroseconds.ShouldBe(3 * Second);
            Covered(3 * Second).ShouldBe(3 * Second + Beside());
            Covered(3 * Second + 1).ShouldBe(2 * Beside());

            long Beside() => semantics is SampleSemantics.MeanBack or SampleSemantics.MeanForward ? Second : 0;
            long Covered(long apart) => PowerCurve.Integrate(
                [new(10 * Second, 1), new(10 * Second + apart, 1)], [Between(0, 20 * Second)], declared)[0]
                .CoveredMicroseconds;
        }
        new SampleDeclaration(SampleSemantics.Hold, 20_000).MaxGapMicroseconds.ShouldBe(2 * Second);
    }

    [Fact]
    public void The_ramps_of_a_level_curve_are_its_steps()
    {
        PowerSample[] curve = [.. Enumerable.Range(0, 30).Select(i => new PowerSample(i * Second, i * 1000 + i % 2))];
        foreach (var semantics in Enum.GetValues<SampleSemantics>())
        {
            var one = PowerCurve.Integrate(
                curve, [Between(0, 30 * Second)], new SampleDeclaration(semantics, Second))[0];
            one.Ramp1sMilliwattsMax.ShouldBe(1001);
            one.Ramp10sMilliwattsMax.ShouldBe(10_000);
        }
        PowerCurve.Integrate(curve, [Between(0, 30 * Second)], Duration.FromSeconds(2))[0]
            .Ramp10sMilliwattsMax.ShouldBeNull();
    }

    [Fact]
    public void What_no_stream_can_be_is_refused()
    {
        foreach (var semantics in new[] { (SampleSemantics)0, (SampleSemantics)5 })
            Should.Throw<ArgumentOutOfRangeException>(() => new SampleDeclaration(semantics, 1));
        foreach (var nominal in new[] { 0, SampleDeclaration.NominalMicrosecondsMax + 1 })
            Should.Throw<ArgumentOutOfRangeException>(() => new SampleDeclaration(SampleSemantics.Hold, nominal));
        Should.Throw<ArgumentOutOfRangeException>(() => new SampleDeclaration(SampleSemantics.Hold, 1, -1));
        Should.Throw<ArgumentOutOfRangeException>(() => new CurveGrid(0, 0));
    }

    [Fact]
    public void A_grid_has_periods_before_and_after_its_origin_and_cells_in_them()
    {
        var grid = new CurveGrid(100, 900, 150, 1050, 1000);
        grid.PeriodOf(99).ShouldBe((-800L, 100L));
        grid.PeriodOf(100).ShouldBe((100L, 1000L));
        grid.CellOf(149).ShouldBe((100L, 150L));
        grid.CellOf(150).ShouldBe((150L, 1000L));
        grid.CellOf(1000).ShouldBe((1000L, 1050L));
        grid.CellOf(1050).ShouldBe((1050L, 1900L));
        (grid.IsEdge(150), grid.IsEdge(151), grid.IsEdge(-800), grid.IsEdge(1000)).ShouldBe((true, false, true, true));
    }

    private static PeriodIntegral Integral(SampleSemantics semantics, int from, int to) => PowerCurve.Integrate(
        Curve, [Between(from * Second, to * Second)], new SampleDeclaration(semantics, Second))[0];

    private static CurveGap Gap(int from, int to) => new(Between(from * Second, to * Second));
}
