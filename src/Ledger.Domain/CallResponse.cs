using NodaTime;

namespace Ledger.Domain;

/// <summary>How one target followed, by its curve, and what was reported of it.</summary>
/// <param name="Level">Where the order wants the power: at most this, import positive.</param>
/// <param name="AtIssue">The power when the order was issued, where that was before its start and is known: whoever
/// moved in between is where the order wants him when it starts.</param>
/// <param name="Missing">How much of the call is not known, and where.</param>
public sealed record TargetResponse(
    SettlementPointId Point, StationId? Station, Power Level, Fraction? AtIssue, OrderResponse Response,
    Duration Missing, IReadOnlyList<CurveHole> Holes, CurveDoubts Doubts, IReadOnlyList<ReportedClock> Clocks,
    IReadOnlyList<EvidenceDigest> Evidence);

/// <summary>How several targets followed together.</summary>
/// <param name="Station">Null for all targets of the call.</param>
/// <param name="Moving">How many of them had something to change; null where that is not known of all.</param>
public sealed record SummedResponse(StationId? Station, int Targets, int? Moving, OrderResponse Response);

/// <summary>What of a call's power is known at one target.</summary>
public sealed record TargetCurve(SettlementPointId Point, StationId? Station, KnownCurve Curve);

/// <summary>
/// How fast what a call asked for was delivered, by the power curves of its targets. It counts from the start of the
/// order's period, because until then nothing is owed; <paramref name="Call"/> ends with the period or the withdrawal.
/// </summary>
/// <param name="Call">Null where it was withdrawn before it began.</param>
/// <param name="Sums">Of each station and of the whole call, where all that are of it are asked about.</param>
public sealed record CallResponse(
    DispatchInstructed Order, Interval? Call, IReadOnlyList<TargetResponse> Targets,
    IReadOnlyList<SummedResponse> Sums)
{
    /// <summary>The time in which an order holds; null where it is withdrawn before it begins.</summary>
    public static Interval? TimeOf(DispatchInstructed order, Instant? withdrawnAt) =>
        Instant.Min(withdrawnAt ?? order.Period.End, order.Period.End) is var end && end > order.Period.Start
            ? new(order.Period.Start, end) : null;

    /// <param name="curves">Of the targets that are asked about: a sum is told where all of it are.</param>
    public static CallResponse Of(DispatchState state, IReadOnlyList<TargetCurve> curves,
        IReadOnlyDictionary<SettlementPointId, StationId?> stations)
    {
        var order = state.Instructed ?? throw new ArgumentException("nothing is instructed", nameof(state));
        if (TimeOf(order, state.Withdrawn?.At) is not { } call)
            return new(order, null, [.. curves.Select(curve => Withdrawn(order, curve))], []);
        var targets = curves.Select(curve => (Curve: curve, Told: TargetOf(state, curve, call)))
            .OrderBy(target => target.Told.Point).ToList();
        SummedResponse Sum(StationId? station, List<(TargetCurve Curve, TargetResponse Told)> of)
        {
            var response = of is [var only] ? only.Told.Response : OrderResponse.OfAll(
                of.ConvertAll(one => (one.Told.Point.Value, one.Curve.Curve, one.Told.Response)), call,
                order.Tolerance);
            return new(station, of.Count, response.Standing == ResponseStanding.Unknown ? null
                : of.Count(one => one.Told.Response.Standing != ResponseStanding.NothingOrdered), response);
        }
        var byStation = targets.GroupBy(target => target.Told.Station).Where(group => group.Key is not null)
            .OrderBy(group => group.Key!.Value).Select(group => (Station: group.Key, Of: group.ToList()))
            .Where(group => group.Of.Count == order.Targets.Count(target => stations[target.Point] == group.Station))
            .Select(group => Sum(group.Station, group.Of));
        return new(order, call, [.. targets.Select(target => target.Told)],
            [.. byStation, .. targets.Count == order.Targets.Count ? [Sum(null, targets)] : (SummedResponse[])[]]);
    }

    private static TargetResponse TargetOf(DispatchState state, TargetCurve curve, Interval call)
    {
        var order = state.Instructed!;
        var response = OrderResponse.Of(curve.Curve, call, LevelOf(order, curve.Point), order.Tolerance);
        var holes = curve.Curve.Holes(call);
        var doubts = curve.Curve.Doubts(call);
        return new(curve.Point, curve.Station, LevelOf(order, curve.Point),
            order.IssuedAt < call.Start ? curve.Curve.PowerAt(order.IssuedAt) : null, response,
            Stretches.Length(holes.Select(hole => hole.Missing)), holes, doubts,
            ReportedClock.Of(state.Clocks.Where(clock => clock.Point == curve.Point), response,
                curve.Curve.At(call.Start), call.Start, doubts.ClockMicroseconds), curve.Curve.Evidence(call));
    }

    private static TargetResponse Withdrawn(DispatchInstructed order, TargetCurve curve) => new(
        curve.Point, curve.Station, LevelOf(order, curve.Point), null,
        OrderResponse.Unknown("withdrawn before it began"), Duration.Zero, [], CurveDoubts.None, [], []);

    private static Power LevelOf(DispatchInstructed order, SettlementPointId point)
    {
        var quantity = order.Targets.First(target => target.Point == point).Quantity;
        return order.Kind == InstructionKind.Export ? -quantity : quantity;
    }
}
