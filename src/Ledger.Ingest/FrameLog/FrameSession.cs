using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// A sender's connection. Its streams have numbers from 0 on, each announced before a frame names it, so that whoever
/// reads the log knows which settlement point a block is of. Numbers of sessions never come again in a log.
/// </summary>
public sealed class FrameSession
{
    // What it has announced as taken, which is ahead of what is written.
    private readonly List<SettlementPointId> points = [];
    private readonly Dictionary<SettlementPointId, int> streamOf = [];
    // As written: an entry for each stream, and the newest frame of them.
    private readonly List<Announcement> inForce = [];
    private FrameHead newest;
    private long newestReceived;

    internal FrameSession(long number, FrameSender? sender = null) =>
        (Number, Sender, IsSenderUnsaid) = (number, sender, sender is not null);

    public long Number { get; }

    /// <summary>Who sends; null where nobody is asked.</summary>
    public FrameSender? Sender { get; }

    /// <summary>Whether the log is to say who sends before it takes anything else.</summary>
    internal bool IsSenderUnsaid { get; set; }

    /// <summary>The frame that says who sends, once it is written.</summary>
    private Said? said;

    /// <summary>Streams announced so far: 0 up to this number.</summary>
    public int Streams => points.Count;

    /// <summary>Whether it takes no frames any more.</summary>
    internal bool IsEnded { get; set; }

    /// <summary>A frame that a segment repeats, and when what it says was received.</summary>
    internal readonly record struct Said(CheckedFrame Frame, long ReceivedAtMicroseconds);

    /// <summary>What a frame announces; nothing where it is of another kind.</summary>
    internal static IReadOnlyList<Announcement> Entries(in CheckedFrame frame)
    {
        if (frame.Head.Kind != FrameKind.Announce) return [];
        var entries = new List<Announcement>(frame.Head.Entries);
        var reader = frame.Open();
        while (reader.TryRead(out Announcement entry)) entries.Add(entry);
        return entries;
    }

    /// <summary>Refuses a frame that names a stream which nobody announced, that is too dense, or that gives a point a
    /// second stream: so what a session costs is bounded by the points of its sender.</summary>
    internal void Accept(in CheckedFrame frame, IReadOnlyList<Announcement> entries)
    {
        if (frame.Bytes.IsEmpty) throw new ArgumentException("the frame was not checked", nameof(frame));
        if (IsEnded) throw new InvalidOperationException($"session {Number} has ended");
        if (frame.Refused is { } refused) throw refused;
        if (frame.Head.Kind == FrameKind.Announce && frame.FirstStream > Streams)
            throw Refused("first stream", frame.FirstStream, "streams are announced from 0 on, without a gap");
        if (frame.Head.Kind != FrameKind.Announce && frame.HighestStream >= Streams)
            throw Refused("stream", frame.HighestStream, "announced in this session before");
        for (var i = 0; i < entries.Count; i++)
            if (streamOf.TryGetValue(entries[i].Point, out var stream)
                && (stream < frame.FirstStream || stream > frame.HighestStream))
                throw new InputRefusedException(Rejection.NamedTwice,
                    string.Create(CultureInfo.InvariantCulture, $"frame.entries[{i}].point"), entries[i].Point.Value,
                    string.Create(CultureInfo.InvariantCulture,
                        $"a point has one stream in a session, and this one has stream {stream}"));
    }

    /// <summary>Takes note of what was taken.</summary>
    internal void Accepted(IReadOnlyList<Announcement> entries)
    {
        foreach (var entry in entries)
        {
            if (entry.Stream == points.Count) points.Add(entry.Point);
            // The frame may have given it another stream already.
            else if (streamOf.GetValueOrDefault(points[entry.Stream], -1) == entry.Stream)
                streamOf.Remove(points[entry.Stream]);
            points[entry.Stream] = entry.Point;
            streamOf[entry.Point] = entry.Stream;
        }
    }

    /// <summary>Keeps what is announced for the segments to come, in place of what it makes void.</summary>
    internal void Written(in CheckedFrame frame, long receivedAtMicroseconds)
    {
        foreach (var entry in Entries(frame))
            if (entry.Stream == inForce.Count) inForce.Add(entry);
            else inForce[entry.Stream] = entry;
        (newest, newestReceived) = (frame.Head, receivedAtMicroseconds);
    }

    /// <summary>Keeps what says who sends for the segments to come.</summary>
    internal void WrittenSender(CheckedFrame frame, long receivedAtMicroseconds) =>
        said = new(frame.Kept(), receivedAtMicroseconds);

    /// <summary>Who sends, and what is announced and in force, in one frame or as many as it needs, with the number and
    /// the times of the newest one that announced.</summary>
    internal IEnumerable<Said> InForce()
    {
        if (said is { } sender) yield return sender;
        for (var next = 0; next < inForce.Count;) yield return new(Repeated(ref next), newestReceived);
    }

    private CheckedFrame Repeated(ref int next)
    {
        var buffer = new byte[Math.Min(Limits.FrameBytesMax,
            FrameWriter.HeadBytesMax + ((inForce.Count - next) * FrameWriter.AnnouncementBytesMax))];
        var frame = FrameWriter.Announce(buffer, newest.Sequence, newest.SentAtMicroseconds, next);
        while (next < inForce.Count && frame.TryAdd(inForce[next])) next++;
        return CheckedFrame.Check(buffer.AsMemory(0, frame.Finish()));
    }

    private static InputRefusedException Refused(string field, long value, string rule) =>
        new(Rejection.MissingField, $"frame.{field}", value.ToString(CultureInfo.InvariantCulture), rule);
}
