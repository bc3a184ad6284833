using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest.Frames;

/// <summary>Where a frame log is kept and how it is cut.</summary>
/// <param name="Folder">Its folder, whose owner the caller is.</param>
/// <param name="SegmentBytesMax">After so many bytes a segment is full, and can be sealed.</param>
/// <param name="BlockBytesMax">What one group commit holds at most, and waits for the disk at most: the log takes twice
/// this memory, and is full when it is.</param>
public sealed record FrameLogOptions(
    string Folder, long SegmentBytesMax = 256L * 1024 * 1024, int BlockBytesMax = 8 * 1024 * 1024)
{
    /// <summary>The folder of a ledger's frame log in its data folder.</summary>
    public const string FolderName = "frames";

    /// <summary>So many sessions at most begin in a segment, give or take a block's: whoever reads a log remembers the
    /// sessions of a segment until it ends, and one that sends few bytes is a session too.</summary>
    public int SegmentSessionsMax { get; init; } = 65_536;

    /// <summary>Opens a file to write through; the default is a file of the operating system's.</summary>
    public Func<string, Stream> OpenFile { get; init; } = SegmentFiles.WriteThrough;

    /// <summary>Told each block, in order, when it is on the disk and before its frames are acknowledged; on the log's
    /// thread, which waits. The block's memory is used again afterwards.</summary>
    public Action<FrameBlock>? Written { get; init; }

    /// <summary>Numbers of sessions begin above this one: some may have been given that nothing was written
    /// of.</summary>
    public long SessionsAbove { get; init; }

    /// <summary>Told once, when the log can write no more and takes no further frame.</summary>
    public Action<FrameLogStoppedException>? Stopped { get; init; }
}

/// <summary>
/// The evidence of high-rate power: frames as they were received, in blocks of one group commit each, in segments
/// (docs/frame-format.md). What is acknowledged is on the disk. A log that is open has what was acknowledged: what a
/// crash tore off its end is cut, and damage anywhere before is refused with file and byte. One owner writes; readers
/// need no lock (<see cref="FrameLogReader"/>).
/// </summary>
public sealed class FrameLog : IDisposable
{
    private const int TicksPerMicrosecond = 10;
    private readonly FrameLogOptions options;
    private readonly object gate = new();
    private readonly Thread writer;
    private readonly FrameLogHead head;
    private readonly SortedDictionary<long, FrameSession> sessions = [];
    private readonly AnnouncedStreams announced = new();
    private BlockBuffer open, spare;
    private FrameLogStoppedException? stopped;
    private bool isClosing;
    private long lastSession;

    // What follows is the writing thread's.
    private Stream file;
    private int segment;
    private long begun, end, writtenSession, sessionsBefore;
    private byte[] chain;
    private readonly List<FrameBlock> carriedOver = [];

    private FrameLog(FrameLogOptions options, FrameLogHead head, FrameLogEnd found)
    {
        (this.options, this.head) = (options, head);
        (segment, end, chain, writtenSession) = (found.Segment, found.End, found.Chain, found.LastSession);
        (lastSession, begun) = (Math.Max(writtenSession, options.SessionsAbove), SegmentHead.Bytes);
        sessionsBefore = found.SessionsBefore;
        file = options.OpenFile(SegmentFiles.Raw(options.Folder, segment));
        file.SetLength(end);
        file.Position = end;
        (open, spare) = (new(options.BlockBytesMax), new(options.BlockBytesMax));
        writer = new Thread(WriteBlocks) { IsBackground = true, Name = "frame log" };
        writer.Start();
    }

    /// <summary>Opens a log or makes a new one; throws <see cref="FrameLogDamagedException"/> where it is not what was
    /// acknowledged, and changes nothing then.</summary>
    public static FrameLog Open(FrameLogOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BlockBytesMax, Limits.FrameBytesMax + 64);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.BlockBytesMax, FrameBlockHead.BodyBytesMax);
        DurableFiles.CreateDirectory(options.Folder);
        SegmentSealing.Finish(options.Folder);
        var isNew = SegmentFiles.Numbers(options.Folder).Count == 0;
        var head = new FrameLogHead(options.OpenFile(Path.Combine(options.Folder, FrameLogHead.FileName)), isNew);
        try
        {
            if (isNew || FrameLogEnd.IsUnbegun(options.Folder, head.Now))
                Begin(options, new(0, 0, head.Now.Chain)).Dispose();
            var found = FrameLogEnd.Find(options.Folder, head.Now);
            // Whole blocks after the acknowledged end are kept, so from now on they count like all others: also those
            // that an earlier process could not bring to the disk.
            var end = head.Now.End;
            foreach (var number in SegmentFiles.Numbers(options.Folder).Where(number => number >= end.Segment))
                DurableFiles.WriteAgain(SegmentFiles.Raw(options.Folder, number),
                    number == end.Segment ? end.Offset : 0);
            if (!found.Chain.AsSpan().SequenceEqual(head.Now.Chain))
                head.Write(new(new(found.Segment, found.End), found.Chain));
            return new(options, head, found);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>A new session, whose number no other session of this log has.</summary>
    /// <param name="sender">Who sends, which is the first that the log says of it; null: it says nothing.</param>
    public FrameSession StartSession(FrameSender? sender = null)
    {
        lock (gate)
        {
            var session = new FrameSession(++lastSession, sender);
            sessions.Add(session.Number, session);
            return session;
        }
    }

    /// <summary>Ends a session: what it announced is not repeated in later segments.</summary>
    public void EndSession(FrameSession session)
    {
        lock (gate)
        {
            if (stopped is not null || isClosing || session.IsEnded) return;
            session.IsEnded = true;
            open.End(session);
            Monitor.Pulse(gate);
        }
    }

    /// <summary>
    /// Checks a frame, throws <see cref="InputRefusedException"/> where it breaks a rule, and appends it.
    /// </summary>
    public bool TryAppend(
        ReadOnlyMemory<byte> frame, FrameSession session, Instant receivedAt, out ValueTask<FrameAddress> durable) =>
        TryAppend(CheckedFrame.Check(frame), session, receivedAt, out durable);

    /// <summary>
    /// Takes a frame to be written; false, and nothing taken, where the log is full: the sender has to wait
    /// (HTTP 429, gRPC RESOURCE_EXHAUSTED). The bytes are copied. Throws <see cref="InputRefusedException"/> for a
    /// stream that the session has not announced, <see cref="FrameLogStoppedException"/> once the log cannot write.
    /// </summary>
    /// <param name="frame">The frame, checked; its memory has not changed since.</param>
    /// <param name="session">Whose frame it is.</param>
    /// <param name="receivedAt">When it was received; kept in whole µs.</param>
    /// <param name="durable">The address of its block, once that is on the disk; the frame may be acknowledged then.
    /// Fails with <see cref="FrameLogStoppedException"/> where it could not be written.</param>
    public bool TryAppend(
        in CheckedFrame frame, FrameSession session, Instant receivedAt, out ValueTask<FrameAddress> durable)
    {
        var at = receivedAt.ToUnixTimeTicks() / TicksPerMicrosecond;
        var entries = FrameSession.Entries(frame);
        lock (gate)
        {
            if (stopped is not null) throw stopped;
            ObjectDisposedException.ThrowIf(isClosing, this);
            session.Accept(frame, entries);
            durable = default;
            var more = Math.Max(0, frame.HighestStream + 1 - session.Streams);
            if (!announced.HasRoomFor(more, session.Sender)) return false;
            if (session is { IsSenderUnsaid: true, Sender: { } sender })
            {
                if (!open.TryAdd(sender.ToFrame(at), session.Number, at)) return false;
                session.IsSenderUnsaid = false;
            }
            if (!open.TryAdd(frame, session.Number, at)) return false;
            session.Accepted(entries);
            announced.Add(more, session.Sender);
            durable = new(open.Done.Task);
            Monitor.Pulse(gate);
            return true;
        }
    }

    /// <summary>The blocks from one address to another, both included, verified; for reading beside the log.</summary>
    public IEnumerable<FrameBlock> Read(FrameAddress from, FrameAddress to) => Reader.Read(from, to);

    /// <summary>Reads what the log has acknowledged.</summary>
    public FrameLogReader Reader => new(options.Folder);

    /// <summary>How far the log is acknowledged.</summary>
    public AcknowledgedFrames Acknowledged => head.Now;

    /// <summary>
    /// Seals the full segments that are not sealed yet, oldest first: each is compressed, read back, compared byte by
    /// byte, and only then gone in its first form. Takes processor time; one caller at a time.
    /// </summary>
    /// <param name="cancel">Looked at before each segment.</param>
    /// <param name="most">So many segments at most.</param>
    public IReadOnlyList<SealedFile> SealFullSegments(CancellationToken cancel = default, int most = int.MaxValue) =>
        SegmentSealing.SealAll(options.Folder, head.Now.End.Segment, most, cancel);

    private void WriteBlocks()
    {
        while (true)
        {
            BlockBuffer block;
            lock (gate)
            {
                while (open.IsEmpty && !isClosing) Monitor.Wait(gate);
                if (open.IsEmpty) return;
                block = open;
                (open, spare) = (spare, open);
            }
            try
            {
                if (block.HasFrames) block.Done.SetResult(Write(block));
                foreach (var session in block.Ended)
                    lock (gate)
                        if (sessions.Remove(session.Number)) announced.Add(-session.Streams, session.Sender);
                block.Clear();
            }
            catch (Exception cause) // whatever it is, nothing more can be promised
            {
                Stop(cause, block);
                return;
            }
        }
    }

    /// <summary>Stops for good: everyone who waits, and everyone who comes, is told.</summary>
    private void Stop(Exception cause, BlockBuffer inWriting)
    {
        lock (gate)
        {
            stopped = new FrameLogStoppedException(cause);
            inWriting.Done.TrySetException(stopped);
            open.Done.TrySetException(stopped);
        }
        options.Stopped?.Invoke(stopped);
    }

    private FrameAddress Write(BlockBuffer block)
    {
        // However much a segment repeats, it takes as much of its own before the next one repeats that.
        if (end > begun && end - begun >= begun - SegmentHead.Bytes
            && (end + block.Length > options.SegmentBytesMax
                || writtenSession - sessionsBefore >= options.SegmentSessionsMax)) Roll();
        var written = Append(block, isCarried: false);
        head.Write(new(new(segment, end), chain));
        Remember(written);
        foreach (var carried in carriedOver) options.Written?.Invoke(carried);
        carriedOver.Clear();
        options.Written?.Invoke(written);
        return written.Address;
    }

    private FrameBlock Append(BlockBuffer block, bool isCarried)
    {
        var written = block.Finish(new FrameAddress(segment, end), chain, isCarried);
        file.Write(written.Bytes.Span);
        end += written.Bytes.Length;
        chain = written.ChainAfter.ToArray();
        return written;
    }

    /// <summary>Keeps what the block announces, for the segments to come.</summary>
    private void Remember(FrameBlock block)
    {
        foreach (var frame in block.Frames)
        {
            writtenSession = Math.Max(writtenSession, frame.Session);
            if (!block.Head.Has(FrameKind.Announce) && !block.Head.Has(FrameKind.Sender)) continue;
            var kind = FrameReader.Open(frame.Bytes.Span).Head.Kind;
            if (kind is not (FrameKind.Announce or FrameKind.Sender)) continue;
            lock (gate)
                if (!sessions.TryGetValue(frame.Session, out var session)) continue;
                else if (kind == FrameKind.Announce)
                    session.Written(CheckedFrame.Check(frame.Bytes), frame.ReceivedAtMicroseconds);
                else session.WrittenSender(CheckedFrame.OfSender(frame.Bytes), frame.ReceivedAtMicroseconds);
        }
    }

    /// <summary>Begins the next segment with the announcements that are in force.</summary>
    private void Roll()
    {
        file.Dispose();
        file = Begin(options, new(segment + 1, writtenSession, chain));
        (segment, end, sessionsBefore) = (segment + 1, SegmentHead.Bytes, writtenSession);
        var carried = new BlockBuffer(options.BlockBytesMax);
        FrameSession[] going;
        lock (gate) going = [.. sessions.Values];
        foreach (var session in going)
            foreach (var (frame, receivedAt) in session.InForce())
                if (!carried.TryAdd(frame, session.Number, receivedAt))
                {
                    Carry(carried);
                    carried.TryAdd(frame, session.Number, receivedAt);
                }
        if (carried.HasFrames) Carry(carried);
        begun = end;
    }

    /// <summary>Whoever follows the log is told of it with the next block, when it is acknowledged.</summary>
    private void Carry(BlockBuffer carried)
    {
        var block = Append(carried, isCarried: true);
        carriedOver.Add(block.CopiedInto(new byte[block.Bytes.Length]));
        carried.Clear();
    }

    private static Stream Begin(FrameLogOptions options, SegmentHead head)
    {
        var file = options.OpenFile(SegmentFiles.Raw(options.Folder, head.Number));
        try
        {
            file.Write(head.Write());
            DurableFiles.SyncDirectory(options.Folder);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes what was taken, and closes.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            isClosing = true;
            Monitor.Pulse(gate);
        }
        writer.Join();
        file.Dispose();
        head.Dispose();
    }
}
