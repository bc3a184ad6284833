using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>A sealed segment of the frame log that is dropped, as it was.</summary>
/// <param name="Number">Of the segment; a block's address begins with it.</param>
/// <param name="Digest">By which its file is named: SHA-256 of its index, which has that of every chunk.</param>
/// <param name="FirstReceived">When the first of its frames was received.</param>
/// <param name="LastReceived">When the last one was.</param>
/// <param name="Earliest">The earliest time of which a frame says something, by the sender's clock.</param>
/// <param name="Latest">The latest.</param>
/// <param name="Frames">How many frames it had, those that it repeated at its beginning included.</param>
/// <param name="Bytes">As it was written, so that block addresses in it end before this.</param>
/// <param name="SealedBytes">Of its file.</param>
/// <param name="ChainBefore">The log's chain before it.</param>
/// <param name="ChainAfter">The log's chain after it, which the next segment's head repeats.</param>
public sealed record DroppedSegment(
    int Number, EvidenceDigest Digest, Instant FirstReceived, Instant LastReceived, Instant Earliest, Instant Latest,
    long Frames, long Bytes, long SealedBytes, EvidenceDigest ChainBefore, EvidenceDigest ChainAfter);

/// <summary>
/// The oldest sealed segments of the frame log are dropped: nothing has their frames any more. The fact comes first,
/// and the removal follows, at the latest when the ledger is opened again. Records stay, and with them amounts and
/// proofs.
/// </summary>
/// <param name="Segments">In the order of the log, without a gap.</param>
/// <param name="Before">Every frame in them was received before this instant.</param>
/// <param name="Retention">The policy that lets them go; null where a person orders it.</param>
/// <param name="AfterDays">How many days after its receipt a frame may go by that policy.</param>
/// <param name="By">Who orders it: an identifier, as a number of staff; null where a policy says it.</param>
/// <param name="Reason">Why; null where a policy says it.</param>
public sealed record FramesDropped(
    IReadOnlyList<DroppedSegment> Segments, Instant Before, RetentionId? Retention, int? AfterDays, string? By,
    string? Reason) : LedgerEvent
{
    /// <summary>The rule, as words.</summary>
    public string RuleInWords() => Retention is { } policy
        ? string.Create(CultureInfo.InvariantCulture, $"retention {policy}, {AfterDays} days after receipt")
        : $"the order of {By}: {Reason}";
}

/// <summary>What lets frames go.</summary>
public abstract record DropRule
{
    private DropRule() { }

    /// <summary>A retention policy: so many days after their receipt.</summary>
    /// <param name="AfterDays">1 to <see cref="FrameRetention.DaysMax"/>.</param>
    public sealed record Policy(RetentionId Retention, int AfterDays) : DropRule;

    /// <summary>A person's order: whatever was received before an instant.</summary>
    public sealed record Order(Instant Before, string By, string Reason) : DropRule;
}

/// <summary>That frames shall be dropped by a rule, as far as nothing needs them.</summary>
public sealed record FramesToDrop(DropRule Rule);

/// <summary>A segment that is in the log, and what stands against dropping it; null or empty is nothing.</summary>
/// <param name="LastReceived">When the last of its frames was received.</param>
/// <param name="Sealed">What it is; null where it is not sealed, or not whole.</param>
/// <param name="Cases">Open cases that hold somebody who is named in evidence of its time.</param>
/// <param name="NotSettled">A record that rests on it, and that no complete final run has read.</param>
/// <param name="NotWhole">What is damaged, or missing before it.</param>
/// <param name="NotFinal">What still needs it to become a final record.</param>
/// <param name="Disputed">A dispute that is open about what was made of it.</param>
public sealed record KeptSegment(
    int Number, Instant LastReceived, DroppedSegment? Sealed, IReadOnlyCollection<string> Cases, string? NotSettled,
    string? NotWhole, string? NotFinal, string? Disputed);

/// <summary>Every dropping so far, in order: the log begins after the last one.</summary>
public sealed record DroppedFrames(IReadOnlyList<FramesDropped> Facts)
{
    public static readonly DroppedFrames None = new([]);

    /// <summary>The first segment that is not dropped.</summary>
    public int Next => Facts.Count == 0 ? 0 : Facts[^1].Segments[^1].Number + 1;

    /// <summary>The log's chain before that segment; null where nothing is dropped.</summary>
    public EvidenceDigest? ChainBeforeNext => Facts.Count == 0 ? null : Facts[^1].Segments[^1].ChainAfter;

    /// <summary>The fact by which a segment is dropped; null where it is not.</summary>
    public FramesDropped? Of(int segment) =>
        Facts.FirstOrDefault(fact => segment >= fact.Segments[0].Number && segment <= fact.Segments[^1].Number);
}

/// <summary>
/// When frames may be dropped. What is kept no longer than needed is the operator's policy or order; that nothing needs
/// it is this rule's. The log loses its oldest segments only, so that what is left is a whole log; the first segment
/// that something needs ends it, whatever comes after.
/// </summary>
public static class FrameRetention
{
    /// <summary>Longest retention, in days: a century.</summary>
    public const int DaysMax = 36_525;
    /// <summary>Segments of one fact, of 700 bytes each: below the bound of a decision's bytes. More go the next
    /// time.</summary>
    public const int SegmentsMax = 500;

    /// <summary>Guards in order of their codes; of several segments the oldest decides.</summary>
    /// <param name="kept">The segments of the log, from the oldest on.</param>
    public static Decision Decide(
        DroppedFrames state, DropRule rule, IReadOnlyList<KeptSegment> kept, Instant now)
    {
        var before = BeforeOf(rule, now);
        if (before > now)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"before is {InstantPattern.ExtendedIso.Format(before)}, which has not come");
        var old = kept.Where(segment => segment.Number >= state.Next)
            .TakeWhile(segment => segment.LastReceived < before).ToList();
        if (old.Count == 0) return new Decision.AlreadyRecorded();
        var going = old.TakeWhile(segment => WhyKept(segment) is null).Take(SegmentsMax)
            .Select(segment => segment.Sealed!).ToList();
        if (going.Count == 0) return WhyKept(old[0])!;
        var (policy, order) = (rule as DropRule.Policy, rule as DropRule.Order);
        return new Decision.Accepted(NewFact.At(
            new FramesDropped(going, before, policy?.Retention, policy?.AfterDays, order?.By, order?.Reason), now,
            new EvidenceKey(string.Create(CultureInfo.InvariantCulture, $"frames-dropped/{going[0].Number}"))));
    }

    /// <summary>What stands against dropping a segment, the lowest code first; null where nothing does.</summary>
    public static Decision.Rejected? WhyKept(KeptSegment segment)
    {
        if (segment.Cases.Count > 0)
            return Why(Rejection.LegalHold,
                $"held by case {string.Join(", ", segment.Cases.Order(StringComparer.Ordinal).Take(8))}");
        if (segment.NotSettled is { } open) return Why(Rejection.NotSettled, open);
        if (segment.NotWhole is { } damage) return Why(Rejection.FramesNotWhole, damage);
        if (segment.Sealed is null)
            return Why(Rejection.SegmentNotSealed, "it is not full, or full and not sealed yet");
        if (segment.NotFinal is { } needed) return Why(Rejection.RecordNotFinal, needed);
        return segment.Disputed is { } dispute ? Why(Rejection.DisputeOpen, dispute) : null;

        Decision.Rejected Why(Rejection code, string detail) => new(code,
            string.Create(CultureInfo.InvariantCulture, $"segment {segment.Number} of the frame log stays: {detail}"));
    }

    /// <summary>The instant before which frames may go.</summary>
    public static Instant BeforeOf(DropRule rule, Instant now) => rule switch
    {
        DropRule.Policy policy => now - Duration.FromDays(policy.AfterDays),
        DropRule.Order order => order.Before,
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    public static DroppedFrames Evolve(DroppedFrames state, LedgerEvent happened) =>
        happened is FramesDropped dropped ? new([.. state.Facts, dropped]) : state;
}
