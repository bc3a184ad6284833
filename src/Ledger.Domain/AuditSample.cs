using System.Numerics;

namespace Ledger.Domain;

/// <summary>One line that could be drawn. Lines stand in the order of their runs' positions, then of their
/// numbers.</summary>
/// <param name="Run">The position at which its settlement run was recorded.</param>
/// <param name="Amount">What the line says; null where it has none.</param>
public sealed record SampleItem(long Run, int Number, decimal? Amount);

/// <summary>How a line came into the sample.</summary>
public enum SampleStratum
{
    /// <summary>At least the sampling interval: examined for certain, not by chance.</summary>
    Certain = 1,
    /// <summary>Drawn by value: each unit of money had the same chance.</summary>
    ByValue = 2,
    /// <summary>Zero or no amount, which value never draws: each line had the same chance.</summary>
    WithoutValue = 3,
}

/// <param name="Hits">How often it was drawn: a line across two intervals may be drawn by both.</param>
public sealed record DrawnLine(SampleItem Item, SampleStratum Stratum, int Hits);

/// <summary>A stratum: its lines, their value and what was drawn.</summary>
/// <param name="Value">Sum of the amounts without their signs.</param>
/// <param name="Hits">How often a line was drawn from it; every line of it where it is examined whole.</param>
public sealed record SampledStratum(SampleStratum Stratum, int Lines, decimal Value, int Drawn, int Hits);

/// <summary>
/// A sample of statement lines, stratified by amount: stratification and value-weighted selection after ISA 530,
/// appendix 1, selected as monetary units after appendix 4(c). The amount counts without its sign. Lines of at least
/// the sampling interval, value divided by the lines still to draw, are taken for certain, and the interval is
/// calculated anew until none is left. The other value is cut into as many intervals as lines are left, and in each one
/// unit is drawn (cell selection, so that a pattern in the order of lines meets no pattern of the selection). Lines
/// without value, which this never draws, give a tenth of the sample by simple random selection; the tenth is ours.
/// </summary>
public sealed record AuditSample(
    IReadOnlyList<DrawnLine> Drawn, IReadOnlyList<SampledStratum> Strata, Fraction Interval)
{
    public const int LinesMax = 10_000;
    private const int WithoutValuePart = 10;

    public SampledStratum this[SampleStratum stratum] => Strata.First(each => each.Stratum == stratum);

    /// <param name="lines">How many to draw, 1 to <see cref="LinesMax"/>; all where there are no more.</param>
    /// <param name="decimals">Those of a unit of money, which every amount is a whole number of.</param>
    public static AuditSample Draw(IReadOnlyList<SampleItem> items, int lines, string seed, int decimals)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(lines, 1);
        var scale = (decimal)BigInteger.Pow(10, decimals);
        BigInteger Units(SampleItem item) => (BigInteger)(Math.Abs(item.Amount ?? 0m) * scale);
        var valued = items.Where(item => Units(item) > 0).ToList();
        var worthless = items.Where(item => Units(item) == 0).ToList();
        var apart = Math.Min(worthless.Count, Math.Max(lines - valued.Count,
            lines == 1 && valued.Count > 0 ? 0 : Math.Max(1, lines / WithoutValuePart)));
        var (certain, rest, cells) = Certain(valued, lines - apart, Units);
        var value = rest.Aggregate(BigInteger.Zero, (sum, item) => sum + Units(item));
        var byValue = ByValue(rest, cells, value, new(seed, "by value"), Units);
        var without = ByChance(worthless, apart, new(seed, "without value"));
        return new(
            [
                .. certain.Select(item => new DrawnLine(item, SampleStratum.Certain, 1))
                    .Concat(byValue).Concat(without.Select(item => new DrawnLine(item, SampleStratum.WithoutValue, 1)))
                    .OrderBy(drawn => drawn.Item.Run).ThenBy(drawn => drawn.Item.Number),
            ],
            [
                Of(SampleStratum.Certain, certain, certain.Count, certain.Count),
                Of(SampleStratum.ByValue, rest, byValue.Count, cells),
                Of(SampleStratum.WithoutValue, worthless, without.Count, without.Count),
            ],
            cells == 0 ? Fraction.Zero : new Fraction(value, BigInteger.Pow(10, decimals) * cells));

        static SampledStratum Of(SampleStratum stratum, IReadOnlyList<SampleItem> items, int drawn, int hits) =>
            new(stratum, items.Count, items.Sum(item => Math.Abs(item.Amount ?? 0m)), drawn, hits);
    }

    private static (List<SampleItem> Certain, List<SampleItem> Smaller, int Cells) Certain(
        List<SampleItem> valued, int lines, Func<SampleItem, BigInteger> units)
    {
        var (certain, rest) = (new List<SampleItem>(), valued);
        while (true)
        {
            var cells = lines - certain.Count;
            var value = rest.Aggregate(BigInteger.Zero, (sum, item) => sum + units(item));
            var large = rest.Where(item => units(item) * cells >= value).ToList();
            if (cells == 0 || large.Count == 0) return (certain, rest, rest.Count == 0 ? 0 : cells);
            certain.AddRange(large);
            rest = [.. rest.Except(large)];
        }
    }

    /// <summary>Unit ⌊(cell + r / 2^64) · value / cells⌋ of each cell, r the next random number.</summary>
    private static List<DrawnLine> ByValue(
        List<SampleItem> rest, int cells, BigInteger value, SeededDraw random, Func<SampleItem, BigInteger> units)
    {
        var drawn = new List<DrawnLine>();
        var (line, before) = (0, BigInteger.Zero);
        for (var cell = 0; cell < cells; cell++)
        {
            var unit = (((BigInteger)cell << 64) + random.Next()) * value / ((BigInteger)cells << 64);
            for (; before + units(rest[line]) <= unit; line++) before += units(rest[line]);
            if (drawn is [.., { } last] && last.Item == rest[line]) drawn[^1] = last with { Hits = last.Hits + 1 };
            else drawn.Add(new(rest[line], SampleStratum.ByValue, 1));
        }
        return drawn;
    }

    /// <summary>Without replacement: a shuffle of which only the beginning is made.</summary>
    private static List<SampleItem> ByChance(IEnumerable<SampleItem> items, int count, SeededDraw random)
    {
        var open = items.ToList();
        for (var i = 0; i < count; i++)
        {
            var other = i + random.Below(open.Count - i);
            (open[i], open[other]) = (open[other], open[i]);
        }
        return open[..count];
    }
}
