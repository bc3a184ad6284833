using System.Diagnostics;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// Gives every event its position, revision and recordedAt, and puts it into the writer's open batch. The rules of the
/// journal stand here, once for every store. What is taken is hashed and stored together. Used by one thread.
/// </summary>
internal sealed class JournalSequencer(SequencingOptions options, IJournalStore store, JournalState state)
{
    // Then what was taken is hashed and goes to the store before more is taken: so many that every lane of a vector has
    // work, and so few that a store which writes beside this thread need not wait for the whole of a batch.
    private const int HashedTogetherBytes = 4 << 20, HashedTogetherEvents = 128;

    private static readonly Principal Itself = new("journal", new PartyId("ledger"), new HashSet<string>());
    private readonly MerkleTree tree = state.Tree;
    private readonly Dictionary<string, StreamHead> streams = state.Streams;
    private readonly LeafBatch leaves = new(options.Secret);
    private readonly List<PlacedEvent> placed = []; // with its place, and not stored yet
    private readonly Dictionary<EventId, int> placedIds = []; // of the first so many, as far as somebody asked
    private readonly List<EventId> asked = []; // of what is being taken
    private int idsKnown;
    private Instant clockBefore = state.RecordedAt;
    private UInt128 highestId = state.HighestId?.Value ?? UInt128.MaxValue; // not known: then each id is looked up

    /// <summary>Over all that is stored.</summary>
    public MerkleTree Tree => tree;

    private long Length => tree.Size + placed.Count;

    /// <summary>The highest recordedAt so far: it never decreases.</summary>
    public Instant RecordedAt { get; private set; } = state.RecordedAt;

    /// <summary>Gives the events of each write their places and puts them into the store, or says why not: that is
    /// its result.</summary>
    public void Take(ReadOnlySpan<PendingWrite> taken)
    {
        PendingAppend.Identify(taken);
        asked.Clear();
        foreach (var pending in taken) pending.AddIds(asked);
        store.Prepare(asked);
        foreach (var pending in taken)
            pending.Result = pending switch
            {
                PendingAppend append => Append(append),
                PendingCopy copy => Place(copy),
                _ => throw new UnreachableException(),
            };
        Store();
    }

    /// <summary>Hashes what has its place, all of it together, and gives it to the store.</summary>
    private void Store()
    {
        if (placed.Count == 0) return;
        leaves.AppendTo(tree);
        leaves.VerifyFirst(placed[0]);
        for (var i = 0; i < placed.Count; i++) store.Insert(placed[i] with { Leaf = leaves.Entry(i) });
        leaves.Clear();
        placed.Clear();
        placedIds.Clear();
        idsKnown = 0;
    }

    private AppendResult Append(PendingAppend pending)
    {
        if (Repeated(pending) is { } answer) return answer;
        ReadClock(); // first: that the clock was set back is an event too, and its stream may be the one asked for
        var head = StreamOf(pending.Stream);
        var revision = head.Revision;
        var fits = pending.Expected == ExpectedRevision.Any
            || (pending.Expected == ExpectedRevision.Exists ? revision >= 0 : pending.Expected.Value == revision);
        return fits ? Place(pending, head) : new AppendResult.WrongRevision(revision);
    }

    /// <summary>The answer to an append whose ids are known: all with the same content, or a conflict.</summary>
    private AppendResult? Repeated(PendingAppend pending)
    {
        long? first = null;
        var seen = IsAscending(pending.Facts) ? null : new HashSet<EventId>(pending.Facts.Length);
        var known = 0;
        foreach (var fact in pending.Facts)
        {
            if (seen?.Add(fact.Id) == false) return new AppendResult.Conflict(fact.Id, "the same id twice in one append");
            if (Find(fact.Id) is not { } stored) continue;
            if (Difference(fact, stored) is { } differs) return new AppendResult.Conflict(fact.Id, differs);
            first ??= stored.Position;
            known++;
        }
        if (known == 0) return null;
        return known == pending.Facts.Length
            ? new AppendResult.AlreadyRecorded(first!.Value)
            : new AppendResult.Conflict(pending.Facts[0].Id,
                $"{known} of {pending.Facts.Length} facts were recorded before, the others were not");
    }

    /// <summary>Whether each id is higher than the one before, so that none is there twice.</summary>
    private static bool IsAscending(PendingFact[] facts)
    {
        for (var i = 1; i < facts.Length; i++)
            if (facts[i].Id.Value <= facts[i - 1].Id.Value) return false;
        return true;
    }

    private StoredEvent? Find(EventId id)
    {
        if (id.Value > highestId) return null;
        for (; idsKnown < placed.Count; idsKnown++) placedIds[placed[idsKnown].Envelope.Id] = idsKnown;
        return placedIds.TryGetValue(id, out var number)
            ? new(placed[number].Position, placed[number].Header, placed[number].Payload) : store.Find(id);
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
        var key = new EvidenceKey($"clock stepped back before position {Length}");
        var fact = NewFact.At(new ClockSteppedBack(before, now), now, key);
        var stepped = PendingAppend.Encode(Streams.Ledger, ExpectedRevision.Any, [fact], Itself, null);
        PendingAppend.Identify([stepped]);
        Place(stepped, StreamOf(stepped.Stream));
    }

    /// <summary>Events as they were recorded elsewhere, at their positions; a conflict says why not.</summary>
    private AppendResult Place(PendingCopy pending)
    {
        var (first, revision) = (Length, -1L);
        if (CopiedEvent.Refusal(pending.Copied, options.Ledger, first, RecordedAt, name => StreamOf(name).Revision)
            is { } why)
            return new AppendResult.Conflict(default, why);
        foreach (var ((_, envelope, payload), header, _) in pending.Copied)
        {
            revision = envelope.Revision;
            var key = StreamOf(envelope.Stream).Key;
            streams[envelope.Stream] = new(key, revision);
            Place(key, envelope, header, payload.ToArray(), default);
            clockBefore = RecordedAt = envelope.RecordedAt;
        }
        return new AppendResult.Recorded(first, revision);
    }

    /// <param name="head">Of its stream, as it is.</param>
    private AppendResult.Recorded Place(PendingAppend pending, StreamHead head)
    {
        var (key, revision) = head;
        var first = Length;
        streams[pending.Stream] = new(key, revision + pending.Facts.Length);
        foreach (var fact in pending.Facts)
        {
            var envelope = new Envelope(options.Ledger, pending.Stream, ++revision, fact.Id, fact.Content.WireName,
                fact.Content.Version, fact.ValidFrom, fact.ValidTo, RecordedAt, pending.Actor, pending.Tenant,
                pending.Causation, [], fact.Content.ContentType);
            var header = EnvelopeBytes.Write(envelope, fact.Content.Payload.Length);
            Place(key, envelope, header, fact.Content.Payload, fact.LeafInput.Span);
        }
        return new AppendResult.Recorded(first, revision);
    }

    /// <param name="leafInput">Where it was hashed before: <see cref="LeafInputs"/>.</param>
    private void Place(
        long streamKey, Envelope envelope, byte[] header, byte[] payload, ReadOnlySpan<byte> leafInput)
    {
        highestId = UInt128.Max(highestId, envelope.Id.Value);
        placed.Add(new PlacedEvent(Length, streamKey, envelope, header, payload, []));
        if (leafInput.IsEmpty) leaves.Add(envelope.Id, header, payload);
        else leaves.Add(leafInput, header);
        if (placed.Count >= HashedTogetherEvents || leaves.Bytes >= HashedTogetherBytes) Store();
    }

    private StreamHead StreamOf(string stream) =>
        streams.TryGetValue(stream, out var known) ? known : new(streams.Count, -1);
}
