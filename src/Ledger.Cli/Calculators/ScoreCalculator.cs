using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>score {rule | params, orderedKw, deliveredKw, hours, price}</c> → <c>{effectiveKw, ratio, payment, penalty,
/// net}</c>: what a market pays for a delivery, by the name of a rule pack or by a pack written inline.
/// </summary>
static class ScoreCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("rule", "params", "orderedKw", "deliveredKw", "hours", "price", "penaltyPrice",
            "capacityPrice",
            "energyPrice", "late");
        var pack = Pack(asked);
        var rule = pack.Scoring!;
        var ordered = asked.Required("orderedKw");
        if (ordered.Decimal() <= 0)
            throw ordered.Refused(Rejection.OutOfRange, "must be more than 0: without an order there is no ratio");
        var scored = new ScoringInput(
            ordered.Decimal(), asked.Required("deliveredKw").Decimal(), asked.Required("hours").Decimal(),
            new ScoringPrices(
                Price("price", PriceSource.Price), asked.Optional("penaltyPrice")?.Decimal(),
                Price("capacityPrice", PriceSource.CapacityPrice), Price("energyPrice", PriceSource.EnergyPrice)),
            asked.Optional("late")?.Flag() ?? false);
        if (Scoring.Refusal(rule, scored) is { } refused)
            throw asked.Required(refused.Member).Refused(Rejection.OutOfRange, refused.Reason);
        try
        {
            return Answer(pack, Scoring.Evaluate(rule, scored));
        }
        catch (OverflowException)
        {
            throw new InputRefusedException(Rejection.TooManyDigits, "input", "", "an exact amount must fit 28 digits");
        }

        // A price that the rule asks for and nobody states is not zero.
        decimal Price(string member, PriceSource source) =>
            (rule.Uses(source) ? asked.Required(member) : asked.Optional(member))?.Decimal() ?? 0m;
    }

    static RulePackPublished Pack(InputObject asked)
    {
        if (asked.Optional("params") is { } inline)
        {
            if (asked.Optional("rule") is { } both)
                throw both.Refused(Rejection.UnknownField, "stands instead of params, not beside it");
            var written = RulePackText.ReadInline(inline);
            return written.Scoring is not null
                ? written
                : throw new InputRefusedException(Rejection.MissingField, "params.scoring", "", "is needed");
        }

        var name = asked.Required("rule");
        return StandardPacks.Find(name.Text()) is { Scoring: not null } pack
            ? pack
            : throw name.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", Names)}");
    }

    /// <summary>The names of the packs that hold a scoring rule.</summary>
    public static IEnumerable<string> Names =>
        StandardPacks.Names.Where(name => StandardPacks.Find(name)!.Scoring is not null);

    static JsonObject Answer(RulePackPublished pack, Score score) => new()
    {
        ["effectiveKw"] = Text(score.EffectiveKw),
        // Where a market pays by steps of a factor, it calls that factor the ratio.
        ["ratio"] = Text(score.Factor ?? score.ExecutionRate),
        ["payment"] = Text(score.Payment),
        ["penalty"] = Text(score.Penalty),
        ["net"] = Text(score.Net),
        ["executionRate"] = Text(score.ExecutionRate),
        ["shortfallKw"] = Text(score.ShortfallKw),
        ["pack"] = pack.Pack.Value,
        ["version"] = pack.Version,
        ["provisional"] = pack.Provisional,
        ["source"] = pack.Source,
    };

    static string Text(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);
}
