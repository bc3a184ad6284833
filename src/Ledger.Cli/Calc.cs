using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Cli.Calculators;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger calc KIND --in FILE|-</c>: evaluates one rule of the domain outside any ledger, so that anyone can check
/// it by hand. The answer is one JSON object; a value that breaks a rule of the input is named with the rule.
/// </summary>
public static class Calc
{
    static readonly JsonSerializerOptions answerOptions =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    static readonly Dictionary<string, Func<InputValue, JsonObject>> kinds = new(StringComparer.Ordinal)
    {
        ["calendar"] = CalendarCalculator.Evaluate,
        ["register"] = RegisterCalculator.Evaluate,
        ["validate"] = ValidateCalculator.Evaluate,
        ["estimate"] = EstimateCalculator.Evaluate,
        ["integrate"] = IntegrateCalculator.Evaluate,
        ["round"] = RoundCalculator.Evaluate,
        ["deliver"] = DeliverCalculator.Evaluate,
        ["score"] = ScoreCalculator.Evaluate,
        ["activate"] = ActivateCalculator.Evaluate,
        ["redistribute"] = RedistributeCalculator.Evaluate,
        ["performance"] = PerformanceCalculator.Evaluate,
        ["limits"] = LimitsCalculator.Evaluate,
        ["peak"] = PeakCalculator.Evaluate,
        ["response"] = ResponseCalculator.Evaluate,
        ["credible"] = CredibleCalculator.Evaluate,
        ["attribute"] = AttributeCalculator.Evaluate,
        ["balance"] = BalanceCalculator.Evaluate,
        ["reconcile"] = ReconcileCalculator.Evaluate,
        ["baseline"] = BaselineCalculator.Evaluate,
        ["bill"] = BillCalculator.Evaluate,
        ["billing-demand"] = BillingDemandCalculator.Evaluate,
        ["tariff-ratios"] = TariffRatiosCalculator.Evaluate,
        ["ocpi"] = OcpiCalculator.Evaluate,
    };

    /// <summary>The kinds of rule that can be evaluated.</summary>
    public static IReadOnlyCollection<string> Kinds => kinds.Keys;

    public static Verb Verb { get; } = new("calc", "KIND",
        $"evaluates a rule outside any ledger: {string.Join(", ", kinds.Keys)}",
        "echo '{\"values\":[\"1.005\",\"1.005\"],\"decimals\":2}' | ledger calc round --in -",
        [new("--in", "FILE", "where the input stands; - is standard input")],
        (line, shell, _) => Task.FromResult(Run(line, shell)));

    static int Run(CommandLine line, Shell shell)
    {
        if (line.Words.Count != 1 || !kinds.TryGetValue(line.Words[0], out var evaluate))
            throw new UsageException($"calc needs one kind of {string.Join(", ", kinds.Keys)}");
        try
        {
            var answer = Evaluate(evaluate, ReadAll(line.Required("--in"), shell.Input));
            shell.Output.WriteLine(answer.ToJsonString(answerOptions));
            return ExitCode.Done;
        }
        catch (InputRefusedException refused)
        {
            Report(refused, line.Json, shell.Errors);
            return ExitCode.CouldNot;
        }
    }

    static JsonObject Evaluate(Func<InputValue, JsonObject> evaluate, byte[] text)
    {
        using var document = InputValue.Parse(text);
        return evaluate(new InputValue("input", document.RootElement));
    }

    static byte[] ReadAll(string source, Stream standardInput)
    {
        using var file = source == "-" ? null : File.OpenRead(source);
        var from = file ?? standardInput;
        using var content = new MemoryStream();
        var buffer = new byte[64 * 1024];
        for (int read; (read = from.Read(buffer)) > 0;)
        {
            content.Write(buffer, 0, read);
            if (content.Length > Limits.ImportBytesMax)
                throw new InputRefusedException(Rejection.TooLarge, "input", "",
                    $"at most {Limits.ImportBytesMax} bytes");
        }
        return content.ToArray();
    }

    static void Report(InputRefusedException refused, bool asJson, TextWriter errors)
    {
        if (!asJson)
        {
            errors.WriteLine($"ledger calc: {refused.Message}");
            return;
        }
        var problem = new JsonObject
        {
            ["code"] = refused.Code.ToString(),
            ["field"] = refused.Field,
            ["value"] = refused.Value,
            ["rule"] = refused.Rule,
        };
        errors.WriteLine(problem.ToJsonString(answerOptions));
    }
}
