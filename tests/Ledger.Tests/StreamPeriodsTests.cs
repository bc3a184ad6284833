using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The periods of a stream are those of the master data in force at the start of each settlement day, as
/// settlements and files have them.</summary>
public sealed class StreamPeriodsTests
{
    /// <summary>Of 1 March in Shanghai, in seconds of that day: half an hour before its end, and after it.</summary>
    private const int Evening = 84_600, Midnight = 86_400, Night = 88_260;

    private static string Version(string validFrom, int minutes, string zone = "Asia/Shanghai") =>
        $$"""{"type":"settlement-point","point":"CP0","station":"S1","kind":"connector","owner":"ACME","zone":"{{zone}}","periodMinutes":{{minutes}},"ratedKw":1000,"bidirectional":true,"validFrom":"{{validFrom}}"}""" + "\n";

    private static async Task<List<string>> StreamedAsync(StreamTown town, Func<Task>? amid = null, int until = Night)
    {
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(1));
            await town.StreamAsync(door, 1, Evening, Evening + 1199);
            if (amid is not null) await amid();
            await town.StreamAsync(door, 1, Evening + 1200, until);
        }
        town.Clock.Now = StreamTown.Day + Duration.FromDays(4);
        await town.SettleAsync();
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        return [.. (await town.LatestAsync()).Select(Text)];
    }

    /// <summary>A period as local time, with its energy.</summary>
    private static string Text(IntervalRecorded record) => LocalDateTimePattern.CreateWithInvariantCulture("dd HH:mm")
        .Format(record.Period.Start.InZone(DateTimeZoneProviders.Tzdb["Asia/Shanghai"]).LocalDateTime)
        + $" {record.Period.Duration.TotalMinutes} min {record.Import.ToKwh()}";

    private static readonly string[] QuartersThenHalves =
        ["01 23:30 15 min 25.000000000000", "01 23:45 15 min 25.000000000000", "02 00:00 30 min 50.000000000000",
            "02 00:30 30 min 1.666666666666"];

    /// <summary>A change within a day holds from the next day on, and the second across midnight is in both.</summary>
    [Fact]
    public async Task Each_day_has_the_periods_in_force_at_its_start()
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15) + Version("2026-03-01T12:00:00+08:00", 30)
            + Version("2026-06-01T00:00:00+08:00", 60));
        var found = await StreamedAsync(town);
        found[..3].ShouldBe(QuartersThenHalves[..3]);
        found[3].ShouldStartWith("02 00:30 30 min 1.6");
        found.Count.ShouldBe(4);
        await town.RestartAsync();
        await town.SettleAsync();
        (await town.LatestAsync()).Select(Text).ShouldBe(found);
    }

    [Fact]
    public async Task A_change_that_is_recorded_while_the_stream_goes_on_holds_from_the_next_day_on()
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15));
        var found = await StreamedAsync(town, () => ChangeAsync(town, Version("2026-03-01T12:00:00+08:00", 30)));
        found[..3].ShouldBe(QuartersThenHalves[..3]);
        found.Count.ShouldBe(4);
    }

    /// <summary>What is begun stays so: two lengths of one day would overlap.</summary>
    [Fact]
    public async Task A_change_of_a_day_that_is_begun_holds_from_the_next_day_on()
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15));
        var found = await StreamedAsync(town, () => ChangeAsync(town, Version("2026-02-01T00:00:00Z", 30)));
        found[..3].ShouldBe(QuartersThenHalves[..3]);
    }

    /// <summary>Between the last day of a zone and the first of one further west lies no settlement day: what was
    /// measured there is kept, and nobody settles it.</summary>
    [Fact]
    public async Task Where_two_zones_leave_hours_between_their_days_no_period_is_recorded()
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15)
            + Version("2026-03-01T16:00:00Z", 15, "Asia/Kolkata")); // two and a half hours further west
        var found = await StreamedAsync(town, until: Midnight + 9000 + 960);
        found.Select(text => text[..8]).ShouldBe(["01 23:30", "01 23:45", "02 02:30", "02 02:45"]);
        found[2].ShouldBe("02 02:30 15 min 25.000000000000");
    }

    /// <summary>A zone that was wrong from the beginning is set right: hours that lie in another day since count there,
    /// and of those between the two midnights there are records too.</summary>
    [Theory]
    [InlineData("Asia/Kolkata", true, 300, 150)] // two and a half hours further west, while it streams
    [InlineData("Asia/Kolkata", false, 300, 150)] // and later
    [InlineData("Asia/Tokyo", true, 0, 450)] // an hour further east
    [InlineData("Asia/Tokyo", false, 0, 450)]
    public async Task Where_a_zone_is_set_right_no_hour_is_lost_and_none_counts_twice(
        string zone, bool isAmid, int first, int second)
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15));
        var right = () => ChangeAsync(town, Version("2026-01-01T00:00:00Z", 15, zone));
        var found = await StreamedAsync(town, isAmid ? right : null, until: Midnight + (4 * 3600));
        found.Count.ShouldBe(19); // of a quarter of an hour each, the last with one sample
        if (!isAmid) await right();
        (await SettledAsync(town, 1), await SettledAsync(town, 2))
            .ShouldBe((Energy.FromWattHours(1000 * first), Energy.FromWattHours(1000 * second)));
    }

    /// <summary>A late sample is collected for a while. Meanwhile its point is given a zone by which its period is of
    /// no day any more: it is of the day that it was of when it came.</summary>
    [Fact]
    public async Task A_zone_that_is_set_while_late_samples_are_collected_stops_nothing()
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 15));
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 299);
        await town.StreamAsync(door, 1, 301, 1200);
        await town.SettleAsync();
        (await town.AllAsync()).ShouldHaveSingleItem().LateSamples.ShouldBe(0);
        await StreamTown.SendAsync(door, StreamTown.Samples(
            door.LastSequence + 1, StreamTown.Time(1200), (0, [StreamTown.At(300, 100)])));
        while (town.Streams.BlocksWaiting > 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        await ChangeAsync(town, Version("2026-02-28T18:30:00Z", 15, "Asia/Kolkata"));
        await town.SettleAsync();
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        (await town.AllAsync()).Select(record => (record.Version, record.LateSamples, record.Samples))
            .ShouldBe([(1, 0, 899), (2, 1, 900)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>What is settled of a day of March by the records.</summary>
    private static async Task<Energy> SettledAsync(StreamTown town, int day)
    {
        var ct = TestContext.Current.CancellationToken;
        await town.Ledger.CatchUpAsync(ct);
        var facts = await SettlementFacts.GatherAsync(town.Ledger.Journal, town.Ledger.Views, new("ACME"),
            new(2026, 3, day), town.Ledger.Journal.Length, ct);
        return facts.Points.ShouldHaveSingleItem().Quantities().Where(quantity =>
            quantity.Direction == Direction.Import).Aggregate(Energy.Zero, (sum, quantity) =>
                sum + (quantity.Metered ?? Energy.Zero));
    }

    /// <summary>Lord Howe Island shifts by half an hour, so its hours begin at the half hour of UTC in winter. A day
    /// that is half an hour too short is settled nowhere.</summary>
    [Theory]
    [InlineData("2026-06-01T13:30:00Z", true)]
    [InlineData("2026-12-01T13:00:00Z", true)]
    [InlineData("2026-04-04T15:00:00Z", false)]
    public async Task Hours_are_those_that_are_settled_also_where_a_zone_shifts_by_half_an_hour(
        string from, bool isWhole)
    {
        await using var town = await StreamTown.OpenAsync(0);
        await town.TakeAsync(Version("2026-01-01T00:00:00Z", 60, "Australia/Lord_Howe"));
        using var door = town.Streams.Connect();
        var start = InstantPattern.ExtendedIso.Parse(from).Value;
        town.Clock.Now = start + Duration.FromHours(4);
        await StreamTown.SendAsync(door, town.Announce(1, nominal: 60_000_000));
        await StreamTown.SendAsync(door, StreamTown.Samples(1, (start.ToUnixTimeTicks() / 10) + 14_400_000_000,
            (0, [.. Enumerable.Range(0, 241).Select(minute =>
                new PowerSample(start.ToUnixTimeTicks() / 10 + minute * 60_000_000L, 100_000_000))])));
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        var zone = DateTimeZoneProviders.Tzdb["Australia/Lord_Howe"];
        SettlementCalendar.TryPeriods(zone, SettlementCalendar.DayContaining(zone, start), 60, out var periods, out _)
            .ShouldBe(isWhole);
        var records = (await town.LatestAsync()).Where(record => record.CoveredMicroseconds > 0).ToList();
        records.Count.ShouldBe(4);
        records.ShouldAllBe(record => record.CoveredMicroseconds == 3_600_000_000);
        if (isWhole) records.ShouldAllBe(record => periods.Contains(record.Period));
    }

    [Fact]
    public void A_grid_may_go_on_with_periods_of_another_length()
    {
        var grid = new CurveGrid(0, 15).Then(100, 30).Then(130, 10);
        int[] at = [-1, 0, 89, 90, 99, 100, 129, 130, 139, 140];
        at.Select(instant => grid.PeriodOf(instant)).ShouldBe([(-15, 0), (0, 15), (75, 90), (90, 100), (90, 100),
            (100, 130), (100, 130), (130, 140), (130, 140), (140, 150)]);
        at.Where(instant => grid.IsEdge(instant)).ShouldBe([0, 90, 100, 130, 140]);
        Should.Throw<ArgumentOutOfRangeException>(() => grid.Then(130, 15));
        Should.Throw<ArgumentOutOfRangeException>(() => grid.Then(200, 0));
    }

    /// <summary>Streams follow the journal beside, so it is waited until they have heard of it.</summary>
    private static async Task ChangeAsync(StreamTown town, string version)
    {
        await town.TakeAsync(version);
        await town.Streams.HearAsync(TestContext.Current.CancellationToken);
    }
}
