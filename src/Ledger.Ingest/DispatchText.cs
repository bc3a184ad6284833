using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of dispatch instructions, their clocks and withdrawals, charging facts and states,
/// and claims.</summary>
internal static class DispatchText
{
    /// <summary>Longest ramp that an instruction may allow: a day.</summary>
    private const long RampMsMax = 86_400_000;

    public static FactInput Instruction(InputValue input)
    {
        var fact = input.Fact("instruction", "kind", "issuedBy", "issuedAt", "start", "end", "targets", "toleranceKw",
            "rampSeconds", "pricePerKwh", "penaltyPerKwh", "programme", "test", "activationPermille");
        var kind = fact.Required("kind").Choice<InstructionKind>();
        var (targets, activation) = OfferText.Targets(fact, kind);
        return new FactInput.Of<DispatchInstructed>(new(
            fact.Required("instruction").Instruction(), kind,
            fact.Required("issuedBy").Party(), fact.Required("issuedAt").At(), fact.Period(), targets,
            fact.Optional("toleranceKw")?.Kilowatts() ?? Power.Zero,
            fact.Optional("rampSeconds")?.Units(3, 0, RampMsMax, "must be 0 to 86400 seconds with at most 3 decimals")
                ?? 0,
            fact.Optional("pricePerKwh")?.NotNegative() ?? 0m, fact.Optional("penaltyPerKwh")?.NotNegative() ?? 0m,
            fact.Optional("programme")?.Programme(), fact.Optional("test") is { } test ? Test(test) : null,
            activation));
    }

    private static TestRule Test(InputValue input)
    {
        var test = input.Object("deliveredPermilleMin", "t90MsMax");
        return new(test.Required("deliveredPermilleMin").Integer(1, 1000),
            test.Required("t90MsMax").Units(0, 0, RampMsMax, $"must be whole milliseconds from 0 to {RampMsMax}"));
    }

    public static FactInput Clock(InputValue input)
    {
        var fact = input.Fact("instruction", "point", "clock", "at", "source");
        return new FactInput.Of<InstructionClockRecorded>(new(
            fact.Required("instruction").Instruction(), fact.Required("point").Point(),
            fact.Required("clock").Choice<InstructionClock>(), fact.Required("at").At(), Source(fact)));
    }

    public static FactInput Withdrawal(InputValue input)
    {
        var fact = input.Fact("instruction", "at", "reason");
        return new FactInput.Of<InstructionWithdrawn>(new(
            fact.Required("instruction").Instruction(), fact.Required("at").At(),
            fact.Required("reason").Line(Limits.TextLengthMax)));
    }

    public static FactInput ChargingFact(InputValue input)
    {
        var fact = input.Fact("point", "start", "end", "reason", "source");
        return new FactInput.Of<ChargingFactRecorded>(new(
            fact.Required("point").Point(), fact.Period(), fact.Required("reason").Choice<ShortfallReason>(),
            Source(fact), null));
    }

    public static FactInput ChargingState(InputValue input)
    {
        var fact = input.Fact("point", "at", "connected", "stateOfChargePercent", "vehicleImportKw", "vehicleExportKw",
            "fault", "source");
        return new FactInput.Of<ChargingStateRecorded>(new(
            fact.Required("point").Point(), fact.Required("at").At(), fact.Required("connected").Flag(),
            (int?)fact.Optional("stateOfChargePercent")?.Units(1, 0, Domain.ChargingState.Full,
                "must be a percentage from 0 to 100 with at most 1 decimal"),
            fact.Optional("vehicleImportKw")?.Kilowatts(), fact.Optional("vehicleExportKw")?.Kilowatts(),
            fact.Optional("fault")?.Line(Limits.TextLengthMax), Source(fact)));
    }

    public static FactInput Claim(InputValue input)
    {
        var fact = input.Fact("instruction", "point", "reason", "claimedBy");
        return new FactInput.Of<ReasonClaimed>(new(
            fact.Required("instruction").Instruction(), fact.Required("point").Point(),
            fact.Required("reason").Choice<ShortfallReason>(), fact.Required("claimedBy").Party()));
    }

    // It is part of the fact's natural key, and therefore as short as an identifier.
    private static string Source(InputObject fact) => fact.Required("source").Line(Limits.IdentifierLengthMax);
}
