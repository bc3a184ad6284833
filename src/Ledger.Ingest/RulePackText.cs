using Ledger.Domain;
using Ledger.Journal.Pipeline;

namespace Ledger.Ingest;

/// <summary>The text of a rule pack: the same in a pack file,
/// in a fact and where a caller writes a rule inline.</summary>
public static class RulePackText
{
    private static readonly string[] Members = ["pack", "version", "provisional", "source", "baseline", "scoring"];

    internal static FactInput Pack(InputValue input)
    {
        var fact = input.Fact(["validFrom", .. Members]);
        return new FactInput.Of<Dated<RulePackPublished>>(new(Read(fact), fact.Required("validFrom").At()));
    }

    /// <summary>A pack without the instant from which it is valid, as files hold it.</summary>
    public static RulePackPublished Read(InputValue input) => Read(input.Object(Members));

    /// <summary>A rule as a caller writes it inline: what names and dates a pack may be left out.</summary>
    public static RulePackPublished ReadInline(InputValue input)
    {
        var pack = input.Object(Members);
        var inline = new RulePackPublished(
            pack.Optional("pack")?.RulePack() ?? new RulePackId("inline"),
            pack.Optional("version")?.Integer(1, int.MaxValue) ?? 1,
            pack.Optional("provisional")?.Flag() ?? false, pack.Optional("source")?.Line(Limits.TextLengthMax)
                ?? "inline",
            Baseline(pack), Scoring(pack));
        return (inline.Baseline?.Incoherence() ?? inline.Scoring?.Incoherence()) is { } reason
            ? throw new InputRefusedException(Rejection.RulePackIncoherent, input.Path, "", reason)
            : inline;
    }

    private static RulePackPublished Read(InputObject pack) => new(
        pack.Required("pack").RulePack(), pack.Required("version").Integer(1, int.MaxValue),
        pack.Required("provisional").Flag(),
        pack.Required("source").Line(Limits.TextLengthMax), Baseline(pack), Scoring(pack));

    private static BaselineRule? Baseline(InputObject pack) =>
        pack.Optional("baseline") is { } baseline ? BaselineText.Rule(baseline) : null;

    private static ScoringRule? Scoring(InputObject pack) =>
        pack.Optional("scoring") is { } scoring ? ScoringRuleText.Rule(scoring) : null;
}
