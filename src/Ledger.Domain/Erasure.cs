using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A subject, a person or one charging session of somebody, by a name that says nothing: a keyed hash of the
/// subject's own name, 64 lower-case hex digits. Who does not have the ledger's secret cannot compute it.
/// </summary>
public readonly record struct SubjectPseudonym
{
    public string Hex { get; }
    public SubjectPseudonym(string hex)
    {
        if (hex.Length != 64 || !hex.All(char.IsAsciiHexDigitLower))
            throw new ArgumentException("64 lower-case hex digits", nameof(hex));
        Hex = hex;
    }
    public override string ToString() => Hex;
}

/// <summary>Why a subject is erased; a choice and no text, because a text could name the person again.</summary>
public enum ErasureReason { Requested = 1, RetentionEnded = 2, Unlawful = 3 }

/// <summary>
/// The keys of a subject up to this generation are destroyed, and with them what was sealed under them: the fact comes
/// first, and the destruction follows, at the latest when the ledger is opened again.
/// </summary>
/// <param name="Generation">The newest key that is destroyed; what names the subject later has a newer one.</param>
/// <param name="Evidence">A manifest of the evidence that can no longer be read whole; null where there is
/// none.</param>
public sealed record SubjectErased(
    SubjectPseudonym Subject, int Generation, EvidenceDigest? Evidence, ErasureReason Reason) : LedgerEvent;

/// <summary>What names a subject must be kept until the case is over: erasing it is refused.</summary>
/// <param name="Case">The number of a case, never a name.</param>
public sealed record LegalHoldSet(SubjectPseudonym Subject, string Case) : LedgerEvent;

/// <summary>The case no longer needs what names the subject.</summary>
public sealed record LegalHoldReleased(SubjectPseudonym Subject, string Case) : LedgerEvent;

/// <summary>What is known of one subject.</summary>
/// <param name="ErasedGeneration">Its newest key that was destroyed; 0 where none was.</param>
/// <param name="Cases">Every case that held it, and whether it still does.</param>
/// <param name="Facts">How many facts there are of it, which tells repeated ones apart.</param>
public sealed record SubjectState(int ErasedGeneration, ImmutableSortedDictionary<string, bool> Cases, int Facts)
{
    public static readonly SubjectState Unknown =
        new(0, ImmutableSortedDictionary.Create<string, bool>(StringComparer.Ordinal), 0);

    public IEnumerable<string> OpenCases => Cases.Where(held => held.Value).Select(held => held.Key);
}

/// <summary>All subjects of which there is a fact.</summary>
public sealed record SubjectsState(ImmutableDictionary<SubjectPseudonym, SubjectState> Known)
{
    public static readonly SubjectsState Empty = new(ImmutableDictionary<SubjectPseudonym, SubjectState>.Empty);

    public SubjectState Of(SubjectPseudonym subject) => Known.GetValueOrDefault(subject, SubjectState.Unknown);
}

/// <summary>
/// When a subject may be erased: Regulation (EU) 2016/679, Article 17(1), unless it is held, Article 17(3)(b) and (e).
/// </summary>
public static class Erasure
{
    /// <summary>Guards in order of their codes: unknown, held.</summary>
    /// <param name="generation">The subject's newest key; null where there is none.</param>
    /// <param name="together">Who is named together with it, so that what names them is erased as well.</param>
    /// <param name="evidence">The manifest of what is sealed under its keys; null where nothing is.</param>
    public static Decision Decide(
        SubjectsState state, SubjectPseudonym subject, int? generation, IEnumerable<SubjectPseudonym> together,
        EvidenceDigest? evidence, ErasureReason reason, Instant now)
    {
        var known = state.Of(subject);
        if (generation is not { } newest || newest <= known.ErasedGeneration)
            return known.ErasedGeneration > 0
                ? new Decision.AlreadyRecorded()
                : new Decision.Rejected(Rejection.UnknownSubject, "nothing here is sealed under this subject's name");
        var cases = together.SelectMany(other => state.Of(other).OpenCases).Concat(known.OpenCases)
            .Distinct().Order(StringComparer.Ordinal).ToList();
        return cases.Count > 0
            ? new Decision.Rejected(Rejection.LegalHold, $"held by case {string.Join(", ", cases.Take(8))}")
            : new Decision.Accepted(NewFact.At(
                new SubjectErased(subject, newest, evidence, reason), now, Key(subject, known.Facts)));
    }

    /// <summary>A hold on a subject of which nothing is known yet is good: what comes is held too.</summary>
    public static Decision Decide(SubjectsState state, LegalHoldSet hold, Instant now)
    {
        var known = state.Of(hold.Subject);
        return known.Cases.GetValueOrDefault(hold.Case)
            ? new Decision.AlreadyRecorded()
            : new Decision.Accepted(NewFact.At(hold, now, Key(hold.Subject, known.Facts)));
    }

    public static Decision Decide(SubjectsState state, LegalHoldReleased release, Instant now)
    {
        var known = state.Of(release.Subject);
        if (!known.Cases.TryGetValue(release.Case, out var isHeld))
            return new Decision.Rejected(Rejection.UnknownHold, $"case {release.Case} does not hold this subject");
        return isHeld
            ? new Decision.Accepted(NewFact.At(release, now, Key(release.Subject, known.Facts)))
            : new Decision.AlreadyRecorded();
    }

    public static SubjectsState Evolve(SubjectsState state, LedgerEvent happened) => happened switch
    {
        SubjectErased e => With(state, e.Subject, known =>
            known with { ErasedGeneration = Math.Max(known.ErasedGeneration, e.Generation) }),
        LegalHoldSet e => With(state, e.Subject, known => known with { Cases = known.Cases.SetItem(e.Case, true) }),
        LegalHoldReleased e =>
            With(state, e.Subject, known => known with { Cases = known.Cases.SetItem(e.Case, false) }),
        _ => state,
    };

    private static SubjectsState With(
        SubjectsState state, SubjectPseudonym subject, Func<SubjectState, SubjectState> change)
    {
        var known = state.Of(subject);
        return new(state.Known.SetItem(subject, change(known) with { Facts = known.Facts + 1 }));
    }

    private static EvidenceKey Key(SubjectPseudonym subject, int facts) => new($"subject/{subject}/{facts}");
}
