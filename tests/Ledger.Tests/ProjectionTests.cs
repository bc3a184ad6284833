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
        Power.Zero, 0, 1m, 0.5m);

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

    private static System.Text.Json.JsonElement Json(IViewStore views, string projection, string key, long? asOf = null) =>
        System.Text.Json.JsonDocument.Parse(views.Get(projection, key, asOf).ShouldNotBeNull()).RootElement;

    [Fact]
    public void Every_event_is_handled_or_ignored_by_every_projection()
    {
        var events = typeof(LedgerEvent).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(LedgerEvent))).ToHashSet();
        foreach (var projection in StandardProjections.All)
        {
            projection.Handled.Overlaps(projection.Ignored).ShouldBeFalse(projection.Name);
            projection.Handled.Union(projection.Ignored).ToHashSet().SetEquals(events).ShouldBeTrue(projection.Name);
        }
    }

    [Theory]
    [InlineData(1000, 96, "consistent")]
    [InlineData(1000, 97, "consistent")] // one step of the register apart
    [InlineData(1000, 98, "inconsistent")]
    [InlineData(1000, -4, "inconsistent")] // the register rolled over: 999996 kWh
    public async Task The_register_is_the_amount_and_the_curve_its_check(long quarterWh, long kwh, string verdict)
    {
        using var views = new SqliteViews(path);
        var last = 10 + kwh;
        await Append([Registered(), Installed(), Reading(Midnight, 10), .. FullDay(quarterWh), Reading(Midnight + Duration.FromDays(1), last)]);
        await Runner(views).CatchUpAsync(Ct);
        var day = Json(views, "VerifiedExport", "day|S01-C1|2026-06-02");
        day.GetProperty("check").GetString().ShouldBe(verdict);
        day.GetProperty("verifiedKwh").GetString().ShouldBe($"{(kwh < 0 ? 1_000_000 + kwh : kwh)}.000000000000");
        Json(views, "VerifiedExport", "station|S01|2026-06-02").GetProperty("verifiedKwh").GetString()
            .ShouldBe(day.GetProperty("verifiedKwh").GetString());
    }

    [Fact]
    public async Task Without_both_edges_the_curve_is_the_amount_and_a_late_version_replaces_the_first()
    {
        using var views = new SqliteViews(path);
        await Append(Quarter(0, 500), Registered(), Quarter(1, 250), Quarter(1, 300, 2), Quarter(1, 250));
        await Runner(views).CatchUpAsync(Ct);
        var day = Json(views, "VerifiedExport", "day|S01-C1|2026-06-02");
        day.GetProperty("verifiedKwh").GetString().ShouldBe("0.800000000000");
        day.GetProperty("check").GetString().ShouldBe("undecidable");
        Json(views, "VerifiedExport", "day|S01-C1|2026-06-02", 2).GetProperty("verifiedKwh").GetString()
            .ShouldBe("0.750000000000");
    }

    [Fact]
    public async Task A_claimed_reason_stands_apart_from_a_supported_one()
    {
        using var views = new SqliteViews(path);
        await Append(NoVehicle(), Quarter(0, 600), Order(), Quarter(1, 1500), Claim());
        await Runner(views).CatchUpAsync(Ct);
        var target = Json(views, "CurtailmentCompliance", "target|I1|S01-C1");
        target.GetProperty("supported").EnumerateArray().Single().GetString().ShouldBe("noVehicle");
        target.GetProperty("claimed").EnumerateArray().Single().GetString().ShouldBe("safety");
        target.GetProperty("deliveredKwh").GetString().ShouldBe("1.600000000000");
        target.GetProperty("deficiencyKwh").GetString().ShouldBe("0.400000000000");
        target.GetProperty("uncoveredMicroseconds").GetString().ShouldBe("1800000000");
    }

    [Fact]
    public void Rows_do_not_depend_on_the_batch_size()
    {
        var one = Gen.OneOf(
            Gen.Select(Gen.Int[0, 5], Gen.Int[0, 2000], Gen.Int[1, 3], (n, wh, v) => Quarter(n, wh, v)),
            Gen.Select(Gen.Int[0, 2], Gen.Int[0, 900], (day, steps) => Reading(Midnight + Duration.FromDays(day), steps)),
            Gen.Const(0).Select(_ => NoVehicle()), Gen.Const(0).Select(_ => Refused()),
            Gen.Const(0).Select(_ => Registered()), Gen.Const(0).Select(_ => Installed()));
        one.List[1, 40].Sample(facts =>
        {
            var filled = new InMemoryJournal();
            foreach (var (fact, n) in facts.Prepend(Order()).Append(Claim()).Select((fact, n) => (fact, n)))
                filled.AppendAsync("s", ExpectedRevision.Any,
                    [NewFact.At(fact, Midnight, new EvidenceKey($"n{n}"))], By, null, default).AsTask().Wait();
            var all = new[] { 1, 7, 1000 }.Select(size =>
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
        views.Versions("Refusals").Count.ShouldBe(1);
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
            edit.CommandText = "UPDATE view_row SET json = replace(json, '0.96', '9.96') WHERE key = 'station|S01|2026-06-02'";
            edit.ExecuteNonQuery().ShouldBeGreaterThan(0);
        }
        var found = (await Diff(views, null)).ShouldHaveSingleItem();
        (found.Projection, found.Key).ShouldBe(("VerifiedExport", "station|S01|2026-06-02"));
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
        views.Range("Refusals", "", "~").Count.ShouldBe(2);
        (await Replay.PositionAtAsync(journal, Instant.FromUnixTimeSeconds(1), Ct)).ShouldBe(1);
    }

    private Task<IReadOnlyList<RowDifference>> Diff(IViewStore views, long? asOf) =>
        Replay.DiffAsync(journal, views, StandardProjections.All, journal.Decode, asOf, Ct);
}
