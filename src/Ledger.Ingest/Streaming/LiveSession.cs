using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// What the log says of one sender's session: which settlement point each of its streams is, how its frames are
/// numbered, and how its clock runs. It is the same whenever it is read from the log.
/// </summary>
internal sealed class LiveSession(long number)
{
    private readonly List<LiveStream?> streams = [];
    private readonly MissingNumbers missingNumbers = new();
    private readonly ClockEnvelope clock = new();
    private long latestSample = long.MinValue, lastSent = long.MinValue, lastReceived = long.MinValue;

    public long Number => number;

    /// <summary>The highest sequence number so far; -1 before the first frame, which has number 0.</summary>
    public long LastSequence { get; private set; } = -1;

    /// <summary>Whether its first frames are not seen, so that the first that is has no number before it.</summary>
    public bool IsCutOff { get; init; }

    public ClockEstimate Clock { get; private set; } = ClockEstimate.None;

    /// <summary>Who sends in it, where the log says so.</summary>
    public FrameSender? Sender { get; set; }

    /// <summary>Its frames in the block that is being taken.</summary>
    public List<LoggedFrame> InBlock { get; } = [];

    public LiveStream? this[int stream] => stream < streams.Count ? streams[stream] : null;

    public IEnumerable<LiveStream> Streams => streams.OfType<LiveStream>();

    public void Announce(int stream, LiveStream? live)
    {
        while (streams.Count <= stream) streams.Add(null);
        streams[stream] = live;
    }

    /// <summary>
    /// Takes note of a frame's number and of the sender's clock. A number that is left out is a frame that did not
    /// come, and may yet: true where this one was missing until now.
    /// </summary>
    public bool See(in FrameHead head, long receivedAt, long earliest)
    {
        // A frame that was sent at the same instant as the one before, and came no sooner, says nothing of the clock.
        if (head.SentAtMicroseconds != lastSent || receivedAt < lastReceived)
        {
            if (clock.Observe(head.SentAtMicroseconds, receivedAt) is not null) Each(stream => stream.Curve.Missing(
                GapCause.Clock, Math.Min(latestSample, earliest), Math.Max(latestSample, earliest)));
            Clock = clock.Estimate();
        }
        (lastSent, lastReceived) = (head.SentAtMicroseconds, receivedAt);
        // A number may be as high as a number can be, so nothing is added to it.
        if (head.Sequence > LastSequence && head.Sequence - 1 > LastSequence && !(IsCutOff && LastSequence < 0))
        {
            var missing = head.Sequence - 1 - LastSequence;
            missingNumbers.Add(LastSequence + 1, head.Sequence - 1);
            Each(stream => stream.Lost((int)Math.Min(missing, int.MaxValue)));
        }
        var isFound = head.Sequence <= LastSequence && missingNumbers.Take(head.Sequence);
        LastSequence = Math.Max(LastSequence, head.Sequence);
        return isFound;
    }

    public void Sampled(long latest) => latestSample = Math.Max(latestSample, latest);

    /// <summary>Says of all streams, or of those that a missing frame had no sample of, that one has come.</summary>
    /// <param name="told">Streams that know it already.</param>
    public void Found(ICollection<LiveStream> told) => Each(stream =>
    {
        if (!told.Contains(stream)) stream.Found(long.MinValue, long.MaxValue);
    });

    private void Each(Action<LiveStream> act)
    {
        foreach (var stream in Streams)
            lock (stream.Gate) act(stream);
    }
}
