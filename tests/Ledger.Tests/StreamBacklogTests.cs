using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What stations that did nothing wrong send late: what came before what was told first, after a silence of
/// days, by a clock that was an hour off, or after the ledger was started again.</summary>
public sealed class StreamBacklogTests
{
    private const int Ahead = 3600;
    private static readonly Duration Final = Duration.FromHours(26);

    /// <summary>A gateway sends what is now first, and then what it kept while the ledger was away.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_came_late_for_a_period_that_nobody_was_told_of_becomes_final(bool isRestarted)
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await town.StreamAsync(door, 1, 900, 1860);
            await town.SettleAsync();
            await StreamTown.SendAsync(door, StreamTown.Samples(
                door.LastSequence + 1, StreamTown.Time(1860), (0, StreamTown.Seconds(0, 899))));
            await town.SettleAsync();
        }
        var late = (await town.LatestAsync())[0];
        (late.Period.Start, late.State, late.Samples).ShouldBe((StreamTown.Day, IntervalRecordState.Provisional, 900));
        if (isRestarted) await town.RestartAsync();
        town.Clock.Now = StreamTown.Day + Final;
        await town.SettleAsync();
        await town.SettleAsync();
        (await town.LatestAsync()).Select(record => (record.Period.Start, record.State, record.Samples)).ShouldBe(
            [.. Enumerable.Range(0, 3).Select(period => (StreamTown.Day + Duration.FromSeconds(900 * period),
                IntervalRecordState.Final, period == 2 ? 61 : 900))]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>The day passes before anything was recorded of what came late: it is final when it is.</summary>
    [Fact]
    public async Task What_becomes_final_while_what_came_late_of_it_is_collected_is_recorded_as_final()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 900, 1860);
        await town.SettleAsync();
        await StreamTown.SendAsync(door, StreamTown.Samples(
            door.LastSequence + 1, StreamTown.Time(1860), (0, StreamTown.Seconds(0, 899))));
        town.Clock.Now = StreamTown.Day + Final;
        await town.SettleAsync();
        await town.SettleAsync();
        (await town.LatestAsync()).Select(record => (record.State, record.Samples)).ShouldBe(
            [(IntervalRecordState.Final, 900), (IntervalRecordState.Final, 900), (IntervalRecordState.Final, 61)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>The periods of a silence are passed over when the first sample after it is told. What still comes of
    /// them is final at once where a day has passed since, and else when one has.</summary>
    [Fact]
    public async Task What_comes_late_of_a_silence_of_days_becomes_final()
    {
        const int day = 86_400;
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 60);
        await town.StreamAsync(door, 1, 2 * day, 2 * day + 960);
        await town.SettleAsync();
        foreach (var second in (int[])[day / 2, 2 * day - 3600])
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(2 * day + 960),
                (0, StreamTown.Seconds(second, second + 59))));
        await town.SettleAsync();
        var periods = (await town.LatestAsync()).Select(record => (record.Period.Start, record.State)).ToList();
        periods.ShouldContain((StreamTown.Day + Duration.FromSeconds(day / 2), IntervalRecordState.Final));
        periods.ShouldContain((StreamTown.Day + Duration.FromSeconds(2 * day - 3600), IntervalRecordState.Provisional));
        town.Clock.Now = StreamTown.Day + Duration.FromDays(2) + Final;
        await town.SettleAsync();
        await town.SettleAsync();
        (await town.LatestAsync()).ShouldAllBe(record => record.State == IntervalRecordState.Final);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A start reads again what is not final yet. What came late is counted once, and a record that says the
    /// same of more of the log is no other one.</summary>
    [Fact]
    public async Task What_came_late_is_counted_once_however_often_the_log_is_read()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await town.StreamAsync(door, 1, 0, 299);
            await town.StreamAsync(door, 1, 360, 1860);
            await StreamTown.SendAsync(door, StreamTown.Samples(
                door.LastSequence + 1, StreamTown.Time(1860), (0, StreamTown.Seconds(300, 359))));
            await town.SettleAsync();
            await town.StreamAsync(door, 1, 1861, 1980);
            await town.SettleAsync();
        }
        for (var start = 0; start < 3; start++)
        {
            var first = (await town.LatestAsync())[0];
            (first.Version, first.LateSamples, first.Samples).ShouldBe((2, 60, 900), $"{start} starts");
            await town.RestartAsync();
            await town.SettleAsync();
        }
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    private static Task SendAheadAsync(StreamTown town, StreamDoor door, int from, int to)
    {
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(to);
        return StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(to + Ahead),
            (0, StreamTown.Seconds(from + Ahead, to + Ahead))));
    }

    private static async Task StreamAheadAsync(StreamTown town, StreamDoor door, int from, int to)
    {
        for (var second = from; second <= to; second += 60)
            await SendAheadAsync(town, door, second, Math.Min(to, second + 59));
    }

    /// <summary>A station whose clock is an hour ahead, and that is not heard of for two minutes: what came in time
    /// counts by the corrected time, and what came late is refused on record; the log by itself says of neither where
    /// it counts.</summary>
    [Fact]
    public async Task What_comes_late_by_a_wrong_clock_takes_nothing_from_what_came_in_time()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamAheadAsync(town, door, 0, 299);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(419);
        await town.SettleAsync(); // idle for two minutes: complete up to 90 s before
        await SendAheadAsync(town, door, 300, 419);
        await StreamAheadAsync(town, door, 420, 1199);
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        (record.Period.Start, record.Quality, record.Samples, record.CoveredMicroseconds)
            .ShouldBe((StreamTown.Day, ReadingQuality.Suspect, 870, (299 + 570) * 1_000_000L));
        (await town.RefusedAsync()).ShouldHaveSingleItem().Said.ShouldSatisfyAllConditions(
            said => said.Code.ShouldBe(Rejection.OutOfRange),
            said => said.Detail.ShouldStartWith("30 samples of CP0, the first dated 2026-02-28T17:05:00Z: a sample "),
            said => said.Detail.ShouldContain("where a wrong clock dated it only while its stream waits for it"));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>The same of what a second sender with a right clock sends late, before the period is told.</summary>
    [Fact]
    public async Task What_comes_late_by_a_right_clock_takes_nothing_from_what_a_wrong_one_dated_in_time()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        using var other = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamAheadAsync(town, door, 0, 299);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(419);
        await town.SettleAsync(); // idle for two minutes: complete up to 90 s before
        await StreamTown.SendAsync(other, town.Announce(1));
        await StreamTown.SendAsync(other, StreamTown.Samples(
            1, StreamTown.Time(419), (0, StreamTown.Seconds(300, 319))));
        await StreamAheadAsync(town, door, 420, 1199);
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        (record.Period.Start, record.Quality, record.Samples, record.CoveredMicroseconds)
            .ShouldBe((StreamTown.Day, ReadingQuality.Suspect, 780, (299 + 480) * 1_000_000L));
        (await town.RefusedAsync()).ShouldHaveSingleItem().Said.Detail
            .ShouldStartWith("CP0 from 2026-02-28T16:00:00Z: samples came late for a period whose others");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Whether the ledger was started again in between, and reads nothing of the period any more, or
    /// not.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_comes_for_a_final_period_of_a_wrong_clock_is_refused_on_record(bool isRestarted)
    {
        await using var town = await StreamTown.OpenAsync(2);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAheadAsync(town, door, 0, 599);
            await StreamAheadAsync(town, door, 1020, 1859);
        }
        town.Clock.Now = StreamTown.Day + Final;
        var now = town.Clock.Now.ToUnixTimeTicks() / 10;
        using (var other = town.Streams.Connect())
        {
            await StreamTown.SendAsync(other, town.Announce(1, first: 1));
            await StreamTown.SendAsync(other, StreamTown.Samples(1, now, (0, [new(now, 1000)])));
        }
        await town.SettleAsync();
        await town.SettleAsync(town.Clock.Now + Duration.FromSeconds(10)); // moves the mark
        var before = (await town.LatestAsync())[0];
        (before.Period.Start, before.Quality, before.State)
            .ShouldBe((StreamTown.Day, ReadingQuality.Suspect, IntervalRecordState.Final));
        if (isRestarted) await town.RestartAsync();
        using (var again = town.Streams.Connect())
        {
            await StreamTown.SendAsync(again, town.Announce(1));
            await StreamTown.SendAsync(again, StreamTown.Samples(1, now, (0, StreamTown.Seconds(600, 699))));
        }
        await town.SettleAsync(town.Clock.Now + Duration.FromMinutes(5));
        (await town.LatestAsync())[0].Version.ShouldBe(before.Version);
        (await town.RefusedAsync()).ShouldHaveSingleItem().Said.Detail
            .ShouldStartWith("CP0 from 2026-02-28T16:00:00Z: samples came late for a period whose others");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A period without a sample of its own is known by those beside it, also where both came late.</summary>
    [Fact]
    public async Task What_lies_between_late_samples_that_are_far_apart_is_recorded()
    {
        const long nominal = 1_200_000_000; // 20 minutes, longer than a period
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(16_800);
        await StreamTown.SendAsync(door, town.Announce(1, nominal: nominal));
        foreach (var seconds in (int[][])[[14_400, 15_600, 16_800], [0, 1200, 2400, 3600]])
        {
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(16_800),
                (0, [.. seconds.Select(second => StreamTown.At(second, 100))])));
            await town.SettleAsync();
        }
        var record = (await town.LatestAsync()).Single(one =>
            one.Period.Start == StreamTown.Day + Duration.FromSeconds(2700));
        (record.Samples, record.Import).ShouldBe((0, Energy.FromWattHours(25_000)));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>While the record is not final its range goes on to be known, and what a right clock sends late of it
    /// lies behind where that begins: it is refused as well.</summary>
    [Fact]
    public async Task What_comes_late_for_an_open_period_of_a_wrong_clock_is_refused_on_record()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAheadAsync(town, door, 0, 599);
            await StreamAheadAsync(town, door, 1020, 1859);
        }
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(2000);
        await town.SettleAsync();
        var before = (await town.LatestAsync())[0];
        (before.Period.Start, before.Quality, before.State)
            .ShouldBe((StreamTown.Day, ReadingQuality.Suspect, IntervalRecordState.Provisional));
        using var again = town.Streams.Connect();
        await StreamTown.SendAsync(again, town.Announce(1));
        await StreamTown.SendAsync(again, StreamTown.Samples(
            1, StreamTown.Time(2000), (0, StreamTown.Seconds(600, 699))));
        await town.SettleAsync();
        (await town.LatestAsync())[0].ShouldSatisfyAllConditions(
            record => record.Version.ShouldBe(before.Version), record => record.Samples.ShouldBe(before.Samples));
        (await town.RefusedAsync()).ShouldHaveSingleItem().Said.Detail
            .ShouldStartWith("CP0 from 2026-02-28T16:00:00Z: samples came late for a period whose others");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Without its mark the log is read again from its beginning, and a final period is told by another block
    /// than before: what it has is known, and nothing of it is refused.</summary>
    [Fact]
    public async Task A_final_period_of_a_wrong_clock_that_is_read_again_is_known()
    {
        await using var town = await StreamTown.OpenAsync(1);
        await town.TakeAsync("""{"type":"register","point":"CP0","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""" + "\n");
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamAheadAsync(town, door, 0, 899);
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(1100);
            await town.TakeAsync("point,register,read_at,kwh\nCP0,1.8.0,2026-02-28T16:00:00Z,0\n"
                + "CP0,1.8.0,2026-02-28T16:15:00Z,25\n", "readings.csv");
            await town.SettleAsync();
            await StreamAheadAsync(town, door, 1200, 1260);
            await town.SettleAsync();
        }
        var before = (await town.LatestAsync())[0];
        (before.Period.Start, before.Quality, before.State)
            .ShouldBe((StreamTown.Day, ReadingQuality.Suspect, IntervalRecordState.Final));
        await town.CloseAsync();
        File.Delete(Path.Combine(town.FramesPath, "streams.resume"));
        await town.ReopenAsync();
        await town.SettleAsync();
        (await town.LatestAsync())[0].Version.ShouldBe(before.Version);
        (await town.RefusedAsync()).ShouldBeEmpty();
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }
}
