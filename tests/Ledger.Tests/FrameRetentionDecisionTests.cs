using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>When frames may be dropped, and which.</summary>
public sealed class FrameRetentionDecisionTests
{
    private static readonly string[] Against = ["held", "unsettled", "damaged", "unsealed", "open", "disputed"];

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("frame-droppings.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var rule = Rule(cells[1]);
        var decision = FrameRetention.Decide(Known(cells[0]), rule, Segments(cells[3]), Second(cells[2]));
        Answer(decision).ShouldBe(cells[^1], $"{table}:{number}");
        var fact = decision is Decision.Accepted accepted ? (FramesDropped)accepted.Facts.Single().Event : null;
        (fact is null ? "-" : string.Join(' ', fact.Segments.Select(segment => segment.Number)))
            .ShouldBe(cells[4], $"{table}:{number}");
        if (fact is null) return;
        fact.Before.ShouldBe(rule is DropRule.Order order ? order.Before : Second(cells[2]) - Duration.FromDays(1));
        fact.RuleInWords().ShouldBe(rule is DropRule.Order ? "the order of staff-7: the court said so"
            : "retention RP-9, 1 days after receipt");
        (fact.Retention, fact.AfterDays, fact.By, fact.Reason).ShouldBe(rule is DropRule.Order
            ? (null, null, "staff-7", "the court said so") : (new RetentionId("RP-9"), 1, null, null));
    }

    [Fact]
    public void One_fact_drops_no_more_than_it_has_room_for_and_the_next_one_goes_on()
    {
        var segments = Enumerable.Range(0, 502).Select(number => Segment($"{number} {number + 1}")).ToList();
        var first = Decide(DroppedFrames.None);
        first.Segments.Select(segment => segment.Number).ShouldBe(Enumerable.Range(0, FrameRetention.SegmentsMax));
        var once = FrameRetention.Evolve(DroppedFrames.None, first);
        (once.Next, once.ChainBeforeNext).ShouldBe((500, Digest('c')));
        var second = Decide(once);
        second.Segments.Select(segment => segment.Number).ShouldBe([500, 501]);
        var twice = FrameRetention.Evolve(once, second);
        (twice.Next, twice.Of(499), twice.Of(500), twice.Of(502)).ShouldBe((502, first, second, null));
        FrameRetention.Evolve(twice, new LegalHoldSet(new(new string('b', 64)), "C")).ShouldBe(twice);

        FramesDropped Decide(DroppedFrames known) => (FramesDropped)((Decision.Accepted)FrameRetention.Decide(
            known, new DropRule.Policy(new("RP-9"), 1), segments, Instant.FromUtc(2026, 1, 1, 0, 0))).Facts.Single().Event;
    }

    /// <summary>Who looks is told why each segment stays: because of itself, of one before it, or because one fact has
    /// no room for it.</summary>
    [Fact]
    public void What_one_fact_has_no_room_for_goes_the_next_time()
    {
        var segments = Enumerable.Range(0, 504)
            .Select(number => Segment(number == 502 ? "502 503 held" : $"{number} {number + 1}")).ToList();
        string Why(int number) => Cli.Drop.WhyNot(segments[number], segments);
        (Why(500), Why(501)).ShouldBe(("goes the next time: one fact drops 500", "goes the next time: one fact drops 500"));
        Why(502).ShouldStartWith("LegalHold (802): ");
        Why(503).ShouldBe("stays, as one before it does");
    }

    /// <summary>Whatever is asked again and again: what is needed, or younger, or behind such a one, is there; all that
    /// is older goes at once, and a second time nothing does.</summary>
    [Fact]
    public void Exactly_the_beginning_that_is_old_and_that_nothing_needs_goes() =>
        Gen.Select(Gen.Select(Gen.Int[0, 300], Gen.Int[0, 11]).Array[0, 12], Gen.Int[0, 320].Array[1, 4]).Sample(
            (drawn, orders) =>
            {
                // Six of twelve segments have nothing against them.
                var segments = drawn.Select((one, number) => Segment(one.Item2 < Against.Length
                    ? $"{number} {one.Item1} {Against[one.Item2]}" : $"{number} {one.Item1}")).ToList();
                var (state, next) = (DroppedFrames.None, 0);
                foreach (var before in orders)
                {
                    var decision = FrameRetention.Decide(state,
                        new DropRule.Order(Instant.FromUnixTimeSeconds(before), "staff-7", "r"), segments,
                        Instant.FromUnixTimeSeconds(1000));
                    var until = next;
                    while (until < drawn.Length && drawn[until].Item1 < before && drawn[until].Item2 >= Against.Length)
                        until++;
                    if (until == next) decision.ShouldNotBeOfType<Decision.Accepted>();
                    else
                    {
                        var fact = (FramesDropped)((Decision.Accepted)decision).Facts.Single().Event;
                        fact.Segments.Select(segment => segment.Number).ShouldBe(Enumerable.Range(next, until - next));
                        state = FrameRetention.Evolve(state, fact);
                    }
                    state.Next.ShouldBe(until);
                    next = until;
                }
            });

    private static DroppedFrames Known(string cell) => cell == "-" ? DroppedFrames.None
        : FrameRetention.Evolve(DroppedFrames.None, new FramesDropped(
            [.. Enumerable.Range(0, (int)Number(cell) + 1).Select(number => Segment($"{number} 1").Sealed!)],
            Second("1"), new("RP-9"), 1, null, null));

    private static DropRule Rule(string cell) => cell.Split(' ') is ["order", var before]
        ? new DropRule.Order(Second(before), "staff-7", "the court said so")
        : new DropRule.Policy(new("RP-9"), (int)Number(cell.Split(' ')[1]));

    private static List<KeptSegment> Segments(string cell) =>
        [.. cell.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Segment)];

    private static KeptSegment Segment(string text)
    {
        var words = text.Split(' ');
        words[2..].ShouldBeSubsetOf(Against);
        var (number, last) = ((int)Number(words[0]), Second(words[1]));
        var whole = new DroppedSegment(
            number, Digest('d'), last - Duration.FromSeconds(1), last, last, last, 3, 900, 90, Digest('b'),
            Digest('c'));
        return new(number, last, Has("unsealed") || Has("damaged") ? null : whole, Has("held") ? ["C1"] : [],
            Has("unsettled") ? "no final run" : null, Has("damaged") ? "damaged at byte 7" : null,
            Has("open") ? "a record is not final" : null, Has("disputed") ? "dispute D1 is open" : null);

        bool Has(string what) => words.Contains(what);
    }

    private static EvidenceDigest Digest(char digit) => new(new string(digit, 64));
}
