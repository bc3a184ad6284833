using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// One party's penalty, in whole steps of the money's last decimal, and its claim on what all penalties bring in.
/// </summary>
public readonly record struct PenaltyParty(string Id, BigInteger Penalty, BigInteger Weight);

/// <summary>
/// Penalties given back to those who took part (UFTP: penalties are redistributed; market rules §2.3: buyer and sellers
/// together sum to zero). The pot is divided by <see cref="Attribution"/>, so that no step of money is lost or made.
/// </summary>
public static class Redistribution
{
    /// <summary>Whether there is anybody to give the penalties to.</summary>
    public static bool CanGiveBack(IReadOnlyList<PenaltyParty> parties) =>
        Attribution.CanDivide(Pot(parties), Shares(parties));

    /// <summary>What each party gets less what it pays, in the order of the parties; the results sum to zero.</summary>
    public static IReadOnlyList<BigInteger> Net(IReadOnlyList<PenaltyParty> parties) =>
        [.. Attribution.Parts(Pot(parties), Shares(parties)).Zip(parties, (share, party) => share - party.Penalty)];

    private static BigInteger Pot(IReadOnlyList<PenaltyParty> parties) =>
        parties.Aggregate(BigInteger.Zero, (sum, party) => sum + party.Penalty);

    private static IReadOnlyList<AttributionShare> Shares(IReadOnlyList<PenaltyParty> parties) =>
        [.. parties.Select(party => new AttributionShare(party.Id, party.Weight))];
}
