using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is done for those who have not said who they are, and for how long somebody is believed.</summary>
public sealed class AccessDoorTests
{
    private const string Points = "/v1/settlement-points";
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_brings_no_key_may_ask_so_much_and_leaves_the_others_theirs()
    {
        await using var town = await AccessTown.StartAsync(options: given => given with { StrangersPerSecondMax = 1 });
        var auditor = town.Key(Role.Auditor);
        var statuses = new List<int>();
        // 2 may come at once, and one more a second: a minute of them are not all let in.
        for (var i = 0; i < 20; i++)
            statuses.Add((await town.GetAsync(null, i % 2 == 0 ? Points : "/health/live")).Status);
        statuses[..2].ShouldBe([401, 200]);
        statuses.Count(status => status == 429).ShouldBeGreaterThan(5);
        var refused = await town.GetAsync(null, "/v1/nowhere");
        while (refused.Status != 429) refused = await town.GetAsync(null, "/v1/nowhere");
        refused.Response.Headers.RetryAfter.ShouldNotBeNull();
        // A wrong key is as none, and a good one from the same address is not refused for it.
        var wrong = new List<int>();
        for (var i = 0; i < 20; i++)
        {
            wrong.Add((await town.SendAsync(HttpMethod.Get, $"ledger_k0_{new string('0', 64)}", Points, null)).Status);
            (await town.GetAsync(auditor, Points)).Status.ShouldBe(200);
        }
        wrong.Distinct().Order().ToList().ShouldBeSubsetOf([401, 429]);
        wrong.Count(status => status == 429).ShouldBeGreaterThan(5);
    }

    /// <summary>Keys that nobody knows have the journal read every so often and not each time, and a key that was just
    /// given is known all the same.</summary>
    [Fact]
    public async Task Many_unknown_keys_share_a_reading_and_a_new_key_is_known_at_once()
    {
        await using var town = await AccessTown.StartAsync();
        async Task<TimeSpan> ManyAsync(Func<int, string?> key)
        {
            var began = Stopwatch.GetTimestamp();
            var many = Enumerable.Range(0, 300).Select(i => town.SendAsync(HttpMethod.Get, key(i), Points, null));
            (await Task.WhenAll(many)).Select(answer => answer.Status).Distinct().ShouldBe([401]);
            return Stopwatch.GetElapsedTime(began);
        }

        // Each with a wait of its own of 50 ms they take fifteen seconds longer than those without a key.
        var withoutKeys = await ManyAsync(_ => null);
        (await ManyAsync(i => $"ledger_k{i}_{new string('0', 64)}") - withoutKeys)
            .ShouldBeLessThan(TimeSpan.FromSeconds(12));
        for (var i = 0; i < 5; i++)
        {
            var key = await town.GiveAsync($"kim{i}", Role.Auditor, "office", []);
            (await town.GetAsync(key, Points)).Status.ShouldBe(200);
        }
        // One after another they are told no sooner than the journal is read again.
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 5; i++)
            (await town.SendAsync(HttpMethod.Get, $"ledger_k0_{new string('0', 64)}", Points, null)).Status.ShouldBe(401);
        watch.Elapsed.ShouldBeGreaterThan(TimeSpan.FromMilliseconds(150));
    }

    private static readonly DateTimeOffset From = DateTimeOffset.FromUnixTimeSeconds(1_577_836_800); // 2020
    private static readonly DateTimeOffset Until = DateTimeOffset.FromUnixTimeSeconds(2_208_988_800); // 2040

    private static X509Certificate2 Authority()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stations", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        return request.CreateSelfSigned(From, Until);
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string subject, string? use, byte serial)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (use is not null)
            request.CertificateExtensions.Add(
                new X509EnhancedKeyUsageExtension(new OidCollection { new Oid(use) }, false));
        using var bare = request.Create(authority, From, Until, [serial]);
        using var whole = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
    }

    private static HttpClient Client(Uri url, X509Certificate2 certificate)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        return new HttpClient(handler) { BaseAddress = url };
    }

    [Fact]
    public async Task A_certificate_that_ends_ends_on_its_connection_and_one_for_nothing_is_for_no_station()
    {
        using var authority = Authority();
        using var server = Issue(authority, "CN=localhost", "1.3.6.1.5.5.7.3.1", 1);
        await using var town = await AccessTown.StartAsync(access: new(IsRequired: true, Tls: new(server, authority)));
        var url = town.Served.Client.BaseAddress!;
        using var ofStation = Issue(authority, "CN=S1, O=ACME", "1.3.6.1.5.5.7.3.2", 2);
        using var station = Client(url, ofStation);
        async Task<HttpStatusCode> StatusAsync()
        {
            using var answer = await station.GetAsync(Points, Ct);
            return answer.StatusCode;
        }
        (await StatusAsync()).ShouldBe(HttpStatusCode.OK);
        var now = town.Served.Clock.Now;
        town.Served.Clock.Now = Instant.FromDateTimeOffset(Until); // the connection is the same
        (await StatusAsync()).ShouldBe(HttpStatusCode.Unauthorized);
        town.Served.Clock.Now = now;
        (await StatusAsync()).ShouldBe(HttpStatusCode.OK);
        using var bare = Issue(authority, "CN=S1, O=ACME", null, 3);
        using var forNothing = Client(url, bare);
        await Should.ThrowAsync<HttpRequestException>(() => forNothing.GetAsync(Points, Ct));
    }

    [Fact]
    public async Task A_run_whose_name_two_accounts_have_is_not_chosen_for_an_auditor()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in new[] { AccessTown.Own, AccessTown.Foreign })
        {
            town.Served.Clock.Now += Duration.FromSeconds(1); // nobody calculates both at one instant
            foreach (var (operation, _, body) in AccessRequests.Posts)
                if (operation is "settlement-point" or "register" or "register-reading" or "tariff" or "tariff-assignment"
                    or "settlement-run")
                    await town.TakeAsync(operation,
                        side.In(body.Replace("{run}", "SAME", StringComparison.Ordinal)), side.Account);
        }
        var auditor = town.Key(Role.Auditor);
        foreach (var path in new[] { "/v1/explanations?run=SAME", "/v1/statement-lines?run=SAME",
            "/v1/run-differences?before=SAME&after=SAME" })
        {
            var asked = await town.GetAsync(auditor, path);
            (asked.Status, asked["name"]).ShouldBe((400, "MissingField"), path);
            asked["detail"]!.ShouldContain("of ACME on 2026-02-27, of BETA on 2026-02-27; say account");
            (await town.GetAsync(auditor, $"{path}&account=BETA")).Status.ShouldBe(200, path);
            (await town.GetAsync(auditor, $"{path}&account=BETA&day=2026-02-26")).Status.ShouldBe(404, path);
            (await town.GetAsync(auditor, $"{path}&account=GAMMA")).Status.ShouldBe(404, path);
            // Who reaches one account means that one, and is not told of the other.
            (await town.GetAsync(town.Key(Role.ChargingOperator), path)).Status.ShouldBe(200, path);
            (await town.GetAsync(town.Key(Role.ChargingOperator), $"{path}&account=BETA")).Status.ShouldBe(404, path);
        }
        (await town.GetAsync(auditor, "/v1/statement-lines?run=SAME&account=BETA")).Json.GetProperty("run")
            .GetProperty("account").GetString().ShouldBe("BETA");
    }

    /// <summary>What is refused of a text that is not UTF-8 says where it is, and quotes nothing of it.</summary>
    [Fact]
    public void A_value_that_is_not_utf8_is_refused_in_words()
    {
        using var document = InputValue.Parse((byte[])[.. "{\"name\":\""u8, 0xFF, .. "\"}"u8]);
        var value = new InputValue("input", document.RootElement).Object("name").Required("name");
        foreach (var read in new Action[]
            { () => value.Text(), () => value.Number(), () => value.Flag(), () => value.Array() })
        {
            var refused = Should.Throw<InputRefusedException>(read);
            (refused.Field, refused.Value).ShouldBe(("name", ""));
            refused.Detail.ShouldStartWith("name: must ");
        }
        Should.Throw<InputRefusedException>(() => value.Text()).Code.ShouldBe(Rejection.ForbiddenCharacter);
        using var named = InputValue.Parse((byte[])[.. "{\""u8, 0xFF, .. "\":1}"u8]);
        var name = Should.Throw<InputRefusedException>(() => new InputValue("input", named.RootElement).Object("name"));
        (name.Code, name.Rule).ShouldBe((Rejection.ForbiddenCharacter, "a member's name must be UTF-8"));
    }
}
