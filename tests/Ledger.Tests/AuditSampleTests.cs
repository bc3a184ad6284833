using System.Numerics;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Drawing and projecting by monetary units; the figures of the tables are calculated by hand.</summary>
public sealed class AuditSampleTests
{
    /// <summary>The factors of the AICPA's table, and those of the quantiles of χ² divided by two, to four decimals and
    /// never below: 2.99573…, 4.74386…, 6.29579…, 2.30258…, 4.60517….</summary>
    [Theory]
    [InlineData(0, 95, 29958), InlineData(1, 95, 47439), InlineData(2, 95, 62958), InlineData(3, 95, 77537)]
    [InlineData(0, 90, 23026), InlineData(1, 90, 38898), InlineData(0, 99, 46052), InlineData(0, 50, 6932)]
    [InlineData(10, 95, 169623), InlineData(50, 95, 632871)]
    public void Confidence_factors_are_those_of_the_tables(int misstatements, int percent, int tenThousandths) =>
        ConfidenceFactor.Of(misstatements, percent).ShouldBe(new Fraction(tenThousandths, 10_000));

    /// <summary>The generator is part of the format, so its first numbers are fixed: they are what
    /// <c>printf 'ledger-sample/1\nby value\nabc\n0\n' | sha256sum</c> begins with.</summary>
    [Fact]
    public void The_generator_gives_the_numbers_of_sha256sum()
    {
        var draw = new SeededDraw("abc", "by value");
        draw.Next().ShouldBe(10378994237373744197UL);
        draw.Next().ShouldBe(4776415137388548416UL);
        var counts = new int[3];
        var below = new SeededDraw("abc", "without value");
        for (var i = 0; i < 3000; i++) counts[below.Below(3)]++;
        counts.ShouldAllBe(count => count > 900 && count < 1100);
    }

    private static List<SampleItem> Items(params decimal?[] amounts) =>
        [.. amounts.Select((amount, i) => new SampleItem(7, i + 1, amount))];

    [Fact]
    public void The_largest_are_certain_the_value_is_drawn_and_a_tenth_is_without_value()
    {
        // 1000 is more than 1460 / 9 = 162.2; then 460 / 8 = 57.5 takes 60 and -60; then 340 / 6 is 56.7.
        var items = Items([1000m, 60m, -60m, .. Enumerable.Repeat((decimal?)17m, 20), 0m, null, 0m]);
        var sample = AuditSample.Draw(items, 10, "a seed", 0);
        sample[SampleStratum.Certain].ShouldBe(new(SampleStratum.Certain, 3, 1120m, 3, 3));
        sample.Interval.ShouldBe(new Fraction(340, 6));
        sample[SampleStratum.ByValue].ShouldSatisfyAllConditions(
            stratum => stratum.Lines.ShouldBe(20), stratum => stratum.Value.ShouldBe(340m),
            stratum => stratum.Hits.ShouldBe(6));
        sample[SampleStratum.WithoutValue].ShouldBe(new(SampleStratum.WithoutValue, 3, 0m, 1, 1));
        sample.Drawn.Where(drawn => drawn.Stratum == SampleStratum.ByValue).Sum(drawn => drawn.Hits).ShouldBe(6);
        sample.Drawn.Select(drawn => drawn.Item.Number).ShouldBeInOrder();
        // The same again, and another by another seed.
        AuditSample.Draw(items, 10, "a seed", 0).Drawn.ShouldBe(sample.Drawn);
        Enumerable.Range(0, 20).ShouldContain(i => !AuditSample.Draw(items, 10, $"{i}", 0).Drawn
            .SequenceEqual(sample.Drawn));
    }

    [Fact]
    public void As_many_lines_as_there_are_are_all_taken()
    {
        var items = Items(1m, 2m, 0m, null, -3.25m);
        foreach (var lines in (int[])[5, 6, 100])
            AuditSample.Draw(items, lines, "x", 2).Drawn.Select(drawn => drawn.Item).ShouldBe(items);
        AuditSample.Draw(Items(0m, null), 1, "x", 2).Drawn.Count.ShouldBe(1);
        AuditSample.Draw(Items(5m, 0m), 1, "x", 2).Drawn.ShouldHaveSingleItem().Item.Number.ShouldBe(1);
    }

    /// <summary>Of any population and size: as many as asked, each cell one hit, no line beyond its interval.</summary>
    [Fact]
    public void Any_population_is_drawn_by_its_rule()
    {
        var random = new Random(530);
        for (var round = 0; round < 400; round++)
        {
            var items = Items([.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(4) == 0 ? (decimal?)0m
                : random.Next(-500, 500) / 100m)]);
            var lines = random.Next(1, 70);
            var sample = AuditSample.Draw(items, lines, $"{round}", 2);
            sample.Strata.Sum(stratum => stratum.Hits).ShouldBe(Math.Min(lines, items.Count));
            sample.Drawn.Select(drawn => drawn.Item).Distinct().Count().ShouldBe(sample.Drawn.Count);
            foreach (var drawn in sample.Drawn.Where(drawn => drawn.Stratum == SampleStratum.ByValue))
                (new Fraction((BigInteger)(Math.Abs(drawn.Item.Amount!.Value) * 100), 100) < sample.Interval)
                    .ShouldBeTrue();
        }
    }

    /// <summary>A line of three times the value is drawn three times as often.</summary>
    [Fact]
    public void Each_unit_of_money_has_the_same_chance()
    {
        var hits = new int[5];
        for (var i = 0; i < 4000; i++)
            foreach (var drawn in AuditSample.Draw(Items(1m, 3m, 2m, 1m, 3m), 2, $"{i}", 2).Drawn)
                hits[drawn.Item.Number - 1] += drawn.Hits;
        hits.Sum().ShouldBe(8000);
        for (var i = 0; i < 5; i++) Math.Abs(hits[i] - 800 * new[] { 1, 3, 2, 1, 3 }[i]).ShouldBeLessThan(150);
    }

    /// <summary>
    /// Interval 100. Of a line of 40 that should be 30 the taint is 1/4, of one of -20 that should be -22 it is -1/10:
    /// projected 25 less 10. Too high by at most 100 · (2.9958 + (4.7439 − 2.9958) / 4), too low by at most
    /// 100 · (2.9958 + 0.17481), and 5 of a certain line that should be 495 on top of the first.
    /// </summary>
    /// <summary>21 474 836.48 is the first amount of cents that needs the sign of a word.</summary>
    [Theory]
    [InlineData("21474836.47"), InlineData("21474836.48"), InlineData("-42949672.96"), InlineData("184467440737095516.16")]
    public void Any_amount_is_evaluated(string amount)
    {
        var said = decimal.Parse(amount, System.Globalization.CultureInfo.InvariantCulture);
        var sample = AuditSample.Draw(Items(said), 1, "x", 2);
        var found = AuditEvaluation.Of(sample, [new(sample.Drawn[0], null, true)], 95);
        found.Projected.ShouldBe(Fraction.Of(Math.Abs(said)));
    }

    [Fact]
    public void Exceptions_are_projected_as_calculated_by_hand()
    {
        DrawnLine Drawn(int number, decimal? amount, SampleStratum stratum) => new(new(1, number, amount), stratum, 1);
        DrawnLine[] drawn =
        [
            Drawn(1, 500m, SampleStratum.Certain), Drawn(2, 40m, SampleStratum.ByValue),
            Drawn(3, -20m, SampleStratum.ByValue), Drawn(4, 0m, SampleStratum.WithoutValue),
        ];
        var sample = new AuditSample(drawn,
            [
                new(SampleStratum.Certain, 1, 500m, 1, 1), new(SampleStratum.ByValue, 9, 200m, 2, 2),
                new(SampleStratum.WithoutValue, 10, 0m, 1, 1),
            ], new Fraction(100, 1));
        var found = AuditEvaluation.Of(sample,
            [new(drawn[0], 495m, true), new(drawn[1], 30m, true), new(drawn[2], -22m, true), new(drawn[3], 0m, false)],
            95);
        found.Known.ShouldBe(13m);
        found.Projected.ShouldBe(new Fraction(20, 1));
        found.OverstatedMax.ShouldBe(new Fraction(29958 * 4 + 47439 - 29958, 400) + 5);
        found.UnderstatedMax.ShouldBe(new Fraction(29958 * 10 + 47439 - 29958, 1000));
        found.DeviatingWithoutValueMax.ShouldBe(9); // no more than there are beside the one that is right
        (found.Deviations, found.Value, found.ValueExamined).ShouldBe((3, 700m, 560m));
        // What no evidence gives counts as misstated whole: ISA 530.11.
        new ExaminedLine(drawn[1], null, true).Overstated.ShouldBe(40m);
        new ExaminedLine(drawn[2], null, true).Overstated.ShouldBe(20m);
    }
}
