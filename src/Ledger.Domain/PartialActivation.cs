namespace Ledger.Domain;

/// <summary>An offer of flexibility: power for each of its periods and one price for the whole of it.</summary>
public sealed record FlexOffer(IReadOnlyList<decimal> Kw, decimal Price);

/// <summary>
/// An order that takes part of an offer (market rules §2.2, UFTP: an offer activated to 80 % is 0.8 of the power in
/// every period and 0.8 of the price). Nothing is rounded.
/// </summary>
public static class PartialActivation
{
    /// <param name="factor">More than 0, up to 1: the whole offer.</param>
    public static FlexOffer Of(FlexOffer offer, decimal factor)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(factor);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(factor, 1m);
        return new([.. offer.Kw.Select(kw => ExactDecimal.Times(kw, factor))], ExactDecimal.Times(offer.Price, factor));
    }
}
