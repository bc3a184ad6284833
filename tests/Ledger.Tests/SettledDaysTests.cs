using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.AccountTown;

namespace Ledger.Tests;

/// <summary>
/// A month is billed of the days on which its point was settled. C lies behind the account's own connection G until G
/// is sold: what C drew before was billed at G, and of C there was no line. 30 a month, 2 a day and 38 a kW.
/// </summary>
public sealed class SettledDaysTests : IAsyncDisposable
{
    private const SettlementPointKind Grid = SettlementPointKind.GridConnection,
        Connector = SettlementPointKind.Connector;
    private static readonly IReadOnlyList<int> AllYear = [.. Enumerable.Range(1, 12)];

    private readonly AccountTown town = new();

    public ValueTask DisposeAsync() => town.DisposeAsync();

    private static TariffTerms Terms(DemandRatchet? ratchet = null) => TariffTerms.None with
    {
        DemandCharges = [new("demand", [new(AllYear, Enum.GetValues<DayClass>(), LocalTime.Midnight, null)],
            [new(AllYear, [new(null, TierUnit.Quantity, 38m)])], 60, 60, DemandSpan.Month, ratchet, null)],
        Fees = [new("standing", FeeBasis.Month, 30m, 1, null), new("keeping", FeeBasis.Day, 2m, 1, null)],
    };

    private async Task PriceAsync(TariffTerms terms)
    {
        await town.PublishAsync(1, 1m, Before, terms);
        await town.AssignAsync();
    }

    private Task RegisterAsync(string point, SettlementPointKind kind, int day, string owner = "cpo",
        string zone = "Asia/Shanghai") => town.RegisterAsync(new(point), kind, Midnight + Duration.FromDays(day), 60, owner, zone);

    /// <summary>A day, counted from 2 March, of as many kW in each hour and of a peak in one of them.</summary>
    private async Task MeterAsync(string point, int day, int kw, int peak)
    {
        var register = new RegisterId(new(point), Direction.Import);
        for (var hour = 0; hour < 24; hour++)
        {
            var from = Midnight + Duration.FromHours((24 * day) + hour);
            await town.AppendAsync(Streams.IntervalReadings(register, from.InUtc().Date), new IntervalReadingRecorded(
                register, new(from, from + Duration.FromHours(1)),
                Energy.FromWattHours((hour == 12 ? peak : kw) * 1000), ReadingQuality.Measured, null, Digest), from);
        }
    }

    private async Task<string> ChargesAsync(int day)
    {
        var statement = (await town.CalculateAsync(Day.PlusDays(day)))
            .ShouldBeOfType<SettlementCalculation.Calculated>().Statement;
        return string.Join("; ", statement.Charges.Select(charge => string.Create(CultureInfo.InvariantCulture,
                $"{charge.Name} {charge.Quantity} = {charge.AmountExact}{charge.Problem}")))
            + " by " + Settlement.RuleVersionOf(statement).Split('/')[0];
    }

    [Fact]
    public async Task A_point_that_is_settled_from_a_day_on_owes_from_that_day_on()
    {
        await PriceAsync(Terms());
        await RegisterAsync("C", Connector, -1);
        await RegisterAsync("G", Grid, -1);
        await RegisterAsync("G", Grid, 0, "buyer");
        foreach (var (day, peak) in new[] { (-1, 100), (0, 60), (1, 70) }) await MeterAsync("C", day, 10, peak);
        (await ChargesAsync(0)).ShouldBe("demand 60 = 2280; standing 1 = 30; keeping 1 = 2 by statement-8");
        (await ChargesAsync(1)).ShouldBe("demand 10 = 380; keeping 1 = 2 by statement-8");
    }

    [Fact]
    public async Task What_was_drawn_before_uses_up_no_tier()
    {
        await PriceAsync(TariffTerms.None with
        {
            Prices = [new(AllYear, TariffPeriod.Flat, Direction.Import,
                [new(1000m, TierUnit.Quantity, 0.5m), new(null, TierUnit.Quantity, 0.8m)], null)],
        });
        await RegisterAsync("C", Connector, -1);
        await RegisterAsync("G", Grid, -1);
        await RegisterAsync("G", Grid, 0, "buyer");
        await MeterAsync("C", -1, 200, 200);
        await MeterAsync("C", 0, 4, 8);
        // Its 100 kWh are of the first tier, at 0.5 in the lines of energy; nothing is above it.
        (await ChargesAsync(0)).ShouldBe(" by statement-8");
    }

    /// <summary>A point of another zone than the account's is left out.</summary>
    [Fact]
    public async Task A_point_that_was_left_out_for_its_zone_owes_from_the_day_of_its_account_s_zone_on()
    {
        await PriceAsync(Terms());
        await RegisterAsync("A", Grid, -3);
        await RegisterAsync("C", Grid, -3, zone: "Etc/UTC");
        await RegisterAsync("C", Grid, 0);
        for (var day = -3; day <= 0; day++)
            foreach (var point in (string[])["A", "C"]) await MeterAsync(point, day, 10, day < 0 ? 100 : 60);
        (await ChargesAsync(0)).ShouldBe("keeping 1 = 2; demand 60 = 2280; standing 1 = 30; keeping 1 = 2 by statement-8");
    }

    /// <summary>G is the account's for the second of three days: C was billed its month's fee on the first.</summary>
    [Fact]
    public async Task Days_of_which_nothing_was_settled_count_for_nothing_between_days_that_were()
    {
        await PriceAsync(Terms());
        await RegisterAsync("C", Connector, -1);
        await RegisterAsync("G", Grid, -1, "seller");
        await RegisterAsync("G", Grid, 0);
        await RegisterAsync("G", Grid, 1, "buyer");
        foreach (var (day, peak) in new[] { (-1, 50), (0, 100), (1, 60) })
            foreach (var point in (string[])["C", "G"]) await MeterAsync(point, day, 10, peak);
        (await ChargesAsync(-1)).ShouldBe("demand 50 = 1900; standing 1 = 30; keeping 1 = 2 by statement-1");
        (await ChargesAsync(0)).ShouldBe("demand 100 = 3800; standing 1 = 30; keeping 1 = 2 by statement-1");
        (await ChargesAsync(1)).ShouldBe("demand 10 = 380; keeping 1 = 2 by statement-8");
    }

    [Fact]
    public async Task A_ratchet_keeps_no_peak_that_was_billed_at_another_point()
    {
        await PriceAsync(Terms(DemandRatchet.None with { PercentByMonth = [.. Enumerable.Repeat(80m, 12)] }));
        await RegisterAsync("C", Connector, -2);
        await RegisterAsync("G", Grid, -2);
        await RegisterAsync("G", Grid, -1, "buyer");
        await MeterAsync("C", -2, 10, 100); // the last day of February
        await MeterAsync("C", -1, 10, 60);
        (await ChargesAsync(-1)).ShouldBe("demand 60 = 2280; standing 1 = 30; keeping 1 = 2 by statement-8");
    }

    private const string Facts = """
        {"type":"settlement-point","point":"C","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-02-26T00:00:00+08:00"}
        {"type":"register","point":"C","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.5","exportPerKwh":"0.3"}],"demandCharges":[{"name":"demand","perKw":"38","intervalMinutes":60}],"fees":[{"name":"standing","per":"month","amount":"30"}]}
        {"type":"tariff-assignment","account":"cpo","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    private const string Connection = """
        {"type":"settlement-point","point":"G","station":"S01","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-02-26T00:00:00+08:00"}
        {"type":"settlement-point","point":"G","station":"S01","kind":"gridConnection","owner":"buyer","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-02-27T00:00:00+08:00"}
        """;

    private const string Readings = """
        point,register,read_at,kwh
        C,1.8.0,2026-02-26T00:00:00+08:00,0
        C,1.8.0,2026-02-27T00:00:00+08:00,2400
        C,1.8.0,2026-02-28T00:00:00+08:00,3840

        """;

    /// <summary>
    /// A run of a former program, by which C owed nothing on the day on which it began to be settled. It is verified
    /// and explained by the version that it names; the day run again, and what is booked on the run, say what is due.
    /// A charge rests on all that the account has: the bundle of the statement proves it, and no line alone.
    /// </summary>
    [Fact]
    public async Task A_run_of_before_is_derived_as_it_was_and_corrected()
    {
        using var small = new SmallTown();
        string Done(params string[] args)
        {
            var run = small.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
            return run.Output;
        }
        string Total(string run, string of = "total") =>
            (string)JsonNode.Parse(Done("show", "statement", run, "--json"))![of]!;
        Done("import", small.File("facts.jsonl", Facts));
        Done("import", small.File("readings.csv", Readings));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        Total("R1").ShouldBe("720.00"); // 1440 kWh, less than the day before
        Done("import", small.File("connection.jsonl", Connection));
        await AppendAsync(small, "R1", "OLD");
        Done("verify").ShouldContain("NOT CHECKED: whether 1 runs could be by the rules of statement-1/half-away-with-carry, "
            + "as they say, in place of statement-8/half-away-with-carry, in CNY: they come to 720.00, and by the later rules "
            + "to 3030.00");
        Done("explain", "OLD", "total");
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction",
            "--supersedes", "OLD", "--style", "deltas");
        Total("OLD", "totalWithDeltas").ShouldBe("3030.00");
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        Total("R2").ShouldBe("3030.00"); // and 60 kW at 38, and 30
        Done("explain", "R2", "total");
        Done("explain", "R2#25");
        Done("diff", "OLD", "R2");
        Done("verify");

        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = small.File("proof.zip", "");
        foreach (var run in (string[])["OLD", "R2"])
        {
            Done("bundle", "--statement", run, "--out", zip);
            Done("verify", zip);
            Done("sample", "--lines", "60", "--seed", "a", "--statement", run, "--out", zip);
            Done("verify", zip);
        }
        Done("prove", "R2#24", "--out", zip);
        Done("verify", zip);
        small.Run("prove", "R2#25", "--out", zip).Errors
            .ShouldContain("'ledger bundle --statement R2' proves it with all that it rests on");
        // Whoever has recorded a run by the later rules chooses the earlier ones no more.
        await AppendAsync(small, "R1", "CHOSEN");
        var chosen = small.Run("verify", "--json");
        chosen.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var fault = JsonNode.Parse(chosen.Output)!["faults"]!.AsArray().ShouldHaveSingleItem()!;
        ((string)fault["place"]!).ShouldEndWith(", run CHOSEN");
        ((string)fault["expected"]!).ShouldEndWith("names statement-8/half-away-with-carry already");
    }

    /// <summary>50 kW on the 25th, 100 on the 26th, on which G is the account's, and 60 on the 27th: both arithmetics
    /// of the charges know of no energy on the day between.</summary>
    [Fact]
    public void A_day_between_is_explained()
    {
        using var small = new SmallTown();
        string Done(params string[] args)
        {
            var run = small.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
            return run.Output;
        }
        Done("import", small.File("facts.jsonl", Facts.Replace("2026-02-26", "2026-02-25", StringComparison.Ordinal)));
        Done("import", small.File("connection.jsonl", Connection));
        Done("import", small.File("readings.csv", Readings.Replace("2026-02-26T00:00:00+08:00,0",
            "2026-02-25T00:00:00+08:00,0\nC,1.8.0,2026-02-26T00:00:00+08:00,1200", StringComparison.Ordinal)
            .Replace(",2400", ",3600", StringComparison.Ordinal).Replace(",3840", ",5040", StringComparison.Ordinal)));
        foreach (var (day, total) in new[] { ("25", "2530.00"), ("27", "1100.00") })
        {
            Done("settle", "--account", "cpo", "--day", $"2026-02-{day}", "--run", $"R{day}");
            Done("explain", $"R{day}", "total");
            ((string)JsonNode.Parse(Done("show", "statement", $"R{day}", "--json"))!["total"]!).ShouldBe(total);
        }
        Done("verify");
    }

    private static async Task AppendAsync(SmallTown small, string like, string name)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var ledger = OpenLedger.Open(new SqliteJournalOptions(
            small.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret));
        var run = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
            .OfType<SettlementRunCompleted>().Single(each => each.Run.Value == like) with
        {
            Run = new(name),
            AtPosition = ledger.Journal.Length,
        };
        await ledger.Journal.AppendAsync(Streams.Settlement(run.Account, run.Day), ExpectedRevision.Any,
            [NewFact.At(run, SmallTown.Now, Settlement.KeyOf(run.Run, run.Account, run.Day))], TestFolder.Tester, null,
            ct);
        await ledger.CatchUpAsync(ct);
    }
}
