using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>What a line of flexibility pays.</summary>
public enum FlexibilityKind { Energy = 1, Penalty = 2, Redistribution = 3 }

/// <summary>
/// A line of a statement that pays for flexibility: what a programme's payer owes the payee for a call, or gets back
/// of it. Above zero the payee pays (a penalty), below zero the payee is credited, as on every line of a statement;
/// null where it is not settled yet, and <paramref name="Problem"/> says why.
/// </summary>
/// <param name="Paid">The point, station or account that is paid together.</param>
/// <param name="Kwh">What counts: delivered energy, or the shortfall; null of a redistribution.</param>
/// <param name="Source">The rule pack and version by which it is scored.</param>
public sealed record FlexibilityLine(
    int Number, InstructionId Instruction, ProgrammeId Programme, string Paid, Interval Covers, FlexibilityKind Kind,
    decimal? Kwh, decimal? Amount, string Currency, PartyId Payer, PartyId Payee, string Source, string? Problem)
{
    /// <summary>The line as the text that its leaf hashes.</summary>
    public string Canonical() => string.Join('|', "flexibility",
        Number.ToString(CultureInfo.InvariantCulture), Instruction.Value, Programme.Value, Paid,
        InstantPattern.ExtendedIso.Format(Covers.Start), InstantPattern.ExtendedIso.Format(Covers.End), Kind,
        Text(Kwh), Text(Amount), Currency, Payer.Value, Payee.Value, Source, Problem ?? "-");

    private static string Text(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>The lines of flexibility of one statement.</summary>
public static class FlexibilityLines
{
    public static EvidenceDigest Root(IEnumerable<FlexibilityLine> lines) =>
        Statement.RootOf(lines.Select(line => line.Canonical()));

    /// <summary>Between each payer and payee, their postings; they sum to zero.</summary>
    public static IReadOnlyList<Posting> Postings(IEnumerable<FlexibilityLine> lines) =>
        [.. lines.Where(line => line.Amount is not null).GroupBy(line => (line.Payer, line.Payee))
            .OrderBy(group => group.Key).SelectMany(group => new Posting[]
            {
                new($"flexibility/{group.Key.Payee}", group.Sum(line => line.Amount!.Value)),
                new($"flexibility/{group.Key.Payer}", -group.Sum(line => line.Amount!.Value)),
            })];
}
