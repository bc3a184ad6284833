using Ledger.Journal;
using NodaTime;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>The row that says how far a journal reaches; it changes in the transaction of the events.</summary>
internal sealed record LedgerRow(MerkleTree Tree, Instant RecordedAt, long Fence)
{
    /// <summary>The row; null where the journal was never begun.</summary>
    /// <exception cref="JournalRefusedException">It is another ledger's, or does not agree with the events.</exception>
    public static LedgerRow? Read(NpgsqlConnection connection, PostgresLedger ledger)
    {
        using var command = new NpgsqlCommand($"""
            SELECT name, length, frontier, recorded_at, fence,
              coalesce((SELECT position + 1 FROM {ledger.Schema}.events ORDER BY position DESC LIMIT 1), 0)
            FROM {ledger.Schema}.ledger
            """, connection);
        using var row = command.ExecuteReader();
        if (!row.Read()) return null;
        if (row.GetString(0) != ledger.Ledger.Value)
            throw new JournalRefusedException(
                $"this is the journal of ledger {row.GetString(0)}, not of {ledger.Ledger}");
        if (row.GetInt64(1) != row.GetInt64(5))
            throw new JournalRefusedException(
                $"the journal says {row.GetInt64(1)} events and holds {row.GetInt64(5)}");
        return new(MerkleTree.Restore(row.GetInt64(1), row.GetFieldValue<byte[]>(2)),
            Instant.FromUnixTimeTicks(row.GetInt64(3)), row.GetInt64(4));
    }
}
