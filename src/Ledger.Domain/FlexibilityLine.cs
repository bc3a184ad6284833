using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>What a line of flexibility pays.</summary>
public enum FlexibilityKind
{
    Energy = 1,
    Penalty = 2,
    Redistribution = 3,
    /// <summary>Power that was declared ready, whether it was called or not.</summary>
    Availability = 4,
}

/// <summary>
/// A line of a statement that pays for flexibility: what a programme's payer owes the payee for a call or for power
/// held ready, or gets back of it. Above zero the payee pays (a penalty), below zero the payee is credited, as on every
/// line of a statement; null where it is not settled yet, and <paramref name="Problem"/> says why.
/// </summary>
/// <param name="Instruction">The call that it pays for; null where power is held ready and nobody called.</param>
/// <param name="Paid">The point, station or account that is paid together.</param>
/// <param name="Kwh">What counts: delivered energy, or the shortfall; of power held ready its kW times the hours; null
/// of a redistribution.</param>
/// <param name="Source">The rule pack and version by which it is scored, or the programme's version that states the
/// price.</param>
public sealed record FlexibilityLine(
    int Number, InstructionId? Instruction, ProgrammeId Programme, string Paid, Interval Covers, FlexibilityKind Kind,
    decimal? Kwh, decimal? Amount, string Currency, PartyId Payer, PartyId Payee, string Source, string? Problem)
{
    /// <summary>What the text of such a line begins with.</summary>
    public const string Mark = "flexibility";

    /// <summary>The line as the text that its leaf hashes.</summary>
    public string Canonical() => string.Join('|', Mark,
        Number.ToString(CultureInfo.InvariantCulture), Instruction?.Value ?? "-", Programme.Value, Paid,
        InstantPattern.ExtendedIso.Format(Covers.Start), InstantPattern.ExtendedIso.Format(Covers.End), Kind,
        Text(Kwh), Text(Amount), Currency, Payer.Value, Payee.Value, Source, Problem ?? "-");

    /// <summary>What of a canonical text says which line it is, as <see cref="FlexibilityKey"/> does.</summary>
    public static string KeyIn(string text)
    {
        var cells = Cells(text);
        return string.Join('|', cells[2], cells[3], cells[4], cells[5], cells[7]);
    }

    /// <summary>The amount in a canonical text.</summary>
    public static decimal? AmountIn(string text) => Cells(text)[9] is var amount && amount == "-" ? null
        : decimal.Parse(amount, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture);

    // Nothing before the source is anybody's text, and no identifier holds a bar.
    private static string[] Cells(string text) => text.Split('|') is { Length: >= 15 } cells ? cells
        : throw new FormatException($"'{text}' is no line of flexibility");

    private static string Text(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>Which line of flexibility: for which call or programme, who is paid, from when on, and for what.</summary>
public readonly record struct FlexibilityKey(
    ProgrammeId Programme, InstructionId? Instruction, string Paid, Instant Start, FlexibilityKind Kind)
    : IComparable<FlexibilityKey>
{
    public static FlexibilityKey From(FlexibilityLine line) =>
        new(line.Programme, line.Instruction, line.Paid, line.Covers.Start, line.Kind);

    public int CompareTo(FlexibilityKey other)
    {
        var order = (Start, Programme).CompareTo((other.Start, other.Programme));
        if (order == 0) order = string.CompareOrdinal(Instruction?.Value, other.Instruction?.Value);
        if (order == 0) order = string.CompareOrdinal(Paid, other.Paid);
        return order != 0 ? order : Kind.CompareTo(other.Kind);
    }

    /// <summary>For a person: energy of I1, C1.</summary>
    public override string ToString() => $"{Kind.ToString().ToLowerInvariant()} of "
        + $"{Instruction?.Value ?? Programme.Value}, {Paid}, from {InstantPattern.General.Format(Start)}";
}

/// <summary>A line of flexibility that differs between two statements, and why.</summary>
public sealed record FlexibilityChange(FlexibilityKey Line, decimal? Before, decimal? After, string Cause);

/// <summary>The lines of flexibility of one statement.</summary>
public static class FlexibilityLines
{
    /// <summary>Every line whose energy or amount differs; equal ones are left out.</summary>
    public static IReadOnlyList<FlexibilityChange> Difference(Statement before, Statement after)
    {
        var old = before.Flexibility.ToDictionary(FlexibilityKey.From);
        var current = after.Flexibility.ToDictionary(FlexibilityKey.From);
        var changes = new List<FlexibilityChange>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (was, now) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if ((was?.Kwh, was?.Amount, was?.Problem, was?.Payer) != (now?.Kwh, now?.Amount, now?.Problem, now?.Payer))
                changes.Add(new(key, was?.Amount, now?.Amount, was is null ? $"line added by {now!.Source}"
                    : now is null ? $"line removed, it was by {was.Source}"
                    : was.Payer != now.Payer ? $"paid by {was.Payer} → by {now.Payer}, by {now.Source}"
                    : now.Problem ?? (was.Problem is not null ? $"{was.Problem} → known by {now.Source}"
                        : $"{Said(was)} → {Said(now)} by {now.Source}")));
        }
        return changes;
    }

    private static string Said(FlexibilityLine line) =>
        line.Kwh is { } kwh ? FormattableString.Invariant($"{kwh:0.############} kWh") : "its share";

    public static EvidenceDigest Root(IEnumerable<FlexibilityLine> lines) =>
        Statement.RootOf(lines.Select(line => line.Canonical()));

    /// <summary>Between each payer and payee, their postings; they sum to zero.</summary>
    public static IReadOnlyList<Posting> Postings(IEnumerable<FlexibilityLine> lines) =>
        Postings(lines.Where(line => line.Amount is not null)
            .Select(line => (line.Payer, line.Payee, line.Amount!.Value)));

    internal static IReadOnlyList<Posting> Postings(
        IEnumerable<(PartyId Payer, PartyId Payee, decimal Amount)> amounts) =>
        [.. amounts.GroupBy(each => (each.Payer, each.Payee)).OrderBy(group => group.Key)
            .SelectMany(group => new Posting[]
            {
                new($"flexibility/{group.Key.Payee}", group.Sum(each => each.Amount)),
                new($"flexibility/{group.Key.Payer}", -group.Sum(each => each.Amount)),
            })];

    /// <summary>The line on a statement of a currency: what is paid in another has no amount there.</summary>
    internal static FlexibilityLine On(FlexibilityLine line, int number, string currency) =>
        line.Currency == currency ? line with { Number = number } : line with
        {
            Number = number,
            Amount = null,
            Problem = $"it is paid in {line.Currency}, and the statement is in {currency}",
        };
}
