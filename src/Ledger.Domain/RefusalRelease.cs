using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A person looked at evidence that was refused and releases it: it may be taken once more, by the rules and the facts
/// of then. The refusal stays as it is.
/// </summary>
/// <param name="Refusal">The position of the refusal that the person looked at.</param>
/// <param name="By">Who answers for it: an identifier, as a number of staff.</param>
public sealed record RefusalReleased(EvidenceDigest Evidence, long Refusal, string By, string Reason) : LedgerEvent;

/// <summary>
/// Released evidence was taken again; what was recorded of it stands beside this fact, what was refused again has its
/// own refusal.
/// </summary>
/// <param name="Refusal">The position of the refusal that was released.</param>
/// <param name="Attempt">1 for the first time.</param>
public sealed record EvidenceRedriven(
    EvidenceDigest Evidence, long Refusal, int Attempt, int Recorded, int AlreadyThere, int Quarantined, int Refused)
    : LedgerEvent;

/// <summary>What is known of one piece of refused evidence.</summary>
public sealed record RefusalState(RefusalReleased? Released, EvidenceRedriven? Latest)
{
    public static readonly RefusalState Empty = new(null, null);

    /// <summary>Whether nothing of it is refused any more; to take it again would only find itself.</summary>
    public bool IsSettled => Latest is { Refused: 0 };
}

/// <summary>
/// Refused evidence counts only after a person has released it and it passes the rules that refused it. A release
/// changes no rule: it says that the world has changed, as when the settlement point was registered since.
/// </summary>
public static class RefusalRelease
{
    /// <summary>One release of a piece of evidence is enough, whoever gives it.</summary>
    /// <param name="refused">The fact at the named position; null where there is no refusal of evidence.</param>
    public static Decision Decide(RefusalState state, RefusalReleased release, EvidenceRefused? refused, Instant now) =>
        refused is null || refused.Evidence != release.Evidence
            ? new Decision.Rejected(Rejection.UnknownEvidence, $"position {release.Refusal} refuses no evidence")
        : state.Released is not null ? new Decision.AlreadyRecorded()
        : new Decision.Accepted(NewFact.At(release, now, new EvidenceKey($"refusal-release/{release.Evidence}")));

    /// <summary>An attempt that came to the same as the one before says nothing new.</summary>
    public static Decision Decide(RefusalState state, EvidenceRedriven again, Instant now)
    {
        if (state.Released is not { } released || released.Refusal != again.Refusal)
            return new Decision.Rejected(Rejection.NotReleased, $"nobody released the evidence {again.Evidence}");
        var latest = state.Latest;
        if (state.IsSettled || (latest is not null && again.Recorded == 0 && again.Quarantined == 0
            && latest.Refused == again.Refused)) return new Decision.AlreadyRecorded();
        var attempt = (latest?.Attempt ?? 0) + 1;
        return new Decision.Accepted(NewFact.At(again with { Attempt = attempt }, now,
            new EvidenceKey($"redriven/{again.Evidence}/{attempt}")));
    }

    public static RefusalState Evolve(RefusalState state, LedgerEvent happened) => happened switch
    {
        RefusalReleased released => state with { Released = released },
        EvidenceRedriven redriven => state with { Latest = redriven },
        _ => state,
    };
}
