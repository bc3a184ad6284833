using System.Buffers.Binary;
using Ledger.Journal;

namespace Ledger.Stores.Postgres;

/// <summary>
/// Events by position, in PostgreSQL's binary COPY format
/// (https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format"): their bytes are taken together and the rows are
/// read from them. A row that goes through the driver's own reader costs more than the event in it. For one page at a
/// time.
/// </summary>
internal sealed class CopiedEvents(PostgresLedger ledger)
{
    private const int BytesTogether = 32 * 1024; // and more where one event has more
    private const int HeadBytes = 11 + sizeof(int); // signature and flags; the extension follows as a field does
    private readonly SharedBytes payloads = new();
    private byte[] bytes = new byte[BytesTogether];

    /// <summary>
    /// What there is from one position until before another, read on a thread that does nothing else. To wait for the
    /// network in any other way takes two turns of the thread pool for each part that comes, and between them its
    /// threads look for work in vain, on the cores that the server may need.
    /// </summary>
    public Task<List<RecordedEvent>> PageOnItsThreadAsync(long from, long to, CancellationToken ct) =>
        Task.Factory.StartNew(() => PageAsync(from, to, isOnItsThread: true, ct).GetAwaiter().GetResult(), ct,
            TaskCreationOptions.LongRunning, TaskScheduler.Default);

    /// <summary>What there is from one position until before another.</summary>
    public Task<List<RecordedEvent>> PageAsync(long from, long to, CancellationToken ct) =>
        PageAsync(from, to, isOnItsThread: false, ct);

    private async Task<List<RecordedEvent>> PageAsync(long from, long to, bool isOnItsThread, CancellationToken ct)
    {
        var copy = FormattableString.Invariant($"""
            COPY (SELECT position, header, payload FROM {ledger.Schema}.events
              WHERE position >= {from} AND position < {to} ORDER BY position) TO STDOUT (FORMAT BINARY)
            """);
        var connection = isOnItsThread ? ledger.Connections.OpenConnection()
            : await ledger.Connections.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using (connection.ConfigureAwait(false))
        {
            var stream = isOnItsThread ? connection.BeginRawBinaryCopy(copy)
                : await connection.BeginRawBinaryCopyAsync(copy, ct).ConfigureAwait(false);
            await using (stream.ConfigureAwait(false))
            {
                stream.ReadTimeout = 1000 * connection.CommandTimeout;
                var (page, length, head) = (new List<RecordedEvent>((int)(to - from)), 0, HeadBytes);
                while (true)
                {
                    ct.ThrowIfCancellationRequested();
                    var read = isOnItsThread ? stream.Read(bytes.AsSpan(length))
                        : await stream.ReadAsync(bytes.AsMemory(length), ct).ConfigureAwait(false);
                    if (read == 0) break;
                    length += read;
                    if (length < bytes.Length) continue;
                    length = RestAfterRows(length, ref head, page);
                    if (length > bytes.Length / 2) Array.Resize(ref bytes, 2 * bytes.Length);
                }
                return RestAfterRows(length, ref head, page) == sizeof(short) ? page // the end is a row of -1 fields
                    : throw new InvalidDataException("the server's copy of events is cut short");
            }
        }
    }

    /// <summary>Reads all rows that are whole, and moves what is left to the front.</summary>
    /// <param name="head">Bytes of the head that are still to be passed, but for its extension.</param>
    /// <returns>How many bytes are left.</returns>
    private int RestAfterRows(int length, ref int head, List<RecordedEvent> page)
    {
        var copied = (ReadOnlySpan<byte>)bytes.AsSpan(0, length);
        if (head > 0)
        {
            copied = copied[head..];
            TryField(ref copied, out _);
            head = 0;
        }
        var rest = copied;
        while (copied.Length > sizeof(short) && BinaryPrimitives.ReadInt16BigEndian(copied) > 0)
        {
            copied = copied[sizeof(short)..];
            if (!TryField(ref copied, out var position) || !TryField(ref copied, out var header)
                || !TryField(ref copied, out var payload)) break;
            var kept = payloads.Take(payload.Length);
            payload.CopyTo(kept);
            page.Add(StoredEvents.Event(
                BinaryPrimitives.ReadInt64BigEndian(position), EnvelopeBytes.Read(header), kept));
            rest = copied;
        }
        rest.CopyTo(bytes);
        return rest.Length;
    }

    /// <summary>A length and so many bytes, where they are all there.</summary>
    private static bool TryField(ref ReadOnlySpan<byte> copied, out ReadOnlySpan<byte> field)
    {
        field = default;
        if (copied.Length < sizeof(int)) return false;
        var length = BinaryPrimitives.ReadInt32BigEndian(copied);
        if (copied.Length - sizeof(int) < length) return false;
        field = copied.Slice(sizeof(int), length);
        copied = copied[(sizeof(int) + length)..];
        return true;
    }
}
