using System.Net.Http.Headers;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A retry is recognised and nothing else is taken for one; what is told live is told by what holds now.
/// </summary>
public sealed class AccessRetryTests
{
    private const string Points = "/v1/settlement-points";

    private static string Point(string owner = "ACME", string from = "2026-01-01", int kw = 1000, int number = 1) =>
        $$"""{"type":"settlement-point","point":"CP{{number}}","station":"S{{number}}","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":{{kw}},"bidirectional":true,"validFrom":"{{from}}T00:00:00Z"}""";

    [Fact]
    public async Task Two_stations_of_one_operator_count_their_keys_each_for_itself()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var number in new[] { 1, 2 })
        {
            await town.RecordAsync(Point(number: number), "ACME");
            await town.TakeAsync("register", $$"""{"point":"CP{{number}}","direction":"import","meterSerial":"M{{number}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""", "ACME");
            var station = await town.GiveAsync($"st-{number}", Role.Station, "ACME", [$"S{number}"]);
            var reading = $$"""{"point":"CP{{number}}","direction":"import","readAt":"2026-02-26T16:00:00Z","kwh":"{{number}}.000"}""";
            (await town.PostAsync(station, "/v1/register-readings", reading, "1")).Status.ShouldBe(201, $"{number}");
            (await town.PostAsync(station, "/v1/register-readings", reading.Replace(".000", ".001"), "1")).Status
                .ShouldBe(422, $"{number}");
        }
    }

    [Fact]
    public async Task A_late_retry_undoes_no_correction_and_another_time_is_another_fact()
    {
        await using var town = await AccessTown.StartAsync();
        var acme = town.Key(Role.ChargingOperator);
        (await town.PostAsync(acme, Points, Point(kw: 1000))).Status.ShouldBe(201);
        (await town.PostAsync(acme, Points, Point(kw: 900))).Status.ShouldBe(201);
        (await town.PostAsync(acme, Points, Point(kw: 1000))).Status.ShouldBe(200);
        (await town.GetAsync(acme, Points)).Json.GetProperty("points")[0].GetProperty("ratedMilliwatts").ToString()
            .ShouldBe("900000000");
        (await town.PostAsync(acme, Points, Point(kw: 900, from: "2026-02-01"))).Status.ShouldBe(201);
        (await town.PostAsync(acme, Points, Point(kw: 900, from: "2026-02-01"))).Status.ShouldBe(200);
    }

    [Fact]
    public async Task The_same_bytes_about_another_person_or_sent_at_another_time_are_another_request()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        const string text = "point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,2.000\n";
        Task<Answer> ImportAsync(string header, string value) =>
            served.PostAsync("/v1/imports?name=readings.csv", text, "k1", (header, value));
        (await ImportAsync("Ledger-Subject", "Ada"))["recorded"].ShouldBe("1");
        (await ImportAsync("Ledger-Subject", "Ada"))["recorded"].ShouldBe("1");
        (await ImportAsync("Ledger-Subject", "Bob")).Status.ShouldBe(422);
        (await ImportAsync("Ledger-Sent-At", "2026-02-01T00:00:00Z")).Status.ShouldBe(422);
    }

    /// <summary>Rows stand still as of the first page, and whose a point is does not.</summary>
    [Fact]
    public async Task Pages_of_what_is_reached_no_more_begin_again_and_leave_no_row_out()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var number in new[] { 1, 3, 4, 5 }) await town.RecordAsync(Point(number: number), "ACME");
        var (acme, auditor) = (town.Key(Role.ChargingOperator), town.Key(Role.Auditor));
        var (own, all) = (await PageAsync(acme), await PageAsync(auditor));
        FirstOf(await town.GetAsync(acme, own.Next)).ShouldBe("CP3");
        // What is sold behind the page is on no page any more, and nothing else is left out.
        await town.RecordAsync(Point(owner: "BETA", from: "2026-02-01", number: 4));
        var second = await town.GetAsync(acme, own.Next);
        FirstOf(second).ShouldBe("CP3");
        FirstOf(await town.GetAsync(acme, $"{Points}?limit=1&cursor={second["next"]}")).ShouldBe("CP5");
        // Before it, it would move what is behind.
        await town.RecordAsync(Point(owner: "BETA", from: "2026-02-01"));
        var moved = await town.GetAsync(acme, own.Next);
        (moved.Status, moved["detail"]).ShouldBe(
            (400, "what you reach has changed since the page before this one; begin again without cursor"));
        (await PageAsync(acme)).Point.ShouldBe("CP3");
        FirstOf(await town.GetAsync(auditor, all.Next)).ShouldBe("CP3");
        // And who has bought some has one row less before its own, once one is sold back.
        await town.RecordAsync(Point(owner: "BETA", number: 2), "BETA");
        var beta = await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []);
        var theirs = await PageAsync(beta, skip: 1);
        theirs.Point.ShouldBe("CP2");
        await town.RecordAsync(Point(owner: "ACME", from: "2026-02-02"));
        (await town.GetAsync(beta, theirs.Next)).Status.ShouldBe(400);

        async Task<(string Point, string Next)> PageAsync(Api.Access.AccessKeyText key, int skip = 0)
        {
            var page = await town.GetAsync(key, $"{Points}?limit=1");
            for (var i = 0; i < skip; i++) page = await town.GetAsync(key, $"{Points}?limit=1&cursor={page["next"]}");
            return (FirstOf(page), $"{Points}?limit=1&cursor={page["next"]}");
        }

        static string FirstOf(Answer page) => page.Json.GetProperty("points")[0].GetProperty("point").GetString()!;
    }

    [Fact]
    public async Task Who_sold_the_point_of_an_order_hears_no_more_of_it_and_nobody_asks_for_a_past_reach()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAsync(Point(), "ACME");
        await town.TakeAsync("instruction",
            AccessTown.Own.In(AccessRequests.Posts.Single(post => post.Operation == "instruction").Body), "GRID");
        var acme = town.Key(Role.ChargingOperator);
        var before = town.Served.Ledger.Journal.Length - 1;
        (await town.GetAsync(acme, $"/v1/instruction-events?instruction=I1&asOf={before}")).Status.ShouldBe(400);
        var ct = TestContext.Current.CancellationToken;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/instruction-events?instruction=I1");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", acme.Shown);
        using var response = await town.Served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        using var events = new StreamReader(await response.Content.ReadAsStreamAsync(ct));
        (await events.ReadLineAsync(ct)).ShouldBe($"id: {before}");
        await town.RecordAsync(Point(owner: "BETA", from: "2026-02-01"));
        // Within half a second it is asked again whose the targets are, and then it ends.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(TimeSpan.FromMinutes(2));
        (await events.ReadToEndAsync(patience.Token)).ShouldNotContain("\nid:");
        await town.TakeAsync("instruction-clock",
            """{"instruction":"I1","point":"CP1","clock":"received","at":"2026-03-01T09:00:02Z","source":"csms"}""", "BETA");
        (await town.GetAsync(acme, "/v1/instruction-events?instruction=I1")).Status.ShouldBe(404);
    }
}
