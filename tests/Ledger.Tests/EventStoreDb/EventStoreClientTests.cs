using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
using Grpc.Core;
using Ledger.Stores.EventStoreDb;
using Ledger.Stores.EventStoreDb.Wire;
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

    [Fact]
    public async Task Events_are_sent_as_the_protocol_writes_them_and_come_back_as_they_were()
    {
        await using var server = await EventStoreDouble.StartAsync();
        var recorder = new FrameRecorder();
        await using var client = new EventStoreClient(
            EventStoreClientSettings.Create(server.ConnectionString) with { Interceptors = [recorder] });
        UInt128[] ids = [1, UInt128.One << 64, UInt128.MaxValue, UInt128.One << 127, 0x7f, 0x80, 0x3fff, 0x4000];
        // About the lengths whose number takes another byte, and about that of a part.
        int[] lengths = [0, 1, 127, 128, 16_383, 16_384, 49_151, 49_152, 200_000];
        var random = new Random(1);
        var sent = new List<EventData>();
        for (var i = 0; i < 200; i++)
        {
            var (data, metadata) = (new byte[lengths[random.Next(i % 20 == 0 ? 9 : 5)]], new byte[lengths[i % 5]]);
            random.NextBytes(data);
            random.NextBytes(metadata);
            var id = i < ids.Length ? ids[i] : ids[2] - (UInt128)(uint)i;
            sent.Add(new(new Uuid(id), i % 3 == 0 ? "ä" : "reading", data, metadata,
                i % 2 == 0 ? EventData.Json : EventData.Binary));
        }
        for (var (from, state) = (0, StreamState.NoStream); from < sent.Count; from += 20, state = StreamState.Any)
            await client.AppendToStreamAsync("a", state, sent.Skip(from).Take(20), cancellationToken: Ct);
        var read = (await AllAsync(client.ReadStreamAsync(Direction.Forwards, "a", StreamPosition.Start,
            cancellationToken: Ct))).ConvertAll(one => one.OriginalEvent);
        static string Text(
            Uuid id, string type, string content, ReadOnlyMemory<byte> data, ReadOnlyMemory<byte> about) =>
            $"{id} {type} {content} {Convert.ToHexString(data.Span)} {Convert.ToHexString(about.Span)}";
        read.ConvertAll(one => Text(one.EventId, one.EventType, one.ContentType, one.Data, one.Metadata))
            .ShouldBe(sent.ConvertAll(one => Text(one.EventId, one.Type, one.ContentType, one.Data, one.Metadata)));
        var messages = recorder.Text.Split('\n').Where(line => line.StartsWith("2 > ", StringComparison.Ordinal))
            .Select(line => Convert.FromHexString(line["2 > ".Length..])).ToList();
        messages.Count.ShouldBeGreaterThan(20);
        messages.ShouldAllBe(message => BatchAppendReq.Parser.ParseFrom(message).ToByteArray().SequenceEqual(message));
        messages.Select(BatchAppendReq.Parser.ParseFrom).ShouldAllBe(message => message.ProposedMessages.Count <= 1
            || message.ProposedMessages.Sum(one => one.Data.Length + one.CustomMetadata.Length) <= 48 * 1024);
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
        (await Should.ThrowAsync<RpcException>(() => client.AppendToStreamAsync("a", StreamState.Any, [Event(1)],
            TimeSpan.FromMilliseconds(50), Ct))).StatusCode.ShouldBe(StatusCode.Unavailable);
        held.Set();
    }
}
