using System.Numerics;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What part of an offer is, and what it does to money; and whose the penalties are.</summary>
public sealed class PartialActivationTests
{
    private static readonly Interval Hour = new(Instant.FromUnixTimeSeconds(0), Instant.FromUnixTimeSeconds(3600));

    [Fact]
    public void Four_fifths_of_an_offer_are_four_fifths_of_its_power_and_price()
    {
        PartialActivation.Of(2.5m, 800).ShouldBe(2m);
        PartialActivation.Of(10m, 800).ShouldBe(8m);
        PartialActivation.Of(-0.000001m, 1).ShouldBe(-0.000000001m);
        Should.Throw<ArgumentOutOfRangeException>(() => PartialActivation.Of(1m, 1001));
        Should.Throw<ArgumentOutOfRangeException>(() => PartialActivation.Of(1m, 0));
    }

    [Fact]
    public void The_whole_is_the_offer_and_a_part_is_whole_milliwatts_or_none()
    {
        var random = new Random(11);
        for (var i = 0; i < LongRun.Samples; i++)
        {
            var offered = new Power(random.NextInt64(1, Limits.PowerMilliwattsMax));
            var permille = random.Next(1, PartialActivation.Whole + 1);
            PartialActivation.Part(offered, PartialActivation.Whole).ShouldBe(offered);
            var part = PartialActivation.Part(offered, permille);
            (part is null).ShouldBe(offered.Milliwatts * permille % 1000 != 0);
            if (part is { } taken) taken.Kilowatts.ShouldBe(PartialActivation.Of(offered.Kilowatts, permille));
        }
    }

    [Fact]
    public void An_order_of_the_most_targets_with_the_longest_names_fits_one_append()
    {
        var points = Enumerable.Range(0, 2_000)
            .Select(i => new SettlementPointId($"{i}".PadLeft(Limits.IdentifierLengthMax, '0'))).ToList();
        var most = new Power(Limits.PowerMilliwattsMax);
        var name = new string('n', Limits.IdentifierLengthMax);
        EventCodec.Encode(new DispatchInstructed(new(name), InstructionKind.Export, new(name), Hour.Start, Hour,
            [.. points.Select(point => new InstructionTarget(point, most))], most, long.MaxValue, 1m, 1m, new(name),
            new(1000, long.MaxValue), new(PartialActivation.Whole, [.. points.Select(point =>
                new PointOffer(point, most))]))).Payload.Length.ShouldBeLessThan(Limits.DecisionBytesMax);
    }

    /// <summary>Every market's curve is of the ratio, so that a part of an order that is followed alike is paid, and
    /// penalised, exactly that part.</summary>
    [Fact]
    public void By_every_rule_a_part_of_an_order_and_of_its_delivery_is_that_part_of_the_money()
    {
        var random = new Random(12);
        var rules = StandardPacks.Names.Select(name => StandardPacks.Find(name)!)
            .Where(pack => pack.Scoring is not null).ToList();
        rules.Count.ShouldBeGreaterThan(10);
        for (var i = 0; i < 2_000; i++)
        {
            var pack = rules[i % rules.Count];
            var (ordered, delivered) = (random.Next(1, 1000), random.Next(-200, 1500));
            var permille = random.Next(1, PartialActivation.Whole + 1);
            var whole = Scoring.Evaluate(pack.Scoring!, Input(ordered, delivered));
            var part = Scoring.Evaluate(pack.Scoring!, Input(PartialActivation.Of(ordered, permille),
                PartialActivation.Of(delivered, permille)));
            (part.Payment, part.Penalty, part.ShortfallKw, part.EffectiveKw).ShouldBe((
                PartialActivation.Of(whole.Payment, permille), PartialActivation.Of(whole.Penalty, permille),
                PartialActivation.Of(whole.ShortfallKw, permille), PartialActivation.Of(whole.EffectiveKw, permille)),
                pack.Pack.Value);
        }

        static ScoringInput Input(decimal ordered, decimal delivered) =>
            new(ordered, delivered, 2m, new(1.25m, 0.75m, 0.5m, 0.25m));
    }

    /// <summary>Ordered 10 and 10, delivered 14 and 3, of which 12 and 3 count; penalties of 0.07 and 7.00.</summary>
    [Theory]
    [InlineData(RedistributionWeight.OverDelivery, "4")]
    [InlineData(RedistributionWeight.Delivered, "15")]
    [InlineData(RedistributionWeight.Ordered, "20")]
    public void A_share_of_the_penalties_is_weighed_by_its_energy(RedistributionWeight by, string kwh)
    {
        var party = Redistribution.Party("a", new(new("p"), 1, false,
            [new(Hour, 10m, 14m, 12m, 0m, 9m, 0.07m, 8.93m), new(Hour, 10m, 3m, 3m, 7m, 3m, 7m, -4m)], []), by, 2);
        party.ShouldBe(new PenaltyParty("a", 707, BigInteger.Parse(kwh) * BigInteger.Pow(10, 28)));
    }

    [Fact]
    public void Energy_that_went_the_other_way_is_no_claim_on_the_penalties()
    {
        FlexStatementLine[] lines =
            [new(Hour, 10m, -14.5m, -14.5m, 24.5m, 0m, 24.5m, -24.5m), new(Hour, 0m, 0.25m, 0.25m, 0m, 0m, 0m, 0m)];
        var party = Redistribution.Party("a", new(new("p"), 1, false, lines, []), RedistributionWeight.Delivered, 2);
        party.ShouldBe(new PenaltyParty("a", 2450, 25 * BigInteger.Pow(10, 26)));
    }
}
