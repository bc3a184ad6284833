using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The states of a time are those that hold in some of it, however long before they began and however long
/// after the next one came.</summary>
public sealed class ChargingStatesTests
{
    private static readonly SettlementPointId point = new("C1");
    private static readonly Principal by = new("test", new PartyId("cpo"), new HashSet<string>());

    private static readonly Gen<Instant> times = Gen.OneOf(Gen.Int[0, 20], Gen.Int[0, 20_000]).Select(At);

    private static Instant At(int hour) => TestFolder.Start + Duration.FromHours(hour);

    [Fact]
    public void Who_asks_for_a_time_gets_the_states_that_hold_in_it() =>
        Gen.Select(times, Gen.Bool, Gen.Int[0, 1]).Array[0, 12].Select(Gen.Select(times, times).Array[5, 5]).Sample(
            (said, windows) =>
            {
                var states = said.DistinctBy(each => (each.Item1, each.Item3)).Select(each =>
                    new ChargingStateRecorded(point, each.Item1, each.Item2, null, null, null, null, $"s{each.Item3}"))
                    .ToList();
                var answers = Known(states);
                var ordered = states.OrderBy(state => state.At).ThenBy(state => state.Source).ToList();
                foreach (var (one, other) in windows)
                {
                    var window = new Interval(Instant.Min(one, other), Instant.Max(one, other));
                    answers.ChargingStates(point, window).ShouldBe(ordered.Where((state, i) => state.At < window.End
                        && (i + 1 == ordered.Count || ordered[i + 1].At >= window.Start)));
                }
            }, iter: LongRun.Samples / 20);

    private static Answers Known(IEnumerable<ChargingStateRecorded> states)
    {
        var journal = new InMemoryJournal();
        foreach (var (state, n) in states.Select((state, n) => (state, n)))
            journal.AppendAsync("s", ExpectedRevision.Any,
                [NewFact.At(state, state.At, new EvidenceKey($"n{n}"))], by, null, default).AsTask().Wait();
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, [new CurtailmentCompliance()], journal.Decode)
            .CatchUpAsync(default).Wait();
        return new(views);
    }
}
