using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// What a ledger's stream says as a whole, folded from its events: the tree over their leaves, and where each id and
/// each stream of the ledger is. The server finds an event by position only, so this index is in memory, made at every
/// opening from what the folder keeps and from the events after it. Written by one thread, read by any.
/// </summary>
/// <param name="places">Where the folder keeps it; closed with the fold.</param>
internal sealed class LedgerFold(LedgerId ledger, byte[] secret, PlacesFile? places = null) : IDisposable
{
    /// <param name="Key">Its number, from 0 in the order in which the streams began.</param>
    /// <param name="Positions">Those of its events, by revision.</param>
    private sealed record Stream(int Key, List<long> Positions);

    private const int PlacedTogether = 64;
    private const int HashedTogether = 128, HashedTogetherBytes = 1 << 20;
    private readonly Lock gate = new();
    private readonly LeafBatch leaves = new(secret);
    private PlacedEvent firstLeaf; // of those that were added
    private int added; // and not hashed yet
    private readonly IdPositions ids = new();
    private readonly Dictionary<string, Stream> streams = new(StringComparer.Ordinal);
    private (string Name, Stream Stream) last; // that of the last event
    private MerkleTree tree = new();
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    /// <summary>How far the stream was folded, and the root there.</summary>
    public Acknowledged Now
    {
        get { lock (gate) return new(Hashed().Size, tree.Root()); }
    }

    /// <summary>How many events it knows, those not counted that are only placed.</summary>
    public long Length
    {
        get { lock (gate) return tree.Size + added; }
    }

    /// <summary>Takes what the folder keeps of the first events, so many at most. For an empty one, before all else.
    /// </summary>
    public void Load(long lengthMax)
    {
        var numbered = new List<Stream>();
        lock (gate)
            places?.Load(lengthMax, block =>
            {
                foreach (var name in block.Names) numbered.Add(streams[name] = new(numbered.Count, []));
                for (var i = 0; i < block.Events; i++)
                {
                    var (key, id) = block[i];
                    numbered[key].Positions.Add(block.First + i);
                    ids.Add(id);
                }
                (tree, recordedAt) = (MerkleTree.Restore(block.Length, block.Frontier.Span), block.RecordedAt);
            });
    }

    /// <summary>Takes the next event of the stream; refuses one that cannot come next.</summary>
    public void Apply(StoredEvent stored)
    {
        var envelope = Recorded(stored, ledger).Envelope;
        lock (gate)
        {
            var revision = streams.TryGetValue(envelope.Stream, out var before) ? before.Positions.Count : 0;
            if (envelope.Revision != revision)
                throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                    $"position {stored.Position} is revision {envelope.Revision} of {envelope.Stream}, not {revision}"));
            Index(envelope, stored.Position);
            if (added++ == 0)
                firstLeaf = new(stored.Position, 0, envelope, stored.Header.ToArray(), stored.Payload.ToArray(), []);
            leaves.Add(envelope.Id, stored.Header.Span, stored.Payload.Span);
            if (added >= HashedTogether || leaves.Bytes >= HashedTogetherBytes) Hashed();
            if (envelope.RecordedAt > recordedAt) recordedAt = envelope.RecordedAt;
            if (places is { IsDue: true }) places.Write(Hashed().SaveFrontier(), recordedAt);
        }
    }

    /// <summary>The tree over all that was applied: leaves that nobody asked for yet are hashed together.</summary>
    private MerkleTree Hashed()
    {
        if (added == 0) return tree;
        leaves.AppendTo(tree);
        leaves.VerifyFirst(firstLeaf);
        leaves.Clear();
        added = 0;
        return tree;
    }

    /// <summary>Whether what was placed is enough to be kept in the folder, once it is acknowledged.</summary>
    public bool IsKeepingDue => places is { IsDue: true };

    /// <summary>Keeps in the folder what was placed, all of it acknowledged.</summary>
    /// <param name="frontier">That of the tree over all of it.</param>
    /// <param name="highest">The highest recordedAt.</param>
    public void Keep(ReadOnlySpan<byte> frontier, Instant highest) => places?.Write(frontier, highest);

    /// <summary>Only the places of the next events, whose leaves are in the sequencer's own tree already.</summary>
    public void Place(IReadOnlyList<PlacedEvent> next)
    {
        for (var i = 0; i < next.Count;)
            lock (gate) // not all at once, so that no reader waits for many
                for (var end = Math.Min(i + PlacedTogether, next.Count); i < end; i++)
                    Index(next[i].Envelope, next[i].Position);
    }

    private void Index(Envelope envelope, long position)
    {
        ids.Add(envelope.Id);
        var isNew = false;
        if (!ReferenceEquals(envelope.Stream, last.Name)) // one append has one text
        {
            isNew = !streams.TryGetValue(envelope.Stream, out var stream);
            if (isNew) streams[envelope.Stream] = stream = new(streams.Count, []);
            last = (envelope.Stream, stream!);
        }
        last.Stream.Positions.Add(position);
        places?.Add(envelope.Id, last.Stream.Key, isNew ? envelope.Stream : null);
    }

    /// <summary>Where the sequencer goes on.</summary>
    public JournalState State()
    {
        lock (gate)
        {
            var heads = new Dictionary<string, StreamHead>(StringComparer.Ordinal);
            foreach (var (name, known) in streams) heads[name] = new(known.Key, known.Positions.Count - 1);
            return new(MerkleTree.Restore(Hashed().Size, tree.SaveFrontier()), heads, recordedAt)
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
            var end = known.Positions.BinarySearch(before);
            if (end < 0) end = ~end;
            var start = (int)Math.Clamp(fromRevision, 0, end);
            return known.Positions.GetRange(start, end - start);
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

    public void Dispose() => places?.Dispose();
}
