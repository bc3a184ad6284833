using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The files of a curve make the same records in whatever order they come, and none of them fills a silence or
/// takes away what another one measured. The cases are files for which a program of before did not.</summary>
public sealed class CurveOrderTests
{
    private static readonly SettlementPointId Point = new("CP1");
    // Midnight of 1 March in Shanghai; the ledger's clock stands a day later.
    private static readonly Instant Day = Instant.FromUtc(2026, 2, 28, 16, 0);

    private static async Task<IntakeLedger> LedgerAsync(int periodMinutes = 15)
    {
        var ledger = new IntakeLedger();
        ledger.Clock.Now = Day + Duration.FromHours(25);
        await ledger.TakeAsync(IntakeLedger.Connector.Replace("\"periodMinutes\":15",
            $"\"periodMinutes\":{periodMinutes}", StringComparison.Ordinal));
        return ledger;
    }

    private static (double Second, long Kw)[] Even(double from, double step, int count, long kilowatts = 100) =>
        [.. Enumerable.Range(0, count).Select(i => (from + i * step, kilowatts))];

    private static string Csv(IEnumerable<(double Second, long Kw)> samples) =>
        "point,time,kw\n" + string.Concat(samples.Select(sample => string.Create(CultureInfo.InvariantCulture,
            $"{Point},{InstantPattern.ExtendedIso.Format(Day + Duration.FromMilliseconds((long)Math.Round(sample.Second * 1000)))},{sample.Kw}\n")));

    private static IEnumerable<int[]> Orders(int count) => count == 1 ? [[0]]
        : Orders(count - 1).SelectMany(order => Enumerable.Range(0, count)
            .Select(at => (int[])[.. order[..at], count - 1, .. order[at..]]));

    private static async Task<List<IntervalRecorded>> LatestAsync(IntakeLedger ledger) =>
        [.. (await ledger.FactsAsync()).OfType<IntervalRecorded>().GroupBy(record => record.Period)
            .Select(versions => versions.MaxBy(record => record.Version)!).OrderBy(record => record.Period.Start)];

    /// <summary>The latest records, which are the same in every order of the files, without a fault in any.</summary>
    private static Task<List<IntervalRecorded>> InEveryOrderAsync(
        (double, long)[][] files, int periodMinutes = 15) => InOrdersAsync(files, Orders(files.Length), periodMinutes);

    private static async Task<List<IntervalRecorded>> InOrdersAsync(
        (double, long)[][] files, IEnumerable<int[]> orders, int periodMinutes = 15)
    {
        List<IntervalRecorded>? first = null;
        foreach (var order in orders)
        {
            await using var ledger = await LedgerAsync(periodMinutes);
            foreach (var file in order) await ledger.TakeAsync(Csv(files[file]));
            var records = await LatestAsync(ledger);
            var said = string.Join(' ', order);
            if (first is not null) Told(records).ShouldBe(Told(first), said);
            first ??= records;
            var findings = await VerifiedAsync(ledger);
            findings.Faults.ShouldBeEmpty(said);
            AsBefore(findings).ShouldBeEmpty(said);
        }
        return first!;
    }

    /// <summary>What records tell of the energy. A period of which nothing is known has a record where something was
    /// before a sample came between, or where a sample at its very start came before those that lead to it.</summary>
    private static List<string> Told(IEnumerable<IntervalRecorded> records) =>
        [.. records.Where(record => record.CoveredMicroseconds > 0 || record.Samples > 1).Select(record =>
            $"{record.Period.Start} {record.Import.HalfNanojoules} {record.Export.HalfNanojoules} {record.Minimum} "
            + $"{record.Maximum} {record.CoveredMicroseconds} {record.Samples} {record.Ramp1sMilliwattsMax} "
            + $"{record.Quality}")];

    private static async Task<Findings> VerifiedAsync(IntakeLedger ledger)
    {
        var findings = new Findings();
        var verification = new RecordVerification(ledger.Ledger.Evidence.Get, findings);
        var versions = new RecordVersions(findings, ledger.Ledger.Journal);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Ledger.Journal))
            if (EventCodec.Decode(recorded) is IntervalRecorded record)
                verification.Verify(recorded.Position, record,
                    await versions.BeforeAsync(recorded, record, TestContext.Current.CancellationToken));
        verification.Finish();
        return findings;
    }

    private static List<string> AsBefore(Findings findings) => [.. findings.NotChecked.Where(said =>
        said.Contains("by the measure of gaps", StringComparison.Ordinal)
        || said.Contains("whether anything flowed", StringComparison.Ordinal))];

    private static Energy Of(long kilowattSeconds) => new((Int128)kilowattSeconds * 2_000_000_000_000);

    private static Energy Sum(IEnumerable<IntervalRecorded> records) =>
        records.Aggregate(Energy.Zero, (sum, record) => sum + record.Import);

    private static readonly (double, long)[][] Small =
        [Even(595 * 60, 60, 15), Even(840 * 60, 60, 6), Even(846 * 60, 60, 5)];

    /// <summary>A value a minute until 10:09, and from 14:00 on again, in two small files after each other.</summary>
    [Fact]
    public async Task A_small_file_after_another_one_does_not_fill_the_silence_before_both()
    {
        var records = await InEveryOrderAsync(Small);
        Sum(records).ShouldBe(Of(144_000)); // 40 kWh
        records.Select(record => (record.Period.Start - Day).TotalMinutes).ShouldBe([585, 600, 840]);
        await using var whole = await LedgerAsync();
        await whole.TakeAsync(Csv(Small.SelectMany(file => file)));
        Told(await LatestAsync(whole)).ShouldBe(Told(records));
    }

    /// <summary>Uploads of ten values, a value a second; and a late value of a curve that has a silence itself.
    /// </summary>
    [Fact]
    public async Task Neither_do_posts_of_seconds_nor_a_late_value()
    {
        await using var posts = await LedgerAsync();
        for (var second = 36_480; second < 36_540; second += 10) await posts.TakeAsync(Csv(Even(second, 1, 10)));
        for (var second = 50_400; second < 50_460; second += 10) await posts.TakeAsync(Csv(Even(second, 1, 10)));
        Sum(await LatestAsync(posts)).ShouldBe(Of(2 * 59 * 100));
        var late = await InEveryOrderAsync([[.. Even(0, 300, 11), .. Even(10_200, 300, 8)], Even(2950, 1, 1)]);
        Sum(late).ShouldBe(Of(100 * (3000 + 2100)));
    }

    [Theory, InlineData(16, 8219), InlineData(17, 8819)]
    public async Task A_fast_file_beside_a_slow_one_takes_nothing_from_its_periods(int count, int covered)
    {
        var records = await InEveryOrderAsync([Even(0, 600, count), Even(1199, 1, 120)]);
        Sum(records).ShouldBe(Of(100 * covered)); // all but 781 s of the period of the fast one, amid which it ends
        foreach (var i in (int[])[0, 2, 3])
            (records[i].Import, records[i].CoveredMicroseconds).ShouldBe((Of(90_000), 900_000_000));
    }

    /// <summary>Of three values the median is half of both distances, so a silence would allow itself.</summary>
    [Fact]
    public async Task A_file_of_three_values_fills_no_silence_with_its_own()
    {
        var records = await InEveryOrderAsync([Even(590 * 60, 60, 20), [.. Even(840 * 60, 60, 2), (1070 * 60, 100)]]);
        // The last one holds a value itself, which leads to it.
        records.Select(record => (record.Period.Start - Day).TotalMinutes).ShouldBe([585, 600, 840, 1065]);
        records.Select(record => record.CoveredMicroseconds / 1_000_000).ShouldBe([600, 540, 60, 300]);
    }

    /// <summary>Values that are posted one by one have a spacing together, before a fast file and after it.</summary>
    [Theory, InlineData(0, 900, 0), InlineData(900, 780, 1)]
    public async Task A_fast_file_takes_nothing_from_values_that_came_one_by_one(int posted, int fast, int of)
    {
        (double, long)[][] files =
            [.. Enumerable.Range(0, 16).Select(i => Even(posted + i * 60, 1, 1)), Even(fast, 1, 120)];
        int[] inTime = [.. Enumerable.Range(0, 17)];
        var records = await InOrdersAsync(
            files, [inTime, [.. inTime.Reverse()], [.. inTime[..8], 16, .. inTime[8..16]]]);
        (records[of].Import, records[of].CoveredMicroseconds).ShouldBe((Of(90_000), 900_000_000));
    }

    /// <summary>A sample of a slow file lies in the ramp window of a silence, and nearer ones of fast files beside it.
    /// </summary>
    [Fact]
    public async Task Only_the_files_of_the_nearest_samples_bridge_a_period()
    {
        var records = await InEveryOrderAsync(
            [Even(26_099.2, 3600, 3), Even(33_280.9, 1, 20), Even(39_600, 1, 20)]);
        records.Where(record => record.CoveredMicroseconds > 0)
            .Select(record => (record.Period.Start - Day).TotalMinutes)
            .ShouldBe([420, .. Enumerable.Range(29, 8).Select(i => i * 15.0), 660]);
    }

    /// <summary>A value that is in no ramp window of a period leads to one that is.</summary>
    [Fact]
    public async Task A_ramp_reaches_back_to_the_last_sample_before_its_window()
    {
        var records = await InEveryOrderAsync(
            [[(1100, 200), (1499.5, 200), .. Even(1500.2, 100, 4, kilowatts: 200)], [(1200.4, 0)]], periodMinutes: 5);
        records.Single(record => record.Period.Start == Day + Duration.FromSeconds(1500)).Ramp1sMilliwattsMax
            .ShouldBe(200_602); // 0.3 s of 200 kW in 299.1 s
    }

    [Fact]
    public async Task A_stored_sample_is_looked_for_in_periods_that_hold_new_ones_too()
    {
        var records = await InEveryOrderAsync(
            [[(934, 200), (1334, 100)], [(112, 0), (142, 200), (172, 200), (962, 0)]], periodMinutes: 5);
        records.Skip(1).Take(2).Select(record => (record.Period.Start - Day, record.Import)).ShouldBe(
            [(Duration.FromMinutes(5), Of(60_000)), (Duration.FromMinutes(10), Of(60_000))]);
    }

    [Fact]
    public async Task Of_two_samples_at_the_instant_that_closes_a_period_the_lower_power_counts()
    {
        var records = await InEveryOrderAsync([Even(0, 600, 25), Even(1200, 1, 301, kilowatts: 0)]);
        records[0].Import.ShouldBe(Of(82_500));
    }

    /// <summary>Fifty a second until a period begins, then one in ten seconds, then fifty a second again.</summary>
    [Fact]
    public async Task A_gap_is_measured_from_the_last_sample_before_the_period_on()
    {
        var records = await InEveryOrderAsync(
            [[.. Even(0, 0.02, 15_001), .. Even(310, 10, 60), .. Even(900.02, 0.02, 15_000)]], periodMinutes: 5);
        records.Count.ShouldBe(4);
        records.ShouldAllBe(record => record.CoveredMicroseconds == 300_000_000);
    }

    [Fact]
    public async Task A_sample_at_the_edge_of_a_period_makes_no_record_where_it_only_closes_the_one_before()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(Csv(Even(0, 1, 900)));
        await ledger.TakeAsync(Csv(Even(900, 1, 1)));
        var closed = (await LatestAsync(ledger)).ShouldHaveSingleItem();
        (closed.State, closed.CoveredMicroseconds).ShouldBe((IntervalRecordState.Final, 900_000_000));
        await ledger.TakeAsync(Csv(Even(901, 1, 10)));
        var next = (await LatestAsync(ledger))[1];
        (next.Samples, next.CoveredMicroseconds).ShouldBe((11, 10_000_000));
        // With nothing before it, it is all that is known.
        await using var alone = await LedgerAsync();
        await alone.TakeAsync(Csv(Even(900, 1, 1)));
        (await LatestAsync(alone)).ShouldHaveSingleItem().Samples.ShouldBe(1);
    }

    /// <summary>Two to four files of up to three stretches of one to twenty values, of which some lie at the same
    /// instants, beside and amid each other, with silences.</summary>
    [Fact]
    public async Task However_files_lie_amid_each_other_their_order_changes_no_energy()
    {
        for (var seed = 0; seed < 16; seed++)
        {
            var chance = new Random(seed);
            var grid = (int[])[1, 30, 60, 300];
            var step = grid[chance.Next(grid.Length)];
            var files = new (double, long)[seed % 4 == 0 ? 3 : 2][];
            for (var i = 0; i < files.Length; i++) files[i] = Stretches(chance, step, isOnSeconds: seed % 2 == 0);
            await InEveryOrderAsync(files, periodMinutes: 5);
        }
    }

    private static (double, long)[] Stretches(Random chance, int grid, bool isOnSeconds)
    {
        var samples = new List<(double, long)>();
        var at = (isOnSeconds ? 0.0 : 300) + chance.Next(2400 / grid) * grid;
        for (var left = chance.Next(1, 4); left > 0; left--)
        {
            if (!isOnSeconds) at += ((double[])[-0.8, -0.5, -0.1, 0, 0.1, 0.4])[chance.Next(6)];
            var step = ((int[])[grid, 2 * grid, 60, 300])[chance.Next(4)];
            for (var count = ((int[])[1, 2, 3, 5, 10, 20])[chance.Next(6)]; count > 0; count--, at += step)
                samples.Add((at, chance.Next(3) * 100));
            at += ((int[])[0, 300, 900, 1500])[chance.Next(4)];
        }
        return [.. samples];
    }

    /// <summary>Files shorter than a period, with a silence between two of them, beside the same curve whole.</summary>
    [Fact]
    public async Task A_curve_with_a_silence_is_the_same_in_small_files_and_whole()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var chance = new Random(seed);
            var (step, at) = (chance.Next(1, 5) * 60, 0);
            var files = new List<(double, long)[]>();
            for (var i = 0; i < 6; i++)
            {
                var count = chance.Next(2, 7);
                files.Add(Even(at, step, count));
                at += step * (i == 2 ? count + 60 : count);
            }
            await using var whole = await LedgerAsync();
            await whole.TakeAsync(Csv(files.SelectMany(file => file)));
            await using var parts = await LedgerAsync();
            foreach (var file in files.OrderBy(_ => chance.Next())) await parts.TakeAsync(Csv(file));
            Told(await LatestAsync(parts)).ShouldBe(Told(await LatestAsync(whole)), $"{seed}");
        }
    }

    /// <summary>A record that an earlier program made between two samples that are too far apart: it follows from its
    /// evidence by the rule of then, whoever verifies is told of it, and a file that comes again mends it.</summary>
    [Fact]
    public async Task A_silence_that_was_filled_before_is_no_fault_is_told_and_is_mended_by_its_file()
    {
        await using var ledger = await LedgerAsync();
        foreach (var file in Small[..2]) await ledger.TakeAsync(Csv(file));
        var beside = (await LatestAsync(ledger))[1];
        PowerSample[] window = [At(609 * 60), At(840 * 60)];
        var period = new Interval(Day + Duration.FromMinutes(615), Day + Duration.FromMinutes(630));
        var integral = PowerCurve.Integrate(window, [period], PowerCurve.MaxGapByOthers(window))[0];
        integral.Import.ShouldBe(Of(90_000));
        var made = IntervalRecords.From(Point, integral, IntervalRecordState.Final, 0, 0, ReadingQuality.Measured,
            beside.Evidence);
        (await ledger.Ledger.Recorder.RecordEachAsync(Streams.Curve(Point, new LocalDate(2026, 3, 1)),
            IntervalRecordsState.Empty, IntervalRecords.Evolve, [made],
            (state, record) => IntervalRecords.Decide(state, record, ledger.Clock.Now),
            _ => new Submission(new byte[] { 1 }, "before"), IntakeLedger.Operator,
            TestContext.Current.CancellationToken)).ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var findings = await VerifiedAsync(ledger);
        findings.Faults.ShouldBeEmpty();
        var told = AsBefore(findings);
        told.Count.ShouldBe(2);
        told[0].ShouldStartWith("1 interval records of files by the measure of gaps ");
        told[1].ShouldBe("1 of these for whether anything flowed: they hold no sample, and those beside are farther "
            + "apart than the spacing of either file allows; the first is that of CP1 from 2026-03-01T02:15:00Z, "
            + "version 1");
        await ledger.TakeAsync(Csv(Small[1]));
        var mended = (await LatestAsync(ledger)).Single(record => record.Period == period);
        (mended.Version, mended.Import, mended.CoveredMicroseconds, mended.Quality)
            .ShouldBe((2, Energy.Zero, 0, ReadingQuality.Missing));
        findings = await VerifiedAsync(ledger);
        findings.Faults.ShouldBeEmpty();
        AsBefore(findings).ShouldBe([told[0]]); // what its later version mended is no more to do
    }

    /// <summary>What no sample closes is final only where the version before was.</summary>
    [Fact]
    public async Task A_version_that_is_final_without_a_sample_that_closes_it_is_a_fault()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(Csv(Even(0, 1, 450)));
        var open = (await LatestAsync(ledger)).ShouldHaveSingleItem();
        open.State.ShouldBe(IntervalRecordState.Provisional);
        var next = open with { Version = 2, State = IntervalRecordState.Final };
        Faults(RecordVersion.Of(open)).ShouldHaveSingleItem().Found.ShouldBe("state Final");
        Faults(RecordVersion.Of(open with { State = IntervalRecordState.Final })).ShouldBeEmpty();
        Faults(null).ShouldBeEmpty(); // it is not at hand

        IReadOnlyList<Fault> Faults(RecordVersion? before)
        {
            var findings = new Findings();
            new RecordVerification(ledger.Ledger.Evidence.Get, findings).Verify(0, next, before);
            return findings.Faults;
        }
    }

    private static PowerSample At(int second) =>
        new(Day.ToUnixTimeTicks() / 10 + second * 1_000_000L, 100_000_000);
}
