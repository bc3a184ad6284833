using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Reconciliation and bundle as jobs of a served ledger: taken, looked at, and the same bytes as the verb's; nobody
/// else's; cut by a restart and asked for again; cancelled and failed with a reason. Kim and lee are of the operator of
/// the station, rob is another operator.
/// </summary>
public sealed class VerbJobTests : IDisposable
{
    private const string Point = "S01-C1", Run = "R1";

    private readonly ChargeTown town = new();
    private readonly StandingClock clock = new(ChargeTown.Now);
    private readonly Dictionary<string, AccessKeyText> keys = [];

    /// <summary>A settled day whose charge records are in a file.</summary>
    public VerbJobTests()
    {
        town.Done("import", town.File("late.csv", """
            point,register,read_at,kwh
            S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125
            S01-C1,1.8.0,2026-03-02T20:45:00+08:00,1050.125
            S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5
            S01-C1,2.8.0,2026-03-02T20:45:00+08:00,30.5

            """));
        town.Done("import", town.File("rival.jsonl", """
            {"type":"settlement-point","point":"R-C1","station":"RS","kind":"connector","owner":"rival","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        town.Run("settle", "--account", "cpo", "--day", ChargeTown.Day, "--run", Run);
        town.Done("export", "cdr", "cpo", ChargeTown.Day, "--tariff", town.File("t.json", """
            {"id":"T1","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":1.1,"step_size":1}]}]}
            """), "--header", town.File("h.json", """{"country_code":"CN","party_id":"ABC"}"""), "--out", Records);
        foreach (var (holder, role, party) in ((string, string, string)[])[("kim", "chargingOperator", "cpo"),
            ("lee", "chargingOperator", "cpo"), ("rob", "chargingOperator", "rival"), ("box", "station", "cpo"),
            ("otto", "auditor", "office")])
        {
            var key = keys[holder] = AccessKeyText.Create();
            town.Done("import", town.File($"{holder}.jsonl", $$"""
                {"type":"access-key","key":"{{key.Key}}","secretSha256":"{{key.Digest}}","holder":"{{holder}}","role":"{{role}}","party":"{{party}}","stations":[{{(role == "station" ? "\"S01\"" : "")}}],"expires":"2026-04-01T00:00:00Z"}
                """));
        }
    }

    private string Records => town.PathOf("cdrs.json");

    public void Dispose() => town.Dispose();

    /// <summary>The ledger of the town, served to whoever has a key.</summary>
    private sealed class Served(VerbJobTests test, OpenLedger ledger, LedgerServer server, StringWriter errors)
        : IAsyncDisposable
    {
        private readonly HttpClient client = new() { BaseAddress = server.Url };

        public string Errors => $"{errors}";

        public async Task<HttpResponseMessage> SendAsync(string who, HttpMethod method, string path, string? body)
        {
            using var request = new HttpRequestMessage(method, path);
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", test.keys[who].Shown);
            if (body is not null) request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            return await client.SendAsync(request, TestContext.Current.CancellationToken);
        }

        public async Task<Answer> GetAsync(string who, string path)
        {
            using var response = await SendAsync(who, HttpMethod.Get, path, null);
            return await Answer.OfAsync(response);
        }

        public async Task<Answer> PostAsync(string who, string path, string body)
        {
            using var response = await SendAsync(who, HttpMethod.Post, path, body);
            return await Answer.OfAsync(response);
        }

        /// <summary>Asks for a job that is taken; its name.</summary>
        public async Task<string> StartAsync(string who, string asked)
        {
            var taken = await PostAsync(who, "/v1/jobs", asked);
            taken.Status.ShouldBe(202, taken.Text);
            var said = JsonNode.Parse(asked)!.AsObject(); // of a list it is kept that it was there
            foreach (var (name, _) in said.Where(member => member.Value is JsonArray).ToList()) said[name] = "…";
            JsonNode.DeepEquals(JsonNode.Parse(taken["asked"]!), said).ShouldBeTrue(taken["asked"]);
            taken["standing"].ShouldBe("waiting");
            taken.Response.Headers.Location!.ToString().ShouldBe($"/v1/jobs/{taken["job"]}");
            return taken["job"]!;
        }

        public async Task<Answer> UntilOverAsync(string who, string job)
        {
            while (true)
            {
                var state = await GetAsync(who, $"/v1/jobs/{job}");
                if (state["standing"] is not ("waiting" or "running")) return state;
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }
        }

        public async Task<byte[]> ResultAsync(string who, string job, string media)
        {
            using var response = await SendAsync(who, HttpMethod.Get, $"/v1/jobs/{job}/result", null);
            (response.StatusCode, response.Content.Headers.ContentType!.MediaType).ShouldBe((HttpStatusCode.OK, media));
            return await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
        }

        /// <summary>The zip of a job, once it is done.</summary>
        public async Task<byte[]> ResultAfterAsync(string who, string job)
        {
            (await UntilOverAsync(who, job))["standing"].ShouldBe("done");
            return await ResultAsync(who, job, "application/zip");
        }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await server.DisposeAsync();
            await ledger.DisposeAsync();
            await errors.DisposeAsync();
        }
    }

    /// <param name="around">What is done around the work of a job; null: nothing.</param>
    private async Task<Served> ServeAsync(Func<JobWork, JobWork>? around = null)
    {
        CommandLine.TryParse(["serve", "--data", town.Data], out var line, out _).ShouldBeTrue();
        var kinds = ServeJobs.Kinds(line, new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null, clock))
            .Select(kind => around is null ? kind
                : kind with { Read = async request => around(await kind.Read(request)) }).ToList();
        var ledger = OpenLedger.Open(town.Data, null, clock);
        var errors = new StringWriter();
        return new(this, ledger, await LedgerServer.StartAsync(ledger, new(IPAddress.Loopback, 0)
        {
            Access = new(IsRequired: true),
            Jobs = kinds,
        }, errors, TestContext.Current.CancellationToken), errors);
    }

    private string Reconciliation => $$"""{"kind":"reconciliation","point":"{{Point}}","records":{{File.ReadAllText(Records)}}}""";

    private const string Bundle = $$"""{"kind":"bundle","run":"{{Run}}"}""";

    /// <summary>The bundle as the verb writes it.</summary>
    private byte[] BundleOfVerb()
    {
        var file = town.PathOf("bundle.zip");
        town.Done("bundle", "--statement", Run, "--out", file);
        return File.ReadAllBytes(file);
    }

    [Fact]
    public async Task What_a_job_gives_is_what_the_verb_gives_to_the_byte()
    {
        town.Done("checkpoint", "--origin", "ledger.example/town");
        var bundle = BundleOfVerb();
        await using var served = await ServeAsync();
        var zip = await served.StartAsync("kim", Bundle);
        var ofFile = await served.StartAsync("kim", Reconciliation);
        var over = await served.UntilOverAsync("kim", ofFile);
        (over["standing"], over["detail"], over["result"]).ShouldBe(("done", "done", $"/v1/jobs/{ofFile}/result"));
        var verb = await CommandRun.OfAsync(["reconcile", "cdr", "--json", "--point", Point, "--in", Records, "--data", town.Data],
            clock: clock);
        (verb.Exit, verb.Output.Contains("29.625", StringComparison.Ordinal)).ShouldBe((ExitCode.Done, true));
        Encoding.UTF8.GetString(await served.ResultAsync("kim", ofFile, "application/json")).ShouldBe(verb.Output);
        // Of the ledger's own records, of which there are none: each stay lacks one, which is said and is no failure.
        var ofDay = await served.StartAsync("kim",
            $$"""{"kind":"reconciliation","point":"{{Point}}","day":"{{ChargeTown.Day}}"}""");
        (await served.UntilOverAsync("kim", ofDay))["detail"].ShouldBe("done, and not all is as it should be");
        var missing = await CommandRun.OfAsync(["reconcile", "cdr", "--json", "--point", Point, "--day", ChargeTown.Day,
            "--data", town.Data], clock: clock);
        (missing.Exit, missing.Output.Contains("missingRecord", StringComparison.Ordinal))
            .ShouldBe((ExitCode.NotAsItShouldBe, true));
        Encoding.UTF8.GetString(await served.ResultAsync("kim", ofDay, "application/json")).ShouldBe(missing.Output);
        (await served.UntilOverAsync("kim", zip))["detail"].ShouldBe("done");
        (await served.ResultAsync("kim", zip, "application/zip")).ShouldBe(bundle);
        served.Errors.ShouldBeEmpty();
    }

    /// <summary>The verb works as the ledger itself, for which the run of another operator is there too.</summary>
    [Fact]
    public async Task A_bundle_is_of_the_run_that_its_asker_reaches_and_of_no_other_that_is_called_alike()
    {
        town.Done("import", town.File("rivals-tariff.jsonl", """
            {"type":"tariff-assignment","account":"rival","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        town.Run("settle", "--account", "rival", "--day", ChargeTown.Day, "--run", Run);
        town.Done("checkpoint", "--origin", "ledger.example/town");
        await using var served = await ServeAsync();
        foreach (var (who, account, other) in ((string, string, string)[])[("kim", "cpo", "R-C1"), ("rob", "rival", Point)])
        {
            var files = BundleZip.Read(await served.ResultAfterAsync(who, await served.StartAsync(who, Bundle)));
            using var statement = JsonDocument.Parse(files[BundleFiles.Json]);
            statement.RootElement.GetProperty("account").GetString().ShouldBe(account);
            files.Values.ShouldAllBe(content =>
                !Encoding.UTF8.GetString(content).Contains(other, StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_job_is_seen_by_who_asked_and_does_what_that_one_may()
    {
        town.Done("checkpoint", "--origin", "ledger.example/town");
        await using var served = await ServeAsync();
        var job = await served.StartAsync("kim", Bundle);
        await served.UntilOverAsync("kim", job);
        foreach (var who in (string[])["lee", "rob", "box", "otto"])
        {
            foreach (var path in (string[])[$"/v1/jobs/{job}", $"/v1/jobs/{job}/result"])
            {
                var hidden = await served.GetAsync(who, path);
                (hidden.Status, hidden["detail"]).ShouldBe((404, $"there is no job {job}, or it is not yours"), who);
            }
            (await served.PostAsync(who, "/v1/job-cancellations", $$"""{"job":"{{job}}"}""")).Status.ShouldBe(404);
            (await served.GetAsync(who, "/v1/jobs")).Json.GetProperty("jobs").GetArrayLength().ShouldBe(0);
        }
        // What is foreign and what does not exist are answered alike.
        foreach (var (who, asked, status, name) in ((string, string, int, string)[])
        [
            ("rob", Bundle, 404, "NotReached"), ("kim", Bundle.Replace(Run, "R9"), 404, "NotReached"),
            ("rob", Reconciliation, 404, "NotReached"), ("kim", Reconciliation.Replace(Point, "X"), 404, "NotReached"),
            ("kim", Reconciliation.Replace(Point, "R-C1"), 404, "NotReached"),
            ("kim", $$"""{"kind":"reconciliation","day":"{{ChargeTown.Day}}"}""", 422, "MissingField"),
            ("box", Bundle, 403, "NotAuthorised"), ("box", Reconciliation, 403, "NotAuthorised"),
            ("kim", """{"kind":"bundle","run":"R1","why":"audit"}""", 403, "NotAuthorised"),
            ("kim", """{"kind":"verification"}""", 403, "NotAuthorised"),
        ])
        {
            var refused = await served.PostAsync(who, "/v1/jobs", asked);
            (refused.Status, refused["name"]).ShouldBe((status, name), $"{who} {asked}");
        }
        // An auditor reaches every run, and the whole ledger without a point.
        var audit = await served.StartAsync("otto", Bundle);
        (await served.ResultAfterAsync("otto", audit)).ShouldBe(await served.ResultAsync("kim", job, "application/zip"));
        var whole = await served.StartAsync("otto", $$"""{"kind":"reconciliation","day":"{{ChargeTown.Day}}"}""");
        (await served.UntilOverAsync("otto", whole))["standing"].ShouldBe("done");
    }

    [Fact]
    public async Task What_cannot_be_done_says_why_in_words_that_name_no_file_of_the_server()
    {
        await using var served = await ServeAsync();
        foreach (var (asked, name, says) in ((string, string, string)[])
        [
            ($$"""{"kind":"reconciliation","point":"{{Point}}","records":[{"id":"1"}]}""", "MissingField", "is needed"),
            ($$"""{"kind":"reconciliation","point":"{{Point}}","records":"x"}""", "UnknownFormat", "charge records of OCPI"),
            ($$"""{"kind":"reconciliation","point":"{{Point}}","day":"today"}""", "InvalidTime", "a day like 2026-06-02"),
            ($$"""{"kind":"reconciliation","point":"{{Point}}","day":"2026-01-01..2027-02-01"}""", "InvalidTime", "366 days"),
            ($$"""{"kind":"reconciliation","point":"{{Point}}","run":"R1"}""", "UnknownField", "known here: point, day, records, kind"),
            ("""{"kind":"bundle"}""", "MissingField", "run: is needed"),
        ])
        {
            var refused = await served.PostAsync("kim", "/v1/jobs", asked);
            (refused.Status, refused["name"]).ShouldBe((422, name), $"{asked} {refused.Text}");
            refused["detail"]!.ShouldContain(says);
            refused.Text.ShouldNotContain(Path.GetTempPath());
        }
        // Only while it runs can it be known that nothing was signed yet, or that there are no records.
        foreach (var (asked, says) in ((string, string)[])
        [
            (Bundle, "ledger bundle: no checkpoint was signed yet; make one with: ledger checkpoint"),
            ($$"""{"kind":"reconciliation","point":"{{Point}}"}""",
                "ledger reconcile: there are no charge records, so --day has to say which days are compared"),
        ])
        {
            var job = await served.StartAsync("kim", asked);
            var failed = await served.UntilOverAsync("kim", job);
            (failed["standing"], failed["detail"], failed["result"]).ShouldBe(("failed", says, ""));
            (await served.GetAsync("kim", $"/v1/jobs/{job}/result")).Status.ShouldBe(404);
        }
    }

    [Fact]
    public async Task A_restart_in_the_middle_cuts_a_job_and_it_can_be_asked_for_again()
    {
        town.Done("checkpoint", "--origin", "ledger.example/town");
        var bundle = BundleOfVerb();
        var running = new SemaphoreSlim(0);
        var jobs = new List<string>();
        await using (var served = await ServeAsync(work => async (progress, ct) =>
        {
            await work(progress, ct); // all of it is done, and the server stops before it is said
            running.Release();
            await Task.Delay(Timeout.Infinite, ct);
            throw new System.Diagnostics.UnreachableException();
        }))
        {
            foreach (var asked in (string[])[Bundle, Reconciliation, Bundle])
                jobs.Add(await served.StartAsync("kim", asked));
            for (var i = 0; i < 2; i++) await running.WaitAsync(TestContext.Current.CancellationToken);
            (await served.GetAsync("kim", $"/v1/jobs/{jobs[2]}"))["standing"].ShouldBe("waiting");
        }
        await using var again = await ServeAsync();
        foreach (var job in jobs)
        {
            var cut = await again.GetAsync("kim", $"/v1/jobs/{job}");
            (cut["standing"], cut["detail"], cut["result"])
                .ShouldBe(("cut", "the server ended before it was done; ask for it again", ""));
            (await again.GetAsync("kim", $"/v1/jobs/{job}/result")).Status.ShouldBe(404);
        }
        (await again.ResultAfterAsync("kim", await again.StartAsync("kim", Bundle))).ShouldBe(bundle);
    }

    [Theory]
    [InlineData("bundle")]
    [InlineData("reconciliation")]
    public async Task A_job_that_is_cancelled_ends_in_the_middle_without_a_result(string kind)
    {
        town.Done("checkpoint", "--origin", "ledger.example/town");
        var running = new TaskCompletionSource();
        await using var served = await ServeAsync(work => async (progress, ct) =>
        {
            running.SetResult();
            // The verb itself begins when it is cancelled already, and has to heed it.
            var cancelled = new TaskCompletionSource();
            await using var told = ct.Register(cancelled.SetResult);
            await cancelled.Task;
            return await work(progress, ct);
        });
        var job = await served.StartAsync("kim", kind == "bundle" ? Bundle : Reconciliation);
        await running.Task;
        (await served.GetAsync("kim", $"/v1/jobs/{job}"))["standing"].ShouldBe("running");
        var ended = await served.PostAsync("kim", "/v1/job-cancellations", $$"""{"job":"{{job}}"}""");
        (ended.Status, ended["standing"], ended["detail"], ended["result"])
            .ShouldBe((200, "cancelled", "it was cancelled", ""));
        (await served.GetAsync("kim", $"/v1/jobs/{job}/result")).Status.ShouldBe(404);
        (await served.PostAsync("kim", "/v1/job-cancellations", $$"""{"job":"{{job}}"}""")).Status.ShouldBe(409);
        served.Errors.ShouldBeEmpty();
    }
}
