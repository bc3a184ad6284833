using System.Runtime.CompilerServices;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Data.Sqlite;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class ProjectionTests : IDisposable
{
    private static readonly SettlementPointId Point = new("S01-C1");
    private static readonly RegisterId Export = new(Point, Direction.Export);
    private static readonly Instant Midnight = Instant.FromUtc(2026, 6, 1, 16, 0); // 2 June 00:00 in Shanghai
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private static readonly Principal By = new("test", new PartyId("cpo"), new HashSet<string>());
    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly InMemoryJournal journal = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) File.Delete(file);
    }

    private static LedgerEvent Registered() => new SettlementPointRegistered(
        Point, new StationId("S01"), SettlementPointKind.Connector, new PartyId("cpo"), "Asia/Shanghai", 15,
        Power.FromKilowatts(1000), true);

    private static LedgerEvent Installed() => new RegisterInstalled(Export, "M1", 6, 0, 1, null);

    private static LedgerEvent Reading(Instant at, long steps) =>
        new RegisterReadingRecorded(Export, at, steps, ReadingQuality.Measured, null);

    private static LedgerEvent Quarter(int n, long wattHours, int version = 1)
    {
        var start = Midnight + Duration.FromMinutes(15 * n);
        return new IntervalRecorded(
            Point, new Interval(start, start + Duration.FromMinutes(15)), version, IntervalRecordState.Final,
            Energy.Zero, Energy.FromWattHours(wattHours), Power.Zero, Power.Zero, 900_000_000, 0, [], 900, 0, 0, 0, 0,
            ReadingQuality.Measured, null, Digest);
    }

    private static LedgerEvent Order() => new DispatchInstructed(
        new InstructionId("I1"), InstructionKind.Export, new PartyId("grid"), Midnight,
        new Interval(Midnight, Midnight + Duration.FromHours(1)), [new(Point, Power.FromKilowatts(4))],
        Power.Zero, 0, 1m, 0.5m, null, null);

    private static LedgerEvent NoVehicle() => new ChargingFactRecorded(
        Point, new Interval(Midnight, Midnight + Duration.FromMinutes(10)), ShortfallReason.NoVehicle, "evse", null);

    private static LedgerEvent Claim() =>
        new ReasonClaimed(new InstructionId("I1"), Point, ShortfallReason.Safety, new PartyId("cpo"));

    private static LedgerEvent Refused() =>
        new EvidenceRefused(Digest, "curve.csv", Rejection.Truncated, "ends inside a line", 12);

    private async Task Append(params LedgerEvent[] facts)
    {
        foreach (var fact in facts)
            (await journal.AppendAsync("s", ExpectedRevision.Any,
                [NewFact.At(fact, Midnight, new EvidenceKey($"n{journal.Length}"))], By, null, Ct))
                .ShouldBeOfType<AppendResult.Recorded>();
    }

    private static LedgerEvent[] FullDay(long wattHoursEach) =>
        [.. Enumerable.Range(0, 96).Select(n => Quarter(n, wattHoursEach))];

    private ProjectionRunner Runner(IViewStore views, int batch = 500) =>
        new(journal, views, StandardProjections.All, journal.Decode, batch);

    private static VerifiedExport.DayRow Day(IViewStore views, long? asOf = null) =>
        new Answers(views, asOf).Export(new LocalDate(2026, 6, 2)).ShouldHaveSingleItem();

    [Theory]
    [InlineData(96, RegisterVerdict.Consistent)]
    [InlineData(97, RegisterVerdict.Consistent)] // one step of the register apart
    [InlineData(98, RegisterVerdict.Inconsistent)]
    [InlineData(-900_000, RegisterVerdict.Undecidable)] // a decrease that is no rollover: the curve is the amount
    public async Task The_register_is_the_amount_and_the_curve_its_check(long kwh, RegisterVerdict verdict)
    {
        using var views = new SqliteViews(path);
        await Append([
            Registered(), Installed(), Reading(Midnight, 950_000), .. FullDay(1000),
            Reading(Midnight + Duration.FromDays(1), 950_000 + kwh)]);
        await Runner(views).CatchUpAsync(Ct);
        var day = Day(views);
        day.Export.Check.ShouldBe(verdict, day.Export.Why);
        day.Export.VerifiedKwh.ShouldBe($"{(kwh < 0 ? 96 : kwh)}.000000000000");
        day.Import.Check.ShouldBe(RegisterVerdict.Undecidable);
        new Answers(views).Stations(new LocalDate(2026, 6, 2)).Single().ExportKwh.ShouldBe(day.Export.VerifiedKwh);
    }

    [Fact]
    public async Task A_rollover_counts_once_and_the_order_of_facts_does_not_matter()
    {
        LedgerEvent[] facts = [
            Registered(), Installed(), Reading(Midnight, 999_950), Reading(Midnight + Duration.FromHours(8), 999_990),
            Reading(Midnight + Duration.FromDays(1), 46), .. FullDay(1000)];
        string? first = null;
        foreach (var order in new[] { facts, [.. Enumerable.Reverse(facts)], [.. facts.Skip(3), .. facts.Take(3)] })
        {
            var one = new InMemoryJournal();
            foreach (var (fact, n) in order.Select((fact, n) => (fact, n)))
                await one.AppendAsync("s", ExpectedRevision.Any,
                    [NewFact.At(fact, Midnight, new EvidenceKey($"n{n}"))], By, null, Ct);
            var views = new MemoryViews();
            await new ProjectionRunner(one, views, StandardProjections.All, one.Decode).CatchUpAsync(Ct);
            Day(views).Export.VerifiedKwh.ShouldBe("96.000000000000");
            Day(views).Export.Check.ShouldBe(RegisterVerdict.Consistent);
            var json = views.Get("VerifiedExport", "day|2026-06-02|S01-C1");
            (first ??= json).ShouldBe(json);
        }
    }

    [Fact]
    public async Task Suspect_curves_verify_nothing_and_a_clock_offset_widens_the_tolerance()
    {
        var views = new MemoryViews();
        LedgerEvent Doubtful(int n) => (IntervalRecorded)Quarter(n, 1000) with
        {
            Quality = ReadingQuality.Suspect,
            ClockOffsetMicroseconds = 4_000_000,
            Minimum = Power.FromKilowatts(-900),
        };
        await Append([Registered(), Doubtful(0), .. FullDay(1000)[1..]]);
        await Runner(views).CatchUpAsync(Ct);
        Day(views).Export.VerifiedKwh.ShouldBe("95.000000000000");
        await Append(Installed(), Reading(Midnight, 10), Reading(Midnight + Duration.FromDays(1), 108));
        await Runner(views).CatchUpAsync(Ct);
        // 900 kW · 4 s = 1 kWh at the first edge, one step of 1 kWh, twice 0.5 % of 98 kWh:
        // 98 against 96 kWh is inside.
        Day(views).Export.Tolerance.ShouldBe(Energy.FromWattHours(2980));
        Day(views).Export.Budget.ShouldBe(ErrorBudget.None with
        {
            MeterClass = Energy.FromWattHours(490),
            CurveClass = Energy.FromWattHours(490),
            RegisterStep = Energy.FromWattHours(1000),
            Clock = Energy.FromWattHours(1000),
        });
        Day(views).Export.Check.ShouldBe(RegisterVerdict.Consistent);
    }

    [Fact]
    public async Task A_period_between_two_readings_has_a_check_of_its_own_in_every_order_of_facts()
    {
        var at = Midnight + Duration.FromMinutes(15);
        // One quarter of 10 kWh against 10 counted, the next of 10 against 12, the third without a reading at its end.
        LedgerEvent[] facts = [
            Registered(), new RegisterInstalled(Export, "M1", 9, 3, 1, null), Reading(Midnight, 0), Quarter(0, 9990),
            Reading(at, 10_000), Quarter(1, 10_000), Reading(at + Duration.FromMinutes(15), 22_000), Quarter(2, 10_000),
            Reading(at + Duration.FromMinutes(5), 11_000)];
        foreach (var order in new[] { facts, [.. Enumerable.Reverse(facts)], [.. facts.Skip(4), .. facts.Take(4)] })
        {
            var one = new InMemoryJournal();
            foreach (var (fact, n) in order.Select((fact, n) => (fact, n)))
                await one.AppendAsync("s", ExpectedRevision.Any,
                    [NewFact.At(fact, Midnight, new EvidenceKey($"n{n}"))], By, null, Ct);
            var views = new MemoryViews();
            await new ProjectionRunner(one, views, StandardProjections.All, one.Decode).CatchUpAsync(Ct);
            var checks = new Answers(views).PeriodChecks(Point, new LocalDate(2026, 6, 2));
            checks.Select(check => (check.Export!.Check, check.Export.Residual, check.Export.Tolerance, check.Import))
                .ShouldBe([
                (RegisterVerdict.Consistent, Energy.FromWattHours(10), Energy.FromWattHours(101), (PeriodSideRow?)null),
                (RegisterVerdict.Inconsistent, Energy.FromWattHours(2000), Energy.FromWattHours(121), null)]);
        }
    }

    [Fact]
    public async Task Without_both_edges_the_curve_is_the_amount_and_a_late_version_replaces_the_first()
    {
        using var views = new SqliteViews(path);
        await Append(Quarter(0, 500), Registered(), Quarter(1, 250), Quarter(1, 300, 2), Quarter(1, 250));
        await Runner(views).CatchUpAsync(Ct);
        Day(views).Export.VerifiedKwh.ShouldBe("0.800000000000");
        Day(views).Export.Check.ShouldBe(RegisterVerdict.Undecidable);
        Day(views, 2).Export.VerifiedKwh.ShouldBe("0.750000000000");
        new Answers(views).IntervalRecords(Point, new LocalDate(2026, 6, 2)).Select(row => row.Version)
            .ShouldBe([1, 2]);
    }

    [Fact]
    public void Rows_do_not_depend_on_the_batch_size()
    {
        var one = Gen.OneOf(
            Gen.Select(Gen.Int[0, 5], Gen.Int[0, 2000], Gen.Int[1, 3], (n, wh, v) => Quarter(n, wh, v)),
            Gen.Select(Gen.Int[0, 2], Gen.Int[0, 900], (day, steps) =>
                Reading(Midnight + Duration.FromDays(day), steps)),
            Gen.Const(0).Select(_ => NoVehicle()), Gen.Const(0).Select(_ => Refused()),
            Gen.Const(0).Select(_ => Registered()), Gen.Const(0).Select(_ => Installed()));
        one.List[1, 40].Sample(facts =>
        {
            var filled = new InMemoryJournal();
            foreach (var (fact, n) in facts.Prepend(Order()).Append(Claim()).Select((fact, n) => (fact, n)))
                filled.AppendAsync("s", ExpectedRevision.Any,
                    [NewFact.At(fact, Midnight, new EvidenceKey($"n{n}"))], By, null, default).AsTask().Wait();
            var all = new[] { 1, 7, 500 }.Select(size =>
            {
                var views = new MemoryViews();
                new ProjectionRunner(filled, views, StandardProjections.All, filled.Decode, size)
                    .CatchUpAsync(default).Wait();
                return StandardProjections.All.SelectMany(projection => views.Versions(projection.Name)).ToList();
            }).ToList();
            all[1].ShouldBe(all[0]);
            all[2].ShouldBe(all[0]);
        }, seed: "0000KOIPJtv3", iter: 200, threads: 1);
    }

    [Fact]
    public async Task An_unknown_wire_name_stops_the_reader_with_position_and_reason_and_keeps_what_came_before()
    {
        using var views = new SqliteViews(path);
        await Append(Registered(), Refused());
        journal.AppendUnknown(NewFact.At(Refused(), Midnight, new EvidenceKey("poison")));
        await Append(Refused());
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(() => Runner(views).FollowAsync(Ct));
        stopped.Alarm.ShouldBe(new ProjectionAlarm(2, "codec", "unknown", "unknown wire name 'unknown'"));
        views.Alarm.ShouldBe(stopped.Alarm);
        views.Checkpoint("Refusals").ShouldBe(2);
        views.Versions("Refusals").Count(row => row.Key.StartsWith("evidence|", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public async Task A_fact_that_a_fold_cannot_apply_stops_the_reader_in_that_fold()
    {
        using var views = new SqliteViews(path);
        await Append(Registered(), Claim());
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(() => Runner(views).CatchUpAsync(Ct));
        stopped.Alarm.Position.ShouldBe(1);
        stopped.Alarm.Projection.ShouldBe("CurtailmentCompliance");
        views.Checkpoint("MasterData").ShouldBe(1);
    }

    /// <summary>Of every refused evidence one row, and another one that can be no row where it is the third.</summary>
    private sealed class Rows(string name, bool isPoisoned) : IProjection
    {
        public string Name => name;
        public int RowVersion => 1;
        public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(EvidenceRefused) };

        public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact) =>
        [
            new("one", new Row($"{fact.Position}")),
            new("two", isPoisoned && fact.Position == 2 ? new NoRow() : new Row($"{fact.Position}")),
        ];
    }

    private sealed record Row(string Said);

    private sealed class NoRow
    {
        public string Said => throw new InvalidOperationException("no row");
        public override bool Equals(object? obj) => throw new InvalidOperationException("no row");
        public override int GetHashCode() => 0;
    }

    [Fact]
    public async Task Of_an_event_that_a_later_fold_cannot_take_over_nothing_is_stored()
    {
        var views = new MemoryViews();
        await Append(Refused(), Refused(), Refused());
        IProjection[] folds = [new Rows("First", isPoisoned: false), new Rows("Second", isPoisoned: true)];
        var stopped = await Should.ThrowAsync<ProjectionStoppedException>(() =>
            new ProjectionRunner(journal, views, folds, journal.Decode).CatchUpAsync(Ct));
        stopped.Alarm.Position.ShouldBe(2);
        foreach (var fold in folds)
        {
            views.Checkpoint(fold.Name).ShouldBe(2);
            views.Versions(fold.Name).Select(row => (row.Key, row.FromPosition))
                .ShouldBe([("one", 0), ("one", 1), ("two", 0), ("two", 1)]);
        }
    }

    /// <summary>A journal that has lost a row and says so of none.</summary>
    private sealed class LosingJournal(IJournal journal, long lost) : ForwardingJournal(journal)
    {
        public override async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
            long fromPosition, [EnumeratorCancellation] CancellationToken ct)
        {
            await foreach (var stored in base.ReadAllAsync(fromPosition, ct))
                if (stored.Position != lost) yield return stored;
        }
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 2)] // a batch of two before it is stored
    [InlineData(4, 4)] // the last
    public async Task Nothing_is_folded_behind_an_event_that_the_journal_does_not_give(long lost, long applied)
    {
        var views = new MemoryViews();
        await Append(Refused(), Refused(), Refused(), Refused(), Refused());
        var refused = await Should.ThrowAsync<JournalRefusedException>(() => new ProjectionRunner(
            new LosingJournal(journal, lost), views, StandardProjections.All, journal.Decode, 2).CatchUpAsync(Ct));
        refused.Message.ShouldBe($"position {lost} is missing");
        views.Checkpoint("Refusals").ShouldBe(applied);
        views.Alarm.ShouldBeNull();
    }

    [Fact]
    public async Task A_row_changed_by_hand_is_found_by_name_and_a_rebuild_heals_it()
    {
        using var views = new SqliteViews(path);
        await Append([Registered(), Order(), Claim(), Refused(), .. FullDay(10)]);
        await Runner(views, 7).CatchUpAsync(Ct);
        (await Diff(views, null)).ShouldBeEmpty();
        (await Diff(views, 5)).ShouldBeEmpty();
        using (var hand = new SqliteConnection($"Data Source={path};Pooling=False"))
        {
            hand.Open();
            using var edit = hand.CreateCommand();
            edit.CommandText =
                "UPDATE current_row SET json = replace(json, '0.96', '9.96') WHERE key = 'station|2026-06-02|S01'";
            edit.ExecuteNonQuery().ShouldBeGreaterThan(0);
        }
        var found = (await Diff(views, null)).ShouldHaveSingleItem();
        (found.Projection, found.Key).ShouldBe(("VerifiedExport", "station|2026-06-02|S01"));
        found.Stored.ShouldNotBeNull().ShouldContain("9.96");
        found.Recomputed.ShouldNotBeNull().ShouldContain("0.96");
        await Runner(views).RebuildAsync(Ct);
        (await Diff(views, null)).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_reader_follows_what_is_appended_and_goes_on_from_its_checkpoint()
    {
        using var views = new SqliteViews(path);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var following = Runner(views).FollowAsync(stop.Token);
        await Append(Registered(), Refused());
        while (views.Checkpoint("Refusals") < 2) await Task.Yield();
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => following);
        await Append(Refused());
        (await Runner(views).CatchUpAsync(Ct)).ShouldBe(3);
        views.Range("Refusals", "evidence|", "evidence|~").Count.ShouldBe(2);
        (await Replay.PositionAtAsync(journal, Instant.FromUnixTimeSeconds(1), Ct)).ShouldBe(1);
    }

    [Fact]
    public void A_read_as_of_a_position_waits_for_no_writer_and_sees_nothing_of_him()
    {
        using var views = new SqliteViews(path);
        views.Commit(Checkpoints.Of(("P", 1)), [new("P", 0, "a", "1"), new("P", 0, "b", "1")]);
        var seen = new List<string>();
        views.Scan("P", "a", "b", 0, row =>
        {
            seen.Add(System.Text.Encoding.UTF8.GetString(row));
            if (seen.Count > 1) return;
            var writer = new Thread(() => views.Commit(
                Checkpoints.Of(("P", 2)), [new("P", 1, "a", "2"), new("P", 1, "b", "2")]));
            writer.Start();
            writer.Join(TimeSpan.FromSeconds(30)).ShouldBeTrue();
            // Amid a reading others read, and what was written is there.
            views.Get("P", "b", 1).ShouldBe("2");
            views.Get("P", "b").ShouldBe("2");
        });
        seen.ShouldBe(["1", "1"]);
        views.Range("P", "a", "b", 1).Select(row => (row.FromPosition, row.Json)).ShouldBe([(1, "2"), (1, "2")]);
        views.Dispose();
        Should.Throw<ObjectDisposedException>(() => views.Get("P", "a", 0));
    }

    private Task<IReadOnlyList<RowDifference>> Diff(IViewStore views, long? asOf) =>
        Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, asOf, Ct);
}
