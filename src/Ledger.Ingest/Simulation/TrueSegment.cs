using System.Numerics;
using Ledger.Domain;
using Ledger.Ingest.Fleet;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// The energy of one straight stretch between two samples, by the ledger's published rule but not by its code: the
/// energy from the first sample up to an instant is the exact integral of each direction, rounded half to even to a
/// half nanojoule; of a whole stretch through zero the triangle before the zero is rounded so, and the other is what
/// is left of the whole. It is computed in fractions of whole numbers of any size.
/// </summary>
internal static class TrueSegment
{
    public static EnergyPair Whole(PowerSample a, PowerSample b) => UpTo(a, b, b.AtMicroseconds);

    public static EnergyPair UpTo(PowerSample a, PowerSample b, long microseconds)
    {
        BigInteger length = b.AtMicroseconds - a.AtMicroseconds, elapsed = microseconds - a.AtMicroseconds;
        BigInteger from = a.Milliwatts, rise = (BigInteger)b.Milliwatts - a.Milliwatts;
        if (elapsed.IsZero) return new EnergyPair(Energy.Zero, Energy.Zero);
        // Twice the integral, times the length: 2·p₀·L·x + (p₁ − p₀)·x².
        var signed = 2 * from * length * elapsed + rise * elapsed * elapsed;
        // The power at the instant, times the length.
        var power = from * length + rise * elapsed;
        if (from.Sign * power.Sign >= 0) return Of(signed.Sign, Rounded(BigInteger.Abs(signed), length), 0);
        // The zero is p₀·L / |p₁ − p₀| after the start; the triangle before it is p₀²·L / |p₁ − p₀|, doubled.
        var before = Rounded(from * from * length, BigInteger.Abs(rise));
        var after = elapsed == length
            ? BigInteger.Abs(signed / length - from.Sign * before)
            : Rounded(power * power, BigInteger.Abs(rise) * length);
        return Of(from.Sign, before, after);
    }

    /// <summary>The first part flows as the sign says, the second against it.</summary>
    private static EnergyPair Of(int sign, BigInteger with, BigInteger against) => sign >= 0
        ? new EnergyPair(new Energy((Int128)with), new Energy((Int128)against))
        : new EnergyPair(new Energy((Int128)against), new Energy((Int128)with));

    /// <summary>A fraction of two numbers that are not negative, rounded half to even: the floor of itself plus one
    /// half, less one where that stands exactly between two and the floor is odd.</summary>
    private static BigInteger Rounded(BigInteger dividend, BigInteger divisor)
    {
        var floor = BigInteger.DivRem(2 * dividend + divisor, 2 * divisor, out var rest);
        return rest.IsZero && !floor.IsEven ? floor - 1 : floor;
    }
}
