using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// What `ledger recover` does for a journal at a server, as <see cref="JournalRecovery"/> for an embedded one: a person
/// accepts that the server has lost what it acknowledged. The decision is a fact, durable at the server before the
/// folder forgets how far the journal was.
/// </summary>
public static class ServerRecovery
{
    /// <summary>How long the journal is. Throws <see cref="JournalRefusedException"/> where it is not what the folder
    /// knows of it; nothing is changed.</summary>
    public static async Task<long> CheckAsync(LedgerOptions options)
    {
        var claim = ServerHead.ClaimOf(options.Directory); // first: its owner writes it after the events
        var journal = LedgerStores.OpenReader(options);
        await using (journal.ConfigureAwait(false))
        {
            ServerHead.Compare(claim, journal, options.Secret);
            return journal.Length;
        }
    }

    /// <summary>
    /// Accepts the loss. What the folder knew is first copied to <c>damaged/POSITION</c>. Views may have applied what
    /// is lost, and are computed again from what is there. Throws <see cref="JournalRefusedException"/> where the
    /// journal is not shorter than it was acknowledged: another root is another history, and no loss.
    /// </summary>
    public static async Task<JournalRecovered> AcceptLossAsync(
        LedgerOptions options, Principal by, CancellationToken ct)
    {
        LedgerCopy.Refuse(options.Directory);
        StoreMark.Check(options);
        using var owned = FolderLock.Take(options.Directory);
        using var head = ServerHead.Open(options.Directory);
        var acknowledged = head.Claim.Length;
        var aside = DamagedFiles.KeepAside(options.Directory, acknowledged, JournalHead.FileName);
        var journal = LedgerStores.OpenJournal(options, owned, null);
        await using (journal.ConfigureAwait(false))
        {
            // A recovery that was interrupted is the journal's last fact already.
            var recovered = aside.Interrupted(await LastAsync(journal, ct).ConfigureAwait(false), acknowledged)
                ?? await RecordAsync(journal, acknowledged, aside, by, options, ct).ConfigureAwait(false);
            ForgetViews(options);
            LostEvents.ForgetFollowers(options.Directory, recovered.FoundPosition);
            // Last: after it nobody is told any more that something is to be done.
            head.Write(new(journal.Length, journal.Root));
            return recovered;
        }
    }

    private static async Task<JournalRecovered> RecordAsync(
        IJournal journal, long acknowledged, DamagedFiles aside, Principal by, LedgerOptions options,
        CancellationToken ct)
    {
        if (journal.Length >= acknowledged)
            throw new JournalRefusedException($"the journal holds {journal.Length} events and {acknowledged} "
                + "were acknowledged: it is not behind its head");
        aside.Found(journal.Length);
        var recovered = new JournalRecovered(acknowledged, journal.Length, by.Actor);
        var fact = NewFact.At(recovered, options.Clock.GetCurrentInstant(),
            new EvidenceKey($"recovery of the journal from {journal.Length}"));
        var answer = await journal.AppendAsync(Streams.Ledger, ExpectedRevision.Any, [fact], by, null, ct)
            .ConfigureAwait(false);
        return answer is AppendResult.Recorded
            ? recovered : throw new IOException($"the recovery could not be recorded: {answer}");
    }

    private static async Task<LedgerEvent?> LastAsync(IJournal journal, CancellationToken ct)
    {
        if (journal.Length == 0) return null;
        await foreach (var last in journal.ReadAllAsync(journal.Length - 1, ct).ConfigureAwait(false))
            return EventCodec.Decode(last);
        return null;
    }

    private static void ForgetViews(LedgerOptions options)
    {
        var views = LedgerStores.OpenViews(options);
        try
        {
            foreach (var projection in StandardProjections.All)
            {
                views.Reset(projection.Name);
                views.Reset(NextViews.NameOf(projection.Name));
            }
            views.Alarm = null;
        }
        finally
        {
            LedgerStores.Close(views);
        }
    }
}
