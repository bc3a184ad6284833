using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What it takes to store views in SQLite and to ask them: a journal of days of 140 connectors
/// (<see cref="ProjectionBenchmarks.Days"/>) is folded by every standard projection into a new views.db, which is then
/// asked for rows as they are now and as of positions.
/// </summary>
/// <remarks>Rounds of a question are spread over all that is stored; of each the best time counts.</remarks>
internal static class ViewStoreThroughput
{
    private const int DayEvents = 41_021;
    private const int BatchFacts = 500;
    private const int Rounds = 7;
    private const int Questions = 400;
    private static readonly Principal By = new("benchmark", new PartyId("cpo"), new HashSet<string>());
    private static readonly Instant Midnight = Instant.FromUtc(2026, 6, 1, 16, 0);

    public static async Task<int> RunAsync(ReadOnlyMemory<string> arguments)
    {
        var events = (long)DayEvents;
        if (arguments.Length > 0 && (arguments.Length != 2 || arguments.Span[0] != "--events"
            || !long.TryParse(arguments.Span[1], CultureInfo.InvariantCulture, out events) || events < DayEvents))
        {
            Console.Error.WriteLine($"views [--events N], N at least {DayEvents}");
            return 2;
        }
        var folder = Directory.CreateTempSubdirectory("ledger-views-").FullName;
        try
        {
            await using var journal = SqliteJournal.Open(
                new(folder, new("benchmark"), SystemClock.Instance, new byte[32]));
            await FillAsync(journal, events).ConfigureAwait(false);
            if (events == DayEvents) await StoreAsync(journal, Path.Combine(folder, "first.db")).ConfigureAwait(false);
            await StoreAsync(journal, Path.Combine(folder, "views.db")).ConfigureAwait(false);
            using var views = new SqliteViews(Path.Combine(folder, "views.db"));
            Ask(views, journal.Length);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task FillAsync(SqliteJournal journal, long events)
    {
        var days = (int)((events - 1) / (DayEvents - 1)) + 1;
        foreach (var batch in ProjectionBenchmarks.Days(days).Take((int)events).Chunk(BatchFacts))
            await journal.AppendAsync("day", ExpectedRevision.Any, batch, By, null, default).ConfigureAwait(false);
    }

    private static async Task StoreAsync(SqliteJournal journal, string path)
    {
        using var process = Process.GetCurrentProcess();
        var (watch, used) = (Stopwatch.StartNew(), process.TotalProcessorTime);
        using (var views = new SqliteViews(path))
        {
            await new ProjectionRunner(journal, views, StandardProjections.All,
                (wire, version, payload) => EventCodec.Decode(wire, version, payload))
                .CatchUpAsync(default).ConfigureAwait(false);
            process.Refresh();
            Print($"{journal.Length:N0} events stored with {journal.Length / watch.Elapsed.TotalSeconds:N0} /s, {(process.TotalProcessorTime - used).TotalMicroseconds / journal.Length:N1} µs of processors an event");
        }
        Print($"{new FileInfo(path).Length / 1e6:N1} MB of views, alive {GC.GetTotalMemory(forceFullCollection: true) / 1e6:N1} MB, working set at most {process.PeakWorkingSet64 / 1e6:N0} MB");
    }

    private static void Ask(SqliteViews views, long length)
    {
        var readings = views.Range("VerifiedExport", "reading|", "reading|S00-C1").ToList();
        var days = views.Range("VerifiedExport", "day|2026-06-02|", "day|2026-06-02|~").ToList();
        if (readings.Count == 0 || days.Count == 0) throw new InvalidOperationException("no rows");
        long At(int number) => length * (1 + number) / (Questions + 2);
        Time("a row now", number => Found(views.Get("VerifiedExport", readings[number % readings.Count].Key)));
        Time("a row of a day now", number => Found(views.Get("VerifiedExport", days[number % days.Count].Key)));
        Time("a row of a day as of", number =>
            Found(views.Get("VerifiedExport", days[number % days.Count].Key, At(number))));
        Time("140 rows of a day now", _ =>
            Found(views.Range("VerifiedExport", "day|2026-06-02|", "day|2026-06-02|~")));
        Time("140 rows of a day as of", number =>
            Found(views.Range("VerifiedExport", "day|2026-06-02|", "day|2026-06-02|~", At(number))));
        var (first, last) = ($"{readings[0].Key[..^30]}{RowJson.Key(Midnight)}",
            $"{readings[0].Key[..^30]}{RowJson.Key(Midnight + Duration.FromDays(1))}");
        Time("97 readings now", _ => Found(views.Range("VerifiedExport", first, last)));
        Time("97 readings as of", number => Found(views.Range("VerifiedExport", first, last, At(number))));
        Time("97 readings scanned", _ =>
        {
            var bytes = 0;
            views.Scan("VerifiedExport", first, last, null, json => bytes += json.Length);
            return bytes;
        });
        var watch = Stopwatch.StartNew();
        var versions = 0L;
        foreach (var view in StandardProjections.All) views.ScanVersions(view.Name, (_, _, _, _) => versions++);
        Print($"{"every version scanned",-26} {watch.Elapsed.TotalMilliseconds:N0} ms, {versions:N0} versions, {versions / watch.Elapsed.TotalSeconds:N0} /s");
    }

    private static int Found(string? row) => row?.Length ?? 0;

    private static int Found(IReadOnlyList<ViewRow> rows) => rows.Count;

    private static void Time(string what, Func<int, int> ask)
    {
        var (best, found) = (double.MaxValue, 0L);
        for (var round = 0; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            found = 0;
            for (var number = 0; number < Questions; number++) found += ask(number);
            best = Math.Min(best, watch.Elapsed.TotalMicroseconds / Questions);
        }
        Print($"{what,-26} {best,10:N1} µs, {(double)found / Questions:N0} found");
    }

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));
}
