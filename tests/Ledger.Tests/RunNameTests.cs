using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Two accounts have a run of the same name for the same day, which is theirs to give: no verb chooses one of them,
/// each takes the one whose account is said, and nobody is told of the other's.
/// </summary>
public sealed class RunNameTests : IDisposable
{
    private const string Run = "R1";
    private const string Both = $"{Run}: several runs are called so: of cpo on {ChargeTown.Day}, of rival on {ChargeTown.Day}; "
        + "say account, or account and day";

    private readonly ChargeTown town = new();

    public RunNameTests()
    {
        town.Done("import", town.File("rival.jsonl", """
            {"type":"settlement-point","point":"R-C1","station":"RS","kind":"connector","owner":"rival","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"tariff-assignment","account":"rival","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        foreach (var account in (string[])["cpo", "rival"])
            town.Run("settle", "--account", account, "--day", ChargeTown.Day, "--run", Run, "--by", "ann");
        town.Done("checkpoint", "--origin", "ledger.example/town");
    }

    public void Dispose() => town.Dispose();

    [Theory]
    [InlineData("bundle --statement R1 --out {out}")]
    [InlineData("sample --statement R1 --lines 5 --seed s --out {out}")]
    [InlineData("prove R1#1 --out {out}")]
    [InlineData("explain R1#1")]
    [InlineData("explain R1 total")]
    [InlineData("diff R1 R1")]
    [InlineData("show statement R1")]
    [InlineData("export statement R1")]
    [InlineData("export entries R1")]
    [InlineData("publish R1 --by bob")]
    public void A_verb_chooses_none_of_them(string words)
    {
        string[] args = [.. words.Split(' ').Select(word => word == "{out}" ? town.PathOf("out.zip") : word)];
        town.Run(args).ShouldBeFailure($"ledger {args[0]}: {Both}");
        foreach (var account in (string[])["cpo", "rival"])
        {
            var run = town.Run([.. args, "--account", account, "--day", ChargeTown.Day, .. Json(args[0])]);
            run.Exit.ShouldBeOneOf(ExitCode.Done, ExitCode.NotAsItShouldBe);
            run.Output.ShouldNotContain(account == "cpo" ? "R-C1" : "S01-C1");
        }
        town.Run([.. args, "--account", "nobody"]).ShouldBeFailure(
            $"ledger {args[0]}: there is no settlement run {Run} of nobody; 'ledger show settlement' lists them");
    }

    private static string[] Json(string verb) => verb == "export" ? [] : ["--json"];

    [Fact]
    public void A_publication_is_of_the_run_that_was_meant_and_posts_no_other()
    {
        var published = town.Run("publish", Run, "--by", "bob", "--account", "cpo");
        published.Exit.ShouldBe(ExitCode.Done, published.Errors);
        published.Output.ShouldContain("cpo");
        town.Run("show", "statement", Run, "--account", "cpo").Output.ShouldContain("bob");
        town.Run("show", "statement", Run, "--account", "rival").Output.ShouldContain("nobody yet");
    }

    /// <summary>ACME handed in a curve of a point that is BETA's by now.</summary>
    [Fact]
    public async Task What_a_fact_is_used_for_in_anothers_run_of_that_name_is_not_told()
    {
        await using var access = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await access.RecordAllAsync(side);
        await access.TakeFileAsync("point,time,kw\n" + string.Concat(Enumerable.Range(0, 31).Select(minute =>
            string.Create(CultureInfo.InvariantCulture, $"G2,2026-02-26T18:{minute:D2}:00Z,10\n"))), "ACME");
        await access.TakeAsync("settlement-run", """{"run":"R1","account":"BETA","day":"2026-02-27"}""", "BETA");
        var fact = (await TestFolder.AllAsync(access.Served.Ledger.Journal)).Last(recorded =>
            recorded.Envelope.Tenant.Value == "ACME" && EventCodec.Decode(recorded) is IntervalRecorded { Point.Value: "G2" });
        var told = await access.GetAsync(access.Key(Role.ChargingOperator),
            string.Create(CultureInfo.InvariantCulture, $"/v1/fact-uses?position={fact.Position}"));
        told.Status.ShouldBe(200, told.Text);
        told.Json.GetProperty("runs").GetArrayLength().ShouldBe(0);
        told["excluded"].ShouldBe("no settlement run that you reach is recorded of its day");
    }

    /// <summary>ACME has sold a point, for which it had handed in a reading: of whom it is now and to come, and of runs
    /// of theirs, it is told nothing, and as of a position the answer stays what it is.</summary>
    [Fact]
    public async Task A_fact_says_nothing_of_other_owners_nor_as_of_a_position_of_what_came_later()
    {
        await using var access = await AccessTown.StartAsync();
        static string Posted(string operation) => AccessRequests.Posts.Single(post => post.Operation == operation).Body;
        async Task TakeAsync(AccessTown.Side side, params string[] operations)
        {
            foreach (var operation in operations)
                await access.TakeAsync(operation, side.In(Posted(operation)), side.Account);
        }
        await TakeAsync(AccessTown.Own, "settlement-point", "register", "register-reading");
        var fact = access.Served.Ledger.Journal.Length - 1;
        foreach (var (owner, from) in ((string, string)[])[("BETA", "2026-02-01"), ("AGG", "2026-09-01")])
            await access.TakeAsync("settlement-point", AccessTown.Own.In(Posted("settlement-point"))
                .Replace("ACME", owner, StringComparison.Ordinal).Replace("2026-01-01", from, StringComparison.Ordinal), "test");
        var (acme, auditor) = (access.Key(Role.ChargingOperator), access.Key(Role.Auditor));
        var path = string.Create(CultureInfo.InvariantCulture, $"/v1/fact-uses?position={fact}");
        var then = string.Create(CultureInfo.InvariantCulture, $"{path}&asOf={access.Served.Ledger.Journal.Length - 1}");
        const string none = "no settlement run that you reach is recorded of ACME on its day";
        var (before, audited) = (await access.GetAsync(acme, then), await access.GetAsync(auditor, then));
        (before["excluded"], audited["excluded"])
            .ShouldBe((none, "no settlement run is recorded of ACME or BETA or AGG on its day"));
        await TakeAsync(AccessTown.Foreign, "tariff", "tariff-assignment", "settlement-run");
        (await access.GetAsync(acme, path))["excluded"].ShouldBe(none);
        (await access.GetAsync(auditor, path)).Json.GetProperty("runs")[0].GetProperty("account").GetString().ShouldBe("BETA");
        foreach (var (key, first) in new[] { (acme, before), (auditor, audited) })
        {
            var again = await access.GetAsync(key, then);
            (again.Text, again.Response.Headers.ETag).ShouldBe((first.Text, first.Response.Headers.ETag));
        }
    }
}
