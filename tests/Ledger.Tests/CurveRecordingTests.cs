using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>From curve files to interval records: through the door, into a real journal.</summary>
public sealed class CurveRecordingTests
{
    private static readonly SettlementPointId Point = new("CP1");
    // Midnight of 1 March in Shanghai; the ledger's clock stands a day later.
    private static readonly Instant Day = Instant.FromUtc(2026, 2, 28, 16, 0);

    private static async Task<IntakeLedger> LedgerAsync()
    {
        var ledger = new IntakeLedger();
        ledger.Clock.Now = Day + Duration.FromHours(25);
        await ledger.TakeAsync(IntakeLedger.Connector);
        return ledger;
    }

    private static PowerSample At(int second, long kilowatts) =>
        new(Day.ToUnixTimeTicks() / 10 + second * 1_000_000L, kilowatts * 1_000_000);

    private static PowerSample[] Seconds(int from, int to, long kilowatts = 100) =>
        [.. Enumerable.Range(from, to - from + 1).Select(second => At(second, kilowatts))];

    private static async Task<byte[]> ParquetAsync(IEnumerable<PowerSample> samples, Instant? sentAt = null)
    {
        using var file = new MemoryStream();
        await CurveParquet.WriteAsync(file, [new PointCurve(Point, [.. samples])], sentAt,
            TestContext.Current.CancellationToken);
        return file.ToArray();
    }

    private static async Task<IReadOnlyList<IntervalRecorded>> LatestAsync(IntakeLedger ledger) =>
        [.. (await ledger.FactsAsync()).OfType<IntervalRecorded>().GroupBy(record => record.Period)
            .Select(versions => versions.MaxBy(record => record.Version)!).OrderBy(record => record.Period.Start)];

    [Fact]
    public async Task A_day_file_makes_a_final_record_of_every_period()
    {
        await using var ledger = await LedgerAsync();
        var report = await ledger.TakeAsync(await ParquetAsync(Seconds(0, 86_400)));
        report.Format.ShouldBe("power curves");
        report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var records = await LatestAsync(ledger);
        records.Count.ShouldBe(96);
        records.ShouldAllBe(record => record.State == IntervalRecordState.Final
            && record.Import == Energy.FromWattHours(25_000)
            && record.CoveredMicroseconds == 900_000_000 && record.Samples == 900 && record.Gaps.Count == 0
            && record.Quality == ReadingQuality.Measured && record.LateSamples == 0);
        (await ledger.TakeAsync(await ParquetAsync(Seconds(0, 86_400)))).Outcomes
            .ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
    }

    [Fact]
    public async Task A_period_is_provisional_until_a_sample_closes_it_also_out_of_the_next_batch()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 449)));
        await ledger.TakeAsync(await ParquetAsync(Seconds(450, 899)));
        var open = (await LatestAsync(ledger)).ShouldHaveSingleItem();
        (open.State, open.CoveredMicroseconds, open.LateSamples)
            .ShouldBe((IntervalRecordState.Provisional, 899_000_000, 0));
        open.Reason!.ShouldStartWith("more of the period: import +");
        await ledger.TakeAsync(await ParquetAsync(Seconds(900, 1000)));
        var closed = await LatestAsync(ledger);
        (closed[0].State, closed[0].CoveredMicroseconds, closed[0].Import, closed[0].LateSamples)
            .ShouldBe((IntervalRecordState.Final, 900_000_000, Energy.FromWattHours(25_000), 0));
        closed[1].State.ShouldBe(IntervalRecordState.Provisional);
    }

    [Fact]
    public async Task Samples_that_come_after_a_record_was_final_restate_it_and_are_counted_as_late()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 900).Where(sample => sample != At(300, 100))
            .Where(sample => sample.AtMicroseconds < At(290, 0).AtMicroseconds
                || sample.AtMicroseconds > At(320, 0).AtMicroseconds)));
        var first = (await LatestAsync(ledger))[0];
        first.Gaps.ShouldHaveSingleItem().Missing.Duration.ShouldBe(Duration.FromSeconds(32));
        await ledger.TakeAsync(await ParquetAsync(Seconds(290, 320)));
        var second = (await LatestAsync(ledger))[0];
        (second.Version, second.LateSamples, second.Gaps.Count, second.Import)
            .ShouldBe((2, 31, 0, Energy.FromWattHours(25_000)));
        second.Reason!.ShouldStartWith("late data: import +0.888888888889 kWh");
        ledger.Ledger.Evidence.Get(second.Evidence)!.AsSpan().StartsWith("ledger-evidence-manifest/1\n"u8)
            .ShouldBeTrue();
    }

    [Fact]
    public async Task A_clock_that_is_ahead_is_flagged_and_not_corrected()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 900), ledger.Clock.Now + Duration.FromSeconds(4)));
        var record = (await LatestAsync(ledger))[0];
        (record.Quality, record.Reason, record.ClockOffsetMicroseconds)
            .ShouldBe((ReadingQuality.Suspect, "clock 4.000 s ahead", 4_000_000));
        record.Period.Start.ShouldBe(Day);
    }

    /// <summary>A file that goes on where a period has ended is no evidence of it, and what it proved of the clock
    /// stays with the record all the same: such a version is verified, because ledgers hold it.</summary>
    [Fact]
    public async Task A_record_whose_clock_a_file_beside_it_was_seen_to_be_ahead_is_no_fault()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 900)));
        await ledger.TakeAsync(await ParquetAsync(Seconds(901, 1000), ledger.Clock.Now + Duration.FromSeconds(4)));
        var versions = (await ledger.FactsAsync()).OfType<IntervalRecorded>().Where(each => each.Period.Start == Day)
            .ToList();
        versions.Select(each => (each.Version, each.ClockOffsetMicroseconds, each.Quality)).ShouldBe(
            [(1, 0L, ReadingQuality.Measured), (2, 4_000_000L, ReadingQuality.Suspect)]);
        versions[1].Evidence.ShouldBe(versions[0].Evidence);
        var faults = new Findings();
        var verification = new RecordVerification(ledger.Ledger.Evidence.Get, faults);
        var before = new RecordVersions(faults);
        foreach (var version in versions) verification.Verify(0, version, before.Before(0, "curve", version));
        faults.Faults.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("point,time,kw\nCP9,2026-02-28T16:00:00Z,1\n", Rejection.UnknownSettlementPoint)]
    [InlineData("point,time,kw\nCP1,2026-03-09T16:00:00Z,1\n", Rejection.ReadInTheFuture)]
    [InlineData("point,time,kw\nCP1,-9998-01-01T00:00:00Z,1\n", Rejection.InvalidTime)]
    [InlineData("point,time,kw\nCP1,1970-01-01T00:00:10Z,1\nCP1,2026-02-28T16:00:00Z,1\n", Rejection.InvalidTime)]
    [InlineData("point,time,kw\nCP1,1999-12-31T23:59:59Z,1\n", Rejection.InvalidTime)]
    [InlineData("point,time,kw\nCP1,9999-12-31T23:59:59Z,1\n", Rejection.InvalidTime)]
    [InlineData("point,time,kw\nCP1,2026-02-28T16:00:00Z,NaN\n", Rejection.NotANumber)]
    [InlineData("point,time,kw\nCP1,2026-02-28T16:00:00Z,1", Rejection.Truncated)]
    public async Task A_curve_that_breaks_a_rule_is_kept_as_refused_evidence_and_records_nothing(string csv,
        Rejection code)
    {
        await using var ledger = await LedgerAsync();
        (await ledger.TakeAsync(csv)).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(code);
        (await LatestAsync(ledger)).ShouldBeEmpty();
        (await ledger.FactsAsync()).OfType<EvidenceRefused>().ShouldHaveSingleItem().Code.ShouldBe(code);
    }

    /// <summary>A state holds until the next one, and may excuse: one of 1970 would excuse whatever comes first.
    /// </summary>
    [Fact]
    public async Task What_a_vehicle_said_by_a_clock_that_nobody_set_is_refused_with_its_curve()
    {
        await using var ledger = await LedgerAsync();
        (await ledger.TakeAsync(
            """{"point":"CP1","time":"1970-01-01T00:00:10Z","kw":1,"vehicle":{"stopReason":"byVehicle"}}""" + "\n"))
            .Outcomes.Select(outcome => outcome.ShouldBeOfType<RecordOutcome.Refused>().Code)
            .ShouldBe([Rejection.InvalidTime, Rejection.InvalidTime]);
        (await ledger.FactsAsync()).OfType<ChargingStateRecorded>().ShouldBeEmpty();
    }

    [Fact]
    public async Task Cut_files_of_both_formats_are_refused()
    {
        await using var ledger = await LedgerAsync();
        var file = await ParquetAsync(Seconds(0, 900));
        foreach (var length in new[] { 4, 11, 12, file.Length / 2, file.Length - 5, file.Length - 1 })
            (await ledger.TakeAsync(file[..length])).Outcomes.ShouldHaveSingleItem()
                .ShouldBeOfType<RecordOutcome.Refused>();
        (await LatestAsync(ledger)).ShouldBeEmpty();
    }

    private static string Changed(int minutes, string from) => IntakeLedger.Connector.Split('\n')[0]
        .Replace("\"periodMinutes\":15", $"\"periodMinutes\":{minutes}", StringComparison.Ordinal)
        .Replace("2026-01-01T00:00:00Z", from, StringComparison.Ordinal);

    /// <summary>Recorded long before it holds, as settlement reads it: from the start of the next day on.</summary>
    [Fact]
    public async Task Another_length_of_periods_holds_from_its_day_on_and_not_from_when_it_was_told()
    {
        await using var ledger = await LedgerAsync();
        ledger.Clock.Now = Day + Duration.FromHours(26);
        await ledger.TakeAsync(Changed(60, "2026-03-01T16:00:00Z"));
        await ledger.TakeAsync(Changed(30, "2026-03-02T04:00:00Z")); // within that day: from the day after it on
        // The last quarter and the first hour are made of both files.
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 86_000)));
        await ledger.TakeAsync(await ParquetAsync(Seconds(86_001, 93_000)));
        var records = await LatestAsync(ledger);
        records.Count.ShouldBe(98);
        records.Select(record => record.Period.Duration.TotalMinutes).Distinct().ShouldBe([15, 60]);
        records.Take(96).ShouldAllBe(record => record.State == IntervalRecordState.Final
            && record.Import == Energy.FromWattHours(25_000) && record.CoveredMicroseconds == 900_000_000);
        var hour = records[96];
        (hour.Period.Start - Day, hour.State).ShouldBe((Duration.FromHours(24), IntervalRecordState.Final));
        (hour.Import, hour.CoveredMicroseconds).ShouldBe((Energy.FromWattHours(100_000), 3_600_000_000L));
        (records[97].State, records[97].Period.Start - Day)
            .ShouldBe((IntervalRecordState.Provisional, Duration.FromHours(25)));
    }

    [Fact]
    public async Task What_a_curve_says_of_before_a_point_was_registered_is_cut_by_its_first_master_data()
    {
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Day + Duration.FromHours(25);
        await ledger.TakeAsync(Changed(30, "2026-03-05T00:00:00Z"));
        await ledger.TakeAsync(Changed(60, "2026-03-06T00:00:00Z"));
        await ledger.TakeAsync(await ParquetAsync(Seconds(0, 1_800)));
        (await LatestAsync(ledger))[0].Period.ShouldBe(new(Day, Day + Duration.FromMinutes(30)));
    }

    /// <summary>A day further west begins hours after the one before it has ended further east.</summary>
    [Fact]
    public async Task What_lies_between_the_days_of_two_zones_is_refused()
    {
        await using var ledger = await LedgerAsync();
        ledger.Clock.Now = Day + Duration.FromHours(48);
        await ledger.TakeAsync(Changed(15, "2026-03-01T16:00:00Z")
            .Replace("Asia/Shanghai", "America/New_York", StringComparison.Ordinal));
        var report = await ledger.TakeAsync(await ParquetAsync(Seconds(86_399, 87_000)));
        report.Outcomes.OfType<RecordOutcome.Refused>().ShouldHaveSingleItem().Code
            .ShouldBe(Rejection.DayNotWholePeriods);
        (await LatestAsync(ledger)).ShouldBeEmpty();
    }

    /// <summary>Duplicates, conflicts and gaps, divided into batches that come in any order,
    /// some of them twice.</summary>
    [Fact]
    public Task However_a_curve_is_divided_and_in_whatever_order_it_comes_the_last_records_are_the_same() =>
        Gen.Select(Gen.Int[0, 2_000].List[20, 120], Gen.Int[1, 6], Gen.Int[0, 1_000_000])
            .SampleAsync(async (seconds, batches, seed) =>
        {
            var samples = seconds.Select((second, i) => At(second, second % 7 == 0 ? i % 3 * 100 : second)).ToList();
            await using var whole = await LedgerAsync();
            await whole.TakeAsync(await ParquetAsync(samples));
            await using var parts = await LedgerAsync();
            var chance = new Random(seed);
            var divided = samples.GroupBy(_ => chance.Next(batches)).Select(batch => batch.ToList())
                .OrderBy(_ => chance.Next()).ToList();
            foreach (var batch in divided.Append(divided[0])) await parts.TakeAsync(await ParquetAsync(batch));
            (await LatestAsync(parts)).Select(Content).ShouldBe((await LatestAsync(whole)).Select(Content));
        }, iter: 20, threads: 1);

    private static PowerSample[] Slow(int stepMinutes, int from, int to) =>
        [.. Enumerable.Range(from, to - from + 1).Select(i => At(i * stepMinutes * 60, 100 + i))];

    /// <summary>Values slower than the periods: what lies between two files is in no period that holds a sample.
    /// </summary>
    [Theory]
    [InlineData(20, 0, 1), InlineData(20, 1, 0), InlineData(60, 0, 1), InlineData(60, 1, 0)]
    public async Task A_slow_curve_in_two_files_is_what_it_is_in_one(int stepMinutes, int first, int second)
    {
        PowerSample[][] files = [Slow(stepMinutes, 0, 2), Slow(stepMinutes, 3, 6)];
        await using var whole = await LedgerAsync();
        await whole.TakeAsync(await ParquetAsync(files.SelectMany(file => file)));
        await using var parts = await LedgerAsync();
        await parts.TakeAsync(await ParquetAsync(files[first]));
        await parts.TakeAsync(await ParquetAsync(files[second]));
        var records = await LatestAsync(parts);
        records.Select(Content).ShouldBe((await LatestAsync(whole)).Select(Content));
        records.Sum(record => record.CoveredMicroseconds).ShouldBe(6 * stepMinutes * 60_000_000L);
        (await FaultsAsync(parts)).ShouldBeEmpty();
    }

    /// <summary>Two curves that stop far from each other say nothing of the time between.</summary>
    [Theory]
    [InlineData("earlier first"), InlineData("later first"), InlineData("one file")]
    public async Task What_no_spacing_spans_stays_without_records(string order)
    {
        // 80 minutes apart; three times the spacing is 60.
        PowerSample[] earlier = Slow(20, 0, 3), later = Slow(20, 7, 9);
        await using var ledger = await LedgerAsync();
        foreach (var file in order switch
        {
            "earlier first" => (PowerSample[][])[earlier, later],
            "later first" => [later, earlier],
            _ => [[.. earlier, .. later]],
        })
            await ledger.TakeAsync(await ParquetAsync(file));
        (await LatestAsync(ledger)).Select(record =>
                ((record.Period.Start - Day).TotalMinutes, record.CoveredMicroseconds / 60_000_000d))
            .ShouldBe([(0, 15), (15, 15), (30, 15), (45, 15), (135, 10), (150, 15), (165, 15)]);
        (await FaultsAsync(ledger)).ShouldBeEmpty();
    }

    /// <summary>A sample a second until one second, and from another one on again: nothing is known of the time
    /// between, also where a few samples lie in it.</summary>
    [Theory]
    [InlineData(900, 2700, new int[0])]
    [InlineData(900, 2699, new int[0])] // the sample after the silence lies before the edge of a period
    [InlineData(900, 2700, new[] { 1500 })]
    [InlineData(899, 4500, new[] { 2400 })] // with two periods between: its two gaps are alike
    [InlineData(900, 2700, new[] { 1000, 1300 })]
    [InlineData(900, 2700, new[] { 1000, 1300, 1700 })]
    public async Task A_silence_is_not_measured_by_itself(int last, int next, int[] between)
    {
        PowerSample[] file = [.. Seconds(0, last), .. between.Select(second => At(second, 100)),
            .. Seconds(next, next + 905)];
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync(file));
        var records = await LatestAsync(ledger);
        var known = (last + 905) * 1_000_000L;
        records.Sum(record => record.CoveredMicroseconds).ShouldBe(known);
        records.Aggregate(Energy.Zero, (sum, record) => sum + record.Import)
            .ShouldBe(new Energy(2 * (Int128)100_000_000 * known));
        (await FaultsAsync(ledger)).ShouldBeEmpty();
    }

    /// <summary>Who samples less often for a while, up to ten times, is measured by how often he does.</summary>
    [Fact]
    public async Task Slower_samples_of_a_fast_curve_are_bridged()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync([.. Seconds(0, 900),
            .. Enumerable.Range(1, 90).Select(i => At(900 + i * 10, 100)), .. Seconds(1801, 3600)]));
        var records = await LatestAsync(ledger);
        records.Count.ShouldBe(4);
        records.ShouldAllBe(record => record.CoveredMicroseconds == 900_000_000);
    }

    /// <summary>Before, a gap counted among the spacings that it was measured by.</summary>
    [Fact]
    public async Task A_record_of_the_earlier_measure_is_counted_and_no_fault()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(await ParquetAsync([.. Seconds(0, 900), .. Seconds(2700, 3600)]));
        var (made, period) = ((await LatestAsync(ledger))[0], new Interval(
            Day + Duration.FromMinutes(15), Day + Duration.FromMinutes(30)));
        PowerSample[] window = [At(899, 100), At(900, 100), At(2700, 100)];
        var earlier = PowerCurve.Integrate(window, [period], PowerCurve.DefaultMaxGap(window))[0];
        earlier.CoveredMicroseconds.ShouldBe(900_000_000);
        var record = IntervalRecords.From(Point, earlier, IntervalRecordState.Final, 0, 0, ReadingQuality.Measured,
            made.Evidence);
        var findings = Verified(ledger, record);
        findings.Faults.ShouldBeEmpty();
        CountedAsBefore(findings).ShouldHaveSingleItem().ShouldStartWith("1 interval records of files by the measure ");
        findings = Verified(ledger, record with { Import = record.Import + new Energy(1) });
        findings.FaultCount.ShouldBeGreaterThan(0);
        CountedAsBefore(findings).ShouldBeEmpty();
        CountedAsBefore(Verified(ledger, made)).ShouldBeEmpty();

        static IEnumerable<string> CountedAsBefore(Findings findings) =>
            findings.NotChecked.Where(said => said.Contains("by the measure of gaps", StringComparison.Ordinal));
    }

    /// <summary>A file of the time between two others takes the place of the later one, as evidence of the first
    /// period.</summary>
    [Fact]
    public async Task The_files_of_a_curve_are_evidence_in_whatever_order_they_come()
    {
        PowerSample[][] files = [Seconds(0, 899), Seconds(900, 1799), Seconds(1800, 2699)];
        foreach (var order in (int[][])[[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
        {
            await using var ledger = await LedgerAsync();
            foreach (var file in order) await ledger.TakeAsync(await ParquetAsync(files[file]));
            var records = await LatestAsync(ledger);
            records.Sum(record => record.CoveredMicroseconds).ShouldBe(2_699_000_000L);
            (await FaultsAsync(ledger)).ShouldBeEmpty(string.Join(' ', order));
        }
    }

    private static Findings Verified(IntakeLedger ledger, IntervalRecorded record)
    {
        var findings = new Findings();
        var verification = new RecordVerification(ledger.Ledger.Evidence.Get, findings);
        verification.Verify(0, record);
        verification.Finish();
        return findings;
    }

    /// <summary>Derives every version again, and holds it against the one before.</summary>
    private static async Task<IReadOnlyList<Fault>> FaultsAsync(IntakeLedger ledger)
    {
        var findings = new Findings();
        var verification = new RecordVerification(ledger.Ledger.Evidence.Get, findings);
        var versions = new RecordVersions(findings, ledger.Ledger.Journal);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Ledger.Journal))
            if (EventCodec.Decode(recorded) is IntervalRecorded record)
                verification.Verify(recorded.Position, record,
                    await versions.BeforeAsync(recorded, record, TestContext.Current.CancellationToken));
        verification.Finish();
        return findings.Faults;
    }

    /// <summary>The same of any slow curve, cut anywhere, whose files come in any order.</summary>
    [Fact]
    public Task However_a_slow_curve_is_cut_and_in_whatever_order_its_files_come_the_last_records_are_the_same() =>
        Gen.Select(Gen.Int[16, 100], Gen.Int[2, 5].List[2, 4], Gen.Int[0, 1_000_000])
            .SampleAsync(async (stepMinutes, lengths, seed) =>
        {
            var samples = Slow(stepMinutes, 0, lengths.Sum() - 1);
            await using var whole = await LedgerAsync();
            whole.Clock.Now = Day + Duration.FromHours(48);
            await whole.TakeAsync(await ParquetAsync(samples));
            await using var parts = await LedgerAsync();
            parts.Clock.Now = whole.Clock.Now;
            var (files, begins) = (new List<PowerSample[]>(), 0);
            foreach (var length in lengths) files.Add(samples[begins..(begins += length)]);
            var chance = new Random(seed);
            foreach (var file in files.OrderBy(_ => chance.Next())) await parts.TakeAsync(await ParquetAsync(file));
            (await LatestAsync(parts)).Select(Content).ShouldBe((await LatestAsync(whole)).Select(Content));
        }, iter: 12, threads: 1);

    // Late samples, version, state, reason and evidence say how a record came about; the rest says what it proves.
    private static string Content(IntervalRecorded record) => EventCodec.ToJson(record with
    {
        Version = 1,
        State = IntervalRecordState.Final,
        LateSamples = 0,
        Reason = null,
        Evidence = new(new string('0', 64)),
    });
}
