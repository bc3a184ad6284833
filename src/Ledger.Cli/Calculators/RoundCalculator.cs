using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary><c>round {values, decimals}</c> → <c>{values, residual}</c>: half away from zero,
/// the residual carried in order.</summary>
static class RoundCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("values", "decimals");
        var values = asked.Required("values");
        var exact = values.Array().ConvertAll(value => value.Decimal());
        var decimals = asked.Required("decimals").Integer(0, 12);
        try
        {
            var (rounded, residual) = Rounding.HalfAwayWithCarry(exact, decimals);
            return new JsonObject
            {
                ["values"] = new JsonArray([.. rounded.Select(value => (JsonNode)Fixed(value, decimals))]),
                ["residual"] = residual.ToString(CultureInfo.InvariantCulture),
            };
        }
        catch (OverflowException)
        {
            throw values.Refused(Rejection.OutOfRange, "the sum must fit a decimal");
        }
    }

    static string Fixed(decimal value, int decimals) => value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
}
