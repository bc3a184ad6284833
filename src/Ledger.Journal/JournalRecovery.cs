using Ledger.Domain;
using Ledger.Journal.Copies;
using Ledger.Journal.Indexing;

namespace Ledger.Journal;

/// <summary>
/// What `ledger recover` does: a person accepts that acknowledged events are lost from a damaged journal. The decision
/// is a fact of the journal, durable before the head is set back, so that no loss is ever accepted in silence.
/// </summary>
public static class JournalRecovery
{
    /// <summary>
    /// Accepts the loss. The damaged log and the head are first copied to <c>damaged/POSITION</c>, the position up to
    /// which the journal was acknowledged. Throws <see cref="JournalRefusedException"/> where the journal is not behind
    /// its head: this repairs nothing else.
    /// </summary>
    /// <param name="beside">Forgets, durably, what stands beside the journal and was made of lost events: those from
    /// this position on. It is called before the head is set back. After that nobody would be told any more that
    /// something is to be done, so what a crash interrupts before is done again by the next recovery.</param>
    public static async Task<JournalRecovered> AcceptLossAsync(SqliteJournalOptions options, Principal by,
        Action<long> beside, CancellationToken ct)
    {
        LedgerCopy.Refuse(options.Directory);
        using var owned = FolderLock.Take(options.Directory);
        var acknowledged = JournalHead.Read(options.Directory)
            ?? throw new JournalRefusedException(
                $"{JournalHead.FileName} is missing: nobody knows what was acknowledged");
        var aside = DamagedFiles.KeepAside(
            options.Directory, acknowledged.Length, SqliteJournal.FileName + "-wal", JournalHead.FileName);
        var path = Path.Combine(options.Directory, SqliteJournal.FileName);
        DurableFiles.WriteAgain(path + "-wal");
        using var tables = new JournalTables(path);
        var (tree, recordedAt) = tables.LoadLedger(options.Ledger);
        using var pages = new JournalPages(options, () => tree.Size);
        if (!pages.With(connection => JournalTables.RootAt(connection, tree.Size)).AsSpan().SequenceEqual(tree.Root()))
            throw new JournalRefusedException(
                $"the leaves of the first {tree.Size} events do not have the journal's own root");

        // A recovery that a crash interrupted is the journal's last fact already: only the head is left to do.
        var recovered = aside.Interrupted(
            await LastAsync(pages, tree.Size, ct).ConfigureAwait(false), acknowledged.Length);
        if (recovered is null)
        {
            if (tree.Size >= acknowledged.Length)
                throw new JournalRefusedException($"the journal holds {tree.Size} events and {acknowledged.Length} "
                    + "were acknowledged: it is not behind its head");
            recovered = new JournalRecovered(acknowledged.Length, tree.Size, by.Actor);
            aside.Found(tree.Size);
            var now = options.Clock.GetCurrentInstant();
            var fact = NewFact.At(recovered, now, new EvidenceKey($"recovery of the journal from {tree.Size}"));
            tables.Sync(); // what is indexed is durable
            using var index = new JournalIndex(tables, options.Directory, options.IndexedTogether);
            var state = new JournalState(tree, tables.LoadStreams(index), recordedAt);
            using var store = new SqliteJournalStore(tables, index, $"{options.Ledger}");
            var sequencer = new JournalSequencer(options.Sequencing, store, state);
            var pending = PendingAppend.Encode(Streams.Ledger, ExpectedRevision.Any, [fact], by, null);
            store.Begin();
            sequencer.Take([pending]);
            await store.CommitAsync(tree, sequencer.RecordedAt).ConfigureAwait(false);
            await Task.Yield(); // the store's own thread answers, and closing the store waits for that
        }
        tables.Sync(); // also of a recovery that a crash interrupted
        beside(recovered.FoundPosition);
        using var head = JournalHead.Open(options.Directory);
        head.Write(new Acknowledged(tree.Size, tree.Root()));
        return recovered;
    }

    private static async Task<LedgerEvent?> LastAsync(JournalPages pages, long length, CancellationToken ct)
    {
        await foreach (var last in pages.AllAsync(length - 1, ct).ConfigureAwait(false)) return EventCodec.Decode(last);
        return null;
    }
}
