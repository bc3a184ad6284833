using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>What the next version of a record is held against: what this one names, and how its samples were
/// declared.</summary>
/// <param name="Declared">Null for a record from files.</param>
/// <param name="Samples">Samples of its period that it counts, also those that came twice.</param>
public sealed record RecordVersion(
    int Version, EvidenceDigest Evidence, (SampleSemantics Semantics, long NominalMicroseconds)? Declared, long Samples,
    long ClockOffsetMicroseconds)
{
    public bool IsClockSuspect => IntervalRecords.IsClockSuspect(ClockOffsetMicroseconds);

    public static RecordVersion Of(IntervalRecorded record) => new(record.Version, record.Evidence,
        record.Stream is { } stream ? (stream.Semantics, stream.NominalMicroseconds) : null,
        (long)record.Samples + record.DuplicateSamples + record.ConflictingSamples,
        record.ClockOffsetMicroseconds);
}

/// <summary>
/// Which version of a period's record stood before each one, while records come in the order of the journal. The latest
/// are remembered, a bounded number; an older one is read from its record's stream of the journal. That versions of a
/// period follow each other by one is verified here.
/// </summary>
/// <param name="journal">Null where only the facts that come are at hand: what was before them is left out.</param>
public sealed class RecordVersions(Findings findings, IJournal? journal = null)
{
    /// <summary>Versions that are remembered, of about 300 bytes each.</summary>
    private const int KnownMax = 65_536;

    private readonly Dictionary<(SettlementPointId, Instant), RecordVersion> known = [];
    private readonly Queue<(SettlementPointId, Instant)> oldestFirst = [];
    private long notAtHand;

    /// <summary>The version that stood before this one; null where there is none to be had.</summary>
    public async ValueTask<RecordVersion?> BeforeAsync(
        RecordedEvent recorded, IntervalRecorded record, CancellationToken ct)
    {
        var before = Remembered(record);
        if (before is null && record.Version > 1 && journal is not null)
            before = await ReadAsync(recorded, record, ct).ConfigureAwait(false);
        return Followed(recorded.Position, record, before);
    }

    /// <summary>The same of those that have come so far.</summary>
    public RecordVersion? Before(long position, IntervalRecorded record) =>
        Followed(position, record, Remembered(record));

    /// <summary>Says what was left out.</summary>
    public void Finish()
    {
        if (notAtHand > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"{notAtHand} interval records against the version before them, which is not at hand"));
    }

    private RecordVersion? Remembered(IntervalRecorded record) =>
        known.GetValueOrDefault((record.Point, record.Period.Start));

    private RecordVersion? Followed(long position, IntervalRecorded record, RecordVersion? before)
    {
        Remember(record);
        if (before is null && record.Version > 1 && journal is null) notAtHand++;
        else if ((before?.Version ?? 0) + 1 != record.Version)
            findings.Add(RecordComparison.Place(position, record), string.Create(CultureInfo.InvariantCulture,
                $"version {record.Version}"), string.Create(CultureInfo.InvariantCulture,
                $"version {(before?.Version ?? 0) + 1}, after those of its stream"));
        return before;
    }

    private async Task<RecordVersion?> ReadAsync(RecordedEvent recorded, IntervalRecorded record, CancellationToken ct)
    {
        RecordVersion? before = null;
        await foreach (var one in journal!.ReadStreamAsync(recorded.Envelope.Stream, 0, ct).ConfigureAwait(false))
        {
            if (one.Position >= recorded.Position) break;
            if (EventCodec.Decode(one) is IntervalRecorded earlier && earlier.Point == record.Point
                && earlier.Period.Start == record.Period.Start) before = RecordVersion.Of(earlier);
        }
        return before;
    }

    private void Remember(IntervalRecorded record)
    {
        var key = (record.Point, record.Period.Start);
        if (!known.ContainsKey(key))
        {
            if (known.Count == KnownMax) known.Remove(oldestFirst.Dequeue());
            oldestFirst.Enqueue(key);
        }
        known[key] = RecordVersion.Of(record);
    }
}
