using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// The one stream at the server that is a ledger's journal: <c>ledger-ID</c>. An event's revision in it is its
/// position. Its data is the payload, and its metadata <c>{"header":"BASE64"}</c>: whoever reads an event as JSON finds
/// JSON, and both come back byte for byte.
/// </summary>
internal sealed class LedgerStream(EventStoreClient client, string name, TimeSpan outageMax)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10), LongestPause = TimeSpan.FromSeconds(2);

    public string Name => name;

    /// <summary>Refuses a stream of which the server may remove events: what was recorded would be gone.</summary>
    public async Task RefuseBoundsAsync(CancellationToken ct)
    {
        var metadata = await InsistAsync(() => client.GetStreamMetadataAsync(Name, ct), ct).ConfigureAwait(false);
        var bound = metadata.MaxAge is not null ? "$maxAge"
            : metadata.MaxCount is not null ? "$maxCount"
            : metadata.TruncateBefore is not null ? "$tb" : null;
        if (bound is not null)
            throw new JournalRefusedException(
                $"the metadata of stream {Name} sets {bound}, by which the server removes events of the ledger");
    }

    /// <summary>When and where in its log the server wrote the first event, which says of which log it is; null where
    /// there is no event.</summary>
    public Task<string?> PlaceAsync(CancellationToken ct) => InsistAsync<string?>(async () =>
    {
        try
        {
            await foreach (var first in client.ReadStreamAsync(Direction.Forwards, Name, StreamPosition.Start, 1,
                cancellationToken: ct).ConfigureAwait(false))
                return string.Create(CultureInfo.InvariantCulture, $"{first.OriginalEvent.Created.ToUnixTimeTicks()} "
                    + $"{first.OriginalEvent.Position.CommitPosition}");
        }
        catch (StreamNotFoundException)
        {
            // nothing was recorded there
        }
        return null;
    }, ct);

    /// <summary>
    /// Reads forward from a position, at most so many events. Where the server goes away it is read on from there, so
    /// the reader sees each once; it waits as long as an outage may last.
    /// </summary>
    public async IAsyncEnumerable<StoredEvent> ReadAsync(long from, long count,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var until = from + count;
        var outage = new Outage(outageMax);
        while (from < until)
        {
            var isWhole = true;
            await using var reading = client.ReadStreamAsync(Direction.Forwards, Name, StreamPosition.FromInt64(from),
                until - from, cancellationToken: ct).GetAsyncEnumerator(ct);
            while (true)
            {
                try
                {
                    if (!await reading.MoveNextAsync().ConfigureAwait(false)) break;
                }
                catch (StreamNotFoundException)
                {
                    yield break;
                }
                catch (StreamDeletedException)
                {
                    throw Gone();
                }
                catch (Exception e) when (outage.Passes(e, ct))
                {
                    isWhole = false;
                    break;
                }
                outage.Ends();
                yield return Stored(reading.Current.OriginalEvent, from++);
            }
            if (isWhole) yield break;
            await outage.PauseAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Follows the stream from a position until cancelled; reads on where the server went away.</summary>
    public async IAsyncEnumerable<StoredEvent> FollowAsync(long from, [EnumeratorCancellation] CancellationToken ct)
    {
        var outage = new Outage(outageMax);
        while (true)
        {
            var start = from == 0 ? FromStream.Start : FromStream.After(StreamPosition.FromInt64(from - 1));
            await using var following = client.SubscribeToStream(Name, start, cancellationToken: ct)
                .GetAsyncEnumerator(ct);
            while (true)
            {
                try
                {
                    if (!await following.MoveNextAsync().ConfigureAwait(false)) break;
                }
                catch (StreamDeletedException)
                {
                    throw Gone();
                }
                catch (Exception e) when (outage.Passes(e, ct))
                {
                    break;
                }
                outage.Ends();
                if (following.Current is StreamMessage.Event(var resolved))
                    yield return Stored(resolved.OriginalEvent, from++);
            }
            await outage.PauseAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Begins to send the events that come at a position, where the server takes them now; they are written
    /// when they are appended.</summary>
    public Started? TryBegin(long position) => (position == 0
        ? client.TryBegin(Name, StreamState.NoStream, default)
        : client.TryBegin(Name, null, StreamRevision.FromInt64(position - 1))) is { } begun ? new(begun) : null;

    /// <summary>Events that are sent while the next ones are made.</summary>
    public sealed class Started(EventStoreClient.StartedAppend append)
    {
        /// <summary>Adds the event as <see cref="Proposed"/> has it, without making anything of it.</summary>
        public void Add(in PlacedEvent placed) => append.AddWithHeader(IdOf(placed), placed.Envelope.WireName,
            ContentTypeOf(placed), placed.Header, placed.Payload);

        public Task<IWriteResult> CompleteAsync(CancellationToken ct) => append.CompleteAsync(ct);
    }

    /// <summary>
    /// Appends events at the position of the first, and returns when they are durable. Where it is not known whether
    /// they were written, the same are sent again with the same expectation: the server then answers as it did, or
    /// refuses because of somebody else's. That is why their ids are of their content (<see cref="Proposed"/>).
    /// </summary>
    /// <param name="started">All of them as they were sent before; null where nothing was.</param>
    public async Task AppendAsync(IReadOnlyList<PlacedEvent> events, Started? started, CancellationToken ct)
    {
        var position = events[0].Position;
        try
        {
            var result = await InsistAsync(() =>
            {
                // What was begun is completed once; from then on all are sent anew.
                if (Interlocked.Exchange(ref started, null) is { } begun) return begun.CompleteAsync(ct);
                var proposed = events.Select(placed => Proposed(placed));
                return position == 0
                    ? client.AppendToStreamAsync(Name, StreamState.NoStream, proposed, cancellationToken: ct)
                    : client.AppendToStreamAsync(Name, StreamRevision.FromInt64(position - 1), proposed,
                        cancellationToken: ct);
            }, ct).ConfigureAwait(false);
            var last = position + events.Count - 1;
            // Only a success says that these events are there: another writer's may have brought the stream as far.
            if (result is not SuccessResult)
                throw new JournalFencedException(string.Create(CultureInfo.InvariantCulture,
                    $"the server refused to append to stream {Name} at position {position}"));
            if (result.NextExpectedStreamRevision != StreamRevision.FromInt64(last))
                throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                    $"stream {Name} is at revision {result.NextExpectedStreamRevision.Value} where {last} was written"));
        }
        catch (WrongExpectedVersionException e) when ((e.ActualVersion ?? -1) < position - 1)
        {
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"stream {Name} ends at position {(e.ActualVersion ?? -1) + 1} but was acknowledged up to {position}"));
        }
        catch (WrongExpectedVersionException e)
        {
            throw new JournalFencedException(string.Create(CultureInfo.InvariantCulture,
                $"another process appended to stream {Name} at position {position}: {e.Message}"));
        }
    }

    /// <summary>
    /// An event as it is sent. Its id at the server is taken from its leaf entry, which is over every byte of header
    /// and payload. The ledger's own id would not do: the server compares ids and never content, so a second process
    /// that records the same fact at the same position, with its own time, would be told that it had.
    /// </summary>
    public static EventData Proposed(in PlacedEvent placed)
    {
        var metadata = new byte[HeaderMetadata.LengthOf(placed.Header)];
        HeaderMetadata.Write(placed.Header, metadata);
        return new EventData(IdOf(placed), placed.Envelope.WireName, placed.Payload, metadata, ContentTypeOf(placed));
    }

    private static Uuid IdOf(in PlacedEvent placed) => Uuid.FromBytes(placed.Leaf);

    private static string ContentTypeOf(in PlacedEvent placed) =>
        placed.Envelope.ContentType == EventData.Json ? EventData.Json : EventData.Binary;

    private StoredEvent Stored(EventRecord read, long position)
    {
        if (read.EventNumber.ToInt64() != position)
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"position {position} of stream {Name} is missing: {read.EventNumber.Value} comes in its place"));
        return new(position, HeaderMetadata.Read(read.Metadata.Span) ?? throw Foreign(position), read.Data);
    }

    private JournalRefusedException Foreign(long position) => new(string.Create(CultureInfo.InvariantCulture,
        $"position {position} of stream {Name} was not written by a ledger: its metadata has no header"));

    /// <summary>Somebody has put a tombstone in its place.</summary>
    private JournalRefusedException Gone() => new($"stream {Name} was deleted for good: the server has nothing of it any "
        + "more, and takes nothing under its name");

    private async Task<T> InsistAsync<T>(Func<Task<T>> attempt, CancellationToken ct)
    {
        var outage = new Outage(outageMax);
        while (true)
        {
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (StreamDeletedException)
            {
                throw Gone();
            }
            catch (Exception e) when (outage.Passes(e, ct))
            {
                await outage.PauseAsync(ct).ConfigureAwait(false);
            }
        }
    }

    /// <summary>How long the server has been away, and how long to wait until it is tried again.</summary>
    private sealed class Outage(TimeSpan longest)
    {
        private readonly Stopwatch lasting = new();
        private TimeSpan pause = FirstPause;

        /// <summary>Whether the failure may pass by itself, and there is still time for it to.</summary>
        public bool Passes(Exception failure, CancellationToken ct)
        {
            if (ct.IsCancellationRequested || !ServerErrors.IsPassing(failure)) return false;
            lasting.Start();
            return lasting.Elapsed < longest;
        }

        public void Ends()
        {
            if (!lasting.IsRunning) return;
            lasting.Reset();
            pause = FirstPause;
        }

        public async Task PauseAsync(CancellationToken ct)
        {
            await Task.Delay(pause, ct).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }
}
