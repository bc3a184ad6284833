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
        var digits = asked.Required("digits").Integer(1, Limits.RegisterDigitsMax);
        var decimals = asked.Required("decimals").Integer(0, Math.Min(Register.DecimalsMax, digits));
        var factor = asked.Optional("factor")?.Integer(1, 1_000_000) ?? 1;
        var natural = 1L;
        for (var digit = 0; digit < digits; digit++) natural *= 10;
        var modulus = asked.Optional("modulusKwh")?.Units(decimals, 1, natural,
            $"must be positive, of at most {decimals} decimals, and not above the natural modulus");
        var indexRule = $"must be an index that {digits} digits, {decimals} of them decimals, can show";
        var previous = asked.Required("previous").Units(decimals, 0, natural - 1, indexRule);
        var current = asked.Required("current").Units(decimals, 0, natural - 1, indexRule);

        var register = new RegisterId(new SettlementPointId("calc"), Direction.Import);
        var installed = new RegisterInstalled(register, "calc", digits, decimals, factor, modulus);
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
