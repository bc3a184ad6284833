using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Programmes, enrolments and claims. An enrolment is judged with the point's master data and the programme's terms, a
/// claim with the terms and the point's enrolments, an order that takes offers with both: these streams are read first.
/// They may grow while the fact is appended to its own; what was known when it was judged stands in the fact. Claims
/// of points on a way alone wait for each other: what one holds is in a stream that the other does not guard.
/// </summary>
internal static class ProgrammeRoutes
{
    public static CommandRoutes AddProgrammes(this CommandRoutes routes) => routes
        .Add<ProgrammePublished>(Scopes.ProgrammesWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Programme(c.Input.Programme), ProgrammeState.Empty, Programmes.Evolve,
            state =>
                Programmes.Decide(state, c.Input, new EvidenceKey($"programme/{c.Input.Programme}/{c.Input.Version}")),
            c.By, ct, c.Raw))
        .Add<PointEnrolled>(Scopes.EnrolmentsWrite, async (recorder, c, _, ct) =>
        {
            var (point, _) = await recorder.LoadAsync(
                Streams.Point(c.Input.Point), SettlementPointState.Empty, SettlementPoint.Evolve, ct)
                    .ConfigureAwait(false);
            var programme = await ProgrammeAsync(recorder, c.Input.Programme, ct).ConfigureAwait(false);
            return await EnrolmentAsync(recorder, c, c.Input.Point, state => Enrolments.Decide(
                state, point, programme, c.Input, Key(c.Input.Point, $"{c.Input.Programme}/{Ticks(c.Input.From)}")), ct)
                    .ConfigureAwait(false);
        })
        .Add<EnrolmentEnded>(Scopes.EnrolmentsWrite, (recorder, c, _, ct) => EnrolmentAsync(
            recorder, c, c.Input.Point, state => Enrolments.Decide(
                state, c.Input, Key(c.Input.Point, $"{c.Input.Programme}/ended/{Ticks(c.Input.At)}")), ct))
        .Add<AvailabilityDeclared>(Scopes.AvailabilityWrite, (recorder, c, now, ct) => EnrolmentAsync(
            recorder, c, c.Input.Point, state => Enrolments.Decide(state, c.Input, now, Key(c.Input.Point,
                $"{c.Input.Programme}/available/{Ticks(c.Input.Period.Start)}/{Ticks(c.Input.Period.End)}/{Ticks(c.Input.DeclaredAt)}")), ct))
        .Add<DeliveryClaim>(Scopes.AvailabilityWrite, async (recorder, c, now, ct) =>
        {
            var onItsWay = await OnItsWayAsync(recorder, c.Input, ct).ConfigureAwait(false);
            return onItsWay.Count == 0 ? await ClaimAsync(recorder, c, onItsWay, now, ct).ConfigureAwait(false)
                : await recorder.InTurnAsync(() => ClaimAsync(recorder, c, onItsWay, now, ct), ct)
                    .ConfigureAwait(false);
        });

    private static async Task<RecordOutcome> ClaimAsync(Recorder recorder, Command<DeliveryClaim> c,
        IReadOnlyList<SettlementPointId> onItsWay, Instant now, CancellationToken ct)
    {
        var programme = await ProgrammeAsync(recorder, c.Input.Programme, ct).ConfigureAwait(false);
        var (enrolment, _) = await recorder.LoadAsync(
            Streams.Enrolment(c.Input.Point), EnrolmentState.Empty, Enrolments.Evolve, ct).ConfigureAwait(false);
        var held = new List<HeldStretch>();
        foreach (var point in onItsWay)
            held.AddRange(DeliveryClaims.Holding((await recorder.LoadAsync(Streams.Claims(point), ClaimsState.Empty,
                DeliveryClaims.Evolve, ct).ConfigureAwait(false)).State, c.Input.Direction, c.Input.Period));
        return await recorder.RecordAsync(
            Streams.Claims(c.Input.Point), ClaimsState.Empty, DeliveryClaims.Evolve,
            state => DeliveryClaims.Decide(state, programme, enrolment, c.Input, now, held), c.By, ct, c.Raw)
                .ConfigureAwait(false);
    }

    /// <summary>The points that are said to lie before the claim's or behind it. That a point of which nothing is said
    /// lies behind its station's connection, no stream tells.</summary>
    private static async Task<IReadOnlyList<SettlementPointId>> OnItsWayAsync(
        Recorder recorder, DeliveryClaim claim, CancellationToken ct) =>
        [.. (await recorder.LoadAsync(Streams.StationTree, StationTreeState.Empty, StationTree.Evolve, ct)
            .ConfigureAwait(false)).State.OnOneWayWith(claim.Point, claim.Period.Start)];

    /// <summary>What an order that takes offers is judged with; null where it takes none.</summary>
    public static async Task<KnownOffers?> OffersAsync(
        Recorder recorder, DispatchInstructed order, CancellationToken ct)
    {
        if (order is not { Activation: { } activation, Programme: { } programme }) return null;
        var enrolments = new Dictionary<SettlementPointId, EnrolmentState>();
        foreach (var offer in activation.Offers)
            enrolments[offer.Point] = (await recorder.LoadAsync(
                Streams.Enrolment(offer.Point), EnrolmentState.Empty, Enrolments.Evolve, ct).ConfigureAwait(false))
                    .State;
        return new(await ProgrammeAsync(recorder, programme, ct).ConfigureAwait(false), enrolments);
    }

    private static async Task<ProgrammeState> ProgrammeAsync(Recorder recorder, ProgrammeId programme,
        CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Programme(programme), ProgrammeState.Empty, Programmes.Evolve, ct)
            .ConfigureAwait(false)).State;

    private static Task<RecordOutcome> EnrolmentAsync<TInput>(
        Recorder recorder, Command<TInput> c, SettlementPointId point, Func<EnrolmentState, Decision> decide,
        CancellationToken ct)
        where TInput : notnull =>
        recorder.RecordAsync(Streams.Enrolment(point), EnrolmentState.Empty, Enrolments.Evolve, decide, c.By, ct,
            c.Raw);

    // A key tells two declarations of one second apart.
    private static long Ticks(Instant at) => at.ToUnixTimeTicks();

    private static EvidenceKey Key(SettlementPointId point, string what) => new($"enrolment/{point}/{what}");
}
