using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using JasperFx.Events;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Stores.Postgres;
using Ledger.Tests;
using Marten;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What the journal on PostgreSQL does in a second on this machine, beside Marten's own quick append of the same facts:
/// on a server of its own with fsync on, in one run and in turn, so that the rates can be compared.
/// </summary>
internal sealed class PostgresThroughput(PostgresServer server, long events)
{
    private const int Rounds = 3; // of which the median counts
    private const int SingleWriters = 256, MartenWriters = 64; // more of Marten's wait for a connection
    private const int FactsMax = 300_000; // of a round, which ends before its time where they are all appended
    private static readonly TimeSpan Each = TimeSpan.FromSeconds(3);
    private static readonly LedgerId Ledger = new("benchmark");
    private static readonly Principal By = new("benchmark", new PartyId("benchmark"), new HashSet<string>());
    private long next;

    /// <param name="arguments">Nothing, or <c>--events N</c>: how many each journal holds before it is measured; or
    /// <c>--appends N</c> or <c>--fold N</c>: only these, with so many.</param>
    public static async Task<int> RunAsync(ReadOnlyMemory<string> arguments)
    {
        var (events, part) = (200_000L, arguments.Length > 0 ? arguments.Span[0] : "--events");
        if (arguments.Length > 0 && (arguments.Length != 2 || part is not ("--events" or "--appends" or "--fold")
            || !long.TryParse(arguments.Span[1], CultureInfo.InvariantCulture, out events) || events < 0))
        {
            Console.Error.WriteLine("postgres [--events N | --appends N | --fold N]");
            return 2;
        }
        if (PostgresServer.WhyNot() is { } why)
        {
            Console.Error.WriteLine(why);
            return 2;
        }
        var server = await PostgresServer.StartNewAsync().ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
            await new PostgresThroughput(server, events).MeasureAsync(part).ConfigureAwait(false);
        return 0;
    }

    private async Task MeasureAsync(string part)
    {
        Print($"{Environment.ProcessorCount} processors, {server.Execute("SHOW server_version")}, fsync on, {Each.TotalSeconds:0} s each, median of {Rounds}");
        await using var journal = MartenJournal.Open(new PostgresLedger(server.Connection(), Ledger),
            new SequencingOptions(Ledger, SystemClock.Instance, new byte[32]));
        await using var marten = DocumentStore.For(Configure);
        await marten.Storage.ApplyAllConfiguredChangesToDatabaseAsync().ConfigureAwait(false);
        while (journal.Length < events)
            await OursAsync(journal, Ours(JournalEvents.BatchFacts)).ConfigureAwait(false);
        for (var filled = 0L; filled < events; filled += JournalEvents.BatchFacts)
            await MartensAsync(marten, Martens(JournalEvents.BatchFacts)).ConfigureAwait(false);
        server.Execute("CHECKPOINT");
        if (part != "--fold")
        {
            await CompareAsync(journal, marten, JournalEvents.BatchFacts, 1, 1).ConfigureAwait(false);
            await CompareAsync(journal, marten, JournalEvents.BatchFacts, 4, 4).ConfigureAwait(false);
            await CompareAsync(journal, marten, 1, SingleWriters, MartenWriters).ConfigureAwait(false);
        }
        Print($"{Bytes("ledger_benchmark.events", journal.Length)} bytes an event stored by the journal, indexes included; {Bytes("marten.mt_events", null)} by Marten");
        if (part == "--appends") return;
        var stored = (long)server.Execute("SELECT count(*) FROM marten.mt_events")!;
        server.Execute("ANALYZE"); // as a server does of itself after a while: both are planned for what is there
        var folded = Math.Min(journal.Length, stored);
        var daemon = await PostgresReplay.DaemonAsync(server, Configure, stored).ConfigureAwait(false);
        var runner = await PostgresReplay.RunnerAsync(server, journal, folded).ConfigureAwait(false);
        Print($"one fold into PostgreSQL: runner {runner,9:N0} /s over {folded:N0} events; Marten's daemon {daemon,9:N0} /s over {stored:N0}; {runner / daemon:0.0} times");
    }

    private void Configure(StoreOptions options)
    {
        options.Connection(server.Connection("marten") + ";Max Auto Prepare=32");
        options.DatabaseSchemaName = "marten";
        options.Events.StreamIdentity = StreamIdentity.AsString;
        options.Events.AppendMode = EventAppendMode.Quick;
        options.Events.AddEventType<PlainReading>();
        options.UseSystemTextJsonForSerialization();
    }

    private async Task CompareAsync(
        MartenJournal journal, DocumentStore marten, int facts, int writers, int martenWriters)
    {
        var (ours, martens) = (new List<double>(), new List<double>());
        for (var round = 0; round < Rounds; round++)
        {
            ours.Add(await RateAsync(writers, facts, Ours, append => OursAsync(journal, append)).ConfigureAwait(false));
            martens.Add(await RateAsync(martenWriters, facts, Martens, append => MartensAsync(marten, append))
                .ConfigureAwait(false));
        }
        var (our, their) = (Median(ours), Median(martens));
        Print($"{facts,4} facts an append: journal {our,9:N0} /s, {writers} writers; Marten's quick append {their,9:N0} /s, {martenWriters} writers; {our / their:0.0} times");
    }

    private (string Stream, NewFact[] Facts) Ours(int facts) => Next(facts, Reading);

    private (string Stream, object[] Facts) Martens(int facts) => Next<object>(facts, PlainReading.Of);

    /// <summary>An append of the facts that come next.</summary>
    private (string Stream, T[] Facts) Next<T>(int facts, Func<long, string, T> make)
    {
        var (first, stream) = (next, StreamOf(next, facts));
        next += facts;
        return (stream, [.. Enumerable.Range(0, facts).Select(i => make(first + i, stream))]);
    }

    private static async Task OursAsync(MartenJournal journal, (string Stream, NewFact[] Facts) append)
    {
        var answer = await journal.AppendAsync(append.Stream, ExpectedRevision.Any, append.Facts, By, null,
            CancellationToken.None).ConfigureAwait(false);
        if (answer is not AppendResult.Recorded) throw new InvalidOperationException($"not recorded: {answer}");
    }

    /// <summary>Again where another of the same stream came between: so a client would do too.</summary>
    private static async Task MartensAsync(DocumentStore marten, (string Stream, object[] Facts) append)
    {
        while (true)
        {
            var session = marten.LightweightSession();
            await using (session.ConfigureAwait(false))
            {
                session.Events.Append(append.Stream, append.Facts);
                try
                {
                    await session.SaveChangesAsync().ConfigureAwait(false);
                    return;
                }
                catch (EventStreamUnexpectedMaxEventIdException)
                {
                    await Task.Yield();
                }
            }
        }
    }

    private static string StreamOf(long number, int facts) =>
        string.Create(CultureInfo.InvariantCulture, $"register/ST{number / facts % 1000:D4}/1.8.0");

    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);
    private static readonly EvidenceDigest Evidence = new(new string('a', 64));

    private static NewFact Reading(long number, string stream)
    {
        var at = Start + Duration.FromSeconds(number);
        var register = new RegisterId(new SettlementPointId(stream.Split('/')[1]), Direction.Import);
        return NewFact.At(new RegisterReadingRecorded(register, at, number * 7, ReadingQuality.Measured, Evidence), at,
            new EvidenceKey(string.Create(CultureInfo.InvariantCulture, $"benchmark/{number}")));
    }

    /// <summary>The same fact as Marten stores it, with what the journal's header says beside.</summary>
    internal sealed record PlainReading(
        string Register, string ReadAt, string Index, string Quality, string Evidence, string Actor, string Tenant)
    {
        public static PlainReading Of(long number, string stream) => new(stream["register/".Length..],
            NodaTime.Text.InstantPattern.ExtendedIso.Format(Start + Duration.FromSeconds(number)),
            (number * 7).ToString(CultureInfo.InvariantCulture), "measured", PostgresThroughput.Evidence.Hex,
            By.Actor, By.Party.Value);
    }

    /// <summary>Facts a second. They are made before the clock runs: to make them is neither's work.</summary>
    private static async Task<double> RateAsync<T>(
        int writers, int facts, Func<int, T> make, Func<T, Task> append)
    {
        var made = new ConcurrentQueue<T>(Enumerable.Range(0, FactsMax / facts).Select(_ => make(facts)));
        GC.Collect();
        var (watch, answered) = (Stopwatch.StartNew(), 0L);
        await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(async () =>
        {
            for (; watch.Elapsed < Each && made.TryDequeue(out var next); Interlocked.Add(ref answered, facts))
                await append(next).ConfigureAwait(false);
        }))).ConfigureAwait(false);
        return answered / watch.Elapsed.TotalSeconds;
    }

    private static double Median(List<double> rates)
    {
        rates.Sort();
        return rates[rates.Count / 2];
    }

    private long Bytes(string table, long? rows) =>
        (long)server.Execute($"SELECT pg_total_relation_size('{table}')")!
            / (rows ?? (long)server.Execute($"SELECT count(*) FROM {table}")!);

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));
}
