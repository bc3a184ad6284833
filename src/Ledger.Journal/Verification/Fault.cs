using Ledger.Domain;

namespace Ledger.Journal.Verification;

/// <summary>Something that is not as it should be: where it stands, what was found there,
/// and what should be there.</summary>
public sealed record Fault(string Place, string Found, string Expected)
{
    public override string ToString() => $"{Place}: {Found}, expected {Expected}";
}

/// <summary>Evidence that was erased, all or a part of it, and the position of the fact that says so.</summary>
public sealed record Erased(EvidenceDigest Evidence, long Position);

/// <summary>A month whose evidence was pruned.</summary>
/// <param name="Month">Like 2026-05, in UTC.</param>
/// <param name="Position">Of the fact that says so.</param>
/// <param name="Retention">The policy by which it was.</param>
/// <param name="Sums">SHA-256 of the archive's SHA256SUMS.</param>
/// <param name="Pieces">How many pieces were removed.</param>
/// <param name="Missing">How many of them no archive at hand has.</param>
public sealed record PrunedMonth(
    string Month, long Position, RetentionId Retention, EvidenceDigest Sums, long Pieces, long Missing);

/// <summary>
/// What a verification has found. Faults are counted without end and kept up to <see cref="KeptMax"/>: a ledger with
/// another secret has a fault at every event, and the first thousand say as much as all.
/// </summary>
public sealed class Findings
{
    public const int KeptMax = 1000;
    private readonly List<Fault> faults = [];
    private readonly List<string> notChecked = [];
    private readonly List<Erased> erased = [];
    private readonly List<PrunedMonth> pruned = [];

    public IReadOnlyList<Fault> Faults => faults;
    public long FaultCount { get; private set; }

    /// <summary>What was not looked at, each with the reason: never called verified.</summary>
    public IReadOnlyList<string> NotChecked => notChecked;

    public void Add(string place, string found, string expected)
    {
        if (FaultCount++ < KeptMax) faults.Add(new Fault(place, found, expected));
    }

    /// <summary>Evidence that was erased, and that the journal says so: it is neither verified nor a fault. The first
    /// <see cref="KeptMax"/> pieces are kept.</summary>
    public IReadOnlyList<Erased> Erased => erased;
    public long ErasedCount { get; private set; }

    public void Erase(EvidenceDigest evidence, long position)
    {
        if (ErasedCount++ < KeptMax) erased.Add(new Erased(evidence, position));
    }

    /// <summary>Months that were pruned; few, so all are kept.</summary>
    public IReadOnlyList<PrunedMonth> Pruned => pruned;

    public void Prune(PrunedMonth month) => pruned.Add(month);

    /// <summary>What was dropped of the frame log, by the facts that say so: it is no fault that it is not there.
    /// </summary>
    public IReadOnlyList<FrameDropping> Dropped { get; private set; } = [];

    public void Drop(FrameDroppings droppings) => Dropped = droppings.All;

    public void LeaveOut(string what) => notChecked.Add(what);
}
