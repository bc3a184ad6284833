using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// What the frame log as a whole says of each settlement point, found in one reading of it: how its samples were
/// declared and from which block on, how many there are, and since when a clock that dated them is seen to be ahead or
/// not set. It holds a few numbers of each point, and the sessions of one segment of the log.
/// </summary>
internal sealed class LoggedStreams
{
    /// <summary>A clock is taken for wrong by the engine from <see cref="Limits.ClockSkewMs"/> on, by a line through
    /// several messages; half of that in one message is enough to let it be so.</summary>
    private const long AheadMicroseconds = Limits.ClockSkewMs * 1000L / 2;

    private readonly PowerSample[] room = new PowerSample[Limits.SamplesPerBlockMax];
    private readonly Dictionary<SettlementPointId, Logged> points = [];
    private Dictionary<long, Session> sessions = [], before = [];

    private LoggedStreams() { }

    /// <summary>The first segment that the log has; null where it has none.</summary>
    public int? FirstSegment { get; private set; }

    /// <summary>Reads a log to its acknowledged end; null where it cannot be read, of which its own verification
    /// tells.</summary>
    public static LoggedStreams? Of(FrameLogReader log)
    {
        var found = new LoggedStreams();
        try
        {
            foreach (var block in log.ReadAll()) found.Take(block);
            return found;
        }
        catch (Exception damaged) when (damaged is FrameLogDamagedException or IOException)
        {
            return null;
        }
    }

    /// <summary>Whether a point was declared so at an address of the log or before it.</summary>
    public bool IsDeclared(SettlementPointId point, (SampleSemantics, long) declared, FrameAddress upto) =>
        points.GetValueOrDefault(point)?.Declared.TryGetValue(declared, out var since) == true && since <= upto;

    /// <summary>Whether a clock that dated samples of a point was seen to be ahead, or not set, at an address or before
    /// it.</summary>
    public bool HasWrongClock(SettlementPointId point, FrameAddress upto) =>
        points.GetValueOrDefault(point)?.WrongSince is { } since && since <= upto;

    /// <summary>Samples of all points that are more than somebody counts of them.</summary>
    public long SamplesBeside(IReadOnlyDictionary<SettlementPointId, long> counted) =>
        points.Sum(one => Math.Max(0, one.Value.Samples - counted.GetValueOrDefault(one.Key)));

    private void Take(FrameBlock block)
    {
        FirstSegment ??= block.Address.Segment;
        // What is in force is announced again at the beginning of each segment; other sessions are over.
        if (block.Address.Offset == SegmentHead.Bytes) (before, sessions) = (sessions, []);
        foreach (var frame in block.Frames) Take(frame, block.Address);
    }

    private void Take(LoggedFrame frame, FrameAddress block)
    {
        var reader = FrameReader.Open(frame.Bytes.Span);
        if (reader.Head.Kind == FrameKind.Sender) return; // which the ledger itself writes
        var session = SessionOf(frame.Session);
        if (reader.Head.SentAtMicroseconds - frame.ReceivedAtMicroseconds > AheadMicroseconds
            || reader.Head.SentAtMicroseconds < ClockEstimate.UnsetBeforeMicroseconds) session.IsWrong(block);
        if (reader.Head.Kind == FrameKind.Announce)
            while (reader.TryRead(out Announcement announced)) session.Announce(announced, Of(announced.Point), block);
        if (reader.Head.Kind != FrameKind.Samples) return;
        while (reader.TryRead(room, out var samples))
        {
            if (session.Of(samples.Stream) is not { } point) continue;
            point.Samples += samples.Count;
            if (reader.Times.Earliest < ClockEstimate.UnsetBeforeMicroseconds
                || reader.Times.Latest - frame.ReceivedAtMicroseconds > AheadMicroseconds) point.WrongSince ??= block;
        }
    }

    private Session SessionOf(long number)
    {
        if (!sessions.TryGetValue(number, out var session))
            sessions[number] = session = new(before.GetValueOrDefault(number)?.HasWrongClock ?? false);
        return session;
    }

    private Logged Of(SettlementPointId point)
    {
        if (!points.TryGetValue(point, out var logged)) points[point] = logged = new();
        return logged;
    }

    private sealed class Logged
    {
        public Dictionary<(SampleSemantics, long), FrameAddress> Declared { get; } = [];
        public long Samples { get; set; }
        public FrameAddress? WrongSince { get; set; }
    }

    private sealed class Session(bool hasWrongClock)
    {
        private readonly List<Logged?> streams = [];

        public bool HasWrongClock { get; private set; } = hasWrongClock;

        public Logged? Of(int stream) => stream < streams.Count ? streams[stream] : null;

        public void Announce(Announcement announced, Logged point, FrameAddress block)
        {
            while (streams.Count <= announced.Stream) streams.Add(null);
            streams[announced.Stream] = point;
            point.Declared.TryAdd((announced.Semantics, announced.NominalPeriodMicroseconds), block);
            if (HasWrongClock) point.WrongSince ??= block;
        }

        public void IsWrong(FrameAddress block)
        {
            HasWrongClock = true;
            foreach (var point in streams)
                if (point is not null) point.WrongSince ??= block;
        }
    }
}
