using Ledger.Journal;

namespace Ledger.Tests;

/// <summary>A journal that says how often each stream was read.</summary>
internal sealed class CountedReads(IJournal journal) : ForwardingJournal(journal)
{
    public Dictionary<string, int> Of { get; } = [];

    public override IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, CancellationToken ct)
    {
        Of[stream] = Of.GetValueOrDefault(stream) + 1;
        return base.ReadStreamAsync(stream, fromRevision, ct);
    }
}
