using NodaTime;

namespace Ledger.Cli.Demonstration;

/// <summary>A clock that stands where it is set, so that when something was recorded comes from the seed too.</summary>
public sealed class SimulatedClock(Instant start) : IClock
{
    private Instant now = start;

    public Instant GetCurrentInstant() => now;

    /// <summary>Sets it forward; it never goes back.</summary>
    public void Set(Instant at) => now = at >= now
        ? at : throw new ArgumentException($"{at} is before {now}", nameof(at));
}
