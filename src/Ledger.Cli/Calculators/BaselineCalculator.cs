using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>baseline {rule|params, zone, eventStart, eventEnd, days: [{day, kwh}], …}</c> → <c>{days, adjustment,
/// baselineKwh}</c>: what would have been metered without the event, and what is said of every day. A rule is the name
/// of a pack; params are a rule of one's own.
/// </summary>
static class BaselineCalculator
{
    const string Family = "baseline-";

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object(["rule", "params", .. BaselineQuestionText.Members]);
        var pack = Pack(asked);
        var question = BaselineQuestionText.Read(asked);
        var result = Baseline.Of(pack.Baseline!, question);
        return new JsonObject
        {
            ["rule"] = pack.Pack.Value.StartsWith(Family, StringComparison.Ordinal)
                ? pack.Pack.Value[Family.Length..] : pack.Pack.Value,
            ["version"] = pack.Version,
            ["provisional"] = pack.Provisional,
            ["source"] = pack.Source,
            ["periodMinutes"] = Text((decimal)question.Period.ToInt64Nanoseconds() / 60_000_000_000m),
            ["days"] = new JsonArray([.. result.Days.Select(Day)]),
            ["adjustment"] = Text(result.Adjustment.Applied),
            ["correction"] = Correction(result.Adjustment),
            ["baselineKwh"] = result.KilowattHours is { } values
                ? new JsonArray([.. values.Select(value => (JsonNode)Text(value)!)])
                : null,
            ["insufficient"] = result.Insufficient,
            ["notes"] = new JsonArray([.. result.Notes.Select(note => (JsonNode)note)]),
        };
    }

    static RulePackPublished Pack(InputObject asked)
    {
        if (asked.Optional("params") is { } own)
            return asked.Optional("rule") is { } both
                ? throw both.Refused(Rejection.OutOfRange, "give rule or params, not both")
                : new RulePackPublished(new RulePackId("params"), 1, false, "as given", BaselineText.Rule(own), null);
        var rule = asked.Required("rule");
        return StandardPacks.Find(Family + rule.Text()) is { Baseline: not null } pack
            ? pack
            : throw rule.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", Names)}");
    }

    /// <summary>The rules that a caller may name: their packs' names say of which family they are.</summary>
    public static IEnumerable<string> Names => StandardPacks.Names
        .Where(name => name.StartsWith(Family, StringComparison.Ordinal)).Select(name => name[Family.Length..]);

    static JsonNode Day(BaselineDayUse use) => new JsonObject
    {
        ["day"] = LocalDatePattern.Iso.Format(use.Day),
        ["used"] = use.Used,
        ["reason"] = use.Reason,
    };

    static JsonObject Correction(BaselineCorrection correction) => new()
    {
        ["kind"] = correction.Kind.ToString().ToLowerInvariant(),
        ["measured"] = Text(correction.Measured),
        ["least"] = Text(correction.Least),
        ["most"] = Text(correction.Most),
        ["reason"] = correction.Reason,
        ["loadRaisedInWindow"] = correction.LoadRaised,
    };

    static string? Text(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture);
}
