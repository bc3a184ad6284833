using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// A period about which a step has something to record, and the block from which on its evidence begins.
/// </summary>
/// <param name="Sender">Who sent it, where the log says so.</param>
/// <param name="IsDerived">Whether samples of it came too late to be summed: it is derived from the log, unless a wrong
/// clock dated some of them.</param>
internal readonly record struct DuePeriod(
    LiveStream Stream, CurvePeriod Step, BlockPlace From, FrameSender? Sender, bool IsDerived = false)
{
    /// <summary>The settlement day that it is of. It is asked once, when the period is posted: a point that is given
    /// another zone before it is recorded may have none for it.</summary>
    public LocalDate Day { get; init; }
}

/// <summary>
/// One block of the log is one step: its frames are integrated, several sessions at a time, and when all are in, what
/// is closed at each stream's watermark is finished. Sessions that announced the same stream are one part of the work,
/// in the order of the log, and a block that announces something is a single one. So a record depends on the log alone,
/// however many threads there are, and the same steps are taken while frames arrive and when the log is read again.
/// </summary>
internal sealed class BlockStep(PointDirectory points, int workers)
{
    /// <summary>Fewer bytes than this are integrated without a second thread.</summary>
    private const int BytesForOneWorker = 16 * 1024;

    /// <summary>Streams that are looked ahead at together: as many as a processor fetches at one time, twice.</summary>
    private const int ForeseenBlocks = 24;

    private readonly LiveSessions sessions = new();
    private readonly List<LiveSession> work = [];
    private readonly Worker[] team = [.. Enumerable.Range(0, workers).Select(_ => new Worker())];
    private long number, streams;

    /// <summary>Points that were announced and have no stream, by the frames of the block that was taken
    /// last.</summary>
    public List<RefusedAnnouncement> Refused { get; } = [];

    /// <summary>Samples that count nowhere, by their streams and senders.</summary>
    public Dictionary<(LiveStream, FrameSender?), RefusedSamples> Unplaced { get; } = [];

    /// <summary>Samples of the block that was taken last which the ledger had given up.</summary>
    public GivenUpSamples GivenUp { get; private set; }

    /// <inheritdoc cref="LiveSessions.LastSequenceOf"/>
    public long LastSequenceOf(long session) => sessions.LastSequenceOf(session);

    /// <summary>Sessions of which frames may still come.</summary>
    public int Sessions => sessions.Count;

    /// <summary>Samples integrated so far.</summary>
    public long Samples => team.Sum(worker => worker.Samples);

    /// <summary>Takes what was announced before the first block, in its segment: of these sessions not every frame is
    /// seen.</summary>
    public void Announced(IReadOnlyList<LoggedFrame> frames, FrameAddress first)
    {
        if (frames.Count > 0) sessions.BeginAmid(first.Segment);
        foreach (var frame in frames)
        {
            var reader = FrameReader.Open(frame.Bytes.Span);
            var session = sessions.Of(frame.Session, isCutOff: true);
            if (reader.Head.Kind == FrameKind.Sender) Say(session, ref reader);
            else Announce(session, ref reader, frame, null, team[0]);
        }
    }

    /// <summary>Takes a block, and gives what is finished by it, in the order of the points' names.</summary>
    public IReadOnlyList<DuePeriod> Take(FrameBlock block, BlockPlace place)
    {
        number++;
        sessions.Reach(block);
        if (block.Head.Has(FrameKind.Announce))
            foreach (var frame in block.Frames)
            {
                var session = sessions.Of(frame.Session);
                session.Resolve(points);
                Take(session, frame, block.Head, place, team[0]);
            }
        else Divide(block, place);
        if (points.Created != streams)
        {
            streams = points.Created;
            sessions.Resolve(points);
        }
        GivenUp = default;
        foreach (var worker in team) GivenUp += worker.TakeGivenUp();
        return Finish(place, block.Head.ReceivedAtMicroseconds, block.Bytes.Length);
    }

    /// <summary>A later time has come without a block: streams that are idle are complete.</summary>
    public IReadOnlyList<DuePeriod> Advance(long now, BlockPlace last)
    {
        number++;
        foreach (var stream in points.Streams)
        {
            if (now < stream.WakesAt) continue;
            lock (stream.Gate)
            {
                stream.Advance(now, team[0].Scratch);
                if (stream.Curve.MayHaveStep(now)) team[0].Touch(stream, number);
            }
        }
        return Finish(last, now, int.MaxValue);
    }

    /// <summary>Takes the frames of a block, by several threads where they are of sessions that have nothing in
    /// common.</summary>
    private void Divide(FrameBlock block, BlockPlace place)
    {
        foreach (var frame in block.Frames)
        {
            var session = sessions.Of(frame.Session);
            var first = session.First;
            if (first.InBlock.Count == 0) work.Add(first);
            first.InBlock.Add((session, frame));
        }
        Share(work.Count, block.Bytes.Length, (i, worker) =>
        {
            foreach (var (session, frame) in work[i].InBlock) Take(session, frame, block.Head, place, worker);
        });
        foreach (var first in work) first.InBlock.Clear();
        work.Clear();
    }

    private IReadOnlyList<DuePeriod> Finish(BlockPlace place, long now, int bytes)
    {
        // In most blocks no period ends.
        if (Array.Exists(team, worker => worker.HasTouched))
            Share(team.Length, bytes, (i, _) => team[i].Finish(place, now));
        var due = new List<DuePeriod>();
        Refused.Clear();
        foreach (var worker in team) worker.Take(due, Refused, Unplaced);
        due.Sort(InOrder);
        return due;
    }

    /// <summary>What finishes a period comes before what derives it again: late samples that are known at once make no
    /// second version.</summary>
    private static int InOrder(DuePeriod a, DuePeriod b) =>
        a.Stream.Point.CompareTo(b.Stream.Point) is var byPoint && byPoint != 0 ? byPoint
        : a.Step.Period.Start.CompareTo(b.Step.Period.Start) is var byStart && byStart != 0 ? byStart
        : a.Step.Step.CompareTo(b.Step.Step) is var byStep && byStep != 0 ? byStep
        // Of a period that was declared in two ways one is recorded, whichever thread had it.
        : (a.Stream.Declaration.Semantics, a.Stream.Declaration.NominalMicroseconds)
            .CompareTo((b.Stream.Declaration.Semantics, b.Stream.Declaration.NominalMicroseconds));

    /// <summary>Does the parts of a work, each by one worker; small work by one alone.</summary>
    private void Share(int parts, int bytes, Action<int, Worker> act)
    {
        var next = -1;
        void Work(Worker worker)
        {
            for (var i = Interlocked.Increment(ref next); i < parts; i = Interlocked.Increment(ref next))
                act(i, worker);
        }

        if (team.Length == 1 || parts < 2 || bytes < BytesForOneWorker) Work(team[0]);
        else Parallel.For(0, team.Length, w => Work(team[w]));
    }

    private void Take(
        LiveSession session, LoggedFrame frame, in FrameBlockHead block, BlockPlace place, Worker worker)
    {
        var reader = FrameReader.OpenChecked(frame.Bytes.Span);
        // What a segment repeats at its beginning was seen, unless the log is read from there.
        if (block.IsCarried && session.LastSequence >= 0) return;
        switch (reader.Head.Kind)
        {
            case FrameKind.Announce:
                if (!block.IsCarried) See(session, reader.Head, frame, place);
                // What is repeated was refused when it came.
                Announce(session, ref reader, frame, block.IsCarried ? null : place, worker);
                break;
            case FrameKind.Sender: // it has no number of the session's
                Say(session, ref reader);
                break;
            case FrameKind.Samples:
                Integrate(session, ref reader, frame, (place, block.ReceivedAtMicroseconds), worker);
                break;
            case FrameKind.Shed or FrameKind.GivenUp:
                See(session, reader.Head, frame, place);
                Shed(session, ref reader, worker);
                break;
            default: // what vehicles said is evidence, and changes no energy
                See(session, reader.Head, frame, place);
                break;
        }
    }

    private static void See(LiveSession session, in FrameHead head, LoggedFrame frame, BlockPlace place)
    {
        if (session.See(head, frame.ReceivedAtMicroseconds, head.SentAtMicroseconds, place)) session.Found([]);
    }

    private static void Say(LiveSession session, ref FrameReader reader)
    {
        while (reader.TryRead(out FrameSender? sender)) session.Sender = sender;
    }

    /// <param name="block">Which block has the frame; null where what it announces in vain was refused before.</param>
    private void Announce(
        LiveSession session, ref FrameReader reader, LoggedFrame frame, BlockPlace? block, Worker worker)
    {
        RefusedAnnouncement? refused = null;
        while (reader.TryRead(out Announcement announced))
        {
            var stream = points.Find(announced);
            if (stream is not null && session[announced.Stream] != stream)
                lock (stream.Gate) stream.Interrupted(frame.ReceivedAtMicroseconds);
            if (stream is null && block is not null)
                (refused ??= new(session.Number, session.Sender, block)).Add(announced.Point);
            session.Announce(announced, stream);
        }
        if (refused is not null) worker.Refused.Add(refused);
    }

    private void Integrate(LiveSession session, ref FrameReader reader, in LoggedFrame frame,
        (BlockPlace Place, long Now) block, Worker worker)
    {
        var isSeen = false;
        HashSet<LiveStream>? found = null;
        var left = 0;
        FrameReceipt receipt = default;
        while (reader.TryRead(worker.Columns, out var read))
        {
            var samples = worker.Room.AsSpan(0, read.Count);
            reader.Copy(worker.Columns, samples);
            var times = reader.Times;
            if (!isSeen)
            {
                if (session.See(reader.Head, frame.ReceivedAtMicroseconds, times.Earliest, block.Place))
                    found = Found(session, frame, worker.FoundColumns);
                receipt = new(block.Place, session.Clock.From ?? block.Place, session.Clock.Estimate,
                    reader.Head.SentAtMicroseconds, frame.ReceivedAtMicroseconds);
                isSeen = true;
            }
            worker.Samples += samples.Length;
            if (session[read.Stream] is not { } stream) continue;
            if (--left < 0) (left, worker.Foreseen) = Foresee(session, read.Stream, reader, worker.Foreseen);
            lock (stream.Gate)
            {
                stream.Sender = session.Sender;
                var unplaced = stream.Take(samples, times, receipt, worker.Scratch);
                if (unplaced.Count > 0) worker.Add(new(stream, session.Sender, unplaced, block.Place, block.Place));
                if (stream.Curve.MayHaveStep(block.Now)) worker.Touch(stream, number);
            }
            session.Sampled(times.Latest);
        }
        if (found is not null) session.Found(found);
    }

    /// <summary>A frame that was missing has come: each of its streams is told from when to when it has samples of
    /// it.</summary>
    private static HashSet<LiveStream> Found(
        LiveSession session, in LoggedFrame frame, BlockColumns columns)
    {
        var extents = new Dictionary<LiveStream, TimeExtent>();
        var reader = FrameReader.OpenChecked(frame.Bytes.Span);
        while (reader.TryRead(columns, out var read))
            if (session[read.Stream] is { } stream)
                extents[stream] = extents.TryGetValue(stream, out var known) ? known.And(reader.Times) : reader.Times;
        foreach (var (stream, times) in extents)
            lock (stream.Gate) stream.Found(times.Earliest, times.Latest);
        return [.. extents.Keys];
    }

    /// <summary>Looks ahead at the streams that most likely come next, and says for how many blocks that is
    /// enough.</summary>
    private static (int Blocks, long Seen) Foresee(LiveSession session, int stream, in FrameReader reader, long seen)
    {
        var blocks = Math.Min(ForeseenBlocks, reader.Head.Entries - reader.Read);
        for (var next = stream + 1; next <= stream + blocks; next++) seen ^= session[next]?.Foresee() ?? 0;
        return (blocks, seen);
    }

    private static void Shed(LiveSession session, ref FrameReader reader, Worker worker)
    {
        var isOurs = reader.Head.Kind == FrameKind.GivenUp;
        while (reader.TryRead(out ShedSamples shed))
        {
            if (isOurs) worker.GivenUp += GivenUpSamples.Of(shed);
            if (session[shed.Stream] is { } stream)
                lock (stream.Gate)
                    stream.Curve.Missing(GapCause.PendingDrop, shed.FirstMicroseconds, shed.LastMicroseconds);
        }
    }

    /// <summary>What one thread works with, and what it found.</summary>
    private sealed class Worker
    {
        private readonly List<LiveStream> touched = [];
        private readonly List<DuePeriod> due = [];

        public CurveScratch Scratch { get; } = new();
        public BlockColumns Columns { get; } = new();
        public BlockColumns FoundColumns { get; } = new();
        public PowerSample[] Room { get; } = new PowerSample[Limits.SamplesPerBlockMax];
        public List<RefusedAnnouncement> Refused { get; } = [];
        public Dictionary<(LiveStream, FrameSender?), RefusedSamples> Unplaced { get; } = [];
        public long Samples { get; set; }
        public GivenUpSamples GivenUp { get; set; }
        /// <summary>Keeps what is looked at ahead from being left out as unused.</summary>
        public long Foreseen { get; set; }

        public GivenUpSamples TakeGivenUp()
        {
            var taken = GivenUp;
            GivenUp = default;
            return taken;
        }

        public bool HasTouched => touched.Count > 0;

        public void Touch(LiveStream stream, long number)
        {
            if (stream.Touched == number) return;
            stream.Touched = number;
            touched.Add(stream);
        }

        /// <summary>Finishes what is closed in the streams that it touched.</summary>
        public void Finish(BlockPlace place, long now)
        {
            foreach (var stream in touched)
                lock (stream.Gate)
                    while (stream.Curve.TryTake(now, Scratch, out var step))
                    {
                        var start = PowerCurve.Microseconds(step.Period.Start);
                        due.Add(new(stream, step, stream.Began(start) ?? place, stream.SenderOf(start),
                            stream.IsDerived(step)));
                        stream.Note(step);
                    }
            touched.Clear();
        }

        public void Add(RefusedSamples unplaced) => RefusedSamples.Add(Unplaced, unplaced);

        public void Take(List<DuePeriod> all, List<RefusedAnnouncement> refused,
            Dictionary<(LiveStream, FrameSender?), RefusedSamples> unplaced)
        {
            all.AddRange(due);
            due.Clear();
            foreach (var more in Unplaced.Values) RefusedSamples.Add(unplaced, more);
            Unplaced.Clear();
            refused.AddRange(Refused);
            Refused.Clear();
        }
    }
}
