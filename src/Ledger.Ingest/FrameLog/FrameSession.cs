using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// A sender's connection. Its streams have numbers from 0 on, each announced before a frame names it, so that whoever
/// reads the log knows which settlement point a block is of. Numbers of sessions never come again in a log.
/// </summary>
public sealed class FrameSession
{
    private Announced[] inForce = [];
    private int count, arrived;

    internal FrameSession(long number, FrameSender? sender = null) =>
        (Number, Sender, IsSenderUnsaid) = (number, sender, sender is not null);

    public long Number { get; }

    /// <summary>Who sends; null where nobody is asked.</summary>
    public FrameSender? Sender { get; }

    /// <summary>Whether the log is to say who sends before it takes anything else.</summary>
    internal bool IsSenderUnsaid { get; set; }

    /// <summary>The frame that says who sends, once it is written.</summary>
    private Announced? said;

    /// <summary>Streams announced so far: 0 up to this number.</summary>
    public int Streams { get; private set; }

    /// <summary>Whether it takes no frames any more.</summary>
    internal bool IsEnded { get; set; }

    /// <summary>An announcing frame that was written, and when it was received.</summary>
    internal sealed record Announced(CheckedFrame Frame, long ReceivedAtMicroseconds, int Order);

    /// <summary>Refuses a frame that names a stream which nobody announced, or that is too dense.</summary>
    internal void Accept(in CheckedFrame frame)
    {
        if (frame.Bytes.IsEmpty) throw new ArgumentException("the frame was not checked", nameof(frame));
        if (IsEnded) throw new InvalidOperationException($"session {Number} has ended");
        if (frame.Refused is { } refused) throw refused;
        if (frame.Head.Kind == FrameKind.Announce && frame.FirstStream > Streams)
            throw Refused("first stream", frame.FirstStream, "streams are announced from 0 on, without a gap");
        if (frame.Head.Kind != FrameKind.Announce && frame.HighestStream >= Streams)
            throw Refused("stream", frame.HighestStream, "announced in this session before");
    }

    internal void Accepted(in CheckedFrame frame)
    {
        if (frame.Head.Kind == FrameKind.Announce) Streams = Math.Max(Streams, frame.HighestStream + 1);
    }

    /// <summary>Keeps an announcing frame for the segments to come, and lets go of those that it makes void.</summary>
    internal void Written(CheckedFrame frame, long receivedAtMicroseconds)
    {
        var needed = frame.HighestStream + 1;
        if (needed > inForce.Length) Array.Resize(ref inForce, Math.Max(needed, 2 * inForce.Length));
        count = Math.Max(count, needed);
        inForce.AsSpan(frame.FirstStream..needed).Fill(new(frame.Kept(), receivedAtMicroseconds, arrived++));
    }

    /// <summary>Keeps what says who sends for the segments to come.</summary>
    internal void WrittenSender(CheckedFrame frame, long receivedAtMicroseconds) =>
        said = new(frame.Kept(), receivedAtMicroseconds, -1);

    /// <summary>Who sends, and the announcing frames of which an entry is still in force, in their order.</summary>
    internal IEnumerable<Announced> InForce => (said is { } sender ? [sender] : Array.Empty<Announced>())
        .Concat(inForce.Take(count).DistinctBy(announced => announced.Order).OrderBy(announced => announced.Order));

    private static InputRefusedException Refused(string field, long value, string rule) =>
        new(Rejection.MissingField, $"frame.{field}", value.ToString(CultureInfo.InvariantCulture), rule);
}
