using Ledger.Journal.Copies;

namespace Ledger.Journal.Proof;

/// <summary>
/// The leaf entries of a journal's log: as they are stored, where it stores them, else hashed again from the events.
/// </summary>
public static class LeafEntries
{
    /// <param name="ledgerSecret">From which the salts come.</param>
    /// <param name="from">The first position.</param>
    /// <param name="to">The position before which they end; the journal has it.</param>
    public static IEnumerable<byte[]> Of(IJournal journal, byte[] ledgerSecret, long from, long to) =>
        journal is IStoredLeaves stored ? stored.LeafEntries(from, to) : Hashed(journal, ledgerSecret, from, to);

    /// <summary>The root over the first events, so many; null where there are fewer.</summary>
    public static byte[]? RootAt(IJournal journal, byte[] ledgerSecret, long length)
    {
        if (length > journal.Length) return null;
        var tree = new MerkleTree();
        foreach (var entry in Of(journal, ledgerSecret, 0, length)) tree.Append(entry);
        return tree.Root();
    }

    private static IEnumerable<byte[]> Hashed(IJournal journal, byte[] ledgerSecret, long from, long to)
    {
        if (from >= to) yield break;
        foreach (var recorded in journal.ReadAllAsync(from, CancellationToken.None).ToBlockingEnumerable())
        {
            if (recorded.Position != from++)
                throw new JournalRefusedException($"the event at position {from - 1} is missing");
            yield return CopiedEvent.Of([recorded], ledgerSecret)[0].Leaf;
            if (from == to) yield break;
        }
        throw new JournalRefusedException($"the event at position {from} is missing");
    }
}
