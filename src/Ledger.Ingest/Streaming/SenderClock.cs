using Ledger.Domain;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// The clock of a session's sender, as its frames tell it. What is known of a clock that is off places its samples, and
/// follows from frames of before: so it says from which block on the log has to be read for it to be known again. It
/// remembers no more than that: of a clock that is ahead the minutes that its estimate rests on, and of one that nobody
/// had set a day.
/// </summary>
internal sealed class SenderClock
{
    /// <summary>How long it is known what an unset clock showed, in µs, after it was shown last: a day, which is as
    /// long as a period may wait to be final.</summary>
    private const long UnsetKnownMicroseconds = 86_400_000_000;

    private readonly ClockEnvelope envelope = new();
    private List<(long Minute, BlockPlace Place)>? off; // the minutes in which it was seen to be off, the latest ones
    private long unsetAt = long.MinValue;

    public ClockEstimate Estimate { get; private set; } = ClockEstimate.None;

    /// <summary>From which block on its frames tell how far it is off; null where it is right.</summary>
    public BlockPlace? From => off?[0].Place;

    /// <summary>Takes note of when a frame was sent, by it, and received; whether it jumped.</summary>
    public bool Observe(long sentAt, long receivedAt, BlockPlace place)
    {
        var jumped = envelope.Observe(sentAt, receivedAt) is not null;
        Estimate = envelope.Estimate();
        var isUnset = sentAt < ClockEstimate.UnsetBeforeMicroseconds;
        if (isUnset) unsetAt = receivedAt;
        else if (Estimate.UnsetAheadMicroseconds is not null && receivedAt - unsetAt > UnsetKnownMicroseconds)
            Estimate = Estimate with { UnsetAheadMicroseconds = null };
        if (isUnset || Estimate.IsSuspect) Remember(receivedAt / ClockEnvelope.WindowMicroseconds, place);
        else if (Estimate.UnsetAheadMicroseconds is null) off = null;
        return jumped;
    }

    private void Remember(long minute, BlockPlace place)
    {
        off ??= [];
        if (off.Count == 0 || off[^1].Minute != minute) off.Add((minute, place));
        // The last one is of the window that is not closed yet.
        while (off.Count > ClockEnvelope.WindowsMax + 1) off.RemoveAt(0);
    }
}
