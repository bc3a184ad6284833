using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Whose a point is has one answer, by time, for who writes, who reads and who is settled.</summary>
public sealed class AccessOwnershipTests
{
    private const string Points = "/v1/settlement-points";
    private const string Outage =
        """{"point":"CP1","start":"2026-02-01T10:00:00Z","end":"2026-02-01T12:00:00Z","source":"csms"}""";

    private static string Point(string owner, string from, int kw = 1000, string point = "CP1", string station = "S1") =>
        $$"""{"type":"settlement-point","point":"{{point}}","station":"{{station}}","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":{{kw}},"bidirectional":true,"validFrom":"{{from}}T00:00:00Z"}""";

    private sealed record Sale(AccessTown Town, AccessKeyText Acme, AccessKeyText Beta) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Town.DisposeAsync();

        public async Task<int> PointsOfAsync(AccessKeyText key, string query = "") =>
            (await Town.GetAsync(key, Points + query)).Json.GetProperty("points").GetArrayLength();
    }

    /// <summary>CP1 is ACME's from January; what happens to it then is the test's.</summary>
    private static async Task<Sale> StartAsync()
    {
        var town = await AccessTown.StartAsync();
        await town.RecordAsync(Point("ACME", "2026-01-01"), "ACME");
        return new(town, town.Key(Role.ChargingOperator), await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []));
    }

    [Fact]
    public async Task Nobody_registers_a_point_into_the_time_of_another_owner()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        await town.RecordAsync(Point("BETA", "2026-02-01"));
        (await town.PostAsync(beta, Points, Point("BETA", "2026-01-01")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(beta, Points, Point("BETA", "2025-12-01")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(beta, Points, Point("BETA", "2026-01-31")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(acme, Points, Point("ACME", "2026-01-15")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(acme, Points, Point("ACME", "2026-03-15")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(beta, Points, Point("BETA", "2026-02-01", kw: 900))).Status.ShouldBe(201);
        (await town.PostAsync(beta, Points, Point("BETA", "2026-02-15", kw: 800))).Status.ShouldBe(201);
    }

    /// <summary>What an operator bills stays its own until the day of the sale.</summary>
    [Fact]
    public async Task A_sale_to_come_hides_no_charge_record_before_its_day()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        await town.TakeAsync("charge-record", """{"country_code":"CN","party_id":"ABC","id":"X1","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T12:00:00Z","cdr_token":{"uid":"#NA","contract_id":"#NA"},"cdr_location":{"evse_id":"CP1"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}""", "ACME");
        await town.RecordAsync(Point("BETA", "2026-03-10"));
        async Task<(int, int)> SeenAsync(AccessKeyText key) => (
            (await town.GetAsync(key, "/v1/ocpi/cdrs")).Json.GetProperty("data").GetArrayLength(),
            (await town.GetAsync(key, "/v1/ocpi/cdrs/X1")).Status);
        (await SeenAsync(acme), await SeenAsync(beta)).ShouldBe(((1, 200), (0, 404)));
        town.Served.Clock.Now += Duration.FromDays(10);
        (await SeenAsync(acme), await SeenAsync(beta)).ShouldBe(((0, 404), (1, 200)));
    }

    [Fact]
    public async Task What_the_former_owner_recorded_for_later_ends_with_the_sale()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        (await town.PostAsync(acme, Points, Point("ACME", "2026-03-10", kw: 900))).Status.ShouldBe(201);
        await town.RecordAsync(Point("BETA", "2026-02-01"));
        (await sale.PointsOfAsync(acme), await sale.PointsOfAsync(beta)).ShouldBe((0, 1));
        town.Served.Clock.Now += Duration.FromDays(10);
        (await sale.PointsOfAsync(acme), await sale.PointsOfAsync(beta)).ShouldBe((0, 1));
        (await town.PostAsync(acme, "/v1/outages", Outage)).Status.ShouldBe(404);
        (await town.PostAsync(beta, "/v1/outages", Outage)).Status.ShouldBe(201);
        var ledger = town.Served.Ledger;
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        var facts = await SettlementFacts.GatherAsync(ledger.Journal, ledger.Views, new("ACME"),
            new LocalDate(2026, 3, 11), ledger.Journal.Length, TestContext.Current.CancellationToken);
        facts.LeftOut.ShouldHaveSingleItem().WhyNot.ShouldBe("BETA owns it on that day");
    }

    [Fact]
    public async Task A_position_of_before_the_sale_opens_nothing_to_who_sold_and_all_to_who_bought()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        var before = town.Served.Ledger.Journal.Length - 1;
        await town.RecordAsync(Point("BETA", "2026-02-01"));
        string Curve(string asOf) =>
            $"/v1/curves?point=CP1&start=2026-01-26T16:00:00Z&end=2026-01-26T17:00:00Z{asOf}";
        (await town.GetAsync(acme, Curve(""))).Status.ShouldBe(404);
        (await town.GetAsync(acme, Curve($"&asOf={before}"))).Status.ShouldBe(404);
        (await town.GetAsync(beta, Curve($"&asOf={before}"))).Status.ShouldBe(200);
        (await sale.PointsOfAsync(acme, $"?asOf={before}"), await sale.PointsOfAsync(beta, $"?asOf={before}"))
            .ShouldBe((0, 1));
    }

    [Fact]
    public async Task A_sale_to_come_changes_nothing_before_its_day()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        await town.RecordAsync(Point("BETA", "2026-03-10"));
        (await sale.PointsOfAsync(acme), await sale.PointsOfAsync(beta)).ShouldBe((1, 0));
        (await town.PostAsync(beta, "/v1/outages", Outage)).Status.ShouldBe(404);
        (await town.PostAsync(acme, "/v1/outages", Outage)).Status.ShouldBe(201);
        // Neither comes behind the connection of the other.
        (await town.PostAsync(acme, Points, Point("ACME", "2026-01-01", point: "CP7"))).Status.ShouldBe(404);
        (await town.PostAsync(beta, Points, Point("BETA", "2026-01-01", point: "CP8"))).Status.ShouldBe(404);
        town.Served.Clock.Now = Instant.FromUtc(2026, 3, 10, 0, 0) - Duration.Epsilon;
        (await sale.PointsOfAsync(acme), await sale.PointsOfAsync(beta)).ShouldBe((1, 0));
        town.Served.Clock.Now += Duration.Epsilon;
        (await sale.PointsOfAsync(acme), await sale.PointsOfAsync(beta)).ShouldBe((0, 1));
        (await town.PostAsync(acme, "/v1/outages", Outage.Replace("csms", "other"))).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_point_that_begins_later_is_set_up_by_its_owner_before()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        (await town.PostAsync(acme, Points, Point("ACME", "2026-06-01", point: "CP3", station: "S3"))).Status
            .ShouldBe(201);
        const string register =
            """{"point":"CP3","direction":"import","meterSerial":"M3","digits":9,"decimals":3,"validFrom":"2026-06-01T00:00:00Z"}""";
        (await town.PostAsync(beta, "/v1/registers", register)).Status.ShouldBe(404);
        (await town.PostAsync(acme, "/v1/registers", register)).Status.ShouldBe(201);
    }

    [Fact]
    public async Task A_quarantined_reading_is_released_by_whose_point_it_is_now()
    {
        await using var sale = await StartAsync();
        var (town, acme, beta) = sale;
        await town.RecordAsync(Point("ACME", "2026-01-01", point: "CP2", station: "S2"), "ACME");
        var held = new List<long>();
        foreach (var point in new[] { "CP1", "CP2" })
        {
            await town.TakeAsync("register", $$"""{"point":"{{point}}","direction":"import","meterSerial":"M{{point}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""", "ACME");
            foreach (var (day, kwh) in new[] { ("01", "10.000"), ("02", "5.000") })
                await town.TakeAsync("register-reading", $$"""{"point":"{{point}}","direction":"import","readAt":"2026-02-{{day}}T00:00:00Z","kwh":"{{kwh}}"}""", "ACME");
            var last = town.Served.Ledger.Journal.Length - 1;
            EventCodec.Decode((await TestFolder.AllAsync(town.Served.Ledger.Journal))[(int)last])
                .ShouldBeOfType<RegisterReadingQuarantined>();
            held.Add(last);
        }
        string Release(long position, string by) =>
            $$"""{"position":"{{position}}","by":"{{by}}","reason":"looked at"}""";
        var limited = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", ["S1"]);
        (await town.PostAsync(limited, "/v1/refusal-releases", Release(held[1], "kim")))["name"].ShouldBe("NotReached");
        await town.RecordAsync(Point("BETA", "2026-03-01"));
        (await town.PostAsync(acme, "/v1/refusal-releases", Release(held[0], "ChargingOperator-1")))["name"]
            .ShouldBe("NotReached");
        // It still decreases, so the rule that quarantined it speaks, and not that of whose it is.
        (await town.PostAsync(beta, "/v1/refusal-releases", Release(held[0], "lee")))["name"].ShouldBe("ChangeOfBasis");
        (await town.PostAsync(acme, "/v1/refusal-releases", Release(held[1], "ChargingOperator-1")))["name"]
            .ShouldBe("ChangeOfBasis");
    }
}
