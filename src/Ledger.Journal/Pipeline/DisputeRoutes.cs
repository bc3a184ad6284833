using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Disputes. They are judged with the runs of the disputed run's account and day and with the evidence that is kept,
/// which are read first; what is known of both only grows.
/// </summary>
internal static class DisputeRoutes
{
    public static CommandRoutes AddDisputes(this CommandRoutes routes) => routes
        .Add<DisputeOpened>(Scopes.DisputesWrite, async (recorder, c, now, ct) =>
        {
            var day = await DayAsync(recorder, c.Input, ct).ConfigureAwait(false);
            return await DisputeAsync(recorder, c, c.Input.Dispute, state =>
                Disputes.Decide(state, day, c.Input, recorder.Unknown(c.Input.Evidence), now), ct)
                .ConfigureAwait(false);
        })
        .Add<DisputeAnswered>(Scopes.DisputesWrite, (recorder, c, now, ct) =>
            DisputeAsync(recorder, c, c.Input.Dispute, state =>
                Disputes.Decide(state, c.Input, recorder.Unknown(c.Input.Evidence), now), ct))
        .Add<DisputeClosed>(Scopes.DisputesWrite, async (recorder, c, now, ct) =>
        {
            var (known, _) = await recorder.LoadAsync(Streams.Dispute(c.Input.Dispute), DisputeState.Empty,
                Disputes.Evolve, ct).ConfigureAwait(false);
            var day = known.Opened is { } opened
                ? await DayAsync(recorder, opened, ct).ConfigureAwait(false) : SettlementState.Empty;
            return await DisputeAsync(recorder, c, c.Input.Dispute, state =>
                Disputes.Decide(state, day, c.Input, now), ct).ConfigureAwait(false);
        });

    private static async Task<SettlementState> DayAsync(
        Recorder recorder, DisputeOpened dispute, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Settlement(dispute.Account, dispute.Day), SettlementState.Empty,
            Settlement.Evolve, ct).ConfigureAwait(false)).State;

    private static Task<RecordOutcome> DisputeAsync<TInput>(Recorder recorder, Command<TInput> c, DisputeId dispute,
        Func<DisputeState, Decision> decide, CancellationToken ct) where TInput : notnull =>
        recorder.RecordAsync(Streams.Dispute(dispute), DisputeState.Empty, Disputes.Evolve, decide, c.By, ct, c.Raw);
}
