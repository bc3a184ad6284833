using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// By what the penalties of a call are given back; each is an energy, counted at the level of the programme's rule.
/// </summary>
public enum RedistributionWeight
{
    /// <summary>What was delivered beyond the order (UFTP settlement component 5: a passive contribution is rewarded
    /// from the penalties that were raised).</summary>
    OverDelivery = 1,
    /// <summary>What was delivered, as the rule counts it.</summary>
    Delivered = 2,
    /// <summary>What was ordered, delivered or not.</summary>
    Ordered = 3,
}

/// <summary>
/// One party's penalty, in whole steps of the money's last decimal, and its claim on what all penalties bring in.
/// </summary>
public readonly record struct PenaltyParty(string Id, BigInteger Penalty, BigInteger Weight);

/// <summary>
/// Penalties given back to those who took part (UFTP: penalties are redistributed; market rules §2.3: buyer and
/// sellers together sum to zero). The pot is divided by <see cref="Attribution"/>, so that no step of money is lost or
/// made.
/// </summary>
public static class Redistribution
{
    /// <summary>Whether there is anybody to give the penalties to.</summary>
    public static bool CanGiveBack(IReadOnlyList<PenaltyParty> parties) =>
        Attribution.CanDivide(Pot(parties), Shares(parties));

    /// <summary>What each party gets less what it pays, in the order of the parties; the results sum to zero.</summary>
    public static IReadOnlyList<BigInteger> Net(IReadOnlyList<PenaltyParty> parties) =>
        [.. Attribution.Parts(Pot(parties), Shares(parties)).Zip(parties, (share, party) => share - party.Penalty)];

    /// <summary>A statement as a party: its penalties in steps of the money, and its energy as weight.</summary>
    /// <param name="statement">Of which nothing is unproven.</param>
    public static PenaltyParty Party(string id, FlexStatement statement, RedistributionWeight by, int moneyDecimals) =>
        new(id, Steps(statement.Lines.Sum(line => line.Penalty), moneyDecimals),
            statement.Lines.Aggregate(BigInteger.Zero, (sum, line) => sum + Weight(line, by)));

    private static BigInteger Weight(FlexStatementLine line, RedistributionWeight by) => BigInteger.Max(
        BigInteger.Zero, by switch
        {
            RedistributionWeight.OverDelivery =>
                Steps(line.DeliveredKwh, WeightDecimals) - Steps(line.OrderedKwh, WeightDecimals),
            RedistributionWeight.Delivered => Steps(line.EffectiveKwh, WeightDecimals),
            RedistributionWeight.Ordered => Steps(line.OrderedKwh, WeightDecimals),
            _ => throw new ArgumentOutOfRangeException(nameof(by)),
        });

    // All that a decimal has, so that a weight is its energy exactly.
    private const int WeightDecimals = 28;

    /// <summary>A decimal in units of 10^-decimals; it has no more decimals than that.</summary>
    private static BigInteger Steps(decimal value, int decimals) =>
        (Fraction.Of(value) * new Fraction(BigInteger.Pow(10, decimals), 1)).Numerator;

    private static BigInteger Pot(IReadOnlyList<PenaltyParty> parties) =>
        parties.Aggregate(BigInteger.Zero, (sum, party) => sum + party.Penalty);

    private static IReadOnlyList<AttributionShare> Shares(IReadOnlyList<PenaltyParty> parties) =>
        [.. parties.Select(party => new AttributionShare(party.Id, party.Weight))];
}
