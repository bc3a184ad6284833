using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Charge records. A record and its credit share a stream, that of the charge; which of a record's names for its place
/// is a registered point is read first.
/// </summary>
internal static class ChargeRecordRoutes
{
    public static CommandRoutes AddChargeRecords(this CommandRoutes routes) => routes
        .Add<ChargeRecordInput>(Scopes.ChargesWrite, async (recorder, c, now, ct) =>
        {
            var (record, place) = (c.Input.Record, (SettlementPointId?)null);
            foreach (var named in c.Input.Places)
            {
                var (point, _) = await recorder.LoadAsync(
                    Streams.Point(named), SettlementPointState.Empty, SettlementPoint.Evolve, ct).ConfigureAwait(false);
                if (point.Latest is null) continue;
                place = named;
                break;
            }
            return await recorder.RecordAsync(
                Streams.ChargeRecord(record.Operator, record.Credits ?? record.Record), ChargeRecordState.Empty,
                ChargeRecords.Evolve, state => ChargeRecords.Decide(state, c.Input, place, now), c.By, ct, c.Raw)
                    .ConfigureAwait(false);
        });
}
