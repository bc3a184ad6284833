using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api;

/// <summary>How frames are dropped, also beside streams that go on: the fact first, then the removal; what a crash left
/// between is finished by <see cref="FinishAsync"/>.</summary>
public static class Dropping
{
    /// <summary>The route that looks what may go, decides, and removes it; one at a time.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, OpenLedger ledger)
    {
        var turn = new SemaphoreSlim(1);
        return routes.Add<FramesToDrop>(Scopes.RetentionWrite, async (recorder, command, now, ct) =>
        {
            await turn.WaitAsync(ct).ConfigureAwait(false);
            try
            {
                return await DropAsync(ledger, recorder, command, now, ct).ConfigureAwait(false);
            }
            finally
            {
                turn.Release();
            }
        });
    }

    private static async Task<RecordOutcome> DropAsync(
        OpenLedger ledger, Recorder recorder, Command<FramesToDrop> command, Instant now, CancellationToken ct)
    {
        var rule = command.Input.Rule;
        var (dropped, _) = await recorder.LoadAsync(
            Streams.FrameDropping, DroppedFrames.None, FrameRetention.Evolve, ct).ConfigureAwait(false);
        var kept = await ledger.FramesBeforeAsync(dropped, FrameRetention.BeforeOf(rule, now), ct)
            .ConfigureAwait(false);
        var outcome = await recorder.RecordAsync(Streams.FrameDropping, DroppedFrames.None, FrameRetention.Evolve,
            state => FrameRetention.Decide(state, rule, kept, now), command.By, ct, command.Raw).ConfigureAwait(false);
        if (outcome.IsDurable) await ledger.RemoveDroppedAsync(ct).ConfigureAwait(false);
        return outcome;
    }

    /// <summary>
    /// The segments of a ledger's frame log that were received before an instant, and what stands against dropping
    /// each; the first that is not sealed is the last. It changes nothing, and needs no lock.
    /// </summary>
    /// <param name="secret">The ledger's, by which the mark of the log is believed.</param>
    /// <param name="directory">The data folder.</param>
    /// <param name="seen">Is told of each segment's bytes when it is read.</param>
    public static async Task<IReadOnlyList<KeptSegment>> LookAsync(IJournal journal, EvidenceArchive evidence,
        byte[] secret, string directory, DroppedFrames dropped, Instant before, Action<long> seen, CancellationToken ct)
    {
        var folder = Path.Combine(directory, FrameLogOptions.FolderName);
        // The mark first: it only moves on, so what it does not need now it never will.
        var needed = StreamEngine.NeededFrom(folder, journal, secret);
        var found = SegmentDropping.Look(folder, dropped, before, seen, ct);
        return found.Count == 0 ? found
            : await FrameNeeds.OfAsync(journal, evidence, needed, found, ct).ConfigureAwait(false);
    }

    /// <summary>Removes what the journal says is dropped: a crash may have come between. Returns the bytes that are
    /// given back.</summary>
    public static async Task<long> FinishAsync(IJournal journal, string frames, CancellationToken ct)
    {
        var bytes = 0L;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.FrameDropping, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is FramesDropped fact)
                bytes += SegmentDropping.Remove(frames, fact.Segments);
        return bytes;
    }
}
