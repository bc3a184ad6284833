using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Whoever holds a ledger's secret writes into it what no program decided, with every hash right: the facts speak
/// against it, and <c>ledger verify</c> says of which fact, and goes on to the next.
/// </summary>
public sealed class ForgedFolderTests : IDisposable
{
    private static readonly PartyId Account = new("cpo");
    private static readonly LocalDate Day = new(2026, 2, 27);
    private static readonly string Stream = Streams.Settlement(Account, Day);

    /// <summary>R1 lacks the energy of a day's hours of one connector, so it is incomplete.</summary>
    private static readonly Lazy<SavedFolder> Made = SmallTown.Once(() =>
    {
        var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--by", "anna").Exit
            .ShouldBe(ExitCode.Done);
        return town;
    });

    private readonly SmallTown town = SmallTown.From(Made);

    public void Dispose() => town.Dispose();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>Opens the ledger, whose views are up to its journal before and after.</summary>
    private async Task ForgeAsync(Func<OpenLedger, Task> forge)
    {
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await ledger.CatchUpAsync(Ct);
        await forge(ledger);
        await ledger.CatchUpAsync(Ct);
    }

    private static async Task<T> FirstAsync<T>(OpenLedger ledger) where T : LedgerEvent =>
        (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode).OfType<T>().First();

    private static async Task<long> AppendAsync(
        OpenLedger ledger, string stream, LedgerEvent fact, Interval? holds = null)
    {
        var key = new EvidenceKey($"forged/{ledger.Journal.Length}");
        return (await ledger.Journal.AppendAsync(stream, ExpectedRevision.Any,
            [holds is { } of ? new NewFact(fact, of, key) : NewFact.At(fact, SmallTown.Now, key)],
            TestFolder.Tester, null, Ct)).ShouldBeOfType<AppendResult.Recorded>().FirstPosition;
    }

    private JsonNode Verified(int exit, params string[] what)
    {
        var run = town.Run(["verify", .. what, "--json"]);
        run.Exit.ShouldBe(exit, run.Output + run.Errors);
        return JsonNode.Parse(run.Output)!;
    }

    private static IEnumerable<string> Faults(JsonNode page) => page["faults"]!.AsArray()
        .Select(fault => $"{fault!["place"]}: {fault["found"]} / {fault["expected"]}");

    private static IEnumerable<string> NotChecked(JsonNode page) =>
        page["notChecked"]!.AsArray().Select(row => $"{row!["what"]}");

    /// <summary>The folder is not verified, and of each position the fault is named that is expected there; of one of
    /// which none is, none.</summary>
    private void ShouldBeFound(IEnumerable<(long Position, string? Found)> expected)
    {
        var faults = Faults(Verified(ExitCode.NotAsItShouldBe)).ToList();
        foreach (var (position, found) in expected)
        {
            var here = faults.Where(fault => fault.StartsWith($"position {position}, ", StringComparison.Ordinal));
            if (found is null) here.ShouldBeEmpty();
            else here.ShouldContain(fault => fault.Contains(found, StringComparison.Ordinal),
                $"{found} at {position}\n{string.Join('\n', faults)}");
        }
    }

    [Fact]
    public async Task Every_member_of_a_run_is_held_against_its_facts_and_those_before_it()
    {
        var runs = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var made = await FirstAsync<SettlementRunCompleted>(ledger);
            made.Incomplete.ShouldBeTrue();
            foreach (var (found, forge) in new (string?, Func<SettlementRunCompleted, SettlementRunCompleted>)[]
            {
                (null, run => run),
                (null, run => run with { Kind = RunKind.Correction, Supersedes = new("R1") }),
                ("a final run that is incomplete", run => run with { Kind = RunKind.Final }),
                ("incomplete, recorded was complete", run => run with { Incomplete = false }),
                ("currency is CNY, recorded was EUR", run => run with { Currency = "EUR" }),
                ("recorded was Europe/Berlin", run => run with { Zone = "Europe/Berlin" }),
                ("recorded was made-up v7", run => run with { Tariff = new("made-up"), TariffVersion = 7 }),
                ("recorded was tou v2", run => run with { TariffVersion = 2 }),
                ("it supersedes no-such-run", run => run with { Supersedes = new("no-such-run") }),
                ("it supersedes F99", run => run with { Supersedes = new("F99") }), // which comes after it
                ("rules statement-99/in-our-favour", run => run with { RuleVersion = "statement-99/in-our-favour" }),
                ("a run of the facts before", run => run with { AtPosition = ledger.Journal.Length + 1 }),
                ("it is of the facts before", run => run with { AtPosition = ledger.Journal.Length + 500 }),
                ("the total is", run => run with { Total = run.Total + 1m }),
                (null, run => run with { Run = new("F99") }),
                ("another run of its name before it", run => run with { Run = new("F99") }),
            })
                runs.Add((await AppendAsync(ledger, Stream, forge(made with { Run = new($"F{runs.Count}") })), found));
            runs.Add((await AppendAsync(ledger, Streams.Settlement(Account, new(2026, 2, 28)),
                made with { Run = new("elsewhere") }), "in the stream settlement/cpo/2026-02-28"));
        });
        ShouldBeFound(runs);
    }

    [Fact]
    public async Task Every_member_of_a_correction_is_held_against_its_facts_and_its_run()
    {
        town.Run("import", town.File("late.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n")).Exit.ShouldBe(ExitCode.Done);
        var corrections = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var first = await FirstAsync<SettlementRunCompleted>(ledger);
            var again = (SettlementCalculation.Calculated)await Settlements.CalculateAsync(
                ledger.Journal, ledger.Views, Account, Day, ledger.Journal.Length, Ct);
            foreach (var (found, forge) in new (string?, Func<SettlementDeltasBooked, SettlementDeltasBooked>)[]
            {
                (null, deltas => deltas),
                ("the postings are others", deltas => deltas with
                {
                    Postings = [.. deltas.Postings, new("receivable/cpo9", 1m), new("revenue/energy-import", -1m)],
                }),
                ("the currency is CNY, booked was EUR", deltas => deltas with { Currency = "EUR" }),
                ("it corrects ghost", deltas => deltas with { Corrects = new("ghost") }),
                ("rules statement-99/x", deltas => deltas with { RuleVersion = "statement-99/x" }),
                ("a run of the facts before", deltas => deltas with { AtPosition = ledger.Journal.Length + 1 }),
                ("a run of the facts before", deltas => deltas with { AtPosition = ledger.Journal.Length + 500 }),
                ("do not come out", deltas => deltas with { Total = deltas.Total - 1m }),
                ("no line", deltas => deltas with { Lines = 0 }),
            })
            {
                // Each on a run of its own, so that none rests on one that is false.
                var run = first with { Run = new($"F{corrections.Count}") };
                var at = await AppendAsync(ledger, Stream, run);
                var (deltas, whyNot) = await StatementCorrections.OfAsync(ledger.Journal, ledger.Views,
                    new([run]), run, new($"D{corrections.Count}"), CorrectionStyle.Deltas, again, Ct);
                whyNot.ShouldBeNull();
                var booked = await AppendAsync(ledger, Stream, forge(deltas!));
                // What a correction says of the facts stands at the run that it corrects.
                corrections.Add((found?.StartsWith("the ", StringComparison.Ordinal) == true
                    || found?.StartsWith("do ", StringComparison.Ordinal) == true ? at : booked, found));
            }
        });
        ShouldBeFound(corrections);
    }

    [Fact]
    public async Task A_month_that_is_closed_has_the_runs_that_hold_and_their_sum()
    {
        var closes = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var run = await FirstAsync<SettlementRunCompleted>(ledger);
            foreach (var (found, account, forge) in new (string?, PartyId, Func<SettlementMonthClosed,
                SettlementMonthClosed>)[]
            {
                (null, new("a1"), closed => closed),
                ("the runs R1, ghost", new("a2"), closed => closed with { Runs = [new("R1"), new("ghost")] }),
                ("a total of 999999", new("a3"), closed => closed with { Total = 999_999m }),
                ("an amount in EUR", new("a4"), closed => closed with { Currency = "EUR" }),
                ("a day within a month", new("a5"), closed => closed with { Month = Day }),
            })
            {
                var (month, day) = (new LocalDate(2026, 2, 1), Streams.Settlement(account, Day));
                await AppendAsync(ledger, day, run with { Account = account, Run = new("R0"), Total = 1m });
                await AppendAsync(ledger, day, run with { Account = account });
                closes.Add((await AppendAsync(ledger, Streams.SettlementMonth(account, month), forge(
                    new(account, month, "anna", [new("R1")], run.Total, run.Currency))), found));
            }
            var twice = new PartyId("a1");
            closes.Add((await AppendAsync(ledger, Streams.SettlementMonth(twice, new(2026, 2, 1)),
                new SettlementMonthClosed(twice, new(2026, 2, 1), "bob", [new("R1")], run.Total, run.Currency)),
                "another close of the month"));
        });
        ShouldBeFound(closes);
    }

    [Fact]
    public async Task A_publication_names_a_run_that_is_there_and_who_calculated_it()
    {
        var said = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var made = await FirstAsync<SettlementRunCompleted>(ledger);
            // Nobody recorded its tariff, so what it pins cannot be found: that run is named, and the next looked at.
            var without = await AppendAsync(ledger, Stream, made with { Run = new("F1"), Tariff = new("made-up") });
            var draft = (await Publications.DraftAsync(
                ledger.Journal, ledger.Views, new("R1"), Account, Day, "bob", Ct))!.Publication;
            await AppendAsync(ledger, Stream, draft with { Run = new("F1") });
            said.Add((without, "a run that cannot be calculated: tariff made-up v1"));
            said.Add((await AppendAsync(ledger, Stream, draft with { Run = new("ghost") }), "no such run before it"));
            var before = (await TestFolder.AllAsync(ledger.Journal)).First(
                recorded => EventCodec.Decode(recorded) is SettlementRunCompleted).Position;
            await AppendAsync(ledger, Stream, draft with { CalculatedBy = "bob" });
            said.Add((before, "pins what does not come out again"));
        });
        ShouldBeFound(said);
    }

    /// <summary>A bundle can be made of a run that says what only other runs or no program could bear out.</summary>
    [Theory]
    [InlineData("kind", ExitCode.NotAsItShouldBe, "a final run that is incomplete")]
    [InlineData("rules", ExitCode.NotAsItShouldBe, "rules statement-99/in-our-favour")]
    [InlineData("supersedes", ExitCode.Done, "whether F0, which F9 supersedes, is an earlier run of its day")]
    [InlineData("time zones", ExitCode.Done, "by the time-zone rules TZDB: 1999a, as they say")]
    public async Task A_bundle_of_a_forged_run_is_not_verified_or_says_what_was_not_looked_at(
        string member, int exit, string said)
    {
        await ForgeAsync(async ledger =>
        {
            var made = await FirstAsync<SettlementRunCompleted>(ledger) with { Run = new("F9") };
            await AppendAsync(ledger, Stream, member switch
            {
                "kind" => made with { Kind = RunKind.Final },
                "rules" => made with { RuleVersion = "statement-99/in-our-favour" },
                "supersedes" => made with { Supersedes = new("F0") },
                _ => made with { TzdbVersion = "TZDB: 1999a" },
            });
        });
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        var zip = town.File("f9.zip", "");
        town.Run("bundle", "--statement", "F9", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        var verified = Verified(exit, zip);
        (exit == ExitCode.Done ? NotChecked(verified) : Faults(verified))
            .ShouldContain(each => each.Contains(said, StringComparison.Ordinal), verified.ToJsonString());
        ((string)verified["of"]!).ShouldBe("F9");
        // Of a sample of its lines the same is asked.
        town.Run("sample", "--lines", "5", "--seed", "s", "--statement", "F9", "--out", zip);
        town.Run("verify", zip).Exit.ShouldBe(exit);
    }

    /// <summary>A meter is said, later on, to have shown another number of decimals all the time, so that each step is
    /// ten times the energy: no program records it beside readings. Folder, bundle and sample say which readings they
    /// are.</summary>
    [Fact]
    public async Task An_installation_by_which_recorded_readings_would_be_others_is_found()
    {
        var import = new RegisterId(new("S01-C1"), Direction.Import);
        var readings = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            readings.AddRange((await TestFolder.AllAsync(ledger.Journal)).Where(recorded =>
                    EventCodec.Decode(recorded) is RegisterReadingRecorded reading && reading.Register == import)
                .Select(recorded => (recorded.Position, (string?)"count with 2 decimals, by meter M1 / with 3")));
            var from = Instant.FromUtc(2025, 12, 31, 16, 0);
            await AppendAsync(ledger, Streams.Register(import), new RegisterInstalled(import, "M1", 9, 2, 1, null),
                new(from, from));
        });
        readings.Count.ShouldBe(3);
        ShouldBeFound(readings);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction").Exit
            .ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        var zip = town.File("r2.zip", "");
        town.Run("bundle", "--statement", "R2", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        Faults(Verified(ExitCode.NotAsItShouldBe, zip)).ShouldAllBe(fault => fault.Contains("count with 2 decimals"));
        var sample = town.Run("sample", "--lines", "200", "--seed", "s", "--statement", "R2", "--out", zip, "--json");
        sample.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        JsonNode.Parse(sample.Output)!["exceptions"]!.AsArray().ShouldNotBeEmpty();
        town.Run("verify", zip).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>A true record beside an honest one, by which neither counts, and a version of which nothing
    /// counts.</summary>
    [Fact]
    public async Task A_record_by_which_proven_energy_would_vanish_is_found()
    {
        var records = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<IntervalRecorded>().OrderBy(record => record.Period.Start).ToList();
            made.Count.ShouldBe(2);
            var inside = new Interval(made[0].Period.Start + Duration.FromMinutes(15),
                made[0].Period.Start + Duration.FromMinutes(30));
            foreach (var (found, forged) in new[]
            {
                ("a period until 2026-02-27T10:30:00Z", made[0] with { Period = inside }),
                ("a record that says that it was superseded",
                    made[1] with { Version = 2, State = IntervalRecordState.Superseded }),
                ("a period until 2026-02-27T11:30:00Z", made[1] with
                {
                    Version = 3,
                    Period = new(made[1].Period.Start, made[1].Period.Start + Duration.FromMinutes(30)),
                }),
                ("a record in the stream curve/S01-C1/2026-02-28", made[0] with { Version = 1 }),
            })
                records.Add((await AppendAsync(ledger,
                    Streams.Curve(forged.Point, found.StartsWith("a record in", StringComparison.Ordinal)
                        ? Day.PlusDays(1) : Day), forged, forged.Period), found));
        });
        ShouldBeFound(records);
    }

    /// <summary>A record with an edge between microseconds has no curve: it is named, and the next fact looked
    /// at.</summary>
    [Fact]
    public async Task A_record_of_a_period_that_there_is_not_is_found()
    {
        var records = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var made = await FirstAsync<IntervalRecorded>(ledger);
            var period = new Interval(made.Period.Start.PlusTicks(1), made.Period.End);
            records.Add((await AppendAsync(ledger, Streams.Curve(made.Point, Day.PlusDays(1)),
                made with { Period = period }, period), "whole microsecond"));
            records.Add((await AppendAsync(ledger, Streams.Settlement(Account, Day),
                await FirstAsync<SettlementRunCompleted>(ledger)), "another run of its name before it"));
        });
        ShouldBeFound(records);
    }

    /// <summary>Each would be counted as compared, and hides a reading that its evidence shows.</summary>
    [Fact]
    public async Task A_reading_that_is_hidden_is_found()
    {
        var import = new RegisterId(new("S01-C1"), Direction.Import);
        var readings = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var (at, sooner) = (Instant.FromUtc(2026, 2, 27, 18, 0), Instant.FromUtc(2026, 2, 27, 4, 0));
            var evidence = ledger.Evidence.Put("""
                point,register,read_at,kwh
                S01-C1,1.8.0,2026-02-28T02:00:00+08:00,1600.500
                S01-C1,1.8.0,2026-02-27T12:00:00+08:00,1490.000

                """u8);
            await AddAsync("a quarantined reading / one that counts", Streams.Register(import),
                new RegisterReadingQuarantined(import, at, 1_600_500, Rejection.ChangeOfBasis, "fell", evidence), at);
            await AddAsync("a suspect reading / ", Streams.Register(import), new RegisterReadingRecorded(
                import, at, 1_600_500, ReadingQuality.Suspect, evidence), at);
            await AppendAsync(ledger, Streams.Register(import), new MeterFindingRecorded(import, new(sooner, at),
                MeterRule.PowerLimit, FindingSeverity.Suspect, "much", evidence), new(at, at));
            await AddAsync("a fact in the stream register/S01-C1/1.8.0x / register/S01-C1/1.8.0", "register/S01-C1/1.8.0x",
                new RegisterReadingRecorded(import, sooner, 1_490_000, ReadingQuality.Measured, evidence), sooner);
            var hour = new Interval(sooner, sooner + Duration.FromHours(1));
            var provided = new IntervalReadingRecorded(
                import, hour, Energy.FromWattHours(1_000), ReadingQuality.Measured, null, null);
            var stream = Streams.IntervalReadings(import, new(2026, 2, 27));
            (await ledger.Journal.AppendAsync(stream, ExpectedRevision.Any,
                [new(provided, hour, Register.IntervalKey(import, hour))], TestFolder.Tester, null, Ct))
                .ShouldBeOfType<AppendResult.Recorded>();
            readings.Add((ledger.Journal.Length - 1, null));
            readings.Add((await AppendAsync(ledger, stream, provided, hour), "that of interval/S01-C1/1.8.0/"));

            async Task AddAsync(string found, string stream, LedgerEvent fact, Instant holds) =>
                readings.Add((await AppendAsync(ledger, stream, fact, new(holds, holds)), found));
        });
        ShouldBeFound(readings);
    }

    /// <summary>No walk to the grid ends in a circle, so who walks has to see it. The test fails where the verification
    /// does not end.</summary>
    [Theory]
    [InlineData("S01-C1", "S01-C1")]
    [InlineData("S01-C1", "S01-C2")]
    public async Task A_point_behind_itself_is_found(string one, string other)
    {
        var places = new List<(long, string?)>();
        await ForgeAsync(async ledger =>
        {
            var from = Instant.FromUtc(2025, 12, 31, 16, 0);
            if (one != other)
                places.Add((await AppendAsync(
                    ledger, Streams.StationTree, new PointPlaced(new(other), from, new(one))), null));
            places.Add((await AppendAsync(ledger, Streams.StationTree, new PointPlaced(new(one), from, new(other))),
                "would lie behind itself"));
        });
        await ShouldEndAsync();
        await ForgeAsync(async ledger => places.Add((await AppendAsync(ledger, Stream,
            await FirstAsync<SettlementRunCompleted>(ledger) with { Run = new("F1"), AtPosition = ledger.Journal.Length }),
            "a run that cannot be calculated: " + (one == other ? "S01-C1 lies behind itself" : "S01-C"))));
        await ShouldEndAsync();

        Task ShouldEndAsync() => Task.Run(() => ShouldBeFound(places), Ct).WaitAsync(TimeSpan.FromMinutes(5), Ct);
    }

    [Fact]
    public void A_bundle_that_is_cut_short_is_not_verified()
    {
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        var zip = town.File("r1.zip", "");
        town.Run("bundle", "--statement", "R1", "--out", zip).Exit.ShouldBe(ExitCode.Done);
        var whole = File.ReadAllBytes(zip);
        foreach (var length in (int[])[whole.Length - 1, whole.AsSpan().IndexOf("PK\u0001\u0002"u8)])
        {
            File.WriteAllBytes(zip, whole[..length]);
            BundleZip.Read(whole.AsSpan(0, length)).Count.ShouldBeGreaterThan(1);
            Faults(Verified(ExitCode.NotAsItShouldBe, zip)).ShouldBe(
                [$"zip, byte {length}: the end / the one zip of these files"]);
            OtherProgram.Says(1, zip);
        }
    }

    /// <summary>No evidence says how far a clock was ahead, so that is said to be left out; that a later version knows
    /// no less of it can be seen.</summary>
    [Fact]
    public async Task What_a_record_says_of_its_senders_clock_is_left_out_or_found()
    {
        NotChecked(Verified(ExitCode.Done)).ShouldContain("2 interval records of files for how many samples came late "
            + "and how far their sender's clock was ahead, by which 0 of them are suspect: no evidence says when it came");
        var records = new List<(long, string?)>();
        await AppendAsync(10_000_000, null);
        NotChecked(Verified(ExitCode.Done)).ShouldContain(
            each => each.Contains("by which 1 of them are suspect", StringComparison.Ordinal));
        await AppendAsync(1_000_000, "a clock 1000000 µs ahead / no less than 10000000 µs");
        await AppendAsync(-1, "a clock -1 µs ahead / no less than 1000000 µs");
        ShouldBeFound(records);

        Task AppendAsync(long offset, string? found) => ForgeAsync(async ledger =>
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<IntervalRecorded>().MaxBy(record => record.Version)!;
            records.Add((await ForgedFolderTests.AppendAsync(ledger, Streams.Curve(made.Point, Day), made with
            {
                Version = made.Version + 1,
                ClockOffsetMicroseconds = offset,
                Quality = IntervalRecords.QualityOf(made.CoveredMicroseconds, offset),
            }, made.Period), found));
        });
    }
}
