using Ledger.Cli.Listings;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Lines without an amount are shown together where they follow one another, and nowhere else.</summary>
public sealed class IncompleteLinesTests
{
    private static readonly Instant Midnight = Instant.FromUtc(2026, 6, 2, 0, 0);

    private static StatementLine Line(int quarter, string? problem, string point = "P1") => new(quarter + 1, new(point),
        new(Midnight + Duration.FromMinutes(15 * quarter), Midnight + Duration.FromMinutes((15 * quarter) + 15)), null,
        Direction.Import, null, null, null, null, null, "no record", ReadingQuality.Missing, problem);

    [Fact]
    public void A_hole_at_both_ends_of_a_day_is_no_hole_of_a_day()
    {
        var lines = Enumerable.Range(0, 96).Select(quarter => Line(quarter, quarter is 0 or 94 or 95 ? "energy missing" : null));
        Rows([.. lines, Line(0, "energy missing", "P2")]).ShouldBe(
        [
            "P1 1 2026-06-02T00:00:00Z 2026-06-02T00:15:00Z",
            "P1 2 2026-06-02T23:30:00Z 2026-06-03T00:00:00Z",
            "P2 1 2026-06-02T00:00:00Z 2026-06-02T00:15:00Z",
        ]);
    }

    [Fact]
    public void Two_reasons_are_two_rows() => Rows([Line(0, "energy missing"), Line(1, "price missing"),
        Line(2, "price missing")]).ShouldBe(
        ["P1 1 2026-06-02T00:00:00Z 2026-06-02T00:15:00Z", "P1 2 2026-06-02T00:15:00Z 2026-06-02T00:45:00Z"]);

    private static IEnumerable<string> Rows(IReadOnlyList<StatementLine> lines) =>
        SettlementListings.Incomplete(lines).ToJson()
            .Select(row => $"{row!["point"]} {row["lines"]} {row["firstStart"]} {row["lastEnd"]}");
}
