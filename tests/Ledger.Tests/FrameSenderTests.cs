using System.Buffers.Binary;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Who sent what came by stream is the first that the log says of a session, and whose name the facts bear.
/// </summary>
public sealed class FrameSenderTests
{
    private static readonly Principal Kim = Roles.Principal("kim", Role.Station, new("ACME"), [new("S1")]);
    private static readonly Principal Lee = Roles.Principal("lée", Role.ChargingOperator, new("BETA"), []);
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static FrameSender? SenderOf(LoggedFrame frame)
    {
        var reader = FrameReader.Open(frame.Bytes.Span);
        if (reader.Head.Kind != FrameKind.Sender) return null;
        reader.TryRead(out FrameSender? sender).ShouldBeTrue();
        reader.TryRead(out FrameSender? _).ShouldBeFalse();
        return sender;
    }

    [Fact]
    public async Task It_is_the_first_record_of_a_session_and_every_segment_says_it_again()
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, FrameLogOptions.FolderName);
        var start = StreamTown.DayMicroseconds;
        using (var log = FrameLog.Open(new(path, 2000, 2 * 1024 * 1024)))
        {
            FrameSession[] sessions =
            [
                log.StartSession(new(Kim.Party, Kim.Actor)), log.StartSession(),
                log.StartSession(new(Lee.Party, Lee.Actor)),
            ];
            sessions.Select(session => session.Sender?.Holder).ShouldBe(["kim", null, "lée"]);
            for (var i = 0; i < 30; i++)
                foreach (var session in sessions)
                {
                    var frame = i == 0 ? Announced(start)
                        : StreamTown.Samples(i, start, (0, StreamTown.Seconds(60 * i, (60 * i) + 59)));
                    log.TryAppend(frame, session, StreamTown.Day, out var durable).ShouldBeTrue();
                    await durable;
                }
            // One that sends nothing leaves nothing.
            log.StartSession(new(Lee.Party, "mo"));
            log.SealFullSegments(Ct).ShouldNotBeEmpty();
        }
        var blocks = new FrameLogReader(path).ReadAll().ToList();
        blocks.Select(block => block.Address.Segment).Distinct().Count().ShouldBeGreaterThan(3);
        foreach (var segment in blocks.GroupBy(block => block.Address.Segment))
        {
            var frames = segment.SelectMany(block => block.Frames).ToList();
            foreach (var (session, sender) in new (long, FrameSender?)[]
            {
                (1, new(new("ACME"), "kim")), (2, null), (3, new(new("BETA"), "lée")),
            })
            {
                var its = frames.Where(frame => frame.Session == session).Select(SenderOf).ToList();
                its[0].ShouldBe(sender);
                its.Skip(1).ShouldAllBe(other => other == null);
            }
            frames.ShouldAllBe(frame => frame.Session <= 3);
        }
        var last = blocks[^1].Address;
        new FrameLogReader(path).OpenedBefore(last).Select(SenderOf).Count(sender => sender is not null).ShouldBe(2);
        new FrameLogReader(path).AnnouncedBefore(last).Select(SenderOf).ShouldAllBe(sender => sender == null);
    }

    private static byte[] Announced(long at)
    {
        var buffer = new byte[256];
        var frame = FrameWriter.Announce(buffer, 0, at, 0);
        frame.TryAdd(new Announcement(0, new("CP0"), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static async Task<List<(string Actor, string Party)>> NamesOfAsync<T>(StreamTown town) =>
        [.. (await TestFolder.AllAsync(town.Ledger.Journal)).Where(recorded => EventCodec.Decode(recorded) is T)
            .Select(recorded => (recorded.Envelope.Actor, recorded.Envelope.Tenant.Value)).Distinct().Order()];

    [Fact]
    public async Task Records_are_in_the_name_of_who_sent_also_after_the_log_is_read_again()
    {
        await using var town = await StreamTown.OpenAsync(3);
        StreamDoor[] doors = [town.Streams.Connect(Kim), town.Streams.Connect(), town.Streams.Connect(Lee)];
        for (var i = 0; i < 3; i++) await StreamTown.SendAsync(doors[i], town.Announce(1, first: i));
        for (var second = 0; second < 1000; second += 60)
            foreach (var door in doors) await town.StreamAsync(door, 1, second, second + 59);
        // The process ends amid a period: what is recorded of it later is read from the log.
        await town.RestartAsync();
        await town.SettleAsync(StreamTown.Day + Duration.FromHours(1));
        (await town.LatestAsync()).Select(record => record.Point.Value).Distinct().ShouldBe(["CP0", "CP1", "CP2"]);
        (await NamesOfAsync<IntervalRecorded>(town)).ShouldBe([("kim", "ACME"), ("lée", "BETA"), ("streams", "test")]);
        foreach (var recorded in await TestFolder.AllAsync(town.Ledger.Journal))
            if (EventCodec.Decode(recorded) is IntervalRecorded record)
                recorded.Envelope.Actor.ShouldBe(record.Point.Value switch { "CP0" => "kim", "CP1" => "streams", _ => "lée" });
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A point is sold: what its former owner sent is his, also where it is told after the new one has
    /// begun.</summary>
    [Fact]
    public async Task A_period_is_recorded_in_the_name_of_who_sent_it_and_not_of_who_announced_last()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var former = town.Streams.Connect(Kim);
        using var later = town.Streams.Connect(Lee);
        await StreamTown.SendAsync(former, town.Announce(1));
        await town.StreamAsync(former, 1, 0, 1795);
        await StreamTown.SendAsync(later, town.Announce(1));
        await town.StreamAsync(later, 1, 1800, 2780);
        // Samples of his that come late are his too.
        await StreamTown.SendAsync(former, StreamTown.Samples(
            former.LastSequence + 1, StreamTown.Time(2780), (0, [StreamTown.At(1797, 100)])));
        await StreamTown.SendAsync(later, StreamTown.Samples(
            later.LastSequence + 1, StreamTown.Time(2790), (0, StreamTown.Seconds(2781, 2790))));
        await town.SettleAsync(StreamTown.Day + Duration.FromHours(1));
        var names = (await TestFolder.AllAsync(town.Ledger.Journal))
            .Select(recorded => (Record: EventCodec.Decode(recorded) as IntervalRecorded, recorded.Envelope.Actor))
            .Where(one => one.Record is not null)
            .Select(one => ((one.Record!.Period.Start - StreamTown.Day).TotalSeconds, one.Actor)).Distinct().Order();
        names.ShouldBe([(0, "kim"), (900, "kim"), (1800, "lée")]);
    }

    [Fact]
    public async Task What_is_refused_of_a_session_is_refused_in_its_senders_name()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect(Kim);
        await StreamTown.SendAsync(door, town.Announce(1, first: 7)); // not registered
        await town.SettleAsync(StreamTown.Day + Duration.FromHours(1));
        (await NamesOfAsync<EvidenceRefused>(town)).ShouldBe([("kim", "ACME")]);
    }

    [Fact]
    public async Task At_the_door_sender_and_refused_frame_bear_the_holders_name()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        await town.TakeAsync("settlement-point", AccessTown.Own.In(AccessRequests.Posts[0].Body), "ACME");
        var station = town.Key(Role.Station).Shown;
        var buffer = new byte[1024];
        var frame = FrameWriter.Announce(buffer, 0, AccessTown.Now.ToUnixTimeTicks() / 10, 0);
        frame.TryAdd(new Announcement(0, new("CP1"), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        var announced = buffer[..frame.Finish()];
        byte[] body = [.. new byte[sizeof(int)], .. announced];
        BinaryPrimitives.WriteInt32LittleEndian(body, announced.Length);
        (await town.SendAsync(HttpMethod.Post, station, "/v1/frames", body)).Status.ShouldBe(201);
        (await town.SendAsync(HttpMethod.Post, station, "/v1/frames", [1, 0, 0, 0, (byte)'x'])).Status.ShouldBe(422);
        SenderOf(town.Served.Streams!.Log.Reader.ReadAll().Single().Frames[0]).ShouldBe(new(new("ACME"), "Station-1"));
        var refused = (await TestFolder.AllAsync(town.Served.Ledger.Journal))
            .Single(recorded => EventCodec.Decode(recorded) is EvidenceRefused);
        (refused.Envelope.Actor, refused.Envelope.Tenant.Value).ShouldBe(("Station-1", "ACME"));
    }
}
