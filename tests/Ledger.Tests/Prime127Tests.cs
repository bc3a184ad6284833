using System.Numerics;
using CsCheck;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Numbers modulo 2^127 - 1 are those of the platform's large numbers, at the edges of halves too.</summary>
public sealed class Prime127Tests
{
    private static readonly BigInteger Prime = (BigInteger.One << 127) - 1;
    private static readonly ulong[] Halves = [0, 1, 2, long.MaxValue, 1UL << 63, ulong.MaxValue - 1, ulong.MaxValue];

    private static readonly Gen<ulong> Half =
        Gen.OneOf(Gen.ULong, Gen.Int[0, Halves.Length - 1].Select(number => Halves[number]));

    /// <summary>Up to the prime, which is the largest that there is.</summary>
    private static readonly Gen<UInt128> Numbers =
        Gen.Select(Half, Half).Select((high, low) => new UInt128(high, low) & Prime127.Value);

    [Fact]
    public void Sums_and_products_are_those_of_large_numbers() =>
        Gen.Select(Numbers, Numbers).Sample((one, other) =>
        {
            Check(Prime127.Add(one, other), (BigInteger)one + other);
            Check(Prime127.Multiply(one, other), (BigInteger)one * other);
        }, iter: Math.Max(100_000, LongRun.Samples));

    [Fact]
    public void Powers_of_two_are_those_of_large_numbers() =>
        Gen.Select(Numbers, Gen.Int[0, 126]).Sample((number, bits) =>
            Check(Prime127.Shifted(number, bits), (BigInteger)number << bits), iter: Math.Max(10_000, LongRun.Samples));

    private static void Check(UInt128 found, BigInteger expected)
    {
        ((BigInteger)(found % Prime127.Value)).ShouldBe(expected % Prime);
        found.ShouldBeLessThanOrEqualTo(Prime127.Value);
    }
}
