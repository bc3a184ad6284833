using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The text of programmes, enrolments, declared availability and claims.</summary>
internal static class ProgrammeText
{
    /// <summary>Longest notice and ramp of a programme: a week.</summary>
    private const long LeadMsMax = 604_800_000;
    private const int ProgrammesSharedMax = 100, PermilleMax = 1000;
    /// <summary>12 decimals of a kWh are 7200 half nanojoules, so that every energy of a claim is exact.</summary>
    private const int EnergyDecimals = 12;

    public static FactInput Programme(InputValue input)
    {
        var fact = input.Fact("programme", "version", "validFrom", "service", "baselinePack", "scoringPack",
            "noticeSeconds",
            "rampSeconds", "tolerancePermille", "paidPer", "precedence", "sharesWith", "currency", "pricePerKwh",
            "activationPermilleMin", "redistribution", "payer", "payee", "availabilityPerKwHour");
        return new FactInput.Of<ProgrammePublished>(new(
            fact.Required("programme").Programme(), fact.Required("version").Integer(1, int.MaxValue),
            fact.Required("validFrom").At(), fact.Required("service").Choice<ServiceKind>(),
            fact.Required("baselinePack").RulePack(), fact.Required("scoringPack").RulePack(),
            Milliseconds(fact.Optional("noticeSeconds")), Milliseconds(fact.Optional("rampSeconds")),
            fact.Optional("tolerancePermille")?.Integer(0, PermilleMax)
                ?? 0, fact.Required("paidPer").Choice<PaymentLevel>(),
            fact.Required("precedence").Integer(0, int.MaxValue), fact.Optional("sharesWith") is { } shares
                ? SharesWith(shares) : [],
            fact.Required("currency").Currency(), fact.Required("pricePerKwh").NotNegative(),
            fact.Optional("activationPermilleMin")?.Integer(1, PermilleMax),
            fact.Optional("redistribution")?.Choice<RedistributionWeight>(), fact.Optional("payer")?.Party(),
            fact.Optional("payee")?.Party(), fact.Optional("availabilityPerKwHour")?.NotNegative()));
    }

    public static FactInput Enrolment(InputValue input)
    {
        var fact = input.Fact("programme", "point", "prequalifiedKw", "from", "to");
        return new FactInput.Of<PointEnrolled>(new(
            fact.Required("programme").Programme(), fact.Required("point").Point(),
            fact.Required("prequalifiedKw").Kilowatts(),
            fact.Required("from").At(), fact.Optional("to")?.At()));
    }

    public static FactInput EnrolmentEnd(InputValue input)
    {
        var fact = input.Fact("programme", "point", "at", "reason");
        return new FactInput.Of<EnrolmentEnded>(new(
            fact.Required("programme").Programme(), fact.Required("point").Point(), fact.Required("at").At(),
            fact.Required("reason").Line(Limits.TextLengthMax)));
    }

    public static FactInput Availability(InputValue input)
    {
        var fact = input.Fact("programme", "point", "declaredAt", "start", "end", "availableKw");
        return new FactInput.Of<AvailabilityDeclared>(new(
            fact.Required("programme").Programme(), fact.Required("point").Point(), fact.Required("declaredAt").At(),
            fact.Period(), fact.Required("availableKw").Kilowatts()));
    }

    public static FactInput Claim(InputValue input)
    {
        var fact = input.Fact("claim", "programme", "point", "direction", "start", "end", "energyKwh", "claimedBy");
        return new FactInput.Of<DeliveryClaim>(new(
            fact.Required("claim").Claim(), fact.Required("programme").Programme(), fact.Required("point").Point(),
            fact.Required("direction").Choice<Direction>(), fact.Period(), Kilowatthours(fact.Required("energyKwh")),
            fact.Required("claimedBy").Party()));
    }

    private static long Milliseconds(InputValue? seconds) =>
        seconds?.Units(3, 0, LeadMsMax, "must be 0 to 604800 seconds with at most 3 decimals") ?? 0;

    private static List<ProgrammeId> SharesWith(InputValue input) =>
        input.Array() is { Count: <= ProgrammesSharedMax } rows
        ? rows.ConvertAll(row => row.Programme())
        : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
            $"must have at most {ProgrammesSharedMax} elements");

    private static Energy Kilowatthours(InputValue input) =>
        new((Int128)input.Units(EnergyDecimals, 0, long.MaxValue, "must be 0 to 9223372 kWh with at most 12 decimals")
            * (Energy.HalfNanojoulesPerWattHour / 1_000_000_000));
}
