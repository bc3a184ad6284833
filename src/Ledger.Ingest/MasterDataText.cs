using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of meters' classes and keys, of places in a station's tree and of declared losses.</summary>
internal static class MasterDataText
{
    public static FactInput MeterClass(InputValue input)
    {
        var fact = input.Fact("meterSerial", "accuracyClass", "validFrom");
        var named = fact.Required("accuracyClass");
        if (!Meters.ErrorPartsPerMillion.ContainsKey(named.Text()))
            throw named.Refused(
                Rejection.OutOfRange, $"must be one of {string.Join(", ", Meters.ErrorPartsPerMillion.Keys)}");
        return new FactInput.Of<MeterClassDeclared>(new(Serial(fact), fact.Required("validFrom").At(), named.Text()));
    }

    public static FactInput MeterKey(InputValue input)
    {
        var fact = input.Fact("meterSerial", "publicKey", "validFrom");
        var key = fact.Required("publicKey");
        if (OcmfSignature.KeyHex(key.Text()) is not { Length: <= Meters.KeyDigitsMax } hex)
            throw key.Refused(Rejection.OutOfRange, "must be a public key in hexadecimal or base64");
        return new FactInput.Of<MeterKeyRegistered>(new(Serial(fact), fact.Required("validFrom").At(), hex));
    }

    public static FactInput PointPlace(InputValue input)
    {
        var fact = input.Fact("point", "parent", "validFrom");
        return new FactInput.Of<PointPlaced>(new(
            fact.Required("point").Point(), fact.Required("validFrom").At(), fact.Required("parent").Point()));
    }

    public static FactInput LossFactor(InputValue input)
    {
        var fact = input.Fact("point", "lossFactor", "fixedKw", "validFrom");
        return new FactInput.Of<LossFactorSet>(new(
            fact.Required("point").Point(), fact.Required("validFrom").At(),
            (int)fact.Required("lossFactor").Units(
                6, 0, EnergyBalance.PartsPerWhole, "must be 0 to 1 with at most 6 decimals"),
            fact.Optional("fixedKw")?.Kilowatts() ?? Power.Zero));
    }

    private static string Serial(InputObject fact) => fact.Required("meterSerial").Line(Limits.IdentifierLengthMax);
}
