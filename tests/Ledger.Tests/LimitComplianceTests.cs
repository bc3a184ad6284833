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
            // 26 kWh are a mean of 104 kW: 4 kW above it for 900 s at least.
            row => row.Above.AtLeast.ShouldBe(Energy.FromWattHours(1_000)), row =>
                row.Method.ShouldBe(LimitBounds.OnePoint));
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
        town.Run("show", "limits").Output.ShouldContain("agreement 7");
    }

    static IReadOnlyList<LimitAnswer> Answers(IEnumerable<LedgerEvent> facts)
    {
        var journal = new InMemoryJournal();
        foreach (var (fact, n) in facts.Select((fact, n) => (fact, n)))
            journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(fact, midnight, new EvidenceKey($"n{n}"))], by,
                null, default)
                .AsTask().Wait();
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(default).Wait();
        return new Answers(views).Limits(day);
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

    static Power Kw(int kilowatts) => Power.FromKilowatts(kilowatts);
}
