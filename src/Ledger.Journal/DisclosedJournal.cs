using System.Runtime.CompilerServices;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// The events of a journal that were disclosed to somebody, each at its position; of what lies between them it says
/// nothing. What was calculated from these events alone can be calculated from it again.
/// </summary>
/// <param name="length">How long the journal was when they were disclosed.</param>
/// <param name="events">In order of position.</param>
public sealed class DisclosedJournal(LedgerId ledger, long length, IReadOnlyList<RecordedEvent> events) : IJournal
{
    private readonly ILookup<string, RecordedEvent> streams = events.ToLookup(recorded => recorded.Envelope.Stream);

    public LedgerId Ledger => ledger;
    public long Length => length;
    public bool IsWhole => false;
    public byte[] Root => throw new NotSupportedException("the root is over all events, and only some are here");

    public async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var recorded in streams[stream])
            if (recorded.Envelope.Revision >= fromRevision) yield return recorded;
    }

    public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
        long fromPosition, [EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask.ConfigureAwait(false);
        foreach (var recorded in events)
            if (recorded.Position >= fromPosition) yield return recorded;
    }

    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) => throw new NotSupportedException("what was disclosed is only read");

    public Task WaitForAsync(long position, CancellationToken ct) =>
        throw new NotSupportedException("what was disclosed does not grow");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
