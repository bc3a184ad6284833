namespace Ledger.Domain;

/// <summary>Whether an entry may still change.</summary>
public enum EntryStanding
{
    /// <summary>Of a run that is calculated and not published, or of energy that has no price yet.</summary>
    Pending = 1,
    /// <summary>Of a published run; only a correction follows.</summary>
    Posted = 2,
}

/// <summary>
/// One double entry: what one account gives, the other gets, so it balances by its form. Either energy or money, never
/// below zero.
/// </summary>
/// <param name="From">The account that gives.</param>
/// <param name="To">The account that gets.</param>
/// <param name="Energy">Null where it is of money.</param>
public sealed record LedgerEntry(string From, string To, Energy? Energy, decimal? Money, EntryStanding Standing)
{
    /// <summary>Money from one account to another; below zero it flows the other way.</summary>
    public static LedgerEntry OfMoney(string from, string to, decimal money, EntryStanding standing) =>
        money < 0m ? new(to, from, null, -money, standing) : new(from, to, null, money, standing);

    /// <summary>The same of energy.</summary>
    public static LedgerEntry OfEnergy(string from, string to, Energy energy, EntryStanding standing) =>
        energy < Domain.Energy.Zero ? new(to, from, -energy, null, standing) : new(from, to, energy, null, standing);
}

/// <summary>What an account has, pending and posted apart: what it got less what it gave.</summary>
public sealed record AccountBalance(
    string Account, Energy EnergyPending, Energy EnergyPosted, decimal MoneyPending, decimal MoneyPosted);

/// <summary>
/// A statement as double entries, in energy and in money. Energy flows from the grid of each point to the account and
/// back; what is billed is less or more than what was metered by the part of a quantum that no bill shows, which is
/// that grid's loss. Money flows from the account to whoever sells to it for import and charges, back for export, to
/// the seller's tax account for tax, and from the payer of a programme to the account for flexibility. Each party has
/// accounts of its own name, one for each thing that it does; where no fact names it, what it does stands in brackets
/// in the place of the name, which no party can have.
/// </summary>
public static class DoubleEntry
{
    public static string EnergyOf(PartyId party) => $"{party}/energy";
    public static string MoneyOf(PartyId party) => $"{party}/money";

    private const string UnnamedGrid = "(grid)", UnnamedSeller = "(seller)";

    /// <summary>What a grid gives and takes; apart from what its operator buys for itself.</summary>
    public static string GridOf(PartyId? grid) => $"{grid?.Value ?? UnnamedGrid}/grid-energy";

    /// <summary>What rounding to the market's quantum leaves: nobody is billed for it, and it does not
    /// vanish.</summary>
    public static string LossOf(PartyId? grid) => $"{grid?.Value ?? UnnamedGrid}/loss";

    /// <summary>What is sold and bought back by a tariff; apart from what the seller pays for itself.</summary>
    public static string SalesOf(PartyId? seller) => $"{seller?.Value ?? UnnamedSeller}/sales";

    /// <summary>Tax is owed to somebody else, and is no money of the seller's.</summary>
    public static string TaxOf(PartyId? seller) => $"{seller?.Value ?? UnnamedSeller}/tax";

    /// <param name="isPublished">What is not published is pending, and so is energy without a price.</param>
    public static IReadOnlyList<LedgerEntry> Of(Statement statement, bool isPublished)
    {
        var standing = isPublished ? EntryStanding.Posted : EntryStanding.Pending;
        var entries = new List<LedgerEntry>();
        foreach (var lines in statement.Lines.Where(line => line.Metered is not null)
            .GroupBy(line => (
                line.Direction, Priced: line.Amount is not null, Grid: statement.Parties.GridOf(line.Point)))
            .OrderBy(group => group.Key))
        {
            var (grid, loss) = (GridOf(lines.Key.Grid), LossOf(lines.Key.Grid));
            var held = lines.Key.Priced ? standing : EntryStanding.Pending;
            var billed = Sum(lines.Select(line => StatementNodes.EnergyOf(line.BilledKwh!.Value)));
            var unbilled = Sum(lines.Select(line => line.Metered!.Value)) - billed;
            var (from, to) = lines.Key.Direction == Direction.Import
                ? (grid, EnergyOf(statement.Account)) : (EnergyOf(statement.Account), grid);
            entries.Add(LedgerEntry.OfEnergy(from, to, billed, held));
            // The meter saw it pass the same way, so the grid gave it, and no account has it.
            if (unbilled != Energy.Zero)
                entries.Add(lines.Key.Direction == Direction.Import
                    ? LedgerEntry.OfEnergy(grid, loss, unbilled, held)
                    : LedgerEntry.OfEnergy(loss, grid, unbilled, held));
        }
        entries.AddRange(OfMoney(statement, standing));
        return entries;
    }

    private static IEnumerable<LedgerEntry> OfMoney(Statement statement, EntryStanding standing)
    {
        var (own, seller) = (MoneyOf(statement.Account), SalesOf(statement.Parties.Seller));
        if (statement.ImportTotal != 0m)
            yield return LedgerEntry.OfMoney(own, seller, statement.ImportTotal, standing);
        if (statement.ExportTotal != 0m)
            yield return LedgerEntry.OfMoney(own, seller, statement.ExportTotal, standing);
        foreach (var charged in statement.Charges.GroupBy(charge => charge.Part == BillPart.Tax)
            .OrderBy(group => group.Key))
            if (charged.Sum(charge => charge.Amount ?? 0m) is var money && money != 0m)
                yield return LedgerEntry.OfMoney(own, charged.Key ? TaxOf(statement.Parties.Seller) : seller, money,
                    standing);
        foreach (var line in statement.Flexibility)
            if (line.Amount is { } amount && amount != 0m)
                yield return LedgerEntry.OfMoney(MoneyOf(line.Payee), MoneyOf(line.Payer), amount, standing);
    }

    /// <summary>What each account has, in order of their names.</summary>
    public static IReadOnlyList<AccountBalance> Balances(IReadOnlyList<LedgerEntry> entries) =>
        [.. entries.SelectMany(entry => new[] { entry.From, entry.To }).Distinct().Order(StringComparer.Ordinal)
            .Select(account => new AccountBalance(account,
                EnergyAt(entries, account, EntryStanding.Pending), EnergyAt(entries, account, EntryStanding.Posted),
                MoneyAt(entries, account, EntryStanding.Pending), MoneyAt(entries, account, EntryStanding.Posted)))];

    /// <summary>
    /// Null where nothing is made or lost: all accounts together have nothing, what passed each grid is what the meters
    /// of its points saw, the account has the energy that it is billed for, and its money is the statement's total.
    /// Else what is not so, in words.
    /// </summary>
    public static string? NotConserved(Statement statement, IReadOnlyList<LedgerEntry> entries)
    {
        var balances = Balances(entries);
        if (Sum(balances.Select(each => each.EnergyPending)) != Energy.Zero
            || Sum(balances.Select(each => each.EnergyPosted)) != Energy.Zero) return "energy does not sum to zero";
        if (balances.Sum(each => each.MoneyPending) != 0m || balances.Sum(each => each.MoneyPosted) != 0m)
            return "money does not sum to zero";
        Energy Held(string account) => balances.FirstOrDefault(each => each.Account == account) is { } found
            ? found.EnergyPending + found.EnergyPosted : Energy.Zero;
        foreach (var points in statement.Lines.GroupBy(line => statement.Parties.GridOf(line.Point)))
            if (Held(GridOf(points.Key)) != -Net(points, line => line.Metered))
                return points.Key is { } named ? $"the grid of {named} did not give what the meters saw"
                    : "the grid did not give what the meters saw";
        if (Held(EnergyOf(statement.Account)) != Net(statement.Lines,
            line => line.BilledKwh is { } kwh ? StatementNodes.EnergyOf(kwh) : null))
            return "the account does not have what it is billed for";
        var own = balances.FirstOrDefault(each => each.Account == MoneyOf(statement.Account));
        return (own?.MoneyPending ?? 0m) + (own?.MoneyPosted ?? 0m) != -statement.Total
            ? "the account does not pay the statement's total" : null;
    }

    /// <summary>Import less export.</summary>
    private static Energy Net(IEnumerable<StatementLine> lines, Func<StatementLine, Energy?> energy) =>
        Sum(lines.Select(line => energy(line) is not { } known ? Energy.Zero
            : line.Direction == Direction.Import ? known : -known));

    private static Energy EnergyAt(IEnumerable<LedgerEntry> entries, string account, EntryStanding standing) =>
        Sum(entries.Where(entry => entry.Standing == standing && entry.Energy is not null)
            .Select(entry => (entry.To == account ? entry.Energy!.Value : Energy.Zero)
                - (entry.From == account ? entry.Energy!.Value : Energy.Zero)));

    private static decimal MoneyAt(IEnumerable<LedgerEntry> entries, string account, EntryStanding standing) =>
        entries.Where(entry => entry.Standing == standing && entry.Money is not null)
            .Sum(entry => (entry.To == account ? entry.Money!.Value : 0m)
                - (entry.From == account ? entry.Money!.Value : 0m));

    private static Energy Sum(IEnumerable<Energy> energies) =>
        energies.Aggregate(Energy.Zero, (sum, next) => sum + next);
}
