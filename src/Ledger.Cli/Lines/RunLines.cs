using System.Globalization;
using System.Text;
using Ledger.Cli.Bundles;
using Ledger.Domain;

namespace Ledger.Cli.Lines;

/// <summary>A recorded settlement run and its lines, all of them or the first: those of energy, and after them the
/// charges beside energy and what is paid for flexibility, under the same root.</summary>
/// <param name="Position">Where the run was recorded.</param>
/// <param name="Lines">Of energy.</param>
/// <param name="Flexibility">As texts: a call rests on the points of others too, so that no such line is proven
/// alone.</param>
internal sealed record RunLines(
    long Position, SettlementRunCompleted Run, IReadOnlyList<StatementLine> Lines,
    IReadOnlyList<StatementCharge> Charges, IReadOnlyList<string> Flexibility)
{
    public IReadOnlyList<string> Texts { get; } =
        [.. Lines.Select(line => line.Canonical()), .. Charges.Select(charge => charge.Canonical()), .. Flexibility];

    /// <summary>How many of the texts are examined: lines, and the charges of points. What the account owes as a whole
    /// stands after them and rests on all of its points; and so do all charges where it matters on which days a point
    /// was settled.</summary>
    public int Examinable => Lines.Count + (Settlement.CountsSettledDays(Run.RuleVersion) ? 0
        : Charges.Count(charge => charge.Point is not null));

    public bool IsWhole => Texts.Count == Run.Lines;

    public string FileName =>
        BundleFiles.StatementsFolder + Position.ToString(CultureInfo.InvariantCulture) + BundleFiles.LinesExtension;

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(string.Concat(Texts.Select(text => text + '\n')));

    /// <summary>The charge at an index of the texts; null where a line of energy stands there.</summary>
    public StatementCharge? ChargeAt(int index) => index < Lines.Count ? null : Charges[index - Lines.Count];

    /// <summary>What no statement has, whatever its facts: lines out of their order, of which no two are of one time,
    /// charges and payments that stand twice, and of a whole run another total than the sum.</summary>
    public IEnumerable<string> Faults()
    {
        foreach (var (before, line) in Lines.Zip(Lines.Skip(1)))
            if (!Follows(before, line))
                yield return $"line {line.Number}: {line.Point} {line.Direction} from {line.Period.Start} after "
                    + $"{before.Point} {before.Direction} until {before.Period.End}";
        var (charges, paid) = (new HashSet<ChargeKey>(), new HashSet<string>());
        foreach (var charge in Charges)
            if (!charges.Add(ChargeKey.From(charge)))
                yield return $"line {charge.Number}: {charge.Part} {charge.Name} of "
                    + $"{ChargeKey.From(charge).Whose} stands twice";
        foreach (var text in Flexibility)
            if (!paid.Add(FlexibilityLine.KeyIn(text)))
                yield return $"'{text}' stands twice";
        var sum = Lines.Sum(line => line.Amount ?? 0m) + Charges.Sum(charge => charge.Amount ?? 0m)
            + Flexibility.Sum(text => FlexibilityLine.AmountIn(text) ?? 0m);
        if (IsWhole && sum != Run.Total)
            yield return string.Create(CultureInfo.InvariantCulture, $"total {Run.Total}, and {sum} by its lines");
    }

    /// <summary>By point, direction and time.</summary>
    private static bool Follows(StatementLine before, StatementLine line) =>
        before.Point.CompareTo(line.Point) is var point and not 0 ? point < 0
        : before.Direction != line.Direction ? before.Direction < line.Direction
        : before.Period.End <= line.Period.Start;

    /// <summary>The first so many of the texts.</summary>
    public RunLines Beginning(int count) => new(Position, Run, [.. Lines.Take(count)],
        [.. Charges.Take(Math.Max(0, count - Lines.Count))],
        [.. Flexibility.Take(Math.Max(0, count - Lines.Count - Charges.Count))]);

    /// <summary>What the texts before the one at an index leave over to it.</summary>
    public LineCarry CarryBefore(int index) => Charges.Take(Math.Max(0, index - Lines.Count))
        .Aggregate(LineCarry.Before(Lines, Math.Min(index, Lines.Count)), (carry, charge) => carry.After(charge));

    /// <summary>Throws <see cref="FormatException"/> where the text is not lines of a statement, numbered from 1
    /// on, with the charges at its end.</summary>
    public static RunLines Read(long position, SettlementRunCompleted run, byte[] file)
    {
        var texts = Encoding.UTF8.GetString(file).Split('\n');
        if (texts[^1].Length > 0) throw new FormatException("the last line has no end");
        var flexibility = texts[..^1].SkipWhile(text => !IsFlexibility(text)).ToList();
        if (flexibility.FirstOrDefault(text => !IsFlexibility(text)) is { } stray)
            throw new FormatException($"'{stray}' stands after what is paid for flexibility");
        var charges = texts[..^(flexibility.Count + 1)].SkipWhile(text => !StatementText.IsCharge(text))
            .Select(StatementText.ParseCharge).ToList();
        var lines = texts[..^(flexibility.Count + charges.Count + 1)].Select(StatementText.Parse).ToList();
        var numbers = lines.Select(line => line.Number).Concat(charges.Select(charge => charge.Number)).Index();
        foreach (var (i, number) in numbers)
            if (number != i + 1) throw new FormatException($"line {i + 1} is numbered {number}");
        return texts.Length - 1 <= run.Lines ? new(position, run, lines, charges, flexibility)
            : throw new FormatException($"{texts.Length - 1} lines, the run has {run.Lines}");
    }

    private static bool IsFlexibility(string text) =>
        text.StartsWith(FlexibilityLine.Mark + '|', StringComparison.Ordinal);
}
