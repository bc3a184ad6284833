using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>From frozen baseline and meter to amounts, by the version of the pack that was in force.</summary>
public sealed class FlexStatementTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 15, 6, 0);
    private static readonly DateTimeZone Shanghai = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private static readonly RulePackPublished First = StandardPacks.Find("sichuan")!;

    [Fact]
    public void Quarters_are_summed_to_the_hour_of_the_rule_and_scored_once()
    {
        // Delivered 100, 140, 100, 140 kW of 100: in the hour 120 of 100, so effective is 115.
        var statement = Of(First, [300m, 260m, 300m, 260m]);
        (statement.Version, statement.Provisional, statement.Net).ShouldBe((1, true, 138m));
        statement.Lines
            .ShouldBe([new(new(Start, Start + Duration.FromHours(1)), 100m, 120m, 115m, 0m, 138m, 0m, 138m)]);
    }

    [Fact]
    public void A_statement_derived_again_uses_the_version_in_force_then()
    {
        var second = First with
        {
            Version = 2,
            Scoring = First.Scoring!
                with
            { Bands = [First.Scoring.Bands[0], First.Scoring.Bands[1] with { From = 1.2m }] },
        };
        (RulePackPublished, Instant)[] known =
            [(First, Start - Duration.FromDays(100)), (second, Start + Duration.FromDays(1))];
        var then = FlexStatements.InForce(known, First.Pack, Start)!;
        var later = FlexStatements.InForce(known, First.Pack, Start + Duration.FromDays(2))!;
        (Of(then, [300m, 260m, 300m, 260m]).Net, Of(later, [300m, 260m, 300m, 260m]).Net).ShouldBe((138m, 144m));
        FlexStatements.InForce(known, First.Pack, Start - Duration.FromDays(101)).ShouldBeNull();
        FlexStatements.InForce(known, new("elsewhere"), Start).ShouldBeNull();
    }

    [Fact]
    public void Without_a_meter_nothing_is_settled_and_no_total_looks_complete()
    {
        var statement = Of(First, [300m, null, 300m, 260m, 300m, 300m, 300m, 300m]);
        statement.Unproven.ShouldBe([new(Start, Start + Duration.FromHours(1))]);
        statement.Lines.Single().Payment.ShouldBe(120m);
        statement.Net.ShouldBeNull();
    }

    [Fact]
    public void Rounding_comes_last_and_carries_what_it_leaves()
    {
        var rule = StandardPacks.Find("uftp")!;
        // Three quarters of 1 kW at 0.10: 0.025 each, 0.075 together.
        var statement = FlexStatements.Of(rule, FlexDirection.Increase,
            [.. Enumerable.Range(0, 3).Select(i => Period(i, 1m, 5m, 6m))],
            Shanghai, new(0.10m), 2);
        statement.Lines.Select(line => line.Payment).ShouldBe([0.03m, 0.02m, 0.03m]);
        statement.Net.ShouldBe(0.08m);
    }

    [Fact]
    public void Five_minutes_are_a_twelfth_of_an_hour_and_still_exact()
    {
        // 12 periods of 12 kW are 12 kWh at 0.10; by the hour once 1.20, by the period 0.10 each.
        var twelve = Enumerable.Range(0, 12).Select(i => new BaselineBesideMeter(
            new(Start + Duration.FromMinutes(5 * i), Start + Duration.FromMinutes((5 * i) + 5)), 12m, 20m, 8m))
                .ToList();
        var byPeriod = FlexStatements.Of(StandardPacks.Find("uftp")!, FlexDirection.Reduce, twelve, Shanghai,
            new(0.10m), 2);
        (byPeriod.Lines.Count, byPeriod.Lines[0].DeliveredKwh, byPeriod.Net).ShouldBe((12, 1m, 1.20m));
        var byHour = FlexStatements.Of(First, FlexDirection.Reduce, twelve, Shanghai, new(1m), 2);
        (byHour.Lines.Single().OrderedKwh, byHour.Net).ShouldBe((12m, 12m));
    }

    [Fact]
    public void What_another_holds_is_not_delivered_here_and_a_response_against_the_order_has_none_of_it()
    {
        var statement = FlexStatements.Of(StandardPacks.Find("uftp")!, FlexDirection.Reduce,
            [Period(0, 100m, 300m, 200m) with { HeldElsewhereKw = 60m },
                Period(1, 100m, 300m, 320m) with { HeldElsewhereKw = 60m }],
            Shanghai, new(1m), 2);
        statement.Lines.Select(line => (line.DeliveredKwh, line.Payment)).ShouldBe([(10m, 10m), (-5m, 0m)]);
    }

    private static FlexStatement Of(RulePackPublished pack, decimal?[] meteredKw) =>
        FlexStatements.Of(pack, FlexDirection.Reduce,
        [.. meteredKw.Select((metered, i) => Period(i, 100m, 400m, metered))], Shanghai, new(1.2m), 2);

    private static BaselineBesideMeter Period(int quarter, decimal ordered, decimal? baseline, decimal? metered)
    {
        var at = Start + Duration.FromMinutes(15 * quarter);
        return new(new(at, at + Duration.FromMinutes(15)), ordered, baseline, metered);
    }
}
