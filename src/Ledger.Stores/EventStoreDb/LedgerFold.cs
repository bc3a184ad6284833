using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// What a ledger's stream says as a whole, folded from its events: the tree over their leaves, and where each id and
/// each stream of the ledger is. The server finds an event by position only, so this index is in memory and made anew
/// at every opening; docs/decisions.md has what that costs. Written by one thread, read by any.
/// </summary>
internal sealed class LedgerFold(LedgerId ledger, byte[] secret) : IDisposable
{
    private readonly Lock gate = new();
    private readonly LeafSalts salts = new(secret);
    private readonly IdPositions ids = new();
    private readonly Dictionary<string, List<long>> streams = new(StringComparer.Ordinal);
    private readonly MerkleTree tree = new();
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    /// <summary>How far the stream was folded, and the root there.</summary>
    public Acknowledged Now
    {
        get { lock (gate) return new(tree.Size, tree.Root()); }
    }

    /// <summary>Takes the next event of the stream; refuses one that cannot come next.</summary>
    public void Apply(StoredEvent stored)
    {
        var envelope = Recorded(stored, ledger).Envelope;
        lock (gate)
        {
            var revision = streams.TryGetValue(envelope.Stream, out var before) ? before.Count : 0;
            if (envelope.Revision != revision)
                throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                    $"position {stored.Position} is revision {envelope.Revision} of {envelope.Stream}, not {revision}"));
            Index(envelope, stored.Position);
            tree.Append(EnvelopeBytes.LeafEntry(salts.Of(envelope.Id), stored.Header.Span,
                SHA256.HashData(stored.Payload.Span)));
            if (envelope.RecordedAt > recordedAt) recordedAt = envelope.RecordedAt;
        }
    }

    /// <summary>Only the places of the next events, whose leaves are in the sequencer's own tree already.</summary>
    public void Place(IReadOnlyList<PlacedEvent> next)
    {
        foreach (var placed in next)
            lock (gate) // each by itself, so that no reader waits for many
                Index(placed.Envelope, placed.Position);
    }

    private void Index(Envelope envelope, long position)
    {
        ids.Add(envelope.Id);
        if (!streams.TryGetValue(envelope.Stream, out var known)) streams[envelope.Stream] = known = [];
        known.Add(position);
    }

    /// <summary>Where the sequencer goes on.</summary>
    public JournalState State()
    {
        lock (gate)
        {
            var heads = new Dictionary<string, StreamHead>(StringComparer.Ordinal);
            foreach (var (name, known) in streams) heads[name] = new(heads.Count, known.Count - 1);
            return new(MerkleTree.Restore(tree.Size, tree.SaveFrontier()), heads, recordedAt)
            {
                HighestId = ids.Highest,
            };
        }
    }

    public long? Find(EventId id)
    {
        lock (gate) return ids.Find(id);
    }

    /// <summary>Where a stream's events are from a revision on, before a position.</summary>
    public IReadOnlyList<long> PositionsOf(string stream, long fromRevision, long before)
    {
        lock (gate)
        {
            if (!streams.TryGetValue(stream, out var known)) return [];
            var end = known.BinarySearch(before);
            if (end < 0) end = ~end;
            var start = (int)Math.Clamp(fromRevision, 0, end);
            return known.GetRange(start, end - start);
        }
    }

    /// <summary>The event as readers see it.</summary>
    public static RecordedEvent Recorded(StoredEvent stored, LedgerId ledger)
    {
        Envelope envelope;
        int payloadLength;
        try
        {
            (envelope, payloadLength) = EnvelopeBytes.Read(stored.Header.Span);
        }
        catch (InvalidDataException e)
        {
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"position {stored.Position} has no readable header: {e.Message}"));
        }
        if (envelope.Ledger != ledger)
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"position {stored.Position} is of ledger {envelope.Ledger}, not of {ledger}"));
        if (payloadLength != stored.Payload.Length)
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"position {stored.Position} has {stored.Payload.Length} bytes of payload, its header {payloadLength}"));
        return new(stored.Position, envelope, stored.Payload);
    }

    public void Dispose() => salts.Dispose();
}
