using System.Globalization;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The engine of payment curves against cases from outside, changed packs and its own laws.</summary>
public sealed class ScoringTests(ITestOutputHelper output)
{
    [Fact]
    public void The_settlement_phase_table_comes_out()
    {
        var given = MarketVectors.Case("UFTP-1");
        var inputs = given.GetProperty("inputs");
        foreach (var row in given.GetProperty("expected").EnumerateArray())
        {
            var score = Scoring.Evaluate(Rule("uftp"), new(Number(inputs, "orderedReductionMw"),
                Number(inputs, "baselineMw") - Number(row, "allocationMw"), 1m,
                new(Number(inputs, "pricePerMw"), Number(inputs, "penaltyPerMw"))));
            (score.EffectiveKw, score.ShortfallKw, score.Net)
                .ShouldBe((Number(row, "deliveredMw"), Number(row, "deficiencyMw"), Number(row, "net")));
        }
    }

    [Theory, InlineData("DEG-1"), InlineData("DEG-2")]
    public void Meters_are_clamped_each_and_paid_together(string id)
    {
        var inputs = MarketVectors.Case(id).GetProperty("inputs");
        var delivered = inputs.GetProperty("meters").EnumerateArray()
            .Sum(meter => Math.Max(0m, Number(meter, "baselineKw") - Number(meter, "actualKw")));
        Scoring.Evaluate(Rule("deg"),
            new(delivered, delivered, Number(inputs, "hours"), new(Number(inputs, "pricePerKwh"))))
            .Payment.ShouldBe(Number(MarketVectors.Case(id).GetProperty("expected"), "total"));
    }

    [Theory, InlineData("SC-0"), InlineData("SC-1"), InlineData("SC-2")]
    public void A_band_pays_half_beyond_and_assesses_below(string id)
    {
        var (inputs, expected) = (MarketVectors.Case(id).GetProperty("inputs"),
            MarketVectors.Case(id).GetProperty("expected"));
        var score = Scoring.Evaluate(Rule("sichuan"),
            new(Number(inputs, "bidKw"), Number(inputs, "actualKw"), 1m, new(Number(inputs, "clearingPrice"))));
        (score.EffectiveKw, score.Payment, score.Penalty, score.Net).ShouldBe((Number(expected, "effective"),
            Number(expected, "payment"), Number(expected, "assessment"), Number(expected, "net")));
    }

    [Fact]
    public void An_execution_rate_is_rounded_before_its_band_is_looked_up()
    {
        var (given, expected) = (MarketVectors.Case("TPC-1").GetProperty("inputs"),
            MarketVectors.Case("TPC-1").GetProperty("expected"));
        var reduction = Number(given, "cblKw") - Number(given, "actualKw");
        reduction.ShouldBe(Number(expected, "reductionKw"));
        var score = Scoring.Evaluate(Rule("taipower-day-select"),
            new(Number(given, "committedKw"), reduction, Number(given, "hours"), new(0m)));
        (score.ExecutionRate, score.Factor, score.Payment)
            .ShouldBe((Number(expected, "executionRate"), Number(expected, "ratio"), Number(expected, "reward")));
    }

    [Fact]
    public void A_changed_knot_is_another_version_and_the_old_one_still_pays_as_it_did()
    {
        var first = StandardPacks.Find("sichuan")!;
        var bands = first.Scoring!.Bands;
        var second = first
            with
        { Version = 2, Scoring = first.Scoring with { Bands = [bands[0], bands[1] with { From = 1.2m }] } };
        var input = new ScoringInput(100m, 130m, 1m, new(2m));
        var state = RulePackState.Empty;
        foreach (var pack in (RulePackPublished[])[first, second])
        {
            RulePacks.Decide(state, pack, NodaConstants.UnixEpoch, new("k")).ShouldBeOfType<Decision.Accepted>();
            state = RulePacks.Evolve(state, pack, NodaConstants.UnixEpoch);
        }

        // By hand: 110 + 20/2 = 120 at 2 is 240; with the knot at 1.2: 120 + 10/2 = 125 at 2 is 250.
        state.Published.Select(each => Scoring.Evaluate(each.Pack.Scoring!, input).Payment).ShouldBe([240m, 250m]);
    }

    [Fact]
    public void A_changed_row_of_the_price_table_pays_the_amount_by_hand()
    {
        var rule = Rule("taipower-day-select");
        var term = rule.Payment[0];
        var changed = rule with
        {
            Payment =
                [term with { Price = term.Price with { ByHours = [.. term.Price.ByHours, new HoursPrice(3m, 2m)] } }],
        };
        // 100 kW × 1.0 × 3 h × 2 × 1.2
        Scoring.Evaluate(changed, new(100m, 100m, 3m, new(0m))).Payment.ShouldBe(720m);
        Scoring.Refusal(rule, new(100m, 100m, 3m, new(0m)))!.Value.Member.ShouldBe("hours");
    }

    [Fact]
    public void Delivering_more_never_pays_less_where_the_curve_never_falls()
    {
        string[] rising = ["uftp", "deg", "sichuan", "taipower-day-select", "taipower-guaranteed", "taipower-spinning",
            "ssen", "cliff-75", "cliff-80", "band-80-120", "guangdong", "cyprus-storage", "pjm-regulation"];
        var random = new Random(20251116);
        var seen = new SampleShares(("on a whole percent of the order", 30));
        for (var i = 0; i < LongRun.Samples; i++)
        {
            var rule = Rule(rising[i % rising.Length]);
            var ordered = random.Next(1, 100_000) / 100m;
            // A third of the deliveries stand exactly on a percent of the order, where the knots are.
            decimal Delivered() => random.Next(3) == 0
                ? ordered * random.Next(-20, 140) / 100m
                : random.Next(-20_000, 140_000) / 100m;
            var (less, more) = (Delivered(), Delivered());
            if (less > more) (less, more) = (more, less);
            seen.Add(less * 100m % ordered == 0);
            var prices = new ScoringPrices(random.Next(0, 300) / 100m, random.Next(0, 300) / 100m, 1m, 1m);
            var hours = rule.Uses(PriceSource.ByHours) ? 2m : random.Next(1, 9) / 4m;
            var (low, high) = (Scoring.Evaluate(rule, new(ordered, less, hours, prices)),
                Scoring.Evaluate(rule, new(ordered, more, hours, prices)));
            high.Net.ShouldBeGreaterThanOrEqualTo(low.Net, $"{rising[i % rising.Length]} {ordered} {less} {more}");
            (high.Penalty <= low.Penalty && low.Penalty >= 0).ShouldBeTrue();
        }

        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void Twice_the_order_and_twice_the_delivery_is_twice_the_money()
    {
        var random = new Random(5);
        for (var i = 0; i < LongRun.Samples; i++)
        {
            var rule = Rule(StandardPacks.Names.Where(name => StandardPacks.Find(name)!.Scoring is not null)
                .ElementAt(random.Next(14)));
            var input = new ScoringInput(random.Next(1, 10_000) / 10m, random.Next(-1_000, 15_000) / 10m, 2m,
                new(1.5m, 2.5m, 1m, 1m));
            var (once, twice) = (Scoring.Evaluate(rule, input),
                Scoring.Evaluate(rule, input
                    with
                { OrderedKw = 2 * input.OrderedKw, DeliveredKw = 2 * input.DeliveredKw }));
            (twice.Payment, twice.Penalty).ShouldBe((2 * once.Payment, 2 * once.Penalty));
        }
    }

    [Theory]
    [InlineData(ScoringLevel.Interval, "10 30")]
    [InlineData(ScoringLevel.Hour, "20")]
    [InlineData(ScoringLevel.Event, "20")]
    [InlineData(ScoringLevel.Month, "20")]
    public void A_level_decides_whether_a_good_period_makes_up_for_a_bad_one(ScoringLevel level, string meanKw)
    {
        var start = Instant.FromUtc(2026, 3, 31, 13, 0);
        ScoredPeriod[] periods =
        [
            new(new(start + Duration.FromMinutes(30), start + Duration.FromMinutes(60)), 20m, 30m),
            new(new(start, start + Duration.FromMinutes(30)), 20m, 10m),
        ];
        var inputs = ScoringAggregation.Of(level, periods, DateTimeZoneProviders.Tzdb["Asia/Shanghai"], new(1m));
        string.Join(' ', inputs.Select(sum =>
            (Fraction.Of(sum.Input.DeliveredKw * sum.Input.Hours) / sum.Input.Lasted).ToText(2))).ShouldBe(meanKw);
        inputs.Sum(sum => Scoring.Evaluate(Rule("cliff-75"), sum.Input).Payment)
            .ShouldBe(level == ScoringLevel.Interval ? 10m : 20m);
    }

    [Fact]
    public void A_month_ends_at_local_midnight_and_a_fee_per_kilowatt_is_due_once()
    {
        // 31 March, 23:00 and 23:30 in Shanghai, and 00:00 of April.
        ScoredPeriod[] periods =
            [.. Enumerable.Range(0, 3).Select(i => Instant.FromUtc(2026, 3, 31, 15, 0) + Duration.FromMinutes(30 * i))
            .Select(at => new ScoredPeriod(new(at, at + Duration.FromMinutes(30)), 100m, 100m))];
        var months = ScoringAggregation.Of(ScoringLevel.Month, periods, DateTimeZoneProviders.Tzdb["Asia/Shanghai"],
            new(0m, Capacity: 5m));
        months.Select(month => month.Input.Lasted).ShouldBe([1, new Fraction(1, 2)]);
        // 100 kW × 5 + 100 kWh × 12; then 100 kW × 5 + 50 kWh × 12.
        months.Select(month => Scoring.Evaluate(Rule("taipower-guaranteed"), month.Input).Payment)
            .ShouldBe([1700m, 1100m]);
    }

    [Fact]
    public void Every_pack_is_coherent_reads_back_as_it_was_and_names_its_source()
    {
        foreach (var name in StandardPacks.Names)
        {
            var pack = StandardPacks.Find(name)!;
            (pack.Pack.Value, pack.Version).ShouldBe((name, 1));
            pack.Source.Length.ShouldBeGreaterThan(20, name);
            RulePacks.Decide(RulePackState.Empty, pack, NodaConstants.UnixEpoch, new("k"))
                .ShouldBeOfType<Decision.Accepted>(name);
        }

        StandardPacks.Find("elsewhere").ShouldBeNull();
        Rule("uftp").Says(Rule("uftp") with { Bands = [.. Rule("uftp").Bands] }).ShouldBeTrue();
    }

    private static ScoringRule Rule(string pack) => StandardPacks.Find(pack)!.Scoring!;

    private static decimal Number(JsonElement parent, string name) => parent.GetProperty(name) is var value
        && value.ValueKind == JsonValueKind.String
            ? decimal.Parse(value.GetString()!, CultureInfo.InvariantCulture)
            : value.GetDecimal();
}
