using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The sender that keeps what is not acknowledged: whatever happens on the way, the records are the
/// same.</summary>
public sealed class StreamSenderTests
{
    private const int Connectors = 3, Minutes = 32;

    private static readonly StreamSenderOptions Fast = new("ACME")
    {
        BackoffMin = Duration.FromMilliseconds(20),
        BackoffMax = Duration.FromMilliseconds(100),
    };

    private static long Time(int second) => StreamTown.DayMicroseconds + second * 1_000_000L;

    /// <summary>A minute of every connector, numbered after the announcement; all are sent when the last is over, so
    /// that
    /// no clock has to keep step with what is on the way.</summary>
    private static byte[] Minute(int minute) => StreamTown.Samples(minute + 1, Time(60 * Minutes),
        [.. Enumerable.Range(0, Connectors)
            .Select(i => (i, StreamTown.Seconds(60 * minute, 60 * minute + 59, 10 * i + minute)))]);

    private static async Task SendAsync(WireTown wire, StreamSender sender, int from, int to)
    {
        wire.Town.Clock.Now = StreamTown.Day + Duration.FromMinutes(Minutes);
        if (from == 0) await sender.SendAsync(wire.Town.Announce(Connectors));
        for (var minute = from; minute < to; minute++) await sender.SendAsync(Minute(minute));
    }

    /// <summary>What a record says of energy and of how much is known, which no way of arriving may change.</summary>
    private static async Task<List<object>> RecordsAsync(WireTown wire)
    {
        await wire.Town.SettleAsync();
        return [.. (await wire.Town.LatestAsync()).Select(record => (object)(record.Point, record.Period, record.Import,
            record.Export, record.CoveredMicroseconds, record.Samples, record.Gaps.Count, record.Quality, record.State,
            record.Version, record.LateSamples, record.Stream!.MissingSequences))];
    }

    private static async Task<List<object>> UndisturbedAsync()
    {
        await using var wire = await WireTown.StartAsync(Connectors);
        using var channel = new StreamChannel(wire.Url);
        await using var sender = channel.Open(Fast);
        await SendAsync(wire, sender, 0, Minutes);
        await sender.CloseAsync(TestContext.Current.CancellationToken);
        (sender.Acknowledged, sender.Sessions).ShouldBe((Minutes + 1, 1));
        var records = await RecordsAsync(wire);
        records.Count.ShouldBe(2 * Connectors);
        return records;
    }

    [Fact]
    public async Task A_restart_of_the_ledger_in_the_middle_changes_no_record()
    {
        await using var wire = await WireTown.StartAsync(Connectors);
        using var channel = new StreamChannel(wire.Url);
        await using var sender = channel.Open(Fast);
        await SendAsync(wire, sender, 0, 13);
        await sender.FlushAsync(TestContext.Current.CancellationToken);
        await wire.StopListeningAsync();
        await wire.Town.RestartAsync();
        // Nobody listens, and what is sent meanwhile waits.
        await SendAsync(wire, sender, 13, 17);
        sender.Acknowledged.ShouldBe(14);
        await wire.ListenAsync();
        await SendAsync(wire, sender, 17, Minutes);
        await sender.CloseAsync(TestContext.Current.CancellationToken);
        sender.Acknowledged.ShouldBe(Minutes + 1);
        sender.Sessions.ShouldBe(2);
        (await RecordsAsync(wire)).ShouldBe(await UndisturbedAsync());
    }

    [Fact]
    public async Task A_restart_with_frames_on_the_way_loses_none_and_counts_none_twice()
    {
        await using var wire = await WireTown.StartAsync(Connectors);
        using var channel = new StreamChannel(wire.Url);
        await using var sender = channel.Open(Fast);
        for (var part = 0; part < 4; part++)
        {
            await SendAsync(wire, sender, part * 8, part * 8 + 8);
            if (part == 3) break;
            await wire.StopListeningAsync();
            await wire.Town.RestartAsync();
            await wire.ListenAsync();
        }
        await sender.CloseAsync(TestContext.Current.CancellationToken);
        sender.Acknowledged.ShouldBe(Minutes + 1);
        (await RecordsAsync(wire)).ShouldBe(await UndisturbedAsync());
    }

    [Fact]
    public async Task Small_bounds_of_both_sides_slow_down_and_lose_nothing()
    {
        await using var wire = await WireTown.StartAsync(Connectors,
            bounds: options => options with { FramesInFlightMax = 1 });
        using var channel = new StreamChannel(wire.Url);
        var delays = new DelayTally();
        await using var sender = channel.Open(Fast with
        {
            FramesInFlightMax = 2,
            BytesInFlightMax = 1,
            FramesPerMessageMax = 1,
            Acknowledged = delays.Add,
        });
        await SendAsync(wire, sender, 0, Minutes);
        await sender.CloseAsync(TestContext.Current.CancellationToken);
        (sender.Acknowledged, sender.Sessions).ShouldBe((Minutes + 1, 1));
        delays.MillisecondsOf(99).ShouldBeInRange(0, 10_000);
        (await RecordsAsync(wire)).ShouldBe(await UndisturbedAsync());
    }

    [Fact]
    public async Task A_refused_frame_is_told_to_whoever_sends_and_what_was_sent_before_it_counts()
    {
        await using var wire = await WireTown.StartAsync(Connectors);
        using var channel = new StreamChannel(wire.Url);
        await using var sender = channel.Open(Fast);
        await SendAsync(wire, sender, 0, 2);
        await sender.SendAsync(StreamTown.Samples(9, Time(120), (Connectors, StreamTown.Seconds(120, 120))),
            TestContext.Current.CancellationToken);
        var refused = await Should.ThrowAsync<FrameRefusedException>(
            () => sender.FlushAsync(TestContext.Current.CancellationToken));
        (refused.Code, refused.Field, refused.Value, refused.Rule, refused.Sequence).ShouldBe(
            (Rejection.MissingField, "frame.stream", "3", "announced in this session before", 9));
        refused.Message.ShouldBe("frame 9 is refused: MissingField: frame.stream is 3: announced in this session before");
        sender.Acknowledged.ShouldBe(3);
        await Should.ThrowAsync<FrameRefusedException>(async () => await sender.SendAsync(Minute(2)));
    }

    [Fact]
    public async Task A_sender_gives_up_a_ledger_that_does_not_answer_after_as_long_as_it_was_told()
    {
        using var channel = new StreamChannel(new Uri($"http://127.0.0.1:{FreePorts.Next()}"));
        await using var sender = channel.Open(Fast with { GiveUpAfter = Duration.FromMilliseconds(200) });
        var cause = await Should.ThrowAsync<IOException>(async () =>
        {
            await sender.SendAsync(StreamTown.Samples(0, Time(0), (0, StreamTown.Seconds(0, 0))));
            await sender.FlushAsync(TestContext.Current.CancellationToken);
        });
        cause.Message.ShouldStartWith("the ledger takes no frames: Unavailable: ");
    }

    [Fact]
    public async Task A_frame_that_is_too_large_or_none_is_refused_before_it_is_sent()
    {
        await using var wire = await WireTown.StartAsync(1);
        using var channel = new StreamChannel(wire.Url);
        await using var sender = channel.Open(Fast);
        (await Should.ThrowAsync<InputRefusedException>(async () =>
            await sender.SendAsync(new byte[StreamSender.FrameBytesMax + 1]))).Code.ShouldBe(Rejection.TooLarge);
        (await Should.ThrowAsync<InputRefusedException>(async () =>
            await sender.SendAsync("hello"u8.ToArray()))).Code.ShouldBe(Rejection.UnknownFormat);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 127)]
    [InlineData(127, 128)]
    [InlineData(128, 0)]
    [InlineData(7, long.MaxValue)]
    public void A_frame_with_another_number_says_the_same(long before, long after)
    {
        var frame = StreamTown.Samples(before, Time(0), (0, StreamTown.Seconds(0, 9)));
        var numbered = FrameNumbering.Numbered(frame, after);
        numbered.ShouldBe(StreamTown.Samples(after, Time(0), (0, StreamTown.Seconds(0, 9))));
        (numbered.Length - frame.Length).ShouldBeLessThanOrEqualTo(FrameNumbering.GrowthBytesMax);
        CheckedFrame.Check(numbered).Head.Sequence.ShouldBe(after);
    }

    [Fact]
    public void A_tally_names_the_delay_that_so_many_did_not_exceed()
    {
        var tally = new DelayTally();
        tally.MillisecondsOf(99).ShouldBe(0);
        for (var ms = 1; ms <= 100; ms++) tally.Add(TimeSpan.FromMilliseconds(ms));
        (tally.MillisecondsOf(50), tally.MillisecondsOf(99), tally.MillisecondsOf(100)).ShouldBe((50, 99, 100));
        tally.Add(TimeSpan.FromHours(1));
        tally.MillisecondsOf(100).ShouldBe(60_000);
    }
}
