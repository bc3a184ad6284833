using System.Diagnostics;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// Gives every event its position, revision and recordedAt, and puts it into the writer's open batch. The rules of the
/// journal stand here, once for every store. Used by one thread.
/// </summary>
internal sealed class JournalSequencer(SequencingOptions options, IJournalStore store, JournalState state) : IDisposable
{
    private static readonly Principal Itself = new("journal", new PartyId("ledger"), new HashSet<string>());
    private readonly MerkleTree tree = state.Tree;
    private readonly Dictionary<string, StreamHead> streams = state.Streams;
    private readonly LeafSalts salts = new(options.Secret);
    private Instant clockBefore = state.RecordedAt;

    public MerkleTree Tree => tree;

    /// <summary>The highest recordedAt so far: it never decreases.</summary>
    public Instant RecordedAt { get; private set; } = state.RecordedAt;

    public AppendResult Take(PendingWrite pending) => pending switch
    {
        PendingAppend append => Append(append),
        PendingCopy copy => Insert(copy),
        _ => throw new UnreachableException(),
    };

    private AppendResult Append(PendingAppend pending)
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
            if (store.Find(fact.Id) is not { } stored) continue;
            if (Difference(fact, stored) is { } differs) return new AppendResult.Conflict(fact.Id, differs);
            first ??= stored.Position;
            known++;
        }
        if (known == 0) return null;
        return known == pending.Facts.Count
            ? new AppendResult.AlreadyRecorded(first!.Value)
            : new AppendResult.Conflict(pending.Facts[0].Id,
                $"{known} of {pending.Facts.Count} facts were recorded before, the others were not");
    }

    private static string? Difference(PendingFact fact, StoredEvent found)
    {
        var (stored, _) = EnvelopeBytes.Read(found.Header.Span);
        if (stored.WireName != fact.Content.WireName || stored.WireVersion != fact.Content.Version)
            return $"wire name {stored.WireName} version {stored.WireVersion} was recorded";
        if (stored.ValidFrom != fact.ValidFrom || stored.ValidTo != fact.ValidTo)
            return $"valid time {stored.ValidFrom}/{stored.ValidTo} was recorded";
        return found.Payload.Span.SequenceEqual(fact.Content.Payload) ? null : "another payload was recorded";
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
            revision = envelope.Revision;
            Insert(StreamOf(envelope.Stream).Key, envelope, header, payload.ToArray(), leaf);
            clockBefore = RecordedAt = envelope.RecordedAt;
        }
        return new AppendResult.Recorded(first, revision);
    }

    private AppendResult.Recorded Insert(PendingAppend pending)
    {
        var stream = StreamOf(pending.Stream);
        var (first, revision) = (tree.Size, stream.Revision);
        foreach (var fact in pending.Facts)
        {
            var envelope = new Envelope(options.Ledger, pending.Stream, ++revision, fact.Id, fact.Content.WireName,
                fact.Content.Version, fact.ValidFrom, fact.ValidTo, RecordedAt, pending.Actor, pending.Tenant,
                pending.Causation, [], fact.Content.ContentType);
            var header = EnvelopeBytes.Write(envelope, fact.Content.Payload.Length);
            var leaf = EnvelopeBytes.LeafEntry(salts.Of(fact.Id), header, fact.PayloadDigest);
            Insert(stream.Key, envelope, header, fact.Content.Payload, leaf);
        }
        return new AppendResult.Recorded(first, revision);
    }

    private void Insert(long streamKey, Envelope envelope, byte[] header, byte[] payload, byte[] leaf)
    {
        store.Insert(new PlacedEvent(tree.Size, streamKey, envelope, header, payload, leaf));
        streams[envelope.Stream] = new(streamKey, envelope.Revision);
        tree.Append(leaf);
    }

    private long RevisionOf(string stream) => StreamOf(stream).Revision;

    private StreamHead StreamOf(string stream) =>
        streams.TryGetValue(stream, out var known) ? known : new(streams.Count, -1);

    public void Dispose() => salts.Dispose();
}
