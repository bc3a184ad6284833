using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// What was read of the journal has every event that was asked for. A row that is missing in journal.db is damage: who
/// reads on behind it would settle without the fact and never be told.
/// </summary>
internal static class WholePage
{
    /// <summary>Throws where an event of all events is another than the next one.</summary>
    public static void Check(long position, long next)
    {
        if (position != next) throw Missing(next);
    }

    /// <summary>Throws where a page of all events, from a position on, ends too early.</summary>
    /// <param name="until">Before which position every event is asked for and is acknowledged.</param>
    public static void Check(int count, long from, long until)
    {
        if (from + count < until) throw Missing(from + count);
    }

    /// <summary>A page of a stream, from a revision on. Where it ends is not known here.</summary>
    public static List<RecordedEvent> Of(List<RecordedEvent> page, string stream, long fromRevision)
    {
        fromRevision = Math.Max(0, fromRevision);
        for (var i = 0; i < page.Count; i++)
            if (page[i].Envelope.Revision != fromRevision + i)
                throw new JournalRefusedException($"revision {fromRevision + i} of {stream} is missing");
        return page;
    }

    /// <summary>Leaf entries from one position until before another, which came without their positions.</summary>
    public static IReadOnlyList<byte[]> Of(
        IReadOnlyList<byte[]> leaves, SqliteConnection connection, long from, long until)
    {
        if (leaves.Count == until - from) return leaves;
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT position FROM events WHERE position >= $from ORDER BY position";
        select.Parameters.AddWithValue("$from", from);
        using var rows = select.ExecuteReader();
        while (rows.Read() && rows.GetInt64(0) == from) from++;
        throw Missing(from);
    }

    private static JournalRefusedException Missing(long position) => new($"position {position} is missing");
}
