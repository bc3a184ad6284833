using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger verify</c> of a ledger with streams: every block of the frame log, and every record from the blocks that
/// it names.
/// </summary>
public sealed class StreamVerificationTests
{
    private static readonly StreamOptions SmallSegments =
        new(new FrameLogOptions("", SegmentBytesMax: 2 * 1024)) { SealsFullSegments = false };

    private static string LastLine(CommandRun run) => run.Output.TrimEnd().Split('\n')[^1];

    /// <summary>Three connectors and an hour, with late samples that make a second version; nothing owns the folder any
    /// more.</summary>
    private static async Task<StreamTown> HourAsync(bool isSealed = false)
    {
        var town = await StreamTown.OpenAsync(3, SmallSegments);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(3));
            await town.StreamAsync(door, 3, 0, 299);
            await town.StreamAsync(door, 3, 360, 3660);
            await town.SettleAsync();
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(3660),
                (0, StreamTown.Seconds(300, 359))));
            await town.SettleAsync();
        }
        if (isSealed) town.Streams.Log.SealFullSegments().Count.ShouldBeGreaterThan(3);
        await town.CloseAsync();
        return town;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_version_is_derived_again_from_the_log_in_whichever_form_it_is(bool isSealed)
    {
        await using var town = await HourAsync(isSealed);
        var run = town.Run("verify");
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        LastLine(run).ShouldContain(" frame-log=68 ");
        LastLine(run).ShouldContain(" interval-records=13 ");
        run.Output.ShouldContain("NOT CHECKED: 13 interval records of streams for the causes of gaps, ");
    }

    [Fact]
    public async Task A_record_that_its_frames_do_not_bear_out_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 960);
        await town.SettleAsync();
        var made = (await town.AllAsync()).ShouldHaveSingleItem();
        await ForgeAsync(town, made with { Version = 2, Import = made.Import + new Energy(1) });
        await ForgeAsync(town, made with
        {
            Version = 3,
            Stream = made.Stream! with { Ramp10sMilliwattsMax = 7 },
            Gaps = [new(new Interval(made.Period.Start, made.Period.Start + Duration.FromSeconds(1)))],
        });
        await ForgeAsync(town, made with { Version = 4, Evidence = town.Ledger.Evidence.Put([1, 2, 3]) });
        var faults = (await town.VerifiedAsync()).Faults;
        faults.Select(fault => (fault.Place.Split(' ')[^1], fault.Found.Split(' ')[0], fault.Expected)).ShouldBe(
        [
            ("v4", "evidence", "the evidence that the record names"),
            ("v2", "import", "25.000000000000 kWh by the evidence"),
            ("v3", "ramp", "0 by the evidence"),
            ("v3", "gaps", "0 by the evidence"),
        ]);
    }

    /// <summary>A range of blocks that were never there, or in another order, is no evidence of anything.</summary>
    [Fact]
    public async Task A_range_that_the_log_has_not_is_a_fault()
    {
        await using var town = await HourAsync();
        await town.ReopenAsync();
        var made = (await town.LatestAsync())[1];
        var range = FrameRange.Read(town.Ledger.Evidence.Get(made.Evidence)!);
        var stretch = range.Stretches[0];
        foreach (var (i, forged) in new[]
        {
            stretch with { ChainBefore = new string('1', 64) },
            stretch with { ChainAfter = new string('1', 64) },
            stretch with { First = stretch.First with { Offset = stretch.First.Offset + 1 } },
            stretch with { Last = new FrameAddress(900, 80) },
        }.Select((forged, i) => (i, forged)))
            await ForgeAsync(town, made with
            {
                Version = made.Version + 1 + i,
                Evidence = town.Ledger.Evidence.Put(new FrameRange([forged]).ToBytes()),
            });
        var faults = (await town.VerifiedAsync()).Faults;
        foreach (var version in Enumerable.Range(made.Version + 1, 4))
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"CP0 2026-02-28T16:15:00Z v{version}");
            faults.ShouldContain(fault => fault.Place.EndsWith(place, StringComparison.Ordinal)
                && fault.Expected == "the frames that the record names", string.Join('\n', faults));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whatever_byte_of_the_log_is_changed_is_found_where_it_stands(bool isSealed)
    {
        await using var town = await HourAsync(isSealed);
        var chance = new Random(5);
        var files = Directory.GetFiles(town.FramesPath).Where(path => !path.EndsWith("frames.head")
            && !path.EndsWith(".resume") && !path.EndsWith(".sessions") && !path.EndsWith(".tokens"))
            .ToList(); // no record rests on these
        for (var i = 0; i < 60; i++)
        {
            var path = files[chance.Next(files.Count)];
            var whole = File.ReadAllBytes(path);
            var changed = (byte[])whole.Clone();
            var at = chance.Next(changed.Length);
            changed[at] ^= (byte)(1 << chance.Next(8));
            File.WriteAllBytes(path, changed);
            var findings = new Findings();
            FrameLogVerification.Verify(
                town.FramesPath, DroppedFrames.None, findings, _ => { }, CancellationToken.None);
            var place = $"frames/{Path.GetFileName(path)}, byte ";
            findings.Faults.ShouldContain(fault => fault.Place.StartsWith(place, StringComparison.Ordinal),
                $"{place}{at}: {string.Join('\n', findings.Faults)}");
            File.WriteAllBytes(path, whole);
        }
        var sound = new Findings();
        FrameLogVerification.Verify(town.FramesPath, DroppedFrames.None, sound, _ => { }, CancellationToken.None);
        sound.FaultCount.ShouldBe(0);
    }

    [Fact]
    public async Task A_log_that_is_gone_or_ends_too_early_is_a_fault()
    {
        await using var town = await HourAsync();
        var last = Directory.GetFiles(town.FramesPath, "*.frames").Order(StringComparer.Ordinal).Last();
        var whole = File.ReadAllBytes(last);
        File.WriteAllBytes(last, whole[..^1]);
        town.Run("verify").Output.ShouldContain($"frames/{Path.GetFileName(last)}, byte ");
        File.Delete(last);
        var cut = town.Run("verify");
        cut.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        cut.Output.ShouldContain("the end of the log");
        Directory.Delete(town.FramesPath, recursive: true);
        var gone = town.Run("verify");
        gone.Output.ShouldContain("there is no frame log");
        LastLine(gone).ShouldStartWith("NOT VERIFIED faults=13 ");
    }

    /// <summary>A clock that is two minutes ahead: its samples were placed by a corrected time.</summary>
    [Fact]
    public async Task Records_of_a_corrected_clock_are_counted_and_not_called_verified()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        for (var second = 0; second <= 2700; second += 60)
        {
            // From a quarter to a half hour on, the sender's clock is ahead.
            var ahead = second is >= 900 and < 1800 ? 120 : 0;
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                StreamTown.Time(second + 59 + ahead), (0, StreamTown.Seconds(second + ahead, second + 59 + ahead))));
        }
        await town.SettleAsync();
        var findings = await town.VerifiedAsync();
        findings.Faults.ShouldBeEmpty();
        findings.NotChecked.ShouldContain(what => what.Contains("placed by a corrected time"),
            string.Join('\n', findings.NotChecked));
    }

    /// <summary>A record beside those of a corrected clock has its own samples, and none that such a clock dated.
    /// </summary>
    [Fact]
    public async Task The_samples_that_are_shown_of_a_record_are_those_that_it_counted()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        for (var second = 0; second <= 2700; second += 60)
        {
            var ahead = second is >= 900 and < 1800 ? 120 : 0;
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                StreamTown.Time(second + 59 + ahead),
                (0, StreamTown.Seconds(second + ahead, second + 59 + ahead, second < 1800 ? 10 : 100))));
        }
        await town.SettleAsync();
        var ct = TestContext.Current.CancellationToken;
        var withheld = new List<Instant>();
        foreach (var record in await town.LatestAsync())
        {
            var (samples, why) = town.Ledger.Samples().Of(record, int.MaxValue, ct);
            if (why is not null)
            {
                why.ShouldContain("placed by a corrected time");
                withheld.Add(record.Period.Start);
                continue;
            }
            samples.Length.ShouldBe(record.Samples);
            var isBefore = record.Period.Start < StreamTown.Day + Duration.FromSeconds(1800);
            samples.ShouldAllBe(sample => sample.Milliwatts == (isBefore ? 10_000_000 : 100_000_000));
            samples.Contains(StreamTown.At(1860, 100)).ShouldBe(!isBefore);
        }
        withheld.ShouldBe([StreamTown.Day + Duration.FromSeconds(900)]);
    }

    /// <summary>A sender that was cut off for days sends all of them in one frame.</summary>
    [Fact]
    public async Task Every_period_of_a_long_frame_knows_that_its_clock_was_corrected()
    {
        const int step = 300, count = 864;
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(step * count);
        await StreamTown.SendAsync(door, town.Announce(1, nominal: step * 1_000_000L));
        await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
            StreamTown.Time(step * count + 10),
            (0, [.. Enumerable.Range(0, count).Select(i => StreamTown.At(i * step + 10, 100))])));
        await town.SettleAsync();
        await CorrectedAsync(town, 10_000_000, 3 * 96 - 1);
    }

    /// <summary>Values slower than the periods, one in each frame: it speaks of periods without a sample too.</summary>
    [Theory]
    [InlineData(SampleSemantics.Instant), InlineData(SampleSemantics.Hold)]
    [InlineData(SampleSemantics.MeanForward), InlineData(SampleSemantics.MeanBack)]
    public async Task Every_period_that_a_slow_sample_speaks_of_knows_that_its_clock_was_corrected(
        SampleSemantics semantics)
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1, semantics, nominal: 3_600_000_000));
        for (var hour = 1; hour <= 6; hour++)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromHours(hour);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                StreamTown.Time(hour * 3600 + 900), (0, [StreamTown.At(hour * 3600 + 900, 100)])));
        }
        await town.SettleAsync();
        await CorrectedAsync(town, 900_000_000, 4 * 4);
    }

    private static async Task CorrectedAsync(StreamTown town, long offset, int atLeast)
    {
        var records = await town.LatestAsync();
        records.Count.ShouldBeGreaterThanOrEqualTo(atLeast);
        records.Where(record => (record.Quality, record.ClockOffsetMicroseconds) != (ReadingQuality.Suspect, offset))
            .Select(record => $"{record.Period} {record.Quality} {record.ClockOffsetMicroseconds}").ShouldBeEmpty();
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_point_that_is_registered_amid_its_stream_has_a_record_that_its_frames_bear_out()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, 0, 1199);
        await town.RegisterAsync(StreamTown.Name(1));
        await StreamTown.SendAsync(door, town.Announce(2, sequence: door.LastSequence + 1));
        await town.StreamAsync(door, 2, 1200, 2760);
        await town.SettleAsync();
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        var records = await town.LatestAsync();
        records.Count(record => record.Point == StreamTown.Name(1)).ShouldBe(2);
        // Its first period is as far covered as the other connector's evidence reaches back.
        records.Last(record => record.Point == StreamTown.Name(1)).CoveredMicroseconds.ShouldBe(900_000_000);
    }

    [Fact]
    public async Task A_stream_that_is_declared_anew_does_not_count_what_was_declared_otherwise()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 300);
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 1, 301, 400); // two meanings at once: refused
        town.Clock.Now += Duration.FromSeconds(120);
        await town.SettleAsync();
        await StreamTown.SendAsync(door, town.Announce(1, SampleSemantics.Hold, door.LastSequence + 1));
        await town.StreamAsync(door, 1, 540, 1900);
        await town.SettleAsync();
        var findings = await town.VerifiedAsync();
        findings.Faults.ShouldBeEmpty();
        (await town.AllAsync()).ShouldNotBeEmpty();
    }

    /// <summary>A later version names fewer blocks of its period, or another declaration: what was counted before would
    /// be settled no more.</summary>
    [Theory]
    [InlineData(5, 1_000_000L, "25.000000000000 kWh by the evidence and that of the version before")]
    [InlineData(int.MaxValue, 999_000L, "Instant of 1000000 µs, as of the version before")]
    public async Task A_later_version_that_leaves_out_what_was_counted_is_found(
        int blocks, long nominal, string expected)
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        var forged = Derived(town, made, blocks, nominal);
        (forged.Import < made.Import).ShouldBeTrue();
        await ForgeAsync(town, forged with { Version = 2 });
        var findings = await town.VerifiedAsync();
        findings.Faults.ShouldContain(fault => fault.Place.EndsWith("v2") && fault.Expected == expected,
            string.Join('\n', findings.Faults));
    }

    /// <summary>A first version that names too little of its period can be told from one whose samples came too late by
    /// nobody, so it is counted; a declaration that the point never made is a fault.</summary>
    [Fact]
    public async Task A_first_version_that_leaves_out_samples_of_the_log_is_counted()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        var whole = await town.VerifiedAsync();
        var beside = Beside(961 - made.Samples);
        whole.NotChecked.ShouldContain(what => what.StartsWith(beside),
            string.Join('\n', whole.NotChecked)); // those of the next quarter, which is open
        var findings = new Findings();
        var records = new RecordVerification(town.Ledger.Evidence.Get, findings, new(town.FramesPath));
        var less = Derived(town, made, 5, 1_000_000);
        records.Verify(0, less);
        records.Finish();
        findings.Faults.ShouldBeEmpty();
        beside = Beside(961 - less.Samples);
        findings.NotChecked.ShouldContain(what => what.StartsWith(beside),
            string.Join('\n', findings.NotChecked));

        static string Beside(int samples) => string.Create(CultureInfo.InvariantCulture,
            $"{samples} samples of the frame log that no record which stands counts");
    }

    [Fact]
    public async Task A_declaration_that_the_point_never_made_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        var findings = new Findings();
        var records = new RecordVerification(town.Ledger.Evidence.Get, findings, new(town.FramesPath));
        records.Verify(0, Derived(town, made, int.MaxValue, 999_000));
        records.Finish();
        findings.Faults.Select(fault => fault.Found).ShouldBe(["samples declared Instant of 999000 µs"]);
    }

    /// <summary>That a clock was wrong excuses what differs beside it, so it has to be seen in the frames.</summary>
    [Fact]
    public async Task A_record_beside_one_of_a_wrong_clock_that_no_frame_shows_is_checked()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 1860);
        await town.SettleAsync();
        var made = await town.LatestAsync();
        await ForgeAsync(town, made[0] with
        {
            Version = made[0].Version + 1,
            ClockOffsetMicroseconds = 2_000_001,
            Quality = ReadingQuality.Suspect,
            Import = Energy.Zero,
        });
        await ForgeAsync(town, made[1] with { Version = made[1].Version + 1, Import = Energy.Zero });
        (await town.VerifiedAsync()).Faults.Select(fault => (fault.Found, fault.Expected)).ShouldBe(
        [
            ("samples of a wrong clock", "a clock that the frames show to be wrong"),
            ("import 0.000000000000 kWh", "25.000000000000 kWh by the evidence"),
        ]);
    }

    [Fact]
    public async Task A_version_that_does_not_follow_the_one_before_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        await ForgeAsync(town, made with { Version = made.Version + 2 });
        (await town.VerifiedAsync()).Faults.Select(fault => (fault.Found, fault.Expected)).ShouldBe(
            [("version 3", "version 2, after those of its stream")]);
    }

    /// <summary>A record of which nothing is settled, of the same frames: each version stands until the next
    /// one.</summary>
    [Fact]
    public async Task A_version_that_says_that_it_was_superseded_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        await ForgeAsync(town, made with { Version = 2, State = IntervalRecordState.Superseded });
        (await town.VerifiedAsync()).Faults.ShouldHaveSingleItem().Found
            .ShouldBe("a record that says that it was superseded");
    }

    /// <summary>Of two records that overlap neither would count.</summary>
    [Fact]
    public async Task A_record_that_overlaps_another_or_ends_elsewhere_than_before_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        var made = await QuarterAsync(town);
        var (start, end) = (made.Period.Start, made.Period.End);
        await ForgeAsync(town, made with { Period = new(start + Duration.FromMinutes(5), end) });
        await ForgeAsync(town, made with { Period = new(start, end + Duration.FromMinutes(5)), Version = 2 });
        var findings = new Findings();
        var versions = new RecordVersions(findings, town.Ledger.Journal);
        foreach (var recorded in await TestFolder.AllAsync(town.Ledger.Journal))
            if (EventCodec.Decode(recorded) is IntervalRecorded record)
                await versions.BeforeAsync(recorded, record, TestContext.Current.CancellationToken);
        findings.Faults.Select(fault => fault.Expected).ShouldBe(
        [
            "one that does not overlap that from 2026-02-28T16:00:00Z to 2026-02-28T16:15:00Z, which was recorded before",
            "until 2026-02-28T16:15:00Z, as of the version before",
        ]);
    }

    /// <summary>The only record of a quarter of an hour and a minute.</summary>
    private static async Task<IntervalRecorded> QuarterAsync(StreamTown town)
    {
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 960);
        await town.SettleAsync();
        return (await town.AllAsync()).ShouldHaveSingleItem();
    }

    /// <summary>The record that the first blocks of the log give by a declaration.</summary>
    private static IntervalRecorded Derived(StreamTown town, IntervalRecorded made, int blocks, long nominal)
    {
        var log = new FrameLogReader(town.FramesPath);
        var all = log.ReadAll().Take(blocks).ToList();
        var range = new FrameRange([new(all[0].Address, Convert.ToHexStringLower(all[0].ChainBefore.Span),
            all[^1].Address, Convert.ToHexStringLower(all[^1].ChainAfter.Span))]);
        var stream = made.Stream! with { NominalMicroseconds = nominal };
        var integral = new FrameDerivation(log).Derive([new(made.Point, made.Period,
            new(stream.Semantics, nominal), range)])[0];
        return IntervalRecords.From(made.Point, integral, made.State, 0, 0,
            IntervalRecords.QualityOf(integral.CoveredMicroseconds, 0), town.Ledger.Evidence.Put(range.ToBytes()), null,
            stream with { Ramp10sMilliwattsMax = integral.Ramp10sMilliwattsMax ?? 0 });
    }

    private static Task ForgeAsync(StreamTown town, IntervalRecorded forged) => town.Ledger.Journal.AppendAsync(
        Streams.Curve(forged.Point, new(2026, 3, 1)), ExpectedRevision.Any, [new NewFact(forged, forged.Period,
            IntervalRecords.Key(forged.Point, forged.Period, forged.Version))], TestFolder.Tester, null,
        TestContext.Current.CancellationToken).AsTask();
}
