using System.Diagnostics;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What one opened view store knows of a lease: the token under which it writes, and how fresh it
/// is.</summary>
/// <remarks>Asked by the thread that folds while another one writes a batch.</remarks>
public sealed class LeaseToken(long token)
{
    /// <param name="RenewedAt">Of a clock that nobody sets.</param>
    private sealed record Known(string? Holder, long Token, long RenewedAt, Duration Length);

    private volatile Known known = new(null, token, 0, Duration.Zero);

    /// <summary>Whoever takes the lease after this has a higher one.</summary>
    public long Value => known.Token;

    /// <summary>Whether the lease was taken or renewed by this holder so lately that it need not be renewed.</summary>
    public bool IsFresh(string by, Duration length) => known is var now && by == now.Holder
        && Stopwatch.GetElapsedTime(now.RenewedAt).Ticks < Duration.Min(length, now.Length).BclCompatibleTicks / 2;

    /// <summary>The token where this holder took it here; -1, which nobody has, where it was only seen.</summary>
    public long TakenBy(string by) => known is var now && by == now.Holder ? now.Token : -1;

    /// <param name="askedAt">When the store was asked, of <see cref="Stopwatch.GetTimestamp"/>: it answers later.</param>
    public void Held(string by, long token, long askedAt, Duration length) =>
        known = new(by, token, askedAt, length);
}
