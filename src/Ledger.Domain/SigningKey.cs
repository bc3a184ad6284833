using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The public key with which the ledger signs its checkpoints from this fact on, as the text of c2sp.org/signed-note:
/// NAME+KEYID+KEY. The name is the log's origin and stays for ever.
/// </summary>
/// <param name="Handover">
/// A note in which the key before it names this one; null for the first. So whoever trusts the first key trusts all.
/// </param>
public sealed record SigningKeyRegistered(string Key, string? Handover) : LedgerEvent;

/// <summary>The ledger's keys in order; the last one signs.</summary>
public sealed record SigningKeyState(ImmutableList<string> Keys)
{
    public static readonly SigningKeyState Empty = new([]);

    public string? Current => Keys.LastOrDefault();
}

/// <summary>What the shell found out about a candidate's texts,
/// because cryptography is no part of the domain.</summary>
/// <param name="IsKey">The text is a public key of Ed25519.</param>
/// <param name="IsHandedOver">The note names this key, and the current key signed it.</param>
public readonly record struct SigningKeyCheck(bool IsKey, bool IsHandedOver);

/// <summary>
/// The rule of signing keys: the first is believed, each later one is handed over by the one before. A key that was
/// replaced never signs again, because who stole it could go on with it.
/// </summary>
public static class SigningKeys
{
    /// <summary>The natural key of the n-th signing key of the ledger, counted from 1.</summary>
    public static EvidenceKey Key(int ordinal) => new($"signing-key/{ordinal}");

    /// <summary>What a note of handover says, without the signature:
    /// the line that only the current key may sign.</summary>
    public static string HandoverText(string key) => $"the ledger signs from now on with\n{key}\n";

    /// <summary>Guards in order of their codes: form, name, replaced, handed over.</summary>
    public static Decision Decide(SigningKeyState state, SigningKeyRegistered candidate, Instant now,
        SigningKeyCheck check)
    {
        if (!check.IsKey)
            return new Decision.Rejected(Rejection.Malformed, "a signing key is NAME+KEYID+KEY of Ed25519");
        if (state.Current is { } before && NameOf(before) != NameOf(candidate.Key))
            return new Decision.Rejected(Rejection.InvalidIdentifier, $"the log is called {NameOf(before)} for ever");
        if (state.Current == candidate.Key) return new Decision.AlreadyRecorded();
        if (state.Keys.Contains(candidate.Key))
            return new Decision.Rejected(Rejection.AlreadyRegistered, "the key was replaced and never signs again");
        if (state.Current is not null && !check.IsHandedOver)
            return new Decision.Rejected(Rejection.SignatureInvalid,
                "the current key did not sign that this one follows it");
        return new Decision.Accepted(NewFact.At(candidate, now, Key(state.Keys.Count + 1)));
    }

    public static SigningKeyState Evolve(SigningKeyState state, LedgerEvent happened) =>
        happened is SigningKeyRegistered registered ? new(state.Keys.Add(registered.Key)) : state;

    private static string NameOf(string key) => key.Split('+')[0];
}
