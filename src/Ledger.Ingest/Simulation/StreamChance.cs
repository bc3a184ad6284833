using System.Runtime.CompilerServices;

namespace Ledger.Ingest.Simulation;

/// <summary>What a draw is for; each purpose has draws of its own, so one more of them moves no other.</summary>
internal enum StreamPurpose
{
    Turn = 1, Session = 2, Noise = 3, Meter = 4, Key = 5, Latency = 6, Clock = 7,
    Gap = 10, Duplicate = 11, Conflict = 12, Reorder = 13, Late = 14, UnsetClock = 15, Reconnect = 16, Shed = 17,
    Lost = 18,
}

/// <summary>
/// Whole numbers drawn one after the other from a seed, a purpose and two numbers that say whose and when: the state
/// steps by a constant and is mixed (SplitMix64: Steele, Lea, Flood 2014). Nothing is kept between two uses, so
/// neither the order of simulation nor the number of threads changes a draw.
/// </summary>
internal struct StreamDraws
{
    private const ulong Golden = 0x9e3779b97f4a7c15;

    private ulong state;

    private StreamDraws(ulong state) => this.state = state;

    public static StreamDraws Of(int seed, StreamPurpose purpose, long whose, long when)
    {
        unchecked
        {
            var mixed = Mix(((ulong)(uint)seed << 32) + (ulong)purpose);
            mixed = Mix(mixed + (ulong)whose * Golden);
            return new StreamDraws(Mix(mixed ^ ((ulong)when * 0xd1342543de82ef95)));
        }
    }

    public ulong Next()
    {
        unchecked
        {
            state += Golden;
            return Mix(state);
        }
    }

    /// <summary>A number from the least to the most, both possible. The remainder's bias, below 2⁻³², is of no
    /// concern to a simulation.</summary>
    public long Between(long least, long most) => least + (long)(Next() % (ulong)(most - least + 1));

    /// <summary>True as often as this many times of a hundred.</summary>
    public bool Happens(int percent) => Between(1, 100) <= percent;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong value)
    {
        unchecked
        {
            value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
            value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
            return value ^ (value >> 31);
        }
    }
}
