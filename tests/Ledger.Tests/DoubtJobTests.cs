using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Doubts: a job that works as the ledger's operator, on a name that two accounts have.</summary>
public sealed class DoubtJobTests : IDisposable
{
    private readonly ChargeTown town = new();
    private readonly StandingClock clock = new(ChargeTown.Now);

    public void Dispose() => town.Dispose();

    /// <summary>A run's name is its account's own. The rival records a run of his own under the name that the other operator
    /// is going to use, and later asks for the bundle of that name.</summary>
    [Fact]
    public async Task A_bundle_that_a_rival_asks_for_is_of_his_own_run_and_not_of_anothers_with_the_same_name()
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
            {"type":"tariff-assignment","account":"rival","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        town.Run("settle", "--account", "rival", "--day", ChargeTown.Day, "--run", "R1");
        town.Run("settle", "--account", "cpo", "--day", ChargeTown.Day, "--run", "R1");
        var rob = AccessKeyText.Create();
        town.Done("import", town.File("rob.jsonl", $$"""
            {"type":"access-key","key":"{{rob.Key}}","secretSha256":"{{rob.Digest}}","holder":"rob","role":"chargingOperator","party":"rival","stations":[],"expires":"2026-04-01T00:00:00Z"}
            """));
        town.Done("checkpoint", "--origin", "ledger.example/town");

        CommandLine.TryParse(["serve", "--data", town.Data], out var line, out _).ShouldBeTrue();
        await using var ledger = OpenLedger.Open(town.Data, null, clock);
        await using var errors = new StringWriter();
        await using var server = await LedgerServer.StartAsync(ledger, new(IPAddress.Loopback, 0)
        {
            Access = new(IsRequired: true),
            Jobs = ServeJobs.Kinds(line, new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null, clock)),
        }, errors, TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", rob.Shown);
        using var taken = await client.PostAsync(new Uri("/v1/jobs", UriKind.Relative),
            new ByteArrayContent(Encoding.UTF8.GetBytes("""{"kind":"bundle","run":"R1"}""")), TestContext.Current.CancellationToken);
        var text = await taken.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        taken.StatusCode.ShouldBe(HttpStatusCode.Accepted, text);
        var place = taken.Headers.Location!;
        for (var i = 0; i < 600; i++)
        {
            text = await client.GetStringAsync(place, TestContext.Current.CancellationToken);
            if (!text.Contains("\"waiting\"", StringComparison.Ordinal) && !text.Contains("\"running\"", StringComparison.Ordinal)) break;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        TestContext.Current.TestOutputHelper!.WriteLine(text);
        using var result = await client.GetAsync(new Uri($"{place}/result", UriKind.Relative), TestContext.Current.CancellationToken);
        if (result.StatusCode != HttpStatusCode.OK) return; // refused: nothing of anybody else was told
        var files = BundleZip.Read(await result.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
        var statement = Encoding.UTF8.GetString(files[BundleFiles.Json]);
        statement.ShouldNotContain("\"account\": \"cpo\"");
        statement.ShouldContain("rival");
        files.Values.Count(content => Encoding.UTF8.GetString(content).Contains("S01-C1", StringComparison.Ordinal)).ShouldBe(0);
    }
}
