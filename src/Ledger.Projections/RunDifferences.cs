using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// A line that differs between two runs, and by how much: the change is that of the energy at the old price, of the
/// price at the new energy, and what rounding made of both.
/// </summary>
/// <param name="Before">The amount before; null where the line was not there, or had none.</param>
/// <param name="Facts">Positions of the facts that one of the two rests on and the other does not.</param>
public sealed record ChangedLine(
    SettlementPointId Point, Direction Direction, Interval Period, int? LineBefore, int? LineAfter,
        Energy? MeteredBefore,
    Energy? MeteredAfter, decimal? Before, decimal? After, decimal ByEnergy, decimal ByPrice, decimal ByRounding,
    string Why, IReadOnlyList<long> Facts)
{
    /// <summary>How much more the account pays by this line.</summary>
    public decimal Change => (After ?? 0m) - (Before ?? 0m);

    /// <summary>What was billed before and is billed now, how each is known, and what that comes to, in
    /// words.</summary>
    public required string Says { get; init; }

    /// <summary>Whether energy and price are the same, and only the rest that lines before it leave over is
    /// not.</summary>
    public required bool IsCarried { get; init; }
}

/// <summary>A charge beside energy that differs between two runs, and by how much.</summary>
/// <param name="Before">The amount before; null where the charge was not there, or had none.</param>
/// <param name="Facts">Positions of the facts that one of the two rests on and the other does not.</param>
public sealed record ChangedCharge(
    ChargeKey Charge, int? LineBefore, int? LineAfter, string Unit, decimal? QuantityBefore, decimal? QuantityAfter,
    decimal? Before, decimal? After, string Why, IReadOnlyList<long> Facts)
{
    /// <summary>How much more the account pays by this charge.</summary>
    public decimal Change => (After ?? 0m) - (Before ?? 0m);

    /// <summary>Both quantities and both amounts, in words.</summary>
    public required string Says { get; init; }
}

/// <summary>A line of flexibility that differs between two runs, and by how much.</summary>
/// <param name="Before">The amount before; null where the line was not there, or had none.</param>
/// <param name="Facts">Positions of the facts that one of the two rests on and the other does not.</param>
public sealed record ChangedFlexibility(
    FlexibilityKey Line, int? LineBefore, int? LineAfter, decimal? KwhBefore, decimal? KwhAfter, decimal? Before,
    decimal? After, string Why, IReadOnlyList<long> Facts)
{
    /// <summary>How much more the account pays by this line.</summary>
    public decimal Change => (After ?? 0m) - (Before ?? 0m);

    /// <summary>Both quantities and both amounts, in words.</summary>
    public required string Says { get; init; }
}

/// <summary>Lines and charges that changed for one reason, and what they come to.</summary>
public sealed record ChangeCause(string Why, int Lines, Money Change, IReadOnlyList<long> Facts);

/// <summary>Why one run has another total than another, to the last decimal.</summary>
/// <param name="Differs">What of either run does not come out again; null where all does.</param>
public sealed record RunDifference(
    TimeOfUseSettlement.RunRow Before, TimeOfUseSettlement.RunRow After, IReadOnlyList<ChangedLine> Lines,
    IReadOnlyList<ChangedCharge> Charges, IReadOnlyList<ChangedFlexibility> Flexibility,
    IReadOnlyList<ChangeCause> Causes, string? Differs)
{
    public decimal Change => After.Total - Before.Total;
    public decimal ByEnergy => Lines.Sum(line => line.ByEnergy);
    public decimal ByPrice => Lines.Sum(line => line.ByPrice);
    public decimal ByRounding => Lines.Sum(line => line.ByRounding);
    public decimal ByCharges => Money.With(Before.Total.Scale, Charges.Sum(charge => charge.Change));
    public decimal ByFlexibility => Money.With(Before.Total.Scale, Flexibility.Sum(line => line.Change));

    /// <summary>All of it in one sentence, for whoever pays.</summary>
    public string Says => ChangeWords.Of(this);

    /// <summary>Whether the changes are all of the difference.</summary>
    public bool IsReconciled => Before.Total + Causes.Sum(cause => cause.Change.Amount) == After.Total
        && ByEnergy + ByPrice + ByRounding + ByCharges + ByFlexibility == Change && Differs is null;
}

/// <summary>
/// The difference of two runs in words: which fact came, or took the place of which, and what it moved. A line's facts
/// are those that its explanation rests on, so that the reason is the arithmetic's and not a guess from a text.
/// </summary>
public static class RunDifferences
{
    private const int FactsSaid = 12; // more than one line ever rests on that is read from a register

    private const string Carried = "the rest of a cent or of a watt-hour that a changed line leaves is carried to it";

    /// <summary>Null where one of the runs cannot be calculated again.</summary>
    public static async Task<RunDifference?> OfAsync(
        IJournal journal, IViewStore views, NamedRun before, NamedRun after, CancellationToken ct)
    {
        if (await ExplainedRun.OfAsync(journal, views, before, ct).ConfigureAwait(false) is not { } was
            || await ExplainedRun.OfAsync(journal, views, after, ct).ConfigureAwait(false) is not { } now) return null;
        var words = new FactWords(journal, ct);
        var (old, current) = (was.Statement.Lines.ToDictionary(Key), now.Statement.Lines.ToDictionary(Key));
        var lines = new List<ChangedLine>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if (a is not null && b is not null && Same(a, b)) continue;
            lines.Add(await ChangedAsync(words, was, now, a, b).ConfigureAwait(false));
        }
        var charges = await ChargesAsync(words, was, now).ConfigureAwait(false);
        var flexibility = await FlexibilityAsync(words, was, now).ConfigureAwait(false);
        var causes = lines.Select(line => (line.Why, line.Change, line.Facts))
            .Concat(charges.Select(charge => (charge.Why, charge.Change, charge.Facts)))
            .Concat(flexibility.Select(line => (line.Why, line.Change, line.Facts)))
            .GroupBy(changed => changed.Why, StringComparer.Ordinal).Select(group => new ChangeCause(
                group.Key, group.Count(), group.Sum(changed => changed.Change),
                [.. group.SelectMany(changed => changed.Facts).Distinct().Order()])).ToList();
        var differs = new[] { was, now }.Where(run => run.Differs is not null)
            .Select(run => $"{run.Run.Run}: {run.Differs}").ToList();
        return new(was.Run, now.Run, lines, charges, flexibility, causes,
            differs.Count == 0 ? null : string.Join("; ", differs));
    }

    /// <summary>What of a change the energy made, what the price, and what rounding; the three sum to the
    /// change.</summary>
    public static (decimal ByEnergy, decimal ByPrice, decimal ByRounding) Parts(StatementLine? before,
        StatementLine? after)
    {
        var change = (after?.Amount ?? 0m) - (before?.Amount ?? 0m);
        // A line that had no amount has nothing to be taken apart: all of its amount came with what was missing.
        if (before?.AmountExact is null || after?.AmountExact is null)
            return before?.Metered is not null && after?.Metered is not null ? (0m, change, 0m) : (change, 0m, 0m);
        var sign = after.Direction == Direction.Import ? 1 : -1;
        var byEnergy = before.Metered == after.Metered ? 0m
            : sign * (after.BilledKwh!.Value - before.BilledKwh!.Value) * before.PricePerKwh!.Value;
        var byPrice = sign * after.BilledKwh!.Value * (after.PricePerKwh!.Value - before.PricePerKwh!.Value);
        return (byEnergy, byPrice, change - byEnergy - byPrice);
    }

    internal static async Task<ChangedLine> ChangedAsync(
        FactWords words, ExplainedRun was, ExplainedRun now, StatementLine? before, StatementLine? after)
    {
        var line = (after ?? before)!;
        var (rested, rests) = Counted(was, now, Facts(was, before), Facts(now, after));
        var (gone, come) = (rested.Except(rests).ToList(), rests.Except(rested).ToList());
        var parts = Parts(before, after);
        var isCarried = before is not null && after is not null && before.Metered == after.Metered
            && before.PricePerKwh == after.PricePerKwh && before.Problem == after.Problem;
        return new(line.Point, line.Direction, line.Period, before?.Number, after?.Number, before?.Metered,
            after?.Metered, before?.Amount, after?.Amount, parts.ByEnergy, parts.ByPrice, parts.ByRounding,
            await WhyAsync(words, was, now, before is null, after is null, isCarried, gone, come).ConfigureAwait(false),
            [.. gone.Concat(come).Order()])
        {
            IsCarried = isCarried && gone.Count + come.Count == 0,
            Says = ChangeWords.Of(before, after, before is null ? null : was.Metered(before),
                after is null ? null : now.Metered(after), parts, now.Run.Currency),
        };
    }

    private static async Task<List<ChangedCharge>> ChargesAsync(FactWords words, ExplainedRun was, ExplainedRun now)
    {
        var (old, current) = (was.Statement.Charges.ToDictionary(ChargeKey.From),
            now.Statement.Charges.ToDictionary(ChargeKey.From));
        var charges = new List<ChangedCharge>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if ((a?.Quantity, a?.AmountExact, a?.Amount, a?.Problem)
                != (b?.Quantity, b?.AmountExact, b?.Amount, b?.Problem))
                charges.Add(await ChangedAsync(words, was, now, a, b).ConfigureAwait(false));
        }
        return charges;
    }

    internal static async Task<ChangedCharge> ChangedAsync(
        FactWords words, ExplainedRun was, ExplainedRun now, StatementCharge? a, StatementCharge? b)
    {
        var (rested, rests) = Counted(was, now, a is null ? [] : was.Charge(a).Positions(),
            b is null ? [] : now.Charge(b).Positions());
        // A charge that is new rests on all of its month: what moved it is what came since the run before.
        List<long> gone = [.. rested.Except(rests).Where(at => b is not null || at >= now.Run.AtPosition)];
        List<long> come = [.. rests.Except(rested).Where(at => a is not null || at >= was.Run.AtPosition)];
        var isCarried = a is not null && b is not null && a.AmountExact == b.AmountExact && a.Problem == b.Problem;
        return new(ChargeKey.From((b ?? a)!), a?.Number, b?.Number, (b ?? a)!.Unit, a?.Quantity, b?.Quantity, a?.Amount,
            b?.Amount, isCarried ? Carried
                : await WhyAsync(words, was, now, a is null, b is null, false, gone, come).ConfigureAwait(false),
            [.. gone.Concat(come).Order()])
        {
            Says = ChangeWords.Of(a, b, now.Run.Currency),
        };
    }

    private static async Task<List<ChangedFlexibility>> FlexibilityAsync(
        FactWords words, ExplainedRun was, ExplainedRun now)
    {
        var (old, current) = (was.Statement.Flexibility.ToDictionary(FlexibilityKey.From),
            now.Statement.Flexibility.ToDictionary(FlexibilityKey.From));
        var lines = new List<ChangedFlexibility>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if ((a?.Kwh, a?.Amount, a?.Problem) != (b?.Kwh, b?.Amount, b?.Problem))
                lines.Add(await ChangedAsync(words, was, now, a, b).ConfigureAwait(false));
        }
        return lines;
    }

    internal static async Task<ChangedFlexibility> ChangedAsync(
        FactWords words, ExplainedRun was, ExplainedRun now, FlexibilityLine? a, FlexibilityLine? b)
    {
        var (rested, rests) = Counted(was, now, a is null ? [] : was.Flexibility(a).Positions(),
            b is null ? [] : now.Flexibility(b).Positions());
        // As with a charge: of a line that is new, what moved it is what came since the run before.
        List<long> gone = [.. rested.Except(rests).Where(at => b is not null || at >= now.Run.AtPosition)];
        List<long> come = [.. rests.Except(rested).Where(at => a is not null || at >= was.Run.AtPosition)];
        var isCarried = a is not null && b is not null && a.Kwh == b.Kwh && a.Problem == b.Problem;
        return new(FlexibilityKey.From((b ?? a)!), a?.Number, b?.Number, a?.Kwh, b?.Kwh, a?.Amount, b?.Amount,
            await WhyAsync(words, was, now, a is null, b is null, isCarried, gone, come).ConfigureAwait(false),
            [.. gone.Concat(come).Order()])
        {
            Says = ChangeWords.Of(a, b, now.Run.Currency),
        };
    }

    /// <summary>The facts of a line before and after; what is taken back as a whole is so for no fact of a line.
    /// </summary>
    private static (IReadOnlyList<long> Rested, IReadOnlyList<long> Rests) Counted(
        ExplainedRun was, ExplainedRun now, IReadOnlyList<long> rested, IReadOnlyList<long> rests) =>
        was.IsTakenBack || now.IsTakenBack ? ([], []) : (rested, rests);

    private static IReadOnlyList<long> Facts(ExplainedRun run, StatementLine? line) => line is null ? []
        : [.. run.Metered(line).Positions().Append(run.Pricing.Tariff.Position)];

    private static async Task<string> WhyAsync(FactWords words, ExplainedRun was, ExplainedRun now,
        bool isNew, bool isGone, bool isCarried, List<long> gone, List<long> come)
    {
        var reasons = new List<string>();
        if (now.IsTakenBack) return $"{now.Run.Run} (position {Number(now.Run.RecordedPosition)}), has no line any more";
        if (isNew) reasons.Add($"{was.Run.Run} had no such line");
        if (isGone) reasons.Add($"{now.Run.Run} has no such line");
        // What came late is why there is a difference; what counts with it was known before, and is only named.
        var late = come.Where(position => position >= was.Run.AtPosition).ToList();
        var said = late.Count > 0 ? late : come;
        foreach (var position in said.Take(FactsSaid))
        {
            var fact = await words.OfAsync(position).ConfigureAwait(false);
            reasons.Add($"{fact.Says} (position {Number(position)})"
                + (late.Count > 0 ? $", came after {was.Run.Run} was calculated" : " counts now"));
        }
        if (late.Count > 0 && come.Except(late).ToList() is { Count: > 0 } with)
            reasons.Add($"with it counts what was known before, at position{(with.Count == 1 ? "" : "s")} "
                + string.Join(", ", with.Take(FactsSaid).Select(Number)));
        // What takes the place of others says it all; what they were is in the facts of the line.
        foreach (var position in come.Count == 0 ? gone.Take(FactsSaid) : [])
        {
            var fact = await words.OfAsync(position).ConfigureAwait(false);
            var early = position >= now.Run.AtPosition ? $" came after {now.Run.Run} was calculated"
                : " counts no longer";
            reasons.Add($"{fact.Says} (position {Number(position)}){early}");
        }
        if ((come.Count == 0 ? gone : said).Count - FactsSaid is > 0 and var more)
            reasons.Add($"and {Number(more)} more facts");
        if (reasons.Count > 0) return string.Join("; ", reasons);
        return isCarried ? Carried
            : $"the same facts by other rules: {was.Run.RuleVersion} and {now.Run.RuleVersion}, time-zone rules "
                + $"{was.Run.TzdbVersion} and {now.Run.TzdbVersion}";
    }

    // A line that rests on another fact and comes to the same is no change of an amount, nor of an energy.
    private static bool Same(StatementLine a, StatementLine b) => a.Metered == b.Metered && a.BilledKwh == b.BilledKwh
        && a.PricePerKwh == b.PricePerKwh && a.TariffPeriod == b.TariffPeriod && a.Amount == b.Amount
        && a.AmountExact == b.AmountExact && a.Problem == b.Problem;

    private static (SettlementPointId Point, Direction Direction, Instant Start) Key(StatementLine line) =>
        (line.Point, line.Direction, line.Period.Start);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
