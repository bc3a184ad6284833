using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A fact of the ledger. Cases stand in the file of their concept; the journal's codec names each on the wire.
/// </summary>
public abstract record LedgerEvent
{
    private protected LedgerEvent() { }
}

/// <summary>
/// A fact about to be recorded: the event, when it holds, and the natural key of its evidence (which, with the valid
/// time, makes the event id).
/// </summary>
public sealed record NewFact(LedgerEvent Event, Interval ValidTime, EvidenceKey Evidence)
{
    public static NewFact At(LedgerEvent happened, Instant at, EvidenceKey evidence) =>
        new(happened, new Interval(at, at), evidence);
}

/// <summary>What a pure rule answers.</summary>
public abstract record Decision
{
    private Decision() { }

    /// <summary>The facts to append, atomically, to the stream that was read.</summary>
    public sealed record Accepted(IReadOnlyList<NewFact> Facts) : Decision
    {
        public Accepted(NewFact fact) : this([fact]) { }
    }

    /// <summary>The same evidence with the same content was recorded before; nothing is appended.</summary>
    /// <param name="Detail">What whoever sent it ought to know all the same; null: nothing.</param>
    public sealed record AlreadyRecorded(string? Detail = null) : Decision
    {
        /// <summary>Which fact of the stream it is, where a rule would take long to be asked of each; null: the last
        /// with which the rule came to know it.</summary>
        public Func<LedgerEvent, bool>? Is { get; init; }
    }

    /// <summary>Refused by a named rule; the shell keeps the evidence and records the refusal.</summary>
    public sealed record Rejected(Rejection Code, string Detail) : Decision;
}
