using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>An event as it stands in the journal.</summary>
/// <param name="Position">Gap-free place in the ledger, from 0; also the leaf index in the Merkle tree.</param>
/// <param name="Envelope">The header fields, final bytes: see docs/journal-format.md.</param>
/// <param name="Payload">The stored bytes, never re-serialised.</param>
public sealed record RecordedEvent(long Position, Envelope Envelope, ReadOnlyMemory<byte> Payload);

/// <summary>What a writer expects of the stream's revision.</summary>
public readonly record struct ExpectedRevision(long Value)
{
    public static readonly ExpectedRevision NoStream = new(-1);
    public static readonly ExpectedRevision Any = new(-2);
    public static readonly ExpectedRevision Exists = new(-4);
    public static ExpectedRevision Exactly(long revision) => new(revision);
}

/// <summary>What the journal answers to an append.</summary>
public abstract record AppendResult
{
    private AppendResult() { }
    /// <summary>Durable from <paramref name="FirstPosition"/> on.</summary>
    public sealed record Recorded(long FirstPosition, long Revision) : AppendResult;
    /// <summary>The same ids with the same content were there; the first answer again.</summary>
    public sealed record AlreadyRecorded(long FirstPosition) : AppendResult;
    /// <summary>An id was there with other content (wire name, valid time or payload differ).</summary>
    public sealed record Conflict(EventId Id, string Differs) : AppendResult;
    /// <summary>The stream is not at the expected revision: load and decide again.</summary>
    public sealed record WrongRevision(long Actual) : AppendResult;
    /// <summary>The queue is full: refuse to the caller (429, RESOURCE_EXHAUSTED).</summary>
    public sealed record Busy : AppendResult;
}

/// <summary>
/// The ordered record. Every adapter promises: gap-free positions from one sequencer; acknowledged means durable; one
/// append is atomic (one stream, payloads of at most <see cref="Limits.DecisionBytesMax"/>, which with their headers
/// take at most <see cref="Limits.AppendBytesMax"/>: a store may refuse more); expected revisions; idempotency by
/// event id and content, across restarts; readers see every event once, in order.
/// </summary>
public interface IJournal : IAsyncDisposable
{
    LedgerId Ledger { get; }
    /// <summary>Number of durable events: the next position.</summary>
    long Length { get; }
    /// <summary>Whether every event before <see cref="Length"/> can be read: not where only some were disclosed.
    /// </summary>
    bool IsWhole => true;
    /// <summary>RFC 6962 root over all leaves, 32 bytes: the journal digest.</summary>
    byte[] Root { get; }
    ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts,
        Principal by, EventId? causation, CancellationToken ct);
    IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct);
    IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct);
    /// <summary>Completes when <see cref="Length"/> exceeds <paramref name="position"/>:
    /// how a subscriber waits.</summary>
    Task WaitForAsync(long position, CancellationToken ct);
}
