using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>An event as a fact; or why it is none, which whoever comes to it is told.</summary>
/// <param name="outcome">A fact, or what was thrown.</param>
internal readonly struct DecodedEvent(long position, string wireName, object? outcome)
{
    public long Position => position;
    public string WireName => wireName;
    public bool IsFact => outcome is RecordedFact;

    /// <summary>Whether nothing was decoded at all.</summary>
    public bool IsNone => outcome is null;

    /// <summary>Throws where it is none.</summary>
    public RecordedFact Fact
    {
        get
        {
            if (outcome is RecordedFact fact) return fact;
            ((ExceptionDispatchInfo)outcome!).Throw();
            throw new UnreachableException("it is thrown above");
        }
    }

    public static DecodedEvent Of(RecordedEvent stored, EventDecoder decode)
    {
        var envelope = stored.Envelope;
        return Of(stored.Position, envelope.WireName, envelope.WireVersion, stored.Payload.Span, envelope.ValidFrom,
            envelope.ValidTo, envelope.RecordedAt, envelope.Tenant, decode);
    }

    public static DecodedEvent Of(in PassingEvent stored, EventDecoder decode) => Of(
        stored.Position, stored.WireName, stored.WireVersion, stored.Payload, stored.ValidFrom, stored.ValidTo,
        stored.RecordedAt, stored.Tenant, decode);

    private static DecodedEvent Of(
        long position, string wireName, int wireVersion, ReadOnlySpan<byte> payload, Instant validFrom,
        Instant validTo, Instant recordedAt, PartyId tenant, EventDecoder decode)
    {
        try
        {
            return new(position, wireName, new RecordedFact(decode(wireName, wireVersion, payload), position,
                new Interval(validFrom, validTo), recordedAt, tenant));
        }
        catch (Exception cause)
        {
            return new(position, wireName, ExceptionDispatchInfo.Capture(cause));
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
        private IAsyncEnumerator<RecordedEvent>? events; // of a journal that makes objects of all
        private IAsyncEnumerator<IReadOnlyList<DecodedEvent>>? pages; // of one that does not
        private IReadOnlyList<DecodedEvent> read = []; // the last page of these
        private int taken; // of it
        private bool isMadeToEnd, isAtEnd;

        public Page Next()
        {
            var (page, count) = (isAtEnd ? [] : new DecodedEvent[PageEvents], 0);
            try
            {
                while (count < page.Length && !isAtEnd)
                {
                    var decoded = NextEvent();
                    // Nothing behind what cannot be decoded is asked for.
                    isAtEnd = !decoded.IsFact;
                    if (!decoded.IsNone) page[count++] = decoded;
                }
                return new(new(page, 0, count), isAtEnd, null);
            }
            catch (Exception failure)
            {
                isAtEnd = true;
                return new(new(page, 0, count), true, ExceptionDispatchInfo.Capture(failure));
            }
        }

        /// <summary>None behind the last one.</summary>
        private DecodedEvent NextEvent()
        {
            if (events is null && pages is null) Begin();
            if (events is not null)
                return !Waited(events.MoveNextAsync()) || events.Current.Position >= until ? default
                    : DecodedEvent.Of(events.Current, decode);
            while (taken == read.Count)
            {
                if (!Waited(pages!.MoveNextAsync())) return default;
                (read, taken) = (pages.Current, 0);
            }
            return read[taken++];
        }

        private void Begin()
        {
            var all = journal.ReadAllAsync(from, ct);
            if (all is EventPages stored) pages = stored.MadeAsync(Made).GetAsyncEnumerator(ct);
            else events = all.GetAsyncEnumerator(ct);
        }

        /// <summary>None from the end on, or behind what cannot be decoded: a page may go on there.</summary>
        private DecodedEvent Made(in PassingEvent stored)
        {
            if (isMadeToEnd || stored.Position >= until) return default;
            var decoded = DecodedEvent.Of(stored, decode);
            isMadeToEnd = !decoded.IsFact;
            return decoded;
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
                pages?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            }
            catch (Exception)
            {
                // who folded has been told of it already, or has left
            }
        }
    }
}
