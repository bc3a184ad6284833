using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary><c>ledger drop frames</c>: the fact first, then the removal; what is gone is said to be dropped by whoever
/// would read it, and nothing that is needed goes.</summary>
public sealed class FrameDroppingTests : IDisposable
{
    private const string Tariff = """
        {"type":"tariff","tariff":"tou","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"1.1","exportPerKwh":"1.0"}]}
        {"type":"tariff-assignment","account":"ACME","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}

        """;
    private static readonly Instant Later = StreamTown.Day + Duration.FromDays(3);

    private readonly TestFolder outside = new();

    public FrameDroppingTests() => Directory.CreateDirectory(outside.Path);

    public void Dispose() => outside.Dispose();

    private static string Start => InstantPattern.ExtendedIso.Format(StreamTown.Day);

    /// <summary>Two connectors and an hour in small segments, three days ago; all records are final, and all full
    /// segments sealed. Nobody owns the folder.</summary>
    /// <param name="streamed">Connectors of which samples are sent; those beyond two nobody has registered.</param>
    private static async Task<StreamTown> HourAsync(
        bool isFinal = true, string facts = "", int seconds = 3660, int streamed = 2)
    {
        var town = await StreamTown.OpenAsync(2, new(new FrameLogOptions("", SegmentBytesMax: 2 * 1024))
        {
            SealsFullSegments = false,
        });
        if (facts.Length > 0) await town.TakeAsync(facts);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(streamed));
            await town.StreamAsync(door, streamed, 0, seconds);
        }
        if (isFinal) town.Clock.Now = Later;
        await town.SettleAsync();
        await town.SettleAsync(); // the mark is moved over what is recorded when it is looked at next
        town.Streams.Log.SealFullSegments(TestContext.Current.CancellationToken).Count.ShouldBeGreaterThan(3);
        await town.CloseAsync();
        town.Clock.Now = Later; // who is still open would make records final
        return town;
    }

    private static CommandRun Drop(StreamTown town, params string[] more) =>
        town.Run(["drop", "frames", "--retention", "RP-9", "--after-days", "2", .. more]);

    private static string[] Sealed(StreamTown town) => [.. Directory.GetFiles(town.FramesPath, "*.sealed").Order()];

    private static void Refused(StreamTown town, string line)
    {
        var there = Sealed(town);
        var looked = Drop(town, "--dry-run", "--json");
        (looked.Exit, looked.Errors).ShouldBe((ExitCode.NotAsItShouldBe, ""), looked.Output);
        looked.Output.ShouldContain(line[..line.IndexOf(':')]);
        var run = Drop(town);
        run.Errors.ShouldStartWith($"ledger drop: {line}");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Sealed(town).ShouldBe(there);
    }

    private static CommandRun Done(CommandRun run)
    {
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run;
    }

    private static async Task<List<FramesDropped>> FactsAsync(StreamTown town)
    {
        await town.ReopenAsync();
        var facts = (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode).OfType<FramesDropped>();
        await town.CloseAsync();
        return [.. facts];
    }

    [Fact]
    public async Task What_is_dropped_is_named_by_a_fact_and_whoever_would_read_it_is_told_which()
    {
        await using var town = await HourAsync();
        Done(town.Run("verify"));
        var files = Sealed(town);
        var bytes = files.Sum(path => new FileInfo(path).Length);
        Done(Drop(town, "--dry-run", "--json")).Output.ShouldContain("\"verdict\": \"goes\"");
        Sealed(town).ShouldBe(files);
        var run = Done(Drop(town, "--json"));
        run.Output.ShouldContain("\"drop\": \"dropped\"");
        run.Output.ShouldContain($"{bytes}");
        Sealed(town).ShouldBeEmpty();
        Refused(town, $"SegmentNotSealed (908): segment {files.Length} of the frame log stays: it is not full");

        var verified = Done(town.Run("verify"));
        verified.Output.ShouldContain($"DROPPED: segments 0 to {files.Length - 1} of the frame log, ");
        const string told = " (UTC) by the fact at position ";
        verified.Output.ShouldContain(" interval records of streams whose frames were dropped on 2026-03-03"
            + told);
        verified.Output.ShouldContain(" under retention RP-9, 2 days after receipt");
        var shown = Done(town.Run("show", "evidence", "CP1", Start));
        shown.Output.ShouldContain("not again: its frames were dropped on 2026-03-03" + told);
        var outside = Path.Combine(this.outside.Path, "frames");
        var written = town.Run("show", "evidence", "CP1", Start, "--out", outside);
        written.Exit.ShouldBe(ExitCode.CouldNot);
        written.Errors.ShouldContain("the frames of the record were dropped on 2026-03-03" + told);
        Done(town.Run("replay", "--diff"));
        var fact = (await FactsAsync(town)).ShouldHaveSingleItem();
        fact.Segments.Select(SegmentName).ShouldBe(files.Select(path => Path.GetFileName(path)));
        fact.Segments.Sum(segment => segment.Frames).ShouldBeInRange(50, 64); // what a segment repeats counts too
        fact.Segments.Zip(fact.Segments.Skip(1)).ShouldAllBe(pair => pair.First.ChainAfter == pair.Second.ChainBefore
            && pair.First.LastReceived <= pair.Second.FirstReceived);
        fact.Segments[0].ChainBefore.Hex.ShouldBe(new string('0', 64));
        (fact.Segments[0].Earliest, fact.Segments[0].FirstReceived).ShouldBe((StreamTown.Day, StreamTown.Day));
    }

    [Fact]
    public async Task A_person_s_order_drops_what_it_says_and_the_log_goes_on_without()
    {
        await using var town = await HourAsync();
        var edge = StreamTown.Day + Duration.FromMinutes(30);
        var run = Done(town.Run("drop", "frames", "--before", InstantPattern.ExtendedIso.Format(edge), "--by", "staff-7",
            "--reason", "case 12 is over"));
        run.Output.ShouldContain("the order of staff-7: case 12 is over");
        var fact = (await FactsAsync(town)).ShouldHaveSingleItem();
        fact.Segments[^1].LastReceived.ShouldBeLessThan(edge);
        (fact.By, fact.Reason, fact.Before, fact.Retention, fact.AfterDays)
            .ShouldBe(("staff-7", "case 12 is over", edge, null, null));
        Sealed(town).ShouldNotBeEmpty();
        var verified = Done(town.Run("verify"));
        verified.Output.ShouldContain("whose frames were dropped");
        verified.Output.ShouldContain("interval-records=", Case.Sensitive, "those of the rest are derived again");
        await town.ReopenAsync();
        var records = await town.AllAsync();
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            // What comes late for a record whose frames are gone changes nothing; the next record is made as ever.
            await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(3660),
                (0, [StreamTown.At(30.5, 900)]), (1, [StreamTown.At(3661, 100)])));
            await town.SettleAsync();
            town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        }
        (await town.AllAsync()).Count(record => record.Period.Start == StreamTown.Day)
            .ShouldBe(records.Count(record => record.Period.Start == StreamTown.Day));
        var refused = (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode)
            .OfType<EvidenceRefused>().ShouldHaveSingleItem();
        (refused.Code, FrameRange.Is(town.Ledger.Evidence.Get(refused.Evidence)!)).ShouldBe(
            (Rejection.EvidencePruned, true));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        var (samples, why) = town.Ledger.Samples().Of(records[0], 1000, TestContext.Current.CancellationToken);
        (samples.Length, why).ShouldBe((0, "its frames were dropped: ledger show evidence says by which fact"));
    }

    [Fact]
    public async Task Frames_are_dropped_beside_streams_that_go_on()
    {
        await using var town = await HourAsync();
        await town.ReopenAsync();
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        var (first, last) = (3 * 86_400, (3 * 86_400) + 1860);
        await town.StreamAsync(door, 2, first, first + 930);
        var outcome = await town.Ledger.Intake.TakeFactAsync(
            new Submission("""{"retention":"RP-9","afterDays":2}"""u8.ToArray(), "/v1/frame-droppings"), "frame-dropping",
            IntakeLedger.Operator, new IdempotencyKey("once"), TestContext.Current.CancellationToken);
        outcome.ShouldBeOfType<RecordOutcome.Recorded>();
        Sealed(town).ShouldBeEmpty();
        await town.StreamAsync(door, 2, first + 931, last);
        await town.SettleAsync();
        town.Streams.Log.SealFullSegments(TestContext.Current.CancellationToken).ShouldNotBeEmpty();
        (await town.LatestAsync()).Count(record => record.Period.Start >= Later && record.Import > Energy.Zero)
            .ShouldBeGreaterThanOrEqualTo(4);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
        town.Streams.Faulted.IsCompleted.ShouldBeFalse();
    }

    [Theory]
    [InlineData("""{"retention":"RP-9"}""", "afterDays")]
    [InlineData("""{"retention":"RP-9","afterDays":0}""", "afterDays")]
    [InlineData("""{"retention":"RP-9","afterDays":36526}""", "afterDays")]
    [InlineData("""{"retention":"RP 9","afterDays":1}""", "retention")]
    [InlineData("""{"retention":"RP-9","afterDays":1,"before":"2026-03-01T00:00:00Z"}""", "before")]
    [InlineData("""{"retention":"RP-9","afterDays":1,"by":"staff-7"}""", "by")]
    [InlineData("""{"before":"2026-03-01T00:00:00Z","by":"staff-7"}""", "reason")]
    [InlineData("""{"before":"2026-03-01T00:00:00Z","by":"a person","reason":"r"}""", "by")]
    [InlineData("""{"before":"2026-03-01T00:00:00Z","by":"staff-7","reason":"r","afterDays":1}""", "afterDays")]
    [InlineData("""{"by":"staff-7","reason":"r"}""", "before")]
    public async Task A_rule_that_is_neither_a_policy_nor_an_order_is_refused(string text, string field)
    {
        await using var ledger = new IntakeLedger();
        var outcome = await ledger.Intake.TakeFactAsync(
            new Submission(System.Text.Encoding.UTF8.GetBytes(text), "/v1/frame-droppings"), "frame-dropping",
            IntakeLedger.Operator, new IdempotencyKey("once"), TestContext.Current.CancellationToken);
        outcome.ShouldBeOfType<RecordOutcome.Refused>().Detail.ShouldStartWith(field);
    }

    /// <summary>After each removal, and before the first, a crash may come: what is left is whole, and the next start
    /// goes on.</summary>
    [Fact]
    public async Task Whenever_a_crash_comes_after_the_fact_the_next_start_removes_the_rest()
    {
        await using var town = await HourAsync();
        var files = Sealed(town).ToDictionary(path => path, File.ReadAllBytes);
        Done(Drop(town));
        for (var removed = 0; removed < files.Count; removed++)
        {
            foreach (var (path, bytes) in files.Skip(removed)) File.WriteAllBytes(path, bytes);
            var verified = Done(town.Run("verify"));
            verified.Output.ShouldContain("DROPPED: ");
            await town.ReopenAsync();
            Sealed(town).ShouldBeEmpty($"{removed}");
            await town.CloseAsync();
        }
        (await FactsAsync(town)).Count.ShouldBe(1);
    }

    /// <summary>A gap, or a beginning, that no fact explains is damage, as before; so is another segment under the
    /// number of one that was dropped.</summary>
    [Fact]
    public async Task What_is_missing_without_a_fact_is_a_fault()
    {
        await using var town = await HourAsync();
        var files = Sealed(town);
        var first = File.ReadAllBytes(files[0]);
        File.Delete(files[0]);
        var run = town.Run("verify");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain("frames/000000.frames, byte 0");
        run.Output.ShouldNotContain("whose frames were dropped");
        Refused(town, "FramesNotWhole (907): segment 1 of the frame log stays: the segments from 0 to before 1 are missing, "
            + "and no fact says that they were dropped");
        File.WriteAllBytes(files[0], first);
        Done(town.Run("drop", "frames", "--before", InstantPattern.ExtendedIso.Format(StreamTown.Day
            + Duration.FromMinutes(30)), "--by", "staff-7", "--reason", "case 12 is over"));
        Done(town.Run("verify"));
        var left = Sealed(town)[0];
        var next = File.ReadAllBytes(left);
        File.Delete(left);
        town.Run("verify").Output.ShouldContain("no such file");
        File.WriteAllBytes(left, next);
        File.WriteAllBytes(files[0].Replace(Path.GetFileName(files[0])[7..20], "0123456789abc", StringComparison.Ordinal),
            first);
        town.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    [Fact]
    public async Task A_damaged_segment_is_not_dropped_unseen()
    {
        await using var town = await HourAsync();
        var path = Sealed(town)[0];
        var bytes = File.ReadAllBytes(path);
        bytes[20] ^= 1;
        File.WriteAllBytes(path, bytes);
        Refused(town, "FramesNotWhole (907): segment 0 of the frame log stays: ");
    }

    [Fact]
    public async Task Records_that_are_not_final_keep_their_frames()
    {
        await using var town = await HourAsync(isFinal: false);
        // By the mark, or by the record where the mark has moved over it already.
        Refused(town, "RecordNotFinal (909): segment 0 of the frame log stays: ");
        File.Delete(Path.Combine(town.FramesPath, "streams.resume"));
        Refused(town, "RecordNotFinal (909): segment 0 of the frame log stays: ");
        Done(town.Run("drop", "frames", "--retention", "RP-9", "--after-days", "4")).Output.ShouldContain("none that old");
    }

    [Fact]
    public async Task A_log_of_which_it_is_not_known_how_far_records_were_made_keeps_all()
    {
        await using var town = await HourAsync();
        File.Delete(Path.Combine(town.FramesPath, "streams.resume"));
        Refused(town, "RecordNotFinal (909): segment 0 of the frame log stays: how far records were made of the log is not "
            + "known");
        await town.ReopenAsync();
        await town.SettleAsync();
        await town.SettleAsync();
        await town.CloseAsync();
        Done(Drop(town));
    }

    [Fact]
    public async Task What_is_not_settled_or_disputed_keeps_its_frames()
    {
        await using var town = await HourAsync(facts: Tariff, seconds: 86_460);
        Refused(town, "NotSettled (904): segment 0 of the frame log stays: no final run of ACME for 2026-03-01 has read");
        Done(town.Run("settle", "--account", "ACME", "--day", "2026-03-01", "--run", "R1", "--kind", "interim"));
        Refused(town, "NotSettled (904): ");
        Done(town.Run("settle", "--account", "ACME", "--day", "2026-03-01", "--run", "R2", "--kind", "final"));
        Done(Import(town, """{"type":"dispute","dispute":"D1","run":"R2","account":"ACME","day":"2026-03-01","openedBy":"ACME","amount":"1","reason":"too much"}"""));
        const string disputed = "DisputeOpen (910): segment 0 of the frame log stays: dispute D1 of ACME for 2026-03-01 is open";
        Refused(town, disputed);
        // Also where nobody knows any more on which frames the month's records rest.
        town.Clock.Now = StreamTown.Day + Duration.FromDays(40);
        // What began the day after is a friend's, who is never settled.
        foreach (var point in (string[])["CP0", "CP1"])
            Done(Import(town, $$"""{"type":"settlement-point","point":"{{point}}","station":"S1","kind":"connector","owner":"friend","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-03-02T00:00:00+08:00"}"""));
        Done(town.Run("checkpoint"));
        var archive = Path.Combine(outside.Path, "2026-03");
        Done(town.Run("export", "month", "2026-03", archive));
        Done(town.Run("prune", "2026-03", "--archive", archive, "--retention", "RP-7"));
        Refused(town, disputed);
        Done(Import(town, """{"type":"dispute-closure","dispute":"D1","outcome":"rejected","closedBy":"ACME","reason":"it was right"}"""));
        Done(Drop(town));
    }

    /// <summary>The ranges that records rest on, and their month, pruned; the log is read from its beginning when it is
    /// opened next.</summary>
    private async Task<EvidenceDigest> PrunedAsync(StreamTown town)
    {
        town.Clock.Now = StreamTown.Day + Duration.FromDays(40);
        Done(town.Run("checkpoint"));
        foreach (var month in (string[])["2026-02", "2026-03"])
        {
            var archive = Path.Combine(outside.Path, month);
            Done(town.Run("export", "month", month, archive));
            Done(town.Run("prune", month, "--archive", archive, "--retention", "RP-7"));
        }
        await town.ReopenAsync();
        var range = (await town.LatestAsync())[0].Evidence;
        town.Ledger.Evidence.PrunedBy(range).ShouldNotBeNull();
        await town.CloseAsync();
        return range;
    }

    private static void ForgetMark(StreamTown town) => File.Delete(Path.Combine(town.FramesPath, "streams.resume"));

    /// <summary>Of the late sample alone the hour would be empty. Where the log is read again, the range that was
    /// pruned is made again.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_comes_late_for_a_pruned_record_never_stands_alone(bool isReadAgain)
    {
        await using var town = await HourAsync();
        await PrunedAsync(town);
        if (isReadAgain) ForgetMark(town);
        await town.ReopenAsync();
        await town.SettleAsync();
        var before = (await town.LatestAsync())[0];
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(40 * 86_400),
                (0, [StreamTown.At(30.5, 900)])));
            await town.SettleAsync();
            town.Streams.Faulted.IsCompleted.ShouldBeFalse();
        }
        var after = (await town.LatestAsync())[0];
        (after.Point, after.Period).ShouldBe((before.Point, before.Period));
        var refused = (await town.RefusedAsync()).Select(one => one.Said.Code);
        if (isReadAgain)
        {
            (after.Version, after.Samples).ShouldBe((before.Version + 1, before.Samples + 1));
            after.Import.ShouldBeGreaterThan(before.Import);
            refused.ShouldBeEmpty();
        }
        else
        {
            (after.Version, after.Samples, after.Evidence).ShouldBe((before.Version, before.Samples, before.Evidence));
            refused.ShouldBe([Rejection.EvidencePruned]);
        }
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Records of a point that was registered only then rest on the very range that went with another's
    /// month.</summary>
    [Fact]
    public async Task Records_that_come_to_rest_on_a_pruned_range_keep_their_frames()
    {
        await using var town = await HourAsync(streamed: 3);
        var range = await PrunedAsync(town);
        Done(Import(town, """
            {"type":"settlement-point","point":"CP2","station":"S2","kind":"connector","owner":"BETA","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}

            """ + Tariff.Replace("ACME", "BETA", StringComparison.Ordinal)));
        ForgetMark(town);
        await town.ReopenAsync();
        await town.SettleAsync();
        await town.SettleAsync();
        var late = (await town.LatestAsync()).Where(record => record.Point == StreamTown.Name(2)).ToList();
        late.Select(record => record.Evidence).ShouldContain(range);
        town.Ledger.Evidence.PrunedBy(range).ShouldBeNull();
        await town.CloseAsync();
        const string said = "NotSettled (904): segment 0 of the frame log stays: no final run of BETA for 2026-03-01 has read";
        Refused(town, said);
        // Also where they rest on a mark, as an earlier program left them.
        await town.ReopenAsync();
        var pruned = (await TestFolder.AllAsync(town.Ledger.Journal)).Last(
            recorded => EventCodec.Decode(recorded) is MonthPruned).Position;
        town.Ledger.Evidence.Prune(late.Select(record => record.Evidence).Distinct()
            .ToDictionary(piece => piece, _ => pruned), again: true);
        town.Ledger.Evidence.PrunedBy(range).ShouldBe(pruned);
        await town.CloseAsync();
        Refused(town, said);
    }

    [Fact]
    public async Task A_case_that_holds_somebody_of_that_day_holds_the_frames_around()
    {
        await using var town = await HourAsync();
        var note = Path.Combine(outside.Path, "note.txt");
        File.WriteAllText(note, "a note\n");
        town.Run("import", note, "--subject", "Jane").Exit.ShouldBe(ExitCode.NotAsItShouldBe); // three days later
        Done(town.Run("hold", "Jane", "--case", "2026-17"));
        Done(Drop(town, "--dry-run"));
        Done(Import(town, """{"type":"register","point":"CP0","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}"""));
        var reading = Path.Combine(outside.Path, "reading.csv");
        File.WriteAllText(reading, "point,register,read_at,kwh\nCP0,1.8.0,2026-03-01T18:00:00+08:00,5\n");
        Done(town.Run("import", reading, "--subject", "Jane"));
        Refused(town, "LegalHold (802): segment 0 of the frame log stays: held by case 2026-17");
        Done(town.Run("hold", "Jane", "--case", "2026-17", "--release"));
        Done(Drop(town));
    }

    [Fact]
    public async Task A_segment_that_is_not_sealed_stays()
    {
        await using var town = await StreamTown.OpenAsync(2);
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(2));
            await town.StreamAsync(door, 2, 0, 960);
        }
        town.Clock.Now = Later;
        await town.SettleAsync();
        await town.CloseAsync();
        Refused(town, "SegmentNotSealed (908): segment 0 of the frame log stays: it is not full, or full and not sealed yet");
    }

    [Fact]
    public async Task A_backup_before_has_the_frames_and_one_after_says_where_they_are()
    {
        await using var town = await HourAsync();
        var files = Sealed(town).Length;
        foreach (var name in (string[])["before", "after"])
        {
            Done(town.Run("backup", Path.Combine(outside.Path, name)));
            if (name == "before") Done(Drop(town));
            var data = Path.Combine(outside.Path, name + "-data");
            Done(CommandRun.Of(["restore", Path.Combine(outside.Path, name), "--data", data], clock: town.Clock));
            var verified = Done(CommandRun.Of(["verify", "--data", data], clock: town.Clock));
            verified.Output.Contains("DROPPED: ", StringComparison.Ordinal).ShouldBe(name == "after");
            Directory.GetFiles(Path.Combine(data, "frames"), "*.sealed").Length.ShouldBe(name == "after" ? 0 : files, name);
        }
    }

    private CommandRun Import(StreamTown town, string fact)
    {
        var path = Path.Combine(outside.Path, "fact.jsonl");
        File.WriteAllText(path, fact + "\n");
        return town.Run("import", path);
    }

    private static string SegmentName(DroppedSegment segment) => $"{segment.Number:D6}-{segment.Digest}.sealed";
}
