using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>How many targets of a call have a verdict.</summary>
public sealed record VerdictCount(ComplianceVerdict Verdict, int Targets);

/// <summary>What a test dispatch must show, and whether it did.</summary>
public sealed record StationTestAnswer(int MustDeliverPermille, decimal MustReachNinetySeconds, TestOutcome Outcome);

/// <summary>An instruction as one call of a station: its targets there taken together.</summary>
/// <param name="Connected">Targets at which a vehicle was connected when it began; null where that is not known of
/// all.</param>
/// <param name="DeliveredKwh">Of a call for export; null of a cap.</param>
/// <param name="ExcessKwh">Of a cap; null of a call for export.</param>
/// <param name="DelaySeconds">From the start of the order to 10 % of it at the last target; null where a clock is
/// missing.</param>
/// <param name="WhyNoSample">Why it says nothing of what the station delivers; null where it does.</param>
/// <param name="Test">Null of a real call.</param>
public sealed record StationCallAnswer(
    string Instruction, InstructionKind Kind, string IssuedBy, string? Programme, Instant Start, Instant End,
    Instant? WithdrawnAt, int? Connected, int Targets, string OrderedKwh, string? DeliveredKwh, string? ExcessKwh,
    decimal? DelaySeconds, decimal? NinetyPercentSeconds, IReadOnlyList<VerdictCount> Verdicts, string? WhyNoSample,
    StationTestAnswer? Test)
{
    public static StationCallAnswer Of(StationCall call) => new(
        call.Order.Instruction, call.Order.Kind, call.Order.IssuedBy, call.Order.Programme, call.Order.Start,
        call.Order.End, call.Order.WithdrawnAt, call.Connected, call.Targets.Count, call.Ordered.ToKwh(),
        call.Order.Kind == InstructionKind.Export ? call.Delivered.ToKwh() : null,
        call.Order.Kind == InstructionKind.Curtail ? call.Excess.ToKwh() : null,
        Seconds(call.Delay), Seconds(call.NinetyPercentAfter),
        [.. call.Targets.GroupBy(target => target.Verdict).OrderBy(group => group.Key)
            .Select(group => new VerdictCount(group.Key, group.Count()))],
        call.WhyNot, call.Order.Test is { } rule && call.Test is { } outcome
            ? new(rule.DeliveredPermilleMin, rule.T90MsMax / 1000m, outcome) : null);

    private static decimal? Seconds(Duration? time) => time?.ToInt64Nanoseconds() / 1_000_000_000m;
}

/// <summary>How fast a call was followed: what was reported, and what the power curves of the targets there say.
/// </summary>
/// <param name="ReportedTenPercentSeconds">To 10 % of the order at the last target, by the clocks that were reported;
/// null where one is missing.</param>
/// <param name="Curve">Of the targets there together; null where it was not derived.</param>
/// <param name="ClocksCompared">Reported clocks of which the curve has the figure.</param>
public sealed record StationResponseAnswer(
    string Instruction, decimal? ReportedTenPercentSeconds, decimal? ReportedNinetyPercentSeconds,
    OrderResponseAnswer? Curve, string? WhyNotDerived, int ClocksCompared,
    IReadOnlyList<ContradictedClockAnswer> Contradicted)
{
    public static StationResponseAnswer Of(StationResponse response) => new(
        response.Call.Order.Instruction, Seconds(response.Call.Delay), Seconds(response.Call.NinetyPercentAfter),
        response.Response is { } curve ? OrderResponseAnswer.Of(curve) : null, response.WhyNot, response.Compared,
        [.. response.Contradicted.Select(each => new ContradictedClockAnswer(
            each.Point.Value, each.Clock.Clock, each.Clock.At, each.Clock.Source, each.Clock.Why!))]);

    private static decimal? Seconds(Duration? time) => time?.ToInt64Nanoseconds() / 1_000_000_000m;
}

/// <summary>A clock that was reported and that the power curve contradicts.</summary>
public sealed record ContradictedClockAnswer(
    string Point, InstructionClock Clock, Instant At, string Source, string Why);

/// <summary>What 5 %, 50 % and 95 % of the calls in which a figure is known stayed at or below; null where too few
/// calls support it.</summary>
public sealed record SpreadAnswer(int Calls, decimal? P5, decimal? P50, decimal? P95)
{
    public static SpreadAnswer OfMicroseconds(Spread<long> of) =>
        new(of.Values, of.Fifth / 1_000_000m, of.Median / 1_000_000m, of.NinetyFifth / 1_000_000m);

    public static SpreadAnswer Of(Spread<decimal> of) => new(of.Values, of.Fifth, of.Median, of.NinetyFifth);
}

/// <summary>How much of the evidence of a point is there.</summary>
public sealed record PointEvidenceAnswer(
    string Point, SettlementPointKind Kind, decimal RatedKw, long PeriodsExpected, long PeriodsRecorded,
    long PeriodsFinal, long PeriodsSuspect, long PeriodsMissing, long Readings, long ReadingsSigned)
{
    public static PointEvidenceAnswer Of(PointEvidence point) => new(
        point.Point.Point, point.Point.Kind, new Power(point.Point.RatedMilliwatts).Kilowatts, point.Expected,
        point.Recorded, point.Final, point.Suspect, point.Missing, point.Readings, point.Signed);
}

/// <summary>What a regulator files about a station.</summary>
/// <param name="To">The last day, which is in it.</param>
/// <param name="V2gKw">Of the installed power, that of connectors which also give energy back.</param>
/// <param name="DelaySeconds">By the clocks that were reported, as <paramref name="RampKwPerSecond"/>.</param>
/// <param name="Responses">To each call and test, by the power curves, beside what was reported of it.</param>
public sealed record StationReportAnswer(
    string Station, string From, string To, string Zone, long? AsOf, IReadOnlyList<string> Owners, int Connectors,
    decimal InstalledKw, decimal V2gKw, IReadOnlyList<MasterData.StandardRow> Standards,
    IReadOnlyList<StationCallAnswer> Tests, IReadOnlyList<StationCallAnswer> Calls, SpreadAnswer DelaySeconds,
    SpreadAnswer RampKwPerSecond, int CallsWithoutSample, IReadOnlyList<WindowRow> Windows,
    IReadOnlyList<MasterData.LimitRow> Limits, IReadOnlyList<LimitCompliance.TotalRow> LimitTotals,
    IReadOnlyList<LimitCompliance.PeriodRow> LimitViolations, IReadOnlyList<VerifiedExport.StationRow> Energy,
    IReadOnlyList<PointEvidenceAnswer> Evidence, IReadOnlyList<StationResponseAnswer> Responses)
{
    public static StationReportAnswer Of(
        StationReport report, IReadOnlyList<StationResponse> responses, long? asOf) => new(
        report.Station.Value, RowJson.Day(report.From), RowJson.Day(report.To), report.Zone.Id, asOf, report.Owners,
        report.Connectors.Count, report.Installed.Kilowatts, report.Bidirectional.Kilowatts, report.Standards,
        [.. report.Tests.Select(StationCallAnswer.Of)], [.. report.Calls.Select(StationCallAnswer.Of)],
        SpreadAnswer.OfMicroseconds(report.Windows.All.Delay), SpreadAnswer.Of(report.Windows.All.Ramp),
        report.Windows.NoSample, WindowRow.AllOf(report.Windows), report.Limits, report.LimitTotals,
        report.LimitViolations, report.Energy, [.. report.Evidence.Select(PointEvidenceAnswer.Of)],
        [.. responses.Select(StationResponseAnswer.Of)]);
}

/// <summary>The report of a station over some settlement days, with the figures of <c>ledger report station</c>. As of
/// a position it is the same for ever, so it has no digest of the journal of now: <c>/v1/journal</c> has that.
/// </summary>
internal static class StationReports
{
    /// <summary>A month: who asks waits for it. A longer one is made by the command line.</summary>
    private const int DaysMax = 31;
    private const int FirstYear = 1900, LastYear = 2999; // far from where a calendar ends

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/station-reports", async (HttpContext context) =>
        {
            var request = context.Request;
            var station = Asking.Required<StationId>(request, "station", StationId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (from, to) = DaysOf(request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            if (StationReport.Of(answers, station, from, to, at) is not { } report)
                throw new NotThereException($"there is no station {station}, or not all of it is yours");
            var responses = await StationResponse.OfAsync(report, new CallCurves(
                ledger.Journal, ledger.Samples(), position)
            { SamplesLeft = CallCurves.SamplesAtOnce }, context.RequestAborted).ConfigureAwait(false);
            return Answering.Read(StationReportAnswer.Of(report, responses, position), position);
        }).Reads("station-reports",
            "What a regulator files about a station: what it declares, its tests and calls and what may be promised of it, its "
                + $"limits, verified energy and evidence; of a day, or of up to {DaysMax}.",
            "station", "day?", "from? (with to, in place of day)", "to? (the last day)")
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404);

    private static (LocalDate From, LocalDate To) DaysOf(HttpRequest request)
    {
        var day = Asking.Optional<LocalDate>(request, "day", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        if (day is not null && (request.Query.ContainsKey("from") || request.Query.ContainsKey("to")))
            throw new QueryRefusedException(Rejection.UnknownField, "a report is of a day, or from one to another");
        var from = day ?? Asking.Required<LocalDate>(
            request, "from", Asking.TryDay, Rejection.InvalidTime, $"{Asking.DayRule}, where there is no day");
        var to = day ?? Asking.Required<LocalDate>(
            request, "to", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
        return to < from || Period.DaysBetween(from, to) >= DaysMax || from.Year < FirstYear || to.Year > LastYear
            ? throw new QueryRefusedException(Rejection.IntervalEmpty,
                $"to is the last day: not before from, at most {DaysMax} days, from the year {FirstYear} to {LastYear}")
            : (from, to);
    }
}
