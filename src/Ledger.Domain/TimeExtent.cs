namespace Ledger.Domain;

/// <summary>The earliest and the latest of some instants, both included, in Unix µs.</summary>
public readonly record struct TimeExtent(long Earliest, long Latest)
{
    /// <summary>The times of samples, at least one.</summary>
    public static TimeExtent Of(ReadOnlySpan<PowerSample> samples) => CurveLook.Extent(samples);

    /// <summary>The times of these samples and of others.</summary>
    public TimeExtent And(TimeExtent other) =>
        new(Math.Min(Earliest, other.Earliest), Math.Max(Latest, other.Latest));
}
