using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>attribute {total, decimals|quantum, shares: [{id, weight}]}</c> → <c>{parts: [{id, part}], sum}</c>: the total in
/// proportion to the weights by largest remainder, in steps of the quantum, ordered by id.
/// </summary>
static class AttributeCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("total", "decimals", "quantum", "shares");
        var quantum = Quantum(asked);
        var total = asked.Required("total");
        var whole = Steps(total, quantum);
        var shares = Shares(asked.Required("shares"));
        if (!Attribution.CanDivide(whole, shares))
            throw asked.Required("shares").Refused(Rejection.NoWeight, "a total other than 0 needs a weight above 0");
        var parts = Attribution.Parts(whole, shares);
        return new JsonObject
        {
            ["parts"] = new JsonArray([.. shares.Zip(parts, (share, part) => (JsonNode)new JsonObject
            {
                ["id"] = share.Id,
                ["part"] = Of(part, quantum),
            })]),
            ["sum"] = Of(parts.Aggregate(BigInteger.Zero, (sum, part) => sum + part), quantum),
        };
    }

    /// <summary>The smallest step of a part: stated, or 10^-decimals.</summary>
    static ExactNumber Quantum(InputObject asked)
    {
        if (asked.Optional("quantum") is not { } stated)
            return new ExactNumber(1, asked.Required("decimals").Integer(0, 28));
        if (asked.Optional("decimals") is { } decimals)
            throw decimals.Refused(Rejection.UnknownField, "decimals or quantum, not both");
        var quantum = stated.Number();
        return quantum.Mantissa > 0 ? quantum : throw stated.Refused(Rejection.OutOfRange, "must be above 0");
    }

    /// <summary>The total in steps of the quantum; one that is not a whole number of them could not be summed
    /// to.</summary>
    static BigInteger Steps(InputValue total, ExactNumber quantum)
    {
        var scale = Math.Max(total.Number().Scale, quantum.Scale);
        var steps = BigInteger.DivRem(
            total.Number().InUnits(scale, out _), quantum.InUnits(scale, out _), out var remainder);
        return remainder.IsZero ? steps
            : throw total.Refused(Rejection.OutOfRange, $"must be a whole number of {Of(1, quantum)}");
    }

    /// <summary>The shares by id, their weights brought to one unit.</summary>
    static List<AttributionShare> Shares(InputValue named)
    {
        var weights = new SortedDictionary<string, ExactNumber>(StringComparer.Ordinal);
        foreach (var row in named.Array())
        {
            var share = row.Object("id", "weight");
            var weight = share.Required("weight");
            if (weight.Number().Mantissa < 0) throw weight.Refused(Rejection.OutOfRange, "must not be negative");
            var id = share.Required("id");
            if (!weights.TryAdd(id.Text(), weight.Number()))
                throw id.Refused(Rejection.NamedTwice, "each id may be named once");
        }
        var scale = weights.Values.Select(weight => weight.Scale).DefaultIfEmpty().Max();
        return [.. weights.Select(share => new AttributionShare(share.Key, share.Value.InUnits(scale, out _)))];
    }

    static string Of(BigInteger steps, ExactNumber quantum)
    {
        var units = steps * quantum.Mantissa;
        var digits = BigInteger.Abs(units).ToString(CultureInfo.InvariantCulture).PadLeft(quantum.Scale + 1, '0');
        var text = quantum.Scale == 0 ? digits : $"{digits[..^quantum.Scale]}.{digits[^quantum.Scale..]}";
        return units.Sign < 0 ? "-" + text : text;
    }
}
