using System.Collections.Immutable;
using System.Globalization;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Charge records in: what is refused, what is kept of whom, and that a charge and its credit are nothing.
/// </summary>
public sealed class ChargeRecordTests
{
    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("charge-records.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var state = cells[0] == "-" ? ChargeRecordState.Empty : cells[0].Split("; ").Aggregate(ChargeRecordState.Empty,
            (known, text) => ChargeRecords.Evolve(known, Record(
                text.Split(' ') is [var id, _, var credits] ? $"{id} {credits}" : text.Split(' ')[0], "500-900", "10",
                text.Split(' ')[1])));
        var place = cells[5] == "-" ? (SettlementPointId?)null : new SettlementPointId(cells[5]);
        Answer(ChargeRecords.Decide(state, new(Record(cells[1], cells[2], cells[3], cells[4]), [new("P1")]), place,
            Instant.FromUnixTimeSeconds(1000))).ShouldBe(cells[^1], $"{table}:{number}");
    }

    private static ChargeRecorded Record(string name, string stay, string kwh, string cost)
    {
        var (edges, money) = (stay.Split('-'), cost.Split('/'));
        return new(new("CN*ABC"), new(name.Split(' ')[0]), new("P1"), Second(edges[0]), Second(edges[1]),
            Energy.FromWattHours(1000 * Number(kwh)), "CNY", decimal.Parse(money[0], CultureInfo.InvariantCulture),
            money[1] == "-" ? null : decimal.Parse(money[1], CultureInfo.InvariantCulture),
            name.Split(' ') is [_, var credits] ? new ChargeRecordId(credits.Trim('(', ')')) : null, null);
    }

    private const string Card = "04A2B3C4D5E6F7";

    private static string Cdr(string id, string cost = "5.5", string more = "") => $$"""
        {"country_code":"CN","party_id":"ABC","id":"{{id}}","start_date_time":"2026-02-27T10:00:00Z","end_date_time":"2026-02-27T11:00:00Z","cdr_token":{"country_code":"CN","party_id":"MSP","uid":"{{Card}}","type":"RFID","contract_id":"CN-MSP-C1"},"auth_method":"WHITELIST","cdr_location":{"id":"L","evse_uid":"7","evse_id":"CP1","connector_id":"1"},"currency":"CNY","charging_periods":[{"start_date_time":"2026-02-27T10:00:00Z","dimensions":[{"type":"ENERGY","volume":10}]}],"total_cost":{"excl_vat":{{cost}},"incl_vat":{{cost}}},"total_energy":10,"total_time":1,{{more}}"last_updated":"2026-02-27T12:00:00Z"}
        """;

    [Theory]
    [InlineData("array")]
    [InlineData("lines")]
    [InlineData("csv")]
    public async Task A_record_is_a_fact_without_a_name_and_its_evidence_is_sealed(string form)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var credit = Cdr("R1-C", "-5.5", "\"credit\":true,\"credit_reference_id\":\"R1\",");
        var text = form switch
        {
            "array" => $"[{Cdr("R1")},{credit},{Cdr("R2", "6")}]",
            "lines" => $"{Cdr("R1").Trim()}\n{credit.Trim()}\n{Cdr("R2", "6").Trim()}\n",
            _ => "contract_id,id,country_code,party_id,start_date_time,end_date_time,evse_id,connector_id,currency,"
                + "total_energy,total_cost_excl_vat,total_cost_incl_vat,credit_reference_id\r\n"
                + string.Join("\r\n", new[] { "R1,5.5,", "R1-C,-5.5,R1", "R2,6," }.Select(row => row.Split(',') is
                    [var id, var cost, var of]
                    ? $"{Card},{id},CN,ABC,2026-02-27T10:00:00Z,2026-02-27T11:00:00Z,\"CP1\",1,CNY,10,{cost},{cost},{of}"
                    : "")) + "\r\n",
        };
        var report = await ledger.TakeAsync(text);
        report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var records = (await ledger.FactsAsync()).OfType<ChargeRecorded>().ToList();
        records.Select(record =>
            (record.Operator.Value, record.Record.Value, record.Point.Value, record.CostWithoutTax)).ShouldBe([("CN*ABC", "R1", "CP1", 5.5m), ("CN*ABC", "R1-C", "CP1", -5.5m), ("CN*ABC", "R2", "CP1", 6m)]);
        records[1].Credits.ShouldBe(new ChargeRecordId("R1"));
        records.ShouldAllBe(record => record.Energy == Energy.FromWattHours(10_000));
        foreach (var record in records)
        {
            var piece = ledger.Ledger.Evidence.Find(record.Evidence!.Value)!;
            piece.DisclosesSomebody.ShouldBeTrue();
        }
        var again = await ledger.TakeAsync(text);
        again.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
    }

    private const string
        CsvHeader = "id,evse_id,start_date_time,end_date_time,currency,total_energy,total_cost_excl_vat\n",
        CsvStay = "CP1,2026-02-27T10:00:00Z,2026-02-27T11:00:00Z,CNY,10.25";

    /// <summary>12.3 of 12.34 is a number too, so a last row without its end is refused, with the whole file as
    /// evidence; what stands before it counts, and the same file with its end brings the rest.</summary>
    [Theory]
    [InlineData("\n", true)]
    [InlineData("\r\n", true)]
    [InlineData("\r", true)]
    [InlineData("", false)]
    public async Task A_table_that_may_be_cut_in_its_last_number_counts_up_to_there(string end, bool isWhole)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var text = $"{CsvHeader}R1,{CsvStay},5.5\nR2,{CsvStay},12.3";
        var outcomes = (await ledger.TakeAsync(text + end)).Outcomes.ToList();
        outcomes[0].ShouldBeOfType<RecordOutcome.Recorded>();
        if (isWhole) outcomes[1].ShouldBeOfType<RecordOutcome.Recorded>();
        else
        {
            outcomes[1].ShouldBeOfType<RecordOutcome.Refused>().ShouldSatisfyAllConditions(
                refused => refused.Code.ShouldBe(Rejection.Truncated),
                refused => refused.Detail.ShouldStartWith("the last row must end with a line end"));
            var kept = (await ledger.FactsAsync()).OfType<EvidenceRefused>().ShouldHaveSingleItem();
            ledger.Ledger.Evidence.Get(kept.Evidence).ShouldBe(System.Text.Encoding.UTF8.GetBytes(text + end));
            Should.Throw<InputRefusedException>(() => ChargeRecordFiles.Read(System.Text.Encoding.UTF8.GetBytes(text)))
                .ShouldSatisfyAllConditions(refused => refused.Code.ShouldBe(Rejection.Truncated),
                    refused => refused.Field.ShouldBe("line 3"));
        }
        (await ledger.TakeAsync($"{text}4\n")).Outcomes.First().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        (await ledger.FactsAsync()).OfType<ChargeRecorded>().Select(record => record.CostWithoutTax)
            .ShouldBe(isWhole ? [5.5m, 12.3m] : [5.5m, 12.34m]);
    }

    /// <summary>A field that its quote closes is whole without a line end.</summary>
    [Fact]
    public async Task A_last_field_in_quotes_shows_that_it_is_whole()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var text = $"{CsvHeader}\"R1\",{CsvStay},\"12.34\"";
        ChargeRecordFiles.Read(System.Text.Encoding.UTF8.GetBytes(text)).ShouldHaveSingleItem();
        (await ledger.TakeAsync(text)).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Recorded>();
        (await ledger.TakeAsync(text[..^2])).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Refused>();
    }

    [Fact]
    public async Task Versions_2_1_1_and_2_3_0_are_read_as_well()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var report = await ledger.TakeAsync("""
            [{"id":"A","start_date_time":"2026-02-27T10:00:00","stop_date_time":"2026-02-27T11:00:00","auth_id":"X1","location":{"id":"L","evses":[{"uid":"CP1","connectors":[{"id":"1"}]}]},"currency":"CNY","charging_periods":[],"total_cost":5.5,"total_energy":"10.25"},
             {"country_code":"CN","party_id":"ABC","id":"B","start_date_time":"2026-02-27T10:00:00Z","end_date_time":"2026-02-27T11:00:00Z","cdr_location":{"evse_uid":"CP1","evse_id":"#NA"},"currency":"CNY","charging_periods":[],"total_cost":{"before_taxes":5,"taxes":[{"name":"a","amount":0.3},{"name":"b","amount":0.2}]},"total_energy":-1}]
            """);
        report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        (await ledger.FactsAsync()).OfType<ChargeRecorded>().Select(record =>
            (record.Operator.Value, record.Energy.ToKwh(2), record.CostWithoutTax, record.CostWithTax)).ShouldBe(
            [("unnamed", "10.25", 5.5m, null), ("CN*ABC", "-1.00", 5m, 5.5m)]);
    }

    [Theory]
    [InlineData("\"total_energy\":10", "\"total_energy\":\"x\"", Rejection.NotANumber)]
    [InlineData("\"CP1\"", "\"CP9\"", Rejection.UnknownSettlementPoint)]
    [InlineData("\"currency\":\"CNY\"", "\"currency\":\"yuan\"", Rejection.OutOfRange)]
    [InlineData("\"id\":\"R1\"", "\"id\":\"R 1\"", Rejection.InvalidIdentifier)]
    [InlineData("\"total_time\":1", "\"credit\":true", Rejection.MissingField)]
    [InlineData("\"total_cost\":{", "\"cost\":{", Rejection.MissingField)]
    [InlineData("11:00:00Z", "09:00:00Z", Rejection.OutOfRange)]
    public async Task What_breaks_a_rule_is_refused_and_kept_sealed(string what, string by, Rejection code)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        var report = await ledger.TakeAsync(Cdr("R1").Replace(what, by, StringComparison.Ordinal));
        report.Outcomes.Single().ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(code);
        var refused = (await ledger.FactsAsync()).OfType<EvidenceRefused>().Single();
        refused.Detail.ShouldNotContain(Card);
        ledger.Ledger.Evidence.Find(refused.Evidence)!.DisclosesSomebody.ShouldBeTrue();
    }

    /// <summary>A forged fact of a folder whose hashes are right, and what a fact is when somebody asks.</summary>
    [Fact]
    public async Task A_record_is_verified_and_explained()
    {
        using var town = new ChargeTown();
        town.Done("import", town.File("cdr.json", Cdr("R1", "5").Replace("CP1", "S01-C1", StringComparison.Ordinal)));
        long position;
        await using (var ledger = Api.OpenLedger.Open(town.Data, null, new StandingClock(ChargeTown.Now)))
        {
            position = ledger.Journal.Length - 1;
            var recorded = (ChargeRecorded)EventCodec.Decode((await TestFolder.AllAsync(ledger.Journal))[^1]);
            (await ledger.Journal.AppendAsync("charge-record/forged", ExpectedRevision.Any, [new NewFact(
                recorded with { Record = new("R2"), CostWithoutTax = 500m }, new(recorded.Start, recorded.End),
                new EvidenceKey("forged"))], TestFolder.Tester, null, TestContext.Current.CancellationToken))
                .ShouldBeOfType<AppendResult.Recorded>();
        }
        var verified = town.Run("verify", "--json");
        verified.Exit.ShouldBe(Cli.ExitCode.NotAsItShouldBe);
        verified.Output.ShouldContain("charge record R2 of CN*ABC");
        System.Text.Json.Nodes.JsonNode.Parse(verified.Output)!["steps"]!.AsArray().Select(step =>
            $"{step!["what"]} {step["count"]} {step["faults"]}").ShouldContain("charge records 1 1");

        var said = string.Join(' ', town.Done("explain", position.ToString(CultureInfo.InvariantCulture)).Output
            .Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries));
        said.ShouldContain("charge record R1 of CN*ABC for S01-C1, 2026-02-27T10:00:00Z to 2026-02-27T11:00:00Z, "
            + "10.000000 kWh, 5 CNY without tax");
        said.ShouldContain("a charge record is in no statement, and is compared with what is settled");
        string.Join(' ', town.Done("explain", "9").Output.Split((char[])[' ', '\n'],
            StringSplitOptions.RemoveEmptyEntries)).ShouldContain("from when to when a charge record is");
    }

    private static readonly Gen<ChargeRecorded> charges = Gen.Select(Gen.Int[0, 100_000], Gen.Int[-50_000, 50_000],
        (seconds, wattHours) => new ChargeRecorded(new("CN*ABC"), new("R1"), new("P1"), TestFolder.Start,
            TestFolder.Start + Duration.FromSeconds(seconds), Energy.FromWattHours(wattHours), "CNY", wattHours / 7_000m,
            wattHours / 6_000m, null, null));

    [Fact]
    public void A_charge_and_its_credit_are_nothing() => charges.Sample(charge =>
    {
        var credit = charge with
        {
            Record = new("R1-C"),
            Credits = charge.Record,
            CostWithoutTax = -charge.CostWithoutTax,
            CostWithTax = -charge.CostWithTax,
        };
        ChargeRecords.Negates(credit, charge).ShouldBeTrue();
        (charge.NetEnergy() + credit.NetEnergy()).ShouldBe(Energy.Zero);
        (charge.CostWithoutTax + credit.CostWithoutTax).ShouldBe(0m);
        var station = ImmutableDictionary<SettlementPointId, (StationId, DateTimeZone)>.Empty.Add(
            new("P1"), (new("S1"), DateTimeZone.Utc));
        var (days, exceptions) = Reconciliation.Of(new([], [charge, credit], [], station,
            Reconciliation.ToleranceDefault));
        exceptions.ShouldBeEmpty();
        days.ShouldBeEmpty();
    }, iter: LongRun.Samples);
}
