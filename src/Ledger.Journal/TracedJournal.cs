using System.Runtime.CompilerServices;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// The streams of a journal as they were before a position, for one calculation.
/// It notes each event that the calculation is given, so what a result rests on is found by calculating it and cannot
/// be listed wrong.
/// </summary>
public sealed class TracedJournal(IJournal journal, long before) : IJournal
{
    private readonly SortedDictionary<long, RecordedEvent> given = [];

    /// <summary>The events that were given so far, each once, in order.</summary>
    public IReadOnlyCollection<RecordedEvent> Given => given.Values;

    public LedgerId Ledger => journal.Ledger;
    public long Length => journal.Length;
    public bool IsWhole => journal.IsWhole;
    public byte[] Root => journal.Root;

    public async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadStreamAsync(stream, fromRevision, ct).ConfigureAwait(false))
        {
            if (recorded.Position >= before) yield break;
            given[recorded.Position] = recorded;
            yield return recorded;
        }
    }

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => throw new NotSupportedException("a calculation appends nothing");

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        throw new NotSupportedException("a calculation that reads everything rests on everything");

    public Task WaitForAsync(long position, CancellationToken ct) =>
        throw new NotSupportedException("a calculation waits for nothing");

    /// <summary>The journal is its opener's to close.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
