using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of a declared standard.</summary>
internal static class StandardText
{
    public static FactInput Declared(InputValue input)
    {
        var fact = input.Fact("station", "point", "standard", "certificate", "issuer", "validFrom", "validTo");
        return new FactInput.Of<StandardDeclared>(new(
            fact.Required("station").Station(), fact.Optional("point")?.Point(),
            fact.Required("standard").Line(Limits.IdentifierLengthMax),
            fact.Optional("certificate")?.Line(Limits.TextLengthMax),
            fact.Optional("issuer")?.Line(Limits.TextLengthMax),
            fact.Required("validFrom").At(), fact.Optional("validTo")?.At()));
    }
}
