namespace Ledger.Ingest.Frames;

/// <summary>
/// A block that is being filled, in memory that is taken once: frames are copied in, so their senders may use theirs
/// again, and when it has no room for one the log is full. All that wait for it wait for one answer.
/// </summary>
internal sealed class BlockBuffer(int bodyBytesMax)
{
    /// <summary>Session, receipt and length of a frame, in bytes.</summary>
    private const int EntryHeadBytesMax = 9 + 8 + 3;

    private readonly byte[] bytes = new byte[FrameBlockHead.Bytes + bodyBytesMax];
    private readonly List<FrameSession> ended = [];
    private readonly List<LoggedFrame> frames = [];
    private int length = FrameBlockHead.Bytes;
    private long receivedAt, earliest = long.MaxValue, latest = long.MinValue;
    private long samples;
    private byte kinds;

    /// <summary>Samples of one block: a moment's work for whoever integrates it, however few bytes they are.</summary>
    private const long SamplesMax = 8L * 1024 * 1024;

    public bool IsEmpty => frames.Count == 0 && ended.Count == 0;
    public bool HasFrames => frames.Count > 0;
    public int Length => length;
    /// <summary>Sessions that need nothing carried after this block.</summary>
    public IReadOnlyList<FrameSession> Ended => ended;
    public TaskCompletionSource<FrameAddress> Done { get; private set; } = NewDone();

    public bool TryAdd(in CheckedFrame frame, long session, long receivedAtMicroseconds)
    {
        if (bytes.Length - length < EntryHeadBytesMax + frame.Bytes.Length
            || samples + frame.Samples > SamplesMax) return false;
        samples += frame.Samples;
        if (frames.Count == 0) receivedAt = receivedAtMicroseconds;
        length += FrameNumbers.Write(bytes.AsSpan(length), (ulong)session);
        length += FrameNumbers.WriteSigned(bytes.AsSpan(length), receivedAtMicroseconds - receivedAt);
        length += FrameNumbers.Write(bytes.AsSpan(length), (ulong)frame.Bytes.Length);
        frame.Bytes.Span.CopyTo(bytes.AsSpan(length));
        frames.Add(new(session, receivedAtMicroseconds, bytes.AsMemory(length, frame.Bytes.Length)));
        length += frame.Bytes.Length;
        (earliest, latest) = (Math.Min(earliest, frame.EarliestMicroseconds),
            Math.Max(latest, frame.LatestMicroseconds));
        kinds |= (byte)(1 << (int)frame.Head.Kind);
        return true;
    }

    public void End(FrameSession session) => ended.Add(session);

    /// <summary>The finished block at its address; its memory is used again after <see cref="Clear"/>.</summary>
    public FrameBlock Finish(FrameAddress address, byte[] chainBefore, bool isCarried)
    {
        var block = bytes.AsSpan(0, length);
        var head = new FrameBlockHead(length - FrameBlockHead.Bytes, receivedAt, earliest, latest, frames.Count, kinds,
            isCarried);
        head.Write(block);
        var digest = FrameBlock.Digested(block);
        digest.CopyTo(block[FrameBlockHead.DigestAt..]);
        FrameBlock.Chained(chainBefore, digest).CopyTo(block[FrameBlockHead.ChainAt..]);
        return FrameBlock.Finished(address, head, bytes.AsMemory(0, length), chainBefore, frames, samples);
    }

    public void Clear()
    {
        ended.Clear();
        frames.Clear();
        (length, samples, earliest, latest, kinds) = (FrameBlockHead.Bytes, 0, long.MaxValue, long.MinValue, 0);
        Done = NewDone();
    }

    private static TaskCompletionSource<FrameAddress> NewDone() =>
        new(TaskCreationOptions.RunContinuationsAsynchronously);
}
