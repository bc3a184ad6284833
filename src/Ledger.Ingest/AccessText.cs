using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of an access key and of its revocation. A secret has no member: its hash has.</summary>
internal static class AccessText
{
    public static FactInput Issued(InputValue input)
    {
        var fact = input.Fact("key", "secretSha256", "holder", "role", "party", "stations", "expires");
        var secret = fact.Required("secretSha256");
        return new FactInput.Of<AccessKeyIssued>(new(
            Key(fact), EvidenceDigest.TryParse(secret.Text(), out var digest) ? digest
                : throw secret.Refused(Rejection.Malformed, "must be 64 lower-case hex digits"),
            fact.Required("holder").Party().Value, // the rule of an identifier
            fact.Required("role").Choice<Role>(), fact.Required("party").Party(),
            fact.Optional("stations")?.Array().ConvertAll(each => each.Station()) ?? [],
            fact.Required("expires").At()));
    }

    public static FactInput Revoked(InputValue input)
    {
        var fact = input.Fact("key", "reason");
        return new FactInput.Of<AccessKeyRevoked>(new(Key(fact), fact.Required("reason").Line(Limits.TextLengthMax)));
    }

    private static AccessKeyId Key(InputObject fact) =>
        AccessKeyId.TryParse(fact.Required("key").Text(), out var key) ? key
            : throw fact.Required("key").Refused(Rejection.InvalidIdentifier,
                $"must be {Identifier.Rule}");
}
