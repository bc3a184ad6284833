using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Charge records. A record and its credit share a stream, that of the charge; which of a record's names for its place
/// is a registered point, and whose it was when the charge began, is read first.
/// </summary>
internal static class ChargeRecordRoutes
{
    public static CommandRoutes AddChargeRecords(this CommandRoutes routes) => routes
        .Add<ChargeRecordInput>(Scopes.ChargesWrite, async (recorder, c, now, ct) =>
        {
            var record = c.Input.Record;
            var charge = record.Credits ?? record.Record;
            var (place, owner) = (await PlaceAsync(recorder, c.Input.Places, record.Start, ct).ConfigureAwait(false))
                ?? (null, null);
            // A charge that was recorded when numbers were not apart by owner goes on where it is, with its credit.
            if (owner is { } of && await IsOfBeforeAsync(recorder, record.Operator, charge, of, ct)
                .ConfigureAwait(false)) owner = null;
            return await recorder.RecordAsync(
                owner is { } own ? Streams.ChargeRecord(own, record.Operator, charge)
                    : Streams.ChargeRecord(record.Operator, charge), ChargeRecordState.Empty, ChargeRecords.Evolve,
                state => ChargeRecords.Decide(state, c.Input, place, now, owner), c.By, ct, c.Raw)
                    .ConfigureAwait(false);
        });

    private static async Task<(SettlementPointId? Place, PartyId? Owner)?> PlaceAsync(
        Recorder recorder, IReadOnlyList<SettlementPointId> places, Instant at, CancellationToken ct)
    {
        foreach (var named in places)
            if ((await recorder.LoadAsync(Streams.Point(named), SettlementPointState.Empty, SettlementPoint.Evolve, ct)
                .ConfigureAwait(false)).State.HolderAt(at) is { Owner: var owner }) return (named, owner);
        return null;
    }

    private static async Task<bool> IsOfBeforeAsync(
        Recorder recorder, PartyId issuer, ChargeRecordId charge, PartyId owner, CancellationToken ct)
    {
        var (state, _) = await recorder.LoadAsync(Streams.ChargeRecord(issuer, charge), ChargeRecordState.Empty,
            ChargeRecords.Evolve, ct).ConfigureAwait(false);
        return state.Known.TryGetValue(charge, out var known)
            && await PlaceAsync(recorder, [known.Point], known.Start, ct).ConfigureAwait(false) is (_, { } of)
            && of == owner;
    }
}
