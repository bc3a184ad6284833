using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>An event as a fact; or why it is none, which whoever comes to it is told.</summary>
/// <param name="outcome">A fact, or what was thrown.</param>
internal readonly struct DecodedEvent(long position, string wireName, object outcome)
{
    public long Position => position;
    public string WireName => wireName;
    public bool IsFact => outcome is RecordedFact;

    /// <summary>Throws where it is none.</summary>
    public RecordedFact Fact
    {
        get
        {
            if (outcome is RecordedFact fact) return fact;
            ((ExceptionDispatchInfo)outcome).Throw();
            throw new UnreachableException("it is thrown above");
        }
    }

    public static DecodedEvent Of(RecordedEvent stored, EventDecoder decode)
    {
        var envelope = stored.Envelope;
        try
        {
            return new(stored.Position, envelope.WireName, new RecordedFact(
                decode(envelope.WireName, envelope.WireVersion, stored.Payload.Span), stored.Position,
                new Interval(envelope.ValidFrom, envelope.ValidTo), envelope.RecordedAt, envelope.Tenant));
        }
        catch (Exception cause)
        {
            return new(stored.Position, envelope.WireName, ExceptionDispatchInfo.Capture(cause));
        }
    }
}

/// <summary>
/// Events of a journal as facts, from a position until before another. Of many the next ones are read and decoded by a
/// thread of their own, where there is a core for it, while those before are folded: to decode is pure, so nobody sees
/// when it was done. They come in their order, and what is wrong with one, or with the journal, is told behind all that
/// came before it.
/// </summary>
internal static class DecodedEvents
{
    private const int PageEvents = 256; // a fold of them takes much longer than to wake a thread
    private const int AheadPages = 2; // few, because the collector moves what waits
    private const int AheadMin = 4 * PageEvents; // for fewer a thread is not worth its beginning

    public static IAsyncEnumerable<ArraySegment<DecodedEvent>> PagesAsync(
        IJournal journal, EventDecoder decode, long from, long until, CancellationToken ct) =>
        until - from < AheadMin || Environment.ProcessorCount == 1 ? InTurnAsync(journal, decode, from, until, ct)
            : AheadAsync(journal, decode, from, until, ct);

    /// <summary>One by one, each when it is asked for.</summary>
    private static async IAsyncEnumerable<ArraySegment<DecodedEvent>> InTurnAsync(
        IJournal journal, EventDecoder decode, long from, long until, [EnumeratorCancellation] CancellationToken ct)
    {
        var one = new DecodedEvent[1];
        await foreach (var stored in journal.ReadAllAsync(from, ct).ConfigureAwait(false))
        {
            if (stored.Position >= until) yield break;
            one[0] = DecodedEvent.Of(stored, decode);
            yield return one;
        }
    }

    private static async IAsyncEnumerable<ArraySegment<DecodedEvent>> AheadAsync(
        IJournal journal, EventDecoder decode, long from, long until, [EnumeratorCancellation] CancellationToken ct)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var reader = new PageReader(journal, decode, from, until, left.Token);
        using var thread = new WorkThread("decoding");
        var asked = new Queue<Task<Page>>();
        try
        {
            while (asked.Count < AheadPages) asked.Enqueue(Ask());
            while (true)
            {
                var page = await asked.Dequeue().ConfigureAwait(false);
                asked.Enqueue(Ask());
                yield return page.Events;
                page.Failure?.Throw();
                if (page.IsLast) yield break;
            }
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false);
            thread.Give(reader.Close);
        }

        Task<Page> Ask()
        {
            var read = new TaskCompletionSource<Page>(TaskCreationOptions.RunContinuationsAsynchronously);
            thread.Give(() => read.SetResult(reader.Next()));
            return read.Task;
        }
    }

    /// <summary>Events that follow each other.</summary>
    /// <param name="Failure">What was thrown behind them.</param>
    private sealed record Page(ArraySegment<DecodedEvent> Events, bool IsLast, ExceptionDispatchInfo? Failure);

    /// <summary>Reads page after page on one thread, which waits where the journal does.</summary>
    private sealed class PageReader(
        IJournal journal, EventDecoder decode, long from, long until, CancellationToken ct)
    {
        private IAsyncEnumerator<RecordedEvent>? events;
        private bool isAtEnd;

        public Page Next()
        {
            var (page, count) = (isAtEnd ? [] : new DecodedEvent[PageEvents], 0);
            try
            {
                events ??= journal.ReadAllAsync(from, ct).GetAsyncEnumerator(ct);
                while (count < page.Length && !isAtEnd)
                {
                    if (!Waited(events.MoveNextAsync()) || events.Current.Position >= until) isAtEnd = true;
                    // Nothing behind what cannot be decoded is asked for.
                    else isAtEnd = !(page[count++] = DecodedEvent.Of(events.Current, decode)).IsFact;
                }
                return new(new(page, 0, count), isAtEnd, null);
            }
            catch (Exception failure)
            {
                isAtEnd = true;
                return new(new(page, 0, count), true, ExceptionDispatchInfo.Capture(failure));
            }
        }

        private static bool Waited(ValueTask<bool> moved) =>
            moved.IsCompletedSuccessfully ? moved.Result : moved.AsTask().GetAwaiter().GetResult();

        /// <summary>Nothing more is read.</summary>
        public void Close()
        {
            isAtEnd = true;
            try
            {
                events?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
            catch (Exception)
            {
                // who folded has been told of it already, or has left
            }
        }
    }
}
