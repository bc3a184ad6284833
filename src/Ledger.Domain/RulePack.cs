using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A version of a market's rule as data, valid from its valid time. <paramref name="Provisional"/>: numbers of it were
/// not read in the rule itself, and every answer says so. Exactly one family of rule is set.
/// </summary>
/// <param name="Source">Where the numbers were read.</param>
public sealed record RulePackPublished(
    RulePackId Pack, int Version, bool Provisional, string Source, BaselineRule? Baseline,
    ScoringRule? Scoring) : LedgerEvent
{
    /// <summary>The same rule without its penalty.</summary>
    public RulePackPublished Unpenalised() =>
        Scoring is { } rule ? this with { Scoring = rule with { Penalty = null } } : this;
}

/// <summary>The published versions of one pack, in order, with the instant from which each holds.</summary>
public sealed record RulePackState(IReadOnlyList<(Instant From, RulePackPublished Pack)> Published)
{
    public static readonly RulePackState Empty = new([]);
}

/// <summary>
/// When a pack may be published. A version is never changed: what was settled by it must settle the same again, so a
/// new number is a new version.
/// </summary>
public static class RulePacks
{
    /// <summary>Guards in order of their codes: range, known version, version, family, coherence.</summary>
    public static Decision Decide(RulePackState state, RulePackPublished pack, Instant validFrom, EvidenceKey evidence)
    {
        if (pack.Version < 1)
            return new Decision.Rejected(Rejection.OutOfRange, "versions count from 1");
        if (state.Published.FirstOrDefault(earlier => earlier.Pack.Version == pack.Version) is
            { Pack: { } known, From: var from })
            return PublishedVersions.Again(pack.Version, Same(known, pack), from, validFrom);
        var next = state.Published.Count + 1;
        if (pack.Version != next)
            return new Decision.Rejected(Rejection.RulePackVersionSkipped,
                $"the next version is {next}, not {pack.Version}");
        if (Families(pack) != 1)
            return new Decision.Rejected(Rejection.RulePackFamilyUnclear, "a pack holds exactly one family of rule");
        return (pack.Baseline?.Incoherence() ?? pack.Scoring?.Incoherence()) is { } reason
            ? new Decision.Rejected(Rejection.RulePackIncoherent, reason)
            : new Decision.Accepted(NewFact.At(pack, validFrom, evidence));
    }

    public static RulePackState Evolve(RulePackState state, LedgerEvent happened, Instant from) =>
        happened is RulePackPublished pack ? new([.. state.Published, (from, pack)]) : state;

    private static int Families(RulePackPublished pack) =>
        (pack.Baseline is null ? 0 : 1) + (pack.Scoring is null ? 0 : 1);

    private static bool Same(RulePackPublished a, RulePackPublished b) =>
        a with { Baseline = b.Baseline, Scoring = b.Scoring } == b
        && (a.Baseline is null || b.Baseline is null ? a.Baseline == b.Baseline : a.Baseline.Says(b.Baseline))
        && (a.Scoring is null || b.Scoring is null ? a.Scoring == b.Scoring : a.Scoring.Says(b.Scoring));
}
