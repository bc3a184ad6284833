using System.Diagnostics;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>What waits for the writer, encoded and hashed on its submitter's thread.</summary>
internal abstract record PendingWrite
{
    public TaskCompletionSource<AppendResult> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>Events that another journal recorded.</summary>
internal sealed record PendingCopy(IReadOnlyList<CopiedEvent> Events) : PendingWrite;

/// <summary>An append on its way to the writer.</summary>
internal sealed record PendingAppend(
    string Stream, ExpectedRevision Expected, IReadOnlyList<PendingFact> Facts, string Actor, PartyId Tenant,
    EventId? Causation) : PendingWrite
{
    private const int StreamLengthMax = 200; // characters; the longest agreed stream name is below 160

    public static PendingAppend Encode(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation)
    {
        if (stream.Length is 0 or > StreamLengthMax)
            throw new ArgumentException($"a stream's name has 1 to {StreamLengthMax} characters", nameof(stream));
        if (facts.Count == 0) throw new ArgumentException("an append has at least one fact", nameof(facts));
        PayloadText.Checked(stream);
        PayloadText.Checked(by.Actor);
        var encoded = facts.Select(PendingFact.Encode).ToArray();
        var bytes = encoded.Sum(fact => fact.Content.Payload.Length);
        if (bytes > Limits.DecisionBytesMax)
            throw new ArgumentException($"one append holds at most {Limits.DecisionBytesMax} bytes, not {bytes}",
                nameof(facts));
        return new PendingAppend(stream, expected, encoded, by.Actor, by.Party, causation);
    }
}

/// <summary>A fact with its id, its payload and the payload's digest.</summary>
internal sealed record PendingFact(EventId Id, Instant ValidFrom, Instant ValidTo, EncodedEvent Content,
    byte[] PayloadDigest)
{
    public static PendingFact Encode(NewFact fact)
    {
        var content = EventCodec.Encode(fact.Event);
        return new PendingFact(EventId.From(fact.ValidTime.Start, fact.Evidence), OnATick(fact.ValidTime.Start),
            OnATick(fact.ValidTime.End), content, SHA256.HashData(content.Payload));
    }

    /// <summary>Refused here, before the queue, where the submitter hears of it and not the writer.</summary>
    private static Instant OnATick(Instant value) => Instant.FromUnixTimeTicks(JournalBytes.Ticks(value));
}

/// <summary>
/// Gives every event its position, revision and recordedAt, inside the writer's open transaction. Used by one thread.
/// </summary>
internal sealed class JournalSequencer(SqliteJournalOptions options, JournalTables tables, MerkleTree tree,
    Instant recordedAt) : IDisposable
{
    private static readonly Principal Itself = new("journal", new PartyId("ledger"), new HashSet<string>());
    private readonly Dictionary<string, (long Key, long Revision)> streams = tables.LoadStreams();
    private readonly LeafSalts salts = new(options.Secret);
    private Instant clockBefore = recordedAt;

    public MerkleTree Tree => tree;

    /// <summary>The highest recordedAt so far: it never decreases.</summary>
    public Instant RecordedAt { get; private set; } = recordedAt;

    public AppendResult Take(PendingWrite pending) => pending switch
    {
        PendingAppend append => Append(append),
        PendingCopy copy => Insert(copy),
        _ => throw new UnreachableException(),
    };

    public AppendResult Append(PendingAppend pending)
    {
        if (Repeated(pending) is { } answer) return answer;
        var revision = RevisionOf(pending.Stream);
        var fits = pending.Expected == ExpectedRevision.Any
            || (pending.Expected == ExpectedRevision.Exists ? revision >= 0 : pending.Expected.Value == revision);
        if (!fits) return new AppendResult.WrongRevision(revision);
        ReadClock();
        return Insert(pending);
    }

    /// <summary>The answer to an append whose ids are known: all with the same content, or a conflict.</summary>
    private AppendResult? Repeated(PendingAppend pending)
    {
        long? first = null;
        var seen = pending.Facts.Count > 1 ? new HashSet<EventId>() : null;
        var known = 0;
        foreach (var fact in pending.Facts)
        {
            if (seen?.Add(fact.Id) == false) return new AppendResult.Conflict(fact.Id, "the same id twice in one append");
            if (tables.Find(fact.Id) is not { } stored) continue;
            if (Difference(fact, stored.Header, stored.Payload) is { } differs)
                return new AppendResult.Conflict(fact.Id, differs);
            first ??= stored.Position;
            known++;
        }
        if (known == 0) return null;
        return known == pending.Facts.Count
            ? new AppendResult.AlreadyRecorded(first!.Value)
            : new AppendResult.Conflict(pending.Facts[0].Id,
                $"{known} of {pending.Facts.Count} facts were recorded before, the others were not");
    }

    private static string? Difference(PendingFact fact, byte[] header, byte[] payload)
    {
        var (stored, _) = EnvelopeBytes.Read(header);
        if (stored.WireName != fact.Content.WireName || stored.WireVersion != fact.Content.Version)
            return $"wire name {stored.WireName} version {stored.WireVersion} was recorded";
        if (stored.ValidFrom != fact.ValidFrom || stored.ValidTo != fact.ValidTo)
            return $"valid time {stored.ValidFrom}/{stored.ValidTo} was recorded";
        return payload.AsSpan().SequenceEqual(fact.Content.Payload) ? null : "another payload was recorded";
    }

    /// <summary>recordedAt = max(clock, previous); a backward step of the clock is itself a fact.</summary>
    private void ReadClock()
    {
        var now = Instant.FromUnixTimeTicks(options.Clock.GetCurrentInstant().ToUnixTimeTicks());
        var before = clockBefore;
        clockBefore = now;
        if (now > RecordedAt) RecordedAt = now;
        if (now >= before) return;
        var key = new EvidenceKey($"clock stepped back before position {tree.Size}");
        var fact = PendingFact.Encode(NewFact.At(new ClockSteppedBack(before, now), now, key));
        Insert(new PendingAppend(Streams.Ledger, ExpectedRevision.Any, [fact], Itself.Actor, Itself.Party, null));
    }

    /// <summary>Events as they were recorded elsewhere, at their positions; a conflict says why not.</summary>
    private AppendResult Insert(PendingCopy pending)
    {
        var (first, revision) = (tree.Size, -1L);
        if (CopiedEvent.Refusal(pending.Events, options.Ledger, first, RecordedAt, RevisionOf) is { } why)
            return new AppendResult.Conflict(default, why);
        foreach (var ((_, envelope, payload), header, leaf) in pending.Events)
        {
            var (key, _) = StreamOf(envelope.Stream);
            revision = envelope.Revision;
            tables.InsertEvent(tree.Size, key, revision, envelope.Id, header, payload.Span, leaf);
            streams[envelope.Stream] = (key, revision);
            tree.Append(leaf);
            clockBefore = RecordedAt = envelope.RecordedAt;
        }
        return new AppendResult.Recorded(first, revision);
    }

    private long RevisionOf(string stream) => streams.TryGetValue(stream, out var known) ? known.Revision : -1;

    private (long Key, long Revision) StreamOf(string name)
    {
        if (streams.TryGetValue(name, out var stream)) return stream;
        tables.InsertStream(streams.Count, name);
        return (streams.Count, -1);
    }

    private AppendResult.Recorded Insert(PendingAppend pending)
    {
        var stream = StreamOf(pending.Stream);
        var first = tree.Size;
        foreach (var fact in pending.Facts)
        {
            stream.Revision++;
            var header = EnvelopeBytes.Write(new Envelope(options.Ledger, pending.Stream, stream.Revision, fact.Id,
                fact.Content.WireName, fact.Content.Version, fact.ValidFrom, fact.ValidTo, RecordedAt, pending.Actor,
                pending.Tenant, pending.Causation, [], fact.Content.ContentType), fact.Content.Payload.Length);
            var leaf = EnvelopeBytes.LeafEntry(salts.Of(fact.Id), header, fact.PayloadDigest);
            tables.InsertEvent(tree.Size, stream.Key, stream.Revision, fact.Id, header, fact.Content.Payload, leaf);
            tree.Append(leaf);
        }
        streams[pending.Stream] = stream;
        return new AppendResult.Recorded(first, stream.Revision);
    }

    public void Dispose() => salts.Dispose();
}
