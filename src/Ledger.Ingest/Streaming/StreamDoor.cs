using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>What became of a frame.</summary>
public enum FrameTaken
{
    /// <summary>It will be durable when its task is done.</summary>
    Taken = 1,
    /// <summary>It came before with the same bytes: durable already, or about to be with the first one.</summary>
    Again = 2,
    /// <summary>The log is full; nothing was taken, and the sender has to wait.</summary>
    Full = 3,
    /// <summary>Its samples are given up; that they are will be durable when its task is done.</summary>
    GivenUp = 4,
}

/// <summary>
/// One sender's connection. Frames come in the order of their numbers; a number that comes again with the same bytes
/// has no second effect. One caller at a time.
/// </summary>
public sealed class StreamDoor : IDisposable
{
    /// <summary>Frames that are remembered, to recognise one that is sent again.</summary>
    private const int Remembered = 64;

    private readonly FrameLog log;
    private readonly FrameSession session;
    private readonly IClock clock;
    private readonly StreamMetrics metrics;
    private readonly Queue<(long Sequence, ulong Print, ValueTask<FrameAddress> Durable)> recent = new(Remembered);

    internal StreamDoor(FrameLog log, FrameSession session, byte[] tokenKey, IClock clock, StreamMetrics metrics)
    {
        (this.log, this.session, this.clock, this.metrics) = (log, session, clock, metrics);
        Token = SessionToken.Of(tokenKey, session.Number);
    }

    /// <summary>The session's number in the log.</summary>
    public long Session => session.Number;

    /// <summary>What shows a later connection to be of the same sender.</summary>
    public string Token { get; }

    /// <summary>The highest number taken; -1 before the first.</summary>
    public long LastSequence { get; private set; } = -1;

    /// <summary>
    /// Takes a frame. Throws <see cref="InputRefusedException"/> where it breaks a rule, also where its number came
    /// before with other bytes, and <see cref="FrameLogStoppedException"/> once the log cannot write.
    /// </summary>
    public FrameTaken Take(ReadOnlyMemory<byte> frame, out long sequence, out ValueTask<FrameAddress> durable)
    {
        var read = CheckedFrame.Check(frame);
        sequence = read.Head.Sequence;
        return Take(read, out durable);
    }

    /// <summary>The same of a frame that is checked, so that one that waits for room is read once.</summary>
    public FrameTaken Take(in CheckedFrame frame, out ValueTask<FrameAddress> durable)
    {
        var sequence = frame.Head.Sequence;
        if (sequence <= LastSequence && Before(sequence, FrameFingerprint.Of(frame.Bytes.Span), out durable))
            return FrameTaken.Again;
        if (!TryAppend(frame, frame, out durable)) return FrameTaken.Full;
        metrics.Taken(frame.Samples, frame.Bytes.Length);
        return FrameTaken.Taken;
    }

    /// <summary>
    /// Gives the samples of a frame up, which found no room: the log gets which they were instead, so that a gap has
    /// its cause. Only raw samples are; of another frame, or where the log has no room even for that, it is still
    /// <see cref="FrameTaken.Full"/>.
    /// </summary>
    public FrameTaken GiveUp(in CheckedFrame frame, out ValueTask<FrameAddress> durable)
    {
        durable = default;
        if (frame.Head.Kind != FrameKind.Samples || frame.GivenUp() is not { } instead
            || !TryAppend(instead, frame, out durable)) return FrameTaken.Full;
        metrics.GaveUp(frame.Samples);
        return FrameTaken.GivenUp;
    }

    /// <summary>Appends a frame, or what stands for it, and remembers what was sent.</summary>
    private bool TryAppend(in CheckedFrame written, in CheckedFrame sent, out ValueTask<FrameAddress> durable)
    {
        if (!log.TryAppend(written, session, clock.GetCurrentInstant(), out durable))
        {
            metrics.Full();
            return false;
        }
        durable = durable.Preserve();
        if (recent.Count == Remembered) recent.Dequeue();
        recent.Enqueue((sent.Head.Sequence, FrameFingerprint.Of(sent.Bytes.Span), durable));
        LastSequence = Math.Max(LastSequence, sent.Head.Sequence);
        return true;
    }

    private bool Before(long sequence, ulong print, out ValueTask<FrameAddress> durable)
    {
        durable = default;
        foreach (var one in recent)
        {
            if (one.Sequence != sequence) continue;
            durable = one.Durable;
            return one.Print == print ? true : throw new InputRefusedException(Rejection.EvidenceConflict,
                "frame.sequence", sequence.ToString(System.Globalization.CultureInfo.InvariantCulture),
                "came before with other bytes");
        }
        // It was missing, or it is too long ago to compare: its samples are compared with those that they repeat.
        return false;
    }

    /// <summary>The connection has ended.</summary>
    public void Dispose() => log.EndSession(session);
}
