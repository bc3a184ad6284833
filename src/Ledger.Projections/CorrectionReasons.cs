using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>A line of a correction: which line of what stood before it changes, what was, what is, and why.</summary>
/// <param name="Line">Its number in the correction, from 1 on.</param>
/// <param name="Of">The point, direction and time, the charge, or the payment.</param>
/// <param name="LineBefore">The number of the line that it changes; null where there was none.</param>
/// <param name="LineAfter">The same of the day as the correction makes it; null where it has none.</param>
/// <param name="Change">What is booked.</param>
/// <param name="Says">What was billed and is, and how each is known, in words.</param>
/// <param name="Why">The fact that came between, or what else made the difference.</param>
/// <param name="Facts">Positions of the facts that one of the two rests on and the other does not.</param>
public sealed record CorrectedLine(
    int Line, string Of, int? LineBefore, int? LineAfter, Money? Before, Money? After, Money Change, string Says,
    string Why, IReadOnlyList<long> Facts);

/// <summary>A fact that one statement rests on and the other does not.</summary>
/// <param name="IsNew">Whether it was recorded after the first of the two was calculated.</param>
public sealed record FactBetween(
    long Position, bool IsNew, string Fact, string Says, Instant RecordedAt, string RecordedBy);

/// <summary>A correction that was booked as deltas or as a credit, explained: all of it, or one of its lines.</summary>
/// <param name="Line">Null where it is all of it.</param>
/// <param name="Tree">What is booked: what is, less what was, each down to its facts.</param>
/// <param name="Differs">What does not come out as it was recorded; null where all does.</param>
public sealed record ExplainedCorrection(
    NamedRun Correction, TimeOfUseSettlement.DeltasRow Booked, int? Line, IReadOnlyList<CorrectedLine> Lines,
    IReadOnlyList<FactBetween> Facts, ExplainedValue Tree, string? Differs)
{
    /// <summary>Whether the fold and the explanation agree, and all comes out as it was recorded.</summary>
    public bool Holds => Tree.Holds && Differs is null;

    /// <summary>What is booked, with the decimals of the statement.</summary>
    public decimal Total => Money.With(MoneyDecimals, Booked.Total);

    /// <summary>Of the statement that is corrected.</summary>
    public required int MoneyDecimals { get; init; }
}

/// <summary>
/// Why a correction has its lines: each is a line of the day as it is run again less the same line of what stood
/// before, and both are explained as lines of a run are.
/// </summary>
public sealed class CorrectionReasons
{
    private readonly LineCauses why;
    private readonly ExplainedRun was, now;
    private readonly NamedRun named;
    private readonly Deltas deltas;

    private CorrectionReasons(LineCauses why, NamedRun named)
    {
        (this.why, was, now, this.named) = (why, why.Was, why.Now, named);
        deltas = StatementDeltas.Between(was.Statement, named.IsTakenBack ? null : now.Statement);
    }

    /// <summary>How many lines the correction has.</summary>
    public int Count => deltas.Count;

    /// <summary>Null where the run, or the day of the correction, cannot be calculated again.</summary>
    /// <param name="named">A run with at least one correction.</param>
    /// <param name="reaches">Whose figures are told; null: everybody's.</param>
    public static async Task<CorrectionReasons?> OfAsync(IJournal journal, IViewStore views, NamedRun named,
        CancellationToken ct, Predicate<PartyId>? reaches = null) =>
        await ExplainedRun.OfAsync(journal, views, named.Before, ct).ConfigureAwait(false) is { } was
        && await ExplainedRun.OfAsync(journal, views, named, ct).ConfigureAwait(false) is { } now
            ? new(new LineCauses(journal, was, now, reaches ?? (_ => true), ct), named) : null;

    /// <summary>All of the correction.</summary>
    public async Task<ExplainedCorrection> TotalAsync()
    {
        var each = new List<(CorrectedLine Line, ExplainedValue Tree)>();
        for (var number = 1; number <= Count; number++) each.Add(await LineOfAsync(number).ConfigureAwait(false));
        var booked = named.Booked[^1];
        return await ExplainedAsync(null, each, new("total", booked.Currency, RowJson.Text(booked.Total),
            RowJson.Text(each.Sum(line => Number(line.Tree.Follows))), ExplanationRule.Total,
            string.Create(CultureInfo.InvariantCulture, $"the sum of {Count} lines"), [.. each.Select(line => line.Tree)]))
            .ConfigureAwait(false);
    }

    /// <summary>One of its lines.</summary>
    /// <param name="number">From 1 on.</param>
    public async Task<ExplainedCorrection> LineAsync(int number)
    {
        var line = await LineOfAsync(number).ConfigureAwait(false);
        return await ExplainedAsync(number, [line], line.Tree).ConfigureAwait(false);
    }

    private async Task<ExplainedCorrection> ExplainedAsync(
        int? number, IReadOnlyList<(CorrectedLine Line, ExplainedValue Tree)> lines, ExplainedValue tree)
    {
        var facts = new List<FactBetween>();
        foreach (var position in lines.SelectMany(each => each.Line.Facts).Distinct().Order())
        {
            var fact = await why.Words.OfAsync(position).ConfigureAwait(false);
            facts.Add(new(position, position >= was.Run.AtPosition, fact.WireName, fact.Says, fact.RecordedAt,
                fact.Actor));
        }
        return new(named, named.Booked[^1], number, [.. lines.Select(each => each.Line)], facts, tree,
            was.Differs ?? now.Differs)
        {
            MoneyDecimals = was.Statement.MoneyDecimals,
        };
    }

    private async Task<(CorrectedLine Line, ExplainedValue Tree)> LineOfAsync(int number)
    {
        if (number <= deltas.Lines.Count)
        {
            var line = deltas.Lines[number - 1];
            var (a, b) = (Of(was.Statement, line), Of(now.Statement, line));
            var changed = await RunDifferences.ChangedAsync(why, a, b).ConfigureAwait(false);
            return Explained(number, $"{line.Point} {$"{line.Direction}".ToLowerInvariant()} "
                    + InstantPattern.General.Format(line.Period.Start), line.Amount,
                (a?.Number, a?.Amount), (b?.Number, b?.Amount), changed.Says, changed.Why, changed.Facts);
        }
        if (number <= deltas.Lines.Count + deltas.Charges.Count)
        {
            var charge = deltas.Charges[number - 1 - deltas.Lines.Count];
            var (a, b) = (Of(was.Statement, charge), Of(now.Statement, charge));
            var changed = await RunDifferences.ChangedAsync(why, a, b).ConfigureAwait(false);
            return Explained(number, $"{charge.Charge.Name} of {charge.Charge.Whose}", charge.Amount,
                (a?.Number, a?.Amount), (b?.Number, b?.Amount), changed.Says, changed.Why, changed.Facts);
        }
        var paid = deltas.Flexibility[number - 1 - deltas.Lines.Count - deltas.Charges.Count];
        var (before, after) = (Of(was.Statement, paid), Of(now.Statement, paid));
        var moved = await RunDifferences.ChangedAsync(why, before, after).ConfigureAwait(false);
        return Explained(number, $"{paid.Line}, {paid.Payer} to {paid.Payee}", paid.Amount,
            (before?.Number, before?.Amount), (after?.Number, after?.Amount), moved.Says, moved.Why, moved.Facts);
    }

    private static StatementLine? Of(Statement statement, DeltaLine delta) => statement.Lines.FirstOrDefault(line =>
        (line.Point, line.Direction, line.Period.Start) == (delta.Point, delta.Direction, delta.Period.Start));

    private static StatementCharge? Of(Statement statement, DeltaCharge delta) =>
        statement.Charges.FirstOrDefault(charge => ChargeKey.From(charge) == delta.Charge);

    private static FlexibilityLine? Of(Statement statement, DeltaFlexibility delta) =>
        statement.Flexibility.FirstOrDefault(line => (FlexibilityKey.From(line), line.Payer, line.Payee)
            == (delta.Line, delta.Payer, delta.Payee));

    private (CorrectedLine Line, ExplainedValue Tree) Explained(int number, string of, decimal booked,
        (int? Line, decimal? Amount) before, (int? Line, decimal? Amount) after, string says, string why,
        IReadOnlyList<long> facts)
    {
        var (old, current) = (Tree(was, before.Line, "before"), Tree(now, after.Line, "now"));
        return (new(number, of, before.Line, after.Line, Money.Of(before.Amount), Money.Of(after.Amount), booked,
                says, why, facts),
            new(string.Create(CultureInfo.InvariantCulture, $"line {number}: {of}"), named.Run.Currency,
                RowJson.Text(booked), RowJson.Text(Number(current?.Follows) - Number(old?.Follows)),
                ExplanationRule.Delta, $"{current?.Says ?? "nothing"} − {old?.Says ?? "nothing"}",
                [.. new[] { current, old }.OfType<ExplainedValue>()]));
    }

    private static ExplainedValue? Tree(ExplainedRun run, int? line, string when) => line is not { } number ? null
        : run.Line(number).Tree with
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"{when}: line {number} of {run.Run.Run}"),
        };

    /// <summary>An amount that is missing counts as nothing in a correction.</summary>
    private static decimal Number(string? text) => text is null or ExplainedValue.None ? 0m
        : decimal.Parse(text, CultureInfo.InvariantCulture);
}
