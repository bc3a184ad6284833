using System.Numerics;
using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The laws of a division by largest remainder; its worked cases are in
/// Scenarios/calc-attribute.txt.</summary>
public sealed class AttributionTests(ITestOutputHelper output)
{
    // Few different weights, so that ties and weights of zero are common, beside weights of any size.
    private static readonly Gen<BigInteger> Weights = Gen.OneOf(
        Gen.Int[0, 3].Select(i => (BigInteger)i), Gen.Long[0, long.MaxValue].Select(l => (BigInteger)l * l));

    private static readonly Gen<(BigInteger Whole, AttributionShare[] Shares)> Divisions = Gen.Select(
        Gen.OneOf(Gen.Long[-20, 20], Gen.Long), Weights.Array[1, 12], (whole, weights) => (
            (BigInteger)whole,
            weights.Append(1).Select((weight, i) => new AttributionShare($"P{i}", weight)).ToArray()));

    [Fact]
    public void Parts_sum_to_the_whole_and_lie_within_one_step_of_their_quota()
    {
        var seen = new SampleShares(("equal weights", 30), ("a share without weight", 30), ("a negative whole", 30));
        Divisions.Sample((whole, shares) =>
        {
            var weight = shares.Aggregate(BigInteger.Zero, (sum, share) => sum + share.Weight);
            var parts = Attribution.Parts(whole, shares);
            parts.Aggregate(BigInteger.Zero, (sum, part) => sum + part).ShouldBe(whole);
            for (var i = 0; i < shares.Length; i++)
                BigInteger.Abs(parts[i] * weight - whole * shares[i].Weight).ShouldBeLessThan(weight);
            seen.Add(shares.DistinctBy(share => share.Weight).Count() < shares.Length,
                shares.Any(share => share.Weight.IsZero), whole < 0);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void The_order_of_the_shares_changes_no_part() =>
        Gen.Select(Divisions, Gen.Int).Sample((division, seed) =>
        {
            var (whole, shares) = division;
            var shuffled = shares.ToArray();
            new Random(seed).Shuffle(shuffled);
            ById(shuffled, Attribution.Parts(whole, shuffled)).ShouldBe(ById(shares, Attribution.Parts(whole, shares)));
        }, iter: LongRun.Samples);

    [Fact]
    public void A_larger_weight_gets_no_smaller_part_and_no_weight_gets_nothing() => Divisions.Sample((whole, shares) =>
    {
        var parts = Attribution.Parts(BigInteger.Abs(whole), shares);
        var byWeight = shares.Zip(parts).OrderBy(pair => pair.First.Weight).ThenByDescending(
            pair => pair.First.Id, StringComparer.Ordinal).ToList();
        foreach (var (less, more) in byWeight.Zip(byWeight.Skip(1)))
            less.Second.ShouldBeLessThanOrEqualTo(more.Second);
        byWeight.Where(pair => pair.First.Weight.IsZero && !pair.Second.IsZero).ShouldBeEmpty();
    }, iter: LongRun.Samples);

    [Fact]
    public void A_negative_whole_gives_the_negated_parts() => Divisions.Sample((whole, shares) =>
        Attribution.Parts(-whole, shares).ShouldBe(Attribution.Parts(whole, shares).Select(part => -part)),
        iter: LongRun.Samples);

    [Fact]
    public void Energies_are_divided_to_the_half_nanojoule() =>
        Attribution.Parts(new Energy(10),
            [("B", Energy.FromWattHours(1)), ("A", Energy.FromWattHours(1)), ("C", Energy.FromWattHours(1))])
            .ShouldBe([new Energy(3), new Energy(4), new Energy(3)]);

    [Fact]
    public void What_can_not_be_divided_is_a_bug()
    {
        Should.Throw<ArgumentException>(() => Attribution.Parts(1, [new("A", 0)]));
        Should.Throw<ArgumentException>(() => Attribution.Parts(1, [new("A", -1), new("B", 2)]));
        Should.Throw<ArgumentException>(() => Attribution.Parts(1, [new("A", 1), new("A", 2)]));
    }

    private static List<(string, BigInteger)> ById(AttributionShare[] shares, IReadOnlyList<BigInteger> parts) =>
        [.. shares.Zip(parts, (share, part) => (share.Id, part)).OrderBy(part => part.Id, StringComparer.Ordinal)];
}
