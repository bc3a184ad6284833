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

    internal static string Text(decimal value) =>
        value.ToString("0.############################", CultureInfo.InvariantCulture);
}

/// <summary>What a correction adds to one charge beside energy, below zero where less is due.</summary>
public sealed record DeltaCharge(
    int Number, ChargeKey Charge, string Unit, decimal Quantity, decimal AmountExact, decimal Amount, string Basis,
    string? Problem)
{
    /// <summary>The charge as the text that its leaf hashes.</summary>
    public string Canonical() => string.Join('|', "delta",
        Number.ToString(CultureInfo.InvariantCulture), Charge.Point?.Value ?? StatementCharge.OfAccount,
        $"Charge{Charge.Part}",
        LocalDatePattern.Iso.Format(Charge.Of), Charge.Name, Unit, DeltaLine.Text(Quantity),
        DeltaLine.Text(AmountExact), DeltaLine.Text(Amount), Basis, Problem ?? "-");
}

/// <summary>What a correction adds to one line of flexibility, below zero where less is due.</summary>
public sealed record DeltaFlexibility(
    int Number, FlexibilityKey Line, decimal Kwh, decimal Amount, PartyId Payer, PartyId Payee, string Source,
    string? Problem)
{
    /// <summary>The line as the text that its leaf hashes.</summary>
    public string Canonical() => string.Join('|', "delta", FlexibilityLine.Mark,
        Number.ToString(CultureInfo.InvariantCulture), Line.Instruction?.Value ?? "-", Line.Programme.Value, Line.Paid,
        InstantPattern.ExtendedIso.Format(Line.Start), Line.Kind, DeltaLine.Text(Kwh), DeltaLine.Text(Amount),
        Payer.Value, Payee.Value, Source, Problem ?? "-");
}

/// <summary>What a correction adds to a run: to its lines of energy, to its charges, numbered after them, and to its
/// lines of flexibility, numbered after both.</summary>
public sealed record Deltas(IReadOnlyList<DeltaLine> Lines, IReadOnlyList<DeltaCharge> Charges)
{
    public IReadOnlyList<DeltaFlexibility> Flexibility { get; init; } = [];

    /// <summary>How many texts the root is over.</summary>
    public int Count => Lines.Count + Charges.Count + Flexibility.Count;

    /// <summary>Positive where the account pays more.</summary>
    public decimal Total => Lines.Sum(line => line.Amount) + Charges.Sum(charge => charge.Amount)
        + Flexibility.Sum(line => line.Amount);

    public EvidenceDigest Root => Statement.RootOf([.. Lines.Select(line => line.Canonical()),
        .. Charges.Select(charge => charge.Canonical()), .. Flexibility.Select(line => line.Canonical())]);

    /// <summary>To the accounts of the statement that they correct; they sum to zero.</summary>
    /// <param name="seller">Who sold by the corrected statement; null where nobody is named.</param>
    public IReadOnlyList<Posting> Postings(PartyId account, PartyId? seller = null)
    {
        var import = Lines.Where(line => line.Direction == Direction.Import).Sum(line => line.Amount);
        var export = Lines.Where(line => line.Direction == Direction.Export).Sum(line => line.Amount);
        return
        [
            .. RunPostings.OfEnergy(account, seller, import, export),
            .. RunPostings.OfCharges(account, seller,
                [.. Charges.Select(charge => (charge.Charge.Part, charge.Amount))]),
            .. FlexibilityLines.Postings(Flexibility.Select(line => (line.Payer, line.Payee, line.Amount))),
        ];
    }
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
    public static Deltas Between(Statement before, Statement? after)
    {
        var lines = Lines(before, after);
        var charges = Charges(before, after, lines.Count);
        return new(lines, charges) { Flexibility = Flexibility(before, after, lines.Count + charges.Count) };
    }

    private static List<DeltaFlexibility> Flexibility(Statement before, Statement? after, int others)
    {
        var old = before.Flexibility.ToDictionary(Key);
        var current = (after?.Flexibility ?? []).ToDictionary(Key);
        var lines = new List<DeltaFlexibility>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (was, now) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            var line = new DeltaFlexibility(others + lines.Count + 1, key.Line, (now?.Kwh ?? 0m) - (was?.Kwh ?? 0m),
                (now?.Amount ?? 0m) - (was?.Amount ?? 0m), (now ?? was)!.Payer, (now ?? was)!.Payee,
                now is null ? $"reverses line {was!.Number.ToString(CultureInfo.InvariantCulture)}" : now.Source,
                now?.Problem);
            if (line is not { Kwh: 0m, Amount: 0m } || was?.Problem != now?.Problem) lines.Add(line);
        }
        return lines;
    }

    private static List<DeltaLine> Lines(Statement before, Statement? after)
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

    private static List<DeltaCharge> Charges(Statement before, Statement? after, int lines)
    {
        var old = before.Charges.ToDictionary(ChargeKey.From);
        var current = (after?.Charges ?? []).ToDictionary(ChargeKey.From);
        var charges = new List<DeltaCharge>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (was, now) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            var charge = new DeltaCharge(lines + charges.Count + 1, key, (now ?? was)!.Unit,
                (now?.Quantity ?? 0m) - (was?.Quantity ?? 0m), (now?.AmountExact ?? 0m) - (was?.AmountExact ?? 0m),
                (now?.Amount ?? 0m) - (was?.Amount ?? 0m),
                now is null ? $"reverses line {was!.Number.ToString(CultureInfo.InvariantCulture)}" : now.Basis,
                now?.Problem);
            if (charge is not { Quantity: 0m, AmountExact: 0m, Amount: 0m } || was?.Problem != now?.Problem)
                charges.Add(charge);
        }
        return charges;
    }

    /// <summary>
    /// Whether a run and its deltas are the day as it is run again, line by line, charge by charge and flexibility by
    /// flexibility: energy or quantity, billed energy, exact and rounded amount. Null where they are; else the first
    /// that is not, in words.
    /// </summary>
    public static string? Unlike(Statement original, IReadOnlyList<Deltas> deltas, Statement? rerun) =>
        UnlikeLine(original, deltas, rerun) ?? UnlikeCharge(original, deltas, rerun)
            ?? UnlikeFlexibility(original, deltas, rerun);

    private static string? UnlikeFlexibility(Statement original, IReadOnlyList<Deltas> deltas, Statement? rerun)
    {
        var sums = original.Flexibility.ToDictionary(Key, Values);
        foreach (var delta in deltas.SelectMany(each => each.Flexibility))
        {
            var key = (delta.Line, delta.Payer, delta.Payee);
            var (kwh, amount) = sums.GetValueOrDefault(key);
            sums[key] = (kwh + delta.Kwh, amount + delta.Amount);
        }
        var again = (rerun?.Flexibility ?? []).ToDictionary(Key, Values);
        foreach (var key in sums.Keys.Union(again.Keys).Order())
            if (sums.GetValueOrDefault(key) != again.GetValueOrDefault(key))
                return $"{key.Line}: {sums.GetValueOrDefault(key).Amount} by the run and its deltas, "
                    + $"{again.GetValueOrDefault(key).Amount} by the run again";
        return null;
    }

    private static string? UnlikeCharge(Statement original, IReadOnlyList<Deltas> deltas, Statement? rerun)
    {
        var sums = original.Charges.ToDictionary(ChargeKey.From, Values);
        foreach (var delta in deltas.SelectMany(each => each.Charges))
        {
            var (quantity, exact, amount) = sums.GetValueOrDefault(delta.Charge);
            sums[delta.Charge] = (quantity + delta.Quantity, exact + delta.AmountExact, amount + delta.Amount);
        }
        var again = (rerun?.Charges ?? []).ToDictionary(ChargeKey.From, Values);
        foreach (var key in sums.Keys.Union(again.Keys).Order())
            if (sums.GetValueOrDefault(key) != again.GetValueOrDefault(key))
                return $"{key.Whose} {key.Name}: {sums.GetValueOrDefault(key).Amount} by the run and its deltas, "
                    + $"{again.GetValueOrDefault(key).Amount} by the run again";
        return null;
    }

    private static string? UnlikeLine(Statement original, IReadOnlyList<Deltas> deltas, Statement? rerun)
    {
        var sums = original.Lines.ToDictionary(Key, line => Values(line));
        foreach (var delta in deltas.SelectMany(each => each.Lines))
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
    /// unbalanced postings, another currency, another run holds, the run is credited, nothing changed.
    /// </summary>
    public static Decision Decide(SettlementState state, SettlementDeltasBooked booked, Instant now)
    {
        if (state.Deltas.Any(before => Same(before, booked)))
            return new Decision.AlreadyRecorded
            {
                Is = fact => fact is SettlementDeltasBooked deltas && deltas.Run == booked.Run,
            };
        if (state.Runs.FirstOrDefault(run => run.Run == booked.Corrects) is not { } corrected)
            return new Decision.Rejected(Rejection.UnknownRun, $"{booked.Corrects} is no run of this day");
        if (state.Deltas.Any(before => before.Run == booked.Run) || state.Runs.Any(run => run.Run == booked.Run))
            return new Decision.Rejected(Rejection.RunExists, $"{booked.Run} has another result");
        if (booked.Postings.Sum(posting => posting.Amount) != 0m)
            return new Decision.Rejected(Rejection.PostingsUnbalanced, "postings do not sum to zero");
        if (corrected.Currency != booked.Currency)
            return new Decision.Rejected(Rejection.CurrencyDiffers, $"{booked.Corrects} is in {corrected.Currency} and "
                + $"the day is now in {booked.Currency}: credit the run and run the day again");
        if (state.Holding!.Run != booked.Corrects)
            return new Decision.Rejected(Rejection.RunSuperseded,
                $"{state.Holding.Run} holds for this day, and not {booked.Corrects}");
        if (state.Deltas.Any(before => before.Corrects == booked.Corrects && before.Style == CorrectionStyle.Credit))
            return new Decision.Rejected(Rejection.RunIsCredited, $"{booked.Corrects} was taken back as a whole");
        return booked.Lines == 0
            ? new Decision.Rejected(Rejection.NothingToCorrect, $"no line of {booked.Corrects} changed")
            : new Decision.Accepted(NewFact.At(
                booked, now, Settlement.KeyOf(booked.Run, booked.Account, booked.Day)));
    }

    private static (Energy Metered, decimal Billed, decimal Exact, decimal Amount) Values(StatementLine line) =>
        (line.Metered ?? Energy.Zero, line.BilledKwh ?? 0m, line.AmountExact ?? 0m, line.Amount ?? 0m);

    private static (decimal Quantity, decimal Exact, decimal Amount) Values(StatementCharge charge) =>
        (charge.Quantity ?? 0m, charge.AmountExact ?? 0m, charge.Amount ?? 0m);

    private static (decimal Kwh, decimal Amount) Values(FlexibilityLine line) => (line.Kwh ?? 0m, line.Amount ?? 0m);

    private static bool IsNothing(DeltaLine line) =>
        line.Metered == Energy.Zero && line.BilledKwh == 0m && line.AmountExact == 0m && line.Amount == 0m;

    private static (SettlementPointId Point, Direction Direction, Instant Start) Key(StatementLine line) =>
        (line.Point, line.Direction, line.Period.Start);

    // Another payer is another line: what one has paid is due back to him, and not to who pays now.
    private static (FlexibilityKey Line, PartyId Payer, PartyId Payee) Key(FlexibilityLine line) =>
        (FlexibilityKey.From(line), line.Payer, line.Payee);

    private static bool Same(SettlementDeltasBooked a, SettlementDeltasBooked b) =>
        a with { Postings = [] } == b with { Postings = [] } && a.Postings.SequenceEqual(b.Postings);
}
