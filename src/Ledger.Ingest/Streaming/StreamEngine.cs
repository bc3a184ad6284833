using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>How streams are taken in.</summary>
/// <param name="Log">The frame log; by default in the data folder's <c>frames</c>.</param>
public sealed record StreamOptions(FrameLogOptions Log)
{
    /// <summary>Threads that integrate a block.</summary>
    public int Workers { get; init; } = Environment.ProcessorCount;
    /// <summary>Bytes of blocks that may wait to be integrated; with more the log waits, is full, and
    /// refuses.</summary>
    public long BytesQueuedMax { get; init; } = 32L * 1024 * 1024;
    /// <summary>Samples of them that may wait: few bytes may be very many of them.</summary>
    public long SamplesQueuedMax { get; init; } = 32L * 1024 * 1024;
    /// <summary>Finished periods that may wait to be recorded; with more the engine waits. All connectors finish one at
    /// the same instant.</summary>
    public int PeriodsQueuedMax { get; init; } = 1_000_000;
    /// <summary>How often streams that are idle are looked for.</summary>
    public Duration SweepEvery { get; init; } = Duration.FromSeconds(5);
    /// <summary>Whether full segments of the log are sealed as they become full, by a thread that gives way to all
    /// others.</summary>
    public bool SealsFullSegments { get; init; } = true;
    /// <summary>Full segments that may wait to be sealed; with more the engine waits, and senders with it: at a rate
    /// that sealing cannot follow the log would else grow without a bound. 16 GiB by default.</summary>
    public int SegmentsUnsealedMax { get; init; } = 64;
    /// <summary>How long samples that came too late are collected before their periods are derived again, and those
    /// that count nowhere before they are refused.</summary>
    public Duration LateEvery { get; init; } = Duration.FromSeconds(60);
}

/// <summary>
/// The intake of streams: frames go to the log, and are acknowledged when they are on the disk; the blocks of the log
/// are integrated in their order (<see cref="BlockStep"/>), and what they finish is recorded. Nothing that was
/// acknowledged lives in memory alone: after a stop the log is read again from where something was not recorded yet.
/// One engine owns the log of a data folder.
/// </summary>
public sealed class StreamEngine : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(20);

    private readonly StreamOptions options;
    private readonly IClock clock;
    private readonly FrameLog log;
    private readonly PointDirectory points;
    private readonly BlockStep steps;
    private readonly StreamPasses passes;
    private readonly LowWater lowWater;
    private readonly SessionNumbers numbers;
    private readonly BlockQueue blocks;
    private readonly Thread integrating;
    private readonly TaskCompletionSource faulted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly StreamMetrics metrics;
    private readonly Recorder recorder;
    private readonly Principal by;
    private readonly byte[] tokenKey;
    private readonly AcknowledgedFrames found;
    private readonly PointNews news;
    private readonly SegmentSealer? sealer;
    private BlockPlace? latest;
    private Instant swept, refused;
    private FrameAddress unsaid; // what does not count of blocks before it was refused on record
    private readonly ConcurrentQueue<(Instant Now, TaskCompletionSource Done)> asks = new();
    private volatile bool isClosing, isReplayed;
    private int waiting;
    private long written, integrated;

    private StreamEngine(StreamOptions options, Recorder recorder, EvidenceArchive evidence, IMediator commands,
        Principal by, byte[] secret, IClock clock)
    {
        (this.options, this.recorder, this.by, this.clock) = (options, recorder, by, clock);
        metrics = new(() => waiting);
        points = new(recorder);
        steps = new(points, options.Workers);
        lowWater = new(options.Log.Folder, recorder.Journal, secret);
        blocks = new(options.BytesQueuedMax, options.SamplesQueuedMax);
        numbers = new(options.Log.Folder);
        log = FrameLog.Open(options.Log with
        {
            Written = Written,
            Stopped = cause => faulted.TrySetException(cause),
            SessionsAbove = numbers.Given,
        });
        found = log.Acknowledged;
        tokenKey = SessionToken.KeyOf(secret, options.Log.Folder);
        passes = new(options, recorder, evidence, commands, by, log.Reader, metrics);
        news = new(recorder.Journal, points, PointChanges, Fail);
        sealer = options.SealsFullSegments ? new(log, options.SegmentsUnsealedMax, Fail) : null;
        integrating = new Thread(Integrate) { IsBackground = true, Name = "streams" };
        integrating.Start();
    }

    /// <summary>Opens the streams of a data folder, whose owner the caller is, and goes on where they were.</summary>
    public static StreamEngine Open(StreamOptions options, Recorder recorder, EvidenceArchive evidence,
        IMediator commands, Principal by, byte[] secret, IClock clock) =>
        new(options, recorder, evidence, commands, by, secret, clock);

    /// <summary>Has the next start read the log of a folder from its beginning: for whoever lets its journal go on
    /// without facts that had been made of it.</summary>
    public static void ReadAllAgain(string logFolder) => LowWater.Forget(logFolder);

    /// <summary>From which block on a log is needed for records that are not final or not recorded yet; null where that
    /// is not known, and all of it may be.</summary>
    public static FrameAddress? NeededFrom(string logFolder, IJournal journal, byte[] secret) =>
        new LowWater(logFolder, journal, secret).Read()?.Needed;

    /// <summary>Fails when the log or the journal cannot write any more: nothing can be promised then.</summary>
    public Task Faulted => faulted.Task;

    public FrameLog Log => log;

    /// <summary>Settlement points whose streams are known.</summary>
    public int StreamCount => points.Count;

    /// <summary>Points whose master data have become others: what was announced of them may be somebody else's
    /// now.</summary>
    public PointChanges PointChanges { get; } = new();

    /// <summary>Sessions of which frames may still come; one that is over is forgotten at the beginning of a later
    /// segment.</summary>
    public int SessionCount => steps.Sessions;

    /// <summary>When the newest sample of a point was taken; null where it streams nothing.</summary>
    public Instant? NewestOf(SettlementPointId point) =>
        points.NewestOf(point) is { } microseconds ? Instant.FromUnixTimeTicks(microseconds * 10) : null;

    /// <summary>Samples integrated since the start.</summary>
    public long Samples => steps.Samples;

    /// <summary>A sender's new connection.</summary>
    /// <param name="who">Who was admitted, which the log says before his first frame; null, or the ledger's own
    /// operator, who has no role: nobody's name is needed.</param>
    public StreamDoor Connect(Principal? who = null)
    {
        var session = log.StartSession(who is { Role: not null } ? new(who.Party, who.Actor) : null);
        numbers.SetAside(session.Number);
        return new(log, session, tokenKey, clock, metrics);
    }

    /// <summary>Whether the log has been read again after the start, so that what arrives is integrated.</summary>
    public bool IsReplayed => isReplayed;

    /// <summary>Blocks of the log that wait to be integrated.</summary>
    public int BlocksWaiting => Volatile.Read(ref waiting);

    /// <summary>
    /// How far an earlier session's frames are durable, so that its sender sends what follows in a new one; null where
    /// the token is not of that session. -1: none is, as far as is remembered. Waits until what is durable now has been
    /// seen by the engine, which after a start is when the log has been read again.
    /// </summary>
    public async Task<long?> LastSequenceAsync(long session, string token, CancellationToken ct)
    {
        if (!SessionToken.Fits(tokenKey, session, token)) return null;
        var upto = Volatile.Read(ref written);
        while (!isReplayed || Volatile.Read(ref integrated) < upto)
        {
            if (faulted.Task.IsFaulted) await faulted.Task.ConfigureAwait(false);
            await Task.Delay(1, ct).ConfigureAwait(false);
        }
        return steps.LastSequenceOf(session);
    }

    /// <summary>Keeps a frame that was refused, with the reason, in its sender's name; the same frame once. Another
    /// outcome than a refusal says why it is not kept.</summary>
    public Task<RecordOutcome> RefuseAsync(
        ReadOnlyMemory<byte> frame, InputRefusedException refused, string source, Principal? who, CancellationToken ct)
    {
        metrics.Refused($"{refused.Code}");
        var submission = new Submission(frame.ToArray(), source) { Personal = [] }; // a frame has no field for a name
        return recorder.RefuseAsync(
            refused.Code, refused.Detail, submission, who is { Role: not null } ? who : by, ct);
    }

    /// <summary>
    /// Waits until what was acknowledged before is integrated and the streams have heard what the journal has, finishes
    /// what is idle at this instant, and waits until all that is finished is recorded.
    /// </summary>
    public async Task SettleAsync(Instant now, CancellationToken ct)
    {
        await HearAsync(ct).ConfigureAwait(false);
        while (Volatile.Read(ref waiting) > 0 || !isReplayed) await Task.Delay(1, ct).ConfigureAwait(false);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        asks.Enqueue((now, asked));
        blocks.Wake();
        await Task.WhenAny(asked.Task, faulted.Task).WaitAsync(ct).ConfigureAwait(false);
        if (faulted.Task.IsFaulted) await faulted.Task.ConfigureAwait(false);
        await passes.DrainedAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Waits until the streams know of their points what the journal has now.</summary>
    public async Task HearAsync(CancellationToken ct)
    {
        for (var length = recorder.Journal.Length; news.ToldBefore < length;)
        {
            if (faulted.Task.IsFaulted) await faulted.Task.ConfigureAwait(false);
            await Task.Delay(1, ct).ConfigureAwait(false);
        }
    }

    /// <summary>On the log's thread: the block's memory is used again after this returns.</summary>
    private void Written(FrameBlock block)
    {
        Interlocked.Increment(ref waiting);
        Interlocked.Increment(ref written);
        blocks.Add(block);
    }

    private void Fail(Exception cause) => faulted.TrySetException(cause);

    private void Integrate()
    {
        try
        {
            Replay();
            isReplayed = true;
            while (!isClosing || Volatile.Read(ref waiting) > 0)
            {
                if (blocks.Take(asks.IsEmpty ? Patience : TimeSpan.Zero) is { } block)
                {
                    Step(block);
                    blocks.Done(block);
                    Interlocked.Increment(ref integrated);
                    Interlocked.Decrement(ref waiting);
                }
                else if (asks.TryDequeue(out var ask))
                {
                    if (latest is { } place) Sweep(Microseconds(ask.Now), ask.Now, place);
                    passes.DeriveLate(latest);
                    Refuse();
                    passes.WriteRefusals();
                    ask.Done.SetResult();
                }
                else if (isClosing && blocks.IsDone) break;
                else Idle();
            }
            passes.DeriveLate(latest);
            Refuse();
            passes.WriteRefusals();
            passes.Complete();
            passes.DrainedAsync(CancellationToken.None).GetAwaiter().GetResult();
            if (latest is { } last) Mark(last, isRefused: true);
        }
        catch (Exception cause) // whatever it is, nothing more can be promised
        {
            faulted.TrySetException(cause);
            blocks.Close(cause);
            passes.Complete(cause);
        }
    }

    /// <summary>
    /// Reads the log from where something was not recorded yet: the same steps as while frames arrive.
    /// </summary>
    private void Replay()
    {
        if (log.Reader.First is not { } first) return;
        var mark = lowWater.Read();
        unsaid = passes.UnsaidBefore = mark?.Unsaid ?? default;
        var from = mark is { Needed: var known } && known >= first ? known : first;
        if (from >= found.End) return;
        steps.Announced(log.Reader.OpenedBefore(from), from);
        foreach (var block in log.Read(from, found.End))
        {
            if (block.Address >= found.End) break;
            Step(block);
        }
    }

    private void Step(FrameBlock block)
    {
        var place = latest = new BlockPlace(block);
        sealer?.Reached(block.Address.Segment);
        var now = Instant.FromUnixTimeTicks(block.Head.ReceivedAtMicroseconds * 10);
        Post(steps.Take(block, place), now, place);
        if (block.Address >= passes.UnsaidBefore) passes.Refuse(steps.Refused);
        else steps.Unplaced.Clear(); // all of it is of this block, or was said as well
        if (steps.GivenUp.Samples > 0) passes.GaveUpAsync(steps.GivenUp, place).GetAwaiter().GetResult();
        if (now - swept < options.SweepEvery) return;
        swept = now;
        Sweep(block.Head.ReceivedAtMicroseconds, now, place);
    }

    /// <summary>Finishes streams that are idle, and moves the mark from which the log is read after a start.</summary>
    private void Sweep(long nowMicroseconds, Instant now, BlockPlace place)
    {
        Post(steps.Advance(nowMicroseconds, place), now, place);
        var isRefused = now - refused >= options.LateEvery;
        if (isRefused)
        {
            refused = now;
            Refuse();
        }
        passes.WriteRefusals();
        foreach (var stream in points.Streams) stream.Rest(nowMicroseconds);
        Mark(place, isRefused);
    }

    /// <summary>Moves the mark from which the log is read after a start.</summary>
    /// <param name="place">The last block that was taken.</param>
    /// <param name="isRefused">Whether what does not count was just said, as far as it was due.</param>
    private void Mark(BlockPlace place, bool isRefused)
    {
        var waiting = passes.Needed;
        foreach (var one in steps.Unplaced.Values)
            waiting = waiting is null ? one.From : BlockPlace.Earlier(waiting, one.From);
        var said = waiting?.Address ?? place.Address with { Offset = place.Address.Offset + 1 };
        if (isRefused && said > unsaid) unsaid = said;
        var needed = waiting is null ? place : BlockPlace.Earlier(place, waiting);
        foreach (var stream in points.Streams)
            if (stream.Needed is { } open && open != needed) needed = BlockPlace.Earlier(needed, open);
        lowWater.Write(new(needed.Address, unsaid));
    }

    /// <summary>Refuses the samples that count nowhere, those of a while together.</summary>
    private void Refuse()
    {
        passes.Refuse(steps.Unplaced.Values);
        steps.Unplaced.Clear();
    }

    private void Post(IReadOnlyList<DuePeriod> due, Instant now, BlockPlace place)
    {
        passes.Post(due, place, now);
        if (passes.Fault is { } fault) throw fault;
    }

    /// <summary>No block has come for a moment: it may be time to look for idle streams all the same.</summary>
    private void Idle()
    {
        var now = clock.GetCurrentInstant();
        if (latest is not { } place || now - swept < options.SweepEvery) return;
        swept = now;
        Sweep(Microseconds(now), now, place);
    }

    private static long Microseconds(Instant at) => at.ToUnixTimeTicks() / 10;

    /// <summary>Writes and integrates what was taken, records what is finished, and closes.</summary>
    public async ValueTask DisposeAsync()
    {
        sealer?.Dispose();
        await news.DisposeAsync().ConfigureAwait(false);
        log.Dispose();
        isClosing = true;
        blocks.Close();
        await Task.Run(integrating.Join).ConfigureAwait(false);
        await passes.DisposeAsync().ConfigureAwait(false);
        metrics.Dispose();
    }
}
