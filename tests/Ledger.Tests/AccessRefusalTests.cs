using System.Text.Json;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Whoever hands in evidence sees what of it was refused, and of nobody else's that there is any.</summary>
public sealed class AccessRefusalTests
{
    private static List<JsonElement> RowsOf(Answer answer) =>
        [.. answer.Json.GetProperty("refusals").EnumerateArray()];

    private static string? Of(JsonElement row, string member) => row.GetProperty(member).ToString();

    /// <summary>A reading of a register that is not there, handed in by a key.</summary>
    private static async Task<string> RefuseAsync(AccessTown town, Api.Access.AccessKeyText key, string body)
    {
        var refused = await town.PostAsync(key, "/v1/register-readings", body);
        refused.Status.ShouldBe(422, refused.Text);
        return body;
    }

    private static string Reading(AccessTown.Side side, string direction) => side.In(
        $$"""{"point":"{point}","direction":"{{direction}}","readAt":"2026-02-26T16:00:00Z","kwh":"1.000"}""");

    private static async Task<AccessTown> WithPointsAsync()
    {
        var town = await AccessTown.StartAsync();
        foreach (var side in (AccessTown.Side[])[AccessTown.Own, AccessTown.Foreign])
            await town.TakeAsync("settlement-point", side.In(AccessRequests.Posts[0].Body), side.Account);
        return town;
    }

    [Fact]
    public async Task An_operator_sees_what_was_refused_of_its_own_and_nothing_of_others()
    {
        await using var town = await WithPointsAsync();
        var (acme, beta) = (town.Key(Role.ChargingOperator), await town.GiveAsync("bob", Role.ChargingOperator, "BETA", []));
        var first = await RefuseAsync(town, acme, Reading(AccessTown.Own, "import"));
        await RefuseAsync(town, beta, Reading(AccessTown.Foreign, "import"));
        await RefuseAsync(town, acme, Reading(AccessTown.Own, "export"));
        var own = RowsOf(await town.GetAsync(acme, "/v1/refusals"));
        own.Select(row => (Of(row, "party"), Of(row, "standing"), Of(row, "name")))
            .ShouldBe([("ACME", "refused", "UnknownRegister"), ("ACME", "refused", "UnknownRegister")]);
        var theirs = RowsOf(await town.GetAsync(beta, "/v1/refusals")).ShouldHaveSingleItem();
        Of(theirs, "party").ShouldBe("BETA");
        RowsOf(await town.GetAsync(town.Key(Role.Auditor), "/v1/refusals")).Select(row => Of(row, "party"))
            .ShouldBe(["ACME", "BETA", "ACME"]);
        // One by one, with the bytes that were handed in.
        var one = await town.GetAsync(acme, $"/v1/refusals/{Of(own[0], "position")}");
        (one.Status, one["content"], one["contentStanding"]).ShouldBe((200, first, "text"));
        var foreign = await town.GetAsync(acme, $"/v1/refusals/{Of(theirs, "position")}");
        var missing = await town.GetAsync(acme, "/v1/refusals/0");
        (foreign.Status, foreign["name"], foreign["detail"]!.Replace(Of(theirs, "position")!, "0", StringComparison.Ordinal))
            .ShouldBe((404, missing["name"]!, missing["detail"]!));
    }

    [Fact]
    public async Task They_are_found_by_page_rule_position_and_as_they_were()
    {
        await using var town = await WithPointsAsync();
        var acme = town.Key(Role.ChargingOperator);
        await RefuseAsync(town, acme, Reading(AccessTown.Own, "import"));
        await RefuseAsync(town, acme, Reading(AccessTown.Own, "export"));
        (await town.PostAsync(acme, "/v1/outages", """{"point":"CP1"}""")).Status.ShouldBe(422);
        var all = RowsOf(await town.GetAsync(acme, "/v1/refusals"));
        all.Count.ShouldBe(3);
        var page = await town.GetAsync(acme, "/v1/refusals?limit=2");
        RowsOf(page).Count.ShouldBe(2);
        var rest = await town.GetAsync(acme, $"/v1/refusals?cursor={page["next"]}");
        (Of(RowsOf(rest).ShouldHaveSingleItem(), "name"), rest["next"]).ShouldBe(("MissingField", ""));
        RowsOf(await town.GetAsync(acme, "/v1/refusals?code=MissingField")).Count.ShouldBe(1);
        RowsOf(await town.GetAsync(acme, $"/v1/refusals?from={Of(all[1], "position")}")).Count.ShouldBe(2);
        RowsOf(await town.GetAsync(acme, $"/v1/refusals?asOf={Of(all[0], "position")}")).Count.ShouldBe(1);
        (await town.GetAsync(acme, "/v1/refusals?format=csv")).Text.Split("\r\n")[0]
            .ShouldBe("position,recordedAt,standing,source,code,name,detail,evidence,bytes,party");
        var (one, asOf) = ($"/v1/refusals/{Of(all[0], "position")}", town.Served.Ledger.Journal.Length - 1);
        // What is released stands so for whoever handed it in too.
        var release = $$"""{"position":"{{Of(all[0], "position")}}","by":"ChargingOperator-1","reason":"looked at"}""";
        (await town.PostAsync(acme, "/v1/refusal-releases", release)).Status.ShouldBe(201);
        Of(RowsOf(await town.GetAsync(acme, "/v1/refusals"))[0], "standing").ShouldBe("released");
        var (now, then) = (await town.GetAsync(acme, one), await town.GetAsync(acme, $"{one}?asOf={asOf}"));
        (Of(now.Json.GetProperty("refusal"), "standing"), now["releasedBy"]).ShouldBe(("released", "ChargingOperator-1"));
        (Of(then.Json.GetProperty("refusal"), "standing"), then["releasedBy"]).ShouldBe(("refused", ""));
    }

    /// <summary>More than a first look shows: a file has all of them whoever names its form, and the pages have each
    /// once.</summary>
    [Fact]
    public async Task A_table_of_very_many_has_all_of_them_in_every_way_to_ask()
    {
        await using var town = await WithPointsAsync();
        var acme = town.Key(Role.ChargingOperator);
        (await town.PostAsync(acme, "/v1/imports?name=many.csv", "point,register,read_at,kwh\n" + string.Concat(
            Enumerable.Range(0, 1001).Select(row => $"CP1,1.8.0,never {row},1.000\n"))))["refused"].ShouldBe("1001");
        var first = await town.GetAsync(acme, "/v1/refusals");
        (RowsOf(first).Count, first["next"]).ShouldBe((1000, Of(RowsOf(
            await town.GetAsync(acme, $"/v1/refusals?from={first["next"]}")).ShouldHaveSingleItem(), "position")));
        foreach (var key in (Api.Access.AccessKeyText[])[acme, town.Key(Role.Auditor)])
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/refusals");
            request.Headers.Authorization = new("Bearer", key.Shown);
            request.Headers.Accept.ParseAdd("text/csv");
            using var file = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
            var csv = await file.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            csv.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(1002);
            csv.ShouldBe((await town.GetAsync(key, "/v1/refusals?format=csv")).Text);
            var (seen, path) = (new List<string?>(), (string?)"/v1/refusals?limit=400");
            while (path is not null)
            {
                var page = await town.GetAsync(key, path);
                seen.AddRange(RowsOf(page).Select(row => Of(row, "position")));
                path = page["next"] is { Length: > 0 } next ? $"/v1/refusals?limit=400&cursor={next}" : null;
            }
            (seen.Count, seen.Distinct().Count()).ShouldBe((1001, 1001));
        }
    }

    /// <summary>Nothing says which station refused bytes are about, so whoever is limited to some sees none; who
    /// bundles stations of others sees what it handed in itself.</summary>
    [Fact]
    public async Task A_key_of_some_stations_sees_none_and_who_bundles_sees_its_own()
    {
        await using var town = await WithPointsAsync();
        var limited = await town.GiveAsync("ann", Role.ChargingOperator, "ACME", ["S1"]);
        await RefuseAsync(town, limited, Reading(AccessTown.Own, "import"));
        RowsOf(await town.GetAsync(limited, "/v1/refusals")).ShouldBeEmpty();
        RowsOf(await town.GetAsync(town.Key(Role.ChargingOperator), "/v1/refusals")).Count.ShouldBe(1);
        var (aggregator, grid) = (town.Key(Role.Aggregator), town.Key(Role.GridOperator));
        (await town.PostAsync(aggregator, "/v1/outages", """{"point":"CP1"}""")).Status.ShouldBe(422);
        (await town.PostAsync(grid, "/v1/standing-limits", """{"point":"CP1"}""")).Status.ShouldBe(422);
        Of(RowsOf(await town.GetAsync(aggregator, "/v1/refusals")).ShouldHaveSingleItem(), "party").ShouldBe("AGG");
        Of(RowsOf(await town.GetAsync(grid, "/v1/refusals")).ShouldHaveSingleItem(), "party").ShouldBe("GRID");
        foreach (var role in (Role[])[Role.Station, Role.Administrator])
            (await town.GetAsync(town.Key(role), "/v1/refusals")).Status.ShouldBe(403);
    }
}
