using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>Access keys, and who has read what.</summary>
internal static class AccessRoutes
{
    public static CommandRoutes AddAccess(this CommandRoutes routes) => routes
        .Add<AccessKeyIssued>(Scopes.AccessWrite, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.AccessKeys, AccessKeysState.Empty, AccessKeys.Evolve,
            state => AccessKeys.Decide(state, c.Input, now), c.By, ct, c.Raw))
        .Add<AccessKeyRevoked>(Scopes.AccessWrite, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.AccessKeys, AccessKeysState.Empty, AccessKeys.Evolve,
            state => AccessKeys.Decide(state, c.Input, now), c.By, ct, c.Raw))
        .Add<DataRead>(Scopes.AccessWrite, (recorder, c, now, ct) => recorder.AppendAsync(
            Streams.DataReads(c.Input.During.Start.InUtc().Date), [DataReads.Fact(c.Input)], c.By, ct));
}
