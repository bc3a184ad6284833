using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is announced costs no more than what it says: in a frame, in a session, of a party, and in the
/// segments that repeat it.</summary>
public sealed class StreamAnnouncementTests
{
    private static readonly Instant Noon = Instant.FromUtc(2026, 3, 1, 12, 0);
    private static readonly long Start = Noon.ToUnixTimeMilliseconds() * 1000;

    private static byte[] Announce(long sequence, int first, IEnumerable<string> points, long nominal = 1_000_000)
    {
        var buffer = new byte[Limits.FrameBytesMax];
        var frame = FrameWriter.Announce(buffer, sequence, Start, first);
        foreach (var point in points)
            frame.TryAdd(new Announcement(first++, new(point), SampleSemantics.Instant, nominal)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static IEnumerable<string> Names(int from, int count) => Enumerable.Range(from, count)
        .Select(i => string.Create(CultureInfo.InvariantCulture, $"CP{i}"));

    private static List<Announcement> Announced(LoggedFrame frame)
    {
        var entries = new List<Announcement>();
        var reader = FrameReader.Open(frame.Bytes.Span);
        while (reader.TryRead(out Announcement entry)) entries.Add(entry);
        return entries;
    }

    [Fact]
    public async Task A_point_is_named_once_in_a_frame_and_has_one_stream_in_a_session()
    {
        await using var town = await StreamTown.OpenAsync(3);
        using var door = town.Streams.Connect();
        var twice = Announce(0, 0, ["CP0", "CP1", "CP0"]);
        Refused(twice, "frame.entries[2].point", "a frame names a point once");
        FrameReader.Open(twice).Head.Entries.ShouldBe(3); // its form is right: logs of before may have it
        await StreamTown.SendAsync(door, Announce(0, 0, ["CP0", "CP1"]));
        Refused(Announce(1, 2, ["CP2", "CP0"]), "frame.entries[1].point",
            "a point has one stream in a session, and this one has stream 0");
        // The same streams again, also the other way round, and a point that another one has taken the place of.
        await StreamTown.SendAsync(door, Announce(1, 0, ["CP1", "CP0"]));
        await StreamTown.SendAsync(door, Announce(2, 0, ["CP2"]));
        await StreamTown.SendAsync(door, Announce(3, 2, ["CP1"]));
        Refused(Announce(4, 3, ["CP0"]), "frame.entries[0].point",
            "a point has one stream in a session, and this one has stream 1");

        void Refused(byte[] frame, string field, string rule)
        {
            var why = Should.Throw<InputRefusedException>(() => door.Take(frame, out _, out _));
            (why.Code, why.Field, why.Rule).ShouldBe((Rejection.NamedTwice, field, rule));
            why.Value.ShouldStartWith("CP");
        }
    }

    /// <summary>Frames of which an entry each stays in force are not repeated whole, nor by every group
    /// commit.</summary>
    [Fact]
    public async Task A_segment_repeats_the_entries_in_force_and_then_has_as_much_of_its_own()
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, FrameLogOptions.FolderName);
        var segments = new List<int>();
        using (var log = FrameLog.Open(new(path, 16 * 1024, 2 * 1024 * 1024)))
        {
            var session = log.StartSession();
            for (var i = 0; i < 40; i++) await AppendAsync(Announce(i, 0, Names(0, 1000 - i), 1_000_000 + i));
            for (var i = 0; i < 200; i++)
                segments.Add(await AppendAsync(StreamTown.Samples(100 + i, Start,
                    (0, [.. Enumerable.Range(0, 60).Select(n => new PowerSample(Start + (n * n * 977), n * n))]))));

            async Task<int> AppendAsync(byte[] frame)
            {
                log.TryAppend(frame, session, Noon, out var durable).ShouldBeTrue();
                return (await durable).Segment;
            }
        }
        segments.Distinct().Count().ShouldBeInRange(2, 20);
        var reader = new FrameLogReader(path);
        var repeated = reader.ReadAll().Where(block => block.Head.IsCarried && block.Address.Segment == segments[^1])
            .ShouldHaveSingleItem().Frames.ShouldHaveSingleItem();
        var entries = Announced(repeated);
        entries.Select(entry => entry.Stream).ShouldBe(Enumerable.Range(0, 1000));
        entries.Select(entry => entry.Point.Value).ShouldBe(Names(0, 1000));
        // Each shorter frame left the last entry of the one before in force.
        entries.Select(entry => entry.NominalPeriodMicroseconds - 1_000_000)
            .ShouldBe(Enumerable.Range(0, 1000).Select(stream => (long)Math.Min(39, 999 - stream)));
        repeated.Bytes.Length.ShouldBeLessThan(16 * 1024);
    }

    /// <summary>Streams beyond one frame's room are repeated by several, whose first stream says so.</summary>
    [Fact]
    public async Task More_streams_than_a_frame_has_room_for_are_repeated_by_several()
    {
        using var folder = new TestFolder();
        var path = Path.Combine(folder.Path, FrameLogOptions.FolderName);
        const int Streams = 16_000;
        using (var log = FrameLog.Open(new(path, 16 * 1024, 2 * 1024 * 1024)))
        {
            var session = log.StartSession(new(new("ACME"), "kim"));
            foreach (var first in new[] { 0, Streams / 2 })
                await AppendAsync(Announce(
                    first == 0 ? 0 : 1, first, Names(first, Streams / 2).Select(name => name.PadRight(64, '-'))));
            for (var i = 0; i < 4; i++)
                await AppendAsync(StreamTown.Samples(2 + i, Start, (Streams - 1, [new(Start, 1)])));

            async Task AppendAsync(byte[] frame)
            {
                log.TryAppend(frame, session, Noon, out var durable).ShouldBeTrue();
                await durable;
            }
        }
        var blocks = new FrameLogReader(path).ReadAll().ToList();
        var frames = blocks.Where(block => block.Head.IsCarried && block.Address.Segment == blocks[^1].Address.Segment)
            .SelectMany(block => block.Frames).ToList();
        frames.Count.ShouldBeGreaterThan(2); // who sends, and two at least
        frames.Skip(1).SelectMany(Announced).Select(entry => (entry.Stream, entry.Point.Value)).ShouldBe(
            Names(0, Streams).Select((name, stream) => (stream, name.PadRight(64, '-'))));
    }

    [Fact]
    public async Task The_sessions_of_a_party_announce_no_more_together_than_may_be_until_one_ends()
    {
        using var folder = new TestFolder();
        using var log = FrameLog.Open(new(Path.Combine(folder.Path, FrameLogOptions.FolderName)));
        var sessions = new List<FrameSession>();
        var (half, rest) = (Limits.StreamsPerSessionMax / 2, Announce(1, Limits.StreamsPerSessionMax / 2,
            Names(Limits.StreamsPerSessionMax / 2, Limits.StreamsPerSessionMax / 2)));
        var begun = Announce(0, 0, Names(0, half));
        for (var i = 0; i < Limits.StreamsPerPartyMax / Limits.StreamsPerSessionMax; i++)
        {
            sessions.Add(log.StartSession(new(new("ACME"), $"key {i}")));
            foreach (var frame in new[] { begun, rest })
            {
                log.TryAppend(frame, sessions[^1], Noon, out var durable).ShouldBeTrue();
                await durable;
            }
        }
        var one = Announce(0, 0, ["CP0"]);
        var late = log.StartSession(new(new("ACME"), "late"));
        log.TryAppend(one, late, Noon, out _).ShouldBeFalse();
        // What is announced again takes no more, and others have their own room.
        await TakenAsync(Announce(2, 0, ["CP0"]), sessions[0]);
        await TakenAsync(one, log.StartSession(new(new("BETA"), "kim")));
        await TakenAsync(one, log.StartSession());
        log.EndSession(sessions[0]);
        for (var i = 0; !log.TryAppend(one, late, Noon, out _); i++)
        {
            i.ShouldBeLessThan(1000);
            await Task.Delay(5, TestContext.Current.CancellationToken);
        }

        async Task TakenAsync(byte[] frame, FrameSession session)
        {
            log.TryAppend(frame, session, Noon, out var durable).ShouldBeTrue();
            await durable;
        }
    }

    /// <summary>Three hundred points of which nobody has heard: one fact says so, and the frame stays where it
    /// is.</summary>
    [Fact]
    public async Task Points_that_are_announced_in_vain_are_refused_by_one_fact_of_their_frame()
    {
        const int Points = 300;
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        var announced = town.Announce(Points, first: 1);
        await StreamTown.SendAsync(door, announced);
        await town.SettleAsync();
        var (said, actor) = (await town.RefusedAsync()).ShouldHaveSingleItem();
        (said.Code, actor).ShouldBe((Rejection.UnknownSettlementPoint, "streams"));
        said.Detail.ShouldStartWith("CP1, CP2, CP3, CP4 and 296 more: ");
        var range = FrameRange.Read(town.Ledger.Evidence.Get(said.Evidence)!);
        var block = town.Streams.Log.Reader.Read(range.Stretches[0].First, range.Last).ShouldHaveSingleItem();
        block.Frames.ShouldHaveSingleItem().Bytes.ToArray().ShouldBe(announced);
        // Read again after a start, it is no news.
        await town.RestartAsync();
        await town.SettleAsync();
        (await town.RefusedAsync()).Count.ShouldBe(1);
    }
}
