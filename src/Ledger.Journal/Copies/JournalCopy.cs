using System.Globalization;
using Ledger.Domain;

namespace Ledger.Journal.Copies;

/// <summary>What was found to be equal in two journals.</summary>
/// <param name="Events">So many events, each byte of header and payload.</param>
/// <param name="Root">The root over them, which is the same in both.</param>
/// <param name="Checkpoints">At so many earlier lengths the root is the one that was signed.</param>
public sealed record JournalsEqual(long Events, byte[] Root, int Checkpoints);

/// <summary>
/// Copies the events of one journal into another, from where that one is: an interrupted copy goes on. Nothing of a
/// copy is believed because it was written; <see cref="ProveAsync"/> reads both again from the first event to the last.
/// </summary>
public static class JournalCopy
{
    /// <summary>
    /// Throws <see cref="JournalRefusedException"/> where the target is not the beginning of this journal, as far as
    /// the cut; nothing is changed.
    /// </summary>
    public static void Refuse(IJournal from, IJournal to, byte[] ledgerSecret, Acknowledged cut)
    {
        if (to.Length > cut.Length || Proof.LeafEntries.RootAt(from, ledgerSecret, to.Length) is not { } root
            || !root.AsSpan().SequenceEqual(to.Root))
            throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                $"the target holds another journal: {to.Length} events with root {Convert.ToHexStringLower(to.Root)}"));
    }

    /// <summary>
    /// Copies what is missing. Throws <see cref="JournalRefusedException"/> where the target is not the beginning of
    /// this journal.
    /// </summary>
    /// <param name="cut">How far the journal is copied.</param>
    /// <param name="seen">Is told the number of events from time to time.</param>
    public static async Task WriteAsync(IJournal from, IJournalImport to, byte[] ledgerSecret, Acknowledged cut,
        Action<long> seen, CancellationToken ct)
    {
        Refuse(from, to, ledgerSecret, cut);
        var together = new List<RecordedEvent>();
        var bytes = 0L;
        await foreach (var recorded in from.ReadAllAsync(to.Length, ct).ConfigureAwait(false))
        {
            if (recorded.Position >= cut.Length) break;
            var header = EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length);
            var stored = CopiedEvent.StoredBytes(recorded.Payload.Length, header.Length);
            if (together.Count == CopiedEvent.TogetherMax
                || (together.Count > 0 && bytes + stored > CopiedEvent.BytesMax))
                await AppendAsync().ConfigureAwait(false);
            together.Add(recorded);
            bytes += stored;
        }
        if (together.Count > 0) await AppendAsync().ConfigureAwait(false);

        async Task AppendAsync()
        {
            await to.AppendRecordedAsync(together, ct).ConfigureAwait(false);
            seen(to.Length);
            together.Clear();
            bytes = 0;
        }
    }

    /// <summary>
    /// Reads both journals from the first event to the last and compares every byte of header and payload, hashes every
    /// leaf again, and compares the root at each length that somebody signed, and at the end with the root that each
    /// journal names. Throws <see cref="JournalRefusedException"/> with the place at the first difference.
    /// </summary>
    /// <param name="signed">Length and root of every checkpoint, in order of length.</param>
    public static async Task<JournalsEqual> ProveAsync(IJournal from, IJournal to, byte[] ledgerSecret,
        Acknowledged cut, IReadOnlyList<(long Length, byte[] Root)> signed, Action<long> seen, CancellationToken ct)
    {
        var tree = new MerkleTree();
        var next = 0;
        Compare();
        var copies = to.ReadAllAsync(0, ct).GetAsyncEnumerator(ct);
        await using (copies.ConfigureAwait(false))
            await foreach (var original in from.ReadAllAsync(0, ct).ConfigureAwait(false))
            {
                if (tree.Size == cut.Length) break;
                if (!await copies.MoveNextAsync().ConfigureAwait(false))
                    throw Differs(tree.Size, "no event");
                tree.Append(Same(original, copies.Current, ledgerSecret));
                Compare();
                if (tree.Size % 4096 == 0) seen(tree.Size);
            }
        foreach (var (whose, root, length) in (ReadOnlySpan<(string, byte[], long)>)
            [("the original", cut.Root, cut.Length), ("the copy", to.Root, to.Length)])
            if (length != tree.Size || !root.AsSpan().SequenceEqual(tree.Root()))
                throw Differs(tree.Size, $"{whose} names {length.ToString(CultureInfo.InvariantCulture)} events with root "
                    + $"{Convert.ToHexStringLower(root)}, its events have {Convert.ToHexStringLower(tree.Root())}");
        return new(tree.Size, tree.Root(), next);

        void Compare()
        {
            for (; next < signed.Count && signed[next].Length == tree.Size; next++)
                if (!signed[next].Root.AsSpan().SequenceEqual(tree.Root()))
                    throw Differs(tree.Size, $"root {Convert.ToHexStringLower(tree.Root())}, and "
                        + $"{Convert.ToHexStringLower(signed[next].Root)} was signed");
        }
    }

    /// <summary>The leaf entry of an event that is the same in both.</summary>
    private static byte[] Same(RecordedEvent original, RecordedEvent copy, byte[] ledgerSecret)
    {
        var both = CopiedEvent.Of([original, copy], ledgerSecret);
        if (original.Position != copy.Position) throw Differs(original.Position, $"position {copy.Position}");
        if (!both[0].Header.AsSpan().SequenceEqual(both[1].Header)) throw Differs(original.Position, "another header");
        if (!original.Payload.Span.SequenceEqual(copy.Payload.Span)) throw Differs(original.Position, "another payload");
        return both[0].Leaf;
    }

    private static JournalRefusedException Differs(long position, string found) =>
        new(string.Create(CultureInfo.InvariantCulture, $"the copy is not the original at position {position}: {found}"));
}
