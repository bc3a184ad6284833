using System.Globalization;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How fast a call was followed, by the curve; the cases stand in call-responses.txt.</summary>
public sealed class CallResponseTests
{
    private static readonly Interval Call = ScenarioTable.Seconds("100-160");
    private static readonly SettlementPointId Point = new("CP1");
    private static readonly StationId Station = new("S1");

    public static IEnumerable<TheoryDataRow<string, int, string>> Responses() =>
        ScenarioTable.Lines("call-responses.txt");

    public static IEnumerable<TheoryDataRow<string, int, string>> Clocks() =>
        ScenarioTable.Lines("reported-clocks.txt");

    [Theory]
    [MemberData(nameof(Responses))]
    public void The_curve_tells_how_fast(string file, int line, string text)
    {
        var cells = ScenarioTable.Cells(text);
        var order = cells[0].Split(' ');
        var kw = ScenarioTable.Kilowatts(order[1]);
        var found = OrderResponse.Of(Curve(cells[1], Enum.Parse<SampleSemantics>(cells[2]), cells[3]), Call,
            order[0] == "export" ? -kw : kw, ScenarioTable.Kilowatts(order[2][1..]));
        string[] told =
        [
            $"{found.Standing}", $"{Shown(found.Initial, 6)} {Shown(found.Change, 6)}",
            string.Join(' ', Shown(found.TenPercent, 6), Shown(found.NinetyPercent, 6), Shown(found.Ramp, 0),
                Shown(found.Overshoot, 6), Shown(found.Settled, 6), Shown(found.Sustained, 0),
                found.Shortfall?.ToKwh() ?? "-"),
            found.Why ?? "",
        ];
        told.ShouldBe(cells[4..], $"{file}:{line}");
    }

    [Theory]
    [MemberData(nameof(Clocks))]
    public void A_reported_clock_is_held_against_the_curve(string file, int line, string text)
    {
        var cells = ScenarioTable.Cells(text);
        var clock = cells[0].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var known = ScenarioTable.Number(cells[1]);
        var samples = string.Join(' ', Enumerable.Range(0, 101).Select(step => 2 * step).Where(at => at <= known)
            .Select(at => string.Create(CultureInfo.InvariantCulture, $"{at}:{Math.Clamp(100 - 10 * (at - 100), 20, 100)}")));
        var off = Duration.FromSeconds(ScenarioTable.Number(cells[2]));
        var state = new DispatchState(
            Order([new(Point, Power.FromKilowatts(20))]),
            [new(new("I1"), Point, Enum.Parse<InstructionClock>(clock[0]), At(clock[1]), "csms")], null, []);
        var part = Part($"0-{known}", SampleSemantics.Instant, samples);
        var ahead = -off.ToInt64Nanoseconds() / 1000;
        var curve = KnownCurve.Of(
            [part with { Record = part.Record with { ClockOffsetMicroseconds = ahead } }]);
        var told = CallResponse.Of(state, [new(Point, Station, curve)],
            new Dictionary<SettlementPointId, StationId?> { [Point] = Station }).Targets.ShouldHaveSingleItem().Clocks;
        (told is [var only] ? $"{only.Agreement}" : "none", told is [{ Why: { } why }] ? why : "")
            .ShouldBe((cells[3], cells[4]), $"{file}:{line}");
    }

    /// <summary>Two have to change, one has 40 kW to spare: what it has takes nothing from what they owe.</summary>
    [Fact]
    public void Together_counts_who_had_something_to_change()
    {
        var found = Of(("CP1", "0:100 100:100 108:20 200:20"), ("CP2", "0:60 100:60 104:20 200:20"),
            ("CP3", "0:10 200:10"));
        found.Targets.Select(target => target.Response.Standing).ShouldBe(
            [ResponseStanding.Whole, ResponseStanding.Whole, ResponseStanding.NothingOrdered]);
        var all = found.Sums.Single(sum => sum.Station is null);
        (all.Targets, all.Moving, all.Response.Standing).ShouldBe((3, 2, ResponseStanding.Whole));
        // 20 kW/s for 4 s, then 10 kW/s for 4 s: 12 of 120 kW after 0.6 s, 108 after 6.8 s.
        (Shown(all.Response.Initial, 6), Shown(all.Response.Change, 6), Shown(all.Response.TenPercent, 6),
            Shown(all.Response.NinetyPercent, 6), Shown(all.Response.WidestStep, 6)).ShouldBe(("160", "-120", "0.6", "6.8", "56"));
        found.Sums.Count.ShouldBe(2);
        found.Sums[0].ShouldBe(all with { Station = Station });
    }

    [Fact]
    public void A_sum_is_told_where_all_that_it_is_of_are_known()
    {
        var found = Of(("CP1", "0:100 100:100 108:20 200:20"), ("CP2", "120:20 200:20"));
        found.Sums.ShouldAllBe(sum => sum.Moving == null && sum.Response.Why == "not known of CP2");
        var state = State("CP1", "CP2", "CP3");
        var stations = new Dictionary<SettlementPointId, StationId?>
        {
            [new("CP1")] = Station,
            [new("CP2")] = new StationId("S2"),
            [new("CP3")] = null,
        };
        // Whoever asks about one target is told of no sum but that of its own station.
        var one = CallResponse.Of(state, [new(Point, Station, Curve("0-200", SampleSemantics.Instant, "0:100 200:100"))],
            stations);
        one.Sums.ShouldHaveSingleItem().Station.ShouldBe(Station);
        stations[new("CP2")] = Station;
        CallResponse.Of(state, [new(Point, Station, Curve("0-200", SampleSemantics.Instant, "0:100 200:100"))],
            stations).Sums.ShouldBeEmpty();
    }

    [Fact]
    public void A_sum_is_told_as_far_as_the_shortest_of_its_curves()
    {
        var state = State("CP1", "CP2");
        var stations = state.Instructed!.Targets.ToDictionary(target => target.Point, _ => (StationId?)Station);
        var found = CallResponse.Of(state,
        [
            new(new("CP1"), Station, Curve("0-200", SampleSemantics.Instant, "0:100 100:100 108:20 200:20")),
            new(new("CP2"), Station, Curve("0-200 without 130-140", SampleSemantics.Instant,
                "0:100 100:100 108:20 130:20 140:20 200:20")),
        ], stations);
        var sum = found.Sums[0].Response;
        (sum.Standing, Shown(sum.NinetyPercent, 6), sum.Settled, sum.KnownUntil)
            .ShouldBe((ResponseStanding.Partial, "7.2", null, ScenarioTable.Second("130")));
        sum.Why.ShouldBe("the curve is known for 30 s only (CP2: samples are missing): what did not come in that time, and "
            + "what is asked of the whole call, is not told");
        var hole = found.Targets[1].Holes.ShouldHaveSingleItem();
        (hole, found.Targets[1].Missing).ShouldBe(
            (new CurveHole(ScenarioTable.Seconds("130-140"), "samples are missing"), Duration.FromSeconds(10)));
    }

    /// <summary>Whoever moves between the order and its start is where he shall be when it begins: the power at the
    /// issue says so.</summary>
    [Fact]
    public void Who_moved_before_the_start_is_seen_by_the_power_at_the_issue()
    {
        var state = State("CP1");
        var told = CallResponse.Of(state with { Instructed = state.Instructed! with { IssuedAt = ScenarioTable.Second("50") } },
            [new(Point, Station, Curve("0-200", SampleSemantics.Instant, "0:100 60:100 90:20 200:20"))],
            new Dictionary<SettlementPointId, StationId?> { [Point] = Station }).Targets[0];
        (told.Response.Standing, Shown(told.AtIssue, 6), Shown(told.Response.Initial, 6))
            .ShouldBe((ResponseStanding.NothingOrdered, "100", "20"));
    }

    [Fact]
    public void A_withdrawal_ends_the_call_and_one_before_its_start_leaves_none()
    {
        var state = State("CP1");
        CallResponse Withdrawn(string at) => CallResponse.Of(
            state with { Withdrawn = new(new("I1"), ScenarioTable.Second(at), "no need") },
            [new(Point, Station, Curve("0-200", SampleSemantics.Instant, "0:100 100:100 108:20 130:20 135:100 200:100"))],
            new Dictionary<SettlementPointId, StationId?> { [Point] = Station });
        Withdrawn("160").Targets[0].Response.Settled.ShouldBeNull("it went back before the end");
        Shown(Withdrawn("130").Targets[0].Response.Settled, 6).ShouldBe("7.8");
        var before = Withdrawn("100");
        (before.Call, before.Sums.Count, before.Targets[0].Response.Why).ShouldBe((null, 0, "withdrawn before it began"));
    }

    [Fact]
    public void What_may_be_wrong_with_samples_is_counted_over_the_records_of_the_call()
    {
        var parts = new[] { "0-100", "100-150", "150-200" }.Select(period =>
            Part(period, SampleSemantics.Hold, "0:100 200:100")).Select((part, i) => part with
            {
                Record = part.Record with
                {
                    Samples = 10,
                    LateSamples = i,
                    DuplicateSamples = 2 * i,
                    ConflictingSamples = 3 * i,
                    ClockOffsetMicroseconds = -100 * i,
                    Stream = part.Record.Stream! with { ClockBoundMicroseconds = 7, MissingSequences = 4 * i },
                },
            });
        KnownCurve.Of(parts).Doubts(Call).ShouldBe(new CurveDoubts(20, 3, 6, 9, 12, 207));
    }

    private static CallResponse Of(params (string Point, string Samples)[] targets)
    {
        var state = State([.. targets.Select(target => target.Point)]);
        return CallResponse.Of(state,
            [.. targets.Select(target => new TargetCurve(
                new(target.Point), Station, Curve("0-200", SampleSemantics.Instant, target.Samples)))],
            state.Instructed!.Targets.ToDictionary(target => target.Point, _ => (StationId?)Station));
    }

    private static DispatchState State(params string[] points) => DispatchState.Empty with
    {
        Instructed = Order([.. points.Select(point => new InstructionTarget(new(point), Power.FromKilowatts(20)))]),
    };

    private static DispatchInstructed Order(IReadOnlyList<InstructionTarget> targets) => new(
        new("I1"), InstructionKind.Curtail, new("GRID"), Call.Start, Call, targets, Power.FromKilowatts(2), 0, 0m, 0m, null, null);

    private static KnownCurve Curve(string known, SampleSemantics semantics, string samples) => KnownCurve.Of(
        known.Split(" without ") is [var period, var gap] ? [Part(period, semantics, samples, gap)]
        : known.EndsWith(" suspect", StringComparison.Ordinal)
            ? [Doubtful(Part(known.Split(' ')[0], semantics, samples))]
        : known.EndsWith(" withheld", StringComparison.Ordinal)
            ? [Part(known.Split(' ')[0], semantics, samples)
                with { Withheld = "its frames were dropped: ledger show evidence says by which fact" }]
        : known.Split(' ').Select(each => Part(each, semantics, samples)));

    private static CurvePart Doubtful(CurvePart part) => part with
    {
        Record = part.Record with { Quality = ReadingQuality.Suspect, ClockOffsetMicroseconds = 20_000_000 },
    };

    private static CurvePart Part(string period, SampleSemantics semantics, string samples, string? gap = null)
    {
        var record = new IntervalRecorded(Point, ScenarioTable.Seconds(period), 1, IntervalRecordState.Final,
            Energy.Zero, Energy.Zero, Power.Zero, Power.Zero, 0, 0,
            gap is null ? [] : [new(ScenarioTable.Seconds(gap))], 0, 0, 0, 0, 0, ReadingQuality.Measured, null,
            new(new string('0', 64)),
            semantics == SampleSemantics.Instant ? null : new(semantics, 1_000_000, 0, 0, 0, 0));
        return new(record, [.. samples.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(sample =>
            new PowerSample(ScenarioTable.Number(sample.Split(':')[0]) * 1_000_000,
                ScenarioTable.Kilowatts(sample.Split(':')[1]).Milliwatts))]);
    }

    private static Instant At(string seconds) => Instant.FromUnixTimeTicks(
        (long)(decimal.Parse(seconds, CultureInfo.InvariantCulture) * 10_000_000m));

    private static string Shown(Fraction? figure, int scale) => figure is { } known
        ? (known / (scale == 6 ? 1_000_000L : 1L)).ToText(12) : "-";
}
