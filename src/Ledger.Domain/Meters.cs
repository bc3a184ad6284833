using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The accuracy class on a meter's name plate, from an instant on. Which register the meter counts says
/// <see cref="RegisterInstalled"/>; the class belongs to the device and moves with it.
/// </summary>
public sealed record MeterClassDeclared(string MeterSerial, Instant From, string AccuracyClass) : LedgerEvent;

/// <summary>
/// The public key with which a meter signs, from an instant on: a SubjectPublicKeyInfo in lower-case hexadecimal.
/// A value that is signed with another key was not signed by this meter.
/// </summary>
public sealed record MeterKeyRegistered(string MeterSerial, Instant From, string PublicKey) : LedgerEvent;

/// <summary>What was declared of one meter, by the instant from which it holds, and how many facts there are.</summary>
public sealed record MeterState(
    ImmutableSortedDictionary<Instant, MeterClassDeclared> Classes,
    ImmutableSortedDictionary<Instant, MeterKeyRegistered> Keys, int Count)
{
    public static readonly MeterState Empty = new(
        ImmutableSortedDictionary<Instant, MeterClassDeclared>.Empty,
        ImmutableSortedDictionary<Instant, MeterKeyRegistered>.Empty, 0);

    /// <summary>The key with which the meter signs at an instant; null where none was registered for it.</summary>
    public string? KeyAt(Instant at) => Keys.LastOrDefault(key => key.Key <= at).Value?.PublicKey;
}

/// <summary>
/// The rule of what is known of a meter: the same for the same instant is already recorded, anything else is a new fact
/// that replaces what was said for that instant.
/// </summary>
public static class Meters
{
    /// <summary>Longest public key, in hexadecimal digits; one of any curve in use is far shorter.</summary>
    public const int KeyDigitsMax = 512;

    /// <summary>
    /// Largest error of a class near unity power factor, in millionths. IEC 62053-21 and -22 (0.2S to 2), EN 50470-3
    /// (A, B, C).
    /// </summary>
    public static readonly ImmutableSortedDictionary<string, int> ErrorPartsPerMillion = new Dictionary<string, int>
    {
        ["0.2S"] = 2_000,
        ["0.2"] = 2_000,
        ["0.5S"] = 5_000,
        ["0.5"] = 5_000,
        ["1"] = 10_000,
        ["2"] = 20_000,
        ["A"] = 20_000,
        ["B"] = 10_000,
        ["C"] = 5_000,
    }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    /// <summary>The natural key of the n-th fact about a meter, counted from 1.</summary>
    public static EvidenceKey Key(string meterSerial, int ordinal) => new($"meter/{meterSerial}/{ordinal}");

    public static Decision Decide(MeterState state, MeterClassDeclared candidate)
    {
        if (!ErrorPartsPerMillion.ContainsKey(candidate.AccuracyClass))
            return new Decision.Rejected(Rejection.OutOfRange,
                $"'{candidate.AccuracyClass}' is none of the classes {string.Join(", ", ErrorPartsPerMillion.Keys)}");
        return state.Classes.GetValueOrDefault(candidate.From) == candidate
            ? new Decision.AlreadyRecorded()
            : Accept(state, candidate, candidate.MeterSerial, candidate.From);
    }

    public static Decision Decide(MeterState state, MeterKeyRegistered candidate)
    {
        var key = candidate.PublicKey;
        if (key.Length is 0 or > KeyDigitsMax || key.Length % 2 != 0 || !key.All(char.IsAsciiHexDigitLower))
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a public key is whole bytes in lower-case hexadecimal, at most {KeyDigitsMax} digits");
        return state.Keys.GetValueOrDefault(candidate.From) == candidate
            ? new Decision.AlreadyRecorded()
            : Accept(state, candidate, candidate.MeterSerial, candidate.From);
    }

    public static MeterState Evolve(MeterState state, LedgerEvent happened) => happened switch
    {
        MeterClassDeclared declared => state with
        {
            Classes = state.Classes.SetItem(declared.From, declared),
            Count = state.Count + 1,
        },
        MeterKeyRegistered registered => state with
        {
            Keys = state.Keys.SetItem(registered.From, registered),
            Count = state.Count + 1,
        },
        _ => state,
    };

    private static Decision.Accepted Accept(MeterState state, LedgerEvent fact, string meterSerial, Instant from) =>
        new(NewFact.At(fact, from, Key(meterSerial, state.Count + 1)));
}
