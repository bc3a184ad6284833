using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>performance {request, response, stepSeconds}</c> → <c>{delay, correlation, precision, overall}</c>: how well a
/// response followed a regulation signal over an hour.
/// </summary>
static class PerformanceCalculator
{
    /// <summary>A day at one sample a second.</summary>
    const int samplesMax = 86_400;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("request", "response", "stepSeconds");
        var step = asked.Required("stepSeconds");
        var seconds = step.Integer(1, RegulationPerformance.StepSeconds);
        if (RegulationPerformance.StepSeconds % seconds != 0)
            throw step.Refused(Rejection.OutOfRange,
                $"must divide {RegulationPerformance.StepSeconds}, the step of the rule");
        var every = RegulationPerformance.StepSeconds / seconds;
        var request = Samples(asked.Required("request"), every, RegulationPerformance.RequestSamples);
        var response = Samples(asked.Required("response"), every, RegulationPerformance.ResponseSamples);
        var decimals = request.Concat(response).Max(value => value.Scale);
        var score = RegulationPerformance.Of(Whole(request, decimals), Whole(response, decimals), decimals);
        return new JsonObject
        {
            ["delay"] = Text(score.Delay),
            ["correlation"] = Text(score.Correlation),
            ["precision"] = Text(score.Precision),
            ["overall"] = Text(score.Overall),
        };
    }

    static List<ExactNumber> Samples(InputValue input, int every, int needed)
    {
        var rows = input.Array();
        var least = ((needed - 1) * every) + 1;
        if (rows.Count < least || rows.Count > samplesMax)
            throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have {least} to {samplesMax} samples");
        return [.. Enumerable.Range(0, needed).Select(i => rows[i * every].Number())];
    }

    static List<BigInteger> Whole(List<ExactNumber> values, int decimals) =>
        values.ConvertAll(value => value.InUnits(decimals, out _));

    static string Text(decimal value) =>
        value.ToString($"F{RegulationPerformance.Decimals}", CultureInfo.InvariantCulture);
}
