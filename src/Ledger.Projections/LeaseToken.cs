using System.Diagnostics;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What one opened view store knows of a lease: the token under which it writes, and how fresh it
/// is.</summary>
public sealed class LeaseToken(long token)
{
    private string? holder;
    private long renewedAt; // of a clock that nobody sets

    /// <summary>Whoever takes the lease after this has a higher one.</summary>
    public long Value { get; private set; } = token;

    /// <summary>Whether the lease was taken or renewed by this holder so lately that it need not be renewed.</summary>
    public bool IsFresh(string by, Duration length) => by == holder
        && Stopwatch.GetElapsedTime(renewedAt).Ticks < length.BclCompatibleTicks / 2;

    /// <summary>The token where this holder took it here; -1, which nobody has, where it was only seen.</summary>
    public long TakenBy(string by) => by == holder ? Value : -1;

    /// <param name="askedAt">When the store was asked, of <see cref="Stopwatch.GetTimestamp"/>: it answers later.</param>
    public void Held(string by, long token, long askedAt) => (holder, Value, renewedAt) = (by, token, askedAt);
}
