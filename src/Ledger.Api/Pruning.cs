using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api;

/// <summary>That a month shall be pruned, and the evidence that its verified archive has.</summary>
public sealed record MonthToPrune(PruneMonth Asked, IReadOnlySet<EvidenceDigest> Archived);

/// <summary>How a month is pruned: the fact first, then the removal; what happens between is finished by
/// <see cref="FinishAsync"/>. What came back since an earlier pruning, and no fact has come to rest on, goes again by the
/// fact that it went by.</summary>
public static class Pruning
{
    /// <summary>The route that gathers what may go, decides, and removes it.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, OpenLedger ledger) =>
        routes.Add<MonthToPrune>(Scopes.RetentionWrite, (recorder, command, now, ct) =>
            PruneAsync(ledger, recorder, command, now, ct));

    private static async Task<RecordOutcome> PruneAsync(
        OpenLedger ledger, Recorder recorder, Command<MonthToPrune> command, Instant now, CancellationToken ct)
    {
        var (asked, archived) = (command.Input.Asked, command.Input.Archived);
        var (months, _) = await recorder.LoadAsync(Streams.Pruning, PrunedMonths.None, Retention.Evolve, ct)
            .ConfigureAwait(false);
        var (from, to) = await RecordedMonth.PositionsAsync(ledger.Journal, asked.Month, ct).ConfigureAwait(false);
        var gathered = await MonthEvidence.GatherAsync(ledger.Journal, ledger.Evidence, months, from, to, ct)
            .ConfigureAwait(false);
        var recorded = new MonthAsRecorded(ledger.Journal.Ledger, RecordedMonth.End(asked.Month), from, to,
            asked.Archive is { } archive ? ledger.RootAt(archive.Size) : null, gathered.Cases, gathered.NotSettled);
        var (pieces, cameBack) = (gathered.Prunable(archived), gathered.CameBackForNothing);
        var outcome = await recorder.RecordAsync(Streams.Pruning, PrunedMonths.None, Retention.Evolve, state =>
        {
            var manifest = pieces.Count == 0 ? null : EvidenceManifest.Of(pieces);
            var decision = Retention.Decide(state, asked, recorded, Named(manifest), now);
            if (decision is Decision.Accepted)
            {
                RequireRoom(ledger.Evidence, pieces, cameBack.Keys);
                if (manifest is not null) ledger.Evidence.Put(manifest);
            }
            return decision;
        }, command.By, ct, command.Raw).ConfigureAwait(false);
        if (!outcome.IsDurable) return outcome;
        await FinishAsync(ledger.Journal, ledger.Evidence, ct).ConfigureAwait(false);
        ledger.Evidence.Prune(cameBack, again: true);
        return outcome;
    }

    /// <summary>Removes what the journal says is removed: a crash may have come between. Returns how many bytes the
    /// evidence is shorter.</summary>
    public static async Task<long> FinishAsync(IJournal journal, EvidenceArchive evidence, CancellationToken ct)
    {
        var pieces = new Dictionary<EvidenceDigest, long>();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Pruning, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is MonthPruned { Evidence: { } manifest })
                foreach (var piece in EvidenceManifest.Listed(manifest, evidence.Get(manifest)
                    ?? throw new InvalidDataException($"evidence {manifest} of position {recorded.Position} is not kept")))
                    pieces[piece] = recorded.Position; // what came back went once more
        return evidence.Prune(pieces);
    }

    /// <summary>The same when the ledger is opened, which a disk that is full must not prevent; why it was not done, or
    /// null.</summary>
    public static async Task<string?> TryFinishAsync(IJournal journal, EvidenceArchive evidence, CancellationToken ct)
    {
        try
        {
            await FinishAsync(journal, evidence, ct).ConfigureAwait(false);
            return null;
        }
        catch (IOException failed)
        {
            return failed.Message;
        }
    }

    /// <summary>A segment is written anew beside the old one, and once the fact says so it has to be: without the
    /// month's pieces, and then without what came back.</summary>
    private static void RequireRoom(EvidenceArchive evidence, IReadOnlyList<EvidenceDigest> pieces,
        IEnumerable<EvidenceDigest> cameBack)
    {
        var needed = Math.Max(evidence.RoomToPrune(pieces), evidence.RoomToPrune([.. pieces, .. cameBack]));
        var free = evidence.FreeBytes;
        if (free < needed)
            throw new IOException(string.Create(CultureInfo.InvariantCulture, $"the disk has {free} bytes free, and {needed} "
                + $"are needed to write the largest evidence segment without what is pruned; nothing was recorded"));
    }

    private static EvidenceDigest? Named(byte[]? manifest) => manifest is null ? null
        : new(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(manifest)));
}
