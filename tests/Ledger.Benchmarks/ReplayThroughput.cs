using System.Diagnostics;
using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What one core replays in a second, from the stored bytes: read alone, decoded, and through every standard projection
/// into views in memory; from SQLite and from stored bytes that are in memory already. The facts are a day of 140
/// connectors (<see cref="ProjectionBenchmarks.Day"/>). <c>replay read decoded</c> measures these rows only.
/// </summary>
internal static class ReplayThroughput
{
    private const int RoundsMin = 20; // of which the best counts
    private static readonly TimeSpan TimeMin = TimeSpan.FromSeconds(30); // of all: one core compiles for so long beside
    private const int BatchFacts = 500;
    private static readonly LedgerId Ledger = new("benchmark");
    private static readonly Principal By = new("benchmark", new PartyId("cpo"), new HashSet<string>());

    /// <param name="rows">What is measured; everything where nothing is named.</param>
    public static async Task<int> RunAsync(ReadOnlyMemory<string> rows)
    {
        var named = rows.ToArray();
        var folder = Directory.CreateTempSubdirectory("ledger-replay-").FullName;
        try
        {
            await using var journal = SqliteJournal.Open(new(folder, Ledger, SystemClock.Instance, new byte[32]));
            foreach (var batch in ProjectionBenchmarks.Day().Chunk(BatchFacts))
                await journal.AppendAsync("day", ExpectedRevision.Any, batch, By, null, default).ConfigureAwait(false);
            var stored = new List<RecordedEvent>();
            await foreach (var recorded in journal.ReadAllAsync(0, default).ConfigureAwait(false)) stored.Add(recorded);
            Print($"{journal.Length:N0} events of a day");
            await using var memory = new StoredBytes(stored);
            await MeasureAsync([.. ((string, IJournal)[])[("SQLite", journal), ("memory", memory)]], named)
                .ConfigureAwait(false);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static readonly (string What, Func<IJournal, Task> Replay)[] Rows =
        [("read", ReadAsync), ("decoded", DecodeAsync), ("every projection", ProjectAsync)];

    /// <summary>By turns, so that all are compiled and the machine is as quiet for each.</summary>
    private static async Task MeasureAsync((string Name, IJournal From)[] journals, string[] named)
    {
        var measured = journals.SelectMany(_ => Rows, (journal, row) => (journal.Name, journal.From, row.What, row.Replay))
            .Where(row => named is [] || named.Contains(row.What)).ToList();
        var best = measured.ConvertAll(_ => (Seconds: double.MaxValue, Bytes: 0L));
        var started = Stopwatch.GetTimestamp();
        for (var round = 0; round < RoundsMin || Stopwatch.GetElapsedTime(started) < TimeMin; round++)
            for (var i = 0; i < best.Count; i++)
            {
                var (watch, before) = (Stopwatch.StartNew(), GC.GetTotalAllocatedBytes());
                await measured[i].Replay(measured[i].From).ConfigureAwait(false);
                best[i] = (Math.Min(best[i].Seconds, watch.Elapsed.TotalSeconds),
                    GC.GetTotalAllocatedBytes() - before);
            }
        foreach (var ((name, from, what, _), (seconds, bytes)) in measured.Zip(best))
            Print($"{name,-8} {what,-18} {from.Length / seconds,12:N0} /s  {bytes / from.Length,8:N0} bytes allocated an event");
    }

    private static async Task ReadAsync(IJournal journal)
    {
        await foreach (var _ in journal.ReadAllAsync(0, default).ConfigureAwait(false)) { }
    }

    private static async Task DecodeAsync(IJournal journal)
    {
        await foreach (var recorded in journal.ReadAllAsync(0, default).ConfigureAwait(false))
            EventCodec.Decode(recorded);
    }

    private static Task ProjectAsync(IJournal journal) => Replay.RecomputeAsync(
        journal, StandardProjections.All, (wire, version, payload) => EventCodec.Decode(wire, version, payload), null,
        default);

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));

    /// <summary>A journal whose bytes are in memory; it is only read.</summary>
    private sealed class StoredBytes(List<RecordedEvent> stored) : IJournal
    {
        private readonly List<(byte[] Header, byte[] Payload)> events = [.. stored.Select(recorded =>
            (EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length), recorded.Payload.ToArray()))];

        public LedgerId Ledger => ReplayThroughput.Ledger;
        public long Length => events.Count;
        public byte[] Root => [];

        public ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, CancellationToken ct) => throw new NotSupportedException();

        public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
            long fromPosition, [EnumeratorCancellation] CancellationToken ct)
        {
            var texts = new RecentTexts();
            for (var position = (int)fromPosition; position < events.Count; position++)
                yield return new(position, EnvelopeBytes.Read(events[position].Header, texts).Envelope,
                    events[position].Payload);
            await Task.CompletedTask.ConfigureAwait(false);
        }

        public Task WaitForAsync(long position, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
