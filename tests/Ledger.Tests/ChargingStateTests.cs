using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>What the states of a charger excuse, by a table; who was connected, when.</summary>
public sealed class ChargingStateTests
{
    private static readonly Interval Call = Seconds("100-500");

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("eligibility.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var states = cells[1] == "-" ? [] : cells[1].Split("; ").Select(State).Reverse().ToList();
        var excuses = ChargingState.Excuses(Enum.Parse<InstructionKind>(cells[0]), Power.FromKilowatts(100), Call,
            states)
            .Select(excuse =>
                $"{excuse.Period.Start.ToUnixTimeSeconds()}-{excuse.Period.End.ToUnixTimeSeconds()} {excuse.Reason}"
                + (excuse.Limit is { } limit ? $" {limit.Kilowatts}" : ""));
        (string.Join("; ", excuses) is { Length: > 0 } text ? text : "-").ShouldBe(cells[2], $"{table}:{number}");
        var around = ChargingState.Around(Second("0"), Call, states);
        $"{Word(around.AtNotice)} {Word(around.AtStart)} {around.Arrivals}".ShouldBe(cells[3], $"{table}:{number}");
    }

    private static ChargingStateRecorded State(string text)
    {
        var words = text.Split(' ');
        var said = new ChargingStateRecorded(new("C1"), Second(words[0]), words[1] == "connected", null, null, null,
            null, "s");
        return words is [_, _, var charge, var limit, var fault]
            ? said with
            {
                StateOfChargePerMille = charge == "-" ? null : (int)Number(charge),
                VehicleExportMax = limit == "-" ? null : Kilowatts(limit),
                Fault = fault == "-" ? null : fault,
                // Of two that hold from the same second, the source that sorts last holds.
                Source = "t",
            }
            : said;
    }

    private static string Word(bool? known) => known switch { true => "yes", false => "no", null => "?" };
}
