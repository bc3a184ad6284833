using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>The text of a signing key and of the note that hands over to it.</summary>
internal static class SigningKeyText
{
    private const int NoteLengthMax = 4096; // characters; one name and one signature need a few hundred

    public static FactInput Registered(InputValue input)
    {
        var fact = input.Fact("key", "handover");
        var handover = fact.Optional("handover");
        if (handover is { } note && note.Text().Length > NoteLengthMax)
            throw note.Refused(Rejection.TooLarge, $"has at most {NoteLengthMax} characters");
        return new FactInput.Of<SigningKeyRegistered>(new(fact.Required("key").Line(Limits.TextLengthMax),
            handover?.Text()));
    }
}
