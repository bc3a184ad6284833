namespace Ledger.Domain;

/// <summary>Samples with the times at which they count, and what is known of the clock that dated them.</summary>
public readonly record struct PlacedSamples(PowerSample[] Samples, TimeExtent Times, ClockEstimate Clock);

/// <summary>Samples that count nowhere: how many, and the time that the first of them bears (Unix µs).</summary>
public readonly record struct UnplacedSamples(long Count, long FirstMicroseconds)
{
    /// <summary>These and one more.</summary>
    public UnplacedSamples And(long atMicroseconds) => And(new UnplacedSamples(1, atMicroseconds));

    /// <summary>These and more that came later.</summary>
    public UnplacedSamples And(UnplacedSamples more) => Count == 0 ? more : this with { Count = Count + more.Count };
}

/// <summary>
/// Where a sample of a stream counts, told from its time, from what is known of the sender's clock, and from when its
/// frame was sent and received. It keeps its time while the sender's clock is off by no more than
/// <see cref="Limits.ClockSkewMs"/>. Else the time is corrected, and its period is suspect: by how far the sender's
/// clock is ahead; by what a clock that nobody had set showed, where a frame of the same session said so; and by how
/// far it lies behind the sending of its frame, because no sample is measured after it was sent. Wherever it is placed,
/// it lies at most <see cref="BehindMaxMicroseconds"/> before its receipt and <see cref="AheadMaxMicroseconds"/> after
/// it, or it counts nowhere. Of one frame all this is a function of that frame and of the sender's clock, so that the
/// log says the same from wherever it is read.
/// </summary>
public static class SamplePlacing
{
    /// <summary>What a sample may be dated after it was received, in µs, before that is taken for another clock than
    /// the sender's: an hour, as of files. A station's clock that is minutes ahead behind a right gateway is kept as it
    /// is, because nothing tells it from one that is minutes behind.</summary>
    public const long AheadMaxMicroseconds = 3_600_000_000;

    /// <summary>How long a sample may take to be received, in µs: a year. Every period from it on may have to be told,
    /// and a clock that shows an earlier year was not set.</summary>
    public const long BehindMaxMicroseconds = 366L * 86_400_000_000;

    /// <summary>The rule that what counts nowhere breaks, for whoever sent it.</summary>
    public const string Rule = "a sample counts from 366 days before its frame was received to an hour after it, "
        + "where a wrong clock dated it only while its stream waits for it, and "
        + "one before 2015, of a clock that nobody had set, by a frame of its session that was sent by that clock";

    /// <summary>Whether samples of these times count where they are dated, all of them.</summary>
    public static bool AreAsDated(in TimeExtent times, in ClockEstimate clock, long receivedAt) =>
        !clock.IsSuspect && AsDated(receivedAt) is var may && times.Earliest >= may.Earliest
        && times.Latest <= may.Latest;

    /// <summary>The times, both included, that a sample may bear which counts where it is dated.</summary>
    public static TimeExtent AsDated(long receivedAt) => new(
        Math.Max(receivedAt - BehindMaxMicroseconds, ClockEstimate.UnsetBeforeMicroseconds),
        receivedAt + AheadMaxMicroseconds);

    /// <summary>Whether a frame by itself proves that its sender's clock is ahead by more than a clock may be off: it
    /// was sent after it was received. What the session shows of the clock is no less, because the estimate lies below
    /// the fastest message, so none of its samples counts where it is dated.</summary>
    public static bool IsAhead(long sentAt, long receivedAt) =>
        sentAt > receivedAt && IntervalRecords.IsClockSuspect(sentAt - receivedAt);

    /// <summary>Places samples, in parts of one correction each, whose clock has its offset. Those in none of them
    /// count nowhere.</summary>
    public static IReadOnlyList<PlacedSamples> Place(ReadOnlySpan<PowerSample> samples, in ClockEstimate clock,
        long sentAt, long receivedAt, out UnplacedSamples unplaced)
    {
        var ahead = clock.IsSuspect ? clock.AheadMicroseconds : 0;
        var (dated, unset, beyond) = (new List<PowerSample>(), new List<PowerSample>(), new List<PowerSample>());
        var (earliest, latest) = (receivedAt - BehindMaxMicroseconds, receivedAt + AheadMaxMicroseconds);
        unplaced = default;
        foreach (var (at, power) in samples)
        {
            var isUnset = at < ClockEstimate.UnsetBeforeMicroseconds;
            var counts = isUnset ? at - (clock.UnsetAheadMicroseconds ?? 0) : at - ahead;
            if (counts < earliest || (isUnset && (clock.UnsetAheadMicroseconds is null || counts > latest)))
                unplaced = unplaced.And(at);
            else (isUnset ? unset : counts > latest ? beyond : dated).Add(new(counts, power));
        }
        var parts = new List<PlacedSamples>();
        // What was read of an unset clock was read before it was set.
        Add(parts, unset, clock, clock.UnsetAheadMicroseconds ?? 0);
        Add(parts, dated, clock, clock.AheadMicroseconds);
        if (beyond.Count == 0) return parts;

        var sent = sentAt - ahead is var told && told <= receivedAt && told >= earliest ? told : receivedAt;
        var later = beyond.Max(sample => sample.AtMicroseconds) - sent;
        foreach (var (at, _) in beyond)
            if (at - later < earliest) unplaced = unplaced.And(at + ahead);
        Add(parts, [.. beyond.Where(sample => sample.AtMicroseconds - later >= earliest)
            .Select(sample => sample with { AtMicroseconds = sample.AtMicroseconds - later })], clock, ahead + later);
        return parts;
    }

    private static void Add(
        List<PlacedSamples> parts, List<PowerSample> placed, in ClockEstimate clock, long ahead)
    {
        if (placed.Count == 0) return;
        var samples = placed.ToArray();
        parts.Add(new(samples, TimeExtent.Of(samples), clock with { AheadMicroseconds = ahead }));
    }
}
