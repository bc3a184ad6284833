using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A tariff with terms as a fact: read strictly, refused where it could not be settled, kept in version 2, and
/// carried by its runs and their bundles.</summary>
public sealed class TariffTermsTests
{
    private const string Rich = """
        {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai",
        "validFrom":"2026-02-27T00:00:00+08:00","rules":[{"from":"08:00","to":"22:00","period":"peak"},{"period":"flat"}],
        "prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1"},
        {"period":"flat","importTiers":[[100,"0.5"],[2,"0.6","hoursOfUse"],["inf","0.7"]],"exportPerKwh":"0.3","taxPercent":6}],
        "exportRules":[{"period":"flat"}],"useBy":"demand","taxPercent":13,"bounds":{"least":5},
        "demandCharges":[{"name":"demand","intervalMinutes":60,"perKw":30,"windows":[{"days":["weekday"],"from":"08:00"}],
        "ratchet":{"percent":40,"months":[7,8],"lookbackMonths":6,"minimumKw":10}}],
        "fees":[{"name":"standing","per":"month","amount":"12.50"}]}
        """;

    private static readonly TariffTerms Terms = new(
        [
            new([.. Enumerable.Range(1, 12)], TariffPeriod.Flat, Direction.Import,
                [new(100m, TierUnit.Quantity, 0.5m), new(2m, TierUnit.HoursOfUse, 0.6m),
                    new(null, TierUnit.Quantity, 0.7m)], 6m),
            new([.. Enumerable.Range(1, 12)], TariffPeriod.Flat, Direction.Export,
                [new(null, TierUnit.Quantity, 0.3m)], 6m),
        ],
        [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null, TariffPeriod.Flat)],
        [
            new("demand", [new([.. Enumerable.Range(1, 12)], [DayClass.Weekday], new(8, 0), null)],
                [new([.. Enumerable.Range(1, 12)], [new(null, TierUnit.Quantity, 30m)])], 60, 60, DemandSpan.Month,
                new([0m, 0m, 0m, 0m, 0m, 0m, 40m, 40m, 0m, 0m, 0m, 0m], 6, 10m, false), null),
        ],
        "demand", [new("standing", FeeBasis.Month, 12.5m, 1, null)], 13m, new(BoundSpan.Month, 5m, null, null, null),
        null);

    private static string OneLine(string text) => text.ReplaceLineEndings("");

    [Fact]
    public async Task A_fact_holds_what_its_text_says_and_comes_back_from_version_2()
    {
        await using var ledger = new IntakeLedger();
        (await ledger.TakeAsync(OneLine(Rich))).Outcomes.Single().ShouldBeOfType<RecordOutcome.Recorded>();
        var known = (await ledger.FactsAsync()).OfType<TariffPublished>().Single();
        known.Prices.ShouldBe([new TariffPrice(TariffPeriod.Peak, 1.1m, 1m)]);
        known.Terms.ShouldNotBeNull().Says(Terms).ShouldBeTrue();
        (await ledger.TakeAsync(OneLine(Rich))).Outcomes.Single().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        EventCodec.Encode(known).Version.ShouldBe(2);
        EventCodec.Encode(known with { Terms = null }).Version.ShouldBe(1);
    }

    [Theory]
    [InlineData("\"lookbackMonths\":6,", "", Rejection.OutOfRange)] // a settled month knows none later
    [InlineData("\"minimumKw\":10", "\"wrap\":true", Rejection.OutOfRange)]
    [InlineData("\"bounds\":{\"least\":5}", "\"bounds\":{\"per\":\"bill\",\"least\":5}", Rejection.OutOfRange)]
    [InlineData("\"standing\"", "\"demand\"", Rejection.OutOfRange)]
    [InlineData("\"standing\"", "\"a|b\"", Rejection.OutOfRange)]
    [InlineData("\"importPerKwh\":\"1.1\"", "\"importPerKwh\":\"0.1234567890123\"", Rejection.OutOfRange)]
    [InlineData("[\"inf\",\"0.7\"]", "[200,\"0.7\"]", Rejection.TariffIncomplete)]
    [InlineData("\"exportPerKwh\":\"0.3\",", "", Rejection.TariffIncomplete)]
    [InlineData("\"perKw\":30", "\"prices\":[{\"months\":[1,2],\"perKw\":30}]", Rejection.TariffIncomplete)]
    [InlineData("\"perKw\":30", "\"tiers\":[[100,30]]", Rejection.TariffIncomplete)]
    [InlineData("\"exportRules\":[{\"period\":\"flat\"}]", "\"exportRules\":[{\"to\":\"08:00\",\"period\":\"flat\"}]",
        Rejection.TariffIncomplete)]
    [InlineData("\"exportRules\":[{\"period\":\"flat\"}]", "\"exportRules\":[{\"period\":\"valley\"}]",
        Rejection.TariffIncomplete)]
    [InlineData(",\"exportPerKwh\":\"1\"", "", Rejection.MissingField)]
    [InlineData("\"perKw\":30", "\"perKW\":30", Rejection.UnknownField)]
    [InlineData("\"taxPercent\":13", "\"taxPercent\":\"much\"", Rejection.NotANumber)]
    public async Task What_could_not_be_settled_is_refused(string text, string other, Rejection code)
    {
        var changed = OneLine(Rich).Replace(text, other, StringComparison.Ordinal);
        changed.ShouldNotBe(OneLine(Rich));
        await using var ledger = new IntakeLedger();
        (await ledger.TakeAsync(changed)).Outcomes.Single().ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(code);
        (await ledger.FactsAsync()).OfType<TariffPublished>().ShouldBeEmpty();
    }

    /// <summary>A line is of a day's energy and a charge of a month's: of steps of 1 kWh a month bills, and taxes, what
    /// no day's line has. Without terms nothing is billed by the month.</summary>
    [Theory]
    [InlineData(2, true, false)]
    [InlineData(3, true, true)]
    [InlineData(0, false, true)]
    public void Terms_need_the_markets_quantum_of_energy(int decimals, bool hasTerms, bool isTaken)
    {
        var tariff = new TariffPublished(new("T"), 1, "CNY", "Asia/Shanghai",
            [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null,
                TariffPeriod.Flat)],
            [new(TariffPeriod.Flat, 0.5m, 0.4m)], [], decimals, 2,
            hasTerms ? TariffTerms.None with { TaxPercent = 13m } : null);
        var decision = Tariffs.Decide(TariffState.Empty, tariff, Instant.MinValue, new("k"));
        if (isTaken) decision.ShouldBeOfType<Decision.Accepted>();
        else decision.ShouldBeOfType<Decision.Rejected>().Code.ShouldBe(Rejection.OutOfRange);
        // What was recorded before there was the rule is known.
        Tariffs.Decide(Tariffs.Evolve(TariffState.Empty, tariff, Instant.MinValue), tariff, Instant.MinValue, new("k"))
            .ShouldBeOfType<Decision.AlreadyRecorded>();
    }

    [Fact]
    public void Terms_are_the_same_only_by_all_they_hold()
    {
        var charge = Terms.DemandCharges[0];
        Terms.Says(Terms with { Fees = [.. Terms.Fees] }).ShouldBeTrue();
        foreach (var other in new[]
        {
            Terms with { Prices = [Terms.Prices[1], Terms.Prices[0]] }, Terms with { ExportRules = [] },
            Terms with { DemandCharges = [charge with { SlideMinutes = 30 }] },
            Terms with { DemandCharges = [charge with { Ratchet = null }] },
            Terms with { DemandCharges = [charge with { Windows = [] }] },
            Terms with { DemandCharges = [charge with { Prices = [new([1], charge.Prices[0].Tiers)] }] },
            Terms with { UseBy = null }, Terms with { Fees = [] }, Terms with { TaxPercent = 12m },
            Terms with { Bounds = null }, Terms with { Bounds = Terms.Bounds! with { Least = 6m } },
            Terms with { Ratios = RatioRule.Notice463 },
        })
            Terms.Says(other).ShouldBeFalse();
    }

    /// <summary>The run's root is over its charges too; both programs verify the bundle, and each says what it did not
    /// derive.</summary>
    [Fact]
    public void A_run_with_charges_is_bundled_as_a_whole()
    {
        using var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        var facts = town.File("rich.jsonl", OneLine(Rich) + "\n"
            + """{"type":"tariff-assignment","account":"cpo","tariff":"T","validFrom":"2026-02-27T00:00:00+08:00"}""");
        var taken = town.Run("import", facts);
        taken.Exit.ShouldBe(ExitCode.Done, taken.Output + taken.Errors);
        var settled = town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        settled.Exit.ShouldBe(ExitCode.Done, settled.Output + settled.Errors);
        settled.Output.ShouldContain("charges beside energy");
        // The tariff is the account's from this day on, so this day owes the standing fee of the month.
        settled.Output.ShouldContain("standing");
        town.Run("show", "statement", "R1").Output.ShouldContain("the same lines and total");
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        var zip = town.File("r1.zip", "");
        var made = town.Run("bundle", "--statement", "R1", "--out", zip);
        made.Exit.ShouldBe(ExitCode.Done, made.Errors);
        var keys = town.File("keys.txt", town.Run("checkpoint", "--key").Output);
        var verified = town.Run("verify", zip, "--keys", keys);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
        OtherProgram.Verifies("--keys", keys, zip);
        // A line of energy is proven by itself, and so is what a month charges beside energy.
        foreach (var line in new[] { "R1#1", "R1#83" })
        {
            town.Run("prove", line, "--out", zip).Exit.ShouldBe(ExitCode.Done);
            town.Run("verify", zip, "--keys", keys).Exit.ShouldBe(ExitCode.Done);
        }
        var whole = town.Run("verify");
        whole.Exit.ShouldBe(ExitCode.Done, whole.Output);
    }
}
