using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How those who come show who they are, and what is kept of it.</summary>
public sealed class AccessTests
{
    private const string Points = "/v1/settlement-points";

    private static string Point(string id, string owner, string station) => $$"""
        {"point":"{{id}}","station":"{{station}}","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}
        """;

    [Fact]
    public async Task Who_brings_no_key_or_a_wrong_one_is_not_known_and_is_not_told_more()
    {
        await using var town = await AccessTown.StartAsync();
        var auditor = town.Key(Role.Auditor);
        (await town.GetAsync(auditor, Points)).Status.ShouldBe(200);
        var expired = await town.GiveAsync("kim", Role.Auditor, "office", [], Duration.FromSeconds(1));
        var refused = new[]
        {
            await town.SendAsync(HttpMethod.Get, null, Points, null),
            await town.SendAsync(HttpMethod.Get, "", Points, null),
            await town.SendAsync(HttpMethod.Get, "ledger_k0_" + new string('0', 64), Points, null),
            await town.SendAsync(HttpMethod.Get, $"ledger_{auditor.Key}_{new string('0', 64)}", Points, null),
            await town.SendAsync(HttpMethod.Get, "folder_" + new string('0', 64), Points, null),
            await town.SendAsync(HttpMethod.Get, "a.b.c", Points, null),
        };
        refused.Select(answer => (answer.Status, answer["name"], answer["detail"])).Distinct()
            .ShouldHaveSingleItem().Item1.ShouldBe(401);
        refused[0].Response.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer realm=\"ledger\"");
        town.Served.Clock.Now += Duration.FromSeconds(1);
        (await town.GetAsync(expired, Points)).Status.ShouldBe(401);
        (await town.GetAsync(auditor, Points)).Status.ShouldBe(200);
        (await town.GetAsync(null, "/health/ready")).Text.ShouldBe("{\"ready\":true}");
        (await town.GetAsync(null, "/v1/nowhere")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_within_a_second_and_a_new_one_taken_at_once()
    {
        await using var town = await AccessTown.StartAsync();
        var key = await town.GiveAsync("kim", Role.Auditor, "office", []);
        (await town.GetAsync(key, Points)).Status.ShouldBe(200);
        (await town.PostAsync(town.Key(Role.Administrator), "/v1/access-key-revocations",
            $$"""{"key":"{{key.Key}}","reason":"lost"}""")).Status.ShouldBe(201);
        var revoked = System.Diagnostics.Stopwatch.StartNew();
        Answer answer;
        bool isLate;
        do
        {
            isLate = revoked.Elapsed >= TimeSpan.FromSeconds(1); // however long an answer takes
            answer = await town.GetAsync(key, Points);
        }
        while (answer.Status == 200 && !isLate);
        answer.Status.ShouldBe(401);
        var keys = (await town.GetAsync(town.Key(Role.Administrator), "/v1/access-keys")).Json.GetProperty("keys")
            .EnumerateArray().Single(row => row.GetProperty("key").GetString() == key.Key.Value);
        (keys.GetProperty("standing").GetString(), keys.GetProperty("revoked").GetString(),
            keys.GetProperty("holder").GetString()).ShouldBe(("revoked", "lost", "kim"));
    }

    [Fact]
    public async Task No_secret_is_in_the_folder_and_none_in_what_the_server_says()
    {
        await using var town = await AccessTown.StartAsync();
        var key = town.Key(Role.ChargingOperator);
        await town.PostAsync(key, "/v1/settlement-points", "{\"point\":" + key.Secret + "}");
        await town.GetAsync(key, Points + "?asOf=" + key.Secret[..8]);
        var answer = await town.GetAsync(town.Key(Role.Administrator), "/v1/access-keys");
        answer.Text.ShouldNotContain(key.Secret);
        town.Served.Errors.ToString().ShouldNotContain(key.Secret[..16]);
        var folder = town.Served.Options.Directory;
        var unused = town.Key(Role.GridOperator);
        foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith("journal.lock", StringComparison.Ordinal))) // held, and empty
            Bytes(file).AsSpan().IndexOf(Encoding.ASCII.GetBytes(unused.Secret)).ShouldBe(-1, file);
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(Path.Combine(folder, OpenLedger.TokenFileName))
                .ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        static byte[] Bytes(string file)
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
    }

    [Fact]
    public async Task Whoever_may_read_the_folder_needs_no_key_and_a_browser_has_its_own_dialog()
    {
        await using var town = await AccessTown.StartAsync();
        var token = await File.ReadAllTextAsync(
            Path.Combine(town.Served.Options.Directory, OpenLedger.TokenFileName),
            TestContext.Current.CancellationToken);
        (await town.SendAsync(HttpMethod.Post, token, Points, Encoding.UTF8.GetBytes(Point("CP1", "ACME", "S1")))).Status
            .ShouldBe(201);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/");
        request.Headers.Accept.Add(new("text/html"));
        using (var dialog = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken))
            dialog.Headers.WwwAuthenticate.ToString().ShouldBe("Basic realm=\"ledger\", charset=\"UTF-8\"");
        using var again = new HttpRequestMessage(HttpMethod.Get, "/");
        again.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(
            Encoding.UTF8.GetBytes($"kim:{town.Key(Role.Auditor).Shown}")));
        using var page = await town.Served.Client.SendAsync(again, TestContext.Current.CancellationToken);
        page.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_is_foreign_and_what_does_not_exist_are_answered_alike()
    {
        await using var town = await AccessTown.StartAsync();
        var acme = town.Key(Role.ChargingOperator);
        await town.RecordAsync($"{{\"type\":\"settlement-point\",{Point("CP2", "BETA", "S2").Trim()[1..]}", "BETA");
        Answer Same(Answer foreign, Answer nothing)
        {
            (foreign.Status, foreign["code"], foreign["detail"]!.Replace("CP2", "X"))
                .ShouldBe((404, "216", nothing["detail"]!.Replace("CP9", "X")));
            nothing.Status.ShouldBe(404);
            return foreign;
        }
        string Outage(string point) =>
            $$"""{"point":"{{point}}","start":"2026-02-01T10:00:00Z","end":"2026-02-01T12:00:00Z","source":"csms"}""";
        Same(await town.PostAsync(acme, "/v1/outages", Outage("CP2")),
            await town.PostAsync(acme, "/v1/outages", Outage("CP9")));
        (await town.GetAsync(acme, Points)).Json.GetProperty("points").GetArrayLength().ShouldBe(0);
        // Nobody takes over a point, nor puts one of his own behind another's connection.
        (await town.PostAsync(acme, Points, Point("CP2", "ACME", "S1"))).Status.ShouldBe(404);
        (await town.PostAsync(acme, Points, Point("CP3", "ACME", "S2"))).Status.ShouldBe(404);
        (await town.PostAsync(acme, Points, Point("CP3", "BETA", "S3"))).Status.ShouldBe(404);
        (await town.PostAsync(acme, Points, Point("CP3", "ACME", "S3"))).Status.ShouldBe(201);
        // Nor does anybody install another's meter at a point of his own, where its signed values would then count.
        string Register(string point) =>
            $$"""{"point":"{{point}}","direction":"import","meterSerial":"M2","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""";
        await town.TakeAsync("register", Register("CP2"), "BETA");
        (await town.PostAsync(acme, "/v1/registers", Register("CP3")))["name"].ShouldBe("NotReached");
        (await town.PostAsync(acme, "/v1/registers", Register("CP3").Replace("M2", "M3"))).Status.ShouldBe(201);
        // A station hands in of its own points alone, though its operator has others.
        (await town.PostAsync(town.Key(Role.Station), "/v1/outages", Outage("CP3"))).Status.ShouldBe(404);
        (await town.PostAsync(acme, "/v1/outages", Outage("CP3"))).Status.ShouldBe(201);
    }

    [Fact]
    public async Task A_run_is_published_by_another_person_than_who_calculated_it_and_nobody_signs_for_another()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var operation in new[] { "settlement-point", "tariff", "tariff-assignment" })
            await town.TakeAsync(operation, AccessTown.Own.In(
                AccessRequests.Posts.Single(post => post.Operation == operation).Body), "ACME");
        var (first, second) = (town.Key(Role.ChargingOperator), await town.GiveAsync("lee", Role.ChargingOperator, "ACME", []));
        const string run = """{"run":"R1","account":"ACME","day":"2026-02-27"}""";
        (await town.PostAsync(first, "/v1/settlement-runs", run.Replace("}", ",\"by\":\"lee\"}")))["name"]
            .ShouldBe("NotAuthorised");
        (await town.PostAsync(first, "/v1/settlement-runs", run)).Status.ShouldBe(201);
        string Publication(string by) =>
            $$"""{"run":"R1","account":"ACME","day":"2026-02-27","by":"{{by}}"}""";
        (await town.PostAsync(first, "/v1/run-publications", Publication("ChargingOperator-1")))["name"]
            .ShouldBe("SamePerson");
        (await town.PostAsync(first, "/v1/run-publications", Publication("lee")))["name"].ShouldBe("NotAuthorised");
        (await town.PostAsync(second, "/v1/run-publications", Publication("lee"))).Status.ShouldBe(201);
        var published = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<SettlementRunPublished>().Single();
        (published.CalculatedBy, published.PublishedBy).ShouldBe(("ChargingOperator-1", "lee"));
    }

    [Fact]
    public async Task Who_reads_data_of_others_is_written_down_and_who_reads_his_own_is_not()
    {
        await using var town = await AccessTown.StartAsync();
        var auditor = town.Key(Role.Auditor);
        await town.GetAsync(auditor, Points);
        await town.GetAsync(auditor, Points);
        await town.GetAsync(auditor, "/v1/registers?point=CP1");
        (await town.GetAsync(auditor, "/v1/registers?point=CP1&note=a person")).Status.ShouldBe(400);
        await town.GetAsync(auditor, "/v1/registers?point=a person");
        await town.GetAsync(auditor, "/v1/registers?format=csv");
        await town.GetAsync(town.Key(Role.ChargingOperator), Points);
        await town.Served.StopServerAsync();
        var reads = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<DataRead>().ToList();
        reads.Select(read => (read.By, read.Party, read.Role, read.Others)).Distinct()
            .ShouldBe([("Auditor-1", new PartyId("office"), Role.Auditor, 0)]);
        reads.SelectMany(read => read.Reads).GroupBy(read => (read.Operation, read.Of))
            .Select(of => (of.Key.Operation, of.Key.Of, of.Sum(read => read.Times))).Order()
            .ShouldBe([("registers", "point CP1", 1), ("registers as csv", null, 1), ("settlement-points", null, 2)]);
    }

    /// <summary>What a question names is written down, behind its '?' and in its path.</summary>
    [Fact]
    public async Task What_is_written_down_of_a_read_says_of_what_it_was()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var auditor = town.Key(Role.Auditor);
        foreach (var path in (string[])["interval-records?from=2026-02-26&to=2026-02-28", "tariff-terms?tariff=T1",
            "rule-pack-terms?pack=PK1", "openadr/programs/PR1", "openadr/events?programID=PR1"])
            (await town.GetAsync(auditor, $"/v1/{path}")).Status.ShouldBe(200, path);
        await town.Served.StopServerAsync();
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode).OfType<DataRead>()
            .SelectMany(read => read.Reads).Select(read => $"{read.Operation}: {read.Of}").Order(StringComparer.Ordinal).ShouldBe(
            [
                "interval-records: from 2026-02-26, to 2026-02-28", "openadr-events: programID PR1",
                "openadr-program: programID PR1", "rule-pack-terms: pack PK1", "tariff-terms: tariff T1",
            ]);
    }

    /// <summary>Nobody hides what he reads behind many other reads, nor by breaking off.</summary>
    [Fact]
    public async Task No_read_is_lost_among_many_or_by_breaking_off()
    {
        await using var town = await AccessTown.StartAsync();
        var auditor = town.Key(Role.Auditor);
        for (var point = 0; point < DataReads.ReadsMax + 20; point++)
            (await town.GetAsync(auditor, $"/v1/registers?point=P{point}")).Status.ShouldBe(200);
        using (var request = new HttpRequestMessage(HttpMethod.Get, "/v1/registers?point=CP1"))
        {
            request.Headers.Authorization = new("Bearer", auditor.Shown);
            using var begun = await town.Served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
                TestContext.Current.CancellationToken);
        }
        await town.Served.StopServerAsync();
        var reads = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<DataRead>().ToList();
        reads.ShouldAllBe(read => read.Others == 0);
        reads.SelectMany(read => read.Reads).Select(read => read.Of).Distinct().Count()
            .ShouldBe(DataReads.ReadsMax + 21);
        reads.SelectMany(read => read.Reads).ShouldContain(read => read.Of == "point CP1");
    }

    /// <summary>What the journal had no room for, or somebody broke off, is recorded the next time, with what came
    /// meanwhile.</summary>
    [Fact]
    public async Task What_was_gathered_of_reads_outlives_a_recording_that_was_broken_off()
    {
        await using var town = await AccessTown.StartAsync();
        var log = new ReadLog(town.Served.Ledger);
        var kim = Roles.Principal("kim", Role.Auditor, new("office"), []);
        var lee = Roles.Principal("lee", Role.Auditor, new("office"), []);
        log.Note(kim, "registers", "point CP1");
        log.Note(lee, "registers", "point CP2");
        await Should.ThrowAsync<OperationCanceledException>(() => log.RecordAsync(new CancellationToken(true)));
        log.Note(kim, "registers", "point CP1");
        log.Note(kim, "registers", "point CP3");
        await log.RecordAsync(TestContext.Current.CancellationToken);
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode).OfType<DataRead>()
            .SelectMany(read => read.Reads.Select(each => (read.By, each.Of, each.Times))).Order()
            .ShouldBe([("kim", "point CP1", 2), ("kim", "point CP3", 1), ("lee", "point CP2", 1)]);
    }

    /// <summary>A job's result has what others' points and accounts did, as the read that it stands for.</summary>
    [Fact]
    public async Task The_result_of_a_job_is_a_read_like_any_other()
    {
        var bundle = new JobKind("bundle", Scopes.SettlementRead, "writes", ["run", "account", "day"],
            _ => Task.FromResult<JobWork>((_, _) => Task.FromResult(new JobResult("application/zip", [1], "done"))));
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true) { KeepsDataHere = true },
            options: options => options with { Jobs = [bundle] });
        foreach (var role in (Role[])[Role.Auditor, Role.ChargingOperator])
        {
            var key = town.Key(role);
            var job = (await town.PostAsync(key, "/v1/jobs",
                """{"kind":"bundle","run":"R1","account":"ACME","day":"2026-02-27"}"""))["job"];
            while ((await town.GetAsync(key, $"/v1/jobs/{job}"))["standing"] is "waiting" or "running")
                await Task.Delay(10, TestContext.Current.CancellationToken);
            (await town.GetAsync(key, $"/v1/jobs/{job}/result")).Status.ShouldBe(200);
        }
        await town.Served.StopServerAsync();
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode).OfType<DataRead>()
            .SelectMany(read => read.Reads.Select(each => $"{read.By}: {each.Operation}, {each.Of}, {each.Times}"))
            .Order(StringComparer.Ordinal).ShouldBe([
                "Auditor-1: job-result of bundle as zip, run R1, account ACME, day 2026-02-27, 1",
                "ChargingOperator-1: job-result of bundle as zip, run R1, account ACME, day 2026-02-27, 1"]);
    }

    [Fact]
    public async Task One_holder_does_not_take_all_places_of_a_kind()
    {
        await using var town = await AccessTown.StartAsync(options: options => options with { LiveRequestsMax = 8 });
        await town.RecordAsync(AccessTown.Own.In("""{"type":"settlement-point","point":"{point}","station":"{station}","kind":"connector","owner":"{owner}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""), "ACME");
        await town.RecordAsync(AccessTown.Own.In("""{"type":"instruction","instruction":"{order}","kind":"curtail","issuedBy":"{grid}","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"{point}","kw":500}]}"""), "GRID");
        async Task<HttpResponseMessage> FollowAsync(Role role, string after = "")
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/instruction-events?instruction=I1{after}");
            request.Headers.Authorization = new("Bearer", town.Key(role).Shown);
            return await town.Served.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead,
                TestContext.Current.CancellationToken);
        }

        using var first = await FollowAsync(Role.ChargingOperator);
        using var second = await FollowAsync(Role.ChargingOperator);
        using var third = await FollowAsync(Role.ChargingOperator);
        using var other = await FollowAsync(Role.GridOperator);
        using var beyond = await FollowAsync(Role.GridOperator, "&after=9223372036854775807"); // of what is never
        new[] { first, second, third, other, beyond }.Select(answer => (int)answer.StatusCode)
            .ShouldBe([200, 200, 429, 200, 200]);
    }

    [Fact]
    public async Task Where_data_is_kept_here_every_file_is_written_down_and_no_key_is_fetched()
    {
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true) { KeepsDataHere = true });
        await town.GetAsync(town.Key(Role.ChargingOperator), Points);
        await town.GetAsync(town.Key(Role.ChargingOperator), Points + "?format=csv");
        using var negotiated = new HttpRequestMessage(HttpMethod.Get, Points);
        negotiated.Headers.Authorization = new("Bearer", town.Key(Role.ChargingOperator).Shown);
        negotiated.Headers.Accept.ParseAdd("text/csv");
        using var file = await town.Served.Client.SendAsync(negotiated, TestContext.Current.CancellationToken);
        file.Content.Headers.ContentType!.MediaType.ShouldBe("text/csv");
        await town.Served.StopServerAsync();
        (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Select(EventCodec.Decode).OfType<DataRead>()
            .SelectMany(read => read.Reads.Select(each => (read.By, each.Operation, each.Times)))
            .ShouldBe([("ChargingOperator-1", "settlement-points as csv", 2)]);
        var fetched = new TokenOptions("i", "a", ["ES256"], "https://login.example/jwks");
        new AccessOptions(IsRequired: true, Tokens: fetched) { KeepsDataHere = true }.WhyNot(IPAddress.Loopback)
            .ShouldNotBeNull().ShouldContain("login.example");
        new AccessOptions(IsRequired: true, Tokens: fetched with { Keys = "/keys.json" }) { KeepsDataHere = true }
            .WhyNot(IPAddress.Loopback).ShouldBeNull();
    }

    [Fact]
    public async Task One_who_asks_without_end_leaves_room_for_the_others()
    {
        await using var served = await ServedLedger.StartAsync(options => options with
        {
            Access = new(IsRequired: true),
            ReadsPerSecondMax = 1,
        });
        async Task<string> GiveAsync(string holder)
        {
            var key = AccessKeyText.Create();
            var issued = new AccessKeyIssued(key.Key, key.Digest, holder, Role.Auditor, new("office"), [],
                served.Clock.Now + Duration.FromDays(1));
            await served.Ledger.Commands.Send(new Command<AccessKeyIssued>(issued, new(default, "test"),
                served.Ledger.Operator("test"), new(holder)), TestContext.Current.CancellationToken);
            return $"Bearer {key.Shown}";
        }
        var (busy, calm) = (await GiveAsync("busy"), await GiveAsync("calm"));
        async Task<HttpResponseMessage> AskAsync(string key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Points);
            request.Headers.TryAddWithoutValidation("Authorization", key);
            return await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        }
        HttpResponseMessage refused;
        do refused = await AskAsync(busy);
        while (refused.IsSuccessStatusCode);
        refused.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter.ShouldNotBeNull();
        (await AskAsync(calm)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public void Other_machines_are_served_with_keys_and_tls_alone()
    {
        AccessOptions.Open.WhyNot(IPAddress.Any).ShouldNotBeNull();
        new AccessOptions(IsRequired: true).WhyNot(IPAddress.Any).ShouldNotBeNull();
        new AccessOptions(IsRequired: true).WhyNot(IPAddress.Loopback).ShouldBeNull();
        var listening = CommandRun.Of(["serve", "--listen", "0.0.0.0", "--data", "nowhere"]);
        listening.Exit.ShouldBe(Cli.ExitCode.Usage);
        listening.Errors.ShouldContain("needs access keys");
    }
}
