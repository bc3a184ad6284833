using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Api.Jobs;
using Ledger.Cli;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a served ledger keeps for whoever asked for it goes with the person whom it names.</summary>
public sealed class ErasedJobTests : IDisposable
{
    private readonly PersonalTown town = new();

    public void Dispose() => town.Dispose();

    /// <summary>What jobs have shown of a person is kept for whoever asked for it: it goes with the person, and what is
    /// being made for a job is kept for nobody.</summary>
    [Fact]
    public async Task What_jobs_have_shown_of_a_person_goes_with_the_person()
    {
        var clock = new StandingClock(SmallTown.Now);
        using SemaphoreSlim made = new(0), ends = new(0);
        var waits = false;
        CommandLine.TryParse(["serve", "--data", town.Data], out var line, out _).ShouldBeTrue();
        var kinds = ServeJobs.Kinds(line, new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null, clock))
            .Select(kind => kind with
            {
                Read = async request =>
                {
                    var work = await kind.Read(request);
                    return async (progress, ct) =>
                    {
                        var result = await work(progress, ct);
                        if (!waits) return result;
                        made.Release();
                        await ends.WaitAsync(ct);
                        return result;
                    };
                },
            }).ToList();
        string after;
        await using (var served = await ServedJobs.StartAsync(town.Options with { Clock = clock }, kinds))
        {
            var shown = await served.StartAsync();
            (await served.UntilOverAsync(shown)).ShouldBe("done");
            (await served.ResultAsync(shown))!.AsSpan().IndexOf(Encoding.UTF8.GetBytes(PersonalTown.First))
                .ShouldBeGreaterThan(0);
            Should.Throw<ShouldAssertException>(() => ErasureTests.Search(town.Files(), [PersonalTown.First], [], []));
            waits = true;
            var underWay = await served.StartAsync();
            await made.WaitAsync(TestContext.Current.CancellationToken);
            waits = false;
            clock.Now += Duration.FromMinutes(1);
            await served.EraseAsync(PersonalTown.First);
            ErasureTests.Search(town.Files(), [PersonalTown.First], [], []);
            (await served.ResultAsync(shown)).ShouldBeNull();
            ends.Release();
            (await served.UntilOverAsync(underWay)).ShouldBe("failed");
            (await served.ResultAsync(underWay)).ShouldBeNull();
            clock.Now += Duration.FromMinutes(1);
            (await Task.Run(() => town.Run("checkpoint"))).Exit.ShouldBe(ExitCode.Done); // which the bundle proves it by
            after = await served.StartAsync();
            (await served.UntilOverAsync(after)).ShouldBe("done");
            ErasureTests.Search(town.Files(), [PersonalTown.First], [], []);
        }
        // What was asked for since is kept when the ledger is opened again; what a crash left is not.
        await using (var served = await ServedJobs.StartAsync(town.Options with { Clock = clock }, kinds))
            (await served.ResultAsync(after)).ShouldNotBeNull();
        ErasureTests.Search(town.Files(), [PersonalTown.First], [], []);
        var jobs = Path.Combine(town.Data, "jobs.db");
        using (var left = new SqliteConnection($"Data Source={jobs};Pooling=False"))
        {
            left.Open();
            using var write = left.CreateCommand();
            write.CommandText = "DELETE FROM erased";
            write.ExecuteNonQuery().ShouldBe(1);
            write.CommandText = "PRAGMA user_version=0";
            write.ExecuteNonQuery();
            write.CommandText = "UPDATE job SET result = CAST("
                + $"'{PersonalTown.First}' || hex(zeroblob(9000)) AS BLOB), media = 'application/zip' WHERE created < "
                + $"{SmallTown.Now.ToUnixTimeTicks() + 1}";
            write.ExecuteNonQuery().ShouldBe(2);
        }
        Should.Throw<ShouldAssertException>(() => ErasureTests.Search(town.Files(), [PersonalTown.First], [], []));
        await using (var served = await ServedJobs.StartAsync(town.Options with { Clock = clock }, kinds))
        {
            ErasureTests.Search(town.Files(), [PersonalTown.First], [], []);
            (await served.ResultAsync(after)).ShouldNotBeNull();
        }
    }

    /// <summary>The town, served to whoever asks at this machine.</summary>
    private sealed class ServedJobs(OpenLedger ledger, LedgerServer server) : IAsyncDisposable
    {
        private readonly HttpClient client = new() { BaseAddress = server.Url };

        public static async Task<ServedJobs> StartAsync(SqliteJournalOptions options, IReadOnlyList<JobKind> kinds)
        {
            var ledger = OpenLedger.Open(options);
            return new(ledger, await LedgerServer.StartAsync(ledger,
                new(System.Net.IPAddress.Loopback, 0) { Jobs = kinds }, TextWriter.Null,
                TestContext.Current.CancellationToken));
        }

        /// <summary>Asks for the settled day with its evidence; the job's name.</summary>
        public async Task<string> StartAsync() =>
            (await PostAsync("/v1/jobs", """{"kind":"bundle","run":"R1","why":"audit"}"""))["job"]!.GetValue<string>();

        public Task EraseAsync(string subject) =>
            PostAsync("/v1/erasures", $$"""{"subject":"{{subject}}","reason":"requested"}""");

        public async Task<string> UntilOverAsync(string job)
        {
            while (true)
            {
                var state = JsonNode.Parse(await client.GetStringAsync($"/v1/jobs/{job}",
                    TestContext.Current.CancellationToken))!["standing"]!.GetValue<string>();
                if (state is not ("waiting" or "running")) return state;
                await Task.Delay(10, TestContext.Current.CancellationToken);
            }
        }

        /// <summary>What came of a job; null where there is no result.</summary>
        public async Task<byte[]?> ResultAsync(string job)
        {
            using var answer = await client.GetAsync($"/v1/jobs/{job}/result", TestContext.Current.CancellationToken);
            if (answer.StatusCode == System.Net.HttpStatusCode.NotFound) return null;
            return await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync(
                TestContext.Current.CancellationToken);
        }

        private async Task<JsonNode> PostAsync(string path, string body)
        {
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var answer = await client.PostAsync(path, content, TestContext.Current.CancellationToken);
            var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            answer.IsSuccessStatusCode.ShouldBeTrue(text);
            return JsonNode.Parse(text)!;
        }

        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await server.DisposeAsync();
            await ledger.DisposeAsync();
        }
    }
}
