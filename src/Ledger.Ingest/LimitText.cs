using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The text of standing limits.</summary>
internal static class LimitText
{
    /// <summary>Steps of one envelope: a week of 5-minute steps, which still fits one decision.</summary>
    private const int StepsMax = 2_016;

    public static FactInput StandingLimit(InputValue input)
    {
        var fact = input.Fact("point", "kind", "direction", "kw", "steps", "zone", "validFrom", "validTo", "source");
        return new FactInput.Of<StandingLimitSet>(new(
            fact.Required("point").Point(), fact.Required("kind").Choice<StandingLimitKind>(),
            fact.Required("direction").Choice<Direction>(), fact.Optional("kw")?.Kilowatts(),
            fact.Optional("steps") is { } steps
                ? Steps(steps) : [], fact.Optional("zone")?.Line(Limits.IdentifierLengthMax),
            fact.Required("validFrom").At(), fact.Optional("validTo")?.At(),
            fact.Required("source").Line(Limits.TextLengthMax)));
    }

    private static List<LimitStep> Steps(InputValue input)
    {
        var rows = input.Array();
        return rows.Count <= StepsMax
            ? rows.ConvertAll(Step)
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {StepsMax} elements");
    }

    /// <summary>A step begins at an instant (<c>start</c>) or every day at a local time (<c>daily</c>);
    /// kw null ends the limit.</summary>
    private static LimitStep Step(InputValue input)
    {
        var step = input.Object("start", "daily", "kw");
        step.Required("kw");
        return new(step.Optional("start")?.At(), step.Optional("daily")?.Clock(), step.Optional("kw")?.Kilowatts());
    }
}
