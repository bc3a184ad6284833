using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Somebody may ask with this key until it expires. The ledger keeps the hash of its secret and never the secret: 256
/// random bits cannot be guessed from a hash, however fast the hash is, so a plain SHA-256 is right here, where for a
/// password that a person chose it would be wrong.
/// </summary>
/// <param name="Secret">SHA-256 of the secret's 64 lower-case hex digits, as ASCII.</param>
/// <param name="Holder">Who answers for what is done with it: an identifier of staff, or of a device.</param>
/// <param name="Party">For whom the holder acts.</param>
/// <param name="Stations">What it is limited to; none: what the role reaches.</param>
/// <param name="Expires">From then on it is refused.</param>
public sealed record AccessKeyIssued(
    AccessKeyId Key, EvidenceDigest Secret, string Holder, Role Role, PartyId Party,
    IReadOnlyList<StationId> Stations, Instant Expires) : LedgerEvent;

/// <summary>The key is refused from now on, whatever it said.</summary>
public sealed record AccessKeyRevoked(AccessKeyId Key, string Reason) : LedgerEvent;

/// <summary>A key that was issued, and why it was revoked; null while it was not.</summary>
public sealed record KnownKey(AccessKeyIssued Issued, string? Revoked);

/// <summary>Every key that was ever issued.</summary>
public sealed record AccessKeysState(ImmutableSortedDictionary<AccessKeyId, KnownKey> Known)
{
    public static readonly AccessKeysState Empty = new(ImmutableSortedDictionary<AccessKeyId, KnownKey>.Empty);
}

/// <summary>When access is given and taken.</summary>
public static class AccessKeys
{
    /// <summary>The longest life of a key: a year and a month, so that a yearly renewal may be late.</summary>
    public static readonly Duration LifeMax = Duration.FromDays(400);

    /// <summary>Stations of one key; an area with more is given without a limit, or with several keys.</summary>
    public const int StationsMax = 1000;

    /// <summary>Guards in order of their codes: life, name taken, stations.</summary>
    public static Decision Decide(AccessKeysState state, AccessKeyIssued key, Instant now)
    {
        if (state.Known.TryGetValue(key.Key, out var known) && IsSame(known.Issued, key))
            return new Decision.AlreadyRecorded();
        if (key.Expires <= now || key.Expires - now > LifeMax)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"expires at {key.Expires}: must be within {LifeMax.Days} days from now");
        if (known is not null)
            return new Decision.Rejected(Rejection.AlreadyRegistered, $"there was a key {key.Key} before");
        if (state.Known.Values.Any(other => other.Issued.Secret == key.Secret))
            return new Decision.Rejected(Rejection.AlreadyRegistered, "another key has the same secret");
        if (StationsOf(key.Role) is var (least, most) && (key.Stations.Count < least || key.Stations.Count > most))
            return new Decision.Rejected(Rejection.WrongCount, $"a key of this role names {least} to {most} stations");
        return new Decision.Accepted(NewFact.At(key, now, new EvidenceKey($"access-key/{key.Key}")));
    }

    public static Decision Decide(AccessKeysState state, AccessKeyRevoked revoked, Instant now) =>
        !state.Known.TryGetValue(revoked.Key, out var known)
            ? new Decision.Rejected(Rejection.UnknownAccessKey, $"there is no key {revoked.Key}")
        : known.Revoked is not null ? new Decision.AlreadyRecorded()
        : new Decision.Accepted(NewFact.At(revoked, now, new EvidenceKey($"access-key/{revoked.Key}/revoked")));

    public static AccessKeysState Evolve(AccessKeysState state, LedgerEvent happened) => happened switch
    {
        AccessKeyIssued e => new(state.Known.SetItem(e.Key, new(e, null))),
        AccessKeyRevoked e when state.Known.TryGetValue(e.Key, out var known) =>
            new(state.Known.SetItem(e.Key, known with { Revoked = e.Reason })),
        _ => state,
    };

    /// <summary>A station's key is of one; who audits or administers is not limited to any.</summary>
    private static (int Least, int Most) StationsOf(Role role) => role switch
    {
        Role.Station => (1, 1),
        Role.Auditor or Role.Administrator => (0, 0),
        _ => (0, StationsMax),
    };

    private static bool IsSame(AccessKeyIssued known, AccessKeyIssued key) =>
        known with { Stations = [] } == key with { Stations = [] } && known.Stations.SequenceEqual(key.Stations);
}
