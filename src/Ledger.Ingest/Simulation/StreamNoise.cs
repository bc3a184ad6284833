using System.Collections.Concurrent;
using System.Numerics;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// Noise of power and jitter of time, as sequences that repeat after a known number of samples and whose sums are
/// therefore known for any stretch. A connector adds two sequences of noise, each from a phase of its own, so no two
/// connectors look alike; halving an entry's bits makes the noise smaller.
/// </summary>
internal sealed class StreamNoise
{
    /// <summary>Samples after which the sequences repeat; a power of two.</summary>
    public const int Cycle = 1 << 14;
    /// <summary>Entries lie within ±2 to this power.</summary>
    private const int Bits = 20;
    /// <summary>Noise is at most this part of the power, per thousand, in each of two sequences.</summary>
    private const long PerThousand = 1;

    private readonly ConcurrentDictionary<(bool Second, int Shift), long[]> sums = new();

    public StreamNoise(StreamPlan plan)
    {
        First = Sequence(plan, 0);
        Second = Sequence(plan, 1);
        var unit = plan.TimeUnitMicroseconds;
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Noise, 2, 0);
        JitterMicroseconds = new int[Cycle];
        for (var i = 0; i < Cycle && plan.JitterMs > 0; i++)
            JitterMicroseconds[i] = (int)draws.Between(0, plan.JitterMs * 1000L / unit) * unit;
        JitterSums = Sums(JitterMicroseconds, 0);
    }

    public int[] First { get; }
    public int[] Second { get; }
    /// <summary>How late a sample is taken, in µs: from zero to the plan's jitter.</summary>
    public int[] JitterMicroseconds { get; }
    /// <summary>Sums of the jitter before each entry of the cycle, and of the whole cycle.</summary>
    public long[] JitterSums { get; }

    /// <summary>
    /// How often the entries are halved for a level of power, so that each sequence is about 0.1 % of it at most;
    /// null where that is less than one unit, and there is no noise.
    /// </summary>
    public static int? ShiftFor(long level)
    {
        var most = Math.Abs(level) * PerThousand / 1000;
        return most < 1 ? null : Math.Max(0, Bits - BitOperations.Log2((ulong)most));
    }

    /// <summary>The sum of a sequence's halved entries before the index; an index may be of any cycle.</summary>
    public long SumBefore(bool second, int shift, long index)
    {
        var table = sums.GetOrAdd((second, shift), key => Sums(key.Second ? Second : First, key.Shift));
        return SumBefore(table, index);
    }

    /// <summary>The sum before an index of a sequence that repeats, from its sums within one cycle.</summary>
    public static long SumBefore(long[] sums, long index) =>
        (index >> CycleBits) * sums[Cycle] + sums[index & (Cycle - 1)];

    private static readonly int CycleBits = BitOperations.Log2(Cycle);

    private static long[] Sums(int[] entries, int shift)
    {
        var table = new long[Cycle + 1];
        for (var i = 0; i < Cycle; i++) table[i + 1] = table[i] + (entries[i] >> shift);
        return table;
    }

    private static int[] Sequence(StreamPlan plan, int number)
    {
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Noise, number, 0);
        var entries = new int[Cycle];
        for (var i = 0; i < Cycle; i++) entries[i] = (int)draws.Between(-(1 << Bits), (1 << Bits) - 1);
        return entries;
    }
}
