using System.Numerics;
using System.Runtime.Intrinsics;
using CsCheck;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Products of the field are those of polynomials of bits, computed here in large numbers.</summary>
public sealed class Field128Tests
{
    private static readonly BigInteger Modulus = (BigInteger.One << 128) | 0x87;
    private static readonly ulong[] Halves = [0, 1, 2, 0x87, 1UL << 63, ulong.MaxValue - 1, ulong.MaxValue];

    private static readonly Gen<ulong> Half =
        Gen.OneOf(Gen.ULong, Gen.Int[0, Halves.Length - 1].Select(number => Halves[number]));

    private static readonly Gen<Vector128<ulong>> Elements =
        Gen.Select(Half, Half).Select((lower, upper) => Vector128.Create(lower, upper));

    [Fact]
    public void Products_are_those_of_polynomials() =>
        Gen.Select(Elements, Elements).Sample((one, other) =>
            Number(Field128.Multiply(one, other)).ShouldBe(Reduced(Product(Number(one), Number(other)))),
            iter: Math.Max(10_000, LongRun.Samples));

    [Fact]
    public void A_sum_of_products_is_reduced_as_each_of_them() =>
        Gen.Select(Elements, Elements).Array[0, 20].Sample(pairs =>
        {
            var (sum, expected) = (default(Field128.Sum), Vector128<ulong>.Zero);
            foreach (var (one, other) in pairs)
            {
                sum.Add(one, other);
                expected ^= Field128.Multiply(one, other);
            }
            sum.Reduced().ShouldBe(expected);
        }, iter: Math.Max(1_000, LongRun.Samples / 10));

    /// <summary>A machine whose processor has no instruction for it finds the same.</summary>
    [Fact]
    public void Halves_are_multiplied_on_any_machine() =>
        Gen.Select(Half, Half).Sample((one, other) =>
            Number(Field128.BitByBit(one, other)).ShouldBe(Product(one, other)),
            iter: Math.Max(10_000, LongRun.Samples));

    /// <summary>Else not every element but zero had an inverse, and polynomials had more factorizations than one: x
    /// raised to each of 2^128 and 2^64 tells whether the modulus has factors.</summary>
    [Fact]
    public void The_modulus_has_no_factor()
    {
        var (x, power) = (Vector128.CreateScalar(2UL), Vector128.CreateScalar(2UL));
        for (var squared = 1; squared <= 128; squared++)
        {
            power = Field128.Multiply(power, power);
            if (squared == 64) Divisor(Number(power) ^ 2, Modulus).ShouldBe(BigInteger.One);
        }
        power.ShouldBe(x);
    }

    private static BigInteger Number(Vector128<ulong> element) => ((BigInteger)element[1] << 64) | element[0];

    private static BigInteger Product(BigInteger one, BigInteger other)
    {
        var product = BigInteger.Zero;
        for (var bit = 0; bit < 128; bit++)
            if (!((other >> bit) & 1).IsZero) product ^= one << bit;
        return product;
    }

    private static BigInteger Reduced(BigInteger number) => Remainder(number, Modulus);

    private static BigInteger Remainder(BigInteger number, BigInteger by)
    {
        for (var degree = Degree(number); degree >= Degree(by); degree = Degree(number))
            number ^= by << (degree - Degree(by));
        return number;
    }

    private static BigInteger Divisor(BigInteger one, BigInteger other)
    {
        while (!other.IsZero) (one, other) = (other, Remainder(one, other));
        return one;
    }

    /// <summary>-1 of zero.</summary>
    private static int Degree(BigInteger number) => (int)number.GetBitLength() - 1;
}
