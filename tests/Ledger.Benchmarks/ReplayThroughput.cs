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
/// connectors (<see cref="ProjectionBenchmarks.Day"/>).
/// </summary>
internal static class ReplayThroughput
{
    private const int Rounds = 20; // of which the best counts: the first ones compile
    private const int BatchFacts = 500;
    private static readonly LedgerId Ledger = new("benchmark");
    private static readonly Principal By = new("benchmark", new PartyId("cpo"), new HashSet<string>());

    public static async Task<int> RunAsync()
    {
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
            foreach (var (name, from) in ((string, IJournal)[])[("SQLite", journal), ("memory", memory)])
            {
                await RowAsync(name, "read", from, ReadAsync).ConfigureAwait(false);
                await RowAsync(name, "decoded", from, DecodeAsync).ConfigureAwait(false);
                await RowAsync(name, "every projection", from, ProjectAsync).ConfigureAwait(false);
            }
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task RowAsync(string name, string what, IJournal journal, Func<IJournal, Task> replay)
    {
        var (best, memory) = (double.MaxValue, 0L);
        for (var round = 0; round < Rounds; round++)
        {
            var (watch, before) = (Stopwatch.StartNew(), GC.GetTotalAllocatedBytes());
            await replay(journal).ConfigureAwait(false);
            best = Math.Min(best, watch.Elapsed.TotalSeconds);
            memory = GC.GetTotalAllocatedBytes() - before;
        }
        Print($"{name,-8} {what,-18} {journal.Length / best,12:N0} /s  {memory / journal.Length,8:N0} bytes allocated an event");
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
