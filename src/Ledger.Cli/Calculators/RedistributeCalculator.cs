using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>redistribute {decimals, parties: [{id, penalty, weight}]}</c> → <c>{parties: [{id, share, net}]}</c>: penalties
/// given back to those who took part, by weight and largest remainder; the nets sum to zero.
/// </summary>
static class RedistributeCalculator
{
    const int decimalsMax = 6, partiesMax = 10_000;
    /// <summary>Steps of money of one penalty.</summary>
    const long stepsMax = 1_000_000_000_000_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("decimals", "parties");
        var decimals = asked.Required("decimals").Integer(0, decimalsMax);
        var rows = asked.Required("parties");
        var given = rows.Array().ConvertAll(row => row.Object("id", "penalty", "weight"));
        if (given.Count is 0 or > partiesMax
            || given.DistinctBy(row => row.Required("id").Text()).Count() != given.Count)
            throw new InputRefusedException(Rejection.WrongCount, rows.Path, "",
                $"must have 1 to {partiesMax} elements, each id once");
        var scale = given.Max(row => row.Required("weight").Number().Scale);
        var parties = given.ConvertAll(row => new PenaltyParty(row.Required("id").Text(),
            row.Required("penalty")
                .Units(decimals, 0, stepsMax, $"must not be negative and have at most {decimals} decimals"),
            Weight(row.Required("weight"), scale)));
        if (!Redistribution.CanGiveBack(parties))
            throw new InputRefusedException(Rejection.OutOfRange, rows.Path, "", "at least one weight must be above 0");
        var nets = Redistribution.Net(parties);
        return new JsonObject
        {
            ["parties"] = new JsonArray([.. parties.Zip(nets, (party, net) => (JsonNode)new JsonObject
            {
                ["id"] = party.Id,
                ["share"] = Text(net + party.Penalty, decimals),
                ["net"] = Text(net, decimals),
            })]),
        };
    }

    static BigInteger Weight(InputValue input, int scale) => input.Number() is { Mantissa.Sign: >= 0 } weight
        ? weight.InUnits(scale, out _)
        : throw input.Refused(Rejection.OutOfRange, "must not be negative");

    static string Text(BigInteger steps, int decimals) =>
        ((decimal)steps / (decimal)BigInteger.Pow(10, decimals)).ToString($"F{decimals}", CultureInfo.InvariantCulture);
}
