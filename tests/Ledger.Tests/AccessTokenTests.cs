using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Ledger.Api.Access;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Tokens of an identity provider: one that is right in everything is taken, one that is wrong in anything is
/// not.</summary>
public sealed class AccessTokenTests : IDisposable
{
    private const string Issuer = "https://login.example", Audience = "ledger-test";

    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string folder = Directory.CreateTempSubdirectory("ledger-tokens-").FullName;

    public void Dispose()
    {
        key.Dispose();
        other.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static string Base64(ReadOnlySpan<byte> bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static string Base64(string text) => Base64(Encoding.UTF8.GetBytes(text));

    private static long Seconds(int fromNow) => AccessTown.Now.ToUnixTimeSeconds() + fromNow;

    private static string Claims(string issuer = Issuer, string audience = Audience, int expires = 300, int from = 0,
        string role = "auditor", string party = "office", string sub = "kim", string more = "") =>
        string.Create(CultureInfo.InvariantCulture, $$"""
            {"iss":"{{issuer}}","aud":"{{audience}}","sub":"{{sub}}","exp":{{Seconds(expires)}},"nbf":{{Seconds(from)}},"ledger_role":"{{role}}","ledger_party":"{{party}}"{{more}}}
            """);

    private string Signed(string claims, string header = """{"alg":"ES256","kid":"k1","typ":"JWT"}""", ECDsa? by = null)
    {
        var text = $"{Base64(header)}.{Base64(claims)}";
        return $"{text}.{Base64((by ?? key).SignData(Encoding.ASCII.GetBytes(text), HashAlgorithmName.SHA256))}";
    }

    private TokenOptions Options()
    {
        var point = key.ExportParameters(false).Q;
        File.WriteAllText(Path.Combine(folder, "keys.json"),
            $$"""{"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"k1","x":"{{Base64(point.X)}}","y":"{{Base64(point.Y)}}"}]}""");
        File.WriteAllText(Path.Combine(folder, "tokens.json"),
            $$"""{"issuer":"{{Issuer}}","audience":"{{Audience}}","algorithms":["ES256"],"keys":"keys.json"}""");
        return TokenOptions.Read(Path.Combine(folder, "tokens.json"));
    }

    /// <summary>An issuer that does not answer is not waited for by everybody who comes.</summary>
    [Fact]
    public async Task While_the_issuer_is_away_nobody_is_admitted_and_nobody_waits_after_the_first()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var options = Options() with { Keys = $"http://{silent.LocalEndpoint}/jwks" };
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true, Tokens: options));
        async Task<int> StatusAsync() =>
            (await town.SendAsync(HttpMethod.Get, Signed(Claims()), "/v1/settlement-points", null)).Status;
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < 21; i++) (await StatusAsync()).ShouldBe(503);
        // Each attempt takes five seconds and is a connection of its own, and there is one every ten seconds at most.
        var attempts = 0;
        for (; silent.Pending(); attempts++)
            (await silent.AcceptSocketAsync(TestContext.Current.CancellationToken)).Dispose();
        attempts.ShouldBeInRange(1, 1 + (int)(Stopwatch.GetElapsedTime(began).TotalSeconds / 10));
        (await town.GetAsync(town.Key(Role.Auditor), "/v1/settlement-points")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task A_sender_whose_issuer_is_away_is_told_to_come_again()
    {
        var access = new AccessOptions(
            IsRequired: true, Tokens: Options() with { Keys = Path.Combine(folder, "not-there.json") });
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""), access);
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, access);
        using var call = new BareCall(wire.Url, "ACME", key: Signed(Claims(role: "chargingOperator", party: "ACME")));
        var ended = await call.EndedAsync();
        (ended.StatusCode, ended.Status.Detail).ShouldBe((StatusCode.Unavailable,
            "who brings a token cannot be admitted now, because its issuer's keys cannot be read"));
    }

    [Fact]
    public async Task A_token_says_who_comes_and_a_wrong_one_says_nothing()
    {
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true, Tokens: Options()));
        async Task<int> StatusAsync(string token, string path = "/v1/settlement-points") =>
            (await town.SendAsync(HttpMethod.Get, token, path, null)).Status;
        (await StatusAsync(Signed(Claims()))).ShouldBe(200);
        (await StatusAsync(Signed(Claims(role: "chargingOperator", party: "ACME")))).ShouldBe(200);
        (await StatusAsync(Signed(Claims(role: "administrator")))).ShouldBe(403);
        (await StatusAsync(Signed(Claims(role: "station", more: ",\"ledger_stations\":[\"S1\"]")))).ShouldBe(200);
        (await StatusAsync(Signed(Claims(expires: -59)))).ShouldBe(200); // clocks differ
        (await StatusAsync(Signed(Claims(from: 60)))).ShouldBe(200);
        var wrong = new Dictionary<string, string>
        {
            ["expired"] = Signed(Claims(expires: -60)),
            ["not yet valid"] = Signed(Claims(from: 61)),
            ["another issuer"] = Signed(Claims(issuer: Issuer + "/")),
            ["another audience"] = Signed(Claims(audience: "ledger")),
            ["another key"] = Signed(Claims(), by: other),
            ["an unknown key id"] = Signed(Claims(), """{"alg":"ES256","kid":"k2","typ":"JWT"}""", other),
            ["no algorithm"] = $"{Base64("""{"alg":"none","typ":"JWT"}""")}.{Base64(Claims())}.",
            ["an algorithm that is not allowed"] = Signed(Claims(), """{"alg":"ES384","kid":"k1"}"""),
            ["the public key as a shared secret"] = Hmac(Claims()),
            ["no such role"] = Signed(Claims(role: "owner")),
            ["a role by its number"] = Signed(Claims(role: "5")),
            ["a role by its number with a sign"] = Signed(Claims(role: "+5")),
            // By their numbers two roles make a third, up to an auditor and an administrator.
            ["two roles"] = Signed(Claims(role: "station,gridOperator")),
            ["two other roles"] = Signed(Claims(role: "station, chargingOperator")),
            ["no role"] = Signed(Claims(role: "")),
            ["no such party"] = Signed(Claims(party: "a company")),
            ["no such person"] = Signed(Claims(sub: "kim lee")),
            ["no such station"] = Signed(Claims(more: ",\"ledger_stations\":[\"S 1\"]")),
            ["stations that are none"] = Signed(Claims(more: ",\"ledger_stations\":null")),
            ["a station that is none"] = Signed(Claims(more: ",\"ledger_stations\":[null]")),
            ["a station that is a number"] = Signed(Claims(more: ",\"ledger_stations\":5")),
            ["stations that are no list"] = Signed(Claims(more: ",\"ledger_stations\":{\"S1\":true}")),
            ["changed claims"] = Changed(Signed(Claims())),
            ["no expiry"] = Signed($$"""{"iss":"{{Issuer}}","aud":"{{Audience}}","sub":"kim","ledger_role":"auditor","ledger_party":"office"}"""),
            ["cut"] = Signed(Claims())[..^4],
        };
        foreach (var (what, token) in wrong) (await StatusAsync(token)).ShouldBe(401, what);
        // Who has no station in a station's token reaches none.
        (await StatusAsync(Signed(Claims(role: "station", party: "ACME")))).ShouldBe(200);
        town.Served.Errors.ToString().ShouldBeEmpty();
    }

    /// <summary>Whether a token's holder still has its role is not asked of anybody, so what was subscribed with one
    /// ends.</summary>
    [Fact]
    public async Task What_was_subscribed_with_a_token_ends_after_thirty_days()
    {
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true, Tokens: Options()));
        var made = await town.SendAsync(HttpMethod.Post, Signed(Claims(role: "chargingOperator", party: "ACME")),
            "/v1/webhooks", """{"url":"https://hooks.example/x","events":["run.published"]}"""u8.ToArray());
        made.Status.ShouldBe(201, made.Text);
        async Task<string?> EndedAsync()
        {
            await town.Served.TellAsync();
            return (await town.GetAsync(town.Key(Role.ChargingOperator), "/v1/webhooks")).Json.GetProperty("webhooks")[0]
                .GetProperty("ended").GetString();
        }
        town.Served.Clock.Now += NodaTime.Duration.FromDays(29);
        (await EndedAsync()).ShouldBeNull();
        town.Served.Clock.Now += NodaTime.Duration.FromDays(1);
        await town.Served.TellAsync();
        var key = await town.GiveAsync("lee", Role.ChargingOperator, "ACME", [], NodaTime.Duration.FromDays(60));
        (await town.GetAsync(key, "/v1/webhooks")).Json.GetProperty("webhooks")[0].GetProperty("ended").GetString()
            .ShouldBe("it was subscribed with a token 30 days ago: subscribe again");
    }

    private string Hmac(string claims)
    {
        var text = $"{Base64("""{"alg":"HS256","kid":"k1","typ":"JWT"}""")}.{Base64(claims)}";
        return $"{text}.{Base64(HMACSHA256.HashData(key.ExportSubjectPublicKeyInfo(), Encoding.ASCII.GetBytes(text)))}";
    }

    private static string Changed(string token)
    {
        var parts = token.Split('.');
        return $"{parts[0]}.{Base64(Claims(party: "another"))}.{parts[2]}";
    }

    [Theory]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":["HS256"],"keys":"k.json"}""")]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":["none"],"keys":"k.json"}""")]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":[],"keys":"k.json"}""")]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":["ES256"],"keys":"http://login.example/keys"}""")]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":["ES256"]}""")]
    [InlineData("""{"issuer":"i","audience":"a","algorithms":["ES256"],"keys":"k.json","secret":"x"}""")]
    public void Options_that_are_not_safe_are_refused(string options)
    {
        var path = Path.Combine(folder, "options.json");
        File.WriteAllText(path, options);
        Should.Throw<InputRefusedException>(() => TokenOptions.Read(path));
    }
}
