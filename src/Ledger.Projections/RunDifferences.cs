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

/// <summary>What a comparison of two runs gives.</summary>
public abstract record RunComparison
{
    private RunComparison() { }

    public sealed record Compared(RunDifference Difference) : RunComparison;

    /// <summary>There is nothing that could be compared.</summary>
    public sealed record NotPossible(Rejection Code, string Detail) : RunComparison;
}

/// <summary>
/// The difference of two runs in words: which fact came, or took the place of which, and what it moved. A line's facts
/// are those that its explanation rests on, so that the reason is the arithmetic's and not a guess from a text.
/// </summary>
public static class RunDifferences
{
    /// <param name="reaches">Whose figures are told; null: everybody's.</param>
    public static async Task<RunComparison> OfAsync(IJournal journal, IViewStore views, NamedRun before,
        NamedRun after, CancellationToken ct, Predicate<PartyId>? reaches = null)
    {
        // A euro is no yuan, also where all numbers are the same.
        if (before.Run.Currency != after.Run.Currency)
            return new RunComparison.NotPossible(Rejection.CurrencyDiffers,
                $"{before.Name} is in {before.Run.Currency} and {after.Name} in {after.Run.Currency}");
        if (await ExplainedRun.OfAsync(journal, views, before, ct).ConfigureAwait(false) is not { } was
            || await ExplainedRun.OfAsync(journal, views, after, ct).ConfigureAwait(false) is not { } now)
            return new RunComparison.NotPossible(Rejection.UnknownRun, "one of the runs cannot be calculated again");
        var why = new LineCauses(journal, was, now, reaches ?? (_ => true), ct);
        var (old, current) = (was.Statement.Lines.ToDictionary(Key), now.Statement.Lines.ToDictionary(Key));
        var lines = new List<ChangedLine>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if (a is not null && b is not null && Same(a, b)) continue;
            lines.Add(await ChangedAsync(why, a, b).ConfigureAwait(false));
        }
        var charges = await ChargesAsync(why).ConfigureAwait(false);
        var flexibility = await FlexibilityAsync(why).ConfigureAwait(false);
        var causes = lines.Select(line => (line.Why, line.Change, line.Facts))
            .Concat(charges.Select(charge => (charge.Why, charge.Change, charge.Facts)))
            .Concat(flexibility.Select(line => (line.Why, line.Change, line.Facts)))
            .GroupBy(changed => changed.Why, StringComparer.Ordinal).Select(group => new ChangeCause(
                group.Key, group.Count(), group.Sum(changed => changed.Change),
                [.. group.SelectMany(changed => changed.Facts).Distinct().Order()])).ToList();
        var differs = new[] { was, now }.Where(run => run.Differs is not null)
            .Select(run => $"{run.Run.Run}: {run.Differs}").ToList();
        return new RunComparison.Compared(new(was.Run, now.Run, lines, charges, flexibility, causes,
            differs.Count == 0 ? null : string.Join("; ", differs)));
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

    internal static async Task<ChangedLine> ChangedAsync(LineCauses why, StatementLine? before, StatementLine? after)
    {
        var line = (after ?? before)!;
        var parts = Parts(before, after);
        var isCarried = before is not null && after is not null && before.Metered == after.Metered
            && before.PricePerKwh == after.PricePerKwh && before.Problem == after.Problem;
        var cause = await why.OfAsync(before, after, isCarried).ConfigureAwait(false);
        return new(line.Point, line.Direction, line.Period, before?.Number, after?.Number, before?.Metered,
            after?.Metered, before?.Amount, after?.Amount, parts.ByEnergy, parts.ByPrice, parts.ByRounding,
            cause.Why, cause.Facts)
        {
            IsCarried = isCarried && cause.Facts.Count == 0,
            Says = ChangeWords.Of(before, after, before is null ? null : why.Was.Metered(before),
                after is null ? null : why.Now.Metered(after), parts, why.Now.Run.Currency),
        };
    }

    private static async Task<List<ChangedCharge>> ChargesAsync(LineCauses why)
    {
        var (old, current) = (why.Was.Statement.Charges.ToDictionary(ChargeKey.From),
            why.Now.Statement.Charges.ToDictionary(ChargeKey.From));
        var charges = new List<ChangedCharge>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if ((a?.Quantity, a?.AmountExact, a?.Amount, a?.Problem)
                != (b?.Quantity, b?.AmountExact, b?.Amount, b?.Problem))
                charges.Add(await ChangedAsync(why, a, b).ConfigureAwait(false));
        }
        return charges;
    }

    internal static async Task<ChangedCharge> ChangedAsync(LineCauses why, StatementCharge? a, StatementCharge? b)
    {
        var isCarried = a is not null && b is not null && a.AmountExact == b.AmountExact && a.Problem == b.Problem;
        var cause = await why.OfAsync(a, b, isCarried).ConfigureAwait(false);
        return new(ChargeKey.From((b ?? a)!), a?.Number, b?.Number, (b ?? a)!.Unit, a?.Quantity, b?.Quantity, a?.Amount,
            b?.Amount, cause.Why, cause.Facts)
        {
            Says = ChangeWords.Of(a, b, why.Now.Run.Currency),
        };
    }

    private static async Task<List<ChangedFlexibility>> FlexibilityAsync(LineCauses why)
    {
        var (old, current) = (why.Was.Statement.Flexibility.ToDictionary(FlexibilityKey.From),
            why.Now.Statement.Flexibility.ToDictionary(FlexibilityKey.From));
        var lines = new List<ChangedFlexibility>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (a, b) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if ((a?.Kwh, a?.Amount, a?.Problem, a?.Payer) != (b?.Kwh, b?.Amount, b?.Problem, b?.Payer))
                lines.Add(await ChangedAsync(why, a, b).ConfigureAwait(false));
        }
        return lines;
    }

    internal static async Task<ChangedFlexibility> ChangedAsync(
        LineCauses why, FlexibilityLine? a, FlexibilityLine? b)
    {
        // What is given back of others' penalties has no energy of its own that could be the same.
        var isCarried = a is { Kind: not FlexibilityKind.Redistribution } && b is not null && a.Kwh == b.Kwh
            && a.Problem == b.Problem && a.Payer == b.Payer;
        var cause = await why.OfAsync(a, b, isCarried).ConfigureAwait(false);
        return new(FlexibilityKey.From((b ?? a)!), a?.Number, b?.Number, a?.Kwh, b?.Kwh, a?.Amount, b?.Amount,
            cause.Why, cause.Facts)
        {
            Says = ChangeWords.Of(a, b, why.Now.Run.Currency),
        };
    }

    // A line that rests on another fact and comes to the same is no change of an amount, nor of an energy.
    private static bool Same(StatementLine a, StatementLine b) => a.Metered == b.Metered && a.BilledKwh == b.BilledKwh
        && a.PricePerKwh == b.PricePerKwh && a.TariffPeriod == b.TariffPeriod && a.Amount == b.Amount
        && a.AmountExact == b.AmountExact && a.Problem == b.Problem;

    private static (SettlementPointId Point, Direction Direction, Instant Start) Key(StatementLine line) =>
        (line.Point, line.Direction, line.Period.Start);
}
