using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>The decisions on what lasts: meters' classes and keys, places in a station's tree,
/// declared losses.</summary>
public sealed class MasterDataDecisionTests
{
    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["meter-classes.txt"] = cells => Meters.Decide(
            MeterOf(cells[0], Class), Class(cells[1])),
        ["meter-keys.txt"] = cells => Meters.Decide(
            MeterOf(cells[0], Key), Key(cells[1])),
        ["point-places.txt"] = cells => StationTree.Decide(
            cells[0] == "-" ? StationTreeState.Empty
                : cells[0].Split(' ').Select(Place).Aggregate(StationTreeState.Empty, StationTree.Evolve),
                Place(cells[1])),
        ["loss-factors.txt"] = LossFactorOf,
        ["signing-keys.txt"] = cells => SigningKeys.Decide(
            new(cells[0] == "-" ? [] : [.. cells[0].Split(' ')]), new(cells[1], "note"), Second("100"),
            new(cells[2].Contains("key", StringComparison.Ordinal),
                cells[2].Contains("signed", StringComparison.Ordinal))),
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void A_point_lies_where_it_was_placed_last_before_the_instant()
    {
        var state = new[] { "A>B@100", "A>C@200" }.Select(Place).Aggregate(StationTreeState.Empty, StationTree.Evolve);
        state.ParentAt(new("A"), Second("99")).ShouldBeNull();
        state.ParentAt(new("A"), Second("199")).ShouldBe(new SettlementPointId("B"));
        state.ParentAt(new("A"), Second("200")).ShouldBe(new SettlementPointId("C"));
        state.ParentAt(new("B"), Second("200")).ShouldBeNull();
    }

    private static Decision LossFactorOf(string[] cells)
    {
        var candidate = new LossFactorSet(new("A"), Second("100"), (int)Number(cells[0]), Kilowatts(cells[1]));
        var state = cells[2] switch
        {
            "same" => StationTree.Evolve(LossFactorState.Empty, candidate),
            "other" => StationTree.Evolve(LossFactorState.Empty, candidate with { FixedLoss = new(7) }),
            _ => LossFactorState.Empty,
        };
        return StationTree.Decide(state, candidate);
    }

    private static MeterState MeterOf<T>(string known, Func<string, T> read) where T : LedgerEvent =>
        known == "-" ? MeterState.Empty : Meters.Evolve(MeterState.Empty, read(known));

    private static MeterClassDeclared Class(string text) => new("M-1", Second(text.Split('@')[1]), text.Split('@')[0]);
    private static MeterKeyRegistered Key(string text) => new("M-1", Second(text.Split('@')[1]), text.Split('@')[0]);
    private static PointPlaced Place(string text) =>
        text.Split('>', '@') is [var point, var parent, var at]
            ? new(new(point), Second(at), new(parent)) : throw new InvalidDataException(text);
}
