using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>How a published statement is corrected.</summary>
public enum CorrectionStyle
{
    /// <summary>The day is run again as a whole; the latest run holds.</summary>
    Whole = 1,
    /// <summary>Only what changed is booked, on the original run and its period.</summary>
    Deltas = 2,
    /// <summary>All of the run is taken back: deltas to nothing.</summary>
    Credit = 3,
}

/// <summary>
/// What a correction adds to one line: energy, billed energy and amounts, each below zero where less is due. A value
/// that is missing on one side counts as nothing there, and <paramref name="Problem"/> says what the corrected line
/// lacks.
/// </summary>
public sealed record DeltaLine(
    int Number, SettlementPointId Point, Direction Direction, Interval Period, Energy Metered, decimal BilledKwh,
    decimal AmountExact, decimal Amount, string Source, string? Problem)
{
    /// <summary>The line as the text that its leaf hashes.</summary>
    public string Canonical() => string.Join('|', "delta",
        Number.ToString(CultureInfo.InvariantCulture), Point.Value, Direction,
        InstantPattern.ExtendedIso.Format(Period.Start), InstantPattern.ExtendedIso.Format(Period.End),
        Metered.HalfNanojoules.ToString(CultureInfo.InvariantCulture), Text(BilledKwh), Text(AmountExact), Text(Amount),
        Source, Problem ?? "-");

    private static string Text(decimal value) =>
        value.ToString("0.############################", CultureInfo.InvariantCulture);
}

/// <summary>
/// A correction was booked as deltas on a run: what the day, calculated again from the facts before
/// <paramref name="AtPosition"/>, is more or less than the run and the deltas before. The lines are derived again from
/// it; the fact holds their count and digest.
/// </summary>
/// <param name="Run">The name of the correction.</param>
/// <param name="Corrects">The run on whose period it is booked.</param>
/// <param name="Total">Positive where the account pays more.</param>
public sealed record SettlementDeltasBooked(
    RunId Run, RunId Corrects, PartyId Account, LocalDate Day, long AtPosition, CorrectionStyle Style,
    string RuleVersion, string TzdbVersion, int Lines, EvidenceDigest LinesRoot, decimal Total, string Currency,
    IReadOnlyList<Posting> Postings) : LedgerEvent;

/// <summary>Deltas between statements, and what they add up to.</summary>
public static class StatementDeltas
{
    /// <summary>What the second statement adds to the first, line by line; equal lines are left out.</summary>
    /// <param name="after">Null: nothing is due any more, so the deltas are the credit of the first.</param>
    public static IReadOnlyList<DeltaLine> Between(Statement before, Statement? after)
    {
        var old = before.Lines.ToDictionary(Key);
        var current = (after?.Lines ?? []).ToDictionary(Key);
        var lines = new List<DeltaLine>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (was, now) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            var line = new DeltaLine(lines.Count + 1, key.Point, key.Direction, (now ?? was)!.Period,
                (now?.Metered ?? Energy.Zero) - (was?.Metered ?? Energy.Zero),
                (now?.BilledKwh ?? 0m) - (was?.BilledKwh ?? 0m), (now?.AmountExact ?? 0m) - (was?.AmountExact ?? 0m),
                (now?.Amount ?? 0m) - (was?.Amount ?? 0m),
                now is null ? $"reverses line {was!.Number.ToString(CultureInfo.InvariantCulture)}" : now.Source,
                now?.Problem);
            if (!IsNothing(line) || was?.Problem != now?.Problem) lines.Add(line);
        }
        return lines;
    }

    /// <summary>The sum of deltas; positive where the account pays more.</summary>
    public static decimal Total(IReadOnlyList<DeltaLine> lines) => lines.Sum(line => line.Amount);

    public static EvidenceDigest Root(IReadOnlyList<DeltaLine> lines) =>
        Statement.RootOf(lines.Select(line => line.Canonical()));

    /// <summary>The postings of deltas, to the accounts of the statement that they correct.</summary>
    public static IReadOnlyList<Posting> Postings(PartyId account, IReadOnlyList<DeltaLine> lines)
    {
        var import = lines.Where(line => line.Direction == Direction.Import).Sum(line => line.Amount);
        var export = lines.Where(line => line.Direction == Direction.Export).Sum(line => line.Amount);
        return
        [
            new($"receivable/{account}", import), new("revenue/energy-import", -import),
            new($"payable/{account}", export), new("cost/energy-export", -export),
        ];
    }

    /// <summary>
    /// Whether a run and its deltas are the day as it is run again, line by line: energy, billed energy, exact and
    /// rounded amount. Null where they are; else the first line that is not, in words.
    /// </summary>
    public static string? Unlike(Statement original, IEnumerable<IReadOnlyList<DeltaLine>> deltas, Statement? rerun)
    {
        var sums = original.Lines.ToDictionary(Key, line => Values(line));
        foreach (var delta in deltas.SelectMany(lines => lines))
        {
            var key = (delta.Point, delta.Direction, delta.Period.Start);
            var (metered, billed, exact, amount) = sums.GetValueOrDefault(key);
            sums[key] = (metered + delta.Metered, billed + delta.BilledKwh, exact + delta.AmountExact,
                amount + delta.Amount);
        }
        var again = (rerun?.Lines ?? []).ToDictionary(Key, line => Values(line));
        foreach (var key in sums.Keys.Union(again.Keys).Order())
            if (sums.GetValueOrDefault(key) != again.GetValueOrDefault(key))
                return $"{key.Point} {key.Direction} {key.Start}: {sums.GetValueOrDefault(key).Amount} by the run and its "
                    + $"deltas, {again.GetValueOrDefault(key).Amount} by the run again";
        return null;
    }

    /// <summary>
    /// Guards in order of their codes: the corrected run unknown, a correction of that name with another result,
    /// unbalanced postings, another run holds, the run is credited, nothing changed.
    /// </summary>
    public static Decision Decide(SettlementState state, SettlementDeltasBooked booked, Instant now)
    {
        if (state.Deltas.Any(before => Same(before, booked))) return new Decision.AlreadyRecorded();
        if (state.Runs.All(run => run.Run != booked.Corrects))
            return new Decision.Rejected(Rejection.UnknownRun, $"{booked.Corrects} is no run of this day");
        if (state.Deltas.Any(before => before.Run == booked.Run) || state.Runs.Any(run => run.Run == booked.Run))
            return new Decision.Rejected(Rejection.RunExists, $"{booked.Run} has another result");
        if (booked.Postings.Sum(posting => posting.Amount) != 0m)
            return new Decision.Rejected(Rejection.PostingsUnbalanced, "postings do not sum to zero");
        if (state.Holding!.Run != booked.Corrects)
            return new Decision.Rejected(Rejection.RunSuperseded,
                $"{state.Holding.Run} holds for this day, and not {booked.Corrects}");
        if (state.Deltas.Any(before => before.Corrects == booked.Corrects && before.Style == CorrectionStyle.Credit))
            return new Decision.Rejected(Rejection.RunIsCredited, $"{booked.Corrects} was taken back as a whole");
        return booked.Lines == 0
            ? new Decision.Rejected(Rejection.NothingToCorrect, $"no line of {booked.Corrects} changed")
            : new Decision.Accepted(NewFact.At(booked, now, new EvidenceKey($"settlement/{booked.Run}")));
    }

    private static (Energy Metered, decimal Billed, decimal Exact, decimal Amount) Values(StatementLine line) =>
        (line.Metered ?? Energy.Zero, line.BilledKwh ?? 0m, line.AmountExact ?? 0m, line.Amount ?? 0m);

    private static bool IsNothing(DeltaLine line) =>
        line.Metered == Energy.Zero && line.BilledKwh == 0m && line.AmountExact == 0m && line.Amount == 0m;

    private static (SettlementPointId Point, Direction Direction, Instant Start) Key(StatementLine line) =>
        (line.Point, line.Direction, line.Period.Start);

    private static bool Same(SettlementDeltasBooked a, SettlementDeltasBooked b) =>
        a with { Postings = [] } == b with { Postings = [] } && a.Postings.SequenceEqual(b.Postings);
}
