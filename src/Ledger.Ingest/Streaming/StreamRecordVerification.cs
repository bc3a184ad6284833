using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Derives the records of streams again from the ranges of the frame log that they name, many in one reading of the
/// log, and compares them; a later version also from its range together with that of the version before, because it
/// leaves out nothing that was counted. Where a sender's clock was off by more than it may be, samples were placed by a
/// corrected time; what that was follows from the whole session and not from the range, so such a record, and one
/// beside it that differs, is not checked and counted. That a clock was off has to be seen in the log. What the log has
/// beside all that is counted is told as a number.
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

    private readonly List<Pending> pending = [];
    private readonly Dictionary<EvidenceDigest, FrameRange> ranges = [];
    private readonly List<(long Position, SettlementPointId Point, Interval Period, int Version, FrameAddress Upto)>
        suspects = [];
    private readonly HashSet<(SettlementPointId, Instant)> edgesOfSuspect = [];
    private readonly Dictionary<SettlementPointId, long> counted = [];
    private readonly Dictionary<(SettlementPointId, (SampleSemantics, long)), (FrameAddress Upto, string Place)>
        declared = [];
    private readonly List<(IntervalRecorded Record, Fault Fault)> differ = [];
    private readonly Dictionary<FrameDropping, long> dropped = [];
    private long samplesPending;
    private int? firstSegment;

    /// <param name="IsWithBefore">Whether the range is the record's own and that of the version before.</param>
    private readonly record struct Pending(
        long Position, IntervalRecorded Record, FrameRange Range, bool IsWithBefore = false);

    /// <summary>Records that were derived again, and the samples that were read for them.</summary>
    public (long Records, long Samples) Derived { get; private set; }

    /// <summary>Records that were not checked: of a clock that was corrected.</summary>
    public long Suspect { get; private set; }

    /// <summary>Records that were not checked, because of frames that were dropped, by the fact that says so.</summary>
    public IReadOnlyDictionary<FrameDropping, long> Dropped => dropped;

    /// <summary>Records that were not checked: the log is not at hand.</summary>
    public long NotAtHand { get; private set; }

    /// <summary>Samples of the log that no record which stands counts; 0 where the log is not at hand.</summary>
    public long SamplesBeside { get; private set; }

    /// <summary>Takes a record; it is looked at now or with later ones. Throws <see cref="InvalidDataException"/> where
    /// its evidence is no range of frames.</summary>
    /// <param name="before">The version before; null where it is the first, or that is not to be had.</param>
    public void Verify(long position, IntervalRecorded record, RecordVersion? before)
    {
        var range = RangeOf(record.Evidence);
        var own = RecordVersion.Of(record);
        if (before?.Declared is { } earlier && earlier != own.Declared)
            findings.Add(RecordComparison.Place(position, record), $"samples declared {InWords(own.Declared!.Value)}",
                $"{InWords(earlier)}, as of the version before");
        if (log is null)
        {
            NotAtHand++;
            return;
        }
        var isThere = FirstSegment(range) >= (firstSegment ??= SegmentAtFirst(log));
        if (isThere)
            counted[record.Point] = counted.GetValueOrDefault(record.Point) + own.Samples
                - (before is { Declared: not null } ? before.Samples : 0);
        if (own.IsClockSuspect) suspects.Add((position, record.Point, record.Period, record.Version, range.Last));
        else
        {
            Add(new(position, record, range), own.Samples);
            if (isThere && before is { Declared: not null, IsClockSuspect: false } && before.Evidence != record.Evidence
                && RangeOf(before.Evidence) is var known && !Holds(range, known))
                Add(new(position, record, new([.. known.Stretches, .. range.Stretches]), IsWithBefore: true),
                    own.Samples + before.Samples);
        }
        if (samplesPending >= SamplesPendingMax || pending.Count >= RecordsPendingMax) Derive();
    }

    /// <summary>Derives what is left, compares with the log as a whole, and says what differs.</summary>
    public void Finish()
    {
        Derive();
        var logged = log is null ? null : LoggedStreams.Of(log);
        if (logged is not null) Compare(logged);
        foreach (var (position, point, period, version, upto) in suspects)
            // A log that lost its beginning has lost what was seen there of a clock.
            if (logged is not { FirstSegment: 0 } || logged.HasWrongClock(point, upto))
            {
                Suspect++;
                edgesOfSuspect.Add((point, period.Start));
                edgesOfSuspect.Add((point, period.End));
            }
            else
                findings.Add(RecordComparison.Place(position, point, period, version), "samples of a wrong clock",
                    "a clock that the frames show to be wrong");
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

    private static int SegmentAtFirst(FrameLogReader? log)
    {
        try
        {
            return log?.First?.Segment ?? 0;
        }
        catch (FrameLogDamagedException)
        {
            return 0; // of which the log's own verification tells
        }
    }

    private static int FirstSegment(FrameRange range) => range.Stretches.Min(stretch => stretch.First.Segment);

    private static DerivedPeriod Asked(IntervalRecorded record, FrameRange range) => new(record.Point, record.Period,
        new(record.Stream!.Semantics, record.Stream.NominalMicroseconds), range);

    private bool IsBesideSuspect(IntervalRecorded record) =>
        edgesOfSuspect.Contains((record.Point, record.Period.Start))
        || edgesOfSuspect.Contains((record.Point, record.Period.End));

    /// <summary>A record's samples were declared by its point, and no later than its range ends.</summary>
    private void Compare(LoggedStreams logged)
    {
        SamplesBeside = logged.SamplesBeside(counted);
        foreach (var ((point, samples), (upto, place)) in declared)
            if (!logged.IsDeclared(point, samples, upto))
                findings.Add(place, $"samples declared {InWords(samples)}",
                    "what its point declared in the frames that the record names, or before them");
    }

    private static string InWords((SampleSemantics Semantics, long NominalMicroseconds) declared) => string.Create(
        CultureInfo.InvariantCulture, $"{declared.Semantics} of {declared.NominalMicroseconds} µs");

    private static bool Holds(FrameRange range, FrameRange other) => other.Stretches.All(stretch =>
        range.Stretches.Any(own => own.First <= stretch.First && stretch.Last <= own.Last));

    private void Add(Pending one, long samples)
    {
        pending.Add(one);
        samplesPending += samples;
    }

    private FrameRange RangeOf(EvidenceDigest digest)
    {
        if (ranges.TryGetValue(digest, out var known)) return known;
        var bytes = evidence(digest) ?? throw new InvalidDataException($"evidence {digest} is not kept");
        if (!FrameRange.Is(bytes)) throw new InvalidDataException($"evidence {digest} is no range of the frame log");
        if (ranges.Count >= RangesKeptMax) ranges.Clear();
        return ranges[digest] = FrameRange.Read(bytes);
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

    private void Compare(in Pending one, DerivedIntegral derived)
    {
        var record = one.Record;
        var place = RecordComparison.Place(one.Position, record);
        if (derived.IsDropped && droppings?.Of(FirstSegment(one.Range)) is { } dropping)
            dropped[dropping] = dropped.GetValueOrDefault(dropping) + 1;
        else if (derived.Integral is not { } integral)
        {
            // What is wrong with the range of the version before is told of that version.
            if (!one.IsWithBefore) findings.Add(place, derived.Problem!, "the frames that the record names");
        }
        else
        {
            if (!one.IsWithBefore) Checked(record, one.Range.Last, place);
            if (RecordComparison.IsAs(integral, record)) return;
            foreach (var (found, said) in RecordComparison.Differences(record, integral))
            {
                var expected = one.IsWithBefore ? $"{said} and that of the version before" : said;
                if (differ.Count < Findings.KeptMax) differ.Add((record, new(place, found, expected)));
                else findings.Add(place, found, expected);
            }
        }
    }

    /// <summary>A record whose frames are there: of each declaration the one that ends first has to come after it.
    /// </summary>
    private void Checked(IntervalRecorded record, FrameAddress upto, string place)
    {
        Derived = (Derived.Records + 1, Derived.Samples);
        var key = (record.Point, RecordVersion.Of(record).Declared!.Value);
        if (!declared.TryGetValue(key, out var earliest) || upto < earliest.Upto) declared[key] = (upto, place);
    }
}
