using System.Text.Json;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// A baseline whose hours lie on both sides of a midnight: no hour of a day that the rule leaves out comes in by the
/// day before or after it; and what was frozen before there was such a rule stays what it was.
/// </summary>
public sealed class MidnightBaselineTests
{
    private static readonly LocalDate EventDay = new(2026, 7, 15); // a Wednesday
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];

    /// <summary>Of ten weekdays with 10 kWh an hour one is taken with the first hour of Tuesday the 14th, which had a
    /// call and 0 kWh.</summary>
    [Theory]
    [InlineData(Baseline.RuleVersion, "10 10", "hours of 2026-07-14, an event day, would be taken with it")]
    [InlineData(Baseline.FirstRuleVersion, "10 9", "1 of the last 10 such days")]
    public void Hours_after_midnight_that_are_of_an_event_day_are_not_taken(string version, string kwh, string monday)
    {
        var asked = Asked(23, 25, Days(20, (1, 0, 0m))) with { RuleVersion = version, EventDays = Back(1) };
        var found = Baseline.Of(StandardPacks.Find("baseline-caiso-10-in-10")!.Baseline!, asked);
        Text(found).ShouldBe(kwh);
        found.Days.Count(day => day.Used).ShouldBe(10);
        Use(found, 2).Reason.ShouldBe(monday);
        Use(found, 1).Reason.ShouldBe("event day");
    }

    [Theory]
    [InlineData("event", "10 10", "hours of 2026-07-13, an event day, would be taken with it")]
    [InlineData("outage", "10 10", "hours of 2026-07-13, an outage day, would be taken with it")]
    [InlineData("holiday", "10 10", "hours of 2026-07-13, a holiday, would be taken with it")]
    [InlineData("none", "10 5", "2 of the last 2 such days")]
    public void Whatever_excludes_a_day_excludes_its_hours(string what, string kwh, string reason)
    {
        var rule = Rule("""{"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"holidays":"excluded"}""");
        var asked = Asked(23, 25, Days(8, (2, 0, 0m))) with
        {
            EventDays = what == "event" ? Back(2) : [],
            OutageDays = what == "outage" ? Back(2) : [],
            Holidays = what == "holiday" ? Back(2) : [],
        };
        // Back 2 has no value in the hour after its first midnight; back 3 is taken with it.
        var found = Baseline.Of(what == "none" ? rule with { Selection = rule.Selection! with { NewestDaysBack = 2 } }
            : rule, asked);
        Use(found, 3).Reason.ShouldBe(reason);
        Text(found).ShouldBe(kwh);
    }

    /// <summary>What corrects the baseline is taken of kept days too: Monday's evening belongs to Tuesday's window.
    /// With 0 instead of 10 kWh there the ten days have 9, and the call's own evening of 10 would be 1.11 of
    /// it.</summary>
    [Theory]
    [InlineData(Baseline.RuleVersion, "10 10", "1")]
    [InlineData(Baseline.FirstRuleVersion, "11.111 11.111", "1.111")]
    public void A_window_before_midnight_takes_nothing_of_an_event_day(string version, string kwh, string applied)
    {
        var days = Days(20, (2, 21, 0m), (2, 22, 0m), (2, 23, 0m));
        var asked = Asked(1, 3, days) with { RuleVersion = version, EventDays = Back(2) };
        var found = Baseline.Of(StandardPacks.Find("baseline-caiso-10-in-10")!.Baseline!, asked);
        (Text(found), $"{found.Adjustment.Applied:0.###}").ShouldBe((kwh, applied));
        string.Join(' ', found.Unadjusted!.Select(value => $"{value:0.###}")).ShouldBe("10 10");
    }

    /// <summary>Of a call of more than a day the day before would be taken with the call's own first hours.</summary>
    [Fact]
    public void No_hour_of_the_call_itself_is_taken_for_what_would_have_been()
    {
        var rule = Rule("""{"method":"days","dayClass":"any","pool":1,"keep":1,"minDays":1}""");
        var asked = Asked(22, 47, Days(4, (0, 22, 0m), (0, 23, 0m)));
        var found = Baseline.Of(rule, asked);
        Use(found, 1).Reason.ShouldBe("the event's own hours would be taken with it");
        found.KilowattHours!.ShouldAllBe(value => value == 10m);
        Baseline.Of(rule, Asked(22, 46, Days(4))).Days[1].Used.ShouldBeTrue();
    }

    /// <summary>Where days are lacking, one that is taken with hours of an event day comes back as the event day does,
    /// and says so.</summary>
    [Fact]
    public void A_rule_that_re_admits_event_days_re_admits_their_hours()
    {
        var rule = Rule("""
            {"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"fallback":[{"kind":"readmitEventDays"}]}
            """);
        var found = Baseline.Of(rule, Asked(23, 25, Days(3, (1, 0, 4m))) with { EventDays = Back(1) });
        found.Days.Select(day => $"{day.Day.Day} {day.Used} {day.Reason}").ShouldBe([
            "15 False the event's own day",
            "14 True 1 of the last 2 such days; event day, re-admitted because days were lacking",
            "13 True 2 of the last 2 such days; taken with hours of an event day, re-admitted because days were lacking",
        ]);
        Text(found).ShouldBe("10 7");
    }

    [Theory]
    [InlineData(18, 20, "days", null)]
    [InlineData(22, 24, "days", null)]
    [InlineData(23, 25, "days", Baseline.MidnightRuleVersion)]
    [InlineData(1, 3, "days", Baseline.MidnightRuleVersion)] // its window begins before midnight
    [InlineData(23, 25, "zero", null)]
    public void A_fact_names_the_version_only_where_it_can_say_something_else(
        int from, int to, string method, string? named)
    {
        var rule = method == "zero" ? Rule("""{"method":"zero"}""") : Rule("""
            {"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"adjustment":{"kind":"ratio","windows":[{"anchor":"eventStart","fromMinutes":-120,"toMinutes":0}]}}
            """);
        Baseline.NamedRuleVersion(rule, Asked(from, to)).ShouldBe(named);
        Baseline.NamedRuleVersion(rule, Asked(from, to) with { RuleVersion = Baseline.FirstRuleVersion })
            .ShouldBeNull();
    }

    /// <summary>
    /// The three days before 27 February, of which the 25th had a call and 0 kWh in its first hour. By the first
    /// version the 24th gave that hour to the baseline, and the 26th was not taken, because the first hour of the 27th
    /// was not looked at. The order is a cap of 40: of 100 kWh an hour 60 are asked.
    /// </summary>
    [Fact]
    public async Task What_was_frozen_by_the_first_version_is_derived_again_by_it_and_a_new_call_by_this_one()
    {
        using var town = Town();
        town.Freeze("I1");
        var made = await FrozenAsync(town);
        (made.RuleVersion, Kwh(made), Days(made)).ShouldBe((Baseline.MidnightRuleVersion, "100 100", "26 23 22"));
        Verified(town).Exit.ShouldBe(ExitCode.Done);

        using var old = Town();
        var former = await AppendAsync(old, async ledger =>
        {
            var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I1"), Ct))!;
            var calculated = await BaselineCalculations.FreezeAsync(ledger.Journal, ledger.Views, recorded,
                [new("C1")], new([made with { RuleVersion = null }]), recorded.Position, [], Ct);
            return ((BaselineCalculation.Calculated)calculated).Baselines[0];
        });
        (former.RuleVersion, Kwh(former), Days(former)).ShouldBe((null, "100 66.666667", "24 23 22"));
        EventCodec.Encode(former).Version.ShouldBe(1);
        Verified(old).Exit.ShouldBe(ExitCode.Done);
        old.Run("freeze", "I1").Output.ShouldContain("already recorded, with the same result");
        Column(old.Delivery("I1"), "periods", "baselineKwh").ShouldBe(["100", "66.666667"]);
    }

    [Theory]
    [InlineData(null)] // what this version says, in the words of the first
    [InlineData("baseline-9")]
    public async Task A_baseline_that_names_another_version_than_its_own_is_found(string? version)
    {
        using var town = Town();
        town.Freeze("I1");
        var forged = await FrozenAsync(town) with { RuleVersion = version };
        using var other = Town();
        await AppendAsync(other, _ => Task.FromResult(forged));
        var found = Verified(other);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain(version is null ? "66.666667 kWh" : "it is by baseline-9, which this program does not know");
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static CommandRun Verified(CalledTown town) => town.Run("verify", "--json");

    private static CalledTown Town()
    {
        var town = new CalledTown();
        town.Connector("C1");
        town.Import("""
            {"type":"rule-pack","pack":"three","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":3,"minDays":3,"keepBy":"all","lookbackDaysMax":10,"holidays":"ignored"}}
            {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-24T08:00:00+08:00","start":"2026-02-25T00:00:00+08:00","end":"2026-02-25T01:00:00+08:00","targets":[{"point":"C1","kw":0}]}
            """);
        town.Publish("own", 1, "settlementPoint", baseline: "three");
        town.Meter("C1", [.. Hours(3 * 24, 100), 0, .. Hours((2 * 24) - 1 + 8, 100)]);
        town.Cap("I1", """{"point":"C1","kw":40}""", "27T23", "28T01", programme: "own");
        return town;
    }

    private static string Kwh(BaselineFrozen frozen) => string.Join(' ', frozen.Periods.Select(period => period.Kwh));

    private static string Days(BaselineFrozen frozen) =>
        string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day));

    private static async Task<BaselineFrozen> FrozenAsync(CalledTown town) =>
        (await town.FactsAsync<BaselineFrozen>()).Single();

    private static async Task<BaselineFrozen> AppendAsync(CalledTown town, Func<OpenLedger, Task<BaselineFrozen>> make)
    {
        await using var ledger = await town.OpenAsync();
        var fact = await make(ledger);
        await ledger.Journal.AppendAsync(Streams.Baselines(fact.Instruction), ExpectedRevision.Any,
            [NewFact.At(fact, fact.Periods[0].Period.Start, new EvidenceKey($"baseline/{fact.Instruction}/{fact.Point}"))],
            TestFolder.Tester, null, Ct);
        await ledger.CatchUpAsync(Ct);
        return fact;
    }

    private static BaselineRule Rule(string json) =>
        BaselineText.Rule(new InputValue("rule", JsonDocument.Parse(json).RootElement));

    private static BaselineQuestion Asked(int fromHour, int toHour, params IReadOnlyList<BaselineDay> days) => new(
        Zone, new Interval(At(fromHour), At(toHour)), Duration.FromHours(1), days);

    private static Instant At(int hour) => Zone.AtStartOfDay(EventDay).ToInstant() + Duration.FromHours(hour);

    /// <summary>So many days up to the event's own, of 10 kWh an hour but for some.</summary>
    private static List<BaselineDay> Days(int count, params (int Back, int Hour, decimal Kwh)[] other) =>
        [.. Enumerable.Range(0, count).Select(back => new BaselineDay(EventDay.PlusDays(-back),
            [.. Enumerable.Range(0, 24).Select(hour => other.Any(one => (one.Back, one.Hour) == (back, hour))
                ? other.Single(one => (one.Back, one.Hour) == (back, hour)).Kwh : 10m)]))];

    private static HashSet<LocalDate> Back(int days) => [EventDay.PlusDays(-days)];

    private static string Text(BaselineResult found) =>
        string.Join(' ', found.KilowattHours!.Select(value => $"{value:0.###}"));

    private static BaselineDayUse Use(BaselineResult found, int back) =>
        found.Days.Single(day => day.Day == EventDay.PlusDays(-back));
}
