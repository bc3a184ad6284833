using System.Numerics;
using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>
/// What one share gets of all penalties of its call, where its programme gives them back. Null is unknown, and
/// <paramref name="WhyNot"/> says why; nothing at all may be due, and then it says that nobody could get it.
/// </summary>
public sealed record PenaltyShare(decimal? Back, string? WhyNot);

/// <summary>
/// The penalties of a call given back as its programme says (<see cref="Redistribution"/>), once all of them are known:
/// what everybody gets less what everybody pays is zero, to the last decimal of the money.
/// </summary>
internal static class PenaltiesBack
{
    private const string NotAllKnown = "the penalties of the call are not all known";

    public static IReadOnlyList<DeliveryShare> Among(CallTerms terms, IReadOnlyList<DeliveryShare> shares)
    {
        if (terms.Programme.Redistribution is not { } by) return shares;
        if (shares.Any(share => share.Statement is not { Unproven.Count: 0 }))
            return [.. shares.Select(share => share with { Penalties = new(null, NotAllKnown) })];
        IReadOnlyList<PenaltyParty> parties = [.. shares.Select(share => Redistribution.Party(
            share.Paid, share.Statement!, by, Deliveries.MoneyDecimals))];
        // Penalties that nobody may get stay paid: a share of nothing is not a share of everything.
        if (!Redistribution.CanGiveBack(parties))
            return [.. parties.Zip(shares, (_, share) => share with { Penalties = new(0m, Nobody(by)) })];
        return [.. Redistribution.Net(parties).Zip(parties, shares).Select(each => each.Third with
        {
            Penalties = new(Money(each.First + each.Second.Penalty), null),
        })];
    }

    private static string Nobody(RedistributionWeight by) => by switch
    {
        RedistributionWeight.OverDelivery => "nobody delivered more than was ordered",
        RedistributionWeight.Delivered => "nobody delivered anything that counts",
        _ => "nothing was ordered",
    };

    private static decimal Money(BigInteger steps)
    {
        var money = (decimal)steps;
        for (var i = 0; i < Deliveries.MoneyDecimals; i++) money /= 10m;
        return money;
    }
}
