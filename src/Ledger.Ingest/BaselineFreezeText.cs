using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>Asks for the baselines of an instruction's targets to be frozen,
/// or for those that await meter values to be completed.</summary>
/// <param name="Point">One target only; null: all of them.</param>
/// <param name="AtPosition">
/// From the facts before this position. Null: a freeze is from those before the instruction, a completion from all.
/// </param>
/// <param name="Holidays">Days that the rule knows as holidays; a completion takes those of its freeze.</param>
public sealed record FreezeBaseline(
    InstructionId Instruction, SettlementPointId? Point, long? AtPosition, bool Complete,
    IReadOnlyList<LocalDate> Holidays);

/// <summary>The text of such a question; its answer is the fact.</summary>
internal static class BaselineFreezeText
{
    private const int HolidaysMax = 100;

    public static FactInput Freeze(InputValue input)
    {
        var asked = input.Fact("instruction", "point", "atPosition", "complete", "holidays");
        return new FactInput.Of<FreezeBaseline>(new(
            asked.Required("instruction").Instruction(), asked.Optional("point")?.Point(),
            asked.Optional("atPosition")?.Units(0, 0, long.MaxValue, "must be a position of the journal"),
            asked.Optional("complete")?.Flag() ?? false, asked.Optional("holidays") is { } days ? Holidays(days) : []));
    }

    private static List<LocalDate> Holidays(InputValue input) => input.Array() is { Count: <= HolidaysMax } days
        ? [.. days.ConvertAll(day => day.Day()).Distinct().Order()]
        : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
            $"must have at most {HolidaysMax} elements");
}
