using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Fleet;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Simulation;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Seventeen things that went wrong for users of charging back ends, each as a test by its number. Two are of the
/// protocol between charger and back end and not of this door: 8, a message's id that comes again (here a frame's
/// number does, <see cref="StreamEngineTests"/>), and 14, an order to a charger to send less (here the sender says what
/// it gave up, see case 13).
/// </summary>
public sealed class StreamCasesTests
{
    private static readonly Instant Day = StreamTown.Day;

    private static async Task<StreamTown> MeteredAsync()
    {
        var town = await StreamTown.OpenAsync(1);
        await town.TakeAsync("""{"type":"register","point":"CP0","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00Z"}""" + "\n");
        return town;
    }

    private static async Task<IReadOnlyList<LedgerEvent>> ReadAsync(
        StreamTown town, params (int Second, string Kwh)[] readings)
    {
        var before = town.Ledger.Journal.Length;
        town.Clock.Now = Instant.Max(town.Clock.Now, Day + Duration.FromSeconds(readings.Max(one => one.Second)));
        await town.TakeAsync("point,register,read_at,kwh\n" + string.Concat(readings.Select(one =>
            $"CP0,1.8.0,{InstantPattern.ExtendedIso.Format(Day + Duration.FromSeconds(one.Second))},{one.Kwh}\n")),
            "readings.csv");
        return [.. (await TestFolder.AllAsync(town.Ledger.Journal, before)).Select(EventCodec.Decode)];
    }

    private static async Task<StreamDoor> OpenAsync(StreamTown town)
    {
        var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        return door;
    }

    [Fact]
    public async Task Case_01_a_register_that_begins_at_zero_after_an_outage_bills_nothing()
    {
        await using var town = await MeteredAsync();
        await ReadAsync(town, (0, "910.031"));
        (await ReadAsync(town, (900, "0.000"))).OfType<RegisterReadingQuarantined>().ShouldHaveSingleItem().Code
            .ShouldBe(Rejection.ChangeOfBasis);
    }

    [Fact]
    public async Task Case_02_a_register_that_is_reset_amid_a_transaction_is_kept_and_does_not_count()
    {
        await using var town = await MeteredAsync();
        var facts = await ReadAsync(town, (0, "100"), (300, "120"), (600, "1.5"));
        facts.OfType<RegisterReadingRecorded>().Select(fact => fact.IndexSteps).ShouldBe([100_000, 120_000]);
        facts.OfType<RegisterReadingQuarantined>().ShouldHaveSingleItem().IndexSteps.ShouldBe(1500);
        // From its last hundredth to its first it is a rollover, which counts.
        (await ReadAsync(town, (1200, "999999.9"), (1500, "0.1"))).OfType<RegisterReadingQuarantined>().ShouldBeEmpty();
    }

    [Fact]
    public async Task Case_03_a_value_of_the_session_among_those_of_a_life_is_kept_and_does_not_count()
    {
        await using var town = await MeteredAsync();
        var facts = await ReadAsync(town, (0, "4076.5"), (300, "12.3"), (600, "4101.2"));
        facts.OfType<RegisterReadingQuarantined>().ShouldHaveSingleItem().IndexSteps.ShouldBe(12_300);
        facts.OfType<RegisterReadingRecorded>().Count().ShouldBe(2);
    }

    [Fact]
    public async Task Case_04_watt_hours_sent_as_kilowatt_hours_are_suspect()
    {
        await using var town = await MeteredAsync();
        var facts = await ReadAsync(town, (0, "100"), (900, "101"), (1800, "102"), (2700, "103000"));
        facts.OfType<RegisterReadingRecorded>().Last().Quality.ShouldBe(ReadingQuality.Suspect);
        facts.OfType<MeterFindingRecorded>().Select(finding => finding.Rule).ShouldContain(MeterRule.PowerLimit);
    }

    [Fact]
    public async Task Case_05_of_two_powers_at_one_instant_the_lower_counts_whichever_comes_first()
    {
        foreach (var isFirst in (bool[])[true, false])
        {
            await using var town = await StreamTown.OpenAsync(1);
            using var door = await OpenAsync(town);
            town.Clock.Now = Day + Duration.FromSeconds(10);
            PowerSample[] both = [StreamTown.At(10, isFirst ? 100 : 900), StreamTown.At(10, isFirst ? 900 : 100)];
            await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(10),
                (0, [.. StreamTown.Seconds(0, 9), .. both])));
            await town.StreamAsync(door, 1, 11, 960);
            await town.SettleAsync();
            var record = (await town.AllAsync()).ShouldHaveSingleItem();
            (record.ConflictingSamples, record.DuplicateSamples, record.Import)
                .ShouldBe((1, 0, Energy.FromWattHours(25_000)));
        }
    }

    [Fact]
    public async Task Case_06_what_is_sent_again_two_days_after_the_final_record_makes_a_version_with_the_exact_delta()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = await OpenAsync(town);
        await town.StreamAsync(door, 1, 0, 299);
        await town.StreamAsync(door, 1, 600, 1860);
        town.Clock.Now = Day + Duration.FromDays(2);
        await town.SettleAsync();
        var final = (await town.LatestAsync())[0];
        final.State.ShouldBe(IntervalRecordState.Final);
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
            StreamTown.Time(172_800), (0, StreamTown.Seconds(300, 599))));
        await town.SettleAsync();
        var late = (await town.LatestAsync())[0];
        (late.State, late.Version, late.LateSamples).ShouldBe((IntervalRecordState.Final, final.Version + 1, 300));
        (late.Import - final.Import).ShouldBe(new Energy((Int128)100_000_000 * 2 * 301_000_000));
        late.Reason!.ShouldStartWith("late data: import +8.361");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task Case_07_a_number_that_is_missing_is_counted_names_the_gap_and_keeps_the_period_open()
    {
        await using var town = await MeteredAsync();
        using var door = await OpenAsync(town);
        await town.StreamAsync(door, 1, 0, 299);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(419);
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 2, StreamTown.Time(419),
            (0, StreamTown.Seconds(360, 419))));
        await town.StreamAsync(door, 1, 420, 960);
        await ReadAsync(town, (0, "1"), (900, "26"));
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        (record.State, record.Stream!.MissingSequences).ShouldBe((IntervalRecordState.Provisional, 1));
        record.Gaps.ShouldHaveSingleItem().Cause.ShouldBe(GapCause.Lost);
        // It comes after all: nothing is missing, and between the readings the record is final.
        await StreamTown.SendAsync(
            door, StreamTown.Samples(6, StreamTown.Time(359), (0, StreamTown.Seconds(300, 359))));
        await town.SettleAsync();
        await town.SettleAsync();
        var whole = (await town.LatestAsync())[0];
        (whole.State, whole.Gaps.Count, whole.Import)
            .ShouldBe((IntervalRecordState.Final, 0, Energy.FromWattHours(25_000)));
    }

    [Fact]
    public async Task Case_09_samples_of_a_clock_that_was_not_set_wait_until_it_is_and_are_suspect()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = await OpenAsync(town);
        var began = PowerCurve.Microseconds(Instant.FromUtc(2000, 1, 1, 0, 0)) - StreamTown.DayMicroseconds;
        for (var second = 0; second < 120; second += 60)
        {
            town.Clock.Now = Day + Duration.FromSeconds(second + 59);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                StreamTown.Time(second + 59) + began, (0, [.. StreamTown.Seconds(second, second + 59)
                    .Select(sample => sample with { AtMicroseconds = sample.AtMicroseconds + began })])));
        }
        await town.StreamAsync(door, 1, 120, 960);
        await town.SettleAsync();
        var record = (await town.AllAsync()).ShouldHaveSingleItem();
        (record.Quality, record.CoveredMicroseconds, record.Import)
            .ShouldBe((ReadingQuality.Suspect, 900_000_000, Energy.FromWattHours(25_000)));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("Asia/Shanghai", 2026, 3, 1, 96)]
    [InlineData("Australia/Sydney", 2026, 4, 5, 100)]
    [InlineData("Europe/Berlin", 2026, 3, 29, 92)]
    [InlineData("Australia/Brisbane", 2026, 10, 4, 96)]
    public void Case_10_a_day_has_the_periods_that_its_zone_gives_it(
        string zone, int year, int month, int day, int periods)
    {
        SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[zone], new LocalDate(year, month, day), 15,
            out var found, out _).ShouldBeTrue();
        found.Count.ShouldBe(periods);
        found.Zip(found.Skip(1)).ShouldAllBe(two => two.First.End == two.Second.Start);
    }

    [Fact]
    public async Task Case_11_a_clock_that_jumps_by_two_minutes_amid_a_period_makes_it_suspect_and_names_the_gap()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = await OpenAsync(town);
        await town.StreamAsync(door, 1, 0, 299);
        for (var second = 300; second < 1200; second += 60)
        {
            town.Clock.Now = Day + Duration.FromSeconds(second + 59);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                StreamTown.Time(second + 59 + 120), (0, StreamTown.Seconds(second + 120, second + 59 + 120))));
        }
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        (record.Quality, record.Import).ShouldBe((ReadingQuality.Suspect, Energy.FromWattHours(25_000)));
        record.ClockOffsetMicroseconds.ShouldBeInRange(119_000_000, 121_000_000);
    }

    [Fact]
    public async Task Case_12_power_that_changes_its_sign_between_two_samples_is_import_and_export()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = await OpenAsync(town);
        await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(2),
            (0, [StreamTown.At(0, 300), StreamTown.At(1, 300), StreamTown.At(2, -100)])));
        await town.SettleAsync(Day + Duration.FromSeconds(1200));
        var record = (await town.AllAsync()).ShouldHaveSingleItem();
        // 300 kW for a second, then a line to -100 kW that is zero after three quarters of one.
        record.Import.ShouldBe(new Energy((Int128)300_000_000 * 2 * 1_000_000 + (Int128)300_000_000 * 750_000));
        record.Export.ShouldBe(new Energy((Int128)100_000_000 * 250_000));
    }

    [Fact]
    public async Task Case_13_half_a_minute_that_the_sender_gave_up_is_a_gap_of_the_curve_and_none_of_the_register()
    {
        await using var town = await MeteredAsync();
        using var door = await OpenAsync(town);
        await town.StreamAsync(door, 1, 0, 299);
        var buffer = new byte[256];
        var shed = FrameWriter.Shed(buffer, door.LastSequence + 1, StreamTown.Time(330));
        shed.TryAdd(new ShedSamples(0, StreamTown.Time(300), StreamTown.Time(329), 30)).ShouldBeTrue();
        town.Clock.Now = Day + Duration.FromSeconds(330);
        await StreamTown.SendAsync(door, buffer[..shed.Finish()]);
        await town.StreamAsync(door, 1, 330, 960);
        var readings = await ReadAsync(town, (0, "1"), (900, "26"));
        await town.SettleAsync();
        var record = (await town.LatestAsync())[0];
        record.Gaps.ShouldHaveSingleItem().ShouldBe(new CurveGap(new Interval(
            Day + Duration.FromSeconds(299), Day + Duration.FromSeconds(330)), GapCause.PendingDrop));
        record.CoveredMicroseconds.ShouldBe(869_000_000);
        readings.OfType<RegisterReadingRecorded>().Select(fact => fact.IndexSteps).ShouldBe([1000, 26_000]);
    }

    [Fact]
    public void Case_15_a_forged_value_and_one_of_another_meter_are_not_signed_and_a_new_key_holds_from_its_day_on()
    {
        var fleet = new StreamFleet(new StreamPlan(5, 12, 1, 24 * 60, Instant.FromUtc(2026, 3, 1, 0, 0)));
        SimulatedMeter Meter(int connector) => new(new StreamTruth(fleet.Stream(connector)));
        var (meter, other) = (Meter(3), Meter(4));
        var text = meter.SignedValue(meter.SessionsEnded().First());
        Ocmf.Read(text, meter.PublicKey, out var genuine);
        Ocmf.Read(text.Replace("\"TX\":\"B\"", "\"TX\":\"C\"", StringComparison.Ordinal), meter.PublicKey, out var forged);
        Ocmf.Read(text, other.PublicKey, out var foreign);
        (genuine!.Signature, forged!.Signature, foreign!.Signature)
            .ShouldBe((SignatureVerdict.Valid, SignatureVerdict.Invalid, SignatureVerdict.Invalid));
        var swapped = Instant.FromUtc(2026, 4, 1, 0, 0);
        var keys = Meters.Evolve(Meters.Evolve(MeterState.Empty,
            new MeterKeyRegistered(meter.Serial, Instant.FromUtc(2026, 1, 1, 0, 0), meter.PublicKey)),
            new MeterKeyRegistered(meter.Serial, swapped, other.PublicKey));
        keys.KeyAt(swapped - Duration.Epsilon).ShouldBe(meter.PublicKey);
        keys.KeyAt(swapped).ShouldBe(other.PublicKey);
    }

    /// <summary>The law over random ways is <see cref="StreamLawTests"/>.</summary>
    [Fact]
    public async Task Case_16_what_comes_in_any_order_makes_the_same_record()
    {
        var records = new List<string>();
        foreach (var seed in (int[])[0, 1, 2])
        {
            await using var town = await StreamTown.OpenAsync(1);
            using var door = await OpenAsync(town);
            var minutes = Enumerable.Range(0, 17).ToArray();
            if (seed > 0) new Random(seed).Shuffle(minutes);
            town.Clock.Now = Day + Duration.FromSeconds(1100);
            foreach (var minute in minutes)
                await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(1100),
                    (0, StreamTown.Seconds(60 * minute, 60 * minute + 59, 100 + minute))));
            await town.SettleAsync(Day + Duration.FromSeconds(1300));
            var record = (await town.LatestAsync())[0];
            records.Add(string.Create(CultureInfo.InvariantCulture, $"{record.Period} {record.Import.HalfNanojoules} "
                + $"{record.Samples} {record.CoveredMicroseconds} {record.Minimum} {record.Maximum} {record.Gaps.Count}"));
        }
        records.Distinct().Count().ShouldBe(1, string.Join('\n', records));
        records[0].ShouldContain(" 900 900000000 ");
    }

    /// <summary>With real kills it is <see cref="StreamKillTests"/>.</summary>
    [Fact]
    public async Task Case_17_reading_the_log_again_says_nothing_new()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using (var door = await OpenAsync(town)) await town.StreamAsync(door, 1, 0, 1860);
        await town.SettleAsync();
        var (length, root) = (town.Ledger.Journal.Length, town.Ledger.Journal.Root);
        await town.CloseAsync();
        File.Delete(Path.Combine(town.FramesPath, "streams.resume"));
        await town.ReopenAsync();
        await town.SettleAsync();
        (town.Ledger.Journal.Length, Convert.ToHexString(town.Ledger.Journal.Root))
            .ShouldBe((length, Convert.ToHexString(root)));
    }

    /// <summary>Readings that stand before and after a period, and no number missing: nothing is waited for.</summary>
    [Fact]
    public async Task A_period_between_two_readings_is_final_without_waiting_for_the_deadline()
    {
        await using var town = await MeteredAsync();
        using var door = await OpenAsync(town);
        await town.StreamAsync(door, 1, 0, 1860);
        await town.SettleAsync();
        (await town.LatestAsync()).ShouldAllBe(record => record.State == IntervalRecordState.Provisional);
        await ReadAsync(town, (0, "1"), (900, "26"));
        await town.SettleAsync();
        var records = await town.LatestAsync();
        records.Select(record => (record.State, record.Version, record.Import)).ShouldBe(
        [
            (IntervalRecordState.Final, 2, Energy.FromWattHours(25_000)),
            (IntervalRecordState.Provisional, 1, Energy.FromWattHours(25_000)),
        ]);
        records[0].Reason.ShouldBe("same energy, now Final");
    }
}
