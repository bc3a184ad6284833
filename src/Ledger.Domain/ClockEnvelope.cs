namespace Ledger.Domain;

/// <summary>
/// What is known of a sender's clock: how far it is ahead (behind where negative, by no more than
/// <see cref="Limits.ClockSkewMs"/>) and how uncertain that is, in µs, and how fast it gains in millionths.
/// <paramref name="UnsetAheadMicroseconds"/> is how far it was ahead, always by
/// decades behind, while nobody had set it since it started; null where it was never seen so.
/// </summary>
public readonly record struct ClockEstimate(
    long AheadMicroseconds, long DriftPpm, long BoundMicroseconds, long? UnsetAheadMicroseconds = null)
{
    /// <summary>A clock of which nothing is known is taken to be right.</summary>
    public static readonly ClockEstimate None;

    /// <summary>Whether its times are corrected before a period is chosen by them.</summary>
    public bool IsSuspect => IntervalRecords.IsClockSuspect(AheadMicroseconds);

    /// <summary>A time before 2015, in Unix µs, when no sender of streams existed, is of a clock that was not set:
    /// such clocks begin in 1970, 1980 or 2000.</summary>
    public const long UnsetBeforeMicroseconds = 1_420_070_400_000_000;
}

/// <summary>
/// Estimates a sender's clock from when messages were sent, by it, and received, by us. A message takes time and never
/// less than none, so of a window's messages the fastest says most; the line below the fastest of the last windows, as
/// near to them as it can be (the edge of their lower convex hull below their middle), is the clock's offset and its
/// slope the drift. What all messages take cannot be seen from one side: it is inside the bound only where a round trip
/// was measured. So a clock that is ahead is proven, and one that is behind is not: where even the fastest message
/// seems to have taken longer than a clock may be off, it has waited (a sender was cut off, a gateway stores and
/// forwards), the clock is taken to be right, and the wait is its bound. Nothing of a sender's own time is ever changed
/// by this.
/// </summary>
public sealed class ClockEnvelope
{
    /// <summary>Length of a window, in µs of our time.</summary>
    public const long WindowMicroseconds = 60_000_000;

    /// <summary>Windows that the line is drawn under.</summary>
    public const int WindowsMax = 16;

    /// <summary>A step of more than this, in µs, is a jump and no drift.</summary>
    public const long JumpMicroseconds = Limits.ClockSkewMs * 1000L;

    private const int PartsPerMillion = 1_000_000;
    private const byte Layout = 1;

    /// <summary>
    /// What a line says lies within this, in µs, which is further than any clock can be off: two messages whose times
    /// are decades apart may be received within a millisecond, and the line through them is as steep as can be. A delay
    /// is less than a tenth of what is left to 64 bits, so that sums with it fit into them too.
    /// </summary>
    private const long LineMost = long.MaxValue - (1L << 56);

    private readonly List<(long At, long Delay)> fastest = new(WindowsMax);
    private long windowStart, bestAt, bestDelay = long.MaxValue;
    private long? unsetAhead, roundTrip;

    /// <summary>How often the clock jumped.</summary>
    public int Jumps { get; private set; }

    /// <summary>
    /// Takes note of a message; returns by how much the clock has jumped since, forward where positive, else null. A
    /// jump that puts it ahead is proven by one message, one back from there only when all of a window's came late by
    /// as much. Between messages that waited and messages that did not, nothing has jumped.
    /// </summary>
    public long? Observe(long sentAt, long receivedAt)
    {
        if (sentAt < ClockEstimate.UnsetBeforeMicroseconds)
        {
            var ahead = sentAt - receivedAt;
            // Another start of the clock shows as a step back; within one start the fastest message says most.
            unsetAhead = unsetAhead is { } known && ahead > known - JumpMicroseconds ? Math.Max(known, ahead) : ahead;
            return null;
        }
        var delay = receivedAt - sentAt;
        long? jump = null;
        if (bestDelay != long.MaxValue && receivedAt - windowStart >= WindowMicroseconds) jump = CloseWindow();
        if (Expected(receivedAt) is { } expected && delay < expected - JumpMicroseconds)
        {
            if (delay < -JumpMicroseconds) jump = Jumped(expected - delay);
            Restart();
        }
        // Windows are minutes of our time, so that they are the same from whichever message on they are told.
        if (bestDelay == long.MaxValue) windowStart = receivedAt - receivedAt % WindowMicroseconds;
        if (delay < bestDelay) (bestAt, bestDelay) = (receivedAt, delay);
        return jump;
    }

    /// <summary>A round trip that began and ended here: half of it is how far a one-way delay can hide an
    /// offset.</summary>
    public void RoundTrip(long microseconds) =>
        roundTrip = Math.Min(roundTrip ?? long.MaxValue, Math.Max(0, microseconds));

    /// <summary>What is known of the clock by now.</summary>
    public ClockEstimate Estimate()
    {
        if (bestDelay == long.MaxValue) return ClockEstimate.None with { UnsetAheadMicroseconds = unsetAhead };
        var points = Points();
        var (a, b) = EdgeBelowMiddle(points);
        var bound = 0L;
        // A window that has only begun may have had no fast message yet.
        foreach (var (at, delay) in fastest) bound = Math.Max(bound, delay - Line(a, b, at));
        var drift = b.At == a.At ? 0 : Within(
            Energy.DivideHalfEven((Int128)(b.Delay - a.Delay) * PartsPerMillion, b.At - a.At), long.MaxValue);
        bound = Within((Int128)bound + (roundTrip ?? 0) / 2, LineMost);
        var took = Line(a, b, points[^1].At);
        return took > JumpMicroseconds
            ? new(0, 0, Within((Int128)took + bound, LineMost), unsetAhead)
            : new(-took, -drift, bound, unsetAhead);
    }

    /// <summary>The state as bytes: a restored one behaves the same.</summary>
    public byte[] Save()
    {
        var writer = new StateWriter();
        writer.Byte(Layout);
        writer.Int64(windowStart);
        writer.Int64(bestAt);
        writer.Int64(bestDelay);
        writer.Optional(unsetAhead);
        writer.Optional(roundTrip);
        writer.Int32(Jumps);
        writer.Int32(fastest.Count);
        foreach (var (at, delay) in fastest)
        {
            writer.Int64(at);
            writer.Int64(delay);
        }
        return writer.ToArray();
    }

    /// <summary>Throws <see cref="InvalidDataException"/> for anything but what <see cref="Save"/> gave.</summary>
    public static ClockEnvelope Restore(ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        reader.Expect(Layout);
        var envelope = new ClockEnvelope
        {
            windowStart = reader.Int64(),
            bestAt = reader.Int64(),
            bestDelay = reader.Int64(),
            unsetAhead = reader.Optional(),
            roundTrip = reader.Optional(),
            Jumps = reader.Int32(),
        };
        for (var left = reader.Count(16); left > 0; left--) envelope.fastest.Add((reader.Int64(), reader.Int64()));
        reader.End();
        return envelope;
    }

    private long? CloseWindow()
    {
        var point = (At: bestAt, Delay: bestDelay);
        long? jump = null;
        if (fastest.Count > 0)
        {
            var (a, b) = EdgeBelowMiddle(fastest);
            if (Line(a, b, point.At) is var expected && point.Delay - expected > JumpMicroseconds)
            {
                if (expected < -JumpMicroseconds) jump = Jumped(expected - point.Delay);
                Restart();
            }
        }
        if (fastest.Count == WindowsMax) fastest.RemoveAt(0);
        fastest.Add(point);
        bestDelay = long.MaxValue;
        return jump;
    }

    private long Jumped(long microseconds)
    {
        Jumps++;
        return microseconds;
    }

    private void Restart()
    {
        fastest.Clear();
        bestDelay = long.MaxValue;
    }

    /// <summary>The delay that the fastest message should have at an instant; null before the first.</summary>
    private long? Expected(long at)
    {
        if (bestDelay == long.MaxValue && fastest.Count == 0) return null;
        var (a, b) = EdgeBelowMiddle(Points());
        return Line(a, b, at);
    }

    private List<(long At, long Delay)> Points() =>
        bestDelay == long.MaxValue ? fastest : [.. fastest, (bestAt, bestDelay)];

    private static ((long At, long Delay) A, (long At, long Delay) B) EdgeBelowMiddle(
        List<(long At, long Delay)> points)
    {
        var hull = new List<(long At, long Delay)>(points.Count);
        Int128 sum = 0;
        foreach (var point in points)
        {
            sum += point.At;
            while (hull.Count > 1 && IsAbove(hull[^2], hull[^1], point)) hull.RemoveAt(hull.Count - 1);
            hull.Add(point);
        }
        var middle = (long)(sum / points.Count);
        for (var i = 1; i < hull.Count; i++)
            if (hull[i].At >= middle) return (hull[i - 1], hull[i]);
        return (hull[0], hull[^1]);
    }

    private static bool IsAbove((long At, long Delay) a, (long At, long Delay) b, (long At, long Delay) c) =>
        (Int128)(b.Delay - a.Delay) * (c.At - a.At) >= (Int128)(c.Delay - a.Delay) * (b.At - a.At);

    private static long Line((long At, long Delay) a, (long At, long Delay) b, long at) => a.At == b.At ? a.Delay
        : Within(a.Delay + Energy.DivideHalfEven((Int128)(b.Delay - a.Delay) * (at - a.At), b.At - a.At), LineMost);

    private static long Within(Int128 value, long most) => (long)Int128.Clamp(value, -(Int128)most, most);
}
