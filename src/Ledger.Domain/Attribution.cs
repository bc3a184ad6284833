using System.Numerics;

namespace Ledger.Domain;

/// <summary>
/// Who takes part in a division, and with what weight: a whole number that is not negative, in any unit that all
/// shares of one division have in common.
/// </summary>
public readonly record struct AttributionShare(string Id, BigInteger Weight);

/// <summary>
/// Divides a whole among shares in proportion to their weights so that the parts sum to it exactly. Each share gets its
/// quota rounded toward zero; the steps that are left over go, one each, to the largest remainders, and among equal
/// remainders to the lower id by ordinal comparison. The parts depend on ids and weights alone, not on the order in
/// which shares are named; within one division no share gets less than a share of smaller weight, and one without
/// weight gets nothing. A negative whole gives the negated parts of its magnitude.
/// Rule: largest remainder with a deterministic tie-break, market rules §2.10.
/// </summary>
public static class Attribution
{
    /// <summary>Whether there is anything to divide by;
    /// only a whole of zero can be divided without any weight.</summary>
    public static bool CanDivide(BigInteger whole, IReadOnlyList<AttributionShare> shares) =>
        whole.IsZero || shares.Any(share => share.Weight > 0);

    /// <summary>
    /// The parts, in the order of the shares and in the steps of the whole. Ids are distinct, weights are not negative,
    /// and <see cref="CanDivide"/> holds; to ask otherwise is a bug.
    /// </summary>
    public static IReadOnlyList<BigInteger> Parts(BigInteger whole, IReadOnlyList<AttributionShare> shares)
    {
        if (!CanDivide(whole, shares)) throw new ArgumentException("nothing has a weight", nameof(shares));
        if (shares.Any(share => share.Weight < 0)) throw new ArgumentException("a weight is negative", nameof(shares));
        if (shares.DistinctBy(share => share.Id, StringComparer.Ordinal).Count() != shares.Count)
            throw new ArgumentException("an id is named twice", nameof(shares));

        var parts = new BigInteger[shares.Count];
        if (whole.IsZero) return parts;
        var weight = shares.Aggregate(BigInteger.Zero, (sum, share) => sum + share.Weight);
        var remainders = new BigInteger[shares.Count];
        var left = BigInteger.Abs(whole);
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = BigInteger.DivRem(BigInteger.Abs(whole) * shares[i].Weight, weight, out remainders[i]);
            left -= parts[i];
        }
        // The remainders sum to whole steps, each less than one: fewer steps are left than shares with a remainder.
        foreach (var i in Enumerable.Range(0, parts.Length).OrderByDescending(i => remainders[i])
            .ThenBy(i => shares[i].Id, StringComparer.Ordinal).Take((int)left))
            parts[i]++;
        if (whole.Sign < 0)
            for (var i = 0; i < parts.Length; i++) parts[i] = -parts[i];
        return parts;
    }

    /// <summary>The same for energies: an energy divided in proportion to energies,
    /// exact to the half nanojoule.</summary>
    public static IReadOnlyList<Energy> Parts(Energy whole, IReadOnlyList<(string Id, Energy Weight)> shares) =>
        [.. Parts(whole.HalfNanojoules, [.. shares.Select(share =>
            new AttributionShare(share.Id, share.Weight.HalfNanojoules))]).Select(part => new Energy((Int128)part))];
}
