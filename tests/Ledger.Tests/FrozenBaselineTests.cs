using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>When a baseline may be frozen and completed, by its text table.</summary>
public sealed class FrozenBaselineTests
{
    private const string Table = "frozen-baselines.txt";
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(1000);

    private static readonly DispatchInstructed Order = new(
        new("I1"), InstructionKind.Curtail, new("grid"), Second("100"), Seconds("200-800"),
        [new(new("C1"), Power.Zero), new(new("C2"), Power.Zero)], Power.Zero, 0, 0m, 0m, new("PR1"), null);

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines(Table);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var state = cells[1] == "-" ? FrozenBaselinesState.Empty
            : cells[1].Split("; ").Select(Frozen).Aggregate(FrozenBaselinesState.Empty, FrozenBaselines.Evolve);
        Answer(FrozenBaselines.Decide(state, cells[0] == "yes" ? Order : null, 7, Frozen(cells[2]), Now))
            .ShouldBe(cells[^1], $"{table}:{number}");
    }

    private static BaselineFrozen Frozen(string text)
    {
        var words = text.Split(' ');
        string? After(string start) =>
            words.Skip(4).FirstOrDefault(word => word.StartsWith(start, StringComparison.Ordinal))?[start.Length..];
        return new(
            new("I1"), new(words[0]), Number(words[3][1..]), After("done@") is { } at ? Number(at) : null,
            new(words[1]), (int)Number(words[2]), false, BaselineMethod.Days, "Asia/Shanghai",
            [.. Enumerable.Repeat(new FrozenPeriod(Seconds("200-800"), 1m, 1m), (int)Number(After("periods-") ?? "1"))],
            [new(new(1969, 12, words.Contains("otherday") ? 30 : 31), true, "rank 1")],
            new(BaselineAdjustmentKind.None, 0m, null, null, null, "the rule has none", false),
            After("open-") is { } end ? Seconds($"0-{end}") : null, null, words.Contains("other")
                ? ["another note"] : [], [], []);
    }
}
