using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a run would come to is what it comes to, and nothing is recorded by asking.</summary>
public sealed class SettlementPreviewTests
{
    private const string Preview = "/v1/settlement-previews?account=ACME&day=2026-02-27";

    [Fact]
    public async Task A_preview_is_the_run_that_follows_it_and_records_nothing()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        var length = town.Served.Ledger.Journal.Length;
        var preview = await town.GetAsync(key, Preview);
        (preview.Status, preview["beside"], preview["tariff"]).ShouldBe((200, "CR1", "T1"), preview.Text);
        town.Served.Ledger.Journal.Length.ShouldBe(length);
        (await town.PostAsync(key, "/v1/settlement-runs", """{"run":"NEXT","account":"ACME","day":"2026-02-27","kind":"correction","supersedes":"CR1"}"""))
            .Status.ShouldBe(201);
        var runs = (await town.GetAsync(key, "/v1/settlement-runs?account=ACME&day=2026-02-27")).Json.GetProperty("runs")
            .EnumerateArray().ToList();
        var run = runs.Single(row => row.GetProperty("run").GetString() == "NEXT");
        foreach (var (said, ran) in ((string, string)[])[("linesRoot", "linesRoot"), ("total", "total"),
            ("incomplete", "incomplete"), ("tariffVersion", "tariffVersion")])
            preview[said].ShouldBe(run.GetProperty(ran).ToString(), said);
        // 5 kWh of the second piece of the curve at 0.7 are more than CR1, and the deltas on it have booked them.
        (run.GetProperty("changeFromSuperseded").GetString(), preview["changeFromBeside"]).ShouldBe(("3.50", "0.00"));
        var lines = await town.GetAsync(key, $"/v1/statement-lines?run=NEXT&format=csv");
        (await town.GetAsync(key, $"{Preview}&asOf={preview["asOf"]}&format=csv")).Text.ShouldBe(lines.Text);
        // The first quarter hour of the day, as its own clock shows it, and the fifth, which has the second piece.
        var rows = lines.Text.Split("\r\n");
        rows[0].ShouldBe("line,point,direction,start,end,startLocal,period,tariffPeriod,meteredKwh,billedKwh,pricePerKwh,amount,currency,source,quality,problem");
        rows[1].ShouldStartWith("1,G1,import,2026-02-26T16:00:00.000000000Z,2026-02-26T16:15:00.000000000Z,2026-02-27T00:00:00+08:00,1,flat,2.500000000000,2.5,0.7,1.75,CNY,");
        rows[5].ShouldStartWith("5,G1,import,2026-02-26T17:00:00.000000000Z,2026-02-26T17:15:00.000000000Z,2026-02-27T01:00:00+08:00,5,flat,2.500000000000,2.5,0.7,1.75,CNY,");
        // As known when the first run was calculated it is that run.
        var first = runs.Single(row => row.GetProperty("run").GetString() == "R1");
        var then = long.Parse(first.GetProperty("atPosition").GetString()!, System.Globalization.CultureInfo.InvariantCulture) - 1;
        var before = await town.GetAsync(key, $"{Preview}&asOf={then}");
        (before["linesRoot"], before["beside"]).ShouldBe((first.GetProperty("linesRoot").GetString(), ""));
    }

    /// <summary>What is booked on the run that holds counts: a preview after deltas says what is due beyond them, and
    /// not once more what they booked.</summary>
    [Fact]
    public async Task A_preview_is_compared_with_what_holds_and_not_with_the_run_alone()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        var deltas = AccessTown.Own.In("{deltas}");
        var preview = await town.GetAsync(key, Preview);
        (preview["beside"], preview["besideTotal"], preview["changeFromBeside"]).ShouldBe(("CR1", preview["total"], "0.00"));
        preview.Json.GetProperty("besideCorrections").EnumerateArray().Single().GetString().ShouldBe(deltas);
        // As of before they were booked they are not there.
        var booked = (await town.GetAsync(key, "/v1/run-deltas")).Json.GetProperty("deltas").EnumerateArray()
            .Single(row => row.GetProperty("run").GetString() == deltas).GetProperty("position").GetString()!;
        var then = await town.GetAsync(key,
            $"{Preview}&asOf={long.Parse(booked, System.Globalization.CultureInfo.InvariantCulture) - 1}");
        (then["changeFromBeside"], then.Json.GetProperty("besideCorrections").GetArrayLength()).ShouldBe(("3.50", 0));
    }

    [Fact]
    public async Task Whoever_may_not_have_a_day_run_sees_no_preview_of_it()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        foreach (var (role, path, status, name) in ((Role, string, int, string)[])
        [
            (Role.ChargingOperator, Preview.Replace("ACME", "BETA"), 404, "NotReached"),
            (Role.GridOperator, Preview, 404, "NotReached"), (Role.Auditor, Preview, 403, "NotAuthorised"),
            (Role.Station, Preview, 403, "NotAuthorised"), (Role.ChargingOperator, "/v1/settlement-previews?account=ACME", 400, "MissingField"),
            (Role.ChargingOperator, Preview.Replace("2026-02-27", "2020-01-01"), 422, "UnknownSettlementPoint"),
        ])
        {
            var answer = await town.GetAsync(town.Key(role), path);
            (answer.Status, answer["name"]).ShouldBe((status, name), answer.Text);
        }
    }

    /// <summary>What is to be paid is the run with what is booked on it; of a run that is credited it is nothing.
    /// </summary>
    [Fact]
    public async Task The_day_page_counts_what_is_booked_on_the_run_that_holds()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        (await town.GetAsync(key, "/?day=2026-02-27")).Text.ShouldNotContain("<b>0.00</b> CNY");
        var credit = await town.PostAsync(key, "/v1/settlement-runs",
            """{"run":"BACK","account":"ACME","day":"2026-02-27","kind":"correction","supersedes":"CR1","style":"credit"}""");
        credit.Status.ShouldBe(201, credit.Text);
        var page = (await town.GetAsync(key, "/?day=2026-02-27")).Text;
        page.ShouldContain("<b>0.00</b> CNY");
        page.ShouldContain("credit on CR1");
    }
}
