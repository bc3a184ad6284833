using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Tests;

/// <summary>
/// A journal in memory with the port's promises: gap-free positions, expected revisions, idempotency, order. The
/// payload is the number of the fact, so the wire name's own bytes play no part; <see cref="Decode"/> reads it back.
/// With
/// <c>asStored</c> it is the codec's, for readers that decode for themselves.
/// </summary>
public sealed class InMemoryJournal(bool asStored = false) : IJournal
{
    private readonly Lock gate = new();
    private readonly List<RecordedEvent> events = [];
    private readonly List<LedgerEvent> facts = [];
    private readonly Dictionary<EventId, int> byId = [];
    private TaskCompletionSource grown = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LedgerId Ledger { get; } = new("test");
    public long Length { get { lock (gate) return events.Count; } }

    /// <summary>SHA-256 over what was appended, in order: enough to tell two journals apart here.</summary>
    public byte[] Root
    {
        get { lock (gate) return SHA256.HashData([.. events.SelectMany(stored => stored.Envelope.Id.ToBytes())]); }
    }

    public LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload)
    {
        if (asStored) return EventCodec.Decode(wireName, version, payload);
        if (wireName == "unknown") throw new InvalidOperationException("unknown wire name 'unknown'");
        lock (gate) return facts[BinaryPrimitives.ReadInt32BigEndian(payload)];
    }

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> appended, Principal by, EventId? causation,
        CancellationToken ct)
    {
        lock (gate)
        {
            var ids = appended.Select(fact => EventId.From(fact.ValidTime.Start, fact.Evidence)).ToList();
            if (ids.Count > 0 && ids.All(byId.ContainsKey))
            {
                for (var i = 0; i < ids.Count; i++)
                    if (!facts[byId[ids[i]]].Equals(appended[i].Event))
                        return new(new AppendResult.Conflict(ids[i], "payload"));
                return new(new AppendResult.AlreadyRecorded(byId[ids[0]]));
            }
            var revision = events.Count(stored => stored.Envelope.Stream == stream) - 1L;
            if ((expected.Value >= -1 && expected.Value != revision)
                || (expected == ExpectedRevision.Exists && revision < 0))
                return new(new AppendResult.WrongRevision(revision));
            var first = events.Count;
            foreach (var (fact, id) in appended.Zip(ids))
                Store(stream, ++revision, fact, id, fact.Event.GetType().Name, by);
            Wake();
            return new(new AppendResult.Recorded(first, revision));
        }
    }

    /// <summary>Appends an event whose wire name no codec knows.</summary>
    public void AppendUnknown(NewFact fact)
    {
        lock (gate)
        {
            var id = EventId.From(fact.ValidTime.Start, fact.Evidence);
            Store("unknown", 0, fact, id, "unknown", new Principal("test", new PartyId("test"), new HashSet<string>()));
            Wake();
        }
    }

    public async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var stored in ReadAllAsync(0, ct))
            if (stored.Envelope.Stream == stream && stored.Envelope.Revision >= fromRevision) yield return stored;
    }

    public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
        long fromPosition, [EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask;
        for (var position = (int)fromPosition; ; position++)
        {
            ct.ThrowIfCancellationRequested();
            RecordedEvent stored;
            lock (gate)
            {
                if (position >= events.Count) yield break;
                stored = events[position];
            }
            yield return stored;
        }
    }

    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (true)
        {
            Task wait;
            lock (gate)
            {
                if (events.Count > position) return;
                wait = grown.Task;
            }
            await wait.WaitAsync(ct);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private void Store(string stream, long revision, NewFact fact, EventId id, string wireName, Principal by)
    {
        var payload = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(payload, facts.Count);
        var (wireVersion, contentType) = (1, "test");
        if (asStored) (wireName, wireVersion, contentType, payload) = EventCodec.Encode(fact.Event);
        byId[id] = facts.Count;
        facts.Add(fact.Event);
        // Recorded one second apart, from the epoch on: time here comes from the position.
        events.Add(new(events.Count, new Envelope(
            Ledger, stream, revision, id, wireName, wireVersion, fact.ValidTime.Start, fact.ValidTime.End,
            Instant.FromUnixTimeSeconds(events.Count), by.Actor, by.Party, null, [], contentType), payload));
    }

    private void Wake()
    {
        var woken = grown;
        grown = new(TaskCreationOptions.RunContinuationsAsynchronously);
        woken.SetResult();
    }
}
