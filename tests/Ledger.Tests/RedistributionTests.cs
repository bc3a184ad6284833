using System.Globalization;
using System.Numerics;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Penalties given back: no step of money is lost or made.</summary>
public sealed class RedistributionTests(ITestOutputHelper output)
{
    [Fact]
    public void What_one_pays_the_others_get_by_weight() =>
        Redistribution.Net([new("a", 1000, 0), new("b", 0, 1), new("c", 0, 2)]).ShouldBe([-1000, 333, 667]);

    [Fact]
    public void Penalties_that_nobody_may_get_stay_where_they_are()
    {
        Redistribution.CanGiveBack([new("a", 1, 0)]).ShouldBeFalse();
        Redistribution.CanGiveBack([new("a", 0, 0)]).ShouldBeTrue();
        Should.Throw<ArgumentException>(() => Redistribution.Net([new("a", 1, 0)]));
    }

    /// <summary>A number of 2³¹ units or more has another sign in its words.</summary>
    [Theory]
    [InlineData("2147.483647", "30000000.01")]
    [InlineData("2500.123456", "21474836.48")]
    [InlineData("9223372036.854775", "0.01")]
    [InlineData("79228162.514264", "70000000000000000.09")]
    public void A_party_may_deliver_and_owe_as_much_as_a_decimal_holds(string kwh, string penalty)
    {
        var (delivered, owed) = (decimal.Parse(kwh, CultureInfo.InvariantCulture),
            decimal.Parse(penalty, CultureInfo.InvariantCulture));
        var statement = new FlexStatement(new("pack"), 1, false,
            [new(default, delivered, delivered, delivered, 0m, 0m, owed, -owed)], []);
        var party = Redistribution.Party("a", statement, RedistributionWeight.Delivered, 2);
        (party.Penalty, party.Weight).ShouldBe(((BigInteger)(owed * 100m),
            (BigInteger)(delivered * 1_000_000m) * BigInteger.Pow(10, 22)));
    }

    [Fact]
    public void Results_sum_to_zero_and_do_not_depend_on_the_order_of_the_parties()
    {
        var random = new Random(7);
        var seen = new SampleShares(("equal weights", 50));
        for (var i = 0; i < LongRun.Samples; i++)
        {
            PenaltyParty[] parties = [.. Enumerable.Range(0, random.Next(1, 9))
                .Select(n => new PenaltyParty($"p{n}", random.NextInt64(1_000_000), random.Next(0, 5))),
                new("q", 0, 1)];
            seen.Add(parties.Select(party => party.Weight).Distinct().Count() < parties.Length);
            var nets = Redistribution.Net(parties);
            nets.Aggregate(BigInteger.Zero, (sum, net) => sum + net).ShouldBe(BigInteger.Zero);
            var turned = Redistribution.Net([.. Enumerable.Reverse(parties)]);
            Enumerable.Reverse(turned).ShouldBe(nets);
        }

        seen.ShouldBeEnough(output);
    }
}
