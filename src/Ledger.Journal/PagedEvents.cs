namespace Ledger.Journal;

/// <summary>
/// Events that are read page by page, one after the other. Only the turn of a page waits for anything: from one event
/// to the next within a page there is no state machine, which would take longer than to read the event does.
/// </summary>
public sealed class PagedEvents(IAsyncEnumerable<IReadOnlyList<RecordedEvent>> pages) : IAsyncEnumerable<RecordedEvent>
{
    public IAsyncEnumerator<RecordedEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default) =>
        new Reader(pages.GetAsyncEnumerator(cancellationToken));

    private sealed class Reader(IAsyncEnumerator<IReadOnlyList<RecordedEvent>> pages) : IAsyncEnumerator<RecordedEvent>
    {
        private IReadOnlyList<RecordedEvent> page = [];
        private int next, count; // of the page

        public RecordedEvent Current { get; private set; } = null!; // before the first there is none

        public ValueTask<bool> MoveNextAsync()
        {
            if (next >= count) return TurnAsync();
            Current = page[next++];
            return new(true);
        }

        private async ValueTask<bool> TurnAsync()
        {
            do
            {
                if (!await pages.MoveNextAsync().ConfigureAwait(false)) return false;
                (page, next, count) = (pages.Current, 0, pages.Current.Count);
            } while (count == 0);
            Current = page[next++];
            return true;
        }

        public ValueTask DisposeAsync() => pages.DisposeAsync();
    }
}
