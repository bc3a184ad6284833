using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What stations send although nobody should, and what a restart makes of a log that is read from its
/// middle.</summary>
public sealed class StreamSurpriseTests
{
    private const long KilowattSecond = 2_000_000_000_000; // of energy, in half nanojoules
    private static readonly Duration Final = Duration.FromHours(26);

    /// <summary>
    /// The log is read again from the block in which the oldest period that is open began. It may hold the end of a
    /// period before, which is final: that end is told again, and is not the period.
    /// </summary>
    [Fact]
    public async Task A_restart_does_not_replace_a_final_record_by_the_end_of_it()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 895);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(1200));
        await town.StreamAsync(door, 1, 1500, 1860);
        door.Dispose();
        await town.SettleAsync(StreamTown.Day + Final);
        await town.SettleAsync(StreamTown.Day + Final + Duration.FromSeconds(10)); // moves the mark
        var before = await town.AllAsync();
        before.Count(record => record.Period.Start == StreamTown.Day && record.State == IntervalRecordState.Final)
            .ShouldBe(1);

        for (var restart = 0; restart < 2; restart++)
        {
            await town.RestartAsync();
            door = town.Streams.Connect();
            await StreamTown.SendAsync(door, town.Announce(1));
            await town.StreamAsync(door, 1, 1900 + restart * 100, 1950 + restart * 100);
            door.Dispose();
            await town.SettleAsync(StreamTown.Day + Final);
        }
        var first = (await town.LatestAsync())[0];
        (first.Version, first.Import.HalfNanojoules, first.Samples)
            .ShouldBe((before.Where(record => record.Period == first.Period).Max(record => record.Version),
                895 * 100 * KilowattSecond, 896));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Samples for a final period that come after a restart make its next version, of all that the log has.
    /// </summary>
    [Fact]
    public async Task What_comes_for_a_final_period_after_a_restart_is_added_to_it()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 600);
        await town.StreamAsync(door, 1, 1000, 1860);
        door.Dispose();
        await town.SettleAsync(StreamTown.Day + Final);
        await town.SettleAsync(StreamTown.Day + Final + Duration.FromSeconds(10));
        await town.RestartAsync();
        door = town.Streams.Connect();
        town.Clock.Now = StreamTown.Day + Final;
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamTown.SendAsync(door, StreamTown.Samples(1, town.Clock.Now.ToUnixTimeTicks() / 10,
            (0, StreamTown.Seconds(601, 700))));
        door.Dispose();
        await town.SettleAsync(StreamTown.Day + Final + Duration.FromMinutes(5));
        var first = (await town.LatestAsync())[0];
        (first.Period.Start, first.Import.HalfNanojoules, first.Samples, first.State)
            .ShouldBe((StreamTown.Day, 700 * 100 * KilowattSecond, 701, IntervalRecordState.Final));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A number counts frames; however high it is, the ledger goes on, also after a restart.</summary>
    [Theory]
    [InlineData(long.MaxValue, 1)]
    [InlineData(3_000_000_000, 3)]
    public async Task No_number_of_a_frame_stops_the_ledger(long step, int jumps)
    {
        await using var town = await StreamTown.OpenAsync(1);
        var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(60);
        await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(60), (0, StreamTown.Seconds(0, 60))));
        for (var jump = 1; jump <= jumps; jump++)
        {
            town.Clock.Now += Duration.FromSeconds(60);
            await StreamTown.SendAsync(door, StreamTown.Samples(step == long.MaxValue ? step : step * jump,
                StreamTown.Time(60 + jump * 60), (0, StreamTown.Seconds(jump * 60 + 1, jump * 60 + 60))));
        }
        door.Dispose();
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(2000));
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        await town.RestartAsync();
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(2000));
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        var record = (await town.LatestAsync()).ShouldHaveSingleItem();
        (record.Samples, record.Stream!.MissingSequences).ShouldBe((60 * jumps + 61, int.MaxValue));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A station that declares its samples otherwise does not take back what it sent before.</summary>
    [Fact]
    public async Task What_was_begun_before_a_stream_is_declared_anew_is_recorded()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 420);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(600));
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(950);
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 1, 960, 1900);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(4000));
        var records = await town.LatestAsync();
        records.Select(record => (record.Stream!.Semantics, record.Import.HalfNanojoules)).ShouldBe([
            (SampleSemantics.Instant, 420 * 100 * KilowattSecond), (SampleSemantics.Hold, 840 * 100 * KilowattSecond),
            (SampleSemantics.Hold, 100 * 100 * KilowattSecond)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Two meanings do not make one record: one is recorded, and of the other it is said that it is not.
    /// </summary>
    [Fact]
    public async Task Of_a_period_that_was_declared_in_two_ways_one_is_recorded_and_the_other_refused()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 420);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(600));
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(600);
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 1, 610, 1000);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(4000));
        (await town.LatestAsync())[0].Import.HalfNanojoules.ShouldBe(290 * 100 * KilowattSecond);
        (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()
            .ShouldHaveSingleItem().Detail.ShouldContain("declared otherwise");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Each declaration is a curve of its own, from its announcement on, whatever the one before does: what
    /// the log has of it is what was summed, also in a range that another connector makes longer.</summary>
    [Fact]
    public async Task What_is_declared_otherwise_amid_a_stream_counts_and_verifies()
    {
        await using var town = await StreamTown.OpenAsync(2);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, 0, 890);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(910);
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 2, 911, 1100);
        await town.SettleAsync();
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 2, 1101, 2000);
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        (await town.LatestAsync()).Where(record => record.Point == StreamTown.Name(0))
            .Select(record => (record.Stream!.Semantics, record.Import.HalfNanojoules)).ShouldBe([
                (SampleSemantics.Instant, 890 * 100 * KilowattSecond),
                (SampleSemantics.Hold, 889 * 100 * KilowattSecond),
                (SampleSemantics.Hold, 200 * 100 * KilowattSecond)]);
        (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()
            .ShouldBeEmpty();
    }

    /// <summary>Two sessions announced a point before it was registered. When one of them announces it again it has a
    /// curve, and what the other one sends from then on counts in it too.</summary>
    [Fact]
    public async Task What_was_announced_before_its_point_was_registered_counts_once_it_has_a_curve()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var first = town.Streams.Connect();
        using var second = town.Streams.Connect();
        await StreamTown.SendAsync(first, town.Announce(2));
        await StreamTown.SendAsync(second, town.Announce(2));
        await town.StreamAsync(first, 2, 0, 60);
        await town.RegisterAsync(StreamTown.Name(1));
        await StreamTown.SendAsync(second, town.Announce(2, sequence: 1));
        await town.StreamAsync(first, 2, 61, 4000);
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        (await town.LatestAsync()).Where(record => record.Point == StreamTown.Name(1)).Select(record => record.Samples)
            .ShouldBe([900, 900, 900, 900, 401]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A meter that takes local time for UTC, behind a gateway whose clock is right.</summary>
    [Fact]
    public async Task What_is_dated_after_it_was_received_counts_when_it_was_received_and_is_suspect()
    {
        const int hours = 8 * 3600;
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        for (var second = 0; second < 1900; second += 60)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(second + 59),
                (0, StreamTown.Seconds(second + hours, second + hours + 59))));
        }
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(4000));
        var records = await town.LatestAsync();
        records.Select(record => record.Period.Start).ShouldBe(Enumerable.Range(0, 3)
            .Select(period => StreamTown.Day + Duration.FromSeconds(900 * period)));
        records.ShouldAllBe(record => record.Quality == ReadingQuality.Suspect
            && record.ClockOffsetMicroseconds == hours * 1_000_000L);
        (records[0].Import.HalfNanojoules, records[1].Import.HalfNanojoules)
            .ShouldBe((900 * 100 * KilowattSecond, 900 * 100 * KilowattSecond));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>One sample of another year among right ones makes no year of records.</summary>
    [Fact]
    public async Task One_sample_from_the_future_makes_no_records_of_the_future()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 299);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(359);
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(359),
            (0, [.. StreamTown.Seconds(300, 358), StreamTown.At(365.0 * 86_400, 100)])));
        await town.StreamAsync(door, 1, 360, 1900);
        await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(4000));
        var records = await town.LatestAsync();
        records.Select(record => (record.Period.Start, record.Quality, record.Import.HalfNanojoules)).ShouldBe([
            (StreamTown.Day, ReadingQuality.Suspect, 900 * 100 * KilowattSecond),
            (StreamTown.Day + Duration.FromSeconds(900), ReadingQuality.Measured, 900 * 100 * KilowattSecond),
            (StreamTown.Day + Duration.FromSeconds(1800), ReadingQuality.Measured, 100 * 100 * KilowattSecond)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }
}
