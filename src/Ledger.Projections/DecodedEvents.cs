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
    private const int PageEvents = 256; // of a journal without pages: to fold them takes longer than to wake a thread
    private const int AheadMin = 4 * PageEvents; // for fewer a thread is not worth its beginning

    public static IAsyncEnumerable<IReadOnlyList<DecodedEvent>> PagesAsync(
        IJournal journal, EventDecoder decode, long from, long until, CancellationToken ct) =>
        until - from < AheadMin || Environment.ProcessorCount == 1
            ? InTurnAsync(journal, new(decode, until), from, 1, ct) : AheadAsync(journal, decode, from, until, ct);

    /// <summary>Each page when it is asked for.</summary>
    /// <param name="together">How many events of a journal without pages are one.</param>
    private static async IAsyncEnumerable<IReadOnlyList<DecodedEvent>> InTurnAsync(
        IJournal journal, Decoding decoding, long from, int together, [EnumeratorCancellation] CancellationToken ct)
    {
        var all = journal.ReadAllAsync(from, ct);
        var pages = all is EventPages stored ? stored.MadeAsync(decoding.Of) : GatheredAsync(all, decoding, together);
        await foreach (var page in pages.ConfigureAwait(false))
        {
            // What is behind the end is none, and a page may go on there.
            yield return decoding.IsAtEnd ? [.. page.TakeWhile(decoded => !decoded.IsNone)] : page;
            if (decoding.IsAtEnd) yield break;
        }
    }

    private static async IAsyncEnumerable<IReadOnlyList<DecodedEvent>> GatheredAsync(
        IAsyncEnumerable<RecordedEvent> all, Decoding decoding, int together)
    {
        var events = all.GetAsyncEnumerator();
        await using var _ = events.ConfigureAwait(false);
        while (true)
        {
            var (page, failure) = (new List<DecodedEvent>(together), (ExceptionDispatchInfo?)null);
            try
            {
                while (page.Count < together && !decoding.IsAtEnd && await events.MoveNextAsync().ConfigureAwait(false))
                    page.Add(decoding.Of(events.Current));
            }
            catch (Exception thrown)
            {
                failure = ExceptionDispatchInfo.Capture(thrown);
            }
            yield return page;
            failure?.Throw();
            if (page.Count < together) yield break;
        }
    }

    private static async IAsyncEnumerable<IReadOnlyList<DecodedEvent>> AheadAsync(
        IJournal journal, EventDecoder decode, long from, long until, [EnumeratorCancellation] CancellationToken ct)
    {
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var thread = new WorkThread("decoding");
        var pages = InTurnAsync(journal, new(decode, until), from, PageEvents, left.Token)
            .GetAsyncEnumerator(left.Token);
        var next = Next();
        try
        {
            while (await next.ConfigureAwait(false) is { } page)
            {
                next = Next(); // one, because the collector moves what waits
                yield return page;
            }
        }
        finally
        {
            // Who folded has been told of what was thrown, or has left.
            await left.CancelAsync().ConfigureAwait(false);
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await pages.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Task<IReadOnlyList<DecodedEvent>?> Next()
        {
            var read = new TaskCompletionSource<IReadOnlyList<DecodedEvent>?>(
                TaskCreationOptions.RunContinuationsAsynchronously);
            thread.Give(() =>
            {
                try
                {
                    read.SetResult(Waited(pages.MoveNextAsync()) ? pages.Current : null);
                }
                catch (Exception failure)
                {
                    read.SetException(failure);
                }
            });
            return read.Task;
        }
    }

    /// <summary>The thread waits where the journal does.</summary>
    private static bool Waited(ValueTask<bool> moved) =>
        moved.IsCompletedSuccessfully ? moved.Result : moved.AsTask().GetAwaiter().GetResult();

    /// <summary>Makes facts of events, until before a position or until one cannot be decoded: nothing behind that is
    /// decoded.</summary>
    private sealed class Decoding(EventDecoder decode, long until)
    {
        public bool IsAtEnd { get; private set; }

        /// <summary>None behind the end.</summary>
        public DecodedEvent Of(in PassingEvent stored) =>
            IsBehind(stored.Position) ? default : Told(DecodedEvent.Of(stored, decode));

        /// <inheritdoc cref="Of(in PassingEvent)"/>
        public DecodedEvent Of(RecordedEvent stored) =>
            IsBehind(stored.Position) ? default : Told(DecodedEvent.Of(stored, decode));

        private bool IsBehind(long position) => IsAtEnd |= position >= until;

        private DecodedEvent Told(DecodedEvent decoded)
        {
            IsAtEnd = !decoded.IsFact;
            return decoded;
        }
    }
}
