using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Arm = System.Runtime.Intrinsics.Arm;
using X86 = System.Runtime.Intrinsics.X86;

namespace Ledger.Projections;

/// <summary>
/// The field of 2^128 elements: polynomials of bits, modulo x^128 + x^7 + x^2 + x + 1. To add is to exclude, so that no
/// sum has a carry, and processors multiply such polynomials by an instruction of their own; where one does not, the
/// same is computed bit by bit. Each element has one form: the lower half stands first.
/// </summary>
public static class Field128
{
    public static readonly Vector128<ulong> One = Vector128.CreateScalar(1UL);

    private static readonly Vector128<ulong> Rest = Vector128.CreateScalar(0x87UL); // what x^128 is

    public static Vector128<ulong> Multiply(Vector128<ulong> one, Vector128<ulong> other)
    {
        var product = default(Sum);
        product.Add(one, other);
        return product.Reduced();
    }

    /// <summary>A sum of products, each of 256 bits, which is reduced once.</summary>
    public struct Sum
    {
        private Vector128<ulong> lower, middle, upper; // the middle stands above the lower half of the lower ones

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(Vector128<ulong> one, Vector128<ulong> other)
        {
            lower ^= Lower(one, other);
            middle ^= Crossed(one, other) ^ Crossed(other, one);
            upper ^= Upper(one, other);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly Vector128<ulong> Reduced()
        {
            var below = lower ^ Vector128.Create(0UL, middle[0]);
            var above = upper ^ Vector128.CreateScalar(middle[1]);
            var first = Crossed(above, Rest); // of 71 bits, from the upper half of the lower ones on
            below ^= Vector128.Create(0UL, first[0]);
            return below ^ Lower(above ^ Vector128.CreateScalar(first[1]), Rest);
        }
    }

    /// <summary>The product of both lower halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Lower(Vector128<ulong> one, Vector128<ulong> other) =>
        X86.Pclmulqdq.IsSupported ? X86.Pclmulqdq.CarrylessMultiply(one, other, 0x00)
            : Arm.Aes.IsSupported ? Arm.Aes.PolynomialMultiplyWideningLower(one.GetLower(), other.GetLower())
            : BitByBit(one[0], other[0]);

    /// <summary>The product of both upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Upper(Vector128<ulong> one, Vector128<ulong> other) =>
        X86.Pclmulqdq.IsSupported ? X86.Pclmulqdq.CarrylessMultiply(one, other, 0x11)
            : Arm.Aes.IsSupported ? Arm.Aes.PolynomialMultiplyWideningUpper(one, other)
            : BitByBit(one[1], other[1]);

    /// <summary>The product of the upper half of the one and the lower half of the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ulong> Crossed(Vector128<ulong> one, Vector128<ulong> other) =>
        X86.Pclmulqdq.IsSupported ? X86.Pclmulqdq.CarrylessMultiply(one, other, 0x01)
            : Arm.Aes.IsSupported ? Arm.Aes.PolynomialMultiplyWideningLower(one.GetUpper(), other.GetLower())
            : BitByBit(one[1], other[0]);

    /// <summary>The product of two halves, on any machine.</summary>
    public static Vector128<ulong> BitByBit(ulong one, ulong other)
    {
        var product = UInt128.Zero;
        for (var bit = 0; bit < 64; bit++)
            if (((other >> bit) & 1) == 1) product ^= (UInt128)one << bit;
        return Vector128.Create(unchecked((ulong)product), (ulong)(product >> 64));
    }
}
