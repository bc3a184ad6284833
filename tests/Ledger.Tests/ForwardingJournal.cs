using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Tests;

/// <summary>A journal of which a test changes one thing and leaves everything else to the one behind it, which is
/// closed with it.</summary>
internal abstract class ForwardingJournal(IJournal journal) : IJournal
{
    public LedgerId Ledger => journal.Ledger;
    public long Length => journal.Length;
    public byte[] Root => journal.Root;

    public virtual ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => journal.AppendAsync(stream, expected, facts, by, causation, ct);

    public virtual IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, CancellationToken ct) => journal.ReadStreamAsync(stream, fromRevision, ct);

    public virtual IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        journal.ReadAllAsync(fromPosition, ct);

    public Task WaitForAsync(long position, CancellationToken ct) => journal.WaitForAsync(position, ct);
    public ValueTask DisposeAsync() => journal.DisposeAsync();
}
