using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.EventStoreDb;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What the journal at an EventStoreDB server does in a second, beside a bare client that sends batches of as many
/// bytes to the same server: in one run and in turn, so that the rates can be compared. Then what it costs to open,
/// with what the data folder keeps of it and without.
/// </summary>
internal sealed class EventStoreDbThroughput(EventStoreClientSettings server, long events)
{
    private const int Rounds = 3; // of which the median counts
    private const int SingleWriters = 256;
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(20);
    private static readonly Principal By = new("benchmark", new PartyId("benchmark"), new HashSet<string>());
    private readonly ConcurrentQueue<(string Stream, NewFact[] Facts)> made = new();
    private const int BatchesASecondMax = 240; // that are made before they are appended
    private long nextBatch;
    private long nextSingle = 1_000_000_000; // far behind every batch, so that no fact is recorded twice

    /// <param name="arguments">The server's connection string, and <c>--events N</c>: how many events the journal has
    /// before it is opened again.</param>
    public static async Task<int> RunAsync(ReadOnlyMemory<string> arguments)
    {
        var events = 0L;
        if (arguments.Length is not (1 or 3) || (arguments.Length == 3 && (arguments.Span[1] != "--events"
            || !long.TryParse(arguments.Span[2], CultureInfo.InvariantCulture, out events) || events < 0)))
        {
            Console.Error.WriteLine("eventstoredb CONNECTION [--events N]");
            return 2;
        }
        var server = EventStoreClientSettings.Create(arguments.Span[0]);
        await new EventStoreDbThroughput(server, events).MeasureAsync().ConfigureAwait(false);
        return 0;
    }

    private async Task MeasureAsync()
    {
        Print($"{Environment.ProcessorCount} processors, {Each.TotalSeconds:0} s each, median of {Rounds}");
        var ledger = new LedgerId(string.Create(CultureInfo.InvariantCulture, $"benchmark-{Stopwatch.GetTimestamp():x}"));
        var options = new EventStoreDbJournalOptions(server, ledger, SystemClock.Instance, new byte[32]);
        var folder = Directory.CreateTempSubdirectory("ledger-benchmark-").FullName;
        try
        {
            await FillAsync(options, folder).ConfigureAwait(false);
            await OpenAgainAsync("with the folder", options, folder).ConfigureAwait(false);
            await OpenAgainAsync("without", options, null).ConfigureAwait(false);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task FillAsync(EventStoreDbJournalOptions options, string folder)
    {
        var journal = await OpenAsync(options, folder).ConfigureAwait(false);
        await using (journal.ConfigureAwait(false)) await CompareAsync(journal).ConfigureAwait(false);
    }

    private static async Task OpenAgainAsync(string how, EventStoreDbJournalOptions options, string? folder)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var (opening, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var again = await OpenAsync(options, folder).ConfigureAwait(false);
        await using var closing = again.ConfigureAwait(false);
        opening.Stop();
        var processorUs = (Environment.CpuUsage.TotalTime - processor).TotalMicroseconds / again.Length;
        var bytes = GC.GetTotalMemory(forceFullCollection: true) - before;
        Print($"opened {again.Length:N0} events {how} in {opening.Elapsed.TotalSeconds:0.00} s, {again.Length / opening.Elapsed.TotalSeconds:N0} /s, {processorUs:0.0} µs of processor each; {bytes / again.Length} bytes of index an event");
    }

    /// <param name="folder">The data folder, whose word the journal keeps up; null for one without.</param>
    private static Task<EventStoreDbJournal> OpenAsync(EventStoreDbJournalOptions options, string? folder) =>
        EventStoreDbJournal.OpenAsync(options with { Head = folder is null ? null : ServerHead.Open(folder) },
            CancellationToken.None);

    private async Task CompareAsync(EventStoreDbJournal journal)
    {
        await BatchAsync(journal).ConfigureAwait(false);
        await BatchAsync(journal).ConfigureAwait(false);
        var metadataBytes = await MetadataBytesAsync(journal).ConfigureAwait(false);
        // Not counted: while it begins a program is compiled. The journal has more of it than the client, so a short
        // time would make the first comparison one of programs that are compiled to different degrees.
        for (var warming = Stopwatch.StartNew(); warming.Elapsed < WarmUp;)
        {
            await RateAsync(1, () => BatchAsync(journal)).ConfigureAwait(false);
            await BareAsync(metadataBytes).ConfigureAwait(false);
        }
        foreach (var writers in new[] { 1, 2, 4 })
            await CompareAsync(journal, writers, metadataBytes).ConfigureAwait(false);
        var singles = await RateAsync(SingleWriters, () => SingleAsync(journal)).ConfigureAwait(false);
        Print($"   1 fact an append: journal {singles.PerSecond,9:N0} /s, {SingleWriters} writers");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            while (journal.Length < events) await BatchAsync(journal).ConfigureAwait(false);
        }))).ConfigureAwait(false);
    }

    /// <summary>How many bytes of metadata an event of the first batch has at the server, and one of the second.
    /// </summary>
    private static async Task<int[]> MetadataBytesAsync(EventStoreDbJournal journal)
    {
        var bytes = new List<int>();
        await foreach (var recorded in journal.ReadAllAsync(0, CancellationToken.None).ConfigureAwait(false))
            if (recorded.Position % JournalEvents.BatchFacts == 0)
                bytes.Add("{\"header\":\"\"}".Length + Base64.GetMaxEncodedToUtf8Length(
                    EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length).Length));
        return [.. bytes];
    }

    private async Task CompareAsync(EventStoreDbJournal journal, int writers, int[] metadataBytes)
    {
        var (ours, bares) = (new List<Rate>(), new List<Rate>());
        for (var round = 0; round < Rounds; round++)
        {
            MakeFacts();
            ours.Add(await RateAsync(writers, () => BatchAsync(journal)).ConfigureAwait(false));
            made.Clear();
            bares.Add(await BareAsync(metadataBytes).ConfigureAwait(false));
        }
        var (our, bare) = (Median(ours), Median(bares));
        Print($"{JournalEvents.BatchFacts,4} facts an append: journal {our.Events,9:N0} /s, {writers} writers; bare client {bare.Events,9:N0} /s; {100 * our.PerSecond / bare.PerSecond:0} %; {our.EventUs:0.0} and {bare.EventUs:0.0} µs of processor an event");
    }

    /// <param name="PerSecond">Appends.</param>
    /// <param name="ProcessorMs">That one took of this process.</param>
    private readonly record struct Rate(double PerSecond, double ProcessorMs)
    {
        public double Events => PerSecond * JournalEvents.BatchFacts;
        public double EventUs => ProcessorMs * 1000 / JournalEvents.BatchFacts;

        public static Rate Of(long appends, Stopwatch watch, TimeSpan processorBefore) => new(
            appends / watch.Elapsed.TotalSeconds,
            (Environment.CpuUsage.TotalTime - processorBefore).TotalMilliseconds / appends);
    }

    /// <summary>Facts for one measurement, made before it: it is the journal that is measured.</summary>
    private void MakeFacts()
    {
        for (var i = 0; i < (int)(BatchesASecondMax * Each.TotalSeconds); i++)
            made.Enqueue(JournalEvents.Batch(Interlocked.Increment(ref nextBatch)));
        GC.Collect(); // they are old before the clock runs
    }

    private async Task BatchAsync(EventStoreDbJournal journal)
    {
        var (stream, facts) = made.TryDequeue(out var before) ? before
            : JournalEvents.Batch(Interlocked.Increment(ref nextBatch));
        Recorded(await journal.AppendAsync(stream, ExpectedRevision.Any, facts, By, null, CancellationToken.None)
            .ConfigureAwait(false));
    }

    private async Task SingleAsync(EventStoreDbJournal journal)
    {
        var (stream, fact) = JournalEvents.Single(Interlocked.Increment(ref nextSingle));
        Recorded(await journal.AppendAsync(stream, ExpectedRevision.Any, [fact], By, null, CancellationToken.None)
            .ConfigureAwait(false));
    }

    private static void Recorded(AppendResult answer)
    {
        if (answer is not AppendResult.Recorded) throw new InvalidOperationException($"not recorded: {answer}");
    }

    /// <summary>Batches a second of a client that has nothing to do but to send them, made beforehand: the same data,
    /// as many bytes of metadata, one after the other, each expecting the revision of the one before.</summary>
    private async Task<Rate> BareAsync(int[] metadataBytes)
    {
        var client = new EventStoreClient(server);
        await using var closing = client.ConfigureAwait(false);
        var name = string.Create(CultureInfo.InvariantCulture, $"bare-{Stopwatch.GetTimestamp():x}");
        var encoded = new[] { JournalEvents.Batch(1), JournalEvents.Batch(2) } // records and readings, as the journal's
            .Select(batch => batch.Facts.Select(fact => EventCodec.Encode(fact.Event)).ToList()).ToArray();
        var metadata = metadataBytes.Select(bytes => new byte[bytes]).ToArray();
        var (watch, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var batches = 0;
        for (var id = UInt128.Zero; watch.Elapsed < Each; batches++)
        {
            var batch = encoded[batches % 2].ConvertAll(content =>
                new EventData(new Uuid(++id), content.WireName, content.Payload, metadata[batches % 2],
                    content.ContentType == EventData.Json ? EventData.Json : EventData.Binary));
            var before = ((long)batches * JournalEvents.BatchFacts) - 1;
            await (batches == 0
                ? client.AppendToStreamAsync(name, StreamState.NoStream, batch)
                : client.AppendToStreamAsync(name, StreamRevision.FromInt64(before), batch)).ConfigureAwait(false);
        }
        return Rate.Of(batches, watch, processor);
    }

    private static async Task<Rate> RateAsync(int writers, Func<Task> once)
    {
        var (watch, processor) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        var done = await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            var times = 0;
            for (; watch.Elapsed < Each; times++) await once().ConfigureAwait(false);
            return times;
        }))).ConfigureAwait(false);
        return Rate.Of(done.Sum(), watch, processor);
    }

    private static Rate Median(List<Rate> rates) =>
        rates.OrderBy(rate => rate.PerSecond).ElementAt(rates.Count / 2);

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
