namespace Ledger.Journal;

/// <summary>
/// A journal that takes events as another journal recorded them, for `ledger copy`. Same envelopes, same payloads, same
/// positions: so every leaf, and the root at every length, is the one that it was. A journal keeps its other promises
/// meanwhile: what is answered is durable, and one call is kept whole or not at all.
/// </summary>
/// <remarks>
/// An adapter prepares the events with <see cref="Copies.CopiedEvent.Of"/>, and, where it gives positions, asks
/// <see cref="Copies.CopiedEvent.Refusal"/> before it writes any; it stores header and payload as of an event of its
/// own, sets its stream heads and its last recordedAt from them, and answers when they are durable.
/// </remarks>
public interface IJournalImport : IJournal
{
    /// <summary>
    /// Adds the events that follow <see cref="IJournal.Length"/> in the journal that they come from. Throws
    /// <see cref="JournalRefusedException"/> with the place where they are not what comes next, and keeps none of them.
    /// </summary>
    /// <param name="events">In order; at most <see cref="Copies.CopiedEvent.TogetherMax"/>, and together at most
    /// <see cref="Copies.CopiedEvent.BytesMax"/> bytes, unless it is a single one.</param>
    ValueTask AppendRecordedAsync(IReadOnlyList<RecordedEvent> events, CancellationToken ct);
}

/// <summary>
/// A journal open beside the process that owns it: it takes no turn to write, fences nobody off and changes nothing. It
/// shows what was acknowledged when it was opened, last looked at or waited for.
/// </summary>
public interface IJournalReader : IJournal
{
    /// <summary>Looks again how far the journal is acknowledged; length and root are of one moment.</summary>
    Acknowledged Look();
}

/// <summary>
/// A journal that keeps the leaf entries of its log beside its events. Where one does not, they are hashed again from
/// the events: <see cref="Proof.LeafEntries"/>.
/// </summary>
public interface IStoredLeaves
{
    /// <summary>The leaf entries from one position until before another, which is acknowledged.</summary>
    IEnumerable<byte[]> LeafEntries(long from, long to);
}
