using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Registers against charge records against settlement: what was exported agrees with what it came from, and every way
/// not to agree is found, valued, and named with the fact that would resolve it.
/// </summary>
public sealed class ReconciliationTests : IDisposable
{
    private const string Tariff = """
        {"id":"T1","currency":"CNY","elements":[
          {"price_components":[{"type":"ENERGY","price":0.3533,"step_size":1}],"restrictions":{"end_time":"08:00"}},
          {"price_components":[{"type":"ENERGY","price":1.1,"step_size":1},{"type":"FLAT","price":0.5,"step_size":1}]}]}
        """;

    private readonly ChargeTown town = new();

    public ReconciliationTests() => town.Done("import", town.File("late.csv", """
        point,register,read_at,kwh
        S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125
        S01-C1,1.8.0,2026-03-02T20:45:00+08:00,1050.125
        S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5
        S01-C1,2.8.0,2026-03-02T20:45:00+08:00,30.5

        """));

    public void Dispose() => town.Dispose();

    [Theory]
    [InlineData("2.2.1")]
    [InlineData("2.3.0")]
    public void What_was_exported_and_is_read_back_agrees(string version)
    {
        var file = town.PathOf("cdrs.json");
        town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("t.json", Tariff), "--ocpi", version,
            "--header", town.File("h.json", """{"country_code":"CN","party_id":"ABC"}"""), "--out", file);
        var day = Reconciled(ExitCode.Done, "--in", file)["days"]![0]!;
        Text(day, "sessions", "records", "measuredKwh", "billedKwh", "cost", "exceptions").ShouldBe(
            "3 3 29.625000000000 29.625000000000 26.5971 0");
        // The same once they are facts.
        town.Done("import", file);
        Text(Reconciled(ExitCode.Done)["days"]![0]!, "sessions", "records", "cost", "exceptions")
            .ShouldBe("3 3 26.5971 0");
        // Neither a sale to come changes whose sessions these were, nor one of since.
        string OfPoint() => Text(Reconciled(ExitCode.Done, "--point", "S01-C1")["days"]![0]!, "sessions", "records", "exceptions");
        var before = OfPoint();
        foreach (var from in (string[])["2027-01-01", "2026-03-04"])
        {
            town.Done("import", town.File("sale.jsonl", $$"""
                {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"other","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"{{from}}T00:00:00+08:00"}
                """));
            OfPoint().ShouldBe(before);
        }
    }

    /// <summary>The vehicle left at 20:40; its meter was exchanged, and the other one read at 20:45.</summary>
    [Fact]
    public void A_meter_that_was_exchanged_after_a_stay_says_nothing_of_it()
    {
        using var other = new ChargeTown();
        void Read(string rows) => other.Done("import", other.File("rows.csv", "point,register,read_at,kwh\n" + rows));
        Read("""
            S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125
            S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5
            S01-C1,2.8.0,2026-03-02T20:45:00+08:00,30.5

            """);
        other.Done("import", other.File("exchange.jsonl", """
            {"type":"register","point":"S01-C1","direction":"import","meterSerial":"M9","digits":9,"decimals":3,"validFrom":"2026-03-02T20:42:00+08:00"}
            """));
        Read("S01-C1,1.8.0,2026-03-02T20:45:00+08:00,5000\n");
        var page = JsonNode.Parse(other.Run("reconcile", "cdr", "--day", ChargeTown.Day, "--json").Output)!;
        Text(page["days"]![0]!, "sessions", "measuredKwh").ShouldBe("3 22.625000000000");
    }

    [Fact]
    public void A_session_that_nobody_bills_is_valued_at_the_days_price() =>
        Found(cdrs => cdrs.RemoveAt(2)).ShouldBe(["missingRecord S01-C1 – 7.000000000000 – 6.4805"]);

    [Fact]
    public void Two_records_of_one_stay_are_one_too_many() =>
        Found(cdrs => cdrs.Add(With(cdrs[2]!, "id", "again")))
            .Single().ShouldMatch("^duplicate S01-C1 ([0-9a-f]+|again) – 7.000000000000 8.2");

    [Fact]
    public void A_record_of_another_energy_is_valued_at_its_own_price() =>
        Found(cdrs => cdrs[2]!["total_energy"] = 8).Single()
            .ShouldMatch("energyDiffers S01-C1 [0-9a-f]+ 7.000000000000 8.000000000000 1.025");

    /// <summary>Of a day without any record no price is known: what nobody billed may be worth anything, and not 0.
    /// </summary>
    [Fact]
    public void What_no_price_values_is_unknown_and_not_zero() =>
        Text(Reconciled(ExitCode.NotAsItShouldBe, "--day", ChargeTown.Day)["days"]![0]!, "records", "exceptions", "atStake",
            "ofUnknownStake").ShouldBe("0 3 – 3");

    [Fact]
    public void A_watt_hour_is_not_a_difference() =>
        Found(cdrs => cdrs[2]!["total_energy"] = 7.001m).ShouldBeEmpty();

    [Fact]
    public void A_record_of_nobody_s_stay_is_found_beside_the_stay_without_a_record() =>
        Found(cdrs =>
        {
            cdrs[2]!["start_date_time"] = "2026-03-02T13:00:00Z";
            cdrs[2]!["end_date_time"] = "2026-03-02T13:30:00Z";
        }).Select(found => found.Split(' ')[0]).ShouldBe(["missingRecord", "missingSession"]);

    [Fact]
    public void A_credit_of_nothing_and_a_credit_of_part_are_found()
    {
        Found(cdrs =>
        {
            var credit = With(cdrs[2]!, "id", "R-C");
            credit["credit"] = true;
            credit["credit_reference_id"] = "unknown";
            credit["total_cost"] = new JsonObject { ["before_taxes"] = -8.2m };
            cdrs.Add(credit);
        }).ShouldBe(["creditDiffers S01-C1 R-C – 7.000000000000 8.2"]);
        Found(cdrs =>
        {
            var credit = With(cdrs[2]!, "id", "R-C");
            credit["credit"] = true;
            credit["credit_reference_id"] = (string)cdrs[2]!["id"]!;
            credit["total_cost"] = new JsonObject { ["before_taxes"] = -8m };
            cdrs.Add(credit);
        }).ShouldBe(["creditDiffers S01-C1 R-C 7.000000000000 7.000000000000 0.2"]);
    }

    [Fact]
    public void A_run_that_settled_what_is_known_better_now_is_found()
    {
        Settle("105");
        Text(Reconciled(ExitCode.NotAsItShouldBe, "--day", ChargeTown.Day)["days"]![0]!, "settledKwh", "settledAmount")
            .ShouldBe("5 5.5");
        town.Done("import", town.File("c.jsonl", """
            {"type":"register-reading-correction","point":"S01-C2","direction":"import","readAt":"2026-03-02T09:00:00+08:00","supersedes":1,"indexSteps":106000,"quality":"measured","reason":"misread"}
            """));
        var found = Reconciled(ExitCode.NotAsItShouldBe, "--day", ChargeTown.Day)["exceptions"]!.AsArray()
            .Single(each => (string)each!["finding"]! == "settledDiffers")!;
        Text(found, "point", "measuredKwh", "statedKwh", "atStake").ShouldBe(
            "S01-C2 6.000000000000 5.000000000000 1.1");
        ((string)found["resolvedBy"]!).ShouldContain("a correction run that supersedes");
    }

    /// <summary>5 kWh were settled, and 6 are known; what is booked on the run is settled too.</summary>
    [Theory]
    [InlineData("deltas", "6 6.6")]
    [InlineData("credit", "– –")]
    public void What_is_booked_on_a_run_is_settled_with_it(string style, string settled)
    {
        Settle("105");
        town.Done("import", town.File("c.jsonl", """
            {"type":"register-reading-correction","point":"S01-C2","direction":"import","readAt":"2026-03-02T09:00:00+08:00","supersedes":1,"indexSteps":106000,"quality":"measured","reason":"misread"}
            """));
        town.Done("settle", "--account", "cpo", "--day", ChargeTown.Day, "--kind", "correction", "--style", style);
        var page = Reconciled(ExitCode.NotAsItShouldBe, "--day", ChargeTown.Day);
        Text(page["days"]![0]!, "settledKwh", "settledAmount").ShouldBe(settled);
        page["exceptions"]!.AsArray().Select(each => (string)each!["finding"]!).ShouldNotContain("settledDiffers");
    }

    /// <summary>A tariff of whole kWh bills 5.4 kWh as 5, and no correction would bill another energy.</summary>
    [Theory]
    [InlineData(0, "105.4", "5")]
    [InlineData(0, "105.5", "6")]
    [InlineData(2, "105.404", "5.4")]
    public void What_is_billed_in_whole_steps_of_its_tariff_is_settled(int decimals, string index, string settled)
    {
        town.Done("import", town.File("whole.jsonl", ChargeTown.MasterData.Split('\n').Single(line =>
                line.Contains("\"type\":\"tariff\"", StringComparison.Ordinal))
            .Replace("\"tou\"", "\"whole\"", StringComparison.Ordinal)
            .Replace("\"currency\"", $"\"energyDecimals\":{decimals},\"currency\"", StringComparison.Ordinal) + "\n"
            + """{"type":"tariff-assignment","account":"cpo","tariff":"whole","validFrom":"2026-02-01T00:00:00+08:00"}"""));
        Settle(index);
        var page = Reconciled(ExitCode.Done, "--day", ChargeTown.Day, "--point", "S01-C2");
        Text(page["days"]![0]!, "settledKwh", "exceptions").ShouldBe($"{settled} 0");
    }

    /// <summary>Registered and read after the run: the run has no line of it, of either direction.</summary>
    [Fact]
    public void What_a_run_lacks_is_found_in_both_directions()
    {
        Settle("105");
        town.Done("import", town.File("c3.jsonl", string.Join('\n', ChargeTown.MasterData.Split('\n').Where(line =>
            line.Contains("S01-C1\"", StringComparison.Ordinal) && !line.Contains("charging-state", StringComparison.Ordinal))
            .Select(line => line.Replace("S01-C1", "S01-C3", StringComparison.Ordinal)
                .Replace("M1", "M3", StringComparison.Ordinal)))));
        town.Done("import", town.File("c3.csv", """
            point,register,read_at,kwh
            S01-C3,1.8.0,2026-03-02T08:00:00+08:00,0
            S01-C3,1.8.0,2026-03-02T09:00:00+08:00,300
            S01-C3,2.8.0,2026-03-02T08:00:00+08:00,0
            S01-C3,2.8.0,2026-03-02T09:00:00+08:00,40

            """));
        Reconciled(ExitCode.NotAsItShouldBe, "--day", ChargeTown.Day, "--point", "S01-C3")["exceptions"]!.AsArray()
            .Select(each => Text(each!, "finding", "from", "to", "measuredKwh", "statedKwh", "atStake")).ShouldBe(
            [
                "settledDiffers 2026-03-01T16:00:00Z 2026-03-02T16:00:00Z 300.000000000000 0.000000000000 –",
                "settledDiffers 2026-03-01T16:00:00Z 2026-03-02T16:00:00Z 40.000000000000 0.000000000000 –",
            ]);
    }

    /// <summary>Where one station is billed, another that is not is missing as before.</summary>
    [Fact]
    public void A_station_without_a_record_is_compared_too()
    {
        var file = town.PathOf("cdrs.json");
        town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("t.json", Tariff), "--out", file);
        town.Done("import", town.File("s02.jsonl", string.Join('\n', ChargeTown.MasterData.Split('\n')
            .Where(line => line.Contains("S01-C1\"", StringComparison.Ordinal))
            .Select(line => line.Replace("S01", "S02", StringComparison.Ordinal)
                .Replace("M1", "M4", StringComparison.Ordinal)))));
        town.Done("import", town.File("s02.csv", ChargeTown.Readings.Replace("S01", "S02", StringComparison.Ordinal)));
        Text(Reconciled(ExitCode.Done, "--in", file)["days"]![0]!, "station", "exceptions").ShouldBe("S01 0");
        town.Done("import", file);
        foreach (var options in (string[][])[[], ["--day", ChargeTown.Day]])
            Reconciled(ExitCode.NotAsItShouldBe, options)["exceptions"]!.AsArray()
                .Select(each => Text(each!, "finding", "point")).ShouldBe(
                ["missingRecord S02-C1", "missingRecord S02-C1", "notMetered S02-C1"]);
    }

    /// <summary>Charged until 23:30, and the plug pulled at 00:30: record and stay are of the stay's day, whichever day
    /// is asked for.</summary>
    [Theory]
    [InlineData("2026-03-03", 1)]
    [InlineData("2026-03-02..2026-03-03", 1)]
    [InlineData("2026-03-02", 0)]
    [InlineData(null, 1)]
    public void A_record_is_of_the_day_on_which_its_stay_ended(string? day, int compared)
    {
        town.Done("import", town.File("night.jsonl", """
            {"type":"charging-state","point":"S01-C1","at":"2026-03-02T22:00:00+08:00","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"S01-C1","at":"2026-03-03T00:30:00+08:00","connected":false,"source":"ocpp"}
            """));
        town.Done("import", town.File("night.csv", """
            point,register,read_at,kwh
            S01-C1,1.8.0,2026-03-02T22:00:00+08:00,1060
            S01-C1,1.8.0,2026-03-03T00:30:00+08:00,1080
            S01-C1,2.8.0,2026-03-02T22:00:00+08:00,31
            S01-C1,2.8.0,2026-03-03T00:30:00+08:00,31

            """));
        var record = With(JsonNode.Parse(town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff",
            town.File("t.json", Tariff)).Output)!.AsArray()[2]!, "id", "night");
        record["start_date_time"] = "2026-03-02T14:00:00Z";
        record["end_date_time"] = "2026-03-02T15:30:00Z";
        record["total_energy"] = 20;
        var file = town.File("night.json", new JsonArray(record.DeepClone()).ToJsonString());
        foreach (var version in (string[][])[["--in", file], []])
        {
            if (version is []) town.Done("import", file);
            var run = town.Run(["reconcile", "cdr", "--json", .. version, .. day is null ? [] : (string[])["--day", day]]);
            var page = JsonNode.Parse(run.Output)!;
            page["exceptions"]!.AsArray().ShouldNotContain(each =>
                string.CompareOrdinal((string)each!["from"]!, "2026-03-02T14") >= 0);
            page["days"]!.AsArray().Where(row => (string)row!["day"]! == "2026-03-03")
                .Select(row => Text(row!, "sessions", "records", "measuredKwh", "billedKwh", "exceptions"))
                .ShouldBe(Enumerable.Repeat("1 1 20.000000000000 20.000000000000 0", compared));
        }
    }

    [Fact]
    public void The_stays_of_a_point_that_was_sold_since_are_its_former_owner_s()
    {
        var file = town.PathOf("cdrs.json");
        town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("t.json", Tariff), "--out", file);
        town.Done("import", town.File("sold.jsonl", """
            {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"other","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"2026-03-04T00:00:00+08:00"}
            """));
        Text(Reconciled(ExitCode.Done, "--in", file, "--point", "S01-C1")["days"]![0]!, "sessions", "records", "exceptions")
            .ShouldBe("3 3 0");
    }

    [Fact]
    public void Amounts_of_two_currencies_have_no_sum()
    {
        var cdrs = JsonNode.Parse(town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff",
            town.File("t.json", Tariff)).Output)!.AsArray();
        cdrs[2]!["currency"] = "EUR";
        Text(Reconciled(ExitCode.Done, "--in", town.File("two.json", cdrs.ToJsonString()))["days"]![0]!,
            "records", "billedKwh", "cost", "atStake", "ofUnknownStake").ShouldBe("3 29.625000000000 – 0 0");
        // Each is one too many, at stake in its own currency.
        cdrs.Add(With(cdrs[1]!, "id", "again-1"));
        cdrs.Add(With(cdrs[2]!, "id", "again-2"));
        var day = Reconciled(ExitCode.NotAsItShouldBe, "--in", town.File("four.json", cdrs.ToJsonString()))["days"]![0]!;
        Text(day, "records", "cost", "exceptions", "atStake", "ofUnknownStake").ShouldBe("5 – 2 – 0");
    }

    /// <summary>A stay that is billed in two currencies, and of more than it took.</summary>
    [Fact]
    public void What_is_billed_in_two_currencies_has_no_price()
    {
        Found(cdrs =>
        {
            var half = With(cdrs[2]!, "id", "half");
            (half["currency"], half["start_date_time"]) = ("EUR", "2026-03-02T12:30:00Z");
            cdrs[2]!["end_date_time"] = "2026-03-02T12:30:00Z";
            cdrs.Add(half);
        }).ShouldBe(["energyDiffers S01-C1 – 7.000000000000 14.000000000000 –"]);
    }

    [Theory]
    [InlineData("reconcile")]
    [InlineData("reconcile", "cdr", "--json", "--csv")]
    [InlineData("reconcile", "cdr", "--day", "yesterday")]
    public void A_wrong_command_line_is_usage(params string[] args) => town.Run(args).Exit.ShouldBe(ExitCode.Usage);

    [Fact]
    public void Text_and_csv_have_the_same_exceptions()
    {
        town.Run("reconcile", "cdr", "--day", ChargeTown.Day).Output.ShouldContain("missing record");
        var csv = town.Run("reconcile", "cdr", "--day", ChargeTown.Day, "--csv").Output.Split("\r\n");
        csv[0].ShouldBe("finding,station,point,from,to,record,measuredKwh,statedKwh,atStake,currency,resolvedBy");
        csv.Length.ShouldBe(5); // three sessions that nobody has billed, and the end of the last line
    }

    [Fact]
    public void A_point_that_is_named_is_the_only_one_compared()
    {
        var cdrs = JsonNode.Parse(town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff",
            town.File("t.json", Tariff)).Output)!.AsArray();
        foreach (var member in (string[])["evse_id", "evse_uid"])
            foreach (var cdr in cdrs) cdr!["cdr_location"]![member] = "elsewhere";
        var file = town.File("renamed.json", cdrs.ToJsonString());
        town.Run("reconcile", "cdr", "--in", file).Exit.ShouldBe(ExitCode.CouldNot);
        Reconciled(ExitCode.Done, "--in", file, "--point", "S01-C1");
        Reconciled(ExitCode.NotAsItShouldBe, "--in", file, "--point", "S01-C2")["exceptions"]!.AsArray()
            .Select(each => (string)each!["finding"]!).ShouldBe(Enumerable.Repeat("missingSession", 3));
    }

    /// <summary>Registers are of no day, and those of a party are read once for all days that are compared.</summary>
    [Fact]
    public async Task Several_days_read_every_register_once()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ledger = OpenLedger.Open(new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(ChargeTown.Now), TestFolder.Secret));
        await ledger.CatchUpAsync(ct);
        LocalDate[] days = [new(2026, 3, 1), new(2026, 3, 2), new(2026, 3, 3)];
        var (journal, sessions) = (new CountedReads(ledger.Journal), new List<(LocalDate, int)>());
        await foreach (var (day, ended) in EndedSessions.OfDaysAsync(
            journal, ledger.Views, new("cpo"), days, journal.Length, ct)) sessions.Add((day, ended.Count));
        sessions.ShouldBe([(days[0], 0), (days[1], 3), (days[2], 0)]);
        var settled = new CountedReads(ledger.Journal);
        await foreach (var facts in SettlementFacts.OfDaysAsync(
            settled, ledger.Views, new("cpo"), days, settled.Length, ct)) facts.Points.Count.ShouldBe(2);
        var register = Streams.Register(new(new("S01-C1"), Direction.Import));
        (journal.Of[register], settled.Of[register]).ShouldBe((1, 1));
    }

    /// <summary>What is found in the exported records after a change, as finding, point, record, kWh and stake.
    /// </summary>
    private List<string> Found(Action<JsonArray> change)
    {
        var cdrs = JsonNode.Parse(town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff",
            town.File("t.json", Tariff)).Output)!.AsArray();
        change(cdrs);
        var run = town.Run("reconcile", "cdr", "--in", town.File("changed.json", cdrs.ToJsonString()), "--json");
        var found = JsonNode.Parse(run.Output)!["exceptions"]!.AsArray();
        run.Exit.ShouldBe(found.Count == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe, run.Errors);
        found.ShouldAllBe(each => ((string)each!["resolvedBy"]!).Length > 0);
        return [.. found.Select(each => Text(each!, "finding", "point", "record", "measuredKwh", "statedKwh", "atStake"))];
    }

    /// <summary>The day is settled of what the second connector took from 8 to 9 o'clock, from 100 kWh on.</summary>
    private void Settle(string index)
    {
        town.Done("import", town.File("c2.csv", $"point,register,read_at,kwh\nS01-C2,1.8.0,2026-03-02T08:00:00+08:00,100\n"
            + $"S01-C2,1.8.0,2026-03-02T09:00:00+08:00,{index}\n"));
        town.Done("settle", "--account", "cpo", "--day", ChargeTown.Day);
    }

    private JsonNode Reconciled(int exit, params string[] options)
    {
        var run = town.Run(["reconcile", "cdr", "--json", .. options]);
        run.Exit.ShouldBe(exit, run.Output + run.Errors);
        return JsonNode.Parse(run.Output)!;
    }

    private static JsonObject With(JsonNode record, string member, string value)
    {
        var changed = record.DeepClone().AsObject();
        changed[member] = value;
        return changed;
    }

    private static string Text(JsonNode row, params string[] members) =>
        string.Join(' ', members.Select(member => row[member]?.ToString() ?? "–"));
}
