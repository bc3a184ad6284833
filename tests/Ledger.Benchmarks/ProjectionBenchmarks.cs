using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// A day of 14 stations (140 connectors) through all standard projections: 13 440 interval records, 27 160 register
/// readings, one export instruction to every connector. Time and bytes are per event.
/// </summary>
[MemoryDiagnoser]
[SimpleJob(RunStrategy.Monitoring, launchCount: 1, warmupCount: 1, iterationCount: 3)]
public class ProjectionBenchmarks
{
    private const int Points = 140;
    private const int Quarters = 96;
    private const long RegisterEnd = 1_000_000_000; // of nine digits
    private const int Events = Points * (3 + Quarters + 2 * (Quarters + 1)) + 1;
    private static readonly Instant Midnight = Instant.FromUtc(2026, 6, 1, 16, 0);
    private static readonly Principal By = new("benchmark", new PartyId("cpo"), new HashSet<string>());
    private readonly string folder = Path.Combine(Path.GetTempPath(), $"ledger-benchmark-{Environment.ProcessId}");
    private readonly List<RecordedFact> facts = [];
    private SqliteJournal? journal;
    private int rebuilt;

    [GlobalSetup]
    public void Fill()
    {
        journal = SqliteJournal.Open(new(folder, new("benchmark"), SystemClock.Instance, new byte[32]));
        foreach (var batch in Day().Chunk(500))
            journal.AppendAsync("day", ExpectedRevision.Any, batch, By, null, default).AsTask().GetAwaiter()
                .GetResult();
        if (journal.Length != Events) throw new InvalidOperationException($"{journal.Length} events, not {Events}");
        foreach (var fact in Day())
            facts.Add(new(fact.Event, facts.Count, fact.ValidTime, Midnight, By.Party));
    }

    [GlobalCleanup]
    public void Remove()
    {
        journal!.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(folder, recursive: true);
    }

    /// <summary>The folds alone, facts and rows in memory.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public int FromMemory()
    {
        var (views, changes) = (new MemoryViews(), 0);
        foreach (var projection in StandardProjections.All)
        {
            var rows = new WorkingRows(views, projection.Name);
            foreach (var batch in facts.Chunk(500))
            {
                var changed = new List<PositionedChange>();
                foreach (var fact in batch.Where(fact => projection.Handled.Contains(fact.Event.GetType())))
                    rows.Accept(projection.Apply(rows, fact), fact.Position, changed);
                views.Commit(new Dictionary<string, ViewCheckpoint>(), changed);
                rows.Sent();
                rows.Committed();
                changes += changed.Count;
            }
        }
        return changes;
    }

    /// <summary>Read from SQLite, decoded and folded, rows in memory: what replay does.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public long FromJournal() => Fold(new MemoryViews());

    /// <summary>Read from SQLite, decoded, folded and stored in views.db: what a rebuild does.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public long FromJournalToStoredViews()
    {
        using var views = new SqliteViews(Path.Combine(folder, $"views-{rebuilt++}.db"));
        return Fold(views);
    }

    private long Fold(IViewStore views) =>
        new ProjectionRunner(journal!, views, StandardProjections.All,
            (wire, version, payload) => EventCodec.Decode(wire, version, payload))
            .CatchUpAsync(default).GetAwaiter().GetResult();

    internal static IEnumerable<NewFact> Day() => Days(1);

    /// <summary>Days that follow one another: points and registers are known from the first, and registers go on.
    /// </summary>
    internal static IEnumerable<NewFact> Days(int count)
    {
        var points = Enumerable.Range(0, Points).Select(n => new SettlementPointId($"S{n / 10:D2}-C{n % 10}")).ToList();
        var made = 0;
        NewFact At(LedgerEvent fact, Instant at) => NewFact.At(fact, at, new EvidenceKey($"{made++}"));
        foreach (var point in points)
        {
            yield return At(new SettlementPointRegistered(point, new(point.Value[..3]), SettlementPointKind.Connector,
                new("cpo"), "Asia/Shanghai", 15, Power.FromKilowatts(1000), true), Midnight);
            foreach (var direction in Enum.GetValues<Direction>())
                yield return At(new RegisterInstalled(new(point, direction), "M1", 9, 3, 1, null), Midnight);
        }
        for (var quarter = 0; quarter <= Quarters * count; quarter++)
        {
            var at = Midnight + Duration.FromMinutes(15 * quarter);
            if (quarter % Quarters == 0 && quarter < Quarters * count) yield return At(Order(points, at), at);
            foreach (var point in points)
            {
                foreach (var direction in Enum.GetValues<Direction>())
                    yield return At(new RegisterReadingRecorded(new(point, direction), at,
                        (1000 + quarter * 80_000L) % RegisterEnd, ReadingQuality.Measured, null), at);
                if (quarter == Quarters * count) continue;
                yield return At(new IntervalRecorded(point, new Interval(at, at + Duration.FromMinutes(15)), 1,
                    IntervalRecordState.Final, Energy.FromWattHours(80_000), Energy.FromWattHours(80_000),
                    Power.FromKilowatts(-350), Power.FromKilowatts(350), 900_000_000, 0, [], 900, 0, 0, 0, 0,
                    ReadingQuality.Measured, null, new(new string('a', 64))), at);
            }
        }
    }

    private static DispatchInstructed Order(List<SettlementPointId> points, Instant day) => new(
        new($"V2G-{(day - Midnight).Days + 1}"), InstructionKind.Export, new("grid"), day,
        new Interval(day + Duration.FromHours(18), day + Duration.FromHours(19)),
        [.. points.Select(point => new InstructionTarget(point, Power.FromKilowatts(300)))],
        Power.Zero, 0, 1m, 2m, null, null);
}
