using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>When a month may be pruned, and to which settlement day a metered fact belongs.</summary>
public sealed class RetentionDecisionTests
{
    private static readonly SettlementPointId Point = new("P");

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("pruning.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var decision = Decide(cells);
        Answer(decision).ShouldBe(cells[^1], $"{table}:{number}");
        if (decision is Decision.Accepted accepted)
            accepted.Facts.Single().Event.ShouldBe(new MonthPruned(
                new(1970, 1), 0, 9, 10, Digest("a"), Digest("5"), Digest("e"), new("RP-7")));
    }

    [Fact]
    public void A_position_is_covered_by_the_months_that_were_pruned_and_no_other()
    {
        var state = new[] { Pruned(new(1970, 1), 3, 9), Pruned(new(1970, 3), 12, 13) }
            .Aggregate(PrunedMonths.None, Retention.Evolve);
        Enumerable.Range(0, 15).Where(position => state.Cover(position)).ShouldBe([3, 4, 5, 6, 7, 8, 12]);
        Retention.Evolve(state, new LegalHoldSet(new(new string('b', 64)), "C")).ShouldBe(state);
    }

    /// <summary>A reading at midnight ends the day before; a period is of the day on which it starts.</summary>
    [Fact]
    public void A_reading_is_of_the_day_that_it_ends()
    {
        var midnight = Instant.FromUtc(2026, 3, 1, 0, 0);
        var register = new RegisterId(Point, Direction.Import);
        var hour = new Interval(midnight, midnight + Duration.FromHours(1));
        DayOf(new RegisterReadingRecorded(register, midnight, 1, ReadingQuality.Measured, null)).ShouldBe("2026-02-28");
        DayOf(new RegisterReadingRecorded(register, midnight + Duration.FromSeconds(1), 1, ReadingQuality.Measured,
            null)).ShouldBe("2026-03-01");
        DayOf(new RegisterReadingCorrected(register, midnight, 2, 1, ReadingQuality.Measured, "r", null))
            .ShouldBe("2026-02-28");
        DayOf(new IntervalReadingRecorded(register, hour, Energy.Zero, ReadingQuality.Measured, null, null))
            .ShouldBe("2026-03-01");
        DayOf(new IntervalReadingCorrected(register, hour, 2, Energy.Zero, ReadingQuality.Measured, null, "r", null))
            .ShouldBe("2026-03-01");
        DayOf(new IntervalEstimated(register, hour, 1, Energy.Zero, ReadingQuality.Estimated, default, "b", null))
            .ShouldBe("2026-03-01");
        Retention.Metered(new EvidenceKept(Digest("a"), "s", "n", 1)).ShouldBeNull();

        static string DayOf(LedgerEvent fact) =>
            LocalDatePattern.Iso.Format(Retention.Metered(fact)!.Value.At.InUtc().Date);
    }

    private static Decision Decide(string[] cells)
    {
        var state = cells[0] == "-" ? PrunedMonths.None
            : Retention.Evolve(PrunedMonths.None, Pruned(Month(cells[0]), 0, 9));
        var archive = cells[3].Split(' ') is [var ledger, var month, var from, var to, var root]
            ? new ArchivedMonth(new(ledger), Month(month), Number(from), Number(to), 10, Digest(root), Digest("5"))
            : null;
        return Retention.Decide(state,
            new PruneMonth(Month(cells[1]), new("RP-7"), archive, archive is null ? "there is none" : null),
            new MonthAsRecorded(new("town"), Second("2678400"), 0, 9, Digest("a"),
                cells[4] == "-" ? [] : cells[4].Split(", "), cells[5] == "yes" ? null : "no final run of cpo"),
            Digest("e"), Second(cells[2]));
    }

    private static MonthPruned Pruned(YearMonth month, long from, long to) =>
        new(month, from, to, 20, Digest("a"), Digest("5"), null, new("RP-7"));

    private static YearMonth Month(string text) => YearMonthPattern.Iso.Parse(text).Value;

    private static EvidenceDigest Digest(string digit) => new(new string(digit[0], 64));
}
