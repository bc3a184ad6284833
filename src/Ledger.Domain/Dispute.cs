using NodaTime;

namespace Ledger.Domain;

/// <summary>How a dispute ended.</summary>
public enum DisputeOutcome { Resolved = 1, Rejected = 2 }

/// <summary>Lines of a settlement run are disputed.</summary>
/// <param name="OpenedBy">The party that disputes them.</param>
/// <param name="Lines">Their numbers in the run; empty where all of it is disputed.</param>
/// <param name="Amount">What is at stake, in the run's currency.</param>
/// <param name="Evidence">Digests of what the party shows, which it has handed in before.</param>
public sealed record DisputeOpened(
    DisputeId Dispute, RunId Run, PartyId Account, LocalDate Day, PartyId OpenedBy, IReadOnlyList<int> Lines,
    decimal Amount, string Reason, IReadOnlyList<EvidenceDigest> Evidence) : LedgerEvent;

/// <summary>A dispute is answered, with or without evidence; it stays open.</summary>
public sealed record DisputeAnswered(
    DisputeId Dispute, PartyId AnsweredBy, string Answer, IReadOnlyList<EvidenceDigest> Evidence) : LedgerEvent;

/// <summary>A dispute ends: rejected, or resolved by a later run or by deltas on the run.</summary>
/// <param name="ResolvedBy">The run, or the deltas, that resolve it; null where it is rejected.</param>
public sealed record DisputeClosed(
    DisputeId Dispute, DisputeOutcome Outcome, PartyId ClosedBy, RunId? ResolvedBy, string Reason) : LedgerEvent;

/// <summary>One dispute, as far as it went.</summary>
public sealed record DisputeState(
    DisputeOpened? Opened, IReadOnlyList<DisputeAnswered> Answers, DisputeClosed? Closed)
{
    public static readonly DisputeState Empty = new(null, [], null);
}

/// <summary>When a dispute may be opened, answered and closed.</summary>
public static class Disputes
{
    /// <summary>Guards in order of their codes: range, a dispute of that name with other content, the run unknown, no
    /// such line, evidence that nobody handed in.</summary>
    /// <param name="day">The runs of the disputed run's account and day.</param>
    /// <param name="unknown">The first piece of its evidence that the archive does not know; null: it knows all.
    /// </param>
    public static Decision Decide(
        DisputeState state, SettlementState day, DisputeOpened dispute, EvidenceDigest? unknown, Instant now)
    {
        if (state.Opened is { } known && Same(known, dispute)) return new Decision.AlreadyRecorded();
        if (dispute.Amount < 0m || dispute.Lines.Distinct().Count() != dispute.Lines.Count)
            return new Decision.Rejected(Rejection.OutOfRange, "what is at stake is not negative; a line is named once");
        if (state.Opened is not null)
            return new Decision.Rejected(Rejection.AlreadyRegistered, $"{dispute.Dispute} is open and differs");
        if (day.Runs.FirstOrDefault(run => run.Run == dispute.Run) is not { } disputed)
            return new Decision.Rejected(Rejection.UnknownRun, $"{dispute.Run} is no run of this account and day");
        return dispute.Lines.Where(line => line < 1 || line > disputed.Lines).Cast<int?>().FirstOrDefault() is { } line
            ? new Decision.Rejected(Rejection.UnknownLine, $"{dispute.Run} has {disputed.Lines} lines, and no {line}")
            : NotHandedIn(unknown) as Decision ?? new Decision.Accepted(NewFact.At(dispute, now, Key(dispute.Dispute, "opened")));
    }

    /// <summary>Guards in order of their codes: the dispute unknown, closed already, evidence that nobody handed in.
    /// </summary>
    /// <param name="unknown">The first piece of its evidence that the archive does not know; null: it knows all.
    /// </param>
    public static Decision Decide(DisputeState state, DisputeAnswered answer, EvidenceDigest? unknown, Instant now)
    {
        if (state.Answers.Any(before => Same(before, answer))) return new Decision.AlreadyRecorded();
        if (state.Opened is null) return Unknown(answer.Dispute);
        return state.Closed is not null
            ? new Decision.Rejected(Rejection.DisputeIsClosed, $"{answer.Dispute} is closed: {state.Closed.Reason}")
            : NotHandedIn(unknown) as Decision ?? new Decision.Accepted(NewFact.At(
                answer, now, Key(answer.Dispute, $"answer/{state.Answers.Count + 1}")));
    }

    /// <summary>Guards in order of their codes: range, the dispute unknown, the resolving run unknown, closed
    /// already.</summary>
    /// <param name="day">The runs of the disputed run's account and day.</param>
    public static Decision Decide(DisputeState state, SettlementState day, DisputeClosed closed, Instant now)
    {
        if (state.Closed == closed) return new Decision.AlreadyRecorded();
        if (closed.Outcome == DisputeOutcome.Resolved == (closed.ResolvedBy is null))
            return new Decision.Rejected(Rejection.OutOfRange,
                "what is resolved names the run that resolves it, and what is rejected none");
        // A dispute that is not known has no run that could be named.
        if (closed.ResolvedBy is { } run && state.Opened is not null && !Resolves(day, state.Opened, run))
            return new Decision.Rejected(Rejection.UnknownRun,
                $"{run} is no later run of the day of {closed.Dispute}, and no deltas on {state.Opened.Run}");
        if (state.Opened is null) return Unknown(closed.Dispute);
        return state.Closed is not null
            ? new Decision.Rejected(Rejection.DisputeIsClosed, $"{closed.Dispute} is closed: {state.Closed.Reason}")
            : new Decision.Accepted(NewFact.At(closed, now, Key(closed.Dispute, "closed")));
    }

    public static DisputeState Evolve(DisputeState state, LedgerEvent happened) => happened switch
    {
        DisputeOpened opened => state with { Opened = opened },
        DisputeAnswered answer => state with { Answers = [.. state.Answers, answer] },
        DisputeClosed closed => state with { Closed = closed },
        _ => state,
    };

    /// <summary>A run does not resolve what is disputed of itself; one that came after it may, and deltas on
    /// it.</summary>
    private static bool Resolves(SettlementState day, DisputeOpened dispute, RunId by) =>
        day.Deltas.Any(deltas => deltas.Run == by && deltas.Corrects == dispute.Run)
        || day.Runs.SkipWhile(run => run.Run != dispute.Run).Skip(1).Any(run => run.Run == by);

    private static Decision.Rejected Unknown(DisputeId dispute) =>
        new(Rejection.UnknownDispute, $"there is no dispute {dispute}");

    private static Decision.Rejected? NotHandedIn(EvidenceDigest? unknown) => unknown is not { } evidence ? null
        : new(Rejection.UnknownEvidence, $"the archive has no evidence {evidence}: hand it in first");

    private static EvidenceKey Key(DisputeId dispute, string what) => new($"dispute/{dispute}/{what}");

    // Lists are compared by what they hold.
    private static bool Same(DisputeOpened a, DisputeOpened b) =>
        a with { Lines = [], Evidence = [] } == b with { Lines = [], Evidence = [] }
        && a.Lines.SequenceEqual(b.Lines) && a.Evidence.SequenceEqual(b.Evidence);

    private static bool Same(DisputeAnswered a, DisputeAnswered b) =>
        a with { Evidence = [] } == b with { Evidence = [] } && a.Evidence.SequenceEqual(b.Evidence);
}
