using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Records what steps have finished, in the order of the steps and one pass at a time, and derives again what samples
/// came too late for. A period of which late samples are known when it is finished is derived from the log at once; of
/// one that is recorded the late samples are collected for a while, because deriving reads the log.
/// </summary>
internal sealed class StreamPasses : IAsyncDisposable
{
    private const int BusyPauseMs = 10;

    private readonly StreamOptions options;
    private readonly Recorder recorder;
    private readonly EvidenceArchive evidence;
    private readonly IMediator commands;
    private readonly Principal by;
    private readonly FrameLogReader log;
    private readonly StreamMetrics metrics;
    private readonly StreamRefusals refusals;
    private readonly Channel<Pass> queue;
    private readonly Dictionary<(LiveStream, Instant), DuePeriod> late = [];
    private readonly Task recording;
    private readonly Queue<(long Number, BlockPlace From)> outstanding = [];
    private Instant? lateSince;
    private readonly object room = new();
    private long posted, done, keys, queued;
    private volatile Exception? fault;

    /// <summary>Periods that one step finished, up to a block; or those that are derived again up to it.</summary>
    private sealed record Pass(IReadOnlyList<DuePeriod> Due, BlockPlace Upto, bool IsLate)
    {
        /// <summary>The periods of each sender apart: what is recorded is in one's name.</summary>
        public IEnumerable<Pass> OfSenders => Due.GroupBy(due => due.Sender).Select(of => this with { Due = [.. of] });

        public FrameSender? Sender => Due[0].Sender;

        public BlockPlace From => Due.Select(due => due.From).Aggregate(BlockPlace.Earlier);
    }

    public StreamPasses(StreamOptions options, Recorder recorder, EvidenceArchive evidence, IMediator commands,
        Principal by, FrameLogReader log, StreamMetrics metrics)
    {
        (this.options, this.recorder, this.evidence) = (options, recorder, evidence);
        (this.commands, this.by, this.log, this.metrics) = (commands, by, log, metrics);
        refusals = new(recorder, by);
        queue = Channel.CreateUnbounded<Pass>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        recording = Task.Run(RecordAsync);
    }

    /// <summary>Why nothing more is recorded; null while it is.</summary>
    public Exception? Fault => fault;

    /// <summary>What does not count up to a block before this one was said before the start, and is not said again.
    /// </summary>
    public FrameAddress UnsaidBefore { get; set; }

    private bool IsSaid(BlockPlace upto) => upto.Address < UnsaidBefore;

    /// <summary>From which block on the log is needed for what is not recorded yet; null where all is.</summary>
    public BlockPlace? Needed
    {
        get
        {
            while (outstanding.TryPeek(out var first) && first.Number <= Volatile.Read(ref done)) outstanding.Dequeue();
            var places = outstanding.Select(one => one.From).Concat(late.Values.Select(one => one.From)).ToList();
            // Asked last: what a pass has refused is here before the pass is done.
            if (refusals.Needed is { } unsaid) places.Add(unsaid);
            return places.Count == 0 ? null : places.Aggregate(BlockPlace.Earlier);
        }
    }

    /// <summary>Posts what a step finished.</summary>
    public void Post(IReadOnlyList<DuePeriod> due, BlockPlace upto, Instant now)
    {
        var finished = new List<DuePeriod>();
        foreach (var told in due)
        {
            // Of no day nobody settles it; its frames are kept.
            if (told.Stream.DayOf(told.Step.Period) is not { } day) continue;
            var period = told with { Day = day };
            if (period.Step.Step != PeriodStep.DeriveAgain)
            {
                finished.Add(period);
                Finish(period);
            }
            else if (!Derived(finished, period)) Collect(period, now);
        }
        if (finished.Count > 0) Enqueue(new(finished, upto, IsLate: false));
        if (lateSince is { } since && now - since >= options.LateEvery) DeriveLate(upto);
    }

    /// <summary>What became final while its late samples are collected is final when they are derived, also where
    /// nothing is recorded of it yet.</summary>
    private void Finish(DuePeriod period)
    {
        var key = (period.Stream, period.Step.Period.Start);
        if (period.Step.IsFinal && late.TryGetValue(key, out var known))
            late[key] = known with { Step = known.Step with { IsFinal = true } };
    }

    /// <summary>Posts the periods that samples came too late for.</summary>
    public void DeriveLate(BlockPlace? upto)
    {
        if (late.Count == 0 || upto is null) return;
        Enqueue(new([.. late.Values.OrderBy(one => one.Stream.Point).ThenBy(one => one.Step.Period.Start)], upto,
            IsLate: true));
        late.Clear();
        lateSince = null;
    }

    /// <summary>A period that this very step finishes is derived instead of summed.</summary>
    private static bool Derived(List<DuePeriod> finished, DuePeriod again)
    {
        // It stands among the last, because a step tells what is of one period of a point together.
        for (var at = finished.Count - 1; at >= 0; at--)
        {
            var one = finished[at];
            if (one.Stream.Point != again.Stream.Point || one.Step.Period != again.Step.Period) return false;
            if (one.Stream != again.Stream || one.Step.Integral is null) continue;
            finished[at] = one with { Step = And(one.Step, again.Step.LateSamples), IsDerived = true };
            return true;
        }
        return false;
    }

    private static CurvePeriod And(CurvePeriod step, int lateSamples) =>
        step with { LateSamples = SampleCount.Sum(step.LateSamples, lateSamples) };

    private void Collect(DuePeriod period, Instant now)
    {
        metrics.Late(period.Step.LateSamples);
        lateSince ??= now;
        var key = (period.Stream, period.Step.Period.Start);
        late[key] = late.TryGetValue(key, out var known)
            ? known with { Step = And(period.Step, known.Step.LateSamples) }
            : period;
    }

    /// <summary>Refuses the streams of points that nobody has registered, or that are declared otherwise.</summary>
    public void Refuse(IReadOnlyList<RefusedAnnouncement> announced)
    {
        foreach (var one in announced.OrderBy(one => one.Session))
        {
            metrics.Refused(nameof(Rejection.UnknownSettlementPoint));
            for (var i = 0; i < one.Named.Count; i++)
                refusals.Add(Rejection.UnknownSettlementPoint, one.Sender, $"{one.Named[i]}",
                    "streams of points that are not registered, or are declared otherwise; their frames are kept",
                    one.Block, one.Block, i == one.Named.Count - 1 ? one.Others : 0);
        }
    }

    /// <summary>Refuses samples that count nowhere.</summary>
    public void Refuse(IEnumerable<RefusedSamples> unplaced)
    {
        foreach (var one in unplaced.OrderBy(one => one.Stream.Point))
        {
            metrics.Refused(nameof(Rejection.OutOfRange));
            refusals.Add(Rejection.OutOfRange, one.Sender, one.What, $"{SamplePlacing.Rule}; their frames are kept",
                one.From, one.Upto);
        }
    }

    /// <summary>Records what was refused.</summary>
    public void WriteRefusals() => refusals.WriteAsync().GetAwaiter().GetResult();

    /// <summary>
    /// Records that samples were given up, with the block that says which as its evidence: read again, that block says
    /// the same, and it is recorded once.
    /// </summary>
    public async Task GaveUpAsync(GivenUpSamples samples, BlockPlace block)
    {
        var detail = string.Create(CultureInfo.InvariantCulture,
            $"{samples.Samples} samples from {samples.From} to {samples.To}, in "
            + $"{samples.Stretches} stretches of streams, were given up unread: the ledger was behind");
        var said = new Submission(new FrameRange([block.To(block)]).ToBytes(), "streams") { Personal = [] };
        RecordOutcome outcome;
        while ((outcome = await recorder.RefuseAsync(
            Rejection.SamplesGivenUp, detail, said, by, CancellationToken.None).ConfigureAwait(false))
            is RecordOutcome.Busy) await Task.Delay(BusyPauseMs).ConfigureAwait(false);
        if (outcome is RecordOutcome.Unkept) refusals.Add(Rejection.SamplesGivenUp, null, detail, "", block, block);
    }

    /// <summary>Waits until all that was posted is recorded.</summary>
    public async Task DrainedAsync(CancellationToken ct)
    {
        while (Volatile.Read(ref done) < Volatile.Read(ref posted) && fault is null)
            await Task.Delay(1, ct).ConfigureAwait(false);
        if (fault is { } cause) throw cause;
    }

    public void Complete(Exception? cause = null) => queue.Writer.TryComplete(cause);

    private void Enqueue(Pass pass)
    {
        outstanding.Enqueue((Interlocked.Increment(ref posted), pass.From));
        lock (room)
        {
            while (queued >= options.PeriodsQueuedMax && fault is null) Monitor.Wait(room);
            queued += pass.Due.Count;
        }
        queue.Writer.TryWrite(pass); // where it cannot, there is a fault, of which the engine is told next
    }

    private void Leave(int periods)
    {
        lock (room)
        {
            queued -= periods;
            Monitor.PulseAll(room);
        }
    }

    private async Task RecordAsync()
    {
        try
        {
            await foreach (var pass in queue.Reader.ReadAllAsync().ConfigureAwait(false))
            {
                var began = Stopwatch.GetTimestamp();
                foreach (var part in pass.OfSenders)
                    if (part.IsLate) await SendAgainAsync(part).ConfigureAwait(false);
                    else await SendFirstAsync(part).ConfigureAwait(false);
                await refusals.WriteAsync().ConfigureAwait(false);
                metrics.Recorded(pass.Due.Count, (long)Stopwatch.GetElapsedTime(began).TotalMicroseconds);
                Interlocked.Increment(ref done);
                Leave(pass.Due.Count);
            }
        }
        catch (Exception cause) // the engine stops on it: what is not recorded is in the log
        {
            fault = cause;
            queue.Writer.TryComplete(cause);
            Leave(0);
        }
    }

    /// <summary>Records what a step finished; what is final already is derived again from what is known too.</summary>
    private async Task SendFirstAsync(Pass pass)
    {
        var first = First(pass);
        await SendAsync(first, pass).ConfigureAwait(false);
        if (first.Parts.IsEmpty) return;
        var parts = first.Parts.Select(one => (one.Point, one.Period)).ToHashSet();
        await SendAgainAsync(pass with
        {
            Due = [.. pass.Due.Where(one => parts.Contains((one.Stream.Point, one.Step.Period)))],
        }).ConfigureAwait(false);
    }

    private async Task SendAgainAsync(Pass pass)
    {
        foreach (var periods in await AgainAsync(pass).ConfigureAwait(false))
            await SendAsync(periods, pass).ConfigureAwait(false);
    }

    private async Task SendAsync(StreamPeriods periods, Pass pass)
    {
        periods = periods with { IsSaid = IsSaid(pass.Upto) };
        var key = new IdempotencyKey($" streams {Interlocked.Increment(ref keys)}");
        while (true)
        {
            var raw = new Submission(periods.Range.ToBytes(), "streams") { Personal = [] };
            var outcome = await commands.Send(
                new Command<StreamPeriods>(periods, raw, refusals.NameOf(pass.Sender), key)).ConfigureAwait(false);
            if (!IsBusy(outcome))
            {
                Unkept(outcome, pass);
                return;
            }
            await Task.Delay(BusyPauseMs).ConfigureAwait(false);
        }
    }

    /// <summary>What was refused and found no room is said later.</summary>
    private void Unkept(RecordOutcome outcome, Pass pass)
    {
        if (outcome is RecordOutcome.Several several)
            foreach (var part in several.Parts) Unkept(part, pass);
        else if (outcome is RecordOutcome.Unkept { Code: { } code } unkept)
            refusals.Add(code, pass.Sender, unkept.Detail, "", pass.From, pass.Upto);
    }

    private static bool IsBusy(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Busy => true,
        RecordOutcome.Several several => several.Parts.Any(IsBusy),
        RecordOutcome.Refused { Code: Rejection.NotAuthorised } refused =>
            throw new InvalidOperationException(refused.Detail),
        _ => false,
    };

    /// <summary>What a step finished, with one stretch of the log as the evidence of all.</summary>
    private StreamPeriods First(Pass pass)
    {
        var from = pass.Due.Where(one => one.Step.Integral is not null).Select(one => one.From)
            .DefaultIfEmpty(pass.Upto).Aggregate(BlockPlace.Earlier);
        var range = new FrameRange([from.To(pass.Upto)]);
        foreach (var due in pass.Due)
            if (due.Step is { Integral: not null, Clock.IsSuspect: true, LateSamples: > 0 })
                RefuseCorrected(due, pass.Upto);
        var derived = pass.Due.Where(IsFromLog).ToList();
        var integrals = derived.Count == 0 ? []
            : new FrameDerivation(log).TryDerive(derived.ConvertAll(one => Asked(one, range)));
        var at = 0;
        return new(range, [.. pass.Due.Select(one => IsFromLog(one)
            ? Of(one, WithCauses(Counted(integrals[at++], one, pass), one.Step.Integral!.Gaps))
            : Of(one, one.Step.Integral))]);
    }

    /// <summary>Where a wrong clock dated samples of a period the log by itself does not say which they are: what was
    /// summed of it while they came is all that counts.</summary>
    private static bool IsFromLog(DuePeriod due) => due.IsDerived && !due.Step.Clock.IsSuspect;

    /// <summary>Recorded periods, derived again from what they rest on and from what has come since.</summary>
    private async Task<IReadOnlyList<StreamPeriods>> AgainAsync(Pass pass)
    {
        var known = new List<(DuePeriod Due, FrameRange Range, IntervalRecorded? Latest)>();
        foreach (var due in pass.Due)
        {
            var (state, _) = await recorder.LoadAsync(
                Streams.Curve(due.Stream.Point, due.Day), IntervalRecordsState.Empty,
                IntervalRecords.Evolve, CancellationToken.None).ConfigureAwait(false);
            var stretch = due.From.To(pass.Upto);
            var latest = state.Latest.GetValueOrDefault(due.Step.Period.Start);
            var rests = Known(latest);
            if (latest is not null && IntervalRecords.IsClockSuspect(latest.ClockOffsetMicroseconds))
            {
                // After a start the end of what is known comes again; what begins after it is new.
                if (pass.IsLate || rests is null || stretch.First > rests.Last) RefuseCorrected(due, pass.Upto);
                continue;
            }
            if (latest?.Stream is not null && rests is null)
            {
                RefusePruned(due, pass.Upto);
                continue;
            }
            known.Add((due, rests?.With(stretch) ?? new([stretch]), latest));
        }
        var answers = new List<StreamPeriods>();
        var derived = known.Zip(new FrameDerivation(log).TryDerive(known.ConvertAll(one => Asked(one.Due, one.Range))))
            .ToList();
        foreach (var ((due, _, _), found) in derived)
            if (found.IsDropped) RefuseDropped(due, pass.Upto);
            else if (found.Problem is { } problem) throw new InvalidDataException(problem);
        var integrals = derived.Where(one => one.Second.Integral is not null)
            .Select(one => (one.First, Second: Counted(one.Second, one.First.Due, pass)));
        foreach (var same in integrals.GroupBy(one => Convert.ToHexStringLower(one.First.Range.ToBytes())))
        {
            // Beside a sample that came late there may be a period of which nobody ever said anything.
            StreamPeriod[] periods = [.. same
                .Select(one => (one.First.Due, one.First.Latest,
                    Integral: WithCauses(one.Second, one.First.Latest?.Gaps ?? [])))
                .Where(one => one.Latest is not { } latest
                    ? one.Integral.Samples > 0 || one.Integral.CoveredMicroseconds > 0
                    // Samples that change nothing of it are known to it: the log is read again after a start.
                    : !RecordComparison.IsAs(one.Integral, latest))
                .Select(one => Of(one.Due, one.Integral))];
            if (periods.Length > 0) answers.Add(new(same.First().First.Range, periods, IsOfKnown: true));
        }
        return answers;
    }

    /// <summary>What was derived; what does not count of it is refused.</summary>
    private PeriodIntegral Counted(in DerivedIntegral derived, DuePeriod due, Pass pass)
    {
        if (derived.Uncounted > 0)
            Refuse(Rejection.OutOfRange, due, pass.Upto, string.Create(CultureInfo.InvariantCulture,
                $"more samples than {Limits.SamplesPerMillisecondMax} for each millisecond of the period, or than "
                + $"{Limits.SamplesPerPeriodMax}; the first in the log count, and the frames are kept"));
        return derived.Integral ?? throw new InvalidDataException(derived.Problem);
    }

    /// <summary>
    /// The samples of a wrong clock were placed by a corrected time, which depends on the moment: derived again by the
    /// times in the log they would be elsewhere, and energy would come and go. So the record stays, and what came late
    /// is kept and not counted.
    /// </summary>
    private void RefuseCorrected(DuePeriod due, BlockPlace upto) => Refuse(Rejection.EvidenceConflict, due, upto,
        "samples came late for a period whose others a wrong clock dated; its record stays, and the frames are kept");

    /// <summary>Of a record whose frames were dropped less would come out than was measured.</summary>
    private void RefuseDropped(DuePeriod due, BlockPlace upto) => Refuse(Rejection.EvidencePruned, due, upto,
        "samples came late for a period whose frames were dropped; its record stays, and these frames are kept");

    /// <summary>So it is where nobody knows any more on which frames the record rests.</summary>
    private void RefusePruned(DuePeriod due, BlockPlace upto) => Refuse(Rejection.EvidencePruned, due, upto,
        "samples came late for a period whose evidence was pruned; its record stays, and these frames are kept");

    private void Refuse(Rejection code, DuePeriod due, BlockPlace upto, string reason)
    {
        if (IsSaid(upto)) return;
        refusals.Add(code, due.Sender, $"{due.Stream.Point} from {due.Step.Period.Start}", reason, due.From, upto);
    }

    /// <summary>What a record rests on; null where that is a file, which recording refuses, or was pruned.</summary>
    private FrameRange? Known(IntervalRecorded? record)
    {
        if (record?.Stream is null) return null;
        try
        {
            return FrameRange.Read(evidence.Get(record.Evidence)
                ?? throw new InvalidDataException($"the archive does not have the evidence {record.Evidence}"));
        }
        catch (EvidencePrunedException)
        {
            return null;
        }
    }

    private static DerivedPeriod Asked(DuePeriod due, FrameRange range) =>
        new(due.Stream.Point, due.Step.Period, due.Stream.Declaration, range);

    /// <summary>A gap that is left of a known one has its cause; another is one of which nothing is said.</summary>
    private static PeriodIntegral WithCauses(PeriodIntegral derived, IReadOnlyList<CurveGap> known) => derived with
    {
        Gaps = [.. derived.Gaps.Select(gap => gap with
        {
            Cause = known.FirstOrDefault(one => one.Missing.Start <= gap.Missing.Start
                && gap.Missing.End <= one.Missing.End)?.Cause ?? GapCause.Silent,
        })],
    };

    private static StreamPeriod Of(DuePeriod due, PeriodIntegral? integral) => new(
        due.Stream.Point, due.Day, due.Step.Period,
        integral is null ? null : due.Step.ToRecord(due.Stream.Point, due.Stream.Declaration, integral, default),
        due.Step.LateSamples);

    public async ValueTask DisposeAsync()
    {
        queue.Writer.TryComplete();
        await recording.ConfigureAwait(false);
    }
}
