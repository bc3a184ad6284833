using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>A stream as the sequencer knows it.</summary>
/// <param name="Key">Its number, from 0, in the order in which the streams began.</param>
/// <param name="Revision">That of its last event.</param>
public readonly record struct StreamHead(long Key, long Revision);

/// <summary>What a store holds when its journal is opened: where the sequencer goes on.</summary>
/// <param name="Tree">Over all leaves; it grows with the journal.</param>
/// <param name="Streams">The head of every stream.</param>
/// <param name="RecordedAt">The highest recordedAt.</param>
public sealed record JournalState(MerkleTree Tree, Dictionary<string, StreamHead> Streams, Instant RecordedAt)
{
    /// <summary>The highest id of all events, as their ids are numbers; null where the store does not say it. An id
    /// that is higher is new, and needs no question: ids begin with their fact's time, so most are.</summary>
    public EventId? HighestId { get; init; }

    /// <summary>An empty journal's.</summary>
    public static JournalState Empty =>
        new(new MerkleTree(), new(StringComparer.Ordinal), Instant.FromUnixTimeTicks(0));
}

/// <summary>An event that has its place, on its way into a store.</summary>
/// <param name="StreamKey">The number of its stream; the stream is new where the revision is 0.</param>
/// <param name="Header">The final bytes of the envelope.</param>
/// <param name="Leaf">The leaf entry.</param>
public readonly record struct PlacedEvent(
    long Position, long StreamKey, Envelope Envelope, byte[] Header, byte[] Payload, byte[] Leaf);

/// <summary>An event as a store has it, for the comparison with one of the same id.</summary>
public sealed record StoredEvent(long Position, ReadOnlyMemory<byte> Header, ReadOnlyMemory<byte> Payload);

/// <summary>
/// What a store does for the one writer of its journal (<see cref="JournalWriter"/>), asked on the writer's thread but
/// for <see cref="TidyAsync"/>. The rules of the journal are the sequencer's and the same in every store; a store only
/// finds, places and commits. Whatever it throws stops the writer, because what is durable is then known only after a
/// new start.
/// </summary>
public interface IJournalStore
{
    /// <summary>Whether a second commit may be asked for before the first has ended and is tidied up after.</summary>
    bool TakesSecondCommit => false;

    /// <summary>Begins a batch: what is inserted from here on becomes durable together, or piece by piece in order
    /// and each append whole. The batch before may still be on its way.</summary>
    void Begin();

    /// <summary>Says of which events the batch may ask with <see cref="Find"/>: a store finds them together, one on a
    /// server in one question. A batch may grow, and this be asked again.</summary>
    void Prepare(IEnumerable<EventId> ids) { }

    /// <summary>The event with this id, also one inserted in this batch; null where there is none.</summary>
    StoredEvent? Find(EventId id);

    /// <summary>Takes the event that comes next.</summary>
    void Insert(in PlacedEvent placed);

    /// <summary>
    /// Ends when all that was inserted is durable. The next batch may be filled meanwhile, and the tree grows as soon
    /// as this returns. Of two that are under way the second becomes durable after the first, and never without it;
    /// where the first fails, so does the second.
    /// </summary>
    /// <param name="tree">Over all leaves, those of the batch among them.</param>
    /// <param name="recordedAt">The highest recordedAt.</param>
    Task CommitAsync(MerkleTree tree, Instant recordedAt);

    /// <summary>Ends when what nobody has to wait for is done after a commit. Asked once for each, in their order, when
    /// the batch was answered, and on the thread on which that was done, while the writer's fills the next.</summary>
    Task TidyAsync() => Task.CompletedTask;
}
