using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;

namespace Ledger.Api;

/// <summary>
/// In whose name refused evidence is taken again: its sender's, as far as he reaches now. Whoever releases it has
/// looked at bytes and not at rights, so a refusal must never be a way to what its sender could not have handed in.
/// </summary>
internal static class RefusedSender
{
    /// <summary>What a sender's evidence may become: what was measured, billed and answered. Contracts, keys, access
    /// and what concerns persons are handed in anew.</summary>
    private static readonly HashSet<string> OfSender =
    [
        Scopes.ReadingsWrite, Scopes.CurvesWrite, Scopes.ChargesWrite, Scopes.DispatchAnswer, Scopes.EvidenceWrite,
    ];

    /// <summary>The same of the ledger's own operator: all but keys, access and persons.</summary>
    private static readonly HashSet<string> OfOperator =
    [
        .. Scopes.All.Except([Scopes.AccessWrite, Scopes.KeysWrite, Scopes.MetersWrite, Scopes.SubjectsWrite,
            Scopes.EvidenceDisclose, Scopes.RetentionWrite, Scopes.RefusalsWrite, Scopes.RefusalsRedrive]),
    ];

    /// <param name="refusal">The header of the fact that refused it, which names the sender and his party.</param>
    /// <param name="by">Who takes it again, which nobody does but the ledger's own operator.</param>
    public static async Task<Principal> OfAsync(
        Envelope refusal, Principal by, Recorder recorder, CancellationToken ct)
    {
        var (keys, _) = await recorder.LoadAsync(
            Streams.AccessKeys, AccessKeysState.Empty, AccessKeys.Evolve, ct).ConfigureAwait(false);
        // Which of several keys it came with is not known; the one that names fewest stations reaches least.
        var key = keys.Known.Values.Select(known => known.Issued)
            .Where(issued => issued.Holder == refusal.Actor && issued.Party == refusal.Tenant)
            .MinBy(issued => issued.Stations.Count == 0 ? int.MaxValue : issued.Stations.Count);
        if (key is null && refusal.Tenant == by.Party) return by with { Scopes = OfOperator };
        // Of who came with a token or a certificate the party alone is known.
        var sender = Roles.Principal(
            refusal.Actor, key?.Role ?? Role.ChargingOperator, refusal.Tenant, key?.Stations ?? []);
        return sender with { Scopes = sender.Scopes.Intersect(OfSender).ToHashSet() };
    }
}
