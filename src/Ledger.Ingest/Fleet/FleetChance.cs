using Bogus;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// All chance of a simulated fleet. Each thing that is left to chance has a generator of its own, seeded from the
/// plan's seed and its own name, so neither the order of simulation nor the number of threads changes a draw. Only
/// whole numbers are drawn.
/// </summary>
internal static class FleetChance
{
    /// <summary>A generator for one purpose: the same seed and name give the same draws.</summary>
    public static Randomizer Of(int seed, string purpose)
    {
        var mixed = (ulong)(uint)seed;
        foreach (var c in purpose) mixed = Mix(mixed ^ c);
        return new Randomizer((int)(mixed & 0x7fff_ffff));
    }

    /// <summary>
    /// Measurement noise: a power moved by up to <paramref name="partsPerMillion"/> of itself, so zero stays zero and
    /// no sign changes. It is a hash of the sample's number, because a draw for each of twelve million is slow.
    /// </summary>
    public static long Noisy(long milliwatts, int partsPerMillion, int noiseSeed, int step)
    {
        if (milliwatts == 0) return 0;
        var hash = Mix(((ulong)(uint)noiseSeed << 32) | (uint)step);
        var parts = (long)(hash % (ulong)(2 * partsPerMillion + 1)) - partsPerMillion;
        return milliwatts + milliwatts * parts / 1_000_000;
    }

    /// <summary>The finalizer of SplitMix64 (Steele, Lea, Flood 2014).</summary>
    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value += 0x9e3779b97f4a7c15;
            value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
            value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
            return value ^ (value >> 31);
        }
    }
}
