using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Ledger.Stores.EventStoreDb;
using NodaTime;
using Shouldly;
using VNodeState = Ledger.Stores.EventStoreDb.Wire.MemberInfo.Types.VNodeState;

namespace Ledger.Tests.EventStoreDb;

/// <summary>How the client finds a node and what it understands of its answers.</summary>
public sealed class EventStoreClientTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static EventData Event(int id, int bytes = 2, string type = "t", string contentType = EventData.Json) =>
        new(new Uuid((UInt128)(uint)id), type, new byte[bytes], ReadOnlyMemory<byte>.Empty, contentType);

    private static EventStoreClient Client(string connectionString) =>
        new(EventStoreClientSettings.Create(connectionString));

    private static async Task<List<ResolvedEvent>> AllAsync(IAsyncEnumerable<ResolvedEvent> events)
    {
        var all = new List<ResolvedEvent>();
        await foreach (var resolved in events) all.Add(resolved);
        return all;
    }

    [Fact]
    public async Task Revisions_are_expected_and_repeats_are_known_as_the_server_says()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var client = Client(server.ConnectionString);
        var wrong = await Should.ThrowAsync<WrongExpectedVersionException>(() =>
            client.AppendToStreamAsync("a", StreamState.StreamExists, [Event(1)], cancellationToken: Ct));
        (wrong.StreamName, wrong.ActualVersion, wrong.Message).ShouldBe(
            ("a", null, "stream a is at revision -1 and not at StreamExists"));
        (await client.AppendToStreamAsync("a", StreamState.NoStream, [Event(1), Event(2)], cancellationToken: Ct))
            .NextExpectedStreamRevision.ShouldBe(new StreamRevision(1));
        var again = (SuccessResult)await client.AppendToStreamAsync("a", StreamState.NoStream, [Event(1), Event(2)],
            cancellationToken: Ct);
        again.ShouldBe(new SuccessResult(new(1), new(server.Log.Of("a")![1].Position, server.Log.Of("a")![1].Position)));
        (await Should.ThrowAsync<WrongExpectedVersionException>(() => client.AppendToStreamAsync("a",
            new StreamRevision(0), [Event(3)], cancellationToken: Ct))).ActualVersion.ShouldBe(1);
        (await client.AppendToStreamAsync("a", new StreamRevision(1), [Event(2)], cancellationToken: Ct))
            .NextExpectedStreamRevision.ShouldBe(new StreamRevision(2), "a known id at the right revision is written again");
        (await client.AppendToStreamAsync("a", StreamState.Any, [Event(2)], cancellationToken: Ct))
            .NextExpectedStreamRevision.ShouldBe(new StreamRevision(1), "anywhere, its first place is remembered");
        await using var quiet = Client(server.ConnectionString + "&throwOnAppendFailure=false");
        (await quiet.AppendToStreamAsync("a", StreamState.NoStream, [Event(9)], cancellationToken: Ct))
            .ShouldBe(new WrongExpectedVersionResult("a", new(2)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_a_server_refuses_has_an_exception_of_its_own_on_both_ways(bool hasBatches)
    {
        await using var server = await EventStoreDouble.StartAsync(hasBatches: hasBatches);
        await using var client = Client(server.ConnectionString);
        (await Should.ThrowAsync<MaximumAppendSizeExceededException>(() => client.AppendToStreamAsync("a",
            StreamState.Any, [Event(1, 600_000), Event(2, 600_000)], cancellationToken: Ct)))
            .MaxAppendSize.ShouldBe(1048576u);
        if (hasBatches)
            (await Should.ThrowAsync<RpcException>(() => client.AppendToStreamAsync("a", StreamState.Any,
                [Event(1, type: "")], cancellationToken: Ct))).StatusCode.ShouldBe(StatusCode.InvalidArgument);
        else
            (await Should.ThrowAsync<RequiredMetadataPropertyMissingException>(() => client.AppendToStreamAsync("a",
                StreamState.Any, [Event(1, type: "")], cancellationToken: Ct))).Message.ShouldContain("type,content-type");
        await client.AppendToStreamAsync("a", StreamState.Any, [Event(1)], cancellationToken: Ct);
        (await Should.ThrowAsync<WrongExpectedVersionException>(() => client.AppendToStreamAsync("a",
            StreamState.NoStream, [Event(5)], cancellationToken: Ct))).ActualVersion.ShouldBe(0);
        server.Log.Delete("a", DoubleLog.Any, isForGood: true);
        await Should.ThrowAsync<StreamDeletedException>(() => client.AppendToStreamAsync("a", StreamState.Any,
            [Event(2)], cancellationToken: Ct));
        (await Should.ThrowAsync<StreamDeletedException>(() => AllAsync(client.ReadStreamAsync(Direction.Forwards, "a",
            StreamPosition.Start)))).Message.ShouldBe("stream a was deleted for good");
    }

    [Fact]
    public async Task A_stream_is_read_both_ways_and_followed_from_any_place()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var client = Client(server.ConnectionString);
        await Should.ThrowAsync<StreamNotFoundException>(() => AllAsync(client.ReadStreamAsync(Direction.Forwards, "a",
            StreamPosition.Start)));
        await client.AppendToStreamAsync("a", StreamState.NoStream, [.. Enumerable.Range(0, 10).Select(i => Event(i))],
            cancellationToken: Ct);
        async Task<string> Read(Direction direction, StreamPosition from, long count) => string.Join(',',
            (await AllAsync(client.ReadStreamAsync(direction, "a", from, count)))
            .Select(resolved => resolved.OriginalEvent.EventNumber.Value));
        (await Read(Direction.Forwards, StreamPosition.Start, 3)).ShouldBe("0,1,2");
        (await Read(Direction.Forwards, new(7), 100)).ShouldBe("7,8,9");
        (await Read(Direction.Forwards, new(10), 100)).ShouldBe("");
        (await Read(Direction.Backwards, StreamPosition.End, 2)).ShouldBe("9,8");
        (await Read(Direction.Backwards, new(1), 9)).ShouldBe("1,0");
        var last = (await AllAsync(client.ReadStreamAsync(Direction.Backwards, "a", StreamPosition.End, 1,
            cancellationToken: TestContext.Current.CancellationToken)))[0].Event!;
        (last.EventId, last.EventType, last.ContentType, last.Created).ShouldBe(
            (new Uuid(9), "t", EventData.Json, Instant.FromUnixTimeSeconds(1_700_000_009)));
        var said = new List<string>();
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        await foreach (var message in client.SubscribeToStream("a", FromStream.After(new(7)),
            cancellationToken: enough.Token))
        {
            said.Add(message switch
            {
                StreamMessage.Event(var resolved) => $"{resolved.OriginalEvent.EventNumber.Value}",
                StreamMessage.SubscriptionConfirmation => "confirmed",
                _ => message.GetType().Name,
            });
            if (message is StreamMessage.CaughtUp)
                await client.AppendToStreamAsync("a", StreamState.Any, [Event(20)], cancellationToken: Ct);
            if (said[^1] == "10") break;
        }
        said.ShouldBe(["confirmed", "8", "9", "CaughtUp", "10"]);
    }

    [Fact]
    public async Task The_preferred_node_of_a_cluster_is_found_by_asking_whoever_answers()
    {
        await using var leader = await EventStoreDouble.StartAsync();
        await using var follower = await EventStoreDouble.StartAsync(log: leader.Log);
        foreach (var node in new[] { leader, follower })
            node.Members.AddRange([(VNodeState.Follower, true, follower.Port), (VNodeState.CatchingUp, true, 1),
                (VNodeState.Leader, true, leader.Port), (VNodeState.ReadOnlyReplica, false, 1)]);
        foreach (var (text, asked) in new[]
        {
            ($"esdb+discover://127.0.0.1:{follower.Port}?tls=false", leader),
            ($"esdb://127.0.0.1:1,127.0.0.1:{leader.Port}?tls=false&nodePreference=Follower", follower),
            ($"esdb+discover://127.0.0.1:{leader.Port}?tls=false&nodePreference=readOnlyReplica", follower),
            ($"esdb+discover://127.0.0.1:{follower.Port}?tls=false&nodepreference=leader", leader),
        })
        {
            var before = asked.Faults.Calls.Count;
            await using var client = Client(text);
            await client.AppendToStreamAsync("a", StreamState.Any, [Event(1)], cancellationToken: Ct);
            (asked.Faults.Calls.Count - before).ShouldBe(1, text);
            asked.Faults.Calls.Last().Headers.ContainsKey("requires-leader")
                .ShouldBe(!text.Contains("Follower", StringComparison.Ordinal) && !text.Contains("Replica", StringComparison.Ordinal));
        }
        follower.Members.Clear();
        follower.Members.Add((VNodeState.Initializing, true, leader.Port));
        await using var lost = Client($"esdb+discover://127.0.0.1:{follower.Port}?tls=false&maxDiscoverAttempts=2&discoveryInterval=1");
        (await Should.ThrowAsync<DiscoveryException>(() => lost.AppendToStreamAsync("a", StreamState.Any, [Event(1)],
            cancellationToken: Ct))).Message.ShouldBe("no node was found in 2 rounds of asking");
    }

    [Fact]
    public async Task Over_TLS_the_server_must_be_trusted_and_hears_who_asks()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(
            DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(90));
        await using var server = await EventStoreDouble.StartAsync(certificate);
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.Path);
        var authority = Path.Combine(folder.Path, "ca.pem");
        await File.WriteAllTextAsync(authority, certificate.ExportCertificatePem(), Ct);
        foreach (var (options, trusts) in new[] { ("", false), ("?tlsVerifyCert=false", true), ($"?tlsCaFile={authority}", true) })
        {
            await using var client = Client($"esdb://rea%40der:p%3Aw@127.0.0.1:{server.Port}{options}");
            if (!trusts)
            {
                (await Should.ThrowAsync<RpcException>(() => client.AppendToStreamAsync("a", StreamState.Any, [Event(1)],
                    cancellationToken: Ct))).StatusCode.ShouldBeOneOf(StatusCode.Unavailable, StatusCode.Internal);
                continue;
            }
            await client.AppendToStreamAsync("a", StreamState.Any, [Event(1)], cancellationToken: Ct);
            var headers = server.Faults.Calls.Last().Headers;
            headers["authorization"].ShouldBe("Basic " + Convert.ToBase64String("rea@der:p:w"u8));
            headers["connection-name"].ShouldBe("ledger");
        }
    }

    [Fact]
    public async Task In_the_clear_no_password_is_sent()
    {
        await using var server = await EventStoreDouble.StartAsync();
        await using var client = Client($"esdb://user:secret@127.0.0.1:{server.Port}?tls=false&connectionName=town");
        await client.AppendToStreamAsync("a", StreamState.Any, [Event(1)], cancellationToken: Ct);
        var headers = server.Faults.Calls.Single().Headers;
        headers.ShouldNotContainKey("authorization");
        headers["connection-name"].ShouldBe("town");
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_given_up_after_the_deadline()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var held = new ManualResetEventSlim();
        server.Faults.Add(new DoubleFault(() => held.Wait(Ct), () => { }));
        await using var client = Client(server.ConnectionString);
        await Should.ThrowAsync<TimeoutException>(() => client.AppendToStreamAsync("a", StreamState.Any, [Event(1)],
            TimeSpan.FromMilliseconds(50), Ct));
        held.Set();
    }
}
