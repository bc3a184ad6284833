using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>register {digits, decimals, factor?, modulusKwh?, previous, current}</c> → <c>{deltaKwh, verdict, code?}</c>:
/// the energy between two readings of one register, in kWh; null where nothing may be billed.
/// </summary>
static class RegisterCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("digits", "decimals", "factor", "modulusKwh", "previous", "current");
        var installed = MeterInput.Register(asked);
        var previous = MeterInput.Index(installed, asked.Required("previous"));
        var current = MeterInput.Index(installed, asked.Required("current"));
        var difference = Register.Difference(installed, previous, current);
        var answer = new JsonObject
        {
            ["deltaKwh"] = difference.Delta?.ToKwh(),
            ["deltaHalfNanojoules"] = difference.Delta?.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
            ["verdict"] = difference.Delta is null ? "quarantined" : "accepted",
        };
        if (difference.Code is { } code)
        {
            answer["code"] = code.ToString();
            answer["detail"] = difference.Detail;
        }
        return answer;
    }
}
