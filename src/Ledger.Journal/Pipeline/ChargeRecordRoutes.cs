using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Charge records. A record and its credit share a stream, that of the charge; which of a record's names for its place
/// is a registered point, whose it was when the charge began, and where the charge is known already, is read first.
/// </summary>
internal static class ChargeRecordRoutes
{
    public static CommandRoutes AddChargeRecords(this CommandRoutes routes) => routes
        .Add<ChargeRecordInput>(Scopes.ChargesWrite, async (recorder, c, now, ct) =>
        {
            var place = await PlaceAsync(recorder, c.Input.Places, c.Input.Record.Start, ct).ConfigureAwait(false);
            var (stream, owner) = place is null
                ? (Streams.ChargeRecord(c.Input.Record.Operator, Charge(c.Input.Record)), (PartyId?)null)
                : await StreamAsync(recorder, c.Input.Record, place, ct).ConfigureAwait(false);
            return await recorder.RecordAsync(stream, ChargeRecordState.Empty, ChargeRecords.Evolve,
                state => ChargeRecords.Decide(state, c.Input, place?.Point, now, owner), c.By, ct, c.Raw)
                    .ConfigureAwait(false);
        });

    /// <summary>The point at which a charge is, whose it was when it began, and who else owned it by any version of it
    /// that was ever recorded.</summary>
    private sealed record Place(SettlementPointId Point, PartyId Owner, IReadOnlyList<PartyId> Others);

    private static ChargeRecordId Charge(ChargeRecorded record) => record.Credits ?? record.Record;

    private static async Task<Place?> PlaceAsync(
        Recorder recorder, IReadOnlyList<SettlementPointId> places, Instant at, CancellationToken ct)
    {
        foreach (var named in places)
        {
            var (state, _) = await recorder.LoadAsync(Streams.Point(named), SettlementPointState.Empty,
                SettlementPoint.Evolve, ct).ConfigureAwait(false);
            if (state.HolderAt(at) is { Owner: var owner })
                return new(named, owner, [.. state.Recorded.Select(version => version.Registered.Owner).Distinct()
                    .Where(other => other != owner)]);
        }
        return null;
    }

    /// <summary>Where a charge is known, in whatever case it was written, there it goes on: in the name of whose its
    /// point is, without any, as when numbers were not apart by owner, or in the name of whom the point was said to be
    /// when it was recorded. A new one is in the name of whose its point is.</summary>
    private static async Task<(string Stream, PartyId? Owner)> StreamAsync(
        Recorder recorder, ChargeRecorded record, Place place, CancellationToken ct)
    {
        var names = Names(ChargeRecords.Issuer(record.Operator), record.Operator, Charge(record));
        foreach (var (issuer, number) in names)
            if (Streams.ChargeRecord(place.Owner, issuer, number) is var own
                && await KnownAsync(recorder, own, number, ct).ConfigureAwait(false) is not null)
                return (own, place.Owner);
        foreach (var (issuer, number) in names)
            if (Streams.ChargeRecord(issuer, number) is var before
                && await KnownAsync(recorder, before, number, ct).ConfigureAwait(false) is { } known
                && await PlaceAsync(recorder, [known.Point], known.Start, ct).ConfigureAwait(false) is { Owner: var of }
                && of == place.Owner) return (before, null);
        foreach (var other in place.Others)
            foreach (var (issuer, number) in names)
                if (Streams.ChargeRecord(other, issuer, number) is var former
                    && await KnownAsync(recorder, former, number, ct).ConfigureAwait(false) is { } known
                    && known.Point == place.Point && known.Start == record.Start) return (former, other);
        return (Streams.ChargeRecord(place.Owner, names[0].Issuer, names[0].Number), place.Owner);
    }

    /// <summary>A charge's issuer and number as they may have been written: as new ones are, as this one is, and in
    /// small letters.</summary>
    private static List<(PartyId Issuer, ChargeRecordId Number)> Names(
        PartyId now, PartyId written, ChargeRecordId charge) =>
        [.. from issuer in new[] { now.Value, written.Value, written.Value.ToLowerInvariant() }.Distinct()
            from number in new[] { charge.Value.ToUpperInvariant(), charge.Value, charge.Value.ToLowerInvariant() }
                .Distinct()
            select (new PartyId(issuer), new ChargeRecordId(number))];

    private static async Task<ChargeRecorded?> KnownAsync(
        Recorder recorder, string stream, ChargeRecordId charge, CancellationToken ct) =>
        (await recorder.LoadAsync(stream, ChargeRecordState.Empty, ChargeRecords.Evolve, ct).ConfigureAwait(false))
            .State.Known.GetValueOrDefault(charge);
}
