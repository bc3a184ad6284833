using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>Asks for a calculated run to be published.</summary>
/// <param name="By">Who of the staff answers for it; another than who calculated it.</param>
public sealed record PublishRun(RunId Run, PartyId Account, LocalDate Day, string By);

/// <summary>Asks for an account's month to be closed.</summary>
/// <param name="Month">Its first day.</param>
public sealed record CloseMonth(PartyId Account, LocalDate Month, string By);

/// <summary>The text of what is said of settlement runs after they were calculated.</summary>
internal static class SettlementText
{
    /// <summary>Lines that one dispute may name; all of them are named by naming none.</summary>
    private const int LinesMax = 2_000;
    private const int EvidenceMax = 20;

    public static FactInput Publication(InputValue input)
    {
        var fact = input.Fact("run", "account", "day", "by");
        return new FactInput.Of<PublishRun>(new(
            fact.Required("run").Run(), fact.Required("account").Party(), fact.Required("day").Day(), By(fact)));
    }

    public static FactInput Close(InputValue input)
    {
        var fact = input.Fact("account", "month", "by");
        var month = fact.Required("month");
        return DateOf(month.Text()) is { } first
            ? new FactInput.Of<CloseMonth>(new(fact.Required("account").Party(), first, By(fact)))
            : throw month.Refused(Rejection.InvalidTime, "must be a month like 2026-06");
    }

    public static FactInput Dispute(InputValue input)
    {
        var fact = input.Fact("dispute", "run", "account", "day", "openedBy", "lines", "amount", "reason", "evidence");
        return new FactInput.Of<DisputeOpened>(new(
            fact.Required("dispute").Dispute(), fact.Required("run").Run(), fact.Required("account").Party(),
            fact.Required("day").Day(), fact.Required("openedBy").Party(),
            fact.Optional("lines") is { } lines ? Some(lines, LinesMax).ConvertAll(line => line.Integer(1, int.MaxValue))
                : [],
            fact.Required("amount").NotNegative(), fact.Required("reason").Line(Limits.TextLengthMax), Evidence(fact)));
    }

    public static FactInput Answer(InputValue input)
    {
        var fact = input.Fact("dispute", "answeredBy", "answer", "evidence");
        return new FactInput.Of<DisputeAnswered>(new(
            fact.Required("dispute").Dispute(), fact.Required("answeredBy").Party(),
            fact.Required("answer").Line(Limits.TextLengthMax), Evidence(fact)));
    }

    public static FactInput DisputeEnd(InputValue input)
    {
        var fact = input.Fact("dispute", "outcome", "closedBy", "resolvedBy", "reason");
        return new FactInput.Of<DisputeClosed>(new(
            fact.Required("dispute").Dispute(), fact.Required("outcome").Choice<DisputeOutcome>(),
            fact.Required("closedBy").Party(), fact.Optional("resolvedBy")?.Run(),
            fact.Required("reason").Line(Limits.TextLengthMax)));
    }

    /// <summary>A month like 2026-06, as its first day; null where it is none.</summary>
    private static LocalDate? DateOf(string text) =>
        text.Length == 7 && text[4] == '-'
        && int.TryParse(text.AsSpan(0, 4), NumberStyles.None, CultureInfo.InvariantCulture, out var year)
        && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var month)
        && year >= 1970 && month is >= 1 and <= 12 ? new LocalDate(year, month, 1) : null;

    private static string By(InputObject fact) => fact.Required("by").Line(Limits.IdentifierLengthMax);

    private static List<EvidenceDigest> Evidence(InputObject fact) =>
        fact.Optional("evidence") is not { } given ? [] : Some(given, EvidenceMax).ConvertAll(each =>
            each.Text() is { Length: 64 } hex && hex.All(char.IsAsciiHexDigitLower)
                ? new EvidenceDigest(hex)
                : throw each.Refused(Rejection.OutOfRange, "must be a SHA-256 of 64 lower-case hex digits"));

    private static List<InputValue> Some(InputValue input, int most) => input.Array() is var some && some.Count <= most
        ? some
        : throw new InputRefusedException(Rejection.WrongCount, input.Path, "", $"must have at most {most} elements");
}
