using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// Hours in which another call held are no undisturbed load: who pays would else lower a baseline by a call that costs
/// him nothing. C1 draws 100 kWh an hour, on 27 February 40 from 17:00 to 19:00, and on the 24th 40 from 17:00 and 50
/// from 18:00. I2 caps it at 40 from 18:00 to 19:00, and a kWh that comes is paid with 2; I1 is the other call, of no
/// programme.
/// </summary>
public sealed class OtherCallTests
{
    private const string Packs = """
        {"type":"rule-pack","pack":"before","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"sameDay","windows":[{"anchor":"eventStart","fromMinutes":-60,"toMinutes":0}]}}
        {"type":"rule-pack","pack":"corrected","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":2,"minDays":2,"keepBy":"highest","lookbackDaysMax":10,"holidays":"ignored","adjustment":{"kind":"additive","windows":[{"anchor":"eventStart","fromMinutes":-120,"toMinutes":0}]}}}
        {"type":"rule-pack","pack":"alike","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":1,"minDays":1,"keepBy":"mostSimilar","lookbackDaysMax":10,"holidays":"ignored"}}
        {"type":"rule-pack","pack":"quiet","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":2,"keep":2,"minDays":2,"keepBy":"all","lookbackDaysMax":5,"exclude":["eventDays"],"holidays":"ignored"}}
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static CalledTown Town(string pack)
    {
        var town = new CalledTown();
        town.Connector("C1");
        town.Connector("G1", kind: "gridConnection");
        town.Connector("X1", "S09");
        town.Import(Packs);
        town.Publish("own", 1, "settlementPoint", baseline: pack);
        return town;
    }

    private static string Other(string point, string from, string to) => $$"""
        {"type":"instruction","instruction":"I1","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-24T08:00:00+08:00","start":"2026-02-{{from}}:00:00+08:00","end":"2026-02-{{to}}:00:00+08:00","targets":[{"point":"{{point}}","kw":40}]}
        """;

    private static string Withdrawn(string at) => $$"""
        {"type":"instruction-withdrawal","instruction":"I1","at":"2026-02-{{at}}:00+08:00","reason":"not needed"}
        """;

    private static IEnumerable<int> History() =>
        [.. Hours((2 * 24) + 17, 100), 40, 50, .. Hours((2 * 24) + 5 + 16, 100)];

    /// <param name="baseline">kWh of the called hour; null where there is none.</param>
    /// <param name="former">The same by the rules before.</param>
    /// <param name="paid">For 2 a kWh below the baseline.</param>
    [Theory]
    // The hour before the call: I1 brought it down to 40, so I2 asked nothing of who is called twice.
    [InlineData("before", "C1", "27T17", "27T18", null, "40", null)]
    [InlineData("before", "G1", "27T17", "27T18", null, "40", null)] // C1 lies behind G1
    [InlineData("before", "X1", "27T17", "27T18", "40", "40", "0")] // 40 by its own doing
    [InlineData("before", "C1", "27T15", "27T16", "40", "40", "0")]
    [InlineData("before", "C1", "27T19", "27T20", "40", "40", "0")]
    // 100 of the kept days, less 30 because the two hours before drew 70.
    [InlineData("corrected", "C1", "27T17", "27T18", "100", "70", "120")]
    [InlineData("corrected", "X1", "27T17", "27T18", "70", "70", "60")]
    // The 24th is the most alike where the hour of I1 is compared, and without it the last day of those that are.
    [InlineData("alike", "C1", "27T17", "27T18", "100", "50", "120")]
    [InlineData("alike", "X1", "27T17", "27T18", "50", "50", "20")]
    public async Task Hours_of_another_call_are_no_undisturbed_load(
        string pack, string point, string from, string to, string? baseline, string former, string? paid)
    {
        using var town = Town(pack);
        town.Meter("C1", History());
        town.Import(Other(point, from, to));
        (await CompletedAsync(town)).ShouldBe((baseline, former));
        town.Net("I2").ShouldBe(paid);
        if (baseline == former) return;
        town.Run("show", "baseline", "I2", "--json").Output
            .ShouldContain("other calls held in the periods from 2026-02-27T09:00:00Z to 2026-02-27T10:00:00Z");
        Column(town.Delivery("I2"), "periods", "unproven")
            .ShouldBe([pack == "before" ? "no baseline: another call held in the window" : null]);
    }

    /// <summary>A call that was withdrawn before it began disturbed nothing, and so did none that was dated back when
    /// its hour was over.</summary>
    [Theory]
    [InlineData("withdrawn")]
    [InlineData("dated back")]
    public async Task A_call_that_moved_nothing_takes_no_hour(string how)
    {
        using var town = Town("before");
        town.Meter("C1", History());
        if (how == "withdrawn") town.Import(Other("C1", "27T17", "27T18") + "\n" + Withdrawn("27T16:30"));
        (await CompletedAsync(town, () =>
        {
            if (how == "withdrawn") return;
            town.Clock = Instant.FromUtc(2026, 2, 27, 10, 30);
            town.Import(Other("C1", "27T17", "27T18"));
        })).ShouldBe(("40", "40"));
    }

    /// <summary>What is called between the notice and the completion is seen by it, as is what was metered.</summary>
    [Fact]
    public async Task A_call_that_comes_after_the_notice_counts()
    {
        using var town = Town("before");
        town.Meter("C1", History());
        (await CompletedAsync(town, () => town.Import(Other("C1", "27T17", "27T18")))).ShouldBe((null, "40"));
    }

    /// <summary>I1 is ordered from the 25th to the 26th, and withdrawn on its first evening.</summary>
    [Theory]
    [InlineData("25T19:00", "26 24", "baseline-5")]
    [InlineData("26T01:00", "24 23", null)] // it held into the 26th
    [InlineData(null, "24 23", null)]
    public async Task A_day_is_one_with_a_call_only_while_it_held(string? withdrawn, string days, string? version)
    {
        using var town = Town("quiet");
        town.Clock = Instant.FromUtc(2026, 2, 25, 11, 0);
        town.Import(Other("C1", "25T18", "26T18"));
        if (withdrawn is not null)
        {
            town.Clock = Instant.FromUtc(2026, 2, 25, withdrawn == "25T19:00" ? 11 : 17, 0);
            town.Import(Withdrawn(withdrawn));
        }
        town.Clock = Instant.FromUtc(2026, 2, 27, 8, 30);
        town.Meter("C1", History());
        town.Cap("I2", """{"point":"C1","kw":40}""", "27T18", "27T19", programme: "own");
        town.Freeze("I2");
        var frozen = (await town.FactsAsync<BaselineFrozen>())[0];
        string.Join(' ', frozen.Days.Where(day => day.Used).Select(day => day.Day.Day)).ShouldBe(days);
        frozen.RuleVersion.ShouldBe(version);
        town.Done("verify");
        // By the version before, the days to the ordered end.
        await using var ledger = await town.OpenAsync();
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I2"), Ct))!;
        ((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(ledger.Journal, ledger.Views, recorded,
            [new("C1")], new([frozen with { RuleVersion = Baseline.MeasuredRuleVersion }]), recorded.Position, [], Ct))
            .Baselines[0].EventDays.Select(day => day.Day).ShouldBe([25, 26]);
    }

    /// <summary>A call over its whole day leaves no hour to compare, whatever was called on other days: the last of
    /// them is as good as any.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_call_of_a_whole_day_has_a_baseline_whatever_was_called_before(bool isCalledBefore)
    {
        using var town = Town("alike");
        town.Clock = Instant.FromUtc(2026, 2, 25, 8, 30);
        if (isCalledBefore) town.Import(Other("C1", "25T17", "25T18"));
        town.Clock = Instant.FromUtc(2026, 2, 26, 12, 30);
        town.Meter("C1", Hours((4 * 24) + 20, 100));
        town.Enrol("own", "C1");
        town.Import("""
            {"type":"instruction","instruction":"I2","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-26T20:00:00+08:00","start":"2026-02-27T00:00:00+08:00","end":"2026-02-28T00:00:00+08:00","targets":[{"point":"C1","kw":40}],"programme":"own"}
            """);
        town.Freeze("I2");
        var frozen = (await town.FactsAsync<BaselineFrozen>()).ShouldHaveSingleItem();
        (frozen.Insufficient, frozen.Awaits, frozen.Periods.Count).ShouldBe((null, null, 24));
        frozen.Periods.ShouldAllBe(period => period.Kwh == 100m);
        town.Done("verify");
    }

    /// <summary>I1 is to leave no hour that nobody has metered yet, and is withdrawn while it runs: its second hour is
    /// compared in the end, and the 24th is the day that is like it. By the version before the 26th was chosen at once,
    /// and stood against every completion.</summary>
    [Fact]
    public async Task A_day_is_chosen_when_the_hours_are_metered_that_choose_it()
    {
        using var town = Town("alike");
        town.Meter("C1", History());
        town.Import(Other("C1", "27T16", "27T18"));
        town.Cap("I2", """{"point":"C1","kw":40}""", "27T18", "28T00", programme: "own");
        town.Clock = Instant.FromUtc(2026, 2, 27, 8, 45);
        town.Import(Withdrawn("27T16:45"));
        town.Freeze("I2");
        town.Meter("C1", [100, 40, .. Hours(6, 40)]);
        town.Freeze("I2", "--complete");
        town.Done("verify");
        var frozen = await town.FactsAsync<BaselineFrozen>();
        frozen.Count.ShouldBe(2);
        frozen[0].Days.ShouldAllBe(day => !day.Used);
        frozen[0].Days.ShouldContain(day => day.Reason == "chosen when the event's own day is metered");
        frozen[0].Periods.ShouldAllBe(period => period.Kwh == null && period.UnadjustedKwh == null);
        frozen[1].Days.Single(day => day.Used).Day.Day.ShouldBe(24);
        frozen[1].Periods.Select(period => period.Kwh).ShouldBe([50m, .. Enumerable.Repeat(100m, 5)]);
        // What was frozen by the version before is still what it was.
        await using var ledger = await town.OpenAsync();
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I2"), Ct))!;
        var former = ((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(ledger.Journal,
            ledger.Views, recorded, [new("C1")], new([frozen[0] with { RuleVersion = "baseline-5" }]),
            recorded.Position, [], Ct)).Baselines[0];
        (former.RuleVersion, former.Days.Single(day => day.Used).Day.Day).ShouldBe(("baseline-5", 26));
        former.Notes.ShouldContain(note => note.StartsWith(
            "another call held from 2026-02-27T08:30:00Z to 2026-02-27T10:00:00Z", StringComparison.Ordinal));
    }

    /// <summary>The hours of I1 are in no correction, so nobody waits for them where they are lost: 17:00 to 19:00 are
    /// one reading, of which nothing says how it is divided.</summary>
    [Fact]
    public async Task An_hour_that_counts_for_nothing_is_not_awaited()
    {
        using var town = Town("corrected");
        town.Meter("C1", History());
        town.Import(Other("C1", "27T17", "27T18"));
        town.Cap("I2", """{"point":"C1","kw":40}""", "27T19", "27T20", programme: "own");
        town.Freeze("I2");
        (await town.FactsAsync<BaselineFrozen>()).Single().Awaits.ShouldNotBeNull();
        town.Clock = SmallTown.Now;
        town.Import("""
            point,register,read_at,kwh
            C1,1.8.0,2026-02-27T17:00:00+08:00,13590
            C1,1.8.0,2026-02-27T19:00:00+08:00,13670
            C1,1.8.0,2026-02-27T20:00:00+08:00,13710

            """);
        town.Freeze("I2", "--complete");
        var completed = (await town.FactsAsync<BaselineFrozen>())[^1];
        (Kwh(completed), completed.Adjustment.Reason).ShouldBe(
            ("100", "not corrected: another call held in the window"));
        town.Net("I2").ShouldBe("120");
        town.Done("verify");
    }

    /// <summary>However many calls somebody orders in the hours before, what is said of them has room in a fact.
    /// </summary>
    [Fact]
    public async Task Calls_of_a_second_each_do_not_keep_a_baseline_from_being_frozen()
    {
        using var town = Town("corrected");
        town.Import(string.Join('\n', Enumerable.Range(0, 4_500).Select(second =>
        {
            var from = new LocalTime(16, 30).PlusSeconds(second); // none is dated back
            return string.Create(CultureInfo.InvariantCulture, $$"""
                {"type":"instruction","instruction":"N{{second}}","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-24T08:00:00+08:00","start":"2026-02-27T{{from:HH:mm:ss}}+08:00","end":"2026-02-27T{{from.PlusSeconds(1):HH:mm:ss}}+08:00","targets":[{"point":"C1","kw":40}]}
                """);
        })));
        town.Meter("C1", History());
        town.Cap("I2", """{"point":"C1","kw":40}""", "27T18", "27T19", programme: "own");
        town.Freeze("I2");
        var frozen = (await town.FactsAsync<BaselineFrozen>()).Single();
        frozen.Notes.Where(note => note.StartsWith("other calls held", StringComparison.Ordinal)).ShouldHaveSingleItem()
            .ShouldContain("in the periods from 2026-02-27T08:00:00Z to 2026-02-27T10:00:00Z");
        // The version before had a note for each, which no append has room for.
        await using var ledger = await town.OpenAsync();
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I2"), Ct))!;
        var former = ((BaselineCalculation.Calculated)await BaselineCalculations.FreezeAsync(ledger.Journal,
            ledger.Views, recorded, [new("C1")], new([frozen with { RuleVersion = "baseline-5" }]),
            recorded.Position, [], Ct)).Baselines[0];
        former.Notes.Count.ShouldBeGreaterThanOrEqualTo(4_500);
        EventCodec.Encode(former).Payload.Length.ShouldBeGreaterThan(Limits.DecisionBytesMax);
    }

    /// <summary>Orders, freezes, meters and completes I2: its baseline, and what it would have been by the version
    /// before.</summary>
    private static async Task<(string? Now, string? Former)> CompletedAsync(CalledTown town, Action? meanwhile = null)
    {
        town.Cap("I2", """{"point":"C1","kw":40}""", "27T18", "27T19", programme: "own");
        meanwhile?.Invoke();
        town.Freeze("I2"); // from the facts before I2, whenever it is asked for
        town.Meter("C1", [100, 40, 40, .. Hours(5, 100)]);
        town.Freeze("I2", "--complete");
        town.Done("verify");
        await using var ledger = await town.OpenAsync();
        var frozen = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<BaselineFrozen>()
            .ToList();
        frozen.ConvertAll(each => each.RuleVersion).ShouldBe(["baseline-6", "baseline-6"]);
        var recorded = (await BaselineCalculations.FindAsync(ledger.Journal, new("I2"), Ct))!;
        // With nothing withdrawn and all metered the version between says the same, but for its notes.
        var between = (await BaselineCalculations.CompleteAsync(ledger.Journal, ledger.Views, recorded.Order,
            [frozen[0] with { RuleVersion = Baseline.OtherCallsRuleVersion }], frozen[1].CompletedAtPosition!.Value,
            Ct))[0];
        (between with { Notes = frozen[1].Notes, RuleVersion = "baseline-6" }).Says(frozen[1]).ShouldBeTrue();
        between.RuleVersion.ShouldBe("baseline-5");
        between.Notes.Count(note => note.StartsWith("another call held from", StringComparison.Ordinal))
            .ShouldBe(frozen[1].Notes.Count(note => note.StartsWith("other calls held in", StringComparison.Ordinal)));
        var former = (await BaselineCalculations.CompleteAsync(ledger.Journal, ledger.Views, recorded.Order,
            [frozen[0] with { RuleVersion = Baseline.MeasuredRuleVersion }], frozen[1].CompletedAtPosition!.Value,
            Ct))[0];
        former.RuleVersion.ShouldBe("baseline-4");
        return (Kwh(frozen[1]), Kwh(former));
    }

    private static string? Kwh(BaselineFrozen frozen) =>
        frozen.Periods.Single().Kwh?.ToString("0.######", CultureInfo.InvariantCulture);
}
