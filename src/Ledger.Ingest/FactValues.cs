using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>How the values that facts are made of are read: identifiers, choices, instants, intervals,
/// powers.</summary>
public static class FactValues
{
    /// <summary>Finest time that the journal keeps.</summary>
    private const int NanosecondsPerTick = 100;
    /// <summary>A time outside these years is no time of this ledger,
    /// but a clock that was never set or a slip.</summary>
    private const int YearMin = 1970, YearMax = 2199;

    private static readonly LocalTimePattern TimeOfDay = LocalTimePattern.CreateWithInvariantCulture("HH':'mm");

    private delegate bool Parser<T>(string? text, out T id);

    /// <summary>The members of a fact, of which <c>type</c> is always known.</summary>
    public static InputObject Fact(this InputValue input, params string[] known) =>
        input.Object([FactText.TypeMember, .. known]);

    public static SettlementPointId Point(this InputValue input) =>
        input.Id<SettlementPointId>(SettlementPointId.TryParse);
    public static StationId Station(this InputValue input) => input.Id<StationId>(StationId.TryParse);
    public static PartyId Party(this InputValue input) => input.Id<PartyId>(PartyId.TryParse);
    public static InstructionId Instruction(this InputValue input) => input.Id<InstructionId>(InstructionId.TryParse);
    public static ClaimId Claim(this InputValue input) => input.Id<ClaimId>(ClaimId.TryParse);
    public static ProgrammeId Programme(this InputValue input) => input.Id<ProgrammeId>(ProgrammeId.TryParse);
    public static TariffId Tariff(this InputValue input) => input.Id<TariffId>(TariffId.TryParse);

    public static RunId Run(this InputValue input) => input.Id<RunId>(RunId.TryParse);
    public static DisputeId Dispute(this InputValue input) => input.Id<DisputeId>(DisputeId.TryParse);

    public static RulePackId RulePack(this InputValue input) => input.Id<RulePackId>(RulePackId.TryParse);

    private static T Id<T>(this InputValue input, Parser<T> parse) => parse(input.Text(), out var id)
        ? id
        : throw input.Refused(Rejection.InvalidIdentifier,
            $"must be {Identifier.Rule}");

    /// <summary>Text of a fact: not empty, bounded, without control characters.</summary>
    public static string Line(this InputValue input, int charactersMax)
    {
        var text = input.Text();
        if (text.Length == 0 || text.Length > charactersMax)
            throw input.Refused(Rejection.OutOfRange, $"must have 1 to {charactersMax} characters");
        return text.Any(char.IsControl)
            ? throw input.Refused(Rejection.ForbiddenCharacter, "must not hold control characters") : text;
    }

    /// <summary>One of the choices, written as the vocabulary has it in lower camel case;
    /// all where none are given.</summary>
    public static T Choice<T>(this InputValue input, params T[] allowed) where T : struct, Enum
    {
        if (allowed.Length == 0) allowed = Enum.GetValues<T>();
        var text = input.Text();
        foreach (var choice in allowed) if (Camel($"{choice}") == text) return choice;
        throw input.Refused(Rejection.OutOfRange,
            $"must be one of {string.Join(", ", allowed.Select(choice => Camel($"{choice}")))}");
    }

    private static string Camel(string name) => char.ToLowerInvariant(name[0]) + name[1..];

    public static Instant At(this InputValue input) => TryInstant(input.Text(), out var at)
        ? at
        : throw input.Refused(Rejection.InvalidTime, $"must be {InstantRule}");

    public const string InstantRule =
        "a time as ISO 8601 with an offset or Z, at most 7 decimals of a second, 1970 to 2199";

    public static bool TryInstant(string text, out Instant at)
    {
        at = default;
        if (text.Length > Limits.NumberLengthMax) return false;
        if (!IntakeText.TryTime(OffsetDateTimePattern.ExtendedIso, text, out var time, out at)) return false;
        return time.Year is >= YearMin and <= YearMax && time.NanosecondOfSecond % NanosecondsPerTick == 0;
    }

    /// <summary>The half-open interval from member <c>start</c> to member <c>end</c>.</summary>
    public static Interval Period(this InputObject fact)
    {
        var (start, end) = (fact.Required("start").At(), fact.Required("end"));
        return end.At() > start
            ? new Interval(start, end.At())
            : throw end.Refused(Rejection.IntervalEmpty, "must be after start");
    }

    public static LocalDate Day(this InputValue input) => DayText.TryDay(input.Text(), out var day)
        ? day
        : throw input.Refused(Rejection.InvalidTime, "must be a date yyyy-MM-dd");

    public static LocalTime Clock(this InputValue input) => TimeOfDay.Parse(input.Text()) is { Success: true } time
        ? time.Value
        : throw input.Refused(Rejection.InvalidTime, "must be a local time HH:mm");

    /// <summary>A power in kW that is not negative and a whole number of milliwatts.</summary>
    public static Power Kilowatts(this InputValue input)
    {
        var rounded = false;
        var milliwatts = input.Milliwatts(ref rounded);
        if (rounded) throw input.Refused(Rejection.OutOfRange, "must have at most 6 decimals of a kW");
        return milliwatts >= 0
            ? new Power(milliwatts) : throw input.Refused(Rejection.OutOfRange, "must not be negative");
    }

    public static decimal NotNegative(this InputValue input) => input.Decimal() is >= 0 and var value
        ? value
        : throw input.Refused(Rejection.OutOfRange, "must not be negative");

    /// <summary>ISO 4217: three capital letters.</summary>
    public static string Currency(this InputValue input) =>
        input.Text() is { Length: 3 } code && code.All(char.IsAsciiLetterUpper)
        ? code
        : throw input.Refused(Rejection.OutOfRange, "must be three capital letters, as ISO 4217 has them");
}
