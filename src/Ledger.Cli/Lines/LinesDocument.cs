using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli.Bundles;
using Ledger.Cli.Listings;
using Ledger.Domain;

namespace Ledger.Cli.Lines;

/// <summary>The file <c>lines.json</c> of a bundle of lines: what was asked, drawn, derived and found. It is made from
/// the other files alone, so it is verified by making it again.</summary>
internal static class LinesDocument
{
    private const int ShownDecimals = 12; // of a projection, which is an exact fraction

    public static byte[] Of(LinesResult result)
    {
        var json = new JsonObject
        {
            ["format"] = BundleFiles.LinesFormat,
            ["request"] = result.Request.ToJson(),
            ["runs"] = new JsonArray([.. result.Runs.Select(Run)]),
        };
        if (result is { Drawn: { } drawn, Evaluation: { } evaluation }) json["sample"] = Sample(drawn, evaluation);
        var trees = result.Runs.ToDictionary(run => run.Position, run => new LinesTree(run.Texts));
        json["lines"] = new JsonArray([.. result.Lines.Select(each =>
            Line(each.Line, each.Drawn, trees[each.Line.Run.Position]))]);
        return Encoding.UTF8.GetBytes(json.ToJsonString(Listing.Indented) + '\n');
    }

    /// <summary>The path of a line that was asked for alone, which only the one who had all lines could make.</summary>
    public static IReadOnlyList<byte[]>? PathIn(JsonNode? json) =>
        (json?["path"] as JsonArray)?.Select(hash => Convert.FromBase64String((string)hash!)).ToList();

    /// <summary>Adds the path in the tree of all lines, where the lines after it are not in the bundle.</summary>
    public static byte[] With(byte[] document, IReadOnlyList<byte[]> path)
    {
        var json = JsonNode.Parse(document)!.AsObject();
        json["path"] = new JsonArray([.. path.Select(hash => (JsonNode)Convert.ToBase64String(hash))]);
        return Encoding.UTF8.GetBytes(json.ToJsonString(Listing.Indented) + '\n');
    }

    private static JsonNode Run(RunLines run) => new JsonObject
    {
        ["run"] = run.Run.Run.Value,
        ["position"] = Cell.Json(run.Position),
        ["account"] = run.Run.Account.Value,
        ["day"] = Cell.Json(run.Run.Day),
        ["atPosition"] = Cell.Json(run.Run.AtPosition),
        ["lines"] = run.Run.Lines,
        ["linesHere"] = run.Texts.Count,
        ["linesRoot"] = run.Run.LinesRoot.Hex,
        ["total"] = Cell.Json(run.Run.Total),
        ["currency"] = run.Run.Currency,
    };

    private static JsonObject Sample(AuditSample drawn, AuditEvaluation evaluation) => new()
    {
        ["interval"] = drawn.Interval.ToText(ShownDecimals),
        ["strata"] = new JsonArray([.. drawn.Strata.Select(stratum => (JsonNode)new JsonObject
        {
            ["stratum"] = Cell.Exact(stratum.Stratum),
            ["lines"] = stratum.Lines,
            ["value"] = Cell.Json(stratum.Value),
            ["drawn"] = stratum.Drawn,
            ["hits"] = stratum.Hits,
        })]),
        ["confidencePercent"] = evaluation.ConfidencePercent,
        ["deviations"] = evaluation.Deviations,
        ["known"] = Cell.Json(evaluation.Known),
        ["projected"] = evaluation.Projected.ToText(ShownDecimals),
        ["overstatedMax"] = evaluation.OverstatedMax.ToText(ShownDecimals),
        ["understatedMax"] = evaluation.UnderstatedMax.ToText(ShownDecimals),
        ["deviatingWithoutValueMax"] = evaluation.DeviatingWithoutValueMax,
        ["valueExamined"] = Cell.Json(evaluation.ValueExamined),
        ["value"] = Cell.Json(evaluation.Value),
    };

    private static JsonNode Line(ExaminedStatementLine examined, DrawnLine? drawn, LinesTree tree)
    {
        var json = new JsonObject
        {
            ["run"] = examined.Run.Run.Run.Value,
            ["number"] = examined.Number,
            ["text"] = examined.Text,
        };
        if (drawn is not null)
        {
            json["stratum"] = Cell.Exact(drawn.Stratum);
            json["hits"] = drawn.Hits;
        }
        if (examined.Run.IsWhole)
            json["path"] = new JsonArray([.. tree.Inclusion(examined.Number - 1)
                .Select(hash => (JsonNode)Convert.ToBase64String(hash))]);
        json["carriedEnergy"] = examined.Carry.Energy.HalfNanojoules.ToString(CultureInfo.InvariantCulture);
        json["carriedMoney"] = Cell.Json(examined.Carry.Money);
        json["facts"] = new JsonArray([.. examined.Facts.Select(fact => (JsonNode)new JsonObject
        {
            ["position"] = Cell.Json(fact.Position),
            ["is"] = fact.Is,
        })]);
        json["values"] = new JsonArray([.. examined.Nodes.Select(node => (JsonNode)new JsonObject
        {
            ["value"] = node.Name,
            ["says"] = node.Said,
            ["follows"] = node.Follows,
            ["from"] = Cell.Json(node.From),
        })]);
        json["byEvidence"] = examined.Audited?.Text;
        json["asRecorded"] = new JsonArray([.. examined.AsRecorded.Select(position => Cell.Json(position))]);
        json["exceptions"] = Cell.Json(examined.Exceptions);
        return json;
    }
}
