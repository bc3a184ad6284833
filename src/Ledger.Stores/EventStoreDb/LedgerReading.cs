using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>Reads the ledger's stream for those who read the journal: all of it, or one stream of the ledger.</summary>
internal sealed class LedgerReading(LedgerStream stream, LedgerFold fold, LedgerId ledger)
{
    /// <summary>Events of others that are read along, where that spares a question to the server.</summary>
    private const int GapMax = 8;
    private const int RunMax = 256; // events of one question
    private const int RunsAhead = 16; // questions on the way at once

    public async IAsyncEnumerable<RecordedEvent> AllAsync(long from, long before,
        [EnumeratorCancellation] CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (from >= before) yield break;
        var next = from;
        await foreach (var stored in stream.ReadAsync(from, before - from, ct).ConfigureAwait(false))
        {
            ct.ThrowIfCancellationRequested();
            yield return LedgerFold.Recorded(stored, ledger);
            next++;
        }
        if (next < before) throw new JournalRefusedException($"position {next} of stream {stream.Name} is missing");
    }

    public async IAsyncEnumerable<RecordedEvent> OfStreamAsync(string name, long fromRevision, long before,
        [EnumeratorCancellation] CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var ahead = new Queue<Task<List<RecordedEvent>>>();
        using var left = CancellationTokenSource.CreateLinkedTokenSource(ct);
        try
        {
            foreach (var run in Runs(fold.PositionsOf(name, fromRevision, before)))
            {
                ahead.Enqueue(RunAsync(name, run, left.Token));
                if (ahead.Count < RunsAhead) continue;
                foreach (var recorded in await ahead.Dequeue().ConfigureAwait(false)) yield return recorded;
            }
            while (ahead.TryDequeue(out var run))
                foreach (var recorded in await run.ConfigureAwait(false)) yield return recorded;
        }
        finally
        {
            await left.CancelAsync().ConfigureAwait(false); // who reads no further asks no more
        }
    }

    /// <summary>Positions near each other, as ranges to read: the first, and how many.</summary>
    private static IEnumerable<(long First, long Count)> Runs(IReadOnlyList<long> positions)
    {
        for (var i = 0; i < positions.Count;)
        {
            var (first, last) = (positions[i], positions[i]);
            while (++i < positions.Count && positions[i] - last <= GapMax && positions[i] - first < RunMax)
                last = positions[i];
            yield return (first, last - first + 1);
        }
    }

    private async Task<List<RecordedEvent>> RunAsync(string name, (long First, long Count) run, CancellationToken ct)
    {
        var events = new List<RecordedEvent>();
        await foreach (var recorded in AllAsync(run.First, run.First + run.Count, ct).ConfigureAwait(false))
            if (recorded.Envelope.Stream == name) events.Add(recorded);
        return events;
    }
}
