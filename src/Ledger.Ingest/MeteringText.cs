using Ledger.Domain;
using Ledger.Journal.Pipeline;

namespace Ledger.Ingest;

/// <summary>The text of settlement points, registers and readings.</summary>
internal static class MeteringText
{
    public static FactInput SettlementPoint(InputValue input)
    {
        var fact = input.Fact("point", "station", "kind", "owner", "zone", "periodMinutes", "ratedKw", "bidirectional",
            "gridOperator", "validFrom");
        var registered = new SettlementPointRegistered(
            fact.Required("point").Point(), fact.Required("station").Station(),
            fact.Required("kind").Choice<SettlementPointKind>(), fact.Required("owner").Party(),
            fact.Required("zone").Line(Limits.IdentifierLengthMax), fact.Required("periodMinutes").Integer(1, 60),
            fact.Required("ratedKw").Kilowatts(), fact.Required("bidirectional").Flag(),
            fact.Optional("gridOperator")?.Party());
        return new FactInput.Of<Dated<SettlementPointRegistered>>(new(registered, fact.Required("validFrom").At()));
    }

    public static FactInput Register(InputValue input)
    {
        var fact = input.Fact("point", "direction", "meterSerial", "digits", "decimals", "factor", "modulusKwh",
            "validFrom");
        var digits = fact.Required("digits").Integer(1, Limits.RegisterDigitsMax);
        var decimals = fact.Required("decimals").Integer(0, Math.Min(Domain.Register.DecimalsMax, digits));
        var natural = 1L;
        for (var digit = 0; digit < digits; digit++) natural *= 10;
        var installed = new RegisterInstalled(
            RegisterOf(fact), fact.Required("meterSerial").Line(Limits.IdentifierLengthMax), digits, decimals,
            fact.Optional("factor")?.Integer(1, Limits.RegisterFactorMax) ?? 1,
            fact.Optional("modulusKwh")?.Units(decimals, 1, natural,
                $"must be positive, of at most {decimals} decimals, and not above the natural modulus"));
        return new FactInput.Of<Dated<RegisterInstalled>>(new(installed, fact.Required("validFrom").At()));
    }

    public static FactInput RegisterReading(InputValue input)
    {
        var fact = input.Fact("point", "direction", "readAt", "kwh", "quality");
        var kwh = fact.Required("kwh");
        return new FactInput.Reading(new IndexRead(RegisterOf(fact), fact.Required("readAt").At(), kwh.Number(),
            kwh.Json.GetRawText(),
            fact.Optional("quality")?.Choice(ReadingQuality.Measured, ReadingQuality.Estimated,
                ReadingQuality.Substituted)
                ?? ReadingQuality.Measured));
    }

    internal static RegisterId RegisterOf(InputObject fact) =>
        new(fact.Required("point").Point(), fact.Required("direction").Choice<Direction>());
}
