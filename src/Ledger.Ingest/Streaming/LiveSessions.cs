using System.Collections.Concurrent;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// The sessions of which frames may still come. A segment of the log begins by repeating what is announced in the
/// sessions that go on; of any other one nothing comes any more, so it is forgotten, and only how far it came is
/// remembered, for the senders that may connect again. One thread changes it.
/// </summary>
internal sealed class LiveSessions
{
    /// <summary>Ended sessions of which it is remembered how far they came.</summary>
    public const int EndedMax = 65_536;

    private readonly ConcurrentDictionary<long, LiveSession> live = [];
    private readonly ConcurrentDictionary<long, long> ended = [];
    private readonly Queue<long> endedInOrder = [];
    private readonly HashSet<long> carried = [];
    private int segment = -1;
    private bool isBeginning;

    public int Count => live.Count;

    /// <summary>The highest frame of a session so far; -1 where there is none, or it ended too long ago.</summary>
    public long LastSequenceOf(long session) =>
        live.TryGetValue(session, out var known) ? known.LastSequence : ended.GetValueOrDefault(session, -1);

    /// <param name="isCutOff">Whether it began before what is read of the log.</param>
    public LiveSession Of(long session, bool isCutOff = false)
    {
        if (!live.TryGetValue(session, out var known))
            live[session] = known = new(session) { IsCutOff = isCutOff };
        return known;
    }

    /// <inheritdoc cref="LiveSession.Resolve"/>
    public void Resolve(PointDirectory points)
    {
        foreach (var session in live.Values) session.Resolve(points);
    }

    /// <summary>The log is read from amid a segment, whose sessions were told.</summary>
    public void BeginAmid(int number) => segment = number;

    /// <summary>A block comes next: where it is the first after those that repeat, other sessions are over.</summary>
    public void Reach(FrameBlock block)
    {
        if (block.Address.Segment != segment)
        {
            (segment, isBeginning) = (block.Address.Segment, true);
            carried.Clear();
        }
        if (!isBeginning) return;
        if (block.Head.IsCarried)
        {
            foreach (var frame in block.Frames) carried.Add(frame.Session);
            return;
        }
        isBeginning = false;
        foreach (var session in live.Keys)
            if (!carried.Contains(session)) Forget(session);
        // What goes together only because of a session that is over goes apart again.
        foreach (var session in live.Values) session.Part();
        foreach (var session in live.Values) session.Join();
    }

    private void Forget(long session)
    {
        if (!live.TryGetValue(session, out var over)) return;
        // Whoever asks meanwhile finds it in one of both.
        ended[session] = over.LastSequence;
        over.Part();
        live.TryRemove(session, out _);
        endedInOrder.Enqueue(session);
        if (endedInOrder.Count > EndedMax) ended.TryRemove(endedInOrder.Dequeue(), out _);
    }
}
