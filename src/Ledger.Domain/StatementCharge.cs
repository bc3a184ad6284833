using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// A line of a statement beside those of energy: what the bill of one settlement point's month grew by on this day, in
/// demand, fees, tax, tiers above the first, and least or most price; or what the account owes as a whole. So the days
/// of a month sum to its bill.
/// </summary>
/// <param name="Point">Null of what the account owes as a whole.</param>
/// <param name="Of">The first day of the month, or the day, that it is of.</param>
/// <param name="Quantity">What the quantity grew by; null where it is not known.</param>
/// <param name="Price">Null where several prices make the amount.</param>
public sealed record StatementCharge(
    int Number, SettlementPointId? Point, BillPart Part, LocalDate Of, string Unit, decimal? Quantity, decimal? Price,
    decimal? AmountExact, decimal? Amount, string Name, string Basis, string Rule, string? Problem)
{
    /// <summary>What stands in a text in the place of the point where the account owes it as a whole. No identifier
    /// holds such a character.</summary>
    public const string OfAccount = "(account)";

    /// <summary>The charge as the text that its leaf hashes: fixed order, invariant culture, no rounding.</summary>
    public string Canonical() => string.Join('|',
        Number.ToString(CultureInfo.InvariantCulture), Point?.Value ?? OfAccount, $"Charge{Part}",
        LocalDatePattern.Iso.Format(Of), Unit, Text(Quantity), Text(Price), Text(AmountExact), Text(Amount), Name,
        Basis, Rule, "-", Problem ?? "-");

    private static string Text(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture) ?? "-";
}

/// <summary>Which charge of a statement: of which point, or of the account as a whole, what it is for, and of which
/// month or day.</summary>
public readonly record struct ChargeKey(SettlementPointId? Point, BillPart Part, string Name, LocalDate Of)
    : IComparable<ChargeKey>
{
    public static ChargeKey From(StatementCharge charge) => new(charge.Point, charge.Part, charge.Name, charge.Of);

    /// <summary>Those of points come first, as on a statement.</summary>
    public int CompareTo(ChargeKey other)
    {
        var order = (Point is null, Point, Part, Of)
            .CompareTo((other.Point is null, other.Point, other.Part, other.Of));
        return order != 0 ? order : string.CompareOrdinal(Name, other.Name);
    }

    /// <summary>For a person: whose charge it is.</summary>
    public string Whose => Point?.Value ?? "the account";
}

/// <summary>A charge that differs between two statements, and why.</summary>
public sealed record ChargeChange(ChargeKey Charge, decimal? Before, decimal? After, string Cause);

/// <summary>
/// A settlement point's energy from as far back as its tariff asks for up to the end of the day that is settled, in
/// order of time.
/// </summary>
/// <param name="Day">The first instant of the day that is settled.</param>
/// <param name="Earlier">Peaks of months before the billed one, as they were measured.</param>
public sealed record PointMonth(
    SettlementPointId Point, Instant Day, IReadOnlyList<BillLoad> Loads, IReadOnlyList<EarlierPeak> Earlier)
{
    /// <summary>Who stood there, where the tariff has a fee for it: from the arrival to the departure, or to the end of
    /// the day.</summary>
    public IReadOnlyList<Interval> Stays { get; init; } = [];
}

/// <summary>
/// The charges of a day: the bill of the month up to its end, less the bill up to its beginning. A peak that was billed
/// before is therefore not billed again, and one that this day set is due today.
/// </summary>
public static class StatementCharges
{
    /// <summary>In order of the bill, without those that add nothing; not rounded yet.</summary>
    public static IEnumerable<StatementCharge> Of(TariffPublished tariff, PointMonth month)
    {
        if (tariff.Terms is { ChargeTheAccount: true } terms) tariff = tariff with { Terms = terms.OfPoint() };
        BillLoad[] before = [.. month.Loads.TakeWhile(load => load.Period.End <= month.Day)];
        return Growth(Sums(tariff, month, month.Loads), before.Length == 0 ? [] : Sums(tariff, month, before));
    }

    /// <summary>What the account owes as a whole for a day: its standing fees, each once for a month or a day, and
    /// their tax.</summary>
    public static IEnumerable<StatementCharge> OfAccount(TariffPublished tariff, AccountMonth month)
    {
        if (tariff.Terms is not { ChargeTheAccount: true } terms) return [];
        var own = tariff with { Terms = terms.OfAccount() };
        Dictionary<(BillPart, string, LocalDate), StatementCharge> Owed(int days)
        {
            if (days == 0) return [];
            BillLine[] fees = [.. FeeLines.OfAccount(own, month.Day.ToYearMonth(), days)];
            return Summed(own, null, [.. fees, .. TaxLines.Of(own, month.First, fees, BoundSpan.Month)]);
        }

        return Growth(Owed(month.Standing.Count), Owed(month.Standing.Count(each => each.Day < month.Day)));
    }

    private static IEnumerable<StatementCharge> Growth(
        Dictionary<(BillPart, string, LocalDate), StatementCharge> now,
        Dictionary<(BillPart, string, LocalDate), StatementCharge> then)
    {
        foreach (var (key, sum) in now)
        {
            var was = then.GetValueOrDefault(key);
            var problem = sum.Problem ?? was?.Problem;
            if (problem is null && sum.AmountExact == (was?.AmountExact ?? 0m) && sum.Quantity == (was?.Quantity ?? 0m))
                continue;
            yield return sum with
            {
                Quantity = sum.Quantity - (was?.Quantity ?? 0m),
                AmountExact = problem is null ? sum.AmountExact - (was?.AmountExact ?? 0m) : null,
                Basis = was is null ? sum.Basis : $"{sum.Basis}; before this day {was.Basis}",
                Problem = problem,
            };
        }

        // What was charged up to this day and is no longer part of the bill, such as a least price that is now reached.
        foreach (var (key, was) in then)
            if (!now.ContainsKey(key))
                yield return was with
                {
                    Quantity = -was.Quantity,
                    AmountExact = -was.AmountExact,
                    Basis = $"no longer due; before this day {was.Basis}",
                };
    }

    /// <summary>Every charge whose quantity or amount differs; equal ones are left out.</summary>
    public static IReadOnlyList<ChargeChange> Difference(Statement before, Statement after)
    {
        var old = before.Charges.ToDictionary(ChargeKey.From);
        var current = after.Charges.ToDictionary(ChargeKey.From);
        var changes = new List<ChargeChange>();
        foreach (var key in old.Keys.Union(current.Keys).Order())
        {
            var (was, now) = (old.GetValueOrDefault(key), current.GetValueOrDefault(key));
            if (Cause(was, now) is { } cause) changes.Add(new(key, was?.Amount, now?.Amount, cause));
        }
        return changes;
    }

    private static string? Cause(StatementCharge? was, StatementCharge? now) =>
        was is null ? $"charge added: {now!.Basis}"
        : now is null ? $"charge no longer due: {was.Basis}"
        : was.Quantity != now.Quantity || was.AmountExact != now.AmountExact || was.Problem != now.Problem
            ? $"{Said(was)} → {Said(now)}: {now.Problem ?? now.Basis}"
        : was.Amount != now.Amount ? "rounding residual carried from a changed line" : null;

    private static string Said(StatementCharge charge) => charge.Problem is null
        ? FormattableString.Invariant($"{charge.Quantity:0.############} {charge.Unit}") : "not known";

    private static Dictionary<(BillPart, string, LocalDate), StatementCharge> Sums(
        TariffPublished tariff, PointMonth month, IReadOnlyList<BillLoad> loads) => Summed(tariff, month.Point,
        Bill.Of(tariff, new(loads, BilledStays.Of(month.Stays, loads), month.Earlier)).Lines);

    private static Dictionary<(BillPart, string, LocalDate), StatementCharge> Summed(
        TariffPublished tariff, SettlementPointId? point, IEnumerable<BillLine> lines)
    {
        var sums = new Dictionary<(BillPart, string, LocalDate), StatementCharge>();
        foreach (var line in lines)
        {
            if (Charge(tariff, point, line) is not { } charge) continue;
            var key = (charge.Part, charge.Name, charge.Of);
            sums[key] = sums.TryGetValue(key, out var sum) ? Plus(sum, charge) : charge;
        }

        return sums;
    }

    private static StatementCharge Plus(StatementCharge sum, StatementCharge next) => sum with
    {
        Quantity = sum.Quantity + next.Quantity,
        Price = sum.Price == next.Price ? sum.Price : null,
        AmountExact = sum.AmountExact + next.AmountExact,
        Problem = sum.Problem ?? next.Problem,
    };

    /// <summary>Energy of the first tier is in the statement's lines of energy; of a tier above it only the difference
    /// of the prices is still due.</summary>
    private static StatementCharge? Charge(TariffPublished tariff, SettlementPointId? point, BillLine line)
    {
        var charge = new StatementCharge(0, point, line.Part, line.Of, line.Unit, line.Quantity, line.Price,
            line.AmountExact, null, line.Name, line.Basis, line.Rule, line.Problem);
        if (line.Energy is not { } energy) return charge;
        var tiers = energy.Period is { } period
            ? EnergyPrices.Of(tariff, line.Of.Month, period, energy.Direction)?.Tiers : null;
        if (tiers is null or { Count: 1 } || energy.Tier == 1) return null;
        var above = line.Price - tiers[0].Price;
        return charge with
        {
            Name = $"{line.Name}, tier {energy.Tier}",
            Price = above,
            AmountExact = line.AmountExact is null ? null
                : (energy.Direction == Direction.Import ? 1m : -1m)
                    * ExactDecimal.Times(line.Quantity!.Value, above!.Value),
            Rule = $"{line.Rule}, above that of tier 1",
        };
    }
}
