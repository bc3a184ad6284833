using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Charge records and orders out of a ledger, read back by our own readers: totals equal sums, a credit takes back what
/// it names, and nothing is written of what is not proven.
/// </summary>
public sealed class ExportRecordsTests : IDisposable
{
    private const string Tariff = """
        {"id":"T1","currency":"CNY","elements":[
          {"price_components":[{"type":"ENERGY","price":0.3533,"vat":13,"step_size":1}],"restrictions":{"end_time":"08:00"}},
          {"price_components":[{"type":"ENERGY","price":1.1,"vat":13,"step_size":1},{"type":"FLAT","price":0.5,"step_size":1}]}]}
        """;

    private readonly ChargeTown town = new();

    public void Dispose() => town.Dispose();

    [Theory]
    [InlineData("2.2.1")]
    [InlineData("2.3.0")]
    public void A_session_is_a_record_with_the_energy_of_its_register(string version)
    {
        var records = Export(ExitCode.NotAsItShouldBe, "--ocpi", version);
        records.Count.ShouldBe(2);
        var first = records[0]!;
        ((decimal)first["total_energy"]!).ShouldBe(40.125m);
        ((string)first["start_date_time"]!).ShouldBe("2026-03-01T23:30:00Z");
        ((string)first["end_date_time"]!).ShouldBe("2026-03-02T01:30:00Z");
        ((string)first["cdr_location"]!["evse_id"]!).ShouldBe("S01-C1");
        ((string)first["cdr_token"]!["uid"]!).ShouldBe("#NA");
        // Half an hour before 08:00, an hour and a half after: no curve says more, so it is even in time.
        var amount = version == "2.3.0" ? "before_taxes" : "excl_vat";
        var cost = (10.0313m * 0.3533m) + (30.0937m * 1.1m) + 0.5m;
        // Steps of a watt-hour: 40.125 is whole.
        ((decimal)first["total_cost"]![amount]!).ShouldBe(Math.Round(cost, 4));
        ((decimal)first["total_time"]!).ShouldBe(2m);
        // The second gave back more than it took.
        ((decimal)records[1]!["total_energy"]!).ShouldBe(-17.5m);
    }

    [Fact]
    public void What_is_not_proven_is_named_and_not_billed()
    {
        var run = Run();
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Errors.ShouldContain("no record for S01-C1 from 2026-03-02T12:10:00Z to 2026-03-02T12:40:00Z: no reading of");
    }

    /// <summary>The first session takes its first 5 kWh inside an hour; the second one gave energy back.</summary>
    [Fact]
    public void What_its_tariff_cannot_price_is_named_and_neither_billed_nor_taken_back()
    {
        var issued = Export(ExitCode.NotAsItShouldBe);
        var tariff = Tariff.Replace("\"end_time\":\"08:00\"", "\"max_kwh\":5", StringComparison.Ordinal);
        var run = town.Run("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("kwh.json", tariff),
            "--issued", town.File("issued.json", issued.ToJsonString()));
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Errors.ShouldContain("no record for S01-C1 from 2026-03-01T23:30:00Z to 2026-03-02T01:30:00Z: "
            + "period 1 goes on after another price of energy begins to hold");
        // Of the second the price is another one: what was issued is credited, and a new one issued.
        JsonNode.Parse(run.Output)!.AsArray().Select(record => (string)record!["id"]!).ShouldBe(
            [$"{issued[1]!["id"]}-C", $"{issued[1]!["id"]}-2"]);
    }

    /// <summary>The second session is after noon, when a price says nothing of the tax that it includes.</summary>
    [Fact]
    public void What_its_tariff_cannot_price_without_tax_is_named_and_the_others_are_billed()
    {
        var run = town.Run("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("tax.json",
            OcpiIssuingTests.OpenTax));
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Errors.ShouldContain("no record for S01-C1 from 2026-03-02T10:00:00Z to 2026-03-02T11:00:00Z: its prices "
            + "include a tax that the tariff does not state");
        JsonNode.Parse(run.Output)!.AsArray().ShouldHaveSingleItem();
    }

    /// <summary>A record is known by its id, in whatever case it was kept, also where the file has no more of it.
    /// </summary>
    [Fact]
    public void What_was_issued_is_known_by_its_id_alone()
    {
        var issued = Export(ExitCode.NotAsItShouldBe);
        foreach (var record in issued)
        {
            record!.AsObject().Remove("session_id");
            record["id"] = ((string)record["id"]!).ToUpperInvariant();
        }
        Export(ExitCode.NotAsItShouldBe, "--issued", town.File("issued.json", issued.ToJsonString())).ShouldBeEmpty();
    }

    [Fact]
    public void A_record_of_a_stay_that_nobody_knows_any_more_is_taken_back()
    {
        var issued = Export(ExitCode.NotAsItShouldBe).DeepClone().AsArray();
        town.Done("import", town.File("gone.jsonl", OcpiIssuingTests.NobodyCame));
        var run = Run("--issued", town.File("issued.json", issued.ToJsonString()));
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Errors.ShouldContain("no record for S01-C1 from 2026-03-02T10:00:00Z to 2026-03-02T11:00:00Z: no vehicle "
            + "stood there then");
        var credit = JsonNode.Parse(run.Output)!.AsArray().ShouldHaveSingleItem()!;
        (Net(issued[1]!) + Net(credit)).ShouldBe(OcpiAmount.Zero);
        issued.Add(credit.DeepClone());
        Export(ExitCode.NotAsItShouldBe, "--issued", town.File("issued-2.json", issued.ToJsonString())).ShouldBeEmpty();
    }

    [Fact]
    public void Read_back_and_priced_again_a_record_costs_what_it_says()
    {
        foreach (var record in Export(ExitCode.NotAsItShouldBe))
        {
            var input = new JsonObject { ["cdr"] = record!.DeepClone(), ["timeZone"] = "Asia/Shanghai" };
            var priced = JsonNode.Parse(CommandRun.Of(["calc", "ocpi", "--in", "-"], input.ToJsonString()).Output)!;
            decimal.Parse((string)priced["totalCost"]!["withoutTax"]!, System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBe((decimal)record["total_cost"]!["before_taxes"]!);
            var periods = record["charging_periods"]!.AsArray();
            periods.Sum(period => Volume(period!, "ENERGY")).ShouldBe((decimal)record["total_energy"]!);
            periods.Sum(period => Volume(period!, "TIME")).ShouldBe((decimal)record["total_time"]!);
        }
    }

    [Fact]
    public void What_was_issued_is_issued_again_only_where_it_changed_and_its_credit_takes_it_back()
    {
        var issued = Export(ExitCode.NotAsItShouldBe);
        var file = town.File("issued.json", issued.ToJsonString());
        Export(ExitCode.NotAsItShouldBe, "--issued", file).ShouldBeEmpty();

        town.Done("import", town.File("correction.jsonl", """
            {"type":"register-reading-correction","point":"S01-C1","direction":"import","readAt":"2026-03-02T18:59:55+08:00","supersedes":1,"indexSteps":1044125,"quality":"measured","reason":"misread"}
            """));
        var changed = Export(ExitCode.NotAsItShouldBe, "--issued", file);
        changed.Count.ShouldBe(2);
        var (credit, again, original) = (changed[0]!, changed[1]!, issued[1]!);
        ((string)credit["credit_reference_id"]!).ShouldBe((string)original["id"]!);
        ((bool)credit["credit"]!).ShouldBeTrue();
        ((string)credit["id"]!).ShouldBe($"{original["id"]}-C");
        Net(original).ShouldBe(new OcpiAmount(-18.75m, -21.2525m));
        (Net(original) + Net(credit)).ShouldBe(OcpiAmount.Zero);
        JsonNode.DeepEquals(credit["charging_periods"], original["charging_periods"]).ShouldBeTrue();
        ((string)again["id"]!).ShouldBe($"{original["id"]}-2");
        ((decimal)again["total_energy"]!).ShouldBe(-16.5m);
        again["credit"].ShouldBeNull();

        var all = town.File("issued-2.json", new JsonArray([.. issued.Concat(changed).Select(node => node!.DeepClone())])
            .ToJsonString());
        Export(ExitCode.NotAsItShouldBe, "--issued", all).ShouldBeEmpty();
    }

    /// <summary>The vehicle came ten minutes earlier than the charger had said at first, so its stay has another
    /// number.</summary>
    [Fact]
    public void A_record_under_a_corrected_arrival_is_taken_back_and_the_stay_is_billed_once()
    {
        var issued = Export(ExitCode.NotAsItShouldBe);
        town.Done("import", town.File("late.jsonl", """
            {"type":"charging-state","point":"S01-C1","at":"2026-03-02T17:50:00+08:00","connected":true,"source":"ocpp"}
            """));
        var changed = Export(ExitCode.NotAsItShouldBe, "--issued", town.File("issued.json", issued.ToJsonString()));
        changed.Count.ShouldBe(2);
        var (credit, again, original) = (changed[0]!, changed[1]!, issued[1]!);
        ((string)credit["credit_reference_id"]!).ShouldBe((string)original["id"]!);
        (Net(original) + Net(credit)).ShouldBe(OcpiAmount.Zero);
        ((string)again["start_date_time"]!).ShouldBe("2026-03-02T09:50:00Z");
        ((string)again["id"]!).ShouldBe((string)again["session_id"]!);
        again["credit"].ShouldBeNull();

        List<JsonNode> all = [.. issued.Skip(1).Concat(changed).Select(node => node!.DeepClone())];
        all.Select(Net).Aggregate(OcpiAmount.Zero, (sum, cost) => sum + cost).ShouldBe(Net(again));
        var file = town.File("issued-2.json", new JsonArray([issued[0]!.DeepClone(), .. all]).ToJsonString());
        Export(ExitCode.NotAsItShouldBe, "--issued", file).ShouldBeEmpty();
    }

    /// <summary>The next vehicle came before the register was read, and the charger told it later; then somebody found
    /// a reading from between both.</summary>
    [Fact]
    public void A_record_of_what_is_not_proven_any_more_is_taken_back_until_it_is_proven()
    {
        void Read(string rows) => town.Done("import", town.File("rows.csv", $"point,register,read_at,kwh\n{rows}\n"));
        Read("""
            S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125
            S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5
            S01-C1,1.8.0,2026-03-02T21:30:00+08:00,1070.125
            S01-C1,2.8.0,2026-03-02T21:30:00+08:00,30.5
            """);
        var issued = Export(ExitCode.Done).DeepClone().AsArray();
        ((decimal)issued[2]!["total_energy"]!).ShouldBe(27m);
        town.Done("import", town.File("late.jsonl", """
            {"type":"charging-state","point":"S01-C1","at":"2026-03-02T20:50:00+08:00","connected":true,"source":"ocpp"}
            """));
        var credit = More(ExitCode.NotAsItShouldBe).ShouldHaveSingleItem()!;
        (Net(issued[2]!) + Net(credit)).ShouldBe(OcpiAmount.Zero);
        More(ExitCode.NotAsItShouldBe).ShouldBeEmpty();
        Read("""
            S01-C1,1.8.0,2026-03-02T20:45:00+08:00,1050.125
            S01-C1,2.8.0,2026-03-02T20:45:00+08:00,30.5
            """);
        var again = More(ExitCode.Done).ShouldHaveSingleItem()!;
        ((string)again["id"]!).ShouldBe($"{issued[2]!["id"]}-2");
        ((decimal)again["total_energy"]!).ShouldBe(7m);
        More(ExitCode.Done).ShouldBeEmpty();

        JsonArray More(int exit)
        {
            var more = Export(exit, "--issued", town.File("issued.json", issued.ToJsonString()));
            foreach (var record in more) issued.Add(record!.DeepClone());
            return more;
        }
    }

    [Fact]
    public void An_order_splits_by_the_price_of_the_day_and_its_details_are_its_totals()
    {
        var run = town.Run("export", "tcec", "cpo", ChargeTown.Day, "--operator", "MA5DA0053", "--service-price", "0.8");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Errors);
        var written = JsonNode.Parse(run.Output)!;
        var orders = written["orders"]!.AsArray().Select(order => Read(order!, TcecText.Order)).ToList();
        orders.Count.ShouldBe(2);
        var first = orders[0];
        first.StartChargeSeq.Length.ShouldBe(TcecText.SeqLength);
        first.StartChargeSeq.ShouldStartWith("MA5DA0053");
        ((string)written["orders"]![0]!["StartTime"]!).ShouldBe("2026-03-02 07:30:00");
        first.Details.Select(detail => (detail.Power, detail.ElecPrice)).ShouldBe([(10.03m, 0.3533m), (30.10m, 1.1m)]);
        first.StopReason.ShouldBe(4);
        foreach (var order in orders)
        {
            order.Details.Sum(detail => detail.Power).ShouldBe(order.TotalPower);
            order.Details.Sum(detail => detail.ElecMoney).ShouldBe(order.TotalElecMoney);
            order.Details.Sum(detail => detail.ServiceMoney).ShouldBe(order.TotalServiceMoney);
        }
        first.TotalPower.ShouldBe(40.13m);
        first.TotalElecMoney.ShouldBe(36.65m);
        first.TotalServiceMoney.ShouldBe(32.10m);
        var check = Read(written["check"]!, TcecText.Check);
        check.ShouldBe(TcecCheck.Of(new(check.Start, check.End), orders));
        check.OrderCount.ShouldBe(2);
    }

    /// <summary>A signed value names its user, so it leaves the ledger only where it is said who reads it.</summary>
    [Fact]
    public void Signed_values_and_the_token_in_them_go_along_where_somebody_answers_for_it()
    {
        const string value = """OCMF|{"FV":"1.0","GI":"G","PG":"T1","MS":"M3","IS":true,"IT":"ISO14443","ID":"04A2B3","RD":[{"TM":"2026-03-02T11:00:05,000+0800 S","TX":"B","RV":1.000,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"},{"TM":"2026-03-02T11:59:55,000+0800 S","TX":"E","TT":"a|b","RV":4.250,"RI":"1-b:1.8.0","RU":"kWh","RT":"AC","EF":"","ST":"G"}]}|{"SD":"00"}""";
        town.Done("import", town.File("c3.jsonl", """
            {"type":"settlement-point","point":"S01-C3","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"register","point":"S01-C3","direction":"import","meterSerial":"M3","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"charging-state","point":"S01-C3","at":"2026-03-02T11:00:00+08:00","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"S01-C3","at":"2026-03-02T12:00:00+08:00","connected":false,"source":"ocpp"}
            """));
        town.Done("import", town.File("signed.txt", value));

        var plain = Export(ExitCode.NotAsItShouldBe).Single(At("S01-C3"))!;
        ((decimal)plain["total_energy"]!).ShouldBe(3.25m);
        plain["signed_data"].ShouldBeNull();
        plain.ToJsonString().ShouldNotContain("04A2B3");
        Run("--signed").Exit.ShouldBe(ExitCode.CouldNot);

        var signed = Export(ExitCode.NotAsItShouldBe, "--signed", "--by", "staff-7", "--why", "dispute")
            .Single(At("S01-C3"))!;
        ((string)signed["cdr_token"]!["uid"]!).ShouldBe("04A2B3");
        var values = signed["signed_data"]!["signed_values"]!.AsArray();
        values.Count.ShouldBe(1); // one value shows both edges
        ((string)signed["signed_data"]!["encoding_method"]!).ShouldBe("OCMF");
        Encoding.UTF8.GetString(Convert.FromBase64String((string)values[0]!["signed_data"]!)).ShouldBe(value);
        ((string)values[0]!["plain_data"]!)
            .ShouldBe(value["OCMF|".Length..^"|{\"SD\":\"00\"}".Length]);
        town.Run("export", "journal").Output.ShouldContain("evidence-disclosed");

        // Who was erased takes the signature along, and neither the record nor the others of the day.
        town.Done("erase", "04A2B3");
        var run = Run("--signed", "--by", "staff-7", "--why", "dispute");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Errors);
        run.Errors.ShouldContain("ledger export: no signed value for S01-C3 from 2026-03-02T03:00:00Z to "
            + "2026-03-02T04:00:00Z: evidence ");
        var unsigned = JsonNode.Parse(run.Output)!.AsArray().Single(At("S01-C3"))!;
        foreach (var changed in (string[])["last_updated"]) unsigned[changed] = plain[changed]!.DeepClone();
        JsonNode.DeepEquals(unsigned, plain).ShouldBeTrue();

        static Func<JsonNode?, bool> At(string point) =>
            record => (string)record!["cdr_location"]!["evse_id"]! == point;
    }

    private const string SignedPoint = """
        {"type":"settlement-point","point":"S01-C3","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C3","direction":"import","meterSerial":"M3","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}

        """;

    /// <summary>Stays at a connector of its own, and what its meter signed.</summary>
    /// <param name="stays">When a vehicle came and when it left.</param>
    /// <param name="values">For whom, and when the readings were taken with their kWh; also by other meters.</param>
    /// <returns>Of each stay its token, and the nature of each value and for whom it is; and what is missing.</returns>
    private (List<string> Records, string Errors) SignedStays(string stays, params string[] values)
    {
        town.Done("import", town.File("c3.jsonl", SignedPoint + string.Concat(stays.Split(' ').Select((time, i) =>
            $$"""{"type":"charging-state","point":"S01-C3","at":"2026-03-02T{{time}}+08:00","connected":{{(i % 2 == 0 ? "true" : "false")}},"source":"ocpp"}""" + "\n"))));
        var container = new StringBuilder("<values>");
        foreach (var value in values)
        {
            var words = value.Split(' ');
            var meter = words[0].Split('@') is [_, var named] ? named : "M3";
            var readings = words.Skip(1).Select(word => word.Split('=')).Select(word =>
                $$"""{"TM":"2026-03-02T{{word[0]}},000+0800 S","TX":"B","RV":{{word[1]}},"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}""");
            var text = $$$"""OCMF|{"FV":"1.0","PG":"T1","MS":"{{{meter}}}","ID":"{{{words[0].Split('@')[0]}}}","RD":[{{{string.Join(',', readings)}}}]}|{"SD":"00"}""";
            container.Append($"<value><signedData format=\"OCMF\">{text.Replace("\"", "&quot;", StringComparison.Ordinal)}</signedData></value>");
        }
        // All of the day in one piece of evidence: whose a value is, only itself says.
        town.Run("import", town.File("signed.xml", container.Append("</values>").ToString()));
        var run = Run("--signed", "--by", "staff-7", "--why", "dispute");
        var records = JsonNode.Parse(run.Output)!.AsArray()
            .Where(record => (string)record!["cdr_location"]!["evse_id"]! == "S01-C3").Select(record => string.Join(' ',
                [(string)record!["cdr_token"]!["uid"]!, .. record["signed_data"]?["signed_values"]!.AsArray()
                    .Select(value => $"{value!["nature"]}:{SignedTexts.User((string)value["plain_data"]!)}") ?? []]));
        return ([.. records], run.Errors);
    }

    /// <summary>The last index before a vehicle comes is the end of who stood there before it, and the first after it
    /// left may be the beginning of who came next.</summary>
    [Fact]
    public void A_record_has_no_value_and_no_token_of_another_driver()
    {
        var (records, errors) = SignedStays("11:00:00 12:00:00 14:00:00 15:00:00 18:00:00 19:00:00 20:00:00 21:00:00",
            "ALICE01 11:00:20=1.000 12:00:00=4.000", "BOB02 14:00:20=4.000 15:00:00=9.000", "DAVE04 18:00:10=9.000",
            "EVE05 20:00:00=12.000 20:59:55=15.000");
        records.ShouldBe(["ALICE01 Start:ALICE01", "BOB02 End:BOB02", "#NA", "EVE05 Start:EVE05"]);
        errors.ShouldContain("ledger export: no signed value for S01-C3 from 2026-03-02T06:00:00Z to 2026-03-02T07:00:00Z: "
            + "the index of 2026-03-02T04:00:00Z is in none of which a reading was taken inside the stay");
        errors.ShouldContain("from 2026-03-02T10:00:00Z to 2026-03-02T11:00:00Z: the index of 2026-03-02T12:00:00Z is in");
    }

    [Fact]
    public void Two_users_in_one_stay_are_no_token()
    {
        var (records, errors) = SignedStays("11:00:00 12:00:00", "ALICE01 11:00:20=1.000", "BOB02 11:59:50=4.000");
        records.ShouldBe(["#NA Start:ALICE01 End:BOB02"]);
        errors.ShouldContain("ledger export: no token for S01-C3 from 2026-03-02T03:00:00Z to 2026-03-02T04:00:00Z: its signed "
            + "values name 2 users");
    }

    [Fact]
    public void The_last_value_of_a_short_stay_is_its_end()
    {
        SignedStays("11:00:00 11:00:50", "ALICE01 11:00:10=1.000", "ALICE01 11:00:40=1.250").Records
            .ShouldBe(["ALICE01 Start:ALICE01 End:ALICE01"]);
    }

    /// <summary>What stands in the same evidence, taken by another meter meanwhile.</summary>
    [Fact]
    public void A_value_of_another_meter_is_none_of_the_stay()
    {
        SignedStays("11:00:00 12:00:00", "ALICE01 11:00:20=1.000 11:59:50=4.000", "BOB02@M1 11:00:20=1050.000").Records
            .ShouldBe(["ALICE01 Start:ALICE01"]);
    }

    [Theory]
    [InlineData("export", "tcec", "cpo", "2026-03-02", "--operator", "MA5DA0053", "--service-price", "0.80001")]
    [InlineData("export", "tcec", "cpo", "2026-03-02", "--operator", "MA5DA0053", "--service-price", "10000000000000000000000000000")]
    [InlineData("export", "cdr")]
    [InlineData("export", "cdr", "cpo", "yesterday", "--tariff", "t")]
    [InlineData("export", "cdr", "cpo", "2026-03-02")]
    [InlineData("export", "cdr", "cpo", "2026-03-02", "--tariff", "t", "--ocpi", "3")]
    [InlineData("export", "tcec", "cpo", "2026-03-02")]
    [InlineData("export", "tcec", "cpo", "2026-03-02", "--operator", "short")]
    public void A_wrong_command_line_is_usage(params string[] args) => town.Run(args).Exit.ShouldBe(ExitCode.Usage);

    [Theory]
    [InlineData("--tariff", "{}", "MissingField: id: is needed")]
    [InlineData("--tariff", "[", "Malformed")]
    [InlineData("--header", """{"cdr_token":5}""", "cdr_token")]
    [InlineData("--header", """{"cdr_token":{"uid":5}}""", "cdr_token.uid")]
    [InlineData("--issued", "[null]", "must be an object")]
    [InlineData("--issued", """[{"id":5}]""", "id")]
    [InlineData("--issued", """[{"id":"a","session_id":5}]""", "session_id")]
    [InlineData("--issued", """[{"id":"a","total_cost":null}]""", "total_cost")]
    [InlineData("--issued", """[{"id":"a","total_cost":{"before_taxes":"x"}}]""", "before_taxes")]
    public void A_file_that_cannot_be_used_is_named_with_what_is_wrong(string option, string content, string wrong)
    {
        var file = town.File("wrong.json", content);
        var run = town.Run(["export", "cdr", "cpo", ChargeTown.Day, option, file,
            .. option == "--tariff" ? [] : new[] { "--tariff", town.File("tariff.json", Tariff) }]);
        (run.Exit, run.Output).ShouldBe((ExitCode.CouldNot, ""));
        run.Errors.ShouldStartWith($"ledger export: {file}: ");
        run.Errors.ShouldContain(wrong);
        run.Errors.Count(character => character == '\n').ShouldBe(1);
    }

    private CommandRun Run(params string[] options) => town.Run(
        ["export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("tariff.json", Tariff), .. options]);

    private JsonArray Export(int exit, params string[] options)
    {
        var run = Run(options);
        run.Exit.ShouldBe(exit, run.Errors);
        return JsonNode.Parse(run.Output)!.AsArray();
    }

    private static OcpiAmount Net(JsonNode record) => Read(record["total_cost"]!, OcpiText.Amount);

    private static T Read<T>(JsonNode node, Func<InputValue, T> read)
    {
        using var document = InputValue.Parse(Encoding.UTF8.GetBytes(node.ToJsonString()));
        return read(new InputValue("input", document.RootElement));
    }

    private static decimal Volume(JsonNode period, string type) => period["dimensions"]!.AsArray()
        .Where(dimension => (string)dimension!["type"]! == type).Sum(dimension => (decimal)dimension!["volume"]!);
}
