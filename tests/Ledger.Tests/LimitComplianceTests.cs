using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Standing limits against a day's interval records, whatever the order in which the facts came.</summary>
public sealed class LimitComplianceTests
{
    static readonly LocalDate day = new(2026, 7, 1);
    static readonly Instant midnight = Instant.FromUtc(2026, 7, 1, 0, 0);
    static readonly Principal by = new("test", new PartyId("cpo"), new HashSet<string>());

    [Fact]
    public void A_measured_connection_has_exact_demand_and_highest_power()
    {
        var answer = Answers([Point("G", SettlementPointKind.GridConnection), Limit("G", 100),
            Record("G", 0, 40, 90, 16_000), Record("G", 1, 40, 120, 26_000), Record("G", 2, 40, 97, 16_000)]).Single();
        answer.Day.ShouldSatisfyAllConditions(
            row => row.Verdict.ShouldBe(LimitVerdict.Above), row => row.Periods.ShouldBe(96),
            row => row.PeriodsAbove.ShouldBe(1), row => row.WithoutRecords.ShouldBe(93), row =>
                row.PeriodsUnproven.ShouldBe(93),
            row => row.WorstStart.ShouldBe(midnight + Duration.FromMinutes(15)), row =>
                row.WorstMargin.ShouldBe(Kw(20)),
            // 26 kWh are a mean of 104 kW: 4 kW above it for 900 s at least. What is not recorded is not below it.
            row => row.Above.ShouldBe(new(Energy.FromWattHours(1_000), null)),
            row => row.MicrosecondsAbove.AtMost.ShouldBe(94 * 900_000_000L), row =>
                row.Method.ShouldBe(LimitBounds.OnePoint));
        LimitCompliance.Totals([answer.Day, answer.Day]).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            row => row.Above.ShouldBe(new(Energy.FromWattHours(2_000), null)),
            row => row.MicrosecondsAbove.AtMost.ShouldBe(2 * 94 * 900_000_000L));
        // 97 kW of 100 is near, 90 is not.
        answer.Periods.Select(row => (row.Highest.AtLeast, row.Verdict)).ShouldBe(
            [(Kw(120), LimitVerdict.Above), (Kw(97), LimitVerdict.Within)]);
        answer.Periods[0].Demand.ShouldBe(new(Kw(104), Kw(104)));
    }

    [Fact]
    public void A_connection_that_nobody_measured_is_bounded_by_what_lies_behind_it()
    {
        LedgerEvent[] facts =
        [
            Point("G", SettlementPointKind.GridConnection), Point("C1", SettlementPointKind.Connector),
            Point("C2", SettlementPointKind.Connector), Limit("G", 100),
            Record("C1", 0, 10, 60, 5_000), Record("C2", 0, 30, 50, 10_000), Record("C1", 1, 0, 20, 1_000),
        ];
        var answer = Answers(facts).Single();
        answer.Periods.Select(row => (row.Highest, row.Verdict)).ShouldBe(
        [
            (new(Kw(90), Kw(110)), LimitVerdict.Unproven), // 60 + 30 surely, 60 + 50 at most
            (new(Power.Zero, null), LimitVerdict.Unproven), // of C2 nothing is known
        ]);
        answer.Day.Method.ShouldBe(LimitBounds.SumOfPoints);
    }

    /// <summary>A grid connection without a meter, with two feeders that have none either, and a connector behind each.
    /// </summary>
    static LedgerEvent[] Feeders(Instant? from = null) =>
    [
        Point("G", SettlementPointKind.GridConnection), Point("F1", SettlementPointKind.GridConnection),
        Point("F2", SettlementPointKind.GridConnection), Point("C1", SettlementPointKind.Connector),
        Point("C2", SettlementPointKind.Connector), Placed("F1", "G", from), Placed("F2", "G", from),
        Placed("C1", "F1", from), Placed("C2", "F2", from),
    ];

    /// <summary>What flows through a feeder is what flows behind it, and not all that the station has.</summary>
    [Theory]
    [InlineData(200, 200, LimitVerdict.Within, LimitVerdict.Above)]
    [InlineData(400, -200, LimitVerdict.Above, LimitVerdict.Within)]
    public void A_feeder_is_the_sum_of_what_lies_behind_it(
        int first, int second, LimitVerdict feeder, LimitVerdict connection)
    {
        LedgerEvent[] facts =
            [.. Feeders(), Limit("F1", 300), Limit("G", 300), Flow("C1", 0, first), Flow("C2", 0, second)];
        Verdicts(facts).ShouldBe([("F1", feeder), ("G", connection)]);
    }

    [Fact]
    public void What_a_point_before_another_measures_is_counted_once()
    {
        // C2 lies behind C1, whose meter has its energy too; and what a feeder measures is what flowed through it.
        LedgerEvent[] facts =
        [
            .. Feeders(), Placed("C2", "C1"), Limit("G", 300), Flow("C1", 0, 200), Flow("C2", 0, 150),
        ];
        Verdicts(facts).ShouldBe([("G", LimitVerdict.Unproven)]); // of F2 nothing is known
        Verdicts([.. facts, Flow("F2", 0, 0)]).ShouldBe([("G", LimitVerdict.Within)]);
        Verdicts([.. facts, Flow("F2", 0, 150)]).ShouldBe([("G", LimitVerdict.Above)]);
    }

    /// <summary>Where two connections have nothing before them, nobody knows behind which of them a point lies of which
    /// nothing is said.</summary>
    [Fact]
    public void Behind_which_of_two_connections_a_point_lies_has_to_be_said()
    {
        LedgerEvent[] facts =
        [
            Point("G", SettlementPointKind.GridConnection), Point("H", SettlementPointKind.GridConnection),
            Point("C1", SettlementPointKind.Connector), Point("C2", SettlementPointKind.Connector),
            Placed("C2", "H"), Limit("G", 300), Limit("H", 300), Flow("C1", 0, 400), Flow("C2", 0, 200),
        ];
        Verdicts(facts).ShouldBe([("G", LimitVerdict.Unproven), ("H", LimitVerdict.Unproven)]);
        Verdicts([.. facts, Placed("C1", "G")]).ShouldBe([("G", LimitVerdict.Above), ("H", LimitVerdict.Within)]);
    }

    /// <summary>A feeder that is said to lie behind a point of another station is no second connection: it lies behind
    /// the one that has nothing before it, and so does what is unsaid.</summary>
    [Fact]
    public void A_feeder_behind_a_point_of_another_station_is_no_connection()
    {
        LedgerEvent[] facts =
        [
            Point("G", SettlementPointKind.GridConnection), Point("F1", SettlementPointKind.GridConnection),
            Point("C1", SettlementPointKind.Connector), Point("C2", SettlementPointKind.Connector),
            Point("X", SettlementPointKind.GridConnection) with { Station = new("T") },
            Placed("F1", "X"), Placed("C2", "F1"), Limit("F1", 300), Limit("G", 300),
            Flow("C1", 0, 200), Flow("C2", 0, 200),
        ];
        Verdicts(facts).ShouldBe([("F1", LimitVerdict.Within), ("G", LimitVerdict.Above)]);
    }

    /// <summary>A day has the master data of its beginning: a connector that shall be moved, one that shall lie behind
    /// another feeder, and a zone of later are none of today.</summary>
    [Fact]
    public void A_day_has_the_points_and_places_of_its_beginning()
    {
        LedgerEvent[] facts =
        [
            .. Feeders(), Limit("G", 300), Flow("C1", 0, 200), Flow("C2", 0, 200),
            Point("C2", SettlementPointKind.Connector) with { Station = new("T") },
            Point("G", SettlementPointKind.GridConnection) with { Zone = "Asia/Shanghai" },
            Point("C3", SettlementPointKind.Connector) with { Station = new("T") },
            Placed("C1", "F2", midnight + Duration.FromHours(12)), Limit("F1", 150),
        ];
        Instant From(LedgerEvent fact) => fact switch
        {
            PointPlaced place => place.From,
            SettlementPointRegistered { Station.Value: "T" } or SettlementPointRegistered { Zone: not "UTC" } =>
                midnight + Duration.FromDays(30),
            _ => midnight - Duration.FromDays(9),
        };
        var answers = Answers(facts, From);
        answers.Select(answer => (answer.Day.Point, answer.Day.Zone, answer.Periods.FirstOrDefault()?.Verdict))
            .ShouldBe([("F1", "UTC", LimitVerdict.Above), ("G", "UTC", LimitVerdict.Above)]);
    }

    /// <summary>A sum of which a part is somebody else's is not the rest of it.</summary>
    [Fact]
    public void What_the_reader_does_not_reach_is_unknown_and_not_nothing()
    {
        var views = Views([.. Feeders(), Limit("G", 300), Flow("C1", 0, 200), Flow("C2", 0, 200),
            Point("C2", SettlementPointKind.Connector) with { Owner = new("other") }]);
        LimitVerdict Read(Reach reach) =>
            new Answers(views, null, reach, midnight).Limits(day).Single().Periods.Single().Verdict;
        Read(Reach.Everything).ShouldBe(LimitVerdict.Above);
        Read(new(new("cpo"), null, new("cpo"), false)).ShouldBe(LimitVerdict.Unproven);
    }

    /// <summary>Of many limits and days the network is read once.</summary>
    [Fact]
    public void What_all_limits_and_days_have_in_common_is_read_once()
    {
        var connectors = Enumerable.Range(1, 9).Select(n => $"C{n}").ToList();
        var views = Views([Point("G", SettlementPointKind.GridConnection), Limit("G", 300),
            .. connectors.Select(point => Point(point, SettlementPointKind.Connector)),
            .. connectors.Select(point => Placed(point, "G")), .. connectors.Select(point => Limit(point, 100)),
            .. connectors.Select(point => Flow(point, 0, 200))]);
        var counted = new CountedViews(views);
        var limits = new LimitAnswers(new Answers(counted));
        foreach (var each in (LocalDate[])[day.PlusDays(-1), day, day.PlusDays(1)])
            RowJson.Write(limits.On(each)).ShouldBe(RowJson.Write(new Answers(views).Limits(each)));
        limits.On(day).Count(answer => answer.Day.Verdict == LimitVerdict.Above).ShouldBe(10);
        counted.ReadFrom.FindAll(first => first is "point|" or "place|").ShouldBe(["point|", "place|"]);
    }

    /// <summary>Views that say where each range began that was read of them.</summary>
    sealed class CountedViews(MemoryViews views) : IViewStore
    {
        public List<string> ReadFrom { get; } = [];
        public ProjectionAlarm? Alarm { get => views.Alarm; set => views.Alarm = value; }
        public ViewCheckpoint Reached(string projection) => views.Reached(projection);
        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
            views.Commit(checkpoints, changes);
        public string? Get(string projection, string key, long? asOf = null) => views.Get(projection, key, asOf);
        public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
        {
            ReadFrom.Add(first);
            return views.Range(projection, first, last, asOf);
        }

        public IReadOnlyList<ViewRow> Versions(string projection) => views.Versions(projection);
        public void Reset(string projection) => views.Reset(projection);
        public bool TryHold(string lease, string holder, Duration length) => views.TryHold(lease, holder, length);
        public bool TryKeep(string lease, string holder, Duration length) => views.TryKeep(lease, holder, length);
        public void Switch(IReadOnlyCollection<string> projections) => views.Switch(projections);
    }

    /// <summary>Causes are looked for among what lies behind the limit, and calls among those that aim there.</summary>
    [Fact]
    public void What_began_behind_another_feeder_is_no_cause()
    {
        var call = new DispatchInstructed(new("I1"), InstructionKind.Curtail, new("grid"),
            midnight + Duration.FromMinutes(20),
            new(midnight + Duration.FromMinutes(20), midnight + Duration.FromHours(1)),
            [new(new("C2"), Kw(10))], Kw(1), 0, 1m, 1m, null, null);
        LedgerEvent[] facts =
        [
            .. Feeders(), Limit("F1", 150), Limit("G", 150), Flow("C1", 0, 0), Flow("C2", 0, 0),
            Flow("C1", 1, 200), Flow("C2", 1, 200), call,
        ];
        string CausesOf(string point) => string.Join("; ", Answers(facts)
            .Single(answer => answer.Day.Point == point).Periods.Single().Causes);
        CausesOf("F1").ShouldBe("one arrival: 1 of 1 connectors began to charge, 200 kW in the mean");
        CausesOf("G").ShouldBe("concurrent arrivals: 2 of 2 connectors began to charge, 400 kW in the mean; "
            + "late instruction: I1 issued after the period began");
    }

    [Fact]
    public void The_order_of_facts_changes_nothing_but_which_limit_was_recorded_later()
    {
        LedgerEvent[] facts =
        [
            Point("G", SettlementPointKind.GridConnection), Limit("G", 100), Record("G", 0, 40, 90, 16_000),
            Record("G", 1, 40, 120, 26_000), Record("G", 1, 40, 130, 27_000) with { Version = 2 },
        ];
        static string Text(IEnumerable<LedgerEvent> facts) => RowJson.Write(Answers(facts));
        var first = Text(facts);
        var random = new Random(1);
        for (var i = 0; i < 20; i++)
        {
            random.Shuffle(facts);
            Text(facts).ShouldBe(first);
        }
    }

    [Fact]
    public void What_proves_nothing_covers_nothing()
    {
        var answer = Answers([Point("G", SettlementPointKind.GridConnection), Limit("G", 100),
            Record("G", 0, 40, 120, 26_000) with { Quality = ReadingQuality.Suspect }]).Single();
        answer.Periods.Single().Verdict.ShouldBe(LimitVerdict.Unproven);
        answer.Day.Above.ShouldBe(new(Energy.Zero, null));
    }

    /// <summary>What is recorded within the limit proves it, and a day of which all is recorded has a bound.</summary>
    [Fact]
    public void A_day_that_is_recorded_whole_is_bounded_from_above()
    {
        var answer = Answers([Point("G", SettlementPointKind.GridConnection), Limit("G", 100),
            .. Enumerable.Range(0, 96).Select(period => Record("G", period, 40, 90, 16_000))]).Single();
        (answer.Day.Above, answer.Day.MicrosecondsAbove, answer.Day.WithoutRecords).ShouldBe(
            (new(Energy.Zero, Energy.Zero), new(0, 0), 0));
    }

    [Fact]
    public void Limits_are_imported_from_text_and_shown()
    {
        using var town = SmallTown.WithItsDay();
        var file = town.File("limits.jsonl", """
            {"type":"standing-limit","point":"S01-C1","kind":"connectionLimit","direction":"import","kw":800,"validFrom":"2026-01-01T00:00:00+08:00","source":"agreement 7"}
            {"type":"standing-limit","point":"S01-C1","kind":"operatingEnvelope","direction":"export","steps":[{"daily":"08:00","kw":"500.5"},{"daily":"20:00","kw":null}],"zone":"Asia/Shanghai","validFrom":"2026-02-01T00:00:00+08:00","validTo":"2026-03-01T00:00:00+08:00","source":"DSO 12"}
            """);
        town.Run("import", file).Exit.ShouldBe(Cli.ExitCode.Done);
        town.Run("import", file).Output.ShouldContain("2");
        var page = JsonNode.Parse(town.Run("show", "limits", "--day", "2026-02-27", "--json").Output)!;
        page["limits"]!.AsArray().Count.ShouldBe(2);
        ((string?)page["limits"]![1]!["steps"]![0]).ShouldBe("from 08:00:00 500.5 kW");
        page["days"]!.AsArray().Select(row => (string?)row!["verdict"]).ShouldBe(["unproven", "unproven"]);
        // Nothing is recorded of S01-C2, and nothing bounds what it took.
        town.Run("import", town.File("other.jsonl", """
            {"type":"standing-limit","point":"S01-C2","kind":"connectionLimit","direction":"import","kw":800,"validFrom":"2026-01-01T00:00:00+08:00","source":"agreement 8"}
            """)).Exit.ShouldBe(Cli.ExitCode.Done);
        var unknown = JsonNode.Parse(town.Run("show", "limits", "--day", "2026-02-27", "--json").Output)!["days"]![2]!;
        string.Join(' ', ((string[])["point", "withoutRecords", "secondsAboveAtMost", "kwhAboveAtLeast", "kwhAboveAtMost"])
            .Select(member => unknown[member]?.ToString() ?? "–")).ShouldBe("S01-C2 24 86400 0.000000000000 –");
        town.Run("show", "limits").Output.ShouldContain("agreement 7");
    }

    /// <summary>What an earlier version of an event said is in force no more, and is not listed as if it were.
    /// </summary>
    [Fact]
    public void Of_an_event_its_last_version_is_listed()
    {
        static string Version(string to, int kw, string source) => $$"""
            {"type":"standing-limit","point":"S01-C1","kind":"operatingEnvelope","direction":"import","kw":{{kw}},"validFrom":"2026-02-27T10:00:00+08:00","validTo":"2026-02-27T{{to}}:00:00+08:00","source":"{{source}}"}

            """;
        using var town = SmallTown.WithItsDay();
        town.Run("import", town.File("limits.jsonl", Version("14", 50, "OpenADR event E of F")
            + Version("12", 60, "OpenADR event E of F, modified at 2026-02-26T00:00:00Z")
            + Version("13", 70, "OpenADR event E of G"))).Exit.ShouldBe(Cli.ExitCode.Done);
        var page = JsonNode.Parse(town.Run("show", "limits", "--day", "2026-02-27", "--json").Output)!;
        page["limits"]!.AsArray().Select(row => (string?)row!["limitKw"]).ShouldBe(["60", "70"]);
        ((int)page["days"]!.AsArray().ShouldHaveSingleItem()!["periods"]!).ShouldBe(3);
        town.Run("show", "limits").Output.ShouldContain("standing limits, of an event the last version");
        var report = town.Run("report", "station", "S01", "--period", "2026-02-27", "--json");
        report.Output.ShouldNotContain("\"OpenADR event E of F\"");
        report.Output.ShouldContain("OpenADR event E of F, modified at");
    }

    /// <summary>Of the periods of which something is recorded; unproven where there are none.</summary>
    static IEnumerable<(string Point, LimitVerdict Verdict)> Verdicts(IEnumerable<LedgerEvent> facts) =>
        Answers(facts).Select(answer => (answer.Day.Point, answer.Day.PeriodsAbove > 0 ? LimitVerdict.Above
            : answer.Day.WithoutRecords == answer.Day.Periods
                || answer.Periods.Any(period => period.Verdict == LimitVerdict.Unproven) ? LimitVerdict.Unproven
            : LimitVerdict.Within));

    static IReadOnlyList<LimitAnswer> Answers(
        IEnumerable<LedgerEvent> facts, Func<LedgerEvent, Instant>? from = null) =>
        new Answers(Views(facts, from)).Limits(day);

    static MemoryViews Views(IEnumerable<LedgerEvent> facts, Func<LedgerEvent, Instant>? from = null)
    {
        var journal = new InMemoryJournal();
        foreach (var (fact, n) in facts.Select((fact, n) => (fact, n)))
            journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(fact, from?.Invoke(fact)
                ?? (fact as PointPlaced)?.From ?? midnight, new EvidenceKey($"n{n}"))], by, null, default)
                .AsTask().Wait();
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(default).Wait();
        return views;
    }

    static SettlementPointRegistered Point(string id, SettlementPointKind kind) =>
        new(new(id), new("S"), kind, new("cpo"), "UTC", 15, Kw(500), true);

    static StandingLimitSet Limit(string point, int kilowatts) => new(new(point), StandingLimitKind.ConnectionLimit,
        Direction.Import, Kw(kilowatts), [], null, midnight - Duration.FromDays(9), null, "agreement");

    static IntervalRecorded Record(string point, int period, int minimum, int maximum, long wattHours)
    {
        var from = midnight + Duration.FromMinutes(15 * period);
        return new(new(point), new Interval(from, from + Duration.FromMinutes(15)), 1, IntervalRecordState.Final,
            Energy.FromWattHours(wattHours), Energy.Zero, Kw(minimum), Kw(maximum), 900_000_000, 0, [], 900, 0, 0, 0, 0,
            ReadingQuality.Measured, null, new(new string('a', 64)));
    }

    static PointPlaced Placed(string point, string parent, Instant? from = null) =>
        new(new(point), from ?? midnight - Duration.FromDays(9), new(parent));

    /// <summary>A quarter hour at one power; an export where it is negative.</summary>
    static IntervalRecorded Flow(string point, int period, int kilowatts) =>
        Record(point, period, kilowatts, kilowatts, Math.Max(0, kilowatts) * 250L) with
        {
            Export = Energy.FromWattHours(Math.Max(0, -kilowatts) * 250L),
        };

    static Power Kw(int kilowatts) => Power.FromKilowatts(kilowatts);
}
