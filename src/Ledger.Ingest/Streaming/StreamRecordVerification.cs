using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Derives the records of streams again from the ranges of the frame log that they name, many in one reading of the
/// log, and compares them. Where a sender's clock was off by more than it may be, samples were placed by a corrected
/// time; what that was follows from the whole session and not from the range, so such a record, and one beside it that
/// differs, is not checked and counted.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
/// <param name="log">The frame log; null where it is not at hand, and nothing can be derived.</param>
/// <param name="droppings">What the journal says was dropped of the log; null: nothing.</param>
public sealed class StreamRecordVerification(
    Func<EvidenceDigest, byte[]?> evidence, FrameLogReader? log, Findings findings, FrameDroppings? droppings)
{
    /// <summary>Samples that one reading of the log may collect, of 16 bytes each.</summary>
    private const long SamplesPendingMax = 16_000_000;
    private const int RecordsPendingMax = 100_000, RangesKeptMax = 1024;

    private readonly List<(long Position, IntervalRecorded Record, FrameRange Range)> pending = [];
    private readonly Dictionary<EvidenceDigest, FrameRange> ranges = [];
    private readonly HashSet<(SettlementPointId, Instant)> edgesOfSuspect = [];
    private readonly List<(IntervalRecorded Record, Fault Fault)> differ = [];
    private readonly Dictionary<FrameDropping, long> dropped = [];
    private long samplesPending;

    /// <summary>Records that were derived again, and the samples that were read for them.</summary>
    public (long Records, long Samples) Derived { get; private set; }

    /// <summary>Records that were not checked: of a clock that was corrected.</summary>
    public long Suspect { get; private set; }

    /// <summary>Records that were not checked, because of frames that were dropped, by the fact that says so.</summary>
    public IReadOnlyDictionary<FrameDropping, long> Dropped => dropped;

    /// <summary>Records that were not checked: the log is not at hand.</summary>
    public long NotAtHand { get; private set; }

    /// <summary>Takes a record; it is looked at now or with later ones. Throws <see cref="InvalidDataException"/> where
    /// its evidence is no range of frames.</summary>
    public void Verify(long position, IntervalRecorded record)
    {
        var range = RangeOf(record);
        if (log is null) NotAtHand++;
        else if (IntervalRecords.IsClockSuspect(record.ClockOffsetMicroseconds))
        {
            Suspect++;
            edgesOfSuspect.Add((record.Point, record.Period.Start));
            edgesOfSuspect.Add((record.Point, record.Period.End));
        }
        else
        {
            pending.Add((position, record, range));
            samplesPending += (long)record.Samples + record.DuplicateSamples + record.ConflictingSamples;
            if (samplesPending >= SamplesPendingMax || pending.Count >= RecordsPendingMax) Derive();
        }
    }

    /// <summary>Derives what is left, and says what differs.</summary>
    public void Finish()
    {
        Derive();
        foreach (var (record, fault) in differ)
            if (IsBesideSuspect(record)) Suspect++;
            else findings.Add(fault.Place, fault.Found, fault.Expected);
        differ.Clear();
    }

    /// <summary>What the range of one record says of it; or by which fact its frames were dropped. Throws
    /// <see cref="InvalidDataException"/> where neither is to be had.</summary>
    public static (PeriodIntegral? Integral, FrameDropping? Dropped) Derive(
        IntervalRecorded record, FrameRange range, FrameLogReader log, FrameDroppings droppings)
    {
        var derived = new FrameDerivation(log).TryDerive([Asked(record, range)])[0];
        if (derived.Integral is { } integral) return (integral, null);
        return derived.IsDropped && droppings.Of(FirstSegment(range)) is { } dropping
            ? (null, dropping) : throw new InvalidDataException(derived.Problem);
    }

    private static int FirstSegment(FrameRange range) => range.Stretches.Min(stretch => stretch.First.Segment);

    private static DerivedPeriod Asked(IntervalRecorded record, FrameRange range) => new(record.Point, record.Period,
        new(record.Stream!.Semantics, record.Stream.NominalMicroseconds), range);

    private bool IsBesideSuspect(IntervalRecorded record) =>
        edgesOfSuspect.Contains((record.Point, record.Period.Start))
        || edgesOfSuspect.Contains((record.Point, record.Period.End));

    private FrameRange RangeOf(IntervalRecorded record)
    {
        if (ranges.TryGetValue(record.Evidence, out var known)) return known;
        var bytes = evidence(record.Evidence)
            ?? throw new InvalidDataException($"evidence {record.Evidence} is not kept");
        if (!FrameRange.Is(bytes))
            throw new InvalidDataException($"evidence {record.Evidence} is no range of the frame log");
        if (ranges.Count >= RangesKeptMax) ranges.Clear();
        return ranges[record.Evidence] = FrameRange.Read(bytes);
    }

    private void Derive()
    {
        if (pending.Count == 0) return;
        var derivation = new FrameDerivation(log!);
        var integrals = derivation.TryDerive(pending.ConvertAll(one => Asked(one.Record, one.Range)));
        for (var i = 0; i < pending.Count; i++) Compare(pending[i], integrals[i]);
        Derived = (Derived.Records, Derived.Samples + derivation.Samples);
        pending.Clear();
        samplesPending = 0;
    }

    private void Compare((long Position, IntervalRecorded Record, FrameRange Range) one, DerivedIntegral derived)
    {
        var record = one.Record;
        var place = RecordComparison.Place(one.Position, record);
        if (derived.IsDropped && droppings?.Of(FirstSegment(one.Range)) is { } dropping)
            dropped[dropping] = dropped.GetValueOrDefault(dropping) + 1;
        else if (derived.Integral is not { } integral)
            findings.Add(place, derived.Problem!, "the frames that the record names");
        else
        {
            Derived = (Derived.Records + 1, Derived.Samples);
            if (RecordComparison.IsAs(integral, record)) return;
            foreach (var (found, expected) in RecordComparison.Differences(record, integral))
                if (differ.Count < Findings.KeptMax) differ.Add((record, new(place, found, expected)));
                else findings.Add(place, found, expected);
        }
    }
}
