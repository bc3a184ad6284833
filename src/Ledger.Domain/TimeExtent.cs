namespace Ledger.Domain;

/// <summary>The earliest and the latest of some instants, both included, in Unix µs.</summary>
public readonly record struct TimeExtent(long Earliest, long Latest)
{
    /// <summary>The times of samples, at least one.</summary>
    public static TimeExtent Of(ReadOnlySpan<PowerSample> samples)
    {
        long earliest = samples[0].AtMicroseconds, latest = earliest;
        foreach (var (at, _) in samples) (earliest, latest) = (Math.Min(earliest, at), Math.Max(latest, at));
        return new(earliest, latest);
    }
}
