using System.Net;
using System.Text;
using Ledger.Api;
using Ledger.Api.Jobs;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Long work is taken with 202, looked at, cancelled, and told of where the server ended under it.</summary>
public sealed class JobTests
{
    private static async Task<Answer> UntilOverAsync(ServedLedger served, string job)
    {
        while (true)
        {
            var state = await served.GetAsync($"/v1/jobs/{job}");
            if (state["standing"] is not ("waiting" or "running")) return state;
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task A_run_that_is_asked_for_to_be_looked_at_later_is_a_job()
    {
        await using var served = await ServedLedger.StartAsync();
        const string run = """{"run":"R1","account":"ACME","day":"2026-02-27"}""";
        var taken = await served.PostAsync("/v1/settlement-runs", run, null, ("Prefer", "respond-async"));
        var job = taken["job"]!;
        (taken.Status, taken["kind"], taken["asked"], taken.Response.Headers.Location?.ToString(),
            taken.Response.Headers.GetValues("Preference-Applied").Single())
            .ShouldBe((202, "settlement-run", run, $"/v1/jobs/{job}", "respond-async"));
        // The same rules judge it as at once.
        var atOnce = await served.PostAsync("/v1/settlement-runs", run);
        var over = await UntilOverAsync(served, job);
        (over["standing"], over["detail"]).ShouldBe(("failed", $"{atOnce["name"]} ({atOnce["code"]}): {atOnce["detail"]}"));
        (await served.GetAsync($"/v1/jobs/{job}/result")).Status.ShouldBe(404);
        (await served.PostAsync("/v1/job-cancellations", $$"""{"job":"{{job}}"}""")).Status.ShouldBe(409);
        (await served.PostAsync("/v1/settlement-runs", "{", null, ("Prefer", "respond-async"))).Status.ShouldBe(422);
        foreach (var (wrong, status) in ((string, int)[])[("""{"kind":"x"}""", 422), ("{}", 422), ("[]", 422),
            ("""{"kind":"settlement-run","run":"R1","account":"ACME","day":"x"}""", 422),
            ("""{"kind":"settlement-run","bundle":"R1"}""", 422)])
            (await served.PostAsync("/v1/jobs", wrong)).Status.ShouldBe(status, wrong);
        (await served.GetAsync("/v1/jobs?format=csv")).Text.ShouldContain("settlement-run");
        (await served.GetAsync("/v1/jobs/j0")).Status.ShouldBe(404);
    }

    private static JobKind Kind(Func<Action<string>, CancellationToken, Task<JobResult>> work) => new("wait",
        Scopes.AccessRead, "waits", ["why"], _ => Task.FromResult<JobWork>((progress, ct) => work(progress, ct)));

    [Fact]
    public async Task A_job_says_how_far_it_is_gives_its_result_and_can_be_cancelled()
    {
        var go = new TaskCompletionSource();
        var kind = Kind(async (progress, ct) =>
        {
            progress("half of it");
            await go.Task.WaitAsync(ct);
            return new("text/plain", "all of it"u8.ToArray(), "done");
        });
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [kind] });
        var job = (await served.PostAsync("/v1/jobs", """{"kind":"wait","why":"x"}"""))["job"]!;
        var other = (await served.PostAsync("/v1/jobs", """{"kind":"wait"}"""))["job"]!;
        var third = (await served.PostAsync("/v1/jobs", """{"kind":"wait"}"""))["job"]!;
        while ((await served.GetAsync($"/v1/jobs/{job}"))["progress"] != "half of it")
            await Task.Delay(10, TestContext.Current.CancellationToken);
        (await served.GetAsync($"/v1/jobs/{third}"))["standing"].ShouldBe("waiting"); // two at a time
        (await served.PostAsync("/v1/job-cancellations", $$"""{"job":"{{third}}"}"""))["standing"].ShouldBe("cancelled");
        var cancelled = await served.PostAsync("/v1/job-cancellations", $$"""{"job":"{{other}}"}""");
        (cancelled.Status, cancelled["standing"], cancelled["detail"]).ShouldBe((200, "cancelled", "it was cancelled"));
        go.SetResult();
        var over = await UntilOverAsync(served, job);
        (over["standing"], over["result"]).ShouldBe(("done", $"/v1/jobs/{job}/result"));
        var result = await served.GetAsync($"/v1/jobs/{job}/result");
        (result.Text, result.Media).ShouldBe(("all of it", "text/plain"));
        var many = new List<int>();
        go = new();
        for (var i = 0; i < 5; i++) many.Add((await served.PostAsync("/v1/jobs", """{"kind":"wait"}""")).Status);
        many.ShouldBe([202, 202, 202, 202, 429]);
        go.SetResult();
    }

    [Fact]
    public async Task A_job_that_a_stop_has_cut_says_so_and_one_that_fails_says_why()
    {
        var kind = Kind(async (_, ct) =>
        {
            await Task.Delay(Timeout.Infinite, ct);
            return new("text/plain", [], "never");
        });
        var failing = Kind((_, _) => throw new InvalidOperationException("a secret")) with { Name = "fail" };
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [kind, failing] });
        var failed = await UntilOverAsync(served, (await served.PostAsync("/v1/jobs", """{"kind":"fail"}"""))["job"]!);
        failed["standing"].ShouldBe("failed");
        failed.Text.ShouldNotContain("a secret");
        served.Errors.ToString().ShouldContain("a secret");
        var job = (await served.PostAsync("/v1/jobs", """{"kind":"wait"}"""))["job"]!;
        await served.StopServerAsync();
        await using var again = await LedgerServer.StartAsync(served.Ledger, new(System.Net.IPAddress.Loopback, 0),
            TextWriter.Null, TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = again.Url };
        var cut = await client.GetStringAsync($"/v1/jobs/{job}", TestContext.Current.CancellationToken);
        cut.ShouldContain("\"standing\":\"cut\"");
        cut.ShouldContain("the server ended before it was done; ask for it again");
    }

    [Fact]
    public async Task An_attempt_that_comes_again_is_told_where_its_job_is()
    {
        await using var served = await ServedLedger.StartAsync();
        const string run = """{"run":"R1","account":"ACME","day":"2026-02-27"}""";
        var first = await served.PostAsync("/v1/settlement-runs", run, "once", ("Prefer", "respond-async"));
        var again = await served.PostAsync("/v1/settlement-runs", run, "once", ("Prefer", "respond-async"));
        again.Response.Headers.GetValues("Idempotency-Hit").Single().ShouldBe("true");
        (again.Status, again["job"]).ShouldBe((202, first["job"]));
        (again.Response.Headers.Location?.ToString(), again.Response.Headers.Contains("Preference-Applied"))
            .ShouldBe(($"/v1/jobs/{first["job"]}", true));
    }

    /// <summary>A result has what the key reaches with which it was asked for.</summary>
    [Fact]
    public async Task A_job_is_of_a_reach_and_not_of_every_key_of_its_holder()
    {
        await using var town = await AccessTown.StartAsync(options: options =>
            options with { Jobs = [Quick(1) with { Scope = Scopes.PointsRead }] });
        var few = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", ["S1", "S2"]);
        var same = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", ["S2", "S1"]);
        var all = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", []);
        var (ofFew, ofAll) = (await DoneAsync(few), await DoneAsync(all));
        foreach (var (key, job, status) in ((Api.Access.AccessKeyText, string, int)[])
            [(few, ofFew, 200), (same, ofFew, 200), (all, ofAll, 200), (few, ofAll, 404), (all, ofFew, 404)])
        {
            (await town.GetAsync(key, $"/v1/jobs/{job}/result")).Status.ShouldBe(status);
            (await town.GetAsync(key, "/v1/jobs")).Text.Contains(job, StringComparison.Ordinal).ShouldBe(status == 200);
        }
        (await town.PostAsync(few, "/v1/job-cancellations", $$"""{"job":"{{ofAll}}"}""")).Status.ShouldBe(404);

        async Task<string> DoneAsync(Api.Access.AccessKeyText key)
        {
            var job = (await town.PostAsync(key, "/v1/jobs", """{"kind":"wait"}"""))["job"]!;
            while ((await town.GetAsync(key, $"/v1/jobs/{job}"))["standing"] is "waiting" or "running")
                await Task.Delay(10, TestContext.Current.CancellationToken);
            (await town.GetAsync(key, $"/v1/jobs/{job}"))["standing"].ShouldBe("done");
            return job;
        }
    }

    /// <summary>A table that an earlier version has made says nothing of stations, and is taken over.</summary>
    [Fact]
    public async Task Jobs_of_an_earlier_version_are_there()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [Quick(1)] });
        var job = (await DoneAsync(served))["job"];
        await served.StopServerAsync();
        await using (var jobs = new Microsoft.Data.Sqlite.SqliteConnection(
            $"Data Source={Path.Combine(served.Options.Directory, "jobs.db")};Pooling=False"))
        {
            await jobs.OpenAsync(TestContext.Current.CancellationToken);
            await using var earlier = jobs.CreateCommand();
            earlier.CommandText = "ALTER TABLE job DROP COLUMN stations";
            await earlier.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
        await using var again = await LedgerServer.StartAsync(served.Ledger, new(System.Net.IPAddress.Loopback, 0),
            TextWriter.Null, TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = again.Url };
        (await client.GetStringAsync($"/v1/jobs/{job}", TestContext.Current.CancellationToken))
            .ShouldContain("\"standing\":\"done\"");
    }

    private static JobKind Quick(int bytes) =>
        Kind((_, _) => Task.FromResult(new JobResult("text/plain", new byte[bytes], "done")));

    private static async Task<Answer> DoneAsync(ServedLedger served, string request = """{"kind":"wait"}""")
    {
        var job = await served.PostAsync("/v1/jobs", request);
        job.Status.ShouldBe(202, job.Text);
        return await UntilOverAsync(served, job["job"]!);
    }

    /// <summary>A request may have a mebibyte; what is kept of it says what was asked for, in a line.</summary>
    [Fact]
    public async Task What_was_asked_for_is_kept_without_blanks_and_long_members()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [Quick(1)] });
        var asked = $$"""{"kind": "wait", "why": ["{{new string('x', 1000)}}"]{{new string(' ', 900_000)}}}""";
        (await DoneAsync(served, asked))["asked"].ShouldBe("""{"kind":"wait","why":"…"}""");
        (await served.GetAsync("/v1/jobs")).Text.Length.ShouldBeLessThan(1000);
    }

    [Fact]
    public async Task A_job_is_forgotten_after_thirty_days_also_while_the_server_runs()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [Quick(1)] });
        var first = (await DoneAsync(served))["job"];
        served.Clock.Now += NodaTime.Duration.FromDays(31);
        var second = (await DoneAsync(served))["job"];
        (await served.GetAsync($"/v1/jobs/{first}")).Status.ShouldBe(404);
        (await served.GetAsync($"/v1/jobs/{second}")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Of_a_party_so_many_jobs_are_kept_and_the_oldest_that_are_over_go()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [Quick(1)] });
        var first = (await DoneAsync(served))["job"];
        for (var i = 0; i < 100; i++) await DoneAsync(served);
        (await served.GetAsync("/v1/jobs")).Json.GetProperty("jobs").GetArrayLength().ShouldBe(100);
        (await served.GetAsync($"/v1/jobs/{first}")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task Of_a_party_results_of_so_many_bytes_are_kept_and_a_larger_one_is_not()
    {
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Jobs = [Quick(10_000), Quick(30_000) with { Name = "large" }],
            JobBytesKeptPerPartyMax = 25_000,
        });
        var jobs = new List<string>();
        for (var i = 0; i < 3; i++) jobs.Add((await DoneAsync(served))["job"]!);
        var large = await DoneAsync(served, """{"kind":"large"}""");
        (large["standing"], large["detail"]).ShouldBe(("failed", "its result has 30000 bytes, and of a party 25000 are kept; it says: done"));
        (await served.GetAsync($"/v1/jobs/{jobs[0]}")).Status.ShouldBe(404);
        foreach (var job in jobs.Skip(1)) (await served.GetAsync($"/v1/jobs/{job}/result")).Text.Length.ShouldBe(10_000);
    }

    /// <summary>What is left of the disk for facts is for facts.</summary>
    [Fact]
    public async Task With_too_little_of_the_disk_free_a_result_is_not_kept_and_the_job_says_so()
    {
        await using var served = await ServedLedger.StartAsync(
            options => options with { Jobs = [Quick(10_000), Quick(100) with { Name = "small" }] },
            evidence: new(long.MaxValue, long.MaxValue / 2));
        var over = await DoneAsync(served);
        (over["standing"], over["result"]).ShouldBe(("failed", ""));
        over["detail"].ShouldBe("its result has 10000 bytes, for which the disk has too few free; it says: done");
        (await DoneAsync(served, """{"kind":"small"}"""))["standing"].ShouldBe("done");
        served.Errors.GetStringBuilder().Clear();
    }

    /// <summary>What it found is told and said, whatever becomes of its result.</summary>
    [Fact]
    public async Task A_verification_that_finds_faults_is_told_also_where_its_result_cannot_be_kept()
    {
        await using var receiver = await HookReceiver.StartAsync();
        var kind = Kind((_, _) => Task.FromResult(new JobResult("text/plain", new byte[10_000], "not verified", false)))
            with
        { Name = JobKind.Verification };
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Jobs = [kind],
            Webhooks = new()
            {
                AllowedNetworks = [IPNetwork.Parse("127.0.0.0/8")],
                Every = NodaTime.Duration.FromDays(1), // the test says when it is looked
            },
        }, evidence: new(long.MaxValue, long.MaxValue / 2));
        (await served.PostAsync("/v1/webhooks", $$"""{"url":"{{receiver.Url}}","events":["verification.failed"]}"""))
            .Status.ShouldBe(201);
        var over = await DoneAsync(served, """{"kind":"verification"}""");
        (over["standing"], over["detail"]).ShouldBe(("failed",
            "its result has 10000 bytes, for which the disk has too few free; it says: not verified"));
        await served.TellAsync();
        var told = System.Text.Json.JsonDocument.Parse(receiver.Came.ShouldHaveSingleItem().Body).RootElement;
        (told.GetProperty("type").GetString(), told.GetProperty("data").GetProperty("job").GetString())
            .ShouldBe(("verification.failed", over["job"]));
        served.Errors.GetStringBuilder().Clear();
    }

    private static object? On(ServedLedger served, string sql)
    {
        using var connection = new SqliteConnection(
            $"Data Source={Path.Combine(served.Options.Directory, "jobs.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>It is under way until it is written down that it is over, and nobody is told before that it was
    /// cancelled.</summary>
    [Fact]
    public async Task How_a_job_ended_is_written_down_as_soon_as_it_can_be()
    {
        await using var served = await ServedLedger.StartAsync(options => options with { Jobs = [Quick(1)] });
        On(served, "CREATE TRIGGER full BEFORE UPDATE OF ended ON job BEGIN SELECT RAISE(ABORT, 'full'); END");
        var job = (await served.PostAsync("/v1/jobs", """{"kind":"wait"}"""))["job"]!;
        while (!served.Errors.ToString().Contains("cannot be written down", StringComparison.Ordinal))
            await Task.Delay(10, TestContext.Current.CancellationToken);
        (await served.GetAsync($"/v1/jobs/{job}"))["standing"].ShouldBe("running");
        var cancelled = await served.PostAsync("/v1/job-cancellations", $$"""{"job":"{{job}}"}""");
        (cancelled.Status, cancelled["detail"]).ShouldBe((429, "the job is not over yet, or that cannot be written down now; send it again"));
        On(served, "DROP TRIGGER full");
        (await UntilOverAsync(served, job))["standing"].ShouldBe("failed");
        served.Errors.GetStringBuilder().Clear();
    }

    /// <summary>A job that waits is not yet begun, and a key that was revoked meanwhile begins nothing.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_waits_is_done_in_the_name_of_a_key_that_still_holds(bool isRevoked)
    {
        var go = new TaskCompletionSource();
        var kind = Kind(async (_, ct) =>
        {
            await go.Task.WaitAsync(ct);
            return new("text/plain", [], "done");
        }) with
        { Scope = Scopes.SettlementRun };
        await using var town = await AccessTown.StartAsync(options: given => given with { Jobs = [kind] });
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        for (var i = 0; i < 2; i++) (await town.PostAsync(key, "/v1/jobs", """{"kind":"wait"}""")).Status.ShouldBe(202);
        var job = (await town.PostAsync(key, "/v1/jobs", """{"kind":"settlement-run","run":"NEXT","account":"ACME","day":"2026-02-27","runKind":"correction","supersedes":"CR1"}"""))["job"];
        (await town.GetAsync(key, $"/v1/jobs/{job}"))["standing"].ShouldBe("waiting");
        if (isRevoked)
        {
            await town.RecordAsync($$"""{"type":"access-key-revocation","key":"{{key.Key}}","reason":"left"}""");
            while ((await town.GetAsync(key, "/v1/jobs")).Status != 401)
                await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        go.SetResult();
        object? standing;
        while ((standing = On(town.Served, $"SELECT standing FROM job WHERE name = '{job}'")) is "waiting" or "running")
            await Task.Delay(10, TestContext.Current.CancellationToken);
        standing.ShouldBe(isRevoked ? "failed" : "done");
        On(town.Served, $"SELECT detail FROM job WHERE name = '{job}'").ShouldBe(isRevoked
            ? "ChargingOperator-1 has no valid access key any more that reaches what it is about" : "recorded");
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).ConvertAll(EventCodec.Decode)
            .OfType<SettlementRunCompleted>().Any(run => run.Run.Value == "NEXT").ShouldBe(!isRevoked);
    }

    /// <summary>What the command line does as a verb a served ledger does as a job, with the same result.</summary>
    [Fact]
    public async Task A_verification_as_a_job_finds_what_the_verb_finds()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        await town.Served.Ledger.CatchUpAsync(TestContext.Current.CancellationToken); // what is not applied is told of
        var data = town.Served.Options.Directory;
        CommandLine.TryParse(["serve", "--data", data], out var line, out _).ShouldBeTrue();
        var shell = new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null, town.Served.Clock);
        var kind = ServeJobs.Kinds(line, shell).Single(each => each.Name == JobKind.Verification);
        using var text = System.Text.Json.JsonDocument.Parse("""{"kind":"verification","fast":true}""");
        var asked = new Ingest.InputValue("input", text.RootElement).Object("kind", "fast");
        var work = await kind.Read(new(asked, default, town.Served.Ledger.Operator("test"), town.Served.Ledger));
        var result = await work(_ => { }, TestContext.Current.CancellationToken);
        var verb = await CommandRun.OfAsync(["verify", "--fast", "--json", "--data", data], clock: town.Served.Clock);
        Encoding.UTF8.GetString(result.Content).ShouldBe(verb.Output);
        (result.IsAsItShouldBe, result.Media).ShouldBe((verb.Exit == ExitCode.Done, "application/json"));
    }
}
