using System.Globalization;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using Ledger.Stores.EventStoreDb.Wire;
using Shouldly;
using Direction = Ledger.Stores.EventStoreDb.Direction;

namespace Ledger.Tests.EventStoreDb;

/// <summary>
/// Everything that our journal and client said to a server of version 24.2 and were answered is in
/// <c>frames.txt</c>. Said again to the double, byte for byte, it is answered the same; only places in the log, times
/// and ids of subscriptions are a server's own. <c>LEDGER_RECORD=1</c> with <c>LEDGER_ESDB</c> records anew.
/// </summary>
[Collection(nameof(EventStoreDbServerContractTests))]
public sealed class RecordedFrameTests
{
    private const string Frames = "tests/Ledger.Tests/EventStoreDb/frames.txt";
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_double_answers_recorded_frames_as_the_server_did()
    {
        await using var server = await EventStoreDouble.StartAsync();
        using var channel = GrpcChannel.ForAddress($"http://127.0.0.1:{server.Port}");
        var calls = new Dictionary<string, ReplayedCall>();
        var answers = 0;
        foreach (var line in File.ReadLines(Repository.PathOf(Frames)))
        {
            var (number, what, rest) = (line.Split(' ')[0], line.Split(' ')[1], line[(line.IndexOf(' ') + 1)..]);
            var last = rest.Length > what.Length ? rest[(what.Length + 1)..] : "";
            switch (what)
            {
                case "call": calls[number] = new ReplayedCall(channel, last); break;
                case ">": await calls[number].SendAsync(Convert.FromHexString(last)); break;
                case "<":
                    calls[number].Comparable(await calls[number].NextAsync(Ct) ?? "the call has ended")
                        .ShouldBe(calls[number].Comparable(calls[number].Parsed(Convert.FromHexString(last))), line);
                    answers++;
                    break;
                case "end": (await calls[number].EndAsync(Ct)).ShouldBe(last); break;
                default: throw new InvalidDataException(line);
            }
        }
        answers.ShouldBeGreaterThan(40);
        foreach (var call in calls.Values) call.Dispose();
    }

    [Fact]
    public async Task Frames_are_recorded_from_a_server_when_asked_for()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("LEDGER_RECORD") == "1"
            && EventStoreDbServerContractTests.Server is not null, "LEDGER_RECORD=1 and LEDGER_ESDB record");
        var place = EventStoreDbPlace.AtServer(EventStoreDbServerContractTests.Server!);
        var recorder = new FrameRecorder();
        var options = place.Options with { Server = place.Options.Server with { Interceptors = [recorder] } };
        await SayEverythingAsync(options, recorder);
        await File.WriteAllTextAsync(Repository.PathOf(Frames), recorder.Text, Ct);
        recorder.Text.ShouldContain("BatchAppend");
    }

    /// <summary>What the journal says: opening, appending, repeats, reads, a second sequencer, a follower.</summary>
    private static async Task SayEverythingAsync(EventStoreDbJournalOptions options, FrameRecorder recorder)
    {
        static ValueTask<AppendResult> Append(IJournal journal, string stream, params int[] numbers) =>
            journal.AppendAsync(stream, ExpectedRevision.Any, [.. numbers.Select(number => TestFolder.Reading(number))],
                TestFolder.Tester, null, Ct);
        await using (var journal = await EventStoreDbJournal.OpenAsync(options, Ct))
        {
            await Append(journal, "s", 1);
            await Append(journal, "t", 2, 3, 4);
            await Append(journal, "s", 5);
            await Append(journal, "s", 1);
            await foreach (var _ in journal.ReadStreamAsync("s", 0, Ct)) { }
        }
        await using (var first = await EventStoreDbJournal.OpenAsync(options, Ct))
        await using (var second = await EventStoreDbJournal.OpenAsync(options, Ct))
        {
            await Append(first, "s", 6);
            await Should.ThrowAsync<JournalFaultedException>(async () => await Append(second, "s", 7));
            await foreach (var _ in first.ReadAllAsync(2, Ct)) { }
            await using var reader = await EventStoreDbJournalReader.OpenAsync(options, Ct);
            // A follower that is still catching up may be told of the next event before or after that it has caught up.
            while (!recorder.HasSeenCaughtUp) await Task.Delay(10, Ct);
            await Append(first, "u", 8);
            await reader.WaitForAsync(6, Ct);
        }
        await using var client = new EventStoreClient(options.Server);
        var (name, other) = (options.StreamPrefix + options.Ledger, options.StreamPrefix + "other");
        EventData Event(int id) => new(new Uuid((UInt128)(uint)id), "t", new byte[2], new byte[1]);
        await Refused(StreamState.StreamExists, Event(1));
        await client.AppendToStreamAsync(other, StreamState.NoStream, [Event(1), Event(2)], cancellationToken: Ct);
        await client.AppendToStreamAsync(other, StreamState.NoStream, [Event(1), Event(2)], cancellationToken: Ct);
        await Refused(StreamState.NoStream, Event(3));
        await client.AppendToStreamAsync(other, new StreamRevision(1), [Event(2)], cancellationToken: Ct);
        await client.AppendToStreamAsync(other, StreamState.StreamExists, [Event(4)], cancellationToken: Ct);
        await client.GetStreamMetadataAsync(name, Ct);
        await client.AppendToStreamAsync("$$" + name, StreamState.NoStream, [new EventData(new Uuid(9), "$metadata",
            "{\"$maxCount\":3}"u8.ToArray(), ReadOnlyMemory<byte>.Empty)], cancellationToken: Ct);
        await client.GetStreamMetadataAsync(name, Ct);
        await foreach (var _ in client.ReadStreamAsync(Direction.Backwards, other, StreamPosition.End, 2,
            cancellationToken: Ct)) { }
        await foreach (var _ in client.ReadStreamAsync(Direction.Forwards, name, StreamPosition.Start, 9,
            cancellationToken: Ct)) { }
        await foreach (var message in client.SubscribeToStream(other, FromStream.After(new(2)), cancellationToken: Ct))
            if (message is StreamMessage.CaughtUp) break;

        async Task Refused(StreamState expected, EventData one) =>
            await Should.ThrowAsync<WrongExpectedVersionException>(() =>
                client.AppendToStreamAsync(other, expected, [one], cancellationToken: Ct));
    }
}

/// <summary>A recorded call that is made again with the bytes of the first time.</summary>
internal sealed class ReplayedCall : IDisposable
{
    private static readonly Marshaller<byte[]> Raw = Marshallers.Create(bytes => bytes, bytes => bytes);
    private readonly AsyncDuplexStreamingCall<byte[], byte[]> call;
    private readonly MessageParser parser;

    public ReplayedCall(GrpcChannel channel, string method)
    {
        var (service, name) = (method.Trim('/').Split('/')[0], method.Trim('/').Split('/')[1]);
        parser = name switch
        {
            "BatchAppend" => BatchAppendResp.Parser,
            "Read" => ReadResp.Parser,
            _ => SupportedMethods.Parser,
        };
        // On the wire a call of one message is a call of many that has one.
        call = channel.CreateCallInvoker().AsyncDuplexStreamingCall(
            new Method<byte[], byte[]>(MethodType.DuplexStreaming, service, name, Raw, Raw), null, new CallOptions());
        IsBatch = name == "BatchAppend";
    }

    private bool IsBatch { get; }

    public async Task SendAsync(byte[] message)
    {
        await call.RequestStream.WriteAsync(message);
        if (!IsBatch) await call.RequestStream.CompleteAsync();
    }

    public IMessage Parsed(byte[] message) => parser.ParseFrom(message);

    public async Task<object?> NextAsync(CancellationToken ct) =>
        await call.ResponseStream.MoveNext(ct) ? Parsed(call.ResponseStream.Current) : null;

    public async Task<string> EndAsync(CancellationToken ct)
    {
        try
        {
            return await call.ResponseStream.MoveNext(ct) ? "it goes on" : "OK";
        }
        catch (RpcException e)
        {
            return $"{e.StatusCode} {e.Trailers.GetValue("exception")}".TrimEnd();
        }
    }

    /// <summary>The message without what is a server's own.</summary>
    public string Comparable(object message)
    {
        switch (message)
        {
            case SupportedMethods supported:
                return string.Join('\n', supported.Methods
                    .Where(one => one.ServiceName == "event_store.client.streams.streams")
                    .Select(one => $"{one.MethodName} {string.Join(',', one.Features)}").Order(StringComparer.Ordinal));
            case ReadResp { Event: { Event: { } recorded } read }:
                read.CommitPosition = recorded.CommitPosition = recorded.PreparePosition = 1;
                recorded.Metadata["created"] = recorded.Metadata["created"].All(char.IsAsciiDigit)
                    ? "ticks" : throw new InvalidDataException("a time is not a number of ticks");
                break;
            case ReadResp { Confirmation: { } confirmation }: confirmation.SubscriptionId = ""; break;
            case BatchAppendResp { Success.Position: { } at }: at.CommitPosition = at.PreparePosition = 1; break;
            default: break;
        }
        return Convert.ToString(message, CultureInfo.InvariantCulture)!;
    }

    public void Dispose() => call.Dispose();
}
