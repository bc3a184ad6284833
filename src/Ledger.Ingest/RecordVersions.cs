using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>What the next version of a record is held against: what this one names, and how its samples were
/// declared.</summary>
/// <param name="End">Of its period.</param>
/// <param name="Declared">Null for a record from files.</param>
/// <param name="Samples">Samples of its period that it counts, also those that came twice.</param>
public sealed record RecordVersion(
    Instant End, int Version, EvidenceDigest Evidence, (SampleSemantics Semantics, long NominalMicroseconds)? Declared,
    long Samples, long ClockOffsetMicroseconds, bool IsFinal)
{
    public bool IsClockSuspect => IntervalRecords.IsClockSuspect(ClockOffsetMicroseconds);

    public static RecordVersion Of(IntervalRecorded record) => new(record.Period.End, record.Version, record.Evidence,
        record.Stream is { } stream ? (stream.Semantics, stream.NominalMicroseconds) : null,
        (long)record.Samples + record.DuplicateSamples + record.ConflictingSamples,
        record.ClockOffsetMicroseconds, record.State == IntervalRecordState.Final);
}

/// <summary>
/// Which version of a period's record stood before each one, while records come in the order of the journal. The latest
/// are remembered, a bounded number; an older one is read from its record's stream of the journal. What records of one
/// stream say of each other is verified here: that versions of a period follow each other by one and end with it, that
/// no two periods overlap, and that each stands, because the version after it is what supersedes.
/// </summary>
/// <param name="journal">Null where only the facts that come are at hand: what was before them is left out.</param>
public sealed class RecordVersions(Findings findings, IJournal? journal = null)
{
    /// <summary>Versions that are remembered, of about 300 bytes each, and streams, of about 200.</summary>
    private const int KnownMax = 65_536;

    private readonly Dictionary<(string Stream, Instant), RecordVersion> known = [];
    private readonly Queue<(string, Instant)> oldestFirst = [];
    /// <summary>Until when the records of a stream reach that have come so far.</summary>
    private readonly Dictionary<string, Instant> reached = new(StringComparer.Ordinal);
    private readonly Queue<string> oldestStreamFirst = [];
    private long notAtHand;

    /// <summary>The version that stood before this one; null where there is none to be had.</summary>
    public async ValueTask<RecordVersion?> BeforeAsync(
        RecordedEvent recorded, IntervalRecorded record, CancellationToken ct)
    {
        var (stream, revision) = (recorded.Envelope.Stream, recorded.Envelope.Revision);
        var before = known.GetValueOrDefault((stream, record.Period.Start));
        // What begins where all others of its stream have ended can overlap none of them.
        if (before is null && journal is not null && (record.Version > 1
            || (reached.TryGetValue(stream, out var until) ? record.Period.Start < until : revision > 0)))
            before = await ReadAsync(recorded, record, ct).ConfigureAwait(false);
        return Followed(recorded.Position, stream, record, before);
    }

    /// <summary>The same of those that have come so far.</summary>
    public RecordVersion? Before(long position, string stream, IntervalRecorded record) =>
        Followed(position, stream, record, known.GetValueOrDefault((stream, record.Period.Start)));

    /// <summary>Says what was left out.</summary>
    public void Finish()
    {
        if (notAtHand > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"{notAtHand} interval records against the version before them, which is not at hand"));
    }

    private RecordVersion? Followed(long position, string stream, IntervalRecorded record, RecordVersion? before)
    {
        Remember(stream, record);
        if (record.State == IntervalRecordState.Superseded)
            findings.Add(RecordComparison.Place(position, record), "a record that says that it was superseded",
                "provisional or final: the version after it supersedes");
        if (before is not null && before.End != record.Period.End)
            findings.Add(RecordComparison.Place(position, record), $"a period until {Iso(record.Period.End)}",
                $"until {Iso(before.End)}, as of the version before");
        if (before is null && record.Version > 1 && journal is null) notAtHand++;
        else if ((before?.Version ?? 0) + 1 != record.Version)
            findings.Add(RecordComparison.Place(position, record), string.Create(CultureInfo.InvariantCulture,
                $"version {record.Version}"), string.Create(CultureInfo.InvariantCulture,
                $"version {(before?.Version ?? 0) + 1}, after those of its stream"));
        return before;
    }

    /// <summary>The version before, of those of its stream, of which no other period may overlap the
    /// record's.</summary>
    private async Task<RecordVersion?> ReadAsync(RecordedEvent recorded, IntervalRecorded record, CancellationToken ct)
    {
        RecordVersion? before = null;
        Interval? overlapped = null;
        await foreach (var one in journal!.ReadStreamAsync(recorded.Envelope.Stream, 0, ct).ConfigureAwait(false))
        {
            if (one.Position >= recorded.Position) break;
            if (EventCodec.Decode(one) is not IntervalRecorded earlier || earlier.Point != record.Point) continue;
            Reach(recorded.Envelope.Stream, earlier.Period.End);
            if (earlier.Period.Start == record.Period.Start) before = RecordVersion.Of(earlier);
            else if (earlier.Period.Start < record.Period.End && record.Period.Start < earlier.Period.End)
                overlapped = earlier.Period;
        }
        if (overlapped is { } other)
            findings.Add(RecordComparison.Place(recorded.Position, record), $"a period until {Iso(record.Period.End)}",
                $"one that does not overlap that from {Iso(other.Start)} to {Iso(other.End)}, which was recorded before");
        return before;
    }

    private void Remember(string stream, IntervalRecorded record)
    {
        var key = (stream, record.Period.Start);
        if (!known.ContainsKey(key))
        {
            if (known.Count == KnownMax) known.Remove(oldestFirst.Dequeue());
            oldestFirst.Enqueue(key);
        }
        known[key] = RecordVersion.Of(record);
        Reach(stream, record.Period.End);
    }

    private void Reach(string stream, Instant end)
    {
        if (!reached.TryGetValue(stream, out var until))
        {
            if (reached.Count == KnownMax) reached.Remove(oldestStreamFirst.Dequeue());
            oldestStreamFirst.Enqueue(stream);
            until = end;
        }
        reached[stream] = Instant.Max(until, end);
    }

    private static string Iso(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
