using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What the journal does in a second on this machine: durable appends one by one and in batches, on an empty and on a
/// full journal, beside a bare file; replay with decoding; and what memory it takes to verify it, a tenth full and
/// full. All in one run, so that the rates can be compared. Of a journal that is to hold very many events only the
/// appends are measured, for all else takes as long as its events are many.
/// </summary>
internal sealed class JournalThroughput(string folder, long events)
{
    private const int Writers = 256;
    private const int BatchWriters = 4;
    private const int FillersAtOnce = 8; // batches in flight while filling, which is not measured for its latency
    private const int SampledEvents = 10_000;
    private const int VerifiedRounds = 5; // of which the best counts
    private const int FactsASecondMax = 200_000; // that are made before they are appended
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2); // of each kind: new code is compiled anew
    private static readonly LedgerId Ledger = new("benchmark");
    private static readonly Principal By = new("benchmark", new PartyId("benchmark"), new HashSet<string>());
    private long nextSingle = 1_000_000_000; // far behind every batch, so that no fact is recorded twice
    private long nextBatch;

    /// <summary>Measures in a folder of its own under the temporary folder, and deletes it.</summary>
    /// <param name="arguments">Nothing, or <c>--events N</c>: how many the full journal holds; or <c>--held N</c>: only
    /// appends to one that holds so many.</param>
    public static async Task<int> RunAsync(ReadOnlyMemory<string> arguments)
    {
        var (events, isHeld) = (1_000_000L, arguments.Length > 0 && arguments.Span[0] == "--held");
        if (arguments.Length > 0 && (arguments.Length != 2 || arguments.Span[0] is not ("--events" or "--held")
            || !long.TryParse(arguments.Span[1], CultureInfo.InvariantCulture, out events) || events < SampledEvents))
        {
            Console.Error.WriteLine($"journal [--events N | --held N], N at least {SampledEvents}");
            return 2;
        }
        var folder = Directory.CreateTempSubdirectory("ledger-throughput-").FullName;
        try
        {
            var measured = new JournalThroughput(folder, events);
            await (isHeld ? measured.MeasureHeldAsync() : measured.MeasureAsync()).ConfigureAwait(false);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task MeasureAsync()
    {
        Print($"{Environment.ProcessorCount} processors, {Each.TotalSeconds:0} s each, in {folder}");
        await using var empty = Open("empty");
        await using var full = Open("full");
        await FillAsync(full, events / 10).ConfigureAwait(false);
        var (tenth, less) = (full.Length, await VerificationMemory.OfAsync(Full, Ledger).ConfigureAwait(false));
        await FillAsync(full, events).ConfigureAwait(false);
        var more = await VerificationMemory.OfAsync(Full, Ledger).ConfigureAwait(false);
        var bytes = await MeanBytesAsync(full).ConfigureAwait(false);
        Print($"filled with {full.Length:N0} events of {bytes:0} bytes each");
        Print($"most memory in use to verify: {less:0} MB of {tenth:N0} events, {more:0} MB of {full.Length:N0}");

        await AppendsAsync("empty journal", empty, (int)bytes).ConfigureAwait(false);
        var batched = await AppendsAsync($"journal of {full.Length:N0}", full, (int)bytes).ConfigureAwait(false);
        await TreeAsync(full, batched).ConfigureAwait(false);
        var replayed = await ReplayAsync(full).ConfigureAwait(false);
        Row("replay", $"one thread, ReadAllAsync and Decode, {replayed * bytes / 1e6:0} MB/s", replayed);
        Row("verify", "one thread: header, ids, order, payload, salt, leaf and tree again", Verified());
    }

    private async Task MeasureHeldAsync()
    {
        Print($"{Environment.ProcessorCount} processors, {Each.TotalSeconds:0} s each, in {folder}");
        var (watch, length) = (Stopwatch.StartNew(), 0L);
        await using (var full = Open("full"))
        {
            var written = BytesWritten();
            await FillAsync(full, events / 10).ConfigureAwait(false);
            var tenth = Environment.WorkingSet;
            await FillAsync(full, events).ConfigureAwait(false);
            length = full.Length;
            Print($"memory in use: {tenth / 1e6:0} MB with {events / 10:N0} events, {Environment.WorkingSet / 1e6:0} MB with {length:N0}");
            Row("filled", $"{FillersAtOnce} writers, {JournalEvents.BatchFacts} facts an append, "
                + FormattableString.Invariant($"{(BytesWritten() - written) / (double)length:N0} bytes written an event"),
                length / watch.Elapsed.TotalSeconds);
            var bytes = await MeanBytesAsync(full).ConfigureAwait(false);
            await AppendsAsync($"journal of {length:N0}", full, (int)bytes).ConfigureAwait(false);
            length = full.Length;
        }
        watch.Restart();
        await using var again = Open("full");
        Print($"opened again with {length:N0} events in {watch.Elapsed.TotalSeconds:0.00} s");
    }

    private string Full => Path.Combine(folder, "full");

    private async Task FillAsync(SqliteJournal journal, long events)
    {
        await TogetherAsync(FillersAtOnce, () => journal.Length + (FillersAtOnce * JournalEvents.BatchFacts) <= events,
            () => AppendBatchAsync(journal)).ConfigureAwait(false);
        while (journal.Length < events) await AppendBatchAsync(journal).ConfigureAwait(false);
    }

    private double Verified() => Enumerable.Range(0, VerifiedRounds).Max(_ => VerifiedOnce());

    private double VerifiedOnce()
    {
        var (watch, findings) = (Stopwatch.StartNew(), new Findings());
        var found = JournalVerification.Verify(
            Full, Ledger, new byte[32], [], false, findings, _ => { }, CancellationToken.None);
        if (!found.IsSound) throw new InvalidOperationException($"not sound: {findings.Faults[0]}");
        return found.Events / watch.Elapsed.TotalSeconds;
    }

    /// <summary>Facts a second in batches of one writer, which waits for each. Beside each row stands the bare file
    /// that is fed alike: as many writers, and of each as many bytes before it waits.</summary>
    private async Task<double> AppendsAsync(string name, SqliteJournal journal, int bytesEach)
    {
        var perSecond = 0d;
        foreach (var (writers, facts) in ((int, int)[])
            [(Writers, 1), (BatchWriters, JournalEvents.BatchFacts), (1, JournalEvents.BatchFacts)])
        {
            var file = await BareFileAsync(writers, facts, bytesEach).ConfigureAwait(false);
            await AppendMadeAsync(journal, writers, Made(facts, WarmUp), WarmUp).ConfigureAwait(false);
            var made = Made(facts, Each);
            var (length, written, times) = (journal.Length, BytesWritten(), new ProcessTimes());
            perSecond = await AppendMadeAsync(journal, writers, made, Each).ConfigureAwait(false);
            var (count, bytes, worked) = ((double)(journal.Length - length), BytesWritten() - written, times.Since());
            Row(name, $"{Who(writers)}, {(facts == 1 ? "one fact" : $"{facts} facts")} an append, "
                + FormattableString.Invariant($"{perSecond / file:P0} of the bare file, ")
                + FormattableString.Invariant($"{bytes / count:N0} bytes written an event"), perSecond);
            Print($"{"",-22} {Work(worked, count)}");
        }
        return perSecond;
    }

    /// <summary>What each thread worked for an event, of which the pool's encode what the benchmark appends.</summary>
    private static string Work(IEnumerable<(string Name, double Seconds)> worked, double events)
    {
        var each = worked.Select(one => (one.Name, Micros: one.Seconds * 1e6 / events)).ToList();
        return FormattableString.Invariant($"{each.Sum(one => one.Micros),12:0.0} µs  of a processor an event: ")
            + string.Join(", ", each.Select(one => FormattableString.Invariant($"{one.Name} {one.Micros:0.0}")));
    }

    /// <summary>Facts for so long, made before: it is the journal that is measured.</summary>
    private (string Stream, NewFact[] Facts)[] Made(int facts, TimeSpan lasts)
    {
        var made = new (string, NewFact[])[(int)(FactsASecondMax * lasts.TotalSeconds / facts)];
        for (var i = 0; i < made.Length; i++)
        {
            if (facts > 1)
            {
                made[i] = JournalEvents.Batch(++nextBatch);
                continue;
            }
            var (stream, fact) = JournalEvents.Single(++nextSingle);
            made[i] = (stream, [fact]);
        }
        GC.Collect(); // they are old before the clock runs
        return made;
    }

    /// <summary>Facts a second, until all are appended or the time is up.</summary>
    private static async Task<double> AppendMadeAsync(
        SqliteJournal journal, int writers, (string Stream, NewFact[] Facts)[] made, TimeSpan lasts)
    {
        var (next, last, watch, length) = (-1, made.Length - writers, Stopwatch.StartNew(), journal.Length);
        await TogetherAsync(writers, () => watch.Elapsed < lasts && Volatile.Read(ref next) < last, () =>
        {
            var (stream, facts) = made[Interlocked.Increment(ref next)];
            return AppendAsync(journal, stream, facts);
        }).ConfigureAwait(false);
        return (journal.Length - length) / watch.Elapsed.TotalSeconds;
    }

    /// <summary>Bytes that this process has had written to disks: the kernel's count of pages.</summary>
    private static long BytesWritten() => File.ReadLines("/proc/self/io")
        .Where(line => line.StartsWith("write_bytes: ", StringComparison.Ordinal))
        .Select(line => long.Parse(line["write_bytes: ".Length..], CultureInfo.InvariantCulture)).Single();

    /// <summary>
    /// What of an append is spent on being able to prove it: the digest of the payload, the salt, the leaf and the
    /// tree, which all are the work of the one thread that appends. Of a batch they are hashed together.
    /// </summary>
    private async Task TreeAsync(SqliteJournal journal, double batched)
    {
        var latency = await MedianLatencyAsync(journal).ConfigureAwait(false);
        var sampled = new List<(byte[] Header, byte[] Payload, EventId Id)>();
        await foreach (var recorded in journal.ReadAllAsync(0, CancellationToken.None).ConfigureAwait(false))
        {
            sampled.Add((EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length),
                recorded.Payload.ToArray(), recorded.Envelope.Id));
            if (sampled.Count == SampledEvents) break;
        }
        var (together, alone) = (Hashing(JournalEvents.BatchFacts), Hashing(1));
        Row("leaf and tree", $"one thread; {together * batched:P1} of the time of a fact in batches, "
            + FormattableString.Invariant($"{alone / latency:P2} of {latency * 1e3:0.0} ms, a lone append's median"),
            1 / together);

        // Seconds for each event, of so many at once.
        double Hashing(int batch)
        {
            var (watch, count, tree, leaves) =
                (Stopwatch.StartNew(), 0L, new MerkleTree(), new LeafBatch(new byte[32]));
            while (watch.Elapsed < Each)
                foreach (var part in sampled.Chunk(batch))
                {
                    foreach (var (header, payload, id) in part) leaves.Add(id, header, payload);
                    leaves.AppendTo(tree);
                    leaves.Clear();
                    count += part.Length;
                }
            return watch.Elapsed.TotalSeconds / count;
        }
    }

    private async Task<double> MedianLatencyAsync(SqliteJournal journal)
    {
        var (watch, latencies) = (Stopwatch.StartNew(), new List<double>());
        while (watch.Elapsed < Each)
        {
            var before = watch.Elapsed;
            await AppendSingleAsync(journal).ConfigureAwait(false);
            latencies.Add((watch.Elapsed - before).TotalSeconds);
        }
        latencies.Sort();
        return latencies[latencies.Count / 2];
    }

    /// <summary>Entries a second of as many bytes as an event has, so many at once of each writer.</summary>
    private async Task<double> BareFileAsync(int writers, int entries, int bytesEach)
    {
        var (path, together) = (Path.Combine(folder, "bare"), new byte[entries * bytesEach]);
        double rate;
        await using (var file = new GroupCommitFile(path))
        {
            await RateAsync(writers, WarmUp, () => file.AppendAsync(together)).ConfigureAwait(false);
            rate = entries * await RateAsync(writers, Each, () => file.AppendAsync(together)).ConfigureAwait(false);
        }
        File.Delete(path);
        Row("bare file", $"{Who(writers)}, {(entries == 1 ? "one entry" : $"{entries} entries")} at once, "
            + FormattableString.Invariant($"one synchronous write a group, {bytesEach} bytes an entry"), rate);
        return rate;
    }

    private static string Who(int writers) => writers == 1 ? "1 writer" : $"{writers} writers";

    /// <summary>Events a second, each decoded to its fact, from the first until the end or the time is up.</summary>
    private static async Task<double> ReplayAsync(SqliteJournal journal)
    {
        var (watch, count) = (Stopwatch.StartNew(), 0L);
        await foreach (var recorded in journal.ReadAllAsync(0, CancellationToken.None).ConfigureAwait(false))
        {
            EventCodec.Decode(recorded);
            count++;
            if (watch.Elapsed >= Each) break;
        }
        return count / watch.Elapsed.TotalSeconds;
    }

    private static async Task<double> MeanBytesAsync(SqliteJournal journal)
    {
        var bytes = 0L;
        await foreach (var recorded in journal.ReadAllAsync(0, CancellationToken.None).ConfigureAwait(false))
        {
            bytes += EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length).Length + recorded.Payload.Length;
            if (recorded.Position + 1 == SampledEvents) break;
        }
        return (double)bytes / SampledEvents;
    }

    private async Task AppendSingleAsync(SqliteJournal journal)
    {
        var (stream, fact) = JournalEvents.Single(Interlocked.Increment(ref nextSingle));
        await AppendAsync(journal, stream, fact).ConfigureAwait(false);
    }

    private async Task AppendBatchAsync(SqliteJournal journal)
    {
        var (stream, facts) = JournalEvents.Batch(Interlocked.Increment(ref nextBatch));
        await AppendAsync(journal, stream, facts).ConfigureAwait(false);
    }

    private static async Task AppendAsync(SqliteJournal journal, string stream, params NewFact[] facts)
    {
        var result = await journal.AppendAsync(stream, ExpectedRevision.Any, facts, By, null, CancellationToken.None)
            .ConfigureAwait(false);
        if (result is not AppendResult.Recorded) throw new InvalidOperationException($"not recorded: {result}");
    }

    private static async Task<double> RateAsync(int writers, TimeSpan lasts, Func<Task> append)
    {
        var watch = Stopwatch.StartNew();
        var count = await TogetherAsync(writers, () => watch.Elapsed < lasts, append).ConfigureAwait(false);
        return count / watch.Elapsed.TotalSeconds;
    }

    /// <summary>
    /// Each of the writers appends again and again, waiting for its answer each time; returns how many were answered.
    /// </summary>
    private static async Task<long> TogetherAsync(int writers, Func<bool> goOn, Func<Task> append)
    {
        var answered = 0L;
        await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (; goOn(); Interlocked.Increment(ref answered)) await append().ConfigureAwait(false);
        }))).ConfigureAwait(false);
        return answered;
    }

    private SqliteJournal Open(string name) => SqliteJournal.Open(
        new(Path.Combine(folder, name), Ledger, SystemClock.Instance, new byte[32]));

    private static void Row(string what, string how, double perSecond) =>
        Print($"{what,-22} {perSecond,12:N0} /s  {how}");

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));
}
