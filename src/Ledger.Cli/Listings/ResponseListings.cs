using Ledger.Api;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Cli.Listings;

/// <summary>How fast calls were followed, by the power curves of their targets.</summary>
internal static class ResponseListings
{
    private const int Decimals = 12, ShownDecimals = 3;

    public static Listing Targets(IEnumerable<TargetResponse> targets) => Listing.Of(targets,
        [
            new("point", "point", row => row.Point.Value),
            new("station", null, row => row.Station?.Value),
            new(null, "at start kW", row => Shown(row.Response.Initial / 1_000_000L)),
            new("levelKw", "level kW", row => row.Level),
            new("atIssueKw", null, row => Exact(row.AtIssue / 1_000_000L)),
            .. Figures<TargetResponse>(row => row.Response),
            new(null, "missing to 90 % kWh", row => row.Response.Shortfall),
            new("missingSeconds", null, row => (decimal)row.Missing.ToInt64Nanoseconds() / 1_000_000_000m),
            new("samples", null, row => row.Doubts.Samples),
            new("lateSamples", null, row => row.Doubts.Late),
            new("duplicateSamples", null, row => row.Doubts.Duplicates),
            new("conflictingSamples", null, row => row.Doubts.Conflicts),
            new("missingSequences", null, row => row.Doubts.MissingSequences),
            new("clockSeconds", null, row => EnergyListings.Seconds(row.Doubts.ClockMicroseconds)),
            new("evidence", null, row => row.Evidence.Select(digest => digest.Hex).ToList()),
        ]);

    public static Listing Sums(IEnumerable<SummedResponse> sums) => Listing.Of(sums,
        [
            new("station", null, row => row.Station?.Value),
            new(null, "of", row => row.Station?.Value ?? "all targets"),
            new("targets", "targets", row => row.Targets),
            new("moving", "to change", row => row.Moving),
            .. Figures<SummedResponse>(row => row.Response),
            new(null, "missing to 90 % kWh", row => row.Response.Shortfall),
        ]);

    /// <summary>What the curves do not tell, and why.</summary>
    public static Listing NotTold(IEnumerable<TargetResponse> targets, IEnumerable<SummedResponse> sums) =>
        Listing.Of<(string Of, string? Why)>(
            targets.Select(target => (target.Point.Value, target.Response.Why))
                .Concat(sums.Select(sum => (sum.Station?.Value ?? "all targets", sum.Response.Why)))
                .Where(row => row.Why is not null),
            new("of", "of", row => row.Of),
            new("why", "why", row => row.Why));

    /// <summary>What of a call is not known, and what may be wrong with what is.</summary>
    public static Listing Holes(IEnumerable<TargetResponse> targets) => Listing.Of(
        targets.SelectMany(target => target.Holes, (target, hole) => (target.Point, Hole: hole)),
        new("point", "point", row => row.Point.Value),
        new("start", "from", row => row.Hole.Missing.Start),
        new("end", "to", row => row.Hole.Missing.End),
        new("why", "why", row => row.Hole.Why));

    public static Listing Doubts(IEnumerable<TargetResponse> targets) => Listing.Of(
        targets.Where(target => IsDoubtful(target.Doubts)),
        new("point", "point", row => row.Point.Value),
        new("samples", "samples", row => row.Doubts.Samples),
        new("late", "late", row => row.Doubts.Late),
        new("duplicates", "repeated", row => row.Doubts.Duplicates),
        new("conflicts", "conflicting", row => row.Doubts.Conflicts),
        new("missingSequences", "numbers missing", row => row.Doubts.MissingSequences),
        new("clockSeconds", "clock off s", row => EnergyListings.Seconds(row.Doubts.ClockMicroseconds)));

    public static Listing Clocks(IEnumerable<TargetResponse> targets, Instant start) => Listing.Of(
        targets.SelectMany(target => target.Clocks, (target, clock) => (target.Point, Clock: clock)),
        new("point", "point", row => row.Point.Value),
        new("clock", "clock", row => row.Clock.Clock),
        new("source", "reported by", row => row.Clock.Source),
        new("at", null, row => row.Clock.At),
        new("reportedSeconds", "reported s", row => (row.Clock.At - start).ToInt64Nanoseconds() / 1_000_000_000m),
        new("curveSeconds", null, row => Exact(row.Clock.Curve / 1_000_000L)),
        new(null, "by the curve s", row => Shown(row.Clock.Curve / 1_000_000L)),
        new("agreement", "is", row => row.Clock.Agreement),
        new("why", "why", row => row.Clock.Why));

    /// <summary>Calls of a station: what was reported, and what the curves say.</summary>
    public static Listing Calls(IEnumerable<StationResponse> calls) => Listing.Of(calls,
        [
            new("instruction", "instruction", row => row.Call.Order.Instruction),
            new("reportedTenPercentSeconds", "reported 10 % s", row => Seconds(row.Call.Delay)),
            new("reportedNinetyPercentSeconds", "reported 90 % s", row => Seconds(row.Call.NinetyPercentAfter)),
            .. Figures<StationResponse>(row => row.Response, row => row.Why),
            new("clocksCompared", null, row => row.Compared),
            new("clocksContradicted", "contradicted", row => row.Contradicted.Count),
            // What was never reached is seen by what is missing in the row.
            new(null, "why not known", row => row.Response?.Standing == ResponseStanding.Whole ? null : row.Why),
        ]);

    public static Listing Contradicted(IEnumerable<StationResponse> calls) => Listing.Of(
        calls.SelectMany(call => call.Contradicted,
            (call, each) => (call.Call.Order.Instruction, each.Point, each.Clock)),
        new("instruction", "instruction", row => row.Instruction),
        new("point", "point", row => row.Point.Value),
        new("clock", "clock", row => row.Clock.Clock),
        new("source", "reported by", row => row.Clock.Source),
        new("at", null, row => row.Clock.At),
        new("why", "why", row => row.Clock.Why));

    /// <summary>The figures of a response; people read thousandths.</summary>
    private static IEnumerable<Column<TRow>> Figures<TRow>(
        Func<TRow, OrderResponse?> of, Func<TRow, string?>? why = null) =>
    [
        new("standing", "the curve", row => of(row)?.Standing),
        .. Figure("initialKw", null, of, response => response.Initial / 1_000_000L),
        .. Figure("changeKw", null, of, response => response.Change / 1_000_000L),
        .. Figure("tenPercentSeconds", "10 % s", of, response => response.TenPercent / 1_000_000L),
        .. Figure("ninetyPercentSeconds", "90 % s", of, response => response.NinetyPercent / 1_000_000L),
        .. Figure("rampKwPerSecond", "ramp kW/s", of, response => response.Ramp),
        .. Figure("overshootKw", null, of, response => response.Overshoot / 1_000_000L),
        .. Figure("settledSeconds", "settled s", of, response => response.Settled / 1_000_000L),
        .. Figure("sustainedShare", "held", of, response => response.Sustained),
        new("shortfallKwh", null, row => of(row)?.Shortfall),
        .. Figure("widestStepSeconds", "widest step s", of, response => response.WidestStep / 1_000_000L),
        new("knownUntil", null, row => of(row)?.KnownUntil),
        new("why", null, why ?? (row => of(row)?.Why)),
    ];

    private static IEnumerable<Column<TRow>> Figure<TRow>(
        string name, string? title, Func<TRow, OrderResponse?> of, Func<OrderResponse, Fraction?> figure) =>
    [
        new(name, null, row => of(row) is { } response ? Exact(figure(response)) : null),
        .. title is null ? Array.Empty<Column<TRow>>()
            : [new(null, title, row => of(row) is { } response ? Shown(figure(response)) : null)],
    ];

    private static bool IsDoubtful(CurveDoubts doubts) => doubts.Late + doubts.Duplicates + doubts.Conflicts
        + doubts.MissingSequences + doubts.ClockMicroseconds > 0;

    private static decimal? Seconds(Duration? time) => time?.ToInt64Nanoseconds() / 1_000_000_000m;
    private static decimal? Exact(Fraction? figure) => figure?.ToDecimal(Decimals);
    private static decimal? Shown(Fraction? figure) => figure?.ToDecimal(ShownDecimals);
}
