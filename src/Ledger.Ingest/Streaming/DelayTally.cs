namespace Ledger.Ingest.Streaming;

/// <summary>
/// How long many frames took to be acknowledged, by whole milliseconds up to a minute; what took longer counts as a
/// minute. Several threads may add.
/// </summary>
public sealed class DelayTally
{
    private const int MillisecondsMax = 60_000;
    private readonly long[] counts = new long[MillisecondsMax + 1];

    /// <summary>Adds a delay.</summary>
    public void Add(TimeSpan delay) =>
        Interlocked.Increment(ref counts[(int)Math.Clamp(delay.Ticks / TimeSpan.TicksPerMillisecond, 0,
            MillisecondsMax)]);

    /// <summary>The least whole number of ms that so many percent of the delays do not exceed by one; 0 without any.
    /// </summary>
    public int MillisecondsOf(int percent)
    {
        var (all, seen) = (0L, 0L);
        foreach (var count in counts) all += count;
        for (var ms = 0; ms < counts.Length; ms++)
            if ((seen += counts[ms]) * 100 >= all * percent) return ms;
        return MillisecondsMax;
    }
}
