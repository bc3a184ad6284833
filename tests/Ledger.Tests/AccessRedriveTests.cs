using System.Text;
using System.Text.Json;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What was refused comes back in its sender's name alone, and a refusal says nothing of what is not his.
/// </summary>
public sealed class AccessRedriveTests
{
    private const string Redrives = "/v1/redrives";

    /// <summary>A value of the meter of a side, without a signature that could be judged.</summary>
    private static string Signed(AccessTown.Side side) => side.In(
        """OCMF|{"FV":"1.0","PG":"T1","MS":"{meter}","RD":[{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}|{"SA":"ECDSA-secp256r1-SHA256","SD":"00"}""");

    private static string Reading(string kwh) =>
        $$"""{"point":"CP2","direction":"import","readAt":"2026-02-26T16:00:00Z","kwh":"{{kwh}}"}""";

    private static Task InstallAsync(AccessTown town, AccessTown.Side side, string operation) => town.TakeAsync(
        operation, side.In(AccessRequests.Posts.Single(post => post.Operation == operation).Body), side.Account);

    private static async Task<JsonElement> RedriveAsync(AccessTown town, Rejection code)
    {
        var token = await File.ReadAllTextAsync(
            Path.Combine(town.Served.Options.Directory, OpenLedger.TokenFileName),
            TestContext.Current.CancellationToken);
        var answer = await town.SendAsync(HttpMethod.Post, token, Redrives,
            Encoding.UTF8.GetBytes($$"""{"code":"{{code}}","by":"staff-7","reason":"it is installed now"}"""));
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json.GetProperty("redrives")[0];
    }

    [Fact]
    public async Task A_foreign_register_is_answered_alike_whether_it_is_installed_or_not_and_nothing_is_kept()
    {
        await using var town = await AccessTown.StartAsync();
        var acme = town.Key(Role.ChargingOperator);
        var answers = new List<Answer> { await town.PostAsync(acme, "/v1/register-readings", Reading("1.000")) };
        await InstallAsync(town, AccessTown.Foreign, "settlement-point");
        answers.Add(await town.PostAsync(acme, "/v1/register-readings", Reading("1.000")));
        await InstallAsync(town, AccessTown.Foreign, "register");
        foreach (var kwh in new[] { "1.000", "1.0001", "100000000000000000" })
            answers.Add(await town.PostAsync(acme, "/v1/register-readings", Reading(kwh)));
        answers.Add(await town.PostAsync(acme, "/v1/imports?name=a.csv",
            "point,register,read_at,kwh\nCP2,1.8.0,2026-02-26T16:00:00Z,1.0001\n"));
        answers[..^1].Select(answer => (answer.Status, answer["name"], answer["detail"])).Distinct()
            .ShouldBe([(404, "NotReached", "there is no such settlement point, or it is not yours")]);
        answers[^1].Json.GetProperty("uncounted")[0].GetProperty("code").GetInt32().ShouldBe((int)Rejection.NotReached);
        var facts = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode);
        facts.ShouldNotContain(fact => fact is EvidenceRefused || fact is RegisterReadingRecorded);
        // Its own operator is told why, and may bring it back.
        var beta = await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []);
        (await town.PostAsync(beta, "/v1/register-readings", Reading("1.0001")))["name"].ShouldBe("OutOfRange");
    }

    [Fact]
    public async Task A_signed_value_of_a_foreign_meter_never_counts_and_one_of_an_own_one_is_its_senders()
    {
        await using var town = await AccessTown.StartAsync();
        var acme = town.Key(Role.ChargingOperator);
        Task<Answer> ImportAsync(AccessTown.Side side) => town.PostAsync(acme, "/v1/imports?name=v.ocmf", Signed(side));
        string Said(Answer answer) => answer.Json.GetProperty("uncounted").ToString();
        var (unknown, own) = (await ImportAsync(AccessTown.Foreign), await ImportAsync(AccessTown.Own));
        unknown.Json.GetProperty("uncounted")[0].GetProperty("code").GetInt32()
            .ShouldBe((int)Rejection.UnknownRegister);
        Said(own).ShouldContain("M1");
        foreach (var side in new[] { AccessTown.Own, AccessTown.Foreign })
        {
            await InstallAsync(town, side, "settlement-point");
            await InstallAsync(town, side, "register");
        }
        Said(await ImportAsync(AccessTown.Foreign)).ShouldBe(Said(unknown));
        await RedriveAsync(town, Rejection.UnknownRegister);
        var counted = (await TestFolder.AllAsync(town.Served.Ledger.Journal))
            .Where(recorded => EventCodec.Decode(recorded) is RegisterReadingRecorded).ShouldHaveSingleItem();
        ((RegisterReadingRecorded)EventCodec.Decode(counted)).Register.Point.ShouldBe(new("CP1"));
        (counted.Envelope.Actor, counted.Envelope.Tenant).ShouldBe(("ChargingOperator-1", new PartyId("ACME")));
    }

    /// <summary>An address is answered in any case and with a stroke at its end, and what was posted there is a fact of
    /// that resource all the same, also where a ledger of before has kept the address as it came.</summary>
    [Fact]
    public async Task What_was_posted_in_another_spelling_of_the_address_is_taken_again_as_what_it_was()
    {
        await using var town = await AccessTown.StartAsync();
        await InstallAsync(town, AccessTown.Own, "settlement-point");
        static string Of(int hour) => $$"""{"point":"CP1","direction":"import","readAt":"2026-02-26T1{{hour}}:00:00Z","kwh":"1.000"}""";
        foreach (var (path, hour) in ((string, int)[])[("/v1/register-readings/", 6), ("/v1/Register-Readings", 7)])
            (await town.PostAsync(town.Key(Role.ChargingOperator), path, Of(hour)))["name"].ShouldBe("UnknownRegister");
        var sender = Roles.Principal("ChargingOperator-1", Role.ChargingOperator, new("ACME"), []);
        await town.Served.Ledger.Recorder.RefuseAsync(Rejection.UnknownRegister, "there is none",
            new Submission(Encoding.UTF8.GetBytes(Of(8)), "/V1/register-readings/"), sender, TestContext.Current.CancellationToken);
        await InstallAsync(town, AccessTown.Own, "register");
        await RedriveAsync(town, Rejection.UnknownRegister);
        var facts = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode);
        facts.OfType<RegisterReadingRecorded>().Count().ShouldBe(3);
        facts.OfType<EvidenceRefused>().Take(2).ShouldAllBe(refused => refused.Source == "/v1/register-readings");
    }

    [Fact]
    public async Task A_station_reaches_by_a_refusal_no_other_station_of_its_operator()
    {
        await using var town = await AccessTown.StartAsync();
        var side = new AccessTown.Side("ACME", "GRID", 2); // CP2 at S2, with the meter M2
        (await town.PostAsync(town.Key(Role.Station), "/v1/imports?name=v.ocmf", Signed(side))).Status.ShouldBe(200);
        await town.TakeAsync("settlement-point", AccessRequests.Posts[0].Body.Replace("{owner}", "ACME")
            .Replace("{point}", "CP2").Replace("{station}", "S2"), "ACME");
        await InstallAsync(town, side, "register");
        (await RedriveAsync(town, Rejection.UnknownRegister)).GetProperty("recorded").GetInt32().ShouldBe(0);
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode)
            .ShouldNotContain(fact => fact is RegisterReadingRecorded);
    }

    [Fact]
    public async Task No_refusal_becomes_an_access_key_and_no_file_bears_the_name_of_a_resource()
    {
        await using var town = await AccessTown.StartAsync();
        const string Key =
            """
            {
            "key":"evil","secretSha256":"1111111111111111111111111111111111111111111111111111111111111111","holder":"eve",
            "role":"administrator","party":"office","expires":"2026-03-20T00:00:00Z"}
            """;
        foreach (var name in new[] { "/v1/access-keys", "/v1" })
            (await town.PostAsync(town.Key(Role.ChargingOperator), $"/v1/imports?name={name}", Key)).Status
                .ShouldBe(400, name);
        // As a ledger of before may have kept it.
        var sender = Roles.Principal("ChargingOperator-1", Role.ChargingOperator, new("ACME"), []);
        await town.Served.Ledger.Recorder.RefuseAsync(Rejection.MissingField, "type is needed",
            new Submission(Encoding.UTF8.GetBytes(Key), "/v1/access-keys"), sender, TestContext.Current.CancellationToken);
        (await RedriveAsync(town, Rejection.MissingField)).GetProperty("name").GetString().ShouldBe("NotAuthorised");
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode)
            .OfType<AccessKeyIssued>().ShouldNotContain(issued => issued.Holder == "eve");
    }

    [Fact]
    public async Task What_was_kept_of_a_foreign_register_before_this_was_asked_never_counts()
    {
        await using var town = await AccessTown.StartAsync();
        var sender = Roles.Principal("ChargingOperator-1", Role.ChargingOperator, new("ACME"), []);
        await town.Served.Ledger.Recorder.RefuseAsync(Rejection.UnknownRegister, "not installed",
            new Submission(Encoding.UTF8.GetBytes(Reading("1.000")), "/v1/register-readings"), sender,
            TestContext.Current.CancellationToken);
        await InstallAsync(town, AccessTown.Foreign, "settlement-point");
        await InstallAsync(town, AccessTown.Foreign, "register");
        (await RedriveAsync(town, Rejection.UnknownRegister)).GetProperty("name").GetString().ShouldBe("NotReached");
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode)
            .ShouldNotContain(fact => fact is RegisterReadingRecorded);
    }
}
