using NodaTime;

namespace Ledger.Domain;

/// <summary>What somebody needs sealed evidence for; a choice and no text, which could name the person.</summary>
public enum DisclosurePurpose { Audit = 1, Dispute = 2, SubjectRequest = 3, Authority = 4, Operation = 5 }

/// <summary>
/// Evidence that is sealed under somebody's key was about to be shown or handed out in plain. The fact comes first:
/// who reads and then crashes has still read.
/// </summary>
/// <param name="Evidence">The piece, or a manifest of several.</param>
/// <param name="By">Who reads: an identifier, as a number of staff.</param>
/// <param name="What">By which command.</param>
public sealed record EvidenceDisclosed(
    EvidenceDigest Evidence, string By, string What, DisclosurePurpose Purpose) : LedgerEvent;

/// <summary>When a disclosure is recorded: always. Nothing is judged here; who may read is another rule's.</summary>
public static class Disclosure
{
    /// <summary>Two readings at one instant by the same person of the same evidence are one.</summary>
    public static NewFact Fact(EvidenceDisclosed disclosed, Instant now) => NewFact.At(disclosed, now,
        new EvidenceKey($"disclosed/{disclosed.Evidence}/{disclosed.By}/{disclosed.What}/{disclosed.Purpose}"));
}
