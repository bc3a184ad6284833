using System.Diagnostics;
using Google.Protobuf;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming.Wire;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// What a sender has to bring through, in the order in which it was given: frames stay until they are acknowledged, and
/// announcements for as long as the sender lives, because each session begins with them. In the first session a frame
/// has the number that its maker gave it; in a later one frames are numbered from 0 on as they are sent. Not
/// synchronised: the sender has one lock.
/// </summary>
internal sealed class UnacknowledgedFrames(StreamSenderOptions options)
{
    private readonly record struct Waiting(ByteString Bytes, long Sequence, long Sent, long Since, bool IsAnnouncement);

    private readonly List<ByteString> announced = [];
    private Waiting[] ring = new Waiting[64];
    private int first, count, sent, preamble, preambleEnd;
    private long bytes, next, acknowledgedInCall;
    private bool isFirstSession = true;

    public int Count => count;

    /// <summary>The number of the oldest one, by its maker; -1 where there is none.</summary>
    public long OldestSequence => count > 0 ? ring[first].Sequence : -1;

    /// <summary>Whether something is not sent yet.</summary>
    public bool IsMore => sent < count || preamble < preambleEnd;

    public bool HasRoomFor(int length) => count == 0
        || (count < options.FramesInFlightMax && bytes + length <= options.BytesInFlightMax);

    public void Add(ByteString frame)
    {
        var head = FrameReader.Open(frame.Span).Head;
        if (count == ring.Length) Grow();
        At(count++) = new(frame, head.Sequence, -1, Stopwatch.GetTimestamp(), head.Kind == FrameKind.Announce);
        bytes += frame.Length;
    }

    /// <summary>A new call begins: all that is not acknowledged is to be sent again.</summary>
    /// <param name="lastDurable">The highest number of the session before that is on the disk, where that is known.
    /// Frames were written in the order of sending, so all up to the frame of this number are.</param>
    /// <returns>How many frames that shows to be on the disk; nobody was told of them before.</returns>
    public int Begin(long? lastDurable)
    {
        var durable = 0;
        if (lastDurable is { } last)
            for (var i = 0; i < sent && durable == 0; i++)
                if (At(i).Sent == last) durable = i + 1;
        Drop(durable);
        isFirstSession &= sent == 0 && announced.Count == 0 && acknowledgedInCall == 0;
        (sent, preamble, next, acknowledgedInCall) = (0, 0, 0, 0);
        preambleEnd = isFirstSession ? 0 : announced.Count;
        return durable;
    }

    /// <summary>The next message; null where all is sent.</summary>
    public FrameBatch? Next()
    {
        var batch = new FrameBatch();
        var length = 0;
        for (; preamble < preambleEnd && IsOpen(batch, length); preamble++)
        {
            batch.Frame.Add(Numbered(announced[preamble], next++));
            length += announced[preamble].Length;
        }
        for (; sent < count && IsOpen(batch, length); sent++)
        {
            ref var frame = ref At(sent);
            frame = frame with { Sent = isFirstSession ? frame.Sequence : next++ };
            batch.Frame.Add(frame.Sent == frame.Sequence ? frame.Bytes : Numbered(frame.Bytes, frame.Sent));
            length += frame.Bytes.Length;
        }
        return batch.Frame.Count == 0 ? null : batch;
    }

    /// <summary>So many frames of the call are acknowledged, from its first one on; returns how many are new.</summary>
    public int Acknowledge(long frames)
    {
        var isNew = (int)(frames - Math.Max(preamble, acknowledgedInCall));
        acknowledgedInCall = Math.Max(acknowledgedInCall, frames);
        if (isNew <= 0) return 0;
        Drop(isNew);
        sent -= isNew;
        return isNew;
    }

    private bool IsOpen(FrameBatch batch, int length) =>
        batch.Frame.Count < options.FramesPerMessageMax && (batch.Frame.Count == 0 || length < options.MessageBytesMax);

    private static ByteString Numbered(ByteString frame, long sequence) =>
        UnsafeByteOperations.UnsafeWrap(FrameNumbering.Numbered(frame.Span, sequence));

    private void Drop(int frames)
    {
        for (var i = 0; i < frames; i++)
        {
            var frame = ring[first];
            ring[first] = default;
            first = (first + 1) % ring.Length;
            bytes -= frame.Bytes.Length;
            if (frame.IsAnnouncement) announced.Add(frame.Bytes);
            options.Acknowledged?.Invoke(Stopwatch.GetElapsedTime(frame.Since));
        }
        count -= frames;
    }

    private ref Waiting At(int place) => ref ring[(first + place) % ring.Length];

    private void Grow()
    {
        var larger = new Waiting[ring.Length * 2];
        for (var i = 0; i < count; i++) larger[i] = At(i);
        (ring, first) = (larger, 0);
    }
}
