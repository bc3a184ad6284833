using System.Globalization;
using System.Numerics;
using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Amounts that fit into 64 bits take a short way, because a fold calculates several of each fact; the way of 128 bits
/// and more says what comes out.
/// </summary>
public sealed class ShortArithmeticTests
{
    private static readonly Int128[] Edges =
        [0, long.MaxValue, ulong.MaxValue, (Int128)ulong.MaxValue * 3600, (Int128)7200 * 1_000_000_000_000];

    /// <summary>Energies of every size, and those around the edges between the ways.</summary>
    private static readonly Gen<Int128> Sizes = Gen.OneOf(
        Gen.Long.Select(size => (Int128)size),
        Gen.Select(Gen.Long, Gen.Int[0, 40], (size, bits) => (Int128)size << bits),
        Gen.Select(Gen.Int[0, 4], Gen.Long[-7201, 7201], (edge, off) => Edges[edge] + off),
        Gen.Select(Gen.Long[-1_000_000, 1_000_000], Gen.Int[-1, 1], (lines, off) => (Int128)(lines * 3600) + off));

    [Fact]
    public void Kilowatt_hours_have_twelve_decimals_rounded_half_to_even() =>
        Gen.Select(Sizes, Gen.Bool, (size, isNegative) => isNegative ? -size : size).Sample(size =>
        {
            var (quotient, rest) = BigInteger.DivRem(BigInteger.Abs(size), 7200);
            if (rest * 2 > 7200 || (rest * 2 == 7200 && !quotient.IsEven)) quotient++;
            var digits = quotient.ToString(CultureInfo.InvariantCulture).PadLeft(13, '0');
            new Energy(size).ToKwh().ShouldBe(
                $"{(size < 0 && !quotient.IsZero ? "-" : "")}{digits[..^12]}.{digits[^12..]}");
        }, iter: LongRun.Samples);

    [Fact]
    public void A_band_is_rounded_up_to_the_next_half_nanojoule() =>
        Gen.Select(Sizes, Gen.OneOf(Gen.Long[0, 1_000_000_000], Gen.Long[0, 1_000_000]), Gen.Bool)
            .Sample((size, parts, isNegative) =>
            {
                if (Int128.Abs(size) >> 90 != 0) return; // beyond any plant the product does not fit
                var exact = BigInteger.Abs(size) * parts;
                var expected = BigInteger.DivRem(exact, 1_000_000_000, out var rest) + (rest.IsZero ? 0 : 1);
                ((BigInteger)new ErrorBand(parts).Of(new(isNegative ? -size : size)).HalfNanojoules).ShouldBe(expected);
            }, iter: LongRun.Samples);

    [Fact]
    public void A_difference_of_readings_is_steps_times_one_step_times_the_factor() =>
        Gen.Select(Gen.Int[1, 18], Gen.Int[0, Register.DecimalsMax], Gen.Int[1, int.MaxValue],
            Gen.Long[0, long.MaxValue], Gen.Long[0, long.MaxValue])
            .Sample((digits, decimals, factor, previous, current) =>
        {
            var found = Register.Difference(new(new(new("P1"), Direction.Import), "M1", digits, decimals, factor, null),
                Math.Min(previous, current), Math.Max(previous, current));
            var exact = (BigInteger)(Math.Max(previous, current) - Math.Min(previous, current))
                * (7_200_000_000_000_000 / BigInteger.Pow(10, decimals)) * factor;
            if (exact > (BigInteger)Int128.MaxValue) found.Code.ShouldBe(Rejection.OutOfRange);
            else ((BigInteger)found.Delta!.Value.HalfNanojoules).ShouldBe(exact);
        }, iter: LongRun.Samples);

    [Fact]
    public void What_a_clock_moves_and_a_gap_hides_are_products_of_whole_nanoseconds() =>
        Gen.Select(Gen.Long[-1_000_000_000_000, 1_000_000_000_000], Gen.Long[-100_000_000_000_000, 100_000_000_000_000],
            Gen.Bool).Sample((milliwatts, nanoseconds, isWhole) =>
            {
                if (isWhole) nanoseconds -= nanoseconds % 500; // halves of a microsecond
                var time = Duration.FromNanoseconds(nanoseconds);
                ((BigInteger)RegisterCheck.Clock(new(milliwatts), time).HalfNanojoules).ShouldBe(
                    BigInteger.Abs(milliwatts) * BigInteger.Abs(nanoseconds) * 2 / 1000);
                ((BigInteger)new GapBound(time, -new Power(milliwatts), new(milliwatts)).Uncertainty.HalfNanojoules)
                    .ShouldBe((BigInteger)milliwatts * 2 * (BigInteger.Divide(nanoseconds, 1000)));
            }, iter: LongRun.Samples);
}
