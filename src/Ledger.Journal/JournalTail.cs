using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// The last events of an embedded journal, hashed again when it is opened. A crash or a failing disk harms what was
/// written last, and SQLite's own files say nothing of a byte that changed within a row: what was acknowledged is there
/// as it was, or the journal is refused with the place. The events before are `ledger verify`'s to hash.
/// </summary>
internal static class JournalTail
{
    /// <summary>Two full batches of the writer, of appends of one event each.</summary>
    private const int EventsMax = 2048;

    private const string Rows = """
        SELECT position, revision, id, header, payload, leaf, (SELECT name FROM streams WHERE key = e.stream),
            (SELECT key FROM streams WHERE name = (SELECT name FROM streams WHERE key = e.stream)) IS e.stream
        FROM events e WHERE position >= $from ORDER BY position
        """;

    /// <summary>Throws <see cref="JournalRefusedException"/> at the first event that is not as it was recorded.</summary>
    /// <param name="length">How many events are acknowledged.</param>
    public static void Verify(SqliteConnection connection, LedgerId ledger, byte[] secret, long length)
    {
        using var salts = new LeafSalts(secret);
        using var select = connection.CreateCommand();
        select.CommandText = Rows;
        var next = Math.Max(0, length - EventsMax);
        select.Parameters.AddWithValue("$from", next);
        using var row = select.ExecuteReader();
        Instant? recordedAt = null;
        for (; row.Read(); next++)
            if (Fault(row, next, ledger, salts, ref recordedAt) is { } fault)
                throw Refused(next, $"is damaged: {fault}");
        if (next < length) throw Refused(next, "is missing");
        // The row of the ledger is of the last commit, which a reader beside the owner may see without its event.
        if (recordedAt is { } last && RecordedAt(connection) is var kept && kept < last)
            throw Refused(next - 1, $"was recorded at {last}, and the journal says {kept} of its last event");
    }

    private static JournalRefusedException Refused(long position, string what) => new(
        $"position {position.ToString(CultureInfo.InvariantCulture)} of {SqliteJournal.FileName} {what}");

    private static Instant RecordedAt(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT recorded_at FROM ledger";
        return Instant.FromUnixTimeTicks((long)select.ExecuteScalar()!);
    }

    private static string? Fault(
        SqliteDataReader row, long position, LedgerId ledger, LeafSalts salts, ref Instant? recordedAt)
    {
        try
        {
            var (header, payload) = (row.GetFieldValue<byte[]>(3), row.GetFieldValue<byte[]>(4));
            var (envelope, payloadLength) = EnvelopeBytes.Read(header);
            var leaf = EnvelopeBytes.LeafEntry(salts.Of(envelope.Id), header, SHA256.HashData(payload));
            recordedAt = envelope.RecordedAt;
            return row.GetInt64(0) != position ? "it stands at another position"
                : envelope.Ledger != ledger ? $"its header is of ledger {envelope.Ledger}"
                : payloadLength != payload.Length ? "its payload has another length than its header says"
                : !leaf.AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(5)) ? "it does not have its leaf"
                : row.IsDBNull(6) || row.GetString(6) != envelope.Stream || row.GetInt64(1) != envelope.Revision
                    || !envelope.Id.ToBytes().AsSpan().SequenceEqual(row.GetFieldValue<byte[]>(2))
                    ? "its row is not that of its header"
                : row.GetInt64(7) == 0 ? "the name of its stream does not lead to it" : null;
        }
        catch (Exception damaged) when (damaged is InvalidDataException or InvalidCastException
            or InvalidOperationException) // the last where a value is missing
        {
            return damaged.Message;
        }
    }
}
