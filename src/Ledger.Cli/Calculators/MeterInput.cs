using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary>The values that the calculators of meter data read alike: times, energies, powers, registers.</summary>
static class MeterInput
{
    const long hoursMax = 100 * 366 * 24;
    static readonly RegisterId register = new(new SettlementPointId("calc"), Direction.Import);

    public static Instant At(InputValue input) =>
        OffsetDateTimePattern.ExtendedIso.Parse(input.Text()) is { Success: true } time
        && time.Value.Year is >= 1970 and <= 2199
        && time.Value.NanosecondOfSecond % NodaConstants.NanosecondsPerTick == 0
        ? time.Value.ToInstant()
        : throw input.Refused(Rejection.InvalidTime,
            "must be a time as ISO 8601 with an offset or Z, at most 7 decimals of a second, 1970 to 2199");

    /// <summary>The half-open interval from member <c>start</c> to member <c>end</c>.</summary>
    public static Interval Period(InputObject input)
    {
        var (start, end) = (At(input.Required("start")), input.Required("end"));
        return At(end) > start ? new Interval(start, At(end))
            : throw end.Refused(Rejection.IntervalEmpty, "must be after start");
    }

    public static Duration Minutes(InputValue input) => Duration.FromTicks(
        input.Units(7, 1, hoursMax * 60 * 10_000_000, "must be minutes with at most 7 decimals and positive") * 60);

    public static Duration Seconds(InputValue input) => Duration.FromTicks(input.Units(
        7, -hoursMax * 3600 * 10_000_000, hoursMax * 3600 * 10_000_000, "must be seconds with at most 7 decimals"));

    public static Power Kilowatts(InputValue input)
    {
        var rounded = false;
        var power = input.Milliwatts(ref rounded);
        return rounded || power < 0
            ? throw input.Refused(Rejection.OutOfRange, "must be kW with at most 6 decimals, not negative")
            : new Power(power);
    }

    public static ReadingQuality Quality(InputValue input) => input.Text() switch
    {
        "measured" => ReadingQuality.Measured,
        "estimated" => ReadingQuality.Estimated,
        "substituted" => ReadingQuality.Substituted,
        "missing" => ReadingQuality.Missing,
        _ => throw input.Refused(Rejection.OutOfRange, "must be measured, estimated, substituted or missing"),
    };

    /// <summary>A register as installed: <c>{digits, decimals, factor?, modulusKwh?}</c>.</summary>
    public static RegisterInstalled Register(InputObject asked)
    {
        var digits = asked.Required("digits").Integer(1, Limits.RegisterDigitsMax);
        var decimals = asked.Required("decimals").Integer(0, Math.Min(Domain.Register.DecimalsMax, digits));
        var factor = asked.Optional("factor")?.Integer(1, Limits.RegisterFactorMax) ?? 1;
        var modulus = asked.Optional("modulusKwh")?.Units(decimals, 1, Natural(digits),
            $"must be positive, of at most {decimals} decimals, and not above the natural modulus");
        return new RegisterInstalled(register, "calc", digits, decimals, factor, modulus);
    }

    /// <summary>An index in kWh as the register shows it, in its steps;
    /// one that it could not show is refused.</summary>
    public static long Index(RegisterInstalled installed, InputValue input, bool negative = false) => input.Units(
        installed.Decimals, negative ? -Natural(installed.Digits) + 1 : 0, Natural(installed.Digits) - 1,
        $"must be an index that {installed.Digits} digits, {installed.Decimals} of them decimals, can show");

    /// <summary>What the register counted from <c>previous</c> to <c>current</c>, and one step of it.</summary>
    public static (Energy Counted, Energy Step) Counted(InputValue input)
    {
        var register = input.Object("digits", "decimals", "factor", "modulusKwh", "previous", "current");
        var installed = Register(register);
        var current = register.Required("current");
        var difference = Domain.Register.Difference(installed,
            Index(installed, register.Required("previous")), Index(installed, current));
        return difference.Delta is { } counted
            ? (counted, Domain.Register.Difference(installed, 0, 1).Delta ?? Energy.Zero)
            : throw current.Refused(difference.Code!.Value, difference.Detail!);
    }

    static long Natural(int digits)
    {
        var natural = 1L;
        for (var digit = 0; digit < digits; digit++) natural *= 10;
        return natural;
    }
}
