using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Metered energy of one interval, as it is billed: import and export apart, never netted; null where nobody knows.
/// </summary>
/// <param name="Curve">The power curve of the interval, empty where none is at hand. It is only asked how the energy is
/// spread over the interval: the amount is the meter's.</param>
public sealed record BillLoad(Interval Period, Energy? Import, Energy? Export, IReadOnlyList<PowerSample> Curve)
{
    public Energy? Of(Direction direction) => direction == Direction.Import ? Import : Export;

    /// <summary>
    /// The energy of each part between the edges, which lie inside the interval and rise; the parts sum to the whole.
    /// Null where a part is not known: the energy is missing, or nothing says how it is spread.
    /// </summary>
    public IReadOnlyList<(Interval Part, Energy? Energy)> Divided(Direction direction, IReadOnlyList<Instant> edges)
    {
        if (edges.Count == 0) return [(Period, Of(direction))];
        Interval[] parts = [.. edges.Prepend(Period.Start).Zip(edges.Append(Period.End),
            (from, to) => new Interval(from, to))];
        if (Of(direction) is not { } whole) return [.. parts.Select(part => (part, (Energy?)null))];
        if (whole == Energy.Zero) return [.. parts.Select(part => (part, (Energy?)Energy.Zero))];
        return Spread(whole, direction, parts) is { } spread
            ? [.. parts.Zip(spread, (part, energy) => (part, (Energy?)energy))]
            : [.. parts.Select(part => (part, (Energy?)null))];
    }

    /// <summary>In proportion to the integral of the curve; null where the curve has a gap, or none of this
    /// direction.</summary>
    private List<Energy>? Spread(Energy whole, Direction direction, Interval[] parts)
    {
        if (Curve.Count < 2) return null;
        PowerSample[] samples = [.. Curve];
        var integrals = PowerCurve.Integrate(samples, parts, PowerCurve.DefaultMaxGap(samples));
        if (integrals.Any(integral => integral.Gaps.Count > 0)) return null;
        var shares = integrals.Select(integral => direction == Direction.Import ? integral.Import : integral.Export)
            .ToList();
        var sum = shares.Aggregate(Energy.Zero, (total, share) => total + share);
        if (sum == Energy.Zero) return null;
        var (reached, before, spread) = (Energy.Zero, Energy.Zero, new List<Energy>(parts.Length));
        foreach (var share in shares)
        {
            // What has flowed up to the end of a part is rounded, and a part is the difference: so the parts sum up.
            reached += share;
            var upTo = new Energy(Energy.DivideHalfEven(
                (BigInteger)whole.HalfNanojoules * (BigInteger)reached.HalfNanojoules,
                (BigInteger)sum.HalfNanojoules));
            spread.Add(upTo - before);
            before = upTo;
        }

        return spread;
    }
}
