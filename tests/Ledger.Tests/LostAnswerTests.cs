using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Tests.EventStoreDb;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A sender whose connection is cut before it hears the answer sends again, and everything stands
/// once, in every store.</summary>
[Collection(OnPostgres.Name)]
public sealed class LostAnswerTests(PostgresCluster cluster)
{
    private const int Losses = 200;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public Task Two_hundred_lost_answers_are_asked_for_again_and_each_reading_stands_once() => LoseAsync(null);

    [Fact]
    public Task And_in_postgresql()
    {
        cluster.Server.Execute("CREATE DATABASE lost_answers");
        return LoseAsync("postgres:" + cluster.Server.Connection(database: "lost_answers"));
    }

    [Fact]
    public async Task And_in_an_event_store()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await LoseAsync(server.ConnectionString);
    }

    private static async Task LoseAsync(string? store)
    {
        await using var served = await ServedLedger.StartAsync(store: store);
        await served.RegisterConnectorAsync();
        var chance = new Random(20260602);
        var (url, positions) = (served.Client.BaseAddress!, new Dictionary<int, long>());
        for (var reading = 1; reading <= Losses; reading++)
        {
            var body = Body(reading);
            var key = string.Create(CultureInfo.InvariantCulture, $"lost-{reading}");
            // Cut at once, or when the answer may just be on its way; some are lost twice.
            for (var loss = 0; loss <= reading % 2; loss++) await SendAndCutAsync(url, body, key, chance.Next(0, 4));
            var answer = await served.PostAsync("/v1/register-readings", body, key);
            // The request whose connection was cut may be under way still: then its key is taken, and asked for again.
            for (var again = 0; again < 10_000 && answer["name"] == "InFlight"; again++)
            {
                await Task.Delay(5, Ct);
                answer = await served.PostAsync("/v1/register-readings", body, key);
            }
            answer.Status.ShouldBeOneOf([200, 201], answer.Text);
            // What was recorded before the connection was cut is answered without its position.
            if (answer["position"] is { Length: > 0 } position)
                positions.Add(reading, long.Parse(position, CultureInfo.InvariantCulture));
        }
        var readings = (await TestFolder.AllAsync(served.Ledger.Journal))
            .Where(recorded => recorded.Envelope.WireName == "register-reading-recorded").ToList();
        foreach (var (reading, position) in positions) readings[reading - 1].Position.ShouldBe(position);
        readings.Select(recorded => ((RegisterReadingRecorded)EventCodec.Decode(recorded)).ReadAt)
            .ShouldBe(Enumerable.Range(1, Losses).Select(ReadAt));
    }

    private static Instant ReadAt(int reading) => TestFolder.Start + Duration.FromSeconds(reading);

    private static string Body(int reading) => $$"""
        {"point":"CP1","direction":"import","readAt":"{{NodaTime.Text.InstantPattern.ExtendedIso.Format(ReadAt(reading))}}","kwh":"{{(reading / 1000m).ToString("0.000", CultureInfo.InvariantCulture)}}"}
        """;

    /// <summary>Sends a whole request and closes the connection without reading.</summary>
    private static async Task SendAndCutAsync(Uri server, string body, string key, int milliseconds)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port, Ct);
        client.LingerState = new LingerOption(true, 0); // a reset, as of a machine that is gone
        var request = $"POST /v1/register-readings HTTP/1.1\r\nHost: {server.Authority}\r\nContent-Type: application/json\r\n"
            + $"Idempotency-Key: {key}\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}";
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(request), Ct);
        await Task.Delay(milliseconds, Ct);
    }
}
