using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>How power followed an order, by the curve: seconds count from the start of the order. What the curve does
/// not tell is null, and <c>why</c> says why.</summary>
/// <param name="InitialKw">The power at the start, positive where it imports.</param>
/// <param name="ChangeKw">What was to be changed, negative for less import or more export.</param>
/// <param name="SettledSeconds">From when on the power stays where the order lets it be, its tolerance
/// included.</param>
/// <param name="SustainedShare">From 90 % to the end, the part of the change that was held.</param>
/// <param name="ShortfallKwh">Ordered and not moved until 90 %, or until the end where that was never reached.</param>
/// <param name="WidestStepSeconds">Inside a step between two samples the curve is taken as straight.</param>
public sealed record OrderResponseAnswer(
    ResponseStanding Standing, decimal? InitialKw, decimal? ChangeKw, decimal? TenPercentSeconds,
    decimal? NinetyPercentSeconds, decimal? RampKwPerSecond, decimal? OvershootKw, decimal? SettledSeconds,
    decimal? SustainedShare, string? ShortfallKwh, decimal? WidestStepSeconds, Instant? KnownUntil, string? Why)
{
    private const int Decimals = 12;

    public static OrderResponseAnswer Of(OrderResponse response) => new(
        response.Standing, Millionths(response.Initial), Millionths(response.Change), Millionths(response.TenPercent),
        Millionths(response.NinetyPercent), response.Ramp?.ToDecimal(Decimals), Millionths(response.Overshoot),
        Millionths(response.Settled), response.Sustained?.ToDecimal(Decimals), response.Shortfall?.ToKwh(),
        Millionths(response.WidestStep), response.KnownUntil, response.Why);

    /// <summary>µs in seconds, mW in kW.</summary>
    internal static decimal? Millionths(Fraction? figure) => (figure / 1_000_000L)?.ToDecimal(Decimals);
}

/// <summary>A stretch of a call of which the power is not known.</summary>
public sealed record CurveHoleAnswer(Instant Start, Instant End, string Why);

/// <summary>A clock that was reported, beside the curve.</summary>
/// <param name="CurveSeconds">The same by the curve, after the start; null where it does not tell.</param>
public sealed record ReportedClockAnswer(
    InstructionClock Clock, Instant At, string Source, decimal? CurveSeconds, ClockAgreement Agreement, string? Why)
{
    public static ReportedClockAnswer Of(ReportedClock clock) => new(
        clock.Clock, clock.At, clock.Source, OrderResponseAnswer.Millionths(clock.Curve), clock.Agreement, clock.Why);
}

/// <summary>How one target followed.</summary>
/// <param name="LevelKw">Where the order wants the power, at most: a cap, or an export as a negative power.</param>
/// <param name="AtIssueKw">The power when the order was issued, where that was before its start and is known.</param>
/// <param name="MissingSeconds">How much of the call is not known.</param>
/// <param name="Samples">Of the records that have some time of the call, as the doubts beside.</param>
/// <param name="ClockSeconds">The most that the sender's clock was off.</param>
/// <param name="Evidence">What those records rest on, by digest.</param>
public sealed record TargetResponseAnswer(
    string Point, string? Station, decimal LevelKw, decimal? AtIssueKw, OrderResponseAnswer Response,
    decimal? MissingSeconds, long Samples, long LateSamples, long DuplicateSamples, long ConflictingSamples,
    long MissingSequences, decimal? ClockSeconds, IReadOnlyList<CurveHoleAnswer> Holes,
    IReadOnlyList<ReportedClockAnswer> Clocks, IReadOnlyList<string> Evidence)
{
    public static TargetResponseAnswer Of(TargetResponse target) => new(
        target.Point.Value, target.Station?.Value, target.Level.Kilowatts,
        OrderResponseAnswer.Millionths(target.AtIssue), OrderResponseAnswer.Of(target.Response),
        target.Missing.ToInt64Nanoseconds() / 1_000_000_000m, target.Doubts.Samples, target.Doubts.Late,
        target.Doubts.Duplicates, target.Doubts.Conflicts, target.Doubts.MissingSequences,
        OrderResponseAnswer.Millionths(target.Doubts.ClockMicroseconds),
        [.. target.Holes.Select(hole => new CurveHoleAnswer(hole.Missing.Start, hole.Missing.End, hole.Why))],
        [.. target.Clocks.Select(ReportedClockAnswer.Of)], [.. target.Evidence.Select(digest => digest.Hex)]);
}

/// <summary>How several targets followed together: the sum of the power of those that had something to
/// change.</summary>
/// <param name="Station">Null for all targets of the call.</param>
/// <param name="Moving">How many had something to change; null where that is not known of all.</param>
public sealed record SummedResponseAnswer(string? Station, int Targets, int? Moving, OrderResponseAnswer Response);

/// <summary>How fast what a call asked for was delivered, by the power curves of its targets.</summary>
/// <param name="End">Of the call, or when it was withdrawn; null where that was before it began.</param>
/// <param name="Sums">Of each station with several targets, and of all; only where the caller reaches all that a sum is
/// of.</param>
public sealed record CallResponseAnswer(
    long? AsOf, string Instruction, InstructionKind Kind, Instant IssuedAt, Instant Start, Instant? End,
    decimal ToleranceKw, IReadOnlyList<TargetResponseAnswer> Targets, IReadOnlyList<SummedResponseAnswer> Sums)
{
    public static CallResponseAnswer Of(CallResponse found, long? asOf) => new(
        asOf, found.Order.Instruction.Value, found.Order.Kind, found.Order.IssuedAt, found.Order.Period.Start,
        found.Call?.End, found.Order.Tolerance.Kilowatts, [.. found.Targets.Select(TargetResponseAnswer.Of)],
        [.. found.Sums.Select(sum => new SummedResponseAnswer(
            sum.Station?.Value, sum.Targets, sum.Moving, OrderResponseAnswer.Of(sum.Response)))]);
}

/// <summary>The response to a call: told to who sees the call and reaches the curves.</summary>
internal static class ResponseReads
{
    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/call-responses", async (HttpContext context) =>
        {
            var instruction = Asking.Required<InstructionId>(context.Request, "instruction",
                InstructionId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var only = Asking.Optional<SettlementPointId>(context.Request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var seen = answers.Instruction(instruction)?.Targets.Select(target => target.Point)
                .ToHashSet(StringComparer.Ordinal) ?? [];
            var curves = new CallCurves(ledger.Journal, ledger.Samples(), position)
            { SamplesLeft = CallCurves.SamplesAtOnce };
            try
            {
                return await curves.ResponseAsync(instruction, point => seen.Contains(point.Value)
                        && answers.Reaches(point) && (only ?? point) == point, context.RequestAborted)
                        .ConfigureAwait(false) is { } found
                    ? Answering.Read(CallResponseAnswer.Of(found, position), position)
                    : throw new ProblemException(404, Rejection.UnknownInstruction,
                        $"there is no instruction {instruction}, or none of its targets whose curve is yours");
            }
            catch (TooManySamplesException)
            {
                throw new ProblemException(422, Rejection.TooLarge, string.Create(CultureInfo.InvariantCulture,
                    $"the curves of the call have more than {CallCurves.SamplesAtOnce} samples: name one target with point"));
            }
        }).Reads("call-responses",
            "How fast what an instruction asked for was delivered, by the power curves of its targets and not by what was "
            + "reported of them; each beside the other.", "instruction", "point? (one target alone)")
            .RequireRateLimiting(Protection.HeavyRequests).Refuses(404, 422);
}
