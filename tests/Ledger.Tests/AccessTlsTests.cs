using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Ledger.Api.Access;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>TLS, certificates of stations, and who may stream what.</summary>
public sealed class AccessTlsTests
{
    private static readonly DateTimeOffset From = DateTimeOffset.FromUnixTimeSeconds(1_577_836_800); // 2020
    private static readonly DateTimeOffset Until = DateTimeOffset.FromUnixTimeSeconds(2_208_988_800); // 2040

    private const string Clients = "1.3.6.1.5.5.7.3.2", Servers = "1.3.6.1.5.5.7.3.1";

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        return request.CreateSelfSigned(From, Until);
    }

    private static X509Certificate2 Issue(X509Certificate2 authority, string subject, string use, byte serial)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(new OidCollection { new Oid(use) }, false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var bare = request.Create(authority, From, Until, [serial]);
        using var whole = bare.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null);
    }

    private static HttpClient Client(Uri url, X509Certificate2? certificate)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        if (certificate is not null) handler.SslOptions.ClientCertificates = [certificate];
        return new HttpClient(handler) { BaseAddress = url };
    }

    [Fact]
    public async Task A_station_is_known_by_its_certificate_and_by_no_other()
    {
        using var authority = Authority("stations");
        using var stranger = Authority("stations");
        using var server = Issue(authority, "CN=localhost", Servers, 1);
        await using var town = await AccessTown.StartAsync(
            access: new(IsRequired: true, Tls: new(server, authority)));
        var url = town.Served.Client.BaseAddress!;
        url.Scheme.ShouldBe("https");
        async Task<HttpStatusCode?> StatusAsync(X509Certificate2? certificate, string path = "/v1/settlement-points")
        {
            using var client = Client(url, certificate);
            try
            {
                using var answer = await client.GetAsync(path, TestContext.Current.CancellationToken);
                return answer.StatusCode;
            }
            catch (HttpRequestException)
            {
                return null; // the connection was not made
            }
        }
        using var station = Issue(authority, "CN=S1, O=ACME", Clients, 2);
        (await StatusAsync(station)).ShouldBe(HttpStatusCode.OK);
        (await StatusAsync(station, "/v1/settlement-runs")).ShouldBe(HttpStatusCode.Forbidden);
        (await StatusAsync(null)).ShouldBe(HttpStatusCode.Unauthorized);
        foreach (var subject in new[] { "CN=S1", "O=ACME", "CN=S1, CN=S2, O=ACME", "CN=S 1, O=ACME", "CN=S1, O=A company" })
        {
            using var unnamed = Issue(authority, subject, Clients, 3);
            (await StatusAsync(unnamed)).ShouldBe(HttpStatusCode.Unauthorized, subject);
        }
        using var forged = Issue(stranger, "CN=S1, O=ACME", Clients, 4);
        (await StatusAsync(forged)).ShouldNotBe(HttpStatusCode.OK);
        using var ofServer = Issue(authority, "CN=S1, O=ACME", Servers, 5);
        (await StatusAsync(ofServer)).ShouldNotBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_station_streams_its_own_points_alone()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        foreach (var side in new[] { AccessTown.Own, AccessTown.Foreign })
            await town.TakeAsync("settlement-point", side.In(AccessRequests.Posts[0].Body), side.Account);
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        async Task<StatusCode> EndAsync(string? key, string party, string point)
        {
            using var call = new BareCall(wire.Url, party, key: key);
            try
            {
                await call.OpenAsync();
                await call.SendAsync(Announced(point));
                await call.AcknowledgedAsync(1);
                await call.CompleteAsync();
                return StatusCode.OK;
            }
            catch (RpcException ended)
            {
                return ended.StatusCode;
            }
        }
        var station = town.Key(Role.Station).Shown;
        (await EndAsync(station, "ACME", "CP1")).ShouldBe(StatusCode.OK);
        (await EndAsync(station, "ACME", "CP2")).ShouldBe(StatusCode.NotFound);
        (await EndAsync(station, "ACME", "CP9")).ShouldBe(StatusCode.NotFound);
        (await EndAsync(station, "BETA", "CP1")).ShouldBe(StatusCode.PermissionDenied);
        (await EndAsync(town.Key(Role.Auditor).Shown, "office", "CP1")).ShouldBe(StatusCode.PermissionDenied);
        (await EndAsync(null, "ACME", "CP1")).ShouldBe(StatusCode.Unauthenticated);
        // Nobody is not waited for: such a call ends before it says anything. Nor is who may send no frames.
        using var silent = new BareCall(wire.Url, "ACME");
        (await silent.EndedAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
        using var reader = new BareCall(wire.Url, "ACME", key: town.Key(Role.Auditor).Shown);
        (await reader.EndedAsync()).StatusCode.ShouldBe(StatusCode.PermissionDenied);
    }

    /// <summary>As at the other port: who brings no good key is bounded by his address, and who brings one is not.
    /// </summary>
    [Theory]
    [InlineData(null)]
    [InlineData("ledger_k0_0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task Strangers_call_so_often_and_a_good_key_from_there_is_taken(string? brought)
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!,
            new(IPAddress.Loopback, 0) { StrangersPerSecondMax = 1 },
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        var code = StatusCode.Unauthenticated;
        for (var i = 0; i < 200 && code == StatusCode.Unauthenticated; i++)
        {
            using var stranger = new BareCall(wire.Url, "ACME", key: brought);
            code = (await stranger.EndedAsync()).StatusCode;
        }
        code.ShouldBe(StatusCode.ResourceExhausted);
        using var good = new BareCall(wire.Url, "ACME", key: town.Key(Role.Station).Shown);
        await good.OpenAsync();
    }

    /// <summary>The ledger ends such a call at once, so it may be over before, while or after the sender opens it.
    /// </summary>
    [Fact]
    public async Task A_sender_whose_calls_are_not_taken_is_told_why_whatever_he_does_meanwhile()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        using var strangers = new StreamChannel(wire.Url);
        using var auditors = new StreamChannel(wire.Url, town.Key(Role.Auditor).Shown);
        async Task<string> WhyAsync(StreamChannel channel)
        {
            await using var sender = channel.Open(new("ACME"));
            return (await Should.ThrowAsync<IOException>(async () =>
            {
                await sender.SendAsync(Announced("CP1"), TestContext.Current.CancellationToken);
                await sender.FlushAsync(TestContext.Current.CancellationToken);
            })).Message;
        }
        for (var again = 0; again < 20; again++)
        {
            (await WhyAsync(strangers)).ShouldBe("the ledger takes no frames: Unauthenticated: an access key is needed: authorization: Bearer KEY");
            (await WhyAsync(auditors)).ShouldBe($"the ledger takes no frames: PermissionDenied: scope {Scopes.CurvesWrite} is needed");
        }
    }

    private static byte[] Announced(string point)
    {
        var buffer = new byte[1024];
        var frame = FrameWriter.Announce(buffer, 0, AccessTown.Now.ToUnixTimeTicks() / 10, 0);
        frame.TryAdd(new Announcement(0, new(point), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }
}
