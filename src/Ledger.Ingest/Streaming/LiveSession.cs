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
    // Announced streams whose curve there is not, as their points are not registered; few sessions have any.
    private Dictionary<int, Announcement>? unresolved;
    private LiveSession? together; // another session whose frames are taken in one order with its own
    private long resolved;
    private readonly MissingNumbers missingNumbers = new();
    private long latestSample = long.MinValue, lastSent = long.MinValue, lastReceived = long.MinValue;

    public long Number => number;

    /// <summary>The highest sequence number so far; -1 before the first frame, which has number 0.</summary>
    public long LastSequence { get; private set; } = -1;

    /// <summary>Whether its first frames are not seen, so that the first that is has no number before it.</summary>
    public bool IsCutOff { get; init; }

    public SenderClock Clock { get; } = new();

    /// <summary>Who sends in it, where the log says so.</summary>
    public FrameSender? Sender { get; set; }

    /// <summary>Frames in the block that is being taken, in the order of the log: its own, and those of the sessions
    /// that go together with it.</summary>
    public List<(LiveSession Session, LoggedFrame Frame)> InBlock { get; } = [];

    /// <summary>
    /// The session that stands for all whose frames are taken in one order, because they have announced the same
    /// streams: what becomes of a stream depends on the order of its samples, and else on which thread is faster.
    /// </summary>
    public LiveSession First
    {
        get
        {
            var first = this;
            while (first.together is { } next) first = next;
            if (first != this) together = first;
            return first;
        }
    }

    public LiveStream? this[int stream] => stream < streams.Count ? streams[stream] : null;

    public IEnumerable<LiveStream> Streams => streams.OfType<LiveStream>();

    public void Announce(Announcement announced, LiveStream? live)
    {
        while (streams.Count <= announced.Stream) streams.Add(null);
        streams[announced.Stream] = live;
        if (live is null) (unresolved ??= [])[announced.Stream] = announced;
        else
        {
            unresolved?.Remove(announced.Stream);
            Share(live);
        }
    }

    /// <summary>Looks for the curves of its streams that had none when they were announced: from then on that there is
    /// one, its samples count in it.</summary>
    public void Resolve(PointDirectory points)
    {
        if (unresolved is not { Count: > 0 } || resolved == points.Created) return;
        resolved = points.Created;
        foreach (var announced in unresolved.Values.ToList())
            if (points.Known(announced) is { } live) Announce(announced, live);
    }

    /// <summary>Forgets which sessions go together with it.</summary>
    public void Part()
    {
        together = null;
        foreach (var stream in Streams) stream.Session = null;
    }

    /// <summary>Finds out which sessions go together with it.</summary>
    public void Join()
    {
        foreach (var stream in Streams) Share(stream);
    }

    private void Share(LiveStream stream)
    {
        if (stream.Session?.First is { } other && other != First) First.together = other;
        stream.Session = this;
    }

    /// <summary>
    /// Takes note of a frame's number and of the sender's clock. A number that is left out is a frame that did not
    /// come, and may yet: true where this one was missing until now.
    /// </summary>
    public bool See(in FrameHead head, long receivedAt, long earliest, BlockPlace place)
    {
        // A frame that was sent at the same instant as the one before, and came no sooner, says nothing of the clock.
        if (head.SentAtMicroseconds != lastSent || receivedAt < lastReceived)
        {
            if (Clock.Observe(head.SentAtMicroseconds, receivedAt, place)) Each(stream => stream.Curve.Missing(
                GapCause.Clock, Math.Min(latestSample, earliest), Math.Max(latestSample, earliest)));
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
