using NodaTime;

namespace Ledger.Domain;

/// <summary>Register against curve.</summary>
public enum RegisterVerdict { Consistent = 1, Inconsistent = 2, Undecidable = 3 }

/// <summary>What a difference between register and curve may come from, without either being wrong.</summary>
public enum ErrorTerm { MeterClass = 1, CurveClass = 2, RegisterStep = 3, Clock = 4, Gaps = 5, LossBand = 6 }

/// <summary>A band of error on either side of an energy, in parts per billion: 1 % is 10 000 000.</summary>
public readonly record struct ErrorBand(long PartsPerBillion)
{
    /// <summary>One percent of an energy, in parts per billion.</summary>
    public const long Percent = 10_000_000;

    private const long Whole = 100 * Percent;

    /// <summary>The band of an energy, up to the next half nanojoule: a bound may be too wide,
    /// never too narrow.</summary>
    public Energy Of(Energy energy)
    {
        var size = Int128.Abs(energy.HalfNanojoules);
        if (size > long.MaxValue || PartsPerBillion is < 0 or > Whole)
            return new((size * PartsPerBillion + (Whole - 1)) / Whole);
        // Up to 1.2 MWh, with which most periods do, each product fits into 64 bits: whole billions and the rest.
        var (billions, rest) = Math.DivRem((long)size, Whole);
        return new(billions * PartsPerBillion + (rest * PartsPerBillion + (Whole - 1)) / Whole);
    }
}

/// <summary>A stretch that the curve does not show, and between which powers it must have run.</summary>
public readonly record struct GapBound(Duration Missing, Power Least, Power Most)
{
    /// <summary>
    /// Half the area between the bounds (market rules §2.5): whoever takes the middle is wrong by no more. Milliwatts
    /// times microseconds, halved, are half nanojoules.
    /// </summary>
    public Energy Uncertainty => Missing == Duration.Zero ? Energy.Zero
        : new(((Int128)Most.Milliwatts - Least.Milliwatts) * Microseconds(Missing));

    private static Int128 Microseconds(Duration time) => Stretches.Nanoseconds(time) / 1000;
}

/// <summary>
/// How far register and curve may lie apart over one stretch of time with both of them right, term by term.
/// </summary>
public sealed record ErrorBudget(
    Energy MeterClass, Energy CurveClass, Energy RegisterStep, Energy Clock, Energy Gaps, Energy LossBand)
{
    public static readonly ErrorBudget None =
        new(Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero);

    /// <summary>Every term with its energy, in the order of market rules §2.5.</summary>
    public IReadOnlyList<(ErrorTerm Term, Energy Energy)> Terms() =>
    [
        (ErrorTerm.MeterClass, MeterClass), (ErrorTerm.CurveClass, CurveClass), (ErrorTerm.RegisterStep, RegisterStep),
        (ErrorTerm.Clock, Clock), (ErrorTerm.Gaps, Gaps), (ErrorTerm.LossBand, LossBand),
    ];

    /// <summary>The sum of the terms: the worst case, because nothing says that errors are independent.</summary>
    public Energy Tolerance => MeterClass + CurveClass + RegisterStep + Clock + Gaps + LossBand;

    /// <summary>The largest term, the first of equal ones; null where nothing can be wrong.</summary>
    public ErrorTerm? Dominating() =>
        Tolerance == Energy.Zero ? null : Terms().MaxBy(term => term.Energy).Term;
}

/// <summary>What is known of meter and curve over one stretch of time.</summary>
/// <param name="RegisterStep">The smallest energy that the register shows, factor applied.</param>
/// <param name="ClockOffset">How far the clocks of meter and curve may lie apart.</param>
/// <param name="EdgePowers">The power at the start and at the end.</param>
/// <param name="LossBand">Where the curve is taken on the other side of a converter than the meter.</param>
public sealed record MeasurementErrors(
    ErrorBand MeterClass, ErrorBand CurveClass, Energy RegisterStep, Duration ClockOffset,
    IReadOnlyList<Power> EdgePowers, IReadOnlyList<GapBound> Gaps, ErrorBand LossBand);

/// <summary>The verdict on one stretch of time, with everything that it follows from.</summary>
/// <param name="Difference">Register less curve.</param>
public readonly record struct RegisterCheckResult(
    RegisterVerdict Verdict, string Why, Energy Difference, ErrorBudget Budget);

/// <summary>
/// The register against the integral of the curve (market rules §2.5, our proposal: no market has a rule for it).
/// The budget is E · (class of the meter + class of the curve) + one register step,
/// because a reading is cut off by less than a step and the two cuts of a difference have opposite signs + |power at
/// each edge| · clock offset
/// + Σ ½ · (most − least) · gap + the band of the converter's loss. Within it they agree; beyond it they do not; and
/// where it is wider than a stated share of the energy it could hide anything, so nothing is decided.
/// Whatever the verdict, the register is the amount.
/// </summary>
public static class RegisterCheck
{
    /// <summary>The widest budget that still decides, as a share of the energy (ours).</summary>
    public static readonly ErrorBand Decides = new(5 * ErrorBand.Percent);

    /// <summary>The class that is taken for a meter of which none is recorded: 0.5 % (IEC 62053-22,
    /// class 0.5 S).</summary>
    public static readonly ErrorBand AssumedMeterClass = new(ErrorBand.Percent / 2);

    /// <summary>The same for the device that measures the curve.</summary>
    public static readonly ErrorBand AssumedCurveClass = new(ErrorBand.Percent / 2);

    /// <summary>The budget of an energy that the register counted.</summary>
    public static ErrorBudget Budget(Energy register, MeasurementErrors errors) => new(
        errors.MeterClass.Of(register), errors.CurveClass.Of(register), errors.RegisterStep,
        errors.EdgePowers.Aggregate(Energy.Zero, (sum, power) => sum + Clock(power, errors.ClockOffset)),
        errors.Gaps.Aggregate(Energy.Zero, (sum, gap) => sum + gap.Uncertainty), errors.LossBand.Of(register));

    /// <summary>What a clock that is wrong by so much moves across an edge where so much power flows.</summary>
    public static Energy Clock(Power power, Duration offset) =>
        power.Milliwatts == 0 || offset == Duration.Zero ? Energy.Zero
            : Size(Stretches.EnergyOver(power, offset));

    /// <summary>
    /// The energy that the budget is measured against is the greater of the two, so that a register that stands still
    /// beside a curve of megawatts is inconsistent. Where both say that nothing flowed and nothing but the register's
    /// own step could hide anything, they agree.
    /// </summary>
    public static RegisterCheckResult Judge(Energy register, Energy curve, ErrorBudget budget, ErrorBand decides)
    {
        var (difference, tolerance) = (register - curve, budget.Tolerance);
        var energy = Energy.Max(Size(register), Size(curve));
        var idle = energy == Energy.Zero && tolerance == budget.RegisterStep;
        var (verdict, why) =
            tolerance > decides.Of(energy) && !idle
                ? (RegisterVerdict.Undecidable, TooWide[(int)(budget.Dominating() ?? 0)])
                : Size(difference) <= tolerance
                    ? (RegisterVerdict.Consistent, "within tolerance")
                    : (RegisterVerdict.Inconsistent, "register and curve differ by more than the tolerance");
        return new(verdict, why, difference, budget);
    }

    // By the term that dominates, none of them first.
    private static readonly string[] TooWide = [.. Enumerable.Range(0, Enum.GetValues<ErrorTerm>().Length + 1)
        .Select(term => $"the tolerance is too wide to decide, by {Words((ErrorTerm)term)}")];

    /// <summary>A term in words, for messages.</summary>
    public static string Words(ErrorTerm? term) => term switch
    {
        ErrorTerm.MeterClass => "the meter's class",
        ErrorTerm.CurveClass => "the curve's class",
        ErrorTerm.RegisterStep => "the register's step",
        ErrorTerm.Clock => "the clock",
        ErrorTerm.Gaps => "gaps of the curve",
        ErrorTerm.LossBand => "the converter's loss",
        _ => "nothing",
    };

    private static Energy Size(Energy energy) => Energy.Max(energy, -energy);
}
