namespace Ledger.Domain;

/// <summary>
/// Whom an account deals with on a day, as facts name them: who sells to it by its tariff, and in whose grid each of
/// its points lies. They name the accounts of a statement's double entries and change no amount.
/// </summary>
/// <param name="Seller">Null where its contract names nobody.</param>
/// <param name="Grids">Of the points whose grid operator is named.</param>
public sealed record StatementParties(PartyId? Seller, IReadOnlyDictionary<SettlementPointId, PartyId> Grids)
{
    public static readonly StatementParties Unnamed = new(null, new Dictionary<SettlementPointId, PartyId>());

    /// <summary>Null where nobody is named.</summary>
    public PartyId? GridOf(SettlementPointId point) => Grids.TryGetValue(point, out var grid) ? grid : null;
}

/// <summary>
/// What a run posts in money, in the books of whoever sells to the account, for each kind of revenue and cost; the
/// amounts sum to zero. Where the contract names the seller, its accounts bear its name.
/// </summary>
internal static class RunPostings
{
    public static IEnumerable<Posting> OfEnergy(PartyId account, PartyId? seller, decimal import, decimal export) =>
    [
        new($"receivable/{account}", import), new($"revenue/{Of(seller)}energy-import", -import),
        new($"payable/{account}", export), new($"cost/{Of(seller)}energy-export", -export),
    ];

    /// <summary>Tax is owed to somebody else and is no revenue.</summary>
    public static IEnumerable<Posting> OfCharges(
        PartyId account, PartyId? seller, IReadOnlyList<(BillPart Part, decimal Amount)> charges)
    {
        if (charges.Count == 0) return [];
        var tax = charges.Where(charge => charge.Part == BillPart.Tax).Sum(charge => charge.Amount);
        var others = charges.Where(charge => charge.Part != BillPart.Tax).Sum(charge => charge.Amount);
        return [new($"receivable/{account}/charges", others + tax), new($"revenue/{Of(seller)}charges", -others),
            new($"liability/{Of(seller)}tax", -tax)];
    }

    private static string Of(PartyId? seller) => seller is { } named ? $"{named}/" : "";
}
