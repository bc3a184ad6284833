using System.Diagnostics;
using System.Globalization;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What the folds of the standard projections cost alone, with facts and rows in memory: of each kind of fact and each
/// projection the time of one, the bytes that it allocates and the versions of rows that it makes. The facts are those
/// of <see cref="ReplayThroughput"/>.
/// </summary>
internal static class FoldThroughput
{
    private const int Rounds = 100; // of which the best counts: the first ones compile
    private const int BatchFacts = 500;

    private sealed record Cost
    {
        public long Facts { get; set; }
        public long Versions { get; set; }
        public long Bytes { get; set; }
        public long Ticks { get; set; }
    }

    public static int Run()
    {
        List<RecordedFact> facts = [];
        foreach (var fact in ProjectionBenchmarks.Day())
            facts.Add(new(fact.Event, facts.Count, fact.ValidTime, Instant.FromUtc(2026, 6, 1, 16, 0), new("cpo")));
        var best = Enumerable.Range(0, Rounds).Select(_ => Round(facts))
            .MinBy(costs => costs.Values.Sum(cost => cost.Ticks))!;
        foreach (var ((projection, fact), cost) in best.OrderByDescending(each => each.Value.Ticks))
            Print(projection, fact, cost, cost.Facts);
        Print("all", "an event", new()
        {
            Facts = facts.Count,
            Versions = best.Values.Sum(cost => cost.Versions),
            Bytes = best.Values.Sum(cost => cost.Bytes),
            Ticks = best.Values.Sum(cost => cost.Ticks),
        }, facts.Count);
        return 0;
    }

    private static Dictionary<(string Projection, string Fact), Cost> Round(List<RecordedFact> facts)
    {
        var costs = new Dictionary<(string, string), Cost>();
        var (views, changed) = (new MemoryViews(), new List<PositionedChange>());
        foreach (var projection in StandardProjections.All)
        {
            var rows = new WorkingRows(views, projection.Name, isEmpty: true);
            foreach (var fact in facts)
            {
                if (!projection.Handled.Contains(fact.Event.GetType())) continue;
                var kind = (projection.Name, fact.Event.GetType().Name);
                if (!costs.TryGetValue(kind, out var cost)) costs[kind] = cost = new();
                var (bytes, start) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
                var proposed = projection.Apply(rows, fact);
                cost.Ticks += Stopwatch.GetTimestamp() - start;
                cost.Bytes += GC.GetAllocatedBytesForCurrentThread() - bytes;
                cost.Facts++;
                rows.Accept(proposed, fact.Position, changed);
                cost.Versions += changed.Count;
                changed.Clear();
                if (fact.Position % BatchFacts != 0) continue;
                rows.Sent();
                rows.Committed();
            }
        }
        return costs;
    }

    private static void Print(string projection, string fact, Cost cost, long by) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{projection,-22} {fact,-26} {cost.Facts,7:N0}  {cost.Ticks * 1e9 / Stopwatch.Frequency / by,9:N0} ns  " +
            $"{(double)cost.Bytes / by,8:N0} bytes  {(double)cost.Versions / by,6:N2} versions"));
}
