using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// What a step of the engine says of one period: a record of what its samples prove, or that the record which stands
/// is final.
/// </summary>
/// <param name="Candidate">Null where the record that stands only becomes final.</param>
/// <param name="LateSamples">Samples that came since, behind the watermark.</param>
public sealed record StreamPeriod(
    SettlementPointId Point, LocalDate Day, Interval Period, IntervalRecorded? Candidate, int LateSamples);

/// <summary>The periods that one pass has finished, and the stretch of the log that is the evidence of all.</summary>
/// <param name="IsOfKnown">Whether the range holds what the records that stand rest on: they were derived again from
/// it.</param>
public sealed record StreamPeriods(FrameRange Range, IReadOnlyList<StreamPeriod> Periods, bool IsOfKnown = false)
{
    /// <summary>Whether it is read again after a start, and what does not count of it was refused before.</summary>
    public bool IsSaid { get; init; }

    /// <summary>
    /// Found while recording: periods that are final already, of which the range has only what came since. The log is
    /// not read again from the beginning of a final period after a start, so such a candidate may be a part of what is
    /// known; it has to be derived again from both.
    /// </summary>
    public ConcurrentQueue<StreamPeriod> Parts { get; } = [];
}

/// <summary>
/// Records what the engine finishes. A record's range of the log says what it knows: whoever comes with a range that
/// does not reach further has nothing new to say, so the log can be read again from where something is not final, and
/// nothing is recorded twice. A final record is changed by what was derived from its own range and more, and by nothing
/// else.
/// </summary>
public sealed class StreamRecording(EvidenceArchive archive)
{
    /// <summary>Streams of the journal that are appended to at once; the journal commits them in groups.</summary>
    private const int AtOnce = 1024;
    private const int RangesKept = 4096;

    private readonly ConcurrentDictionary<EvidenceDigest, FrameRange> ranges = [];

    /// <summary>Adds the route of stream periods; the composition root calls it once.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, EvidenceArchive archive) =>
        routes.Add<StreamPeriods>(Scopes.CurvesWrite, new StreamRecording(archive).RecordAsync);

    public async Task<RecordOutcome> RecordAsync(
        Recorder recorder, Command<StreamPeriods> command, Instant now, CancellationToken ct)
    {
        var range = command.Input.Range;
        var evidence = archive.Put(range.ToBytes());
        Keep(evidence, range);
        var days = command.Input.Periods.GroupBy(period => (period.Point, period.Day)).ToList();
        var outcomes = new RecordOutcome[days.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct };
        await Parallel.ForAsync(0, days.Count, options, async (i, inner) =>
        {
            var ((point, day), periods) = (days[i].Key, days[i].OrderBy(period => period.Period.Start).ToList());
            outcomes[i] = new RecordOutcome.Several(await recorder.RecordEachAsync(Streams.Curve(point, day),
                IntervalRecordsState.Empty, IntervalRecords.Evolve, periods,
                (state, period) => Judge(state, period, command.Input, evidence, now), _ => command.Raw, command.By,
                inner).ConfigureAwait(false));
        }).ConfigureAwait(false);
        return new RecordOutcome.Several(outcomes);
    }

    private Decision Judge(
        IntervalRecordsState state, StreamPeriod period, StreamPeriods pass, EvidenceDigest evidence, Instant now)
    {
        var decision = Decide(state, period, pass, evidence, now);
        return decision is Decision.Rejected && pass.IsSaid ? new Decision.AlreadyRecorded() : decision;
    }

    private Decision Decide(
        IntervalRecordsState state, StreamPeriod period, StreamPeriods pass, EvidenceDigest evidence, Instant now)
    {
        if (!state.Latest.TryGetValue(period.Period.Start, out var latest))
            return period.Candidate is { } first
                ? IntervalRecords.Decide(state, first with { Evidence = evidence }, now)
                : new Decision.AlreadyRecorded();
        if (latest.Stream is null)
            return period.Candidate is null
                ? new Decision.AlreadyRecorded()
                : new Decision.Rejected(Rejection.EvidenceConflict,
                    $"the period of {period.Point} from {period.Period.Start} was recorded from a file: send what the "
                    + "stream had of it as a file too; its frames are kept");
        if (period.Candidate is not { } candidate) return Final(state, latest, now);
        if ((latest.Stream.Semantics, latest.Stream.NominalMicroseconds)
            != (candidate.Stream!.Semantics, candidate.Stream.NominalMicroseconds))
            return new Decision.Rejected(Rejection.EvidenceConflict,
                $"the period of {period.Point} from {period.Period.Start} was recorded from samples that were declared "
                + "otherwise: two meanings do not make one curve; these frames are kept");
        if (RangeOf(latest.Evidence) is not { } known)
            return new Decision.Rejected(Rejection.EvidencePruned,
                $"the record of {period.Point} from {period.Period.Start} stays as it is, because evidence of it was "
                + "pruned");
        if (pass.Range.Last <= known.Last)
            return candidate.State == IntervalRecordState.Final
                ? Final(state, latest, now) : new Decision.AlreadyRecorded();
        if (latest.State == IntervalRecordState.Final && !pass.IsOfKnown)
        {
            pass.Parts.Enqueue(period);
            return new Decision.AlreadyRecorded();
        }
        return IntervalRecords.Decide(state, candidate with
        {
            Evidence = evidence,
            LateSamples = SampleCount.Sum(latest.LateSamples, period.LateSamples),
            State = latest.State == IntervalRecordState.Final ? IntervalRecordState.Final : candidate.State,
        }, now);
    }

    /// <summary>The record that stands becomes final.</summary>
    private static Decision Final(IntervalRecordsState state, IntervalRecorded latest, Instant now) =>
        latest.State == IntervalRecordState.Final
            ? new Decision.AlreadyRecorded()
            : IntervalRecords.Decide(state, latest with { State = IntervalRecordState.Final, Reason = null }, now);

    private FrameRange Keep(EvidenceDigest evidence, FrameRange range)
    {
        if (ranges.Count >= RangesKept) ranges.Clear();
        ranges[evidence] = range;
        return range;
    }

    /// <summary>The range that evidence is; null where it was pruned.</summary>
    private FrameRange? RangeOf(EvidenceDigest evidence)
    {
        if (ranges.TryGetValue(evidence, out var known)) return known;
        try
        {
            return Keep(evidence, archive.Get(evidence) is { } bytes ? FrameRange.Read(bytes)
                : throw new InvalidDataException($"the archive does not have the evidence {evidence}"));
        }
        catch (EvidencePrunedException)
        {
            return null;
        }
    }
}
