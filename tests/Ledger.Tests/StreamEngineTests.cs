using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>From frames to interval records: through the door, the log and the engine, into a real journal.</summary>
public sealed class StreamEngineTests
{
    private static long Time(int second) => StreamTown.Time(second);

    private static Task StreamAsync(StreamTown town, StreamDoor door, int connectors, int from, int to,
        long kilowatts = 100) => town.StreamAsync(door, connectors, from, to, kilowatts);

    [Fact]
    public async Task An_hour_of_frames_makes_a_provisional_record_of_every_period_of_every_connector()
    {
        await using var town = await StreamTown.OpenAsync(3);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(3));
        await StreamAsync(town, door, 3, 0, 3660);
        await town.SettleAsync();
        var records = await town.LatestAsync();
        records.Count.ShouldBe(12);
        records.ShouldAllBe(record => record.State == IntervalRecordState.Provisional && record.Version == 1
            && record.Import == Energy.FromWattHours(25_000) && record.Export == Energy.Zero
            && record.CoveredMicroseconds == 900_000_000 && record.Samples == 900 && record.Gaps.Count == 0
            && record.Quality == ReadingQuality.Measured && record.LateSamples == 0
            && record.Stream!.Semantics == SampleSemantics.Instant && record.Stream.MissingSequences == 0);
        FrameRange.Is(town.Ledger.Evidence.Get(records[0].Evidence)).ShouldBeTrue();
    }

    [Fact]
    public async Task A_log_that_has_to_wait_for_every_block_and_every_record_loses_nothing()
    {
        await using var town = await StreamTown.OpenAsync(
            2, new(new FrameLogOptions("")) { BytesQueuedMax = 1, PeriodsQueuedMax = 1 });
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await StreamAsync(town, door, 2, 0, 2760);
        await town.SettleAsync();
        (town.Streams.Samples, town.Streams.BlocksWaiting).ShouldBe((2 * 2761, 0));
        (await town.LatestAsync()).Select(record => record.Samples).ShouldBe([900, 900, 900, 900, 900, 900]);
    }

    [Fact]
    public async Task A_restart_goes_on_where_it_was_and_records_nothing_twice()
    {
        await using var town = await StreamTown.OpenAsync(2);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            await StreamAsync(town, door, 2, 0, 1300);
        }
        await town.RestartAsync();
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            await StreamAsync(town, door, 2, 1301, 1860);
        }
        await town.SettleAsync();
        var records = await town.AllAsync();
        records.Count.ShouldBe(4);
        records.ShouldAllBe(record => record.Version == 1 && record.Import == Energy.FromWattHours(25_000)
            && record.CoveredMicroseconds == 900_000_000 && record.Gaps.Count == 0);
    }

    [Fact]
    public async Task Samples_that_come_hours_late_make_a_second_version_with_the_exact_difference()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamAsync(town, door, 1, 0, 299);
        await StreamAsync(town, door, 1, 600, 7260);
        await town.SettleAsync();
        var first = (await town.LatestAsync())[0];
        (first.CoveredMicroseconds, first.Samples).ShouldBe((599_000_000, 600));
        first.Gaps.ShouldHaveSingleItem().ShouldBe(new CurveGap(new Interval(
            StreamTown.Day + Duration.FromSeconds(299), StreamTown.Day + Duration.FromSeconds(600)), GapCause.Silent));
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, Time(7260),
            (0, StreamTown.Seconds(300, 599))));
        await town.SettleAsync();
        var versions = (await town.AllAsync()).Where(record => record.Period == first.Period).ToList();
        versions.Count.ShouldBe(2);
        var second = versions[1];
        (second.Version, second.CoveredMicroseconds, second.Samples, second.LateSamples, second.Gaps.Count)
            .ShouldBe((2, 900_000_000, 900, 300, 0));
        (second.Import - first.Import).ShouldBe(new Energy((Int128)100_000_000 * 2 * 301_000_000));
        second.Reason!.ShouldStartWith("more of the period: import +8.361");
        // Told once more, it says nothing new.
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, Time(7260),
            (0, StreamTown.Seconds(300, 599))));
        await town.SettleAsync();
        var third = (await town.LatestAsync())[0];
        (third.Import, third.DuplicateSamples).ShouldBe((second.Import, 300));
    }

    [Fact]
    public async Task A_frame_that_is_sent_again_has_no_second_effect_and_another_of_its_number_is_refused()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(10);
        var frame = StreamTown.Samples(1, Time(10), (0, StreamTown.Seconds(0, 10)));
        await StreamTown.SendAsync(door, frame);
        door.Take(frame, out _, out var again).ShouldBe(FrameTaken.Again);
        await again;
        Should.Throw<InputRefusedException>(() => door.Take(
            StreamTown.Samples(1, Time(10), (0, StreamTown.Seconds(0, 10, 200))), out _, out _))
            .Code.ShouldBe(Rejection.EvidenceConflict);
        await StreamAsync(town, door, 1, 11, 960);
        await town.SettleAsync();
        var record = (await town.AllAsync()).ShouldHaveSingleItem();
        (record.DuplicateSamples, record.Import).ShouldBe((0, Energy.FromWattHours(25_000)));
    }

    /// <summary>So many frames are remembered by their bytes; an older number is decided by its samples.</summary>
    [Fact]
    public async Task A_number_with_other_bytes_is_refused_as_far_as_the_last_64_frames_reach()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        byte[] Second(long sequence, int second, long kilowatts = 100) =>
            StreamTown.Samples(sequence, Time(second), (0, StreamTown.Seconds(second, second, kilowatts)));
        for (var i = 1; i <= 64; i++)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(i);
            await StreamTown.SendAsync(door, Second(i, i));
        }
        Should.Throw<InputRefusedException>(() => door.Take(Second(1, 1, 200), out _, out _))
            .Code.ShouldBe(Rejection.EvidenceConflict);
        await StreamTown.SendAsync(door, Second(65, 65));
        door.Take(Second(1, 1, 200), out _, out var taken).ShouldBe(FrameTaken.Taken);
        await taken;
        await StreamAsync(town, door, 1, 66, 960);
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        // The lower of two powers at one instant counts.
        (record.ConflictingSamples, record.Samples).ShouldBe((1, 899));
    }

    [Fact]
    public async Task A_gap_is_named_by_what_the_sender_says_by_its_numbers_and_by_its_connection()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAsync(town, door, 1, 0, 99);
            var buffer = new byte[256];
            var shed = FrameWriter.Shed(buffer, door.LastSequence + 1, Time(150));
            shed.TryAdd(new ShedSamples(0, Time(100), Time(149), 50)).ShouldBeTrue();
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(150);
            await StreamTown.SendAsync(door, buffer[..shed.Finish()]);
            await StreamAsync(town, door, 1, 150, 199);
            // Two frames are lost.
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(299);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 3, Time(299),
                (0, StreamTown.Seconds(250, 299))));
        }
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAsync(town, door, 1, 350, 399);
            await StreamAsync(town, door, 1, 450, 960);
        }
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        record.Gaps.Select(gap => ((gap.Missing.Start - StreamTown.Day).TotalSeconds, gap.Cause)).ShouldBe(
            [(99, GapCause.PendingDrop), (199, GapCause.Lost), (299, GapCause.Reconnect), (399, GapCause.Silent)]);
        record.Stream!.MissingSequences.ShouldBe(2);
    }

    [Fact]
    public async Task A_point_that_nobody_registered_is_refused_on_record_and_its_frames_are_kept()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await StreamAsync(town, door, 2, 0, 960);
        await town.SettleAsync();
        (await town.AllAsync()).ShouldHaveSingleItem().Point.ShouldBe(StreamTown.Name(0));
        var refused = (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<EvidenceRefused>().ShouldHaveSingleItem();
        refused.Code.ShouldBe(Rejection.UnknownSettlementPoint);
        refused.Detail.ShouldContain("CP1");
    }

    /// <summary>A clock a day ahead: its samples are placed by our time, and sending them again takes nothing away.
    /// </summary>
    [Fact]
    public async Task What_a_wrong_clock_dated_stays_where_it_was_placed_when_it_is_sent_again()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamAsync(town, door, 1, 0, 1860);
        await town.SettleAsync();
        var right = await town.LatestAsync();
        var ahead = Duration.FromHours(31);
        using var wrong = town.Streams.Connect();
        var frames = new List<PowerSample[]>();
        for (var second = 2700; second <= 4560; second += 60)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
            if (wrong.LastSequence < 0) await StreamTown.SendAsync(wrong, town.Announce(1));
            frames.Add([.. StreamTown.Seconds(second, second + 59)
                .Select(sample => sample with { AtMicroseconds = sample.AtMicroseconds + 111_600_000_000 })]);
            await StreamTown.SendAsync(wrong, StreamTown.Samples(
                wrong.LastSequence + 1, Time(second + 59) + 111_600_000_000, (0, frames[^1])));
        }
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        var placed = await town.LatestAsync();
        placed.Count.ShouldBeGreaterThan(right.Count);
        foreach (var frame in frames)
            await StreamTown.SendAsync(wrong, StreamTown.Samples(
                wrong.LastSequence + 1, Time(4619) + 111_600_000_000, (0, frame)));
        town.Clock.Now += ahead;
        await town.SettleAsync();
        var after = (await town.LatestAsync()).ToDictionary(record => record.Period.Start);
        foreach (var record in placed) after[record.Period.Start].Import.ShouldBe(record.Import);
    }

    /// <summary>What ended in a segment is forgotten in a later one; how far it came is not, and what goes on goes
    /// on.</summary>
    [Fact]
    public async Task A_session_that_is_over_is_forgotten_when_a_segment_is_full()
    {
        await using var town = await StreamTown.OpenAsync(
            2, new(new FrameLogOptions("", SegmentBytesMax: 2048)) { SealsFullSegments = false });
        using var lasting = town.Streams.Connect();
        await StreamTown.SendAsync(lasting, town.Announce(1, first: 1));
        var (first, token) = (0L, "");
        for (var second = 0; second < 960; second += 60)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
            using (var door = town.Streams.Connect())
            {
                if (second == 0) (first, token) = (door.Session, door.Token);
                await StreamTown.SendAsync(door, town.Announce(1));
                await StreamAsync(town, door, 1, second, second + 59);
            }
            await StreamTown.SendAsync(lasting, StreamTown.Samples(lasting.LastSequence + 1, Time(second + 59),
                (0, StreamTown.Seconds(second, second + 59))));
        }
        await town.SettleAsync();
        town.Streams.Log.Acknowledged.End.Segment.ShouldBeGreaterThan(2);
        town.Streams.SessionCount.ShouldBeInRange(1, 8);
        var known = await town.Streams.LastSequenceAsync(first, token, TestContext.Current.CancellationToken);
        known.ShouldBe(1);
        var records = await town.LatestAsync();
        records.Count.ShouldBe(2);
        records.ShouldAllBe(record => record.Import == Energy.FromWattHours(25_000) && record.Gaps.Count == 0);
    }

    /// <summary>Sessions that send next to nothing would fill memory before they fill a segment, of which all are
    /// remembered: so a segment ends after so many, also where the ledger is started anew amid it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Short_sessions_are_forgotten_also_where_they_send_next_to_nothing(bool isRestarted)
    {
        const int most = 8, sessions = 60;
        await using var town = await StreamTown.OpenAsync(
            2, new(new FrameLogOptions("") { SegmentSessionsMax = most }) { SealsFullSegments = false });
        for (var session = 0; session < sessions; session++)
        {
            if (isRestarted && session == sessions / 2 + 3) await town.RestartAsync();
            using (var door = town.Streams.Connect())
            {
                await StreamTown.SendAsync(door, town.Announce(1));
                await town.StreamAsync(door, 1, session, session);
            }
        }
        await town.SettleAsync();
        town.Streams.SessionCount.ShouldBeInRange(1, most + 1);
        if (isRestarted) await town.RestartAsync(); // and so when the log is read again
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        town.Streams.SessionCount.ShouldBeInRange(0, most + 1);
        (await town.LatestAsync()).ShouldHaveSingleItem().Samples.ShouldBe(sessions);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task No_more_full_segments_wait_to_be_sealed_than_may()
    {
        await using var town = await StreamTown.OpenAsync(
            2, new(new FrameLogOptions("", SegmentBytesMax: 1024)) { SegmentsUnsealedMax = 1 });
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await StreamAsync(town, door, 2, 0, 2760);
        await town.SettleAsync();
        var last = town.Streams.Log.Acknowledged.End.Segment;
        last.ShouldBeGreaterThan(4);
        // The last one is being written, and one that is full may wait.
        Directory.EnumerateFiles(town.FramesPath, "*.sealed").Count().ShouldBeGreaterThanOrEqualTo(last - 1);
        (await town.LatestAsync()).Select(record => record.Samples).ShouldBe([900, 900, 900, 900, 900, 900]);
        // Read again, the log has more full segments than may wait; they are sealed, and none of them waits.
        while (Directory.EnumerateFiles(town.FramesPath, "*.sealed").Count() < last)
            await Task.Delay(10, TestContext.Current.CancellationToken);
        town.Mark().Segment.ShouldBe(0);
        await town.RestartAsync();
        await town.SettleAsync().WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        (await town.AllAsync()).Count.ShouldBe(6);
    }

    /// <summary>A station with a true key sends as of 2099 just before a minute ends, as of 2015 just after, and then
    /// as of now: its clock is nothing that can be, and the ledger goes on, also when it reads that again.</summary>
    [Fact]
    public async Task A_station_whose_clock_is_decades_off_in_both_directions_stops_nothing()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAsync(town, door, 1, 0, 50);
            foreach (var (second, sent) in ((double, long)[])[(59.995, 4_102_444_799_000_000),
                (60.005, ClockEstimate.UnsetBeforeMicroseconds), (100, Time(100))])
            {
                town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second);
                await StreamTown.SendAsync(door, StreamTown.Samples(
                    door.LastSequence + 1, sent, (0, [StreamTown.At(second, 100)])));
            }
            await StreamAsync(town, door, 1, 101, 960);
        }
        await town.SettleAsync();
        var record = (await town.LatestAsync()).ShouldHaveSingleItem();
        record.Samples.ShouldBeGreaterThanOrEqualTo(51 + 800);
        await town.RestartAsync();
        await town.SettleAsync();
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        var again = (await town.LatestAsync()).ShouldHaveSingleItem();
        (again.Version, again.Evidence, again.Samples).ShouldBe((1, record.Evidence, record.Samples));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_stream_that_falls_silent_is_recorded_when_it_was_waited_for()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamAsync(town, door, 1, 0, 600);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(640));
        (await town.AllAsync()).ShouldBeEmpty();
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(1200));
        var record = (await town.AllAsync()).ShouldHaveSingleItem();
        (record.CoveredMicroseconds, record.State).ShouldBe((600_000_000, IntervalRecordState.Provisional));
        record.Gaps.ShouldHaveSingleItem().Cause.ShouldBe(GapCause.Silent);
        town.Clock.Now = StreamTown.Day + Duration.FromDays(2);
        await town.SettleAsync();
        var final = (await town.LatestAsync()).ShouldHaveSingleItem();
        (final.State, final.Version, final.Import).ShouldBe((IntervalRecordState.Final, 2, record.Import));
    }
}
