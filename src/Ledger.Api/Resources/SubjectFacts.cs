namespace Ledger.Api.Resources;

/// <summary>Where erasures, legal holds, disclosures and droppings are posted, as <see cref="Facts"/> has all others.
/// </summary>
internal static class SubjectFacts
{
    public static readonly (string Path, string Type, string Does, string Members)[] Resources =
    [
        ("erasures", "subject-erasure",
            "Destroys the keys of a subject, and with them all evidence that names it; amounts stay as they are.",
            "subject (as the evidence names it), reason: requested | retentionEnded | unlawful"),
        ("legal-holds", "legal-hold", "Has a case hold a subject, so that it is not erased, or release it.",
            "subject, case (a number, never a name), release?"),
        ("refusal-releases", "refusal-release",
            "Releases what was refused or quarantined at a position: a reading counts, other evidence may be redriven.",
            "position, by (an identifier), reason"),
        ("disclosures", "disclosure", "Records that sealed evidence is about to be read.",
            "evidence: [digest], by (an identifier), what, purpose: audit | dispute | subjectRequest | authority | "
            + "operation"),
        ("frame-droppings", "frame-dropping",
            "Drops the oldest sealed segments of the frame log that a rule lets go and nothing needs; the fact comes first.",
            "retention?, afterDays? (both of a policy), before?, by? (an identifier), reason? (all of a person's order)"),
    ];
}
