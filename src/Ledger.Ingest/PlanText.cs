using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of what is planned at a point, and of its outages.</summary>
internal static class PlanText
{
    /// <summary>More than any settlement day has: 25 hours of five minutes are 300.</summary>
    private const int ValuesMax = 400;

    /// <summary>Mean kW or kWh, one a settlement period; below zero it exports.</summary>
    public static FactInput Schedule(InputValue input)
    {
        var fact = input.Fact("point", "declaredBy", "declaredAt", "start", "periodMinutes", "kw", "kwh");
        var minutes = fact.Required("periodMinutes").Integer(1, 60);
        if (fact.Optional("kw") is not null && fact.Optional("kwh") is { } twice)
            throw twice.Refused(Rejection.UnknownField, "must be left out where kw says it");
        return new FactInput.Of<ScheduleDeclared>(new(
            fact.Required("point").Point(), fact.Required("declaredBy").Party(), fact.Required("declaredAt").At(),
            fact.Required("start").At(), minutes, fact.Optional("kw") is { } means
                ? Values(means).ConvertAll(mean => DeclaredSchedules.EnergyOf(Mean(mean), minutes))
                : Values(fact.Required("kwh")).ConvertAll(value => value.KilowattHours())));
    }

    public static FactInput SessionRequest(InputValue input)
    {
        var fact = input.Fact("point", "requestedAt", "arrival", "departure", "requestedKwh", "vehicleMaxKw", "source");
        return new FactInput.Of<SessionRequested>(new(
            fact.Required("point").Point(), fact.Required("requestedAt").At(), fact.Required("arrival").At(),
            fact.Required("departure").At(), fact.Required("requestedKwh").KilowattHours(),
            fact.Optional("vehicleMaxKw")?.Kilowatts(), Source(fact)));
    }

    public static FactInput Outage(InputValue input)
    {
        var fact = input.Fact("point", "start", "end", "source");
        return new FactInput.Of<OutageRecorded>(new(fact.Required("point").Point(), fact.Period(), Source(fact)));
    }

    private static List<InputValue> Values(InputValue input) => input.Array() is { Count: <= ValuesMax } values
        ? values
        : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
            $"must have at most {ValuesMax} elements");

    private static Power Mean(InputValue input)
    {
        var rounded = false;
        var milliwatts = input.Milliwatts(ref rounded);
        return rounded
            ? throw input.Refused(Rejection.OutOfRange, "must have at most 6 decimals of a kW") : new Power(milliwatts);
    }

    // It is part of the fact's natural key, and therefore as short as an identifier.
    private static string Source(InputObject fact) => fact.Required("source").Line(Limits.IdentifierLengthMax);
}
