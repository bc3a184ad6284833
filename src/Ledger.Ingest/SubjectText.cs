using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>That a subject shall be erased. It is named by its own name here and nowhere behind this door.</summary>
public sealed record SubjectToErase(string Subject, ErasureReason Reason);

/// <summary>That a case holds a subject, or releases it.</summary>
public sealed record SubjectToHold(string Subject, string Case, bool Release);

/// <summary>That sealed evidence is about to be read.</summary>
public sealed record EvidenceToDisclose(
    IReadOnlyList<EvidenceDigest> Evidence, string By, string What, DisclosurePurpose Purpose);

/// <summary>The text of erasures, legal holds and disclosures.</summary>
internal static class SubjectText
{
    /// <summary>Pieces of evidence in one disclosure; a bundle has no more files.</summary>
    private const int PiecesMax = 65_536;

    public static FactInput Erasure(InputValue input)
    {
        var fact = input.Fact("subject", "reason");
        return new FactInput.Of<SubjectToErase>(new(
            fact.Required("subject").Line(Limits.TextLengthMax), fact.Required("reason").Choice<ErasureReason>()));
    }

    public static FactInput Hold(InputValue input)
    {
        var fact = input.Fact("subject", "case", "release");
        return new FactInput.Of<SubjectToHold>(new(
            fact.Required("subject").Line(Limits.TextLengthMax), Name(fact.Required("case")),
            fact.Optional("release")?.Flag() ?? false));
    }

    public static FactInput Disclosure(InputValue input)
    {
        var fact = input.Fact("evidence", "by", "what", "purpose");
        var evidence = fact.Required("evidence").Array().ConvertAll(piece => Digest(piece));
        if (evidence.Count is 0 or > PiecesMax)
            throw fact.Required("evidence").Refused(Rejection.WrongCount, $"must have 1 to {PiecesMax} digests");
        return new FactInput.Of<EvidenceToDisclose>(new(
            evidence, Name(fact.Required("by")), fact.Required("what").Line(Limits.TextLengthMax),
            fact.Required("purpose").Choice<DisclosurePurpose>()));
    }

    /// <summary>An identifier: of a case, or of who reads.</summary>
    private static string Name(InputValue input) => Identifier.IsValid(input.Text())
        ? input.Text()
        : throw input.Refused(Rejection.InvalidIdentifier,
            $"must be {Identifier.Rule}");

    private static EvidenceDigest Digest(InputValue input) =>
        input.Text() is { Length: 64 } text && text.All(char.IsAsciiHexDigitLower)
            ? new(text) : throw input.Refused(Rejection.Malformed, "must be 64 lower-case hex digits");
}
