using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api;

/// <summary>How a run is published and a month closed: what they rest on is calculated again from the journal, then
/// decided and recorded like any fact.</summary>
public static class Publishing
{
    public static CommandRoutes AddTo(CommandRoutes routes, OpenLedger ledger) => routes
        .Add<PublishRun>(Scopes.SettlementPublish, (recorder, command, now, ct) =>
            PublishAsync(ledger, recorder, command, now, ct))
        .Add<CloseMonth>(Scopes.SettlementPublish, (recorder, command, now, ct) => ledger.Turns.AloneAsync(
            command.Input.Account, () => CloseAsync(ledger, recorder, command, now, ct), ct));

    private static async Task<RecordOutcome> PublishAsync(
        OpenLedger ledger, Recorder recorder, Command<PublishRun> command, Instant now, CancellationToken ct)
    {
        var asked = command.Input;
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        if (await Publications.DraftAsync(ledger.Journal, ledger.Views, asked.Run, asked.Account, asked.Day,
            asked.By, ct)
            .ConfigureAwait(false) is not { } draft)
            return await recorder.RefuseAsync(Rejection.UnknownRun,
                $"{asked.Run} is no run of {asked.Account} on {RowJson.Day(asked.Day)}", command.Raw, command.By, ct)
                .ConfigureAwait(false);
        return await recorder.RecordAsync(Streams.Settlement(asked.Account, asked.Day), SettlementState.Empty,
            Settlement.Evolve, state => Publication.Decide(state, draft.Publication, draft.Differs, now),
            command.By with { Actor = asked.By }, ct, command.Raw).ConfigureAwait(false);
    }

    private static async Task<RecordOutcome> CloseAsync(
        OpenLedger ledger, Recorder recorder, Command<CloseMonth> command, Instant now, CancellationToken ct)
    {
        var asked = command.Input;
        var known = await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        var days = new List<MonthDay>();
        for (var day = asked.Month; day.Month == asked.Month.Month; day = day.PlusDays(1))
        {
            var (state, _) = await recorder.LoadAsync(Streams.Settlement(asked.Account, day), SettlementState.Empty,
                Settlement.Evolve, ct).ConfigureAwait(false);
            var run = state.Holding;
            days.Add(new(day, run is not null || await Settlements.HasAnythingAsync(
                    ledger.Journal, ledger.Views, asked.Account, day, known, ct).ConfigureAwait(false),
                run, state.Published.Any(published => published.Run == run?.Run),
                state.Deltas.Where(deltas => deltas.Corrects == run?.Run).Sum(deltas => deltas.Total)));
        }
        return await recorder.RecordAsync(Streams.SettlementMonth(asked.Account, asked.Month), MonthCloseState.Empty,
            MonthClose.Evolve, state => MonthClose.Decide(state, asked.Account, asked.Month, asked.By, days, now),
            command.By with { Actor = asked.By }, ct, command.Raw).ConfigureAwait(false);
    }
}
