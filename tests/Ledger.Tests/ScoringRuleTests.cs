using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>When a payment curve is one rule, when two say the same, and what is summed before it is scored.</summary>
public sealed class ScoringRuleTests
{
    private static readonly ScoringPrice OfCaller = new(PriceSource.Price, null, [], 1m);
    private static readonly ScoringTerm Term =
        new(ScoredQuantity.Effective, true, OfCaller, [new(null, false, 1m), new(0.8m, true, 2m)]);
    private static readonly ScoringRule Sound = new(
        ScoringLevel.Hour, new(3, RatioRounding.HalfToEven, RatioRoundingPlace.BeforeLookup, 1.2m),
        [new(null, false, null, 0m), new(0.8m, true, 0.8m, 1m)], [Term],
        new(0.8m, false, 1m, ScoredQuantity.Delivered, OfCaller with { Source = PriceSource.PenaltyPrice }),
        0.1m, 5m, false);

    public static TheoryData<string, string, ScoringRule> Incoherent => new()
    {
        { "decimals below 0", "a ratio is rounded to 0 to 9 decimals", WithRatio(-1, 1m) },
        { "decimals above 9", "a ratio is rounded to 0 to 9 decimals", WithRatio(10, 1m) },
        { "a cap of 0", "the cap of a ratio is more than 0", WithRatio(0, 0m) },
        { "no band", "bands: the first begins without an edge", Sound with { Bands = [] } },
        {
            "a first band with an edge", "bands: the first begins without an edge",
            Sound with { Bands = [new(0m, true, 0m, 1m)] }
        },
        {
            "a later band without an edge", "bands: the edges rise",
            Sound with { Bands = [Sound.Bands[0], Sound.Bands[0]] }
        },
        { "equal edges", "bands: the edges rise", Sound with { Bands = [.. Sound.Bands, Sound.Bands[1]] } },
        { "no term", "a rule pays by at least one term", Sound with { Payment = [] } },
        {
            "factors that fall", "factors: the edges rise",
            WithFactors([new(null, false, 1m), new(0.9m, true, 1m), new(0.8m, true, 1m)])
        },
        {
            "a fixed price without its number", "a fixed price has its number, and no other price has",
            WithPrice(new(PriceSource.Fixed, null, [], 1m))
        },
        {
            "a number of another price", "a fixed price has its number, and no other price has",
            WithPrice(OfCaller with { Fixed = 1m })
        },
        {
            "a table that is empty", "a price by hours has its table, and no other price has",
            WithPrice(new(PriceSource.ByHours, null, [], 1m))
        },
        {
            "a table of another price", "a price by hours has its table, and no other price has",
            WithPrice(OfCaller with { ByHours = [new(2m, 1m)] })
        },
        {
            "hours twice", "hours stand twice in the table",
            WithPrice(new(PriceSource.ByHours, null, [new(2m, 1m), new(2m, 2m)], 1m))
        },
        {
            "a penalty of no price", "a fixed price has its number, and no other price has",
            Sound with { Penalty = Sound.Penalty! with { Price = OfCaller with { Fixed = 1m } } }
        },
        { "a floor above the cap", "the least price is above the highest", Sound with { PriceFloor = 5.01m } },
    };

    [Theory, MemberData(nameof(Incoherent))]
    public void A_rule_that_has_no_one_answer_says_why(string what, string reason, ScoringRule rule) =>
        rule.Incoherence().ShouldBe(reason, what);

    [Fact]
    public void A_rule_at_every_edge_of_what_is_allowed_is_one()
    {
        Sound.Incoherence().ShouldBeNull();
        WithRatio(0, 0.0001m).Incoherence().ShouldBeNull();
        WithRatio(9, null).Incoherence().ShouldBeNull();
        (Sound with { PriceFloor = 5m, Penalty = null }).Incoherence().ShouldBeNull();
        WithPrice(new(PriceSource.ByHours, null, [new(1m, 3m), new(2m, 3m)], 1m)).Incoherence().ShouldBeNull();
    }

    [Fact]
    public void Two_rules_say_the_same_where_every_member_does()
    {
        var again = Sound with
        {
            Bands = [.. Sound.Bands],
            Payment = [Term with { Factors = [.. Term.Factors], Price = OfCaller with { ByHours = [] } }],
            Penalty = Sound.Penalty! with { Price = Sound.Penalty!.Price with { ByHours = [] } },
        };
        Sound.Says(again).ShouldBeTrue();
        (Sound with { Penalty = null }).Says(again with { Penalty = null }).ShouldBeTrue();
        foreach (var other in new[]
        {
            again with { Level = ScoringLevel.Event }, again with { Ratio = again.Ratio with { Cap = 1.3m } },
            again with { Bands = [again.Bands[0], again.Bands[1] with { Slope = 2m }] },
            again with { Payment = [] }, again with { Payment = [again.Payment[0], again.Payment[0]] },
            again with { Payment = [again.Payment[0] with { TimesHours = false }] },
            again with { Payment = [again.Payment[0] with { Factors = [new(null, false, 1m)] }] },
            again with { Payment = [again.Payment[0] with { Price = OfCaller with { Factor = 2m } }] },
            again with { Payment = [again.Payment[0] with { Price = OfCaller with { ByHours = [new(1m, 1m)] } }] },
            again with { Penalty = null }, again with { Penalty = again.Penalty! with { Edge = 0.9m } },
            again with { Penalty = again.Penalty! with { Price = OfCaller } },
            again with { PriceFloor = null }, again with { PriceCap = 6m }, again with { LatePaysNothing = true },
        })
        {
            Sound.Says(other).ShouldBeFalse($"{other}");
            other.Says(Sound).ShouldBeFalse($"{other}");
        }
        var two = Sound with { Payment = [Term, Term with { TimesHours = false }] };
        two.Says(Sound with { Payment = [Term, Term] }).ShouldBeFalse();
    }

    [Fact]
    public void A_rule_needs_the_prices_of_its_terms_and_of_its_penalty()
    {
        Sound.Uses(PriceSource.Price).ShouldBeTrue();
        Sound.Uses(PriceSource.PenaltyPrice).ShouldBeTrue();
        Sound.Uses(PriceSource.CapacityPrice).ShouldBeFalse();
        (Sound with { Payment = [Term, Term with { Price = OfCaller with { Source = PriceSource.EnergyPrice } }] })
            .Uses(PriceSource.EnergyPrice).ShouldBeTrue();
    }

    [Fact]
    public void An_input_that_no_rule_scores_names_its_member()
    {
        var prices = new ScoringPrices(1m);
        Scoring.Refusal(Sound, new(-1m, 0m, 1m, prices)).ShouldBe(("orderedKw", "must not be negative"));
        Scoring.Refusal(Sound, new(0m, 0m, -1m, prices)).ShouldBe(("hours", "must not be negative"));
        Scoring.Refusal(Sound, new(0m, 0m, 0m, prices)).ShouldBeNull();
        var byHours = WithPrice(new(PriceSource.ByHours, null, [new(1m, 3m), new(2m, 4m)], 1m));
        Scoring.Refusal(byHours, new(1m, 1m, 3m, prices)).ShouldBe(("hours", "this rule has prices for 1, 2 hours"));
        Scoring.Evaluate(byHours, new(1m, 1m, 2m, prices)).Payment.ShouldBe(2m * 4m * 2m); // 2 h, 4 a kWh, factor 2
    }

    [Fact]
    public void Five_minutes_of_a_call_are_summed_as_energy_and_last_as_long_as_they_do()
    {
        var start = Instant.FromUtc(2026, 3, 1, 10, 0);
        var periods = Enumerable.Range(0, 24).Select(i => new ScoredPeriod(
            new Interval(start + Duration.FromMinutes(5 * i), start + Duration.FromMinutes(5 * (i + 1))), 120m, 60m));
        var (covers, input) = ScoringAggregation.Of(ScoringLevel.Event, periods, DateTimeZone.Utc, new(1m)).Single();
        covers.ShouldBe(new Interval(start, start + Duration.FromHours(2)));
        // 24 times 120 kW over 1/12 h is 240 kWh; the table of a rule is looked up by the two hours of the call.
        (input.OrderedKw, input.DeliveredKw, input.Hours, input.Lasted).ShouldBe((240m, 120m, 1m, (Fraction)2));
    }

    [Fact]
    public void A_period_belongs_to_the_hour_of_its_local_time_to_the_second()
    {
        var zone = DateTimeZone.ForOffset(Offset.FromHoursAndMinutes(5, 30));
        var start = Instant.FromUtc(2026, 3, 1, 10, 29, 45); // 15:59:45 there
        var periods = Enumerable.Range(0, 3).Select(i => new ScoredPeriod(
            new Interval(start + Duration.FromSeconds(9 * i), start + Duration.FromSeconds(9 * (i + 1))), 400m, 1m));
        var hours = ScoringAggregation.Of(ScoringLevel.Hour, periods, zone, new(1m));
        hours.Select(hour => hour.Covers.Start).ShouldBe([start, start + Duration.FromSeconds(18)]);
    }

    [Fact]
    public void Periods_of_unequal_length_are_not_summed()
    {
        var start = Instant.FromUtc(2026, 3, 1, 10, 0);
        ScoredPeriod[] periods =
        [
            new(new Interval(start, start + Duration.FromMinutes(15)), 1m, 1m),
            new(new Interval(start + Duration.FromMinutes(15), start + Duration.FromMinutes(45)), 1m, 1m),
        ];
        Should.Throw<ArgumentException>(() =>
            ScoringAggregation.Of(ScoringLevel.Event, periods, DateTimeZone.Utc, new(1m)))
            .Message.ShouldContain("periods that are summed are equally long");
        ScoringAggregation.Of(ScoringLevel.Interval, periods, DateTimeZone.Utc, new(1m)).Count.ShouldBe(2);
    }

    private static ScoringRule WithRatio(int? decimals, decimal? cap) =>
        Sound with { Ratio = Sound.Ratio with { Decimals = decimals, Cap = cap } };

    private static ScoringRule WithFactors(IReadOnlyList<FactorStep> factors) =>
        Sound with { Payment = [Term with { Factors = factors }] };

    private static ScoringRule WithPrice(ScoringPrice price) =>
        Sound with { Payment = [Term with { Price = price }] };
}
