using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api;

/// <summary>
/// What needs the frames of some segments: records that are not final or not settled, open disputes, and cases that
/// hold somebody. Gathered from all of the journal in one reading.
/// </summary>
internal sealed class FrameNeeds
{
    /// <summary>What is held, is held with what surrounds it for so long: a session and the settlement day that it
    /// falls in.</summary>
    private static readonly Duration Around = Duration.FromDays(1);

    private readonly EvidenceArchive evidence;
    private readonly IReadOnlyList<KeptSegment> segments;
    private readonly int first;
    private readonly Instant from = Instant.MaxValue, to = Instant.MinValue; // of all that whole segments tell
    private readonly Dictionary<(SettlementPointId Point, Instant Start), Resting> records = [];
    private readonly Dictionary<EvidenceDigest, FrameRange?> ranges = [];
    private readonly Dictionary<SettlementPointId, SettlementPointState> points = [];
    private readonly HashSet<PartyId> priced = [];
    private readonly Dictionary<(PartyId Account, LocalDate Day), long> settledBefore = [];
    private readonly Dictionary<DisputeId, DisputeOpened> disputes = [];
    private readonly List<(Interval Time, IReadOnlyCollection<SubjectPseudonym> Subjects)> named = [];
    private SubjectsState subjects = SubjectsState.Empty;
    private PrunedMonths months = PrunedMonths.None;

    /// <summary>The latest version of a record that rests on these segments.</summary>
    /// <param name="Range">Null where it was pruned: nobody knows any more on which frames the record rests, and it may
    /// be on all that were of its time.</param>
    private readonly record struct Resting(FrameRange? Range, Interval Period, long Position, bool IsFinal);

    private FrameNeeds(EvidenceArchive evidence, IReadOnlyList<KeptSegment> segments)
    {
        (this.evidence, this.segments, first) = (evidence, segments, segments[0].Number);
        foreach (var segment in segments.Select(one => one.Sealed).OfType<DroppedSegment>())
        {
            from = Instant.Min(from, Instant.Min(segment.Earliest, segment.FirstReceived));
            to = Instant.Max(to, Instant.Max(segment.Latest, segment.LastReceived));
        }
    }

    /// <summary>The segments, each with what stands against dropping it.</summary>
    /// <param name="neededFrom">From which block on the log is needed to make records; null where all of it may be.
    /// </param>
    public static async Task<IReadOnlyList<KeptSegment>> OfAsync(IJournal journal, EvidenceArchive evidence,
        FrameAddress? neededFrom, IReadOnlyList<KeptSegment> segments, CancellationToken ct)
    {
        var needs = new FrameNeeds(evidence, segments);
        await foreach (var recorded in journal.ReadAllAsync(0, ct).ConfigureAwait(false)) needs.Know(recorded);
        return needs.Judge(neededFrom);
    }

    private void Know(RecordedEvent recorded)
    {
        var fact = EventCodec.Decode(recorded);
        switch (fact)
        {
            case IntervalRecorded { Stream: not null } record: Rest(recorded.Position, record); break;
            case SettlementPointRegistered point:
                points[point.Point] = SettlementPoint.Evolve(points.GetValueOrDefault(
                    point.Point, SettlementPointState.Empty), point, recorded.Envelope.ValidFrom);
                break;
            case TariffAssigned assigned: priced.Add(assigned.Account); break;
            case SettlementRunCompleted { Kind: RunKind.Final or RunKind.Correction, Incomplete: false } run:
                var day = (run.Account, run.Day);
                settledBefore[day] = Math.Max(settledBefore.GetValueOrDefault(day), run.AtPosition);
                break;
            case DisputeOpened opened: disputes[opened.Dispute] = opened; break;
            case DisputeClosed closed: disputes.Remove(closed.Dispute); break;
            case MonthPruned: months = Retention.Evolve(months, fact); break;
            default: subjects = Erasure.Evolve(subjects, fact); break;
        }
        Name(recorded, fact);
    }

    /// <summary>A later version of a record rests on what the one before did, and on more.</summary>
    private void Rest(long position, IntervalRecorded record)
    {
        var range = RangeOf(record.Evidence);
        if (range?.Stretches.Any(stretch => OfSegments(stretch).Any()) ?? Meets(record.Period, from, to))
            records[(record.Point, record.Period.Start)] =
                new(range, record.Period, position, record.State == IntervalRecordState.Final);
    }

    /// <summary>Null where it was pruned.</summary>
    private FrameRange? RangeOf(EvidenceDigest digest)
    {
        if (ranges.TryGetValue(digest, out var known)) return known;
        try
        {
            return ranges[digest] = evidence.Get(digest) is { } bytes ? FrameRange.Read(bytes)
                : throw new InvalidDataException($"the archive does not have the evidence {digest}");
        }
        catch (EvidencePrunedException)
        {
            return ranges[digest] = null;
        }
    }

    private IEnumerable<int> OfSegments(FrameStretch stretch)
    {
        var (from, to) = (Math.Max(first, stretch.First.Segment), Math.Min(segments[^1].Number, stretch.Last.Segment));
        return from > to ? [] : Enumerable.Range(from - first, to - from + 1);
    }

    /// <summary>Remembers whom evidence of the time of these segments names.</summary>
    private void Name(RecordedEvent recorded, LedgerEvent fact)
    {
        if (fact is IntervalRecorded { Stream: not null } or SubjectErased or EvidenceDisclosed) return;
        var envelope = recorded.Envelope;
        foreach (var digest in NamedEvidence.AllOf(fact).SelectMany(one => Pieces(fact, one)))
        {
            if (evidence.SubjectsOf(digest) is not { Count: > 0 } who) continue;
            Name(Surrounding(envelope.ValidFrom, Instant.Max(envelope.ValidFrom, envelope.ValidTo)), who);
            Name(Surrounding(envelope.RecordedAt, envelope.RecordedAt), who);
        }
    }

    private void Name(Interval time, IReadOnlyCollection<SubjectPseudonym> who)
    {
        if (Meets(time, from, to)) named.Add((time, who));
    }

    private IEnumerable<EvidenceDigest> Pieces(LedgerEvent fact, EvidenceDigest digest)
    {
        if (fact is not IntervalRecorded || evidence.PrunedBy(digest) is not null) return [digest];
        return evidence.Find(digest) is { } piece ? EvidenceManifest.Listed(digest, piece.Raw) : [digest];
    }

    private static Interval Surrounding(Instant from, Instant to) => new(
        from - Instant.MinValue > Around ? from - Around : from, Instant.MaxValue - to > Around ? to + Around : to);

    private IReadOnlyList<KeptSegment> Judge(FrameAddress? neededFrom)
    {
        var judged = segments.ToArray();
        foreach (var ((point, start), resting) in records.OrderBy(record => record.Value.Position))
        {
            var (notSettled, disputed) = OfAccount(point, start, resting.Position);
            var notFinal = resting.IsFinal ? null : string.Create(CultureInfo.InvariantCulture,
                $"the record of {point} from {start} at position {resting.Position} is not final");
            // What went with its own month is settled, also where its range came back; another record may rest on
            // that too.
            if (months.Cover(resting.Position)) (notSettled, notFinal) = (null, null);
            if (notSettled is null && disputed is null && notFinal is null) continue;
            foreach (var at in SegmentsOf(resting))
                judged[at] = judged[at] with
                {
                    NotSettled = judged[at].NotSettled ?? notSettled,
                    NotFinal = judged[at].NotFinal ?? notFinal,
                    Disputed = judged[at].Disputed ?? disputed,
                };
        }
        for (var i = 0; i < judged.Length; i++)
            judged[i] = judged[i] with
            {
                NotFinal = judged[i].NotFinal ?? Unrecorded(judged[i].Number, neededFrom),
                Cases = judged[i].Sealed is { } segment ? CasesOf(segment) : [],
            };
        return judged;
    }

    private IEnumerable<int> SegmentsOf(Resting record) => record.Range?.Stretches.SelectMany(OfSegments)
        ?? Enumerable.Range(0, segments.Count).Where(at => segments[at].Sealed is { } told
            && Meets(record.Period, told.Earliest, told.Latest));

    private static string? Unrecorded(int segment, FrameAddress? neededFrom) => neededFrom is not { } from
        ? "how far records were made of the log is not known: it is read from its beginning when streams are opened next"
        : segment >= from.Segment ? $"records of the log from {from} on are not final yet" : null;

    /// <summary>An owner to whom no tariff was ever assigned is never settled. A dispute is about its day, and charges
    /// about their month, so the month is kept.</summary>
    private (string? NotSettled, string? Disputed) OfAccount(SettlementPointId point, Instant start, long position)
    {
        if (points.GetValueOrDefault(point)?.HolderAt(start) is not { } holder) return (null, null);
        var day = start.InZone(DateTimeZoneProviders.Tzdb[holder.Zone]).Date;
        var dispute = disputes.Values.FirstOrDefault(one => one.Account == holder.Owner
            && one.Day.ToYearMonth() == day.ToYearMonth());
        return (priced.Contains(holder.Owner) && settledBefore.GetValueOrDefault((holder.Owner, day)) <= position
                ? string.Create(CultureInfo.InvariantCulture,
                    $"no final run of {holder.Owner} for {LocalDatePattern.Iso.Format(day)} has read the fact at position "
                    + $"{position}") : null,
            dispute is null ? null : $"dispute {dispute.Dispute} of {dispute.Account} for "
                + $"{LocalDatePattern.Iso.Format(dispute.Day)} is open");
    }

    private IReadOnlyCollection<string> CasesOf(DroppedSegment segment) =>
        [.. named.Where(one => Meets(one.Time, segment.Earliest, segment.Latest)
                || Meets(one.Time, segment.FirstReceived, segment.LastReceived))
            .SelectMany(one => one.Subjects).Distinct()
            .SelectMany(subject => subjects.Of(subject).OpenCases).Distinct()];

    private static bool Meets(Interval time, Instant from, Instant to) => time.Start <= to && from <= time.End;
}
