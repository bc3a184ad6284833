namespace Ledger.Projections;

/// <summary>
/// How often rows have changed, by groups of keys: whoever keeps what was read of a group sees by its count whether it
/// is still so, without reading. A key's group is the key without the time of day; some groups share a count, which
/// costs a second read and never a wrong answer. A count goes up after the change is stored: who took it before the
/// read, and finds it again, has what is there.
/// </summary>
public sealed class ChangeCounts
{
    private const int Counts = 8192; // a power of two; 64 KiB for any number of points
    private const int DayLength = 10; // 2026-06-01
    private readonly long[] counts = new long[Counts];

    /// <summary>A row was stored or closed.</summary>
    public void Changed(string projection, string key) =>
        Interlocked.Increment(ref counts[Of(projection, GroupOf(key))]);

    /// <summary>Any row may have changed.</summary>
    public void ChangedAll()
    {
        for (var i = 0; i < Counts; i++) Interlocked.Increment(ref counts[i]);
    }

    /// <summary>The changes of the groups of these keys until now.</summary>
    public long Until(string projection, params ReadOnlySpan<string> keys)
    {
        var sum = 0L;
        foreach (var key in keys) sum += Interlocked.Read(ref counts[Of(projection, GroupOf(key))]);
        return sum;
    }

    private static ReadOnlySpan<char> GroupOf(string key) =>
        key.AsSpan(0, Math.Min(key.Length, key.LastIndexOf('|') + 1 + DayLength));

    private static int Of(string projection, ReadOnlySpan<char> group) =>
        HashCode.Combine(projection, string.GetHashCode(group)) & (Counts - 1);
}
