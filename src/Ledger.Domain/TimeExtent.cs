namespace Ledger.Domain;

/// <summary>The earliest and the latest of some instants, both included, in Unix µs.</summary>
public readonly record struct TimeExtent(long Earliest, long Latest)
{
    /// <summary>The times of samples, at least one.</summary>
    public static TimeExtent Of(ReadOnlySpan<PowerSample> samples) => CurveLook.Extent(samples);
}
