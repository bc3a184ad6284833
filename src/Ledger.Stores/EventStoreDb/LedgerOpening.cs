using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// How the ledger's stream is known when its journal is opened for recording. What the data folder keeps of it
/// (<see cref="PlacesFile"/>) is not read again but for its end, and it is proved: the root at the length that was
/// acknowledged is over the frontier that the folder kept and over the events that the server gives from there on. No
/// other frontier, no other event and no shorter stream has that root (RFC 9162 §2.1). Events before are <c>ledger
/// verify</c>'s to hash, as those of an embedded journal.
/// </summary>
internal static class LedgerOpening
{
    /// <summary>Events that are read again at least, as of an embedded journal: what a server lost or changed last.
    /// </summary>
    public const int ReadAgainMin = 2048;

    /// <summary>The stream's index. Throws <see cref="JournalRefusedException"/> where it is not a ledger's, or not
    /// what the folder knows of it.</summary>
    public static async Task<LedgerFold> FoldAsync(
        LedgerStream stream, EventStoreDbJournalOptions options, CancellationToken ct)
    {
        if (options.Head is not { } head)
            return await ReadAsync(new LedgerFold(options.Ledger, options.Secret), stream, null, ct)
                .ConfigureAwait(false);
        var kept = Kept(stream, options, head);
        if (kept.Length == 0) return await ReadAsync(kept, stream, head, ct).ConfigureAwait(false);
        try
        {
            return await ReadAsync(kept, stream, head, ct).ConfigureAwait(false);
        }
        catch (JournalRefusedException doesNotFit)
        {
            // The journal is not what it was, or the file is not the journal's: all of it says which.
            var anew = Anew(stream, options, head, "does not fit the journal, all of which is read", doesNotFit);
            return await ReadAsync(anew, stream, head, ct).ConfigureAwait(false);
        }
    }

    /// <summary>What the folder keeps; nothing where its disk cannot read it.</summary>
    private static LedgerFold Kept(LedgerStream stream, EventStoreDbJournalOptions options, ServerHead head)
    {
        LedgerFold? kept = null;
        try
        {
            kept = new(options.Ledger, options.Secret, PlacesFile.Open(head.Directory, stream.Name));
            kept.Load(head.Claim.Length - ReadAgainMin);
            return kept;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            kept?.Dispose();
            return Anew(stream, options, head, "cannot be read, so all of the journal is, and it is made again",
                unreadable);
        }
    }

    /// <summary>Nothing is known, and the file is made again.</summary>
    private static LedgerFold Anew(
        LedgerStream stream, EventStoreDbJournalOptions options, ServerHead head, string why, Exception cause)
    {
        PlacesFile.Forget(head.Directory);
        options.Noted?.Invoke($"{ServerHead.PlacesFileName} {why}: {cause.Message}");
        return new(options.Ledger, options.Secret, PlacesFile.Open(head.Directory, stream.Name));
    }

    /// <summary>Reads what comes after what is known.</summary>
    private static async Task<LedgerFold> ReadAsync(
        LedgerFold fold, LedgerStream stream, ServerHead? head, CancellationToken ct)
    {
        try
        {
            byte[] rootThere = [];
            var after = stream.ReadAsync(fold.Length, long.MaxValue - fold.Length, ct);
            await foreach (var stored in after.ConfigureAwait(false))
            {
                fold.Apply(stored);
                if (stored.Position + 1 == head?.Claim.Length) rootThere = fold.Now.Root;
            }
            head?.Verify(fold.State().Tree, _ => rootThere);
            return fold;
        }
        catch
        {
            fold.Dispose();
            throw;
        }
    }
}
