using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A standing fee that the tariff lets the account bear is due once, however many points the account has: billed,
/// explained, compared, corrected, proven and exported. The same town names whom it deals with, so that its double
/// entries stand in their accounts.
/// </summary>
public sealed class AccountFeeTests : IDisposable
{
    private const string MasterData = """
        {"type":"settlement-point","point":"P1","station":"S01","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"gridOperator":"north-grid","validFrom":"2026-02-26T00:00:00+08:00"}
        {"type":"settlement-point","point":"P2","station":"S02","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"gridOperator":"south-grid","validFrom":"2026-02-27T00:00:00+08:00"}
        {"type":"register","point":"P1","direction":"import","meterSerial":"M1","digits":9,"decimals":4,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"P2","direction":"import","meterSerial":"M2","digits":9,"decimals":4,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"flat","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.5","exportPerKwh":"0.3"}],"fees":[{"name":"contract","per":"month","amount":"90","bearer":"account"},{"name":"keeping","per":"day","amount":"1","bearer":"account"},{"name":"meter","per":"month","amount":"5"}],"taxPercent":"13"}
        {"type":"tariff-assignment","account":"cpo","tariff":"flat","seller":"city-power","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    private const string Readings = """
        point,register,read_at,kwh
        P1,1.8.0,2026-02-25T00:00:00+08:00,1000.0000
        P1,1.8.0,2026-02-26T00:00:00+08:00,1000.0000
        P1,1.8.0,2026-02-27T00:00:00+08:00,1024.0012
        P1,1.8.0,2026-02-28T00:00:00+08:00,1048.0000
        P2,1.8.0,2026-02-25T00:00:00+08:00,2000.0000
        P2,1.8.0,2026-02-26T00:00:00+08:00,2000.0000
        P2,1.8.0,2026-02-27T00:00:00+08:00,2000.0000
        P2,1.8.0,2026-02-28T00:00:00+08:00,2012.0000

        """;

    private const string HadItBefore = """
        {"type":"settlement-point","point":"P2","station":"S02","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"gridOperator":"south-grid","validFrom":"2026-02-25T00:00:00+08:00"}
        """;

    private readonly SmallTown town = new();

    public AccountFeeTests()
    {
        Done("import", town.File("master-data.jsonl", MasterData));
        Done("import", town.File("readings.csv", Readings));
        Settle("2026-02-26", "R26");
        Settle("2026-02-27", "R27");
    }

    public void Dispose() => town.Dispose();

    private void Settle(string day, string run, params string[] options) =>
        Done(["settle", "--account", "cpo", "--day", day, "--run", run, "--by", "anna", .. options]);

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    private JsonNode Json(params string[] args) => JsonNode.Parse(Done([.. args, "--json"]))!;

    private static decimal Number(JsonNode? value) => decimal.Parse((string)value!, CultureInfo.InvariantCulture);

    private List<(string Whose, string Name, decimal Quantity, decimal Amount)> Charges(string run) =>
        [.. Json("show", "statement", run)["charges"]!.AsArray().Select(charge => ((string)charge!["point"]!,
            (string)charge["name"]!, Number(charge["quantity"]), Number(charge["amount"])))];

    [Fact]
    public void It_is_due_once_for_the_month_and_once_for_each_day_whatever_points_there_are()
    {
        Charges("R26").ShouldBe([
            ("P1", "meter", 1m, 5m), ("P1", "tax 13 %", 17.0005m, 2.21m),
            ("(account)", "contract", 1m, 90m), ("(account)", "keeping", 1m, 1m), ("(account)", "tax 13 %", 91m, 11.83m)]);
        // A second point keeps its own meter; the contract was billed.
        Charges("R27").ShouldBe([
            ("P1", "tax 13 %", 11.9995m, 1.56m), ("P2", "meter", 1m, 5m), ("P2", "tax 13 %", 11m, 1.43m),
            ("(account)", "keeping", 1m, 1m), ("(account)", "tax 13 %", 1m, 0.13m)]);
        Number(Json("show", "statement", "R26")["total"]).ShouldBe(12m + 5m + 2.21m + 90m + 1m + 11.83m);
    }

    [Fact]
    public void It_is_explained_by_the_points_for_which_the_contract_stands()
    {
        foreach (var run in new[] { "R26", "R27" })
            ((bool)Json("explain", run, "total")["holds"]!).ShouldBeTrue();
        var contract = Json("show", "statement", "R26")["charges"]!.AsArray()
            .Single(charge => (string)charge!["name"]! == "contract")!;
        var page = Done("explain", $"R26#{contract["line"]}");
        page.ShouldContain("fixed, contract, the account");
        page.ShouldContain("1 by month × 90, once for the account");
        page.ShouldContain("settled point on 2026-02-26");
        // The registration is counted as what the lines are of and as what the contract stands for.
        var use = Json("explain", "0")["runs"]!.AsArray().Single(run => (string)run!["run"]! == "R26")!;
        ((bool)use["counted"]!).ShouldBeTrue();
        ((string)use["lines"]!).ShouldBe("1–29");
    }

    [Fact]
    public void A_point_that_is_recorded_late_moves_it_to_an_earlier_day_and_deltas_follow()
    {
        Done("import", town.File("late.jsonl", HadItBefore));
        Settle("2026-02-25", "R25");
        Charges("R25").ShouldContain(("(account)", "contract", 1m, 90m));
        Settle("2026-02-26", "D26", "--kind", "correction", "--style", "deltas");
        var corrected = Json("show", "statement", "R26");
        ((bool)corrected["deltasAdd"]!).ShouldBeTrue();
        Number(corrected["totalWithDeltas"]).ShouldBe(Number(corrected["totalRunAgain"]));
        Settle("2026-02-26", "R26-2", "--kind", "correction");
        Charges("R26-2").Select(charge => (charge.Whose, charge.Name)).ShouldNotContain(("(account)", "contract"));
        var difference = Json("diff", "R26", "R26-2");
        ((bool)difference["reconciled"]!).ShouldBeTrue();
        var gone = difference["charges"]!.AsArray().Single(charge => (string)charge!["name"]! == "contract")!;
        ((string)gone["point"]!).ShouldBe("(account)");
        ((string)gone["says"]!).ShouldBe("contract of the account: no longer there, it was 1 month = 90.00 CNY");
        Number(gone["change"]).ShouldBe(-90m);
        Done("diff", "R26", "R26-2").ShouldContain("contract of the account: no longer there");
        Settle("2026-02-27", "C27", "--kind", "correction", "--style", "credit");
        Number(Json("show", "statement", "R27")["totalWithDeltas"]).ShouldBe(0m);
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
    }

    [Fact]
    public void It_is_proven_by_the_statement_and_not_alone()
    {
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("r27.zip", "");
        Done("bundle", "--statement", "R27", "--out", zip);
        var verified = town.Run("verify", zip);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        // Lines of both points, three charges of points, two of the account.
        Done("prove", "R27#51", "--out", zip);
        town.Run("verify", zip).Exit.ShouldBe(ExitCode.Done);
        foreach (var number in new[] { 52, 53 })
        {
            var alone = town.Run("prove", $"R27#{number}", "--out", zip);
            alone.Exit.ShouldBe(ExitCode.CouldNot, alone.Output);
            alone.Errors.ShouldContain("is owed by the account as a whole: 'ledger bundle --statement R27' proves it");
        }
        Done("sample", "--lines", "60", "--seed", "a", "--statement", "R27", "--out", zip);
        var all = town.Run("verify", zip);
        all.Exit.ShouldBe(ExitCode.Done, all.Output);
        all.Output.ShouldContain(" lines=51 ");
    }

    [Fact]
    public void Each_party_has_its_own_accounts_and_nothing_is_made_or_lost()
    {
        var page = Json("show", "statement", "R27");
        ((string)page["conserved"]!).ShouldBe("yes");
        (string Account, decimal Kwh, decimal Money)[] pending = [.. Balances(page).Select(balance => (
            (string)balance!["account"]!, Number(balance["energyPendingKwh"]), Number(balance["moneyPending"])))];
        var total = Number(page["total"]);
        pending.ShouldBe([
            ("city-power/sales", 0m, total - 3.12m), ("city-power/tax", 0m, 3.12m), ("cpo/energy", 35.999m, 0m),
            ("cpo/money", 0m, -total), ("north-grid/grid-energy", -23.9988m, 0m), ("north-grid/loss", -0.0002m, 0m),
            ("south-grid/grid-energy", -12m, 0m)]);
        page["postings"]!.AsArray().Select(posting => (string)posting!["account"]!).ShouldBe([
            "receivable/cpo", "revenue/city-power/energy-import", "payable/cpo", "cost/city-power/energy-export",
            "receivable/cpo/charges", "revenue/city-power/charges", "liability/city-power/tax"]);
        Done("publish", "R27", "--by", "bob");
        Balances(Json("show", "statement", "R27")).ShouldAllBe(balance =>
            (string)balance!["energyPendingKwh"]! == "0.000000000000" && (string)balance["moneyPending"]! == "0.00");
        var entries = JsonNode.Parse(Done("export", "entries", "R27", "--format", "json"))!.AsArray();
        entries.Select(entry => $"{entry!["from"]} {entry["to"]} {entry["energyKwh"]}{entry["money"]} {entry["standing"]}")
            .ShouldBe([
                "north-grid/grid-energy cpo/energy 23.999000000000 posted",
                "north-grid/loss north-grid/grid-energy 0.000200000000 posted",
                "south-grid/grid-energy cpo/energy 12.000000000000 posted", $"cpo/money city-power/sales {18.00m} posted",
                "cpo/money city-power/sales 6.00 posted", "cpo/money city-power/tax 3.12 posted"]);
        Done("export", "entries", "R27").Split("\r\n")[0].ShouldBe("run,day,from,to,energyKwh,money,currency,standing");
    }

    /// <summary>A page breaks its sentences into lines.</summary>
    private static string Unwrapped(string page) =>
        string.Join(' ', page.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private static JsonArray Balances(JsonNode page) => page["balances"]!.AsArray();

    /// <summary>Who sells is a fact of the contract: its books are its own, so deltas never go from one to
    /// another.</summary>
    [Fact]
    public void A_run_with_another_seller_is_credited_and_run_again()
    {
        Done("import", town.File("seller.jsonl",
            """{"type":"tariff-assignment","account":"cpo","tariff":"flat","seller":"green-power","validFrom":"2026-02-27T00:00:00+08:00"}"""));
        var deltas = town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D27", "--kind", "correction",
            "--style", "deltas", "--by", "anna");
        deltas.Exit.ShouldNotBe(ExitCode.Done);
        Unwrapped(deltas.Output).ShouldContain("refused, SellerDiffers (712): city-power sold by R27 and green-power sells by "
            + "the day run again");
        Settle("2026-02-27", "C27", "--kind", "correction", "--style", "credit");
        Settle("2026-02-27", "R27-2", "--kind", "correction");
        Balances(Json("show", "statement", "R27-2")).Select(balance => (string)balance!["account"]!)
            .ShouldContain("green-power/sales");
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Whoever asks hears the same words and figures: at the command line, over HTTP, in a table.</summary>
    [Fact]
    public async Task The_doors_say_the_same_of_a_difference_and_of_entries()
    {
        Done("import", town.File("late.jsonl", HadItBefore), town.File("late.csv",
            "point,register,read_at,kwh\nP1,1.8.0,2026-02-26T12:00:00+08:00,1003.0000\n"));
        Settle("2026-02-26", "R26-2", "--kind", "correction");
        var (said, entries) = (Json("diff", "R26", "R26-2"),
            JsonNode.Parse(Done("export", "entries", "R27", "--format", "json"))!.AsArray());
        var exported = Done("export", "statement", "R27").Split("\r\n").Skip(1).Where(row => row.Length > 0)
            .ToList();
        Unwrapped(Done("diff", "R26", "R26-2")).ShouldContain((string)said["says"]!);
        await using var ledger = OpenLedger.Open(new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret));
        await using var errors = new StringWriter();
        await using var server = await LedgerServer.StartAsync(ledger, new ServerOptions(IPAddress.Loopback, 0), errors,
            TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        Task<string> Ask(string path) => client.GetStringAsync(path, TestContext.Current.CancellationToken);

        const string difference = "/v1/run-differences?before=R26&after=R26-2";
        var answered = JsonNode.Parse(await Ask(difference))!;
        ((string)answered["says"]!).ShouldBe((string)said["says"]!);
        foreach (var list in new[] { "lines", "charges" })
        {
            var words = said[list]!.AsArray().Select(each => (string)each!["says"]!).ToList();
            words.ShouldNotBeEmpty(list);
            answered[list]!.AsArray().Select(each => (string)each!["says"]!).ShouldBe(words);
        }
        var csv = (await Ask($"{difference}&format=csv")).Split("\r\n");
        csv[0].Split(',').ShouldContain("says");
        csv[1].ShouldContain((string)said["lines"]!.AsArray()[0]!["says"]!);

        var there = JsonNode.Parse(await Ask("/v1/statement-entries?run=R27"))!;
        ((string)there["conserved"]!).ShouldBe("yes");
        there["entries"]!.AsArray().Select(each => $"{each!["from"]} {each["to"]} {each["energyKwh"]}{each["money"]} {each["standing"]}")
            .ShouldBe(entries.Select(each => $"{each!["from"]} {each["to"]} {each["energyKwh"]}{each["money"]} {each["standing"]}"));
        there["balances"]!.AsArray().Sum(each => Number(each!["moneyPending"])).ShouldBe(0m);
        var rows = JsonNode.Parse(await Ask("/v1/statement-rows?run=R27"))!;
        ((bool)rows["sumIsTotal"]!, rows["rows"]!.AsArray().Sum(row => Number(row!["amount"])))
            .ShouldBe((true, Number(rows["total"])));
        // The same rows as the command line has, down to the local clock and the number of the period.
        var listed = (await Ask("/v1/statement-rows?run=R27&format=csv")).Split("\r\n").Skip(1).Where(row => row.Length > 0).ToList();
        // Instants are written with nine decimals there.
        static string Figures(string row) =>
            string.Join(',', row.Split(',').Take(14).Where((_, i) => i is not 4 and not 5));
        listed.Select(Figures).ShouldBe(exported.Select(Figures));
        (await Ask("/v1/statement-entries?run=R27&format=csv")).Split("\r\n")[0]
            .ShouldBe("from,to,energyKwh,money,standing");
    }

    [Fact]
    public void A_bill_of_one_load_has_it_once()
    {
        JsonNode Bill(string bearer) => JsonNode.Parse(CommandRun.Of(["calc", "bill", "--in", "-"], """
            {"tariff":{"rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.5"}],"taxPercent":10,
             "fees":[{"name":"contract","per":"month","amount":"90"BEARER}]},"zone":"UTC",
             "load":[{"start":"2026-02-28T00:00:00Z","minutes":1440,"importKwh":"2"},
              {"start":"2026-03-01T00:00:00Z","minutes":1440,"importKwh":"4"}]}
            """.Replace("BEARER", bearer, StringComparison.Ordinal)).Output)!;
        // Two months, each with its fee.
        ((string)Bill(""","bearer":"account" """)["totals"]!["fixed"]!).ShouldBe("180");
        ((string)Bill(""","bearer":"account" """)["totals"]!["total"]!).ShouldBe("201.3");
        Bill(""","bearer":"point" """)["totals"]!.ToJsonString().ShouldBe(Bill("")["totals"]!.ToJsonString());
    }

    [Fact]
    public void Only_a_standing_fee_is_the_accounts()
    {
        foreach (var per in Enum.GetValues<FeeBasis>())
            (TariffCoherence.Incoherence(TariffTerms.None with
            {
                Fees = [new("fee", per, 1m, 1, null, FeeBearer.Account)],
            }) is null).ShouldBe(per is FeeBasis.Month or FeeBasis.Day, $"{per}");
        IReadOnlyList<int> always = [.. Enumerable.Range(1, 12)];
        var tariff = new TariffPublished(new("T"), 1, "EUR", "UTC",
            [new(always, Enum.GetValues<DayClass>(), LocalTime.Midnight, null, TariffPeriod.Flat)],
            [new(TariffPeriod.Flat, 1m, 1m)], [], 3, 2, TariffTerms.None with
            {
                Fees = [new("contract", FeeBasis.Month, 1m, 1, null, FeeBearer.Account)],
            });
        Should.Throw<ArgumentNullException>(() => Statement.Build(new("A"), new(2026, 2, 27), tariff, [], []));
    }
}
