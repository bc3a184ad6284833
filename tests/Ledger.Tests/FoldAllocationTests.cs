using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What the folds that most facts pass allocate for one fact. A replay of a year is a hundred million of them, so an
/// object that is made for each is seen here first. Bytes of objects are counted exactly, on the thread that folds.
/// </summary>
public sealed class FoldAllocationTests
{
    private static readonly Instant Midnight = Instant.FromUtc(2026, 6, 1, 16, 0);
    private static readonly SettlementPointId Point = new("FOLD-C1");
    private static readonly Duration Quarter = Duration.FromMinutes(15);

    /// <summary>Of the last facts of a morning of each kind the cheapest: by then everything is there that is made
    /// once.</summary>
    private static Dictionary<Type, long> Bytes(IProjection projection)
    {
        var rows = new WorkingRows(new MemoryViews(), projection.Name, isEmpty: true);
        var (all, position) = (new List<(Type Fact, long Bytes)>(), 0L);
        foreach (var happened in Morning())
        {
            if (!projection.Handled.Contains(happened.GetType())) continue;
            var fact = new RecordedFact(happened, position, new(Midnight, Midnight + Quarter), Midnight, new("cpo"));
            var before = GC.GetAllocatedBytesForCurrentThread();
            var changes = projection.Apply(rows, fact);
            all.Add((happened.GetType(), GC.GetAllocatedBytesForCurrentThread() - before));
            rows.Accept(changes, position++, []);
        }
        return all.GroupBy(each => each.Fact, each => each.Bytes)
            .ToDictionary(each => each.Key, each => each.TakeLast(10).Min());
    }

    private static IEnumerable<LedgerEvent> Morning()
    {
        yield return new SettlementPointRegistered(Point, new("S"), SettlementPointKind.Connector, new("cpo"),
            "Asia/Shanghai", 15, Power.FromKilowatts(1000), true);
        Direction[] both = [Direction.Import, Direction.Export];
        foreach (var direction in both) yield return new RegisterInstalled(new(Point, direction), "M1", 9, 3, 1, null);
        for (var quarter = 0; quarter < 20; quarter++)
        {
            var at = Midnight + Quarter * quarter;
            foreach (var direction in both)
                yield return new RegisterReadingRecorded(
                    new(Point, direction), at, 1000 + quarter * 80_000L, ReadingQuality.Measured, null);
            yield return new IntervalRecorded(Point, new(at, at + Quarter), 1, IntervalRecordState.Final,
                Energy.FromWattHours(80_000), Energy.FromWattHours(80_000), Power.FromKilowatts(-350),
                Power.FromKilowatts(350), 900_000_000, 0, [], 900, 0, 0, 0, 500_000, ReadingQuality.Measured, null,
                new(new string('a', 64)));
        }
    }

    /// <summary>The bounds are a tenth above what was measured; each object of a row is 50 bytes at least.</summary>
    [Fact]
    public void A_reading_and_a_record_allocate_little_more_than_their_rows()
    {
        var verified = Bytes(new VerifiedExport());
        verified[typeof(RegisterReadingRecorded)].ShouldBeInRange(1, 370);
        verified[typeof(IntervalRecorded)].ShouldBeInRange(1, 780);
        Bytes(new CurtailmentCompliance())[typeof(IntervalRecorded)].ShouldBeInRange(1, 260);
    }
}
