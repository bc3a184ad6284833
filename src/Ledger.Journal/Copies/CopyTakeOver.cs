using Ledger.Domain;
using Ledger.Journal.Proof;

namespace Ledger.Journal.Copies;

/// <summary>
/// What `ledger restore --take-over` does: a person decides that a copy is the ledger from now on. The decision is the
/// first fact after the cut, so whoever sees both histories sees where they part and why; then the mark goes.
/// </summary>
public static class CopyTakeOver
{
    /// <summary>
    /// Records the decision and removes the mark. Repeated after a crash it ends what it began. Throws
    /// <see cref="JournalRefusedException"/> where the journal is not the one that was copied.
    /// </summary>
    /// <param name="journal">The copy's journal, open for it; its owner is the caller.</param>
    /// <param name="directory">The copy's data folder.</param>
    /// <param name="signed">The latest checkpoint that anyone has, which the copy continues
    /// (<see cref="CheckedAsync"/>); null where nobody has one.</param>
    public static async Task<LedgerRestored> RunAsync(IJournal journal, string directory, LedgerCopy copy,
        Checkpoint? signed, Principal by, CancellationToken ct)
    {
        var fact = new LedgerRestored(copy.Events, new EvidenceDigest(Convert.ToHexStringLower(copy.Root)),
            copy.MadeAt, signed?.Size, by.Actor);
        if (await RecordedAsync(journal, copy, ct).ConfigureAwait(false) is { } before) fact = before;
        else await AppendAsync(journal, copy, fact, by, ct).ConfigureAwait(false);
        LedgerCopy.Remove(directory); // while the folder is still this process's
        return fact;
    }

    private static async Task<LedgerRestored?> RecordedAsync(IJournal journal, LedgerCopy copy,
        CancellationToken ct)
    {
        if (journal.Length == copy.Events && journal.Root.AsSpan().SequenceEqual(copy.Root)) return null;
        await foreach (var recorded in journal.ReadAllAsync(copy.Events, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is LedgerRestored restored && restored.Length == copy.Events)
                return restored;
        throw new JournalRefusedException(
            $"the journal has {journal.Length} events and is not the one of {copy.Events} that was copied");
    }

    private static async Task AppendAsync(IJournal journal, LedgerCopy copy, LedgerRestored fact, Principal by,
        CancellationToken ct)
    {
        var key = new EvidenceKey($"copy of {copy.Events} events taken over: {fact.Root}");
        var result = await journal.AppendAsync(Streams.Ledger, ExpectedRevision.Any,
            [NewFact.At(fact, copy.MadeAt, key)], by, null, ct).ConfigureAwait(false);
        if (result is not AppendResult.Recorded)
            throw new JournalRefusedException($"the decision was not recorded: {result}");
    }

    /// <summary>
    /// The checkpoint that somebody kept, once the copy was found to continue it. Throws
    /// <see cref="NoteRefusedException"/> where it does not: what was signed there is lost here, and signing on from
    /// here would tell a second history under one name.
    /// </summary>
    /// <param name="secret">The ledger's secret.</param>
    public static async Task<Checkpoint> CheckedAsync(IJournal journal, byte[] secret, SignedNote kept,
        CancellationToken ct)
    {
        kept.SignedBy(await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false));
        var checkpoint = Checkpoint.Parse(kept.Text);
        if (checkpoint.Size > journal.Length)
            throw new NoteRefusedException($"the ledger signed {checkpoint.Size} events and this copy has "
                + $"{journal.Length}: look for a later copy, because going on from here would tell a second history");
        return LeafEntries.RootAt(journal, secret, checkpoint.Size).AsSpan().SequenceEqual(checkpoint.Root)
            ? checkpoint
            : throw new NoteRefusedException($"the ledger signed another root of {checkpoint.Size} events than "
                + "this copy has: the two are not one history");
    }
}
