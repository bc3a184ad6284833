using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>What a programme that names its payer owes stands on the statement of whom it pays, from the delivery of
/// the call; a programme that names none pays nothing there.</summary>
public sealed class FlexibilityStatementTests
{
    /// <summary>Both of 100 kWh an hour are capped at 60: C1 comes down by 80, of which 40 an hour are paid with 2; C2
    /// by nothing, and pays 1 for each of 40.</summary>
    private static CalledTown Called(string more, string second = "cpo")
    {
        var town = new CalledTown(more: more);
        town.Connector("C1");
        town.Connector("C2", owner: second);
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Meter("C2", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 20, 20, .. Hours(4, 100)]);
        town.Meter("C2", Hours(16, 100));
        town.Bill("cpo", "agg");
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--by", "anna");
        return town;
    }

    private static JsonNode Statement(CalledTown town) =>
        JsonNode.Parse(town.Run("show", "statement", "R1", "--json").Output)!;

    [Fact]
    public void A_call_is_paid_on_the_statement_of_its_account_with_postings_of_its_own()
    {
        using var town = Called(",\"payer\":\"dso\"");
        var statement = Statement(town);
        var lines = statement["flexibility"]!.AsArray().Select(line =>
            $"{line!["paid"]} {line["kind"]} {line["kwh"]} {line["amount"]} {line["payer"]} to {line["payee"]}").ToList();
        lines.ShouldBe([
            "C1 energy 40 -80.00 dso to cpo", "C1 energy 40 -80.00 dso to cpo", "C2 energy 0 0.00 dso to cpo",
            "C2 penalty 40 40.00 dso to cpo", "C2 energy 0 0.00 dso to cpo", "C2 penalty 40 40.00 dso to cpo"]);
        ((string)statement["flexibilityTotal"]!, (string)statement["conserved"]!).ShouldBe(("-80.00", "yes"));
        // 4,640 kWh at 0.5 are paid, 80.00 are credited: what the delivery comes to.
        ((string)statement["total"]!).ShouldBe("2240.00");
        town.Net("I1").ShouldBe("80");
        statement["postings"]!.AsArray().Select(row => $"{row!["account"]} {row["amount"]}")
            .ShouldBe(["receivable/cpo 2320.00", "revenue/energy-import -2320.00", "payable/cpo 0.00", "cost/energy-export 0.00",
                "flexibility/cpo -80.00", "flexibility/dso 80.00"]);
        statement["flexibility"]!.AsArray().Select(line => (int)line!["line"]!).ShouldBe([49, 50, 51, 52, 53, 54]);
        statement["balances"]!.AsArray().Select(row => $"{row!["account"]} {row["moneyPending"]} {row["moneyPosted"]}")
            .ShouldBe(["(grid)/grid-energy 0.00 0.00", "(seller)/sales 2320.00 0.00", "cpo/energy 0.00 0.00",
                "cpo/money -2240.00 0.00", "dso/money -80.00 0.00"]);
        town.Run("publish", "R1", "--by", "bob").Exit.ShouldBe(ExitCode.Done);
        var published = Statement(town);
        ((bool)published["flexibilityDiffers"]!).ShouldBeFalse();
        published["rulePacks"]!.AsArray().Select(row => (string)row!["pack"]!).ShouldBe(["days", "up-to-order"]);
        published["balances"]!.AsArray().Select(row => (string)row!["moneyPosted"]!).ShouldBe(["0.00", "2320.00", "0.00", "-2240.00", "-80.00"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"payer\":\"dso\",\"payee\":\"agg\"")]
    public void A_programme_that_pays_nobody_here_leaves_the_statement_as_it_is(string more)
    {
        using var town = Called(more);
        var statement = Statement(town);
        statement["flexibility"].ShouldBeNull();
        ((string)statement["total"]!, (string)statement["conserved"]!).ShouldBe(("2320.00", "yes"));
        town.Run("publish", "R1", "--by", "bob").Exit.ShouldBe(ExitCode.Done);
        JsonNode.Parse(town.Run("show", "settlement", "--json").Output)!["publications"]![0]!["flexibilityTotal"].ShouldBeNull();
    }

    [Fact]
    public void What_is_unproven_has_no_amount_and_says_so()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 20]);
        town.Bill("cpo", "agg");
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        Statement(town)["flexibility"]!.AsArray().Select(line => $"{line!["amount"]} {line["problem"]}")
            .ShouldBe(["-80.00 ", " unproven"]);
        ((bool)Statement(town)["incomplete"]!).ShouldBeTrue();
        Explained(town, "R1#26")["tree"]!["arithmetic"]!.GetValue<string>().ShouldBe("unproven");
    }

    /// <summary>Two calls of one connector, of 100 kWh an hour, that come down to 60 from 18:00 to 20:00.</summary>
    private static CalledTown CalledTwice(string second, string programme = "reduce")
    {
        var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Publish("other", 1, "settlementPoint", ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""", to: "27T19");
        town.Cap("I2", """{"point":"C1","kw":60}""", from: second, programme: programme);
        foreach (var call in (string[])["I1", "I2"]) town.Freeze(call);
        town.Meter("C1", [.. Hours(10, 100), 60, 60, .. Hours(4, 100)]);
        town.Bill("cpo", "agg");
        return town;
    }

    [Fact]
    public void A_programme_that_calls_twice_for_one_hour_pays_it_once_and_says_so()
    {
        using var town = CalledTwice("27T18");
        town.Settled().ShouldBe(("-80.00", "statement-4"));
        Statement(town)["flexibility"]!.AsArray()
            .Select(line => $"{line!["instruction"]} {line["amount"]} {line["problem"]}").ShouldBe(
            ["I1 -80.00 ", "I2  I1 calls C1 for the same time, and one kWh is paid once"]);
        ((bool)Statement(town)["incomplete"]!).ShouldBeTrue();
        town.Net("I2").ShouldBeNull();
        // Whoever means the second one takes back the first.
        town.Holds("""{"type":"instruction-withdrawal","instruction":"I1","at":"2026-02-27T17:00:00+08:00","reason":"issued again"}""");
        town.Settled(run: "R2").ShouldBe(("-160.00", "statement-2"));
    }

    [Theory]
    [InlineData("27T19", "reduce", "-160.00")] // one after the other
    [InlineData("27T18", "other", "-240.00")] // what two programmes share, their claims say
    public void Calls_of_other_hours_or_of_another_programme_are_paid_each(string from, string programme, string paid)
    {
        using var town = CalledTwice(from, programme);
        town.Settled().ShouldBe((paid, "statement-2"));
    }

    /// <summary>Two connectors of a station come down from 100 to 60 kWh for two hours; a kWh is paid with 2.</summary>
    [Theory]
    [InlineData("", "cpo2", "-160.00", "-160.00")]
    [InlineData("", "cpo", "-320.00", null)]
    [InlineData(",\"payee\":\"agg\"", "cpo2", null, null)]
    public void A_station_is_paid_to_each_owner_for_his_own_points(
        string more, string owner, string? one, string? other)
    {
        using var town = new CalledTown("station", $",\"payer\":\"dso\"{more}");
        town.Connector("C1");
        town.Connector("C2", owner: owner);
        foreach (var point in (string[])["C1", "C2"]) town.Meter(point, Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        town.Freeze("I1");
        foreach (var point in (string[])["C1", "C2"]) town.Meter(point, [.. Hours(10, 100), 60, 60, .. Hours(4, 100)]);
        town.Bill("cpo", "agg", "cpo2");
        town.Settled().Paid.ShouldBe(one);
        if (owner == "cpo2") town.Settled("cpo2", "R2").Paid.ShouldBe(other);
        if (more.Length > 0) town.Settled("agg", "R3").Paid.ShouldBe("-320.00");
        if (other is not null) Statement(town)["flexibility"]![0]!["paid"]!.GetValue<string>().ShouldBe("S01 of cpo");
    }

    private static JsonNode Explained(CalledTown town, params string[] what)
    {
        var run = town.Run(["explain", .. what, "--json"]);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return JsonNode.Parse(run.Output)!;
    }

    private static IEnumerable<long> Positions(JsonNode value) => value["from"]!.AsArray()
        .SelectMany(child => Positions(child!))
        .Concat(value["position"] is { } position ? [long.Parse((string)position!, CultureInfo.InvariantCulture)] : []);

    [Fact]
    public void A_payment_is_explained_down_to_the_baseline_the_meter_the_order_and_the_pack()
    {
        using var town = Called(",\"payer\":\"dso\"");
        Snapshot.Match(town.Run("explain", "R1#49").Output, "FlexibilityStatementTests.explained");
        // A total goes down to the lines of flexibility, and below them only where it is asked to.
        var total = town.Run("explain", "R1", "total").Output;
        total.ShouldContain("sum of 6");
        total.ShouldNotContain("position 268");
        town.Run("explain", "R1", "total", "--lines").Output.ShouldContain("position 268");
        var tree = Explained(town, "R1#49")["tree"]!;
        ((string)tree["says"]!, (string)tree["follows"]!).ShouldBe(("-80.00", "-80.00"));
        var kinds = JsonNode.Parse(town.Run("export", "journal", "--format", "json").Output)!.AsArray();
        string Kind(long position) => (string)kinds[(int)position]!["wireName"]!;
        Positions(tree).Distinct().Select(Kind).Distinct().Order(StringComparer.Ordinal).ShouldBe(["baseline-frozen",
            "dispatch-instructed", "programme-published", "register-installed", "register-reading-recorded",
            "rule-pack-published"]);
        // The baseline is counted where it is paid by, and the reading at 19:00 in both.
        var baseline = Positions(tree).First(position => Kind(position) == "baseline-frozen");
        var use = JsonNode.Parse(town.Run("explain", $"{baseline}", "--json").Output)!["runs"]![0]!;
        ((string)use["lines"]!, (string)use["because"]!).ShouldBe(
            ("49–50", "as what a payment of flexibility follows from"));
        var reading = Positions(tree).Where(position => Kind(position) == "register-reading-recorded").Max();
        ((string)JsonNode.Parse(town.Run("explain", $"{reading}", "--json").Output)!["runs"]![0]!["because"]!)
            .ShouldContain("as what flexibility is paid by");
    }

    /// <summary>In the first hour C1 drew 70 kWh and not 20, and 50 less in the hour after the call: it delivered 30
    /// of 40 kWh there, is paid 20 less, and pays a penalty of 10.</summary>
    [Fact]
    public void A_correction_moves_the_payment_in_the_run_in_its_difference_and_in_its_deltas()
    {
        using var town = Called(",\"payer\":\"dso\"");
        foreach (var (at, steps) in new[] { ("20", 13_890_000), ("19", 13_870_000) })
            town.Import($$"""
                {"type":"register-reading-correction","point":"C1","direction":"import","readAt":"2026-02-27T{{at}}:00:00+08:00","supersedes":1,"indexSteps":{{steps}},"quality":"measured","reason":"misread"}
                """);
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style",
            "deltas");
        var corrected = Statement(town);
        ((bool)corrected["deltasAdd"]!, (string)corrected["totalWithDeltas"]!, (string)corrected["totalRunAgain"]!)
            .ShouldBe((true, "2270.00", "2270.00"));
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        var run = town.Run("diff", "R1", "R2", "--json");
        run.Exit.ShouldBe(ExitCode.Done, run.Output);
        var diff = JsonNode.Parse(run.Output)!;
        ((string)diff["change"]!, (string)diff["byEnergy"]!, (string)diff["byFlexibility"]!).ShouldBe(("30.00", "0", "30.00"));
        diff["flexibility"]!.AsArray()
            .Select(line => $"{line!["kind"]} {line["kwhBefore"]} {line["kwhAfter"]} {line["change"]}")
            .ShouldBe(["energy 40 30 20.00", "penalty  10 10.00"]);
        ((string)diff["flexibility"]![0]!["why"]!).ShouldContain("misread");
        Explained(town, "R2", "total");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>C2, which pays a penalty for each of 80 kWh that it did not come down by, did so by 20 in the first
    /// hour: what C1 gets of the penalties is less, by a reading of C2's meter.</summary>
    private static CalledTown GivenBack(string owner)
    {
        var town = Called(",\"payer\":\"dso\",\"redistribution\":\"delivered\"", owner);
        foreach (var (at, steps) in new[] { ("20", 13_980_000), ("19", 13_880_000) })
            town.Import($$"""
                {"type":"register-reading-correction","point":"C2","direction":"import","readAt":"2026-02-27T{{at}}:00:00+08:00","supersedes":1,"indexSteps":{{steps}},"quality":"measured","reason":"misread"}
                """);
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        return town;
    }

    [Fact]
    public void What_is_given_back_of_penalties_is_explained_by_those_who_paid_them()
    {
        using var town = GivenBack("cpo");
        var diff = JsonNode.Parse(town.Run("diff", "R1", "R2", "--json").Output)!;
        var back = diff["flexibility"]!.AsArray()
            .Single(line => ((string)line!["kind"]!, (string)line["paid"]!) == ("redistribution", "C1"))!;
        ((string)back["before"]!, (string)back["after"]!, (string)back["change"]!).ShouldBe(("-80.00", "-48.00", "32.00"));
        ((string)back["why"]!).ShouldStartWith("version 2 of the reading of C2 import");
        ((string)back["why"]!).ShouldContain("misread");
        ((string)back["why"]!).ShouldContain("came after R1 was calculated");
        var facts = back["facts"]!.AsArray().Select(fact => long.Parse((string)fact!, CultureInfo.InvariantCulture)).ToList();
        var explained = Explained(town, $"R2#{back["lineAfter"]}");
        ((bool)explained["holds"]!).ShouldBeTrue();
        Positions(explained["tree"]!).Intersect(facts).ShouldNotBeEmpty();
        Explained(town, "R2", "total");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Whose meter it was, and what it said, is told to whoever reaches it: another is told that it was
    /// others'.</summary>
    [Fact]
    public async Task What_others_metered_moves_a_line_and_is_not_told()
    {
        using var town = GivenBack("cpo2");
        var ct = TestContext.Current.CancellationToken;
        await using var ledger = await town.OpenAsync();
        var runs = new Answers(ledger.Views).Runs(new("cpo"));
        async Task<ChangedFlexibility> BackAsync(Predicate<PartyId>? reaches) =>
            (await RunDifferences.OfAsync(ledger.Journal, ledger.Views, NamedRun.Of(runs[0]), NamedRun.Of(runs[1]), ct,
                reaches)).ShouldBeOfType<RunComparison.Compared>().Difference.Flexibility.Single();
        (await BackAsync(null)).Why.ShouldContain("the reading of C2 import");
        var told = await BackAsync(party => party == new PartyId("cpo"));
        (told.Change, told.Why, told.Facts.Count).ShouldBe((32m, "what others are paid of the same call is by other facts", 0));
    }

    [Fact]
    public void A_bundle_of_a_statement_derives_its_flexibility_and_a_single_line_of_it_says_where_it_is()
    {
        using var town = Called(",\"payer\":\"dso\"");
        town.Done("checkpoint", "--origin", "ledger.example/town");
        var zip = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            town.Done("bundle", "--statement", "R1", "--out", zip);
            var verified = town.Run("verify", zip);
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
            OtherProgram.Verifies(zip);
            var line = town.Run("prove", "R1#49", "--out", zip);
            (line.Exit, line.Errors.Contains("ledger bundle --statement R1", StringComparison.Ordinal))
                .ShouldBe((ExitCode.CouldNot, true));
            town.Done("sample", "--lines", "60", "--seed", "a", "--statement", "R1", "--out", zip);
            verified = town.Run("verify", zip);
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
            verified.Output.ShouldContain("NOT CHECKED: 6 lines of flexibility");
            verified.Output.ShouldContain(" lines=48 ");
            town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        }
        finally { File.Delete(zip); }
    }

    /// <summary>Whoever owns no point is settled by what it is paid, on the calendar and in the money of its
    /// tariff.</summary>
    [Fact]
    public void An_aggregator_without_a_point_has_a_statement_of_its_own()
    {
        using var town = Called(",\"payer\":\"dso\",\"payee\":\"agg\"");
        town.Done("settle", "--account", "agg", "--day", "2026-02-27", "--run", "A1", "--kind", "final", "--by", "anna");
        var statement = JsonNode.Parse(town.Run("show", "statement", "A1", "--json").Output)!;
        ((string)statement["total"]!, (bool)statement["incomplete"]!, (bool)statement["complete"]!, (string)statement["conserved"]!)
            .ShouldBe(("-80.00", false, true, "yes"));
        statement["flexibility"]!.AsArray().Select(line => $"{line!["line"]} {line["payee"]}")
            .ShouldBe(["1 agg", "2 agg", "3 agg", "4 agg", "5 agg", "6 agg"]);
        Explained(town, "A1", "total");
        town.Done("publish", "A1", "--by", "bob");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
        var published = JsonNode.Parse(town.Run("show", "settlement", "--json").Output)!["publications"]!;
        published.AsArray().Select(row => $"{row!["account"]} {row["complete"]}").ShouldBe(["agg true"]);
        town.Run("settle", "--account", "agg", "--day", "2026-02-26", "--run", "A0").Errors
            .ShouldContain("owns no settlement point");
    }

    [Fact]
    public void What_is_paid_in_another_currency_has_no_amount_here()
    {
        using var town = Called(",\"payer\":\"dso\"");
        town.Import("""
            {"type":"tariff","tariff":"E","version":1,"currency":"EUR","zone":"Asia/Shanghai","validFrom":"2026-02-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":0.5,"exportPerKwh":0.4}],"energyDecimals":3,"moneyDecimals":2}
            {"type":"tariff-assignment","account":"cpo","tariff":"E","validFrom":"2026-02-01T00:00:00+08:00"}
            """);
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        var statement = JsonNode.Parse(town.Run("show", "statement", "R2", "--json").Output)!;
        ((string)statement["total"]!, (bool)statement["incomplete"]!).ShouldBe(("2320.00", true));
        ((string)statement["flexibility"]![0]!["problem"]!).ShouldBe("it is paid in CNY, and the statement is in EUR");
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "final").Output
            .ShouldContain("PeriodIncomplete");
    }

    /// <summary>Nobody knows what a call without a baseline is worth; one that was withdrawn before it began is worth
    /// nothing.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_call_without_a_baseline_is_owed_what_nobody_knows(bool withdrawn)
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\"");
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""");
        if (withdrawn)
            town.Holds("""{"type":"instruction-withdrawal","instruction":"I1","at":"2026-02-27T09:00:00+08:00","reason":"not needed"}""");
        town.Meter("C1", Hours(16, 100));
        town.Bill("cpo", "agg");
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        var statement = Statement(town);
        ((bool)statement["incomplete"]!).ShouldBe(!withdrawn);
        statement["flexibility"]?.AsArray().Select(line => $"{line!["paid"]} {line["problem"]}")
            .ShouldBe(["C1 no baseline of it is frozen"]);
        (statement["flexibility"] is null).ShouldBe(withdrawn);
    }

    [Fact]
    public void A_payee_is_paid_by_a_payer_and_is_another_party()
    {
        using var town = new CalledTown();
        foreach (var more in new[] { "\"payee\":\"agg\"", "\"payer\":\"agg\",\"payee\":\"agg\"" })
            town.TryImport($$"""{"type":"programme","programme":"p","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":1,{{more}}}""")
                .Output.ShouldContain("OutOfRange");
    }

    /// <summary>30 kW are ready from 10 to 12; 20 kW from 12 to 14, which was declared later than 30 kW of that
    /// time.</summary>
    [Fact]
    public void Power_held_ready_is_paid_as_it_was_declared_last_and_is_explained()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Meter("C1", Hours(6 * 24, 100));
        town.Bill("cpo", "agg");
        town.Import("""{"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}""");
        foreach (var (from, kw) in new[] { ("10", 30), ("12", 20) })
            town.Holds($$"""
                {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T{{from}}:00:00+08:00","end":"2026-02-27T14:00:00+08:00","availableKw":{{kw}}}
                """);
        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--kind", "final");
        var statement = Statement(town);
        // 2,400 kWh at 0.5 less 6 and 4.
        ((string)statement["total"]!, (bool)statement["incomplete"]!).ShouldBe(("1190.00", false));
        statement["flexibility"]!.AsArray().Select(line =>
            $"{line!["paid"]} {line["start"]} {line["kind"]} {line["kwh"]} {line["amount"]} {line["source"]}").ShouldBe([
            "C1 2026-02-27T02:00:00Z availability 60 -6.00 reduce v1", "C1 2026-02-27T04:00:00Z availability 40 -4.00 reduce v1"]);
        var positions = Positions(Explained(town, "R1#25")["tree"]!).Distinct().Order().ToList();
        var use = JsonNode.Parse(town.Run("explain", $"{positions[^1]}", "--json").Output)!["runs"]![0]!;
        ((string)use["lines"]!, (bool)use["counted"]!).ShouldBe(("25", true));
        Explained(town, "R1", "total");
        town.BundleIsVerified();
        // The day before nothing was declared, so nothing is paid.
        town.Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R0");
        JsonNode.Parse(town.Run("show", "statement", "R0", "--json").Output)!["flexibility"].ShouldBeNull();
        town.TryImport("""{"type":"programme","programme":"p","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"reserve","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":1,"availabilityPerKwHour":"0.1"}""")
            .Output.ShouldContain("OutOfRange");
    }

    /// <summary>30 kW are ready from 10 to 14. Until 12 the programme pays the owner, from then on the aggregator: each
    /// has his own 60 kW·h, and nobody is told that he lacks the other's.</summary>
    [Fact]
    public void Who_is_paid_for_readiness_may_change_within_a_day_and_each_has_his_own()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Meter("C1", Hours(6 * 24, 100));
        town.Connector("A1", "S02", "agg");
        town.Meter("A1", Hours(6 * 24, 10));
        town.Bill("cpo", "agg");
        town.Import("""
            {"type":"programme","programme":"reduce","version":2,"validFrom":"2026-02-27T12:00:00+08:00","service":"demandReduction","baselinePack":"days","scoringPack":"up-to-order","paidPer":"settlementPoint","precedence":1,"currency":"CNY","pricePerKwh":"2","payer":"dso","payee":"agg","availabilityPerKwHour":"0.1"}
            {"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}
            """);
        town.Holds("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T10:00:00+08:00","end":"2026-02-27T14:00:00+08:00","availableKw":30}
            """);
        foreach (var (account, run, from) in new[] { ("cpo", "R1", "02"), ("agg", "R2", "04") })
        {
            town.Done("settle", "--account", account, "--day", "2026-02-27", "--run", run);
            JsonNode.Parse(town.Run("show", "statement", run, "--json").Output)!["flexibility"]!.AsArray().Select(line =>
                $"{line!["paid"]} {line["start"]} {line["kwh"]} {line["amount"]} {line["payee"]}").ShouldBe(
                [$"C1 2026-02-27T{from}:00:00Z 60 -6.00 {account}"]);
            var total = town.Run("explain", run, "total");
            total.Exit.ShouldBe(ExitCode.Done, total.Output);
            total.Output.ShouldNotContain("no line");
        }
    }
}
