using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>activate {kw, price, activationPermille}</c> → <c>{kw, price}</c>: the part of an offer that an order takes,
/// power by power and of its price, exactly.
/// </summary>
static class ActivateCalculator
{
    const int periodsMax = 10_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("kw", "price", "activationPermille");
        var rows = asked.Required("kw");
        var powers = rows.Array();
        if (powers.Count is 0 or > periodsMax)
            throw new InputRefusedException(Rejection.WrongCount, rows.Path, "",
                $"must have 1 to {periodsMax} elements");
        var permille = asked.Required("activationPermille").Integer(1, PartialActivation.Whole);
        return new JsonObject
        {
            ["kw"] = new JsonArray([.. powers.Select(row => (JsonNode)Part(row, permille))]),
            ["price"] = Part(asked.Required("price"), permille),
        };
    }

    static string Part(InputValue input, int permille)
    {
        try
        {
            return Text(PartialActivation.Of(input.Decimal(), permille));
        }
        catch (OverflowException)
        {
            throw input.Refused(Rejection.TooManyDigits, $"of which {permille} per mille must fit 28 digits exactly");
        }
    }

    static string Text(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);
}
