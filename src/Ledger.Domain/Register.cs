using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>A cumulative counter of one direction at one settlement point (OBIS 1.8.0 import, 2.8.0 export).</summary>
public readonly record struct RegisterId(SettlementPointId Point, Direction Direction)
{
    public override string ToString() => $"{Point}/{(Direction == Direction.Import ? "1.8.0" : "2.8.0")}";

    /// <summary>Reads back what <see cref="ToString"/> wrote; the point's own name may hold a '/'.</summary>
    public static RegisterId Parse(string text)
    {
        var at = text.LastIndexOf('/');
        Direction? direction = text[(at + 1)..] switch
        {
            "1.8.0" => Direction.Import,
            "2.8.0" => Direction.Export,
            _ => null,
        };
        return at > 0 && direction is { } known
            ? new(new SettlementPointId(text[..at]), known)
            : throw new FormatException($"{text} names no register");
    }
}

/// <summary>How good a reading is, in order from the best.</summary>
public enum ReadingQuality
{
    MeasuredSigned = 1, Measured = 2, Estimated = 3, Substituted = 4, Suspect = 5,
    Missing = 6
}

/// <summary>
/// A register as installed. <paramref name="Digits"/> counts all digits, decimals included. The factor (transformer
/// ratio) applies to a difference, never to an index. <paramref name="ModulusSteps"/> is the configured modulus in
/// steps of the register; null where none is configured.
/// </summary>
public sealed record RegisterInstalled(
    RegisterId Register, string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps) : LedgerEvent;

/// <summary>A register as installed, and from when on it counts there.</summary>
public sealed record RegisterInForce(Instant From, RegisterInstalled Installed);

/// <summary>An index read from a register, in steps (10^-decimals kWh) of the meter that was in force then.</summary>
public sealed record RegisterReadingRecorded(
    RegisterId Register, Instant ReadAt, long IndexSteps, ReadingQuality Quality,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>A reading that decreased outside the rollover rule: kept,
/// counted only after a later fact releases it.</summary>
public sealed record RegisterReadingQuarantined(
    RegisterId Register, Instant ReadAt, long IndexSteps, Rejection Code, string Detail,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>Metered energy within one half-open interval, as a meter-data provider sends it (NEM12).</summary>
public sealed record IntervalReadingRecorded(
    RegisterId Register, Interval Period, Energy Energy, ReadingQuality Quality, string? Method,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>A reading as it comes in, before any rule has judged it; same members as the fact it may become.</summary>
/// <param name="MeterSerial">The meter that says it by itself, as a signed value does; null where the reading is of
/// whichever meter was there.</param>
public sealed record RegisterReadingInput(
    RegisterId Register, Instant ReadAt, long IndexSteps, ReadingQuality Quality, EvidenceDigest? Evidence,
    string? MeterSerial = null);

/// <summary>How a register counts: of what its steps are, and after how many of them it begins anew. As its
/// installation says it.</summary>
public readonly record struct RegisterScale(int Digits, int Decimals, int Factor, long? ModulusSteps)
{
    public static RegisterScale Of(RegisterInstalled installed) =>
        new(installed.Digits, installed.Decimals, installed.Factor, installed.ModulusSteps);

    /// <summary>One step, factor applied.</summary>
    public Energy Step => new(StepOf(Decimals) * Factor);

    private static Int128 StepOf(int decimals) =>
        decimals >= 0 && decimals < Steps.Length ? Steps[decimals]
            : (Int128)Energy.HalfNanojoulesPerWattHour * 1000 / Energy.PowerOfTen(decimals);

    private static readonly long[] Steps = [.. Enumerable.Range(0, Register.DecimalsMax + 1).Select(decimals =>
        (long)(Energy.HalfNanojoulesPerWattHour * (Int128)1000 / Energy.PowerOfTen(decimals)))];
}

/// <summary>The energy between two indices; or, where nothing may be billed, why.</summary>
public readonly record struct RegisterDifference(Energy? Delta, Rejection? Code, string? Detail);

/// <summary>An index known to a register at an instant.</summary>
/// <param name="IsSigned">Whether the meter that was in force signed it; then it can be no other's.</param>
public readonly record struct KnownReading(Instant ReadAt, long IndexSteps, bool IsSigned = false);

/// <summary>
/// What the rules need to know of a register: its installations, and the readings accepted and quarantined so far, each
/// in order of time. A quarantined reading may also be one that a correction withdrew.
/// </summary>
public sealed record RegisterState(
    ImmutableList<RegisterInForce> Installations, ImmutableList<KnownReading> Readings,
    ImmutableList<KnownReading> Quarantined)
{
    /// <summary>All versions of the readings that were corrected, the first as it was read;
    /// corrections are few.</summary>
    public ImmutableDictionary<Instant, ImmutableList<ReadingVersion>> Corrected { get; init; } =
        ImmutableDictionary<Instant, ImmutableList<ReadingVersion>>.Empty;

    public static readonly RegisterState Empty = new([], [], []);

    /// <summary>One installation, in force at all times, and nothing read yet.</summary>
    public static RegisterState Of(RegisterInstalled installed) =>
        Empty with { Installations = [new(Instant.MinValue, installed)] };

    /// <summary>
    /// The installation by which an index of an instant is read; before the first it is the first, and null where there
    /// is none. A meter's last reading may come when the next one is installed already, or known to be. Of two for one
    /// instant the later recorded one holds.
    /// </summary>
    public RegisterInForce? InForce(Instant at)
    {
        if (Installations.IsEmpty) return null;
        var since = Instant.Max(at, Installations[0].From);
        return Installations.FindLast(each => each.From <= since);
    }

    /// <summary>The reading at a place, where the same meter shows it: another's index says nothing beside its
    /// own.</summary>
    internal KnownReading? Of(RegisterInForce meter, ImmutableList<KnownReading> readings, int place) =>
        place >= 0 && place < readings.Count && InForce(readings[place].ReadAt) == meter ? readings[place] : null;
}

/// <summary>
/// The register rule. A register counts in steps of 10^-decimals kWh and returns to zero after its modulus: the
/// configured one, else 10^digits steps (digits counts all digits, so that is 10^(digits-decimals) kWh). With a
/// configured modulus a decrease is current + modulus - previous. Without one it is a rollover only from the last 1 %
/// to the first 1 % of the natural modulus; everything else is quarantined as a change of basis.
/// </summary>
public static class Register
{
    /// <summary>Most decimals with which a step is a whole number of half nanojoules (1 kWh is 72·10¹⁴).</summary>
    public const int DecimalsMax = 14;

    internal static readonly Comparer<KnownReading> ByTime =
        Comparer<KnownReading>.Create((a, b) => a.ReadAt.CompareTo(b.ReadAt));

    /// <summary>The natural key of a reading: one register has one index at one instant.</summary>
    public static EvidenceKey ReadingKey(RegisterId register, Instant readAt) =>
        new($"reading/{register}/{InstantPattern.ExtendedIso.Format(readAt)}");

    /// <summary>The natural key of metered energy of one interval, as a provider sends it.</summary>
    public static EvidenceKey IntervalKey(RegisterId register, Interval period) =>
        new($"interval/{register}/{InstantPattern.ExtendedIso.Format(period.Start)}/" +
            InstantPattern.ExtendedIso.Format(period.End));

    /// <summary>The natural key of an installation: a meter takes over a register at the fact's valid time.</summary>
    public static EvidenceKey InstalledKey(RegisterId register, string meterSerial) =>
        new($"register/{register}/{meterSerial}");

    /// <summary>The energy from one index to the next, factor applied.</summary>
    public static RegisterDifference Difference(RegisterInstalled installed, long previousSteps, long currentSteps) =>
        Difference(RegisterScale.Of(installed), previousSteps, currentSteps);

    /// <inheritdoc cref="Difference(RegisterInstalled, long, long)"/>
    public static RegisterDifference Difference(in RegisterScale scale, long previousSteps, long currentSteps)
    {
        Int128 steps = (Int128)currentSteps - previousSteps;
        if (steps < 0)
        {
            var natural = Energy.PowerOfTen(scale.Digits);
            var modulus = scale.ModulusSteps ?? natural;
            var rollsOver = previousSteps <= modulus && (scale.ModulusSteps is not null
                // last and first 1 %
                || (natural - previousSteps) * 100 <= natural && (Int128)currentSteps * 100 < natural);
            if (!rollsOver)
                return new(null, Rejection.ChangeOfBasis,
                    $"index fell from {previousSteps} to {currentSteps} steps, which is no rollover at {modulus}");
            steps += modulus;
        }
        var perStep = scale.Step.HalfNanojoules;
        // Where both fit into 64 bits the product fits into 128, and a division of 128 bits costs more than all else.
        if ((steps > long.MaxValue || perStep > long.MaxValue || perStep <= 0) && steps > Int128.MaxValue / perStep)
            return new(null, Rejection.OutOfRange, $"{steps} steps are more energy than any plant can meter");
        return new(new Energy(steps * perStep), null, null);
    }

    /// <summary>
    /// Judges a reading against what is known; guards stand in the order of their codes.
    /// A late reading that fits between its neighbours is accepted: it restates when energy flowed, never how much.
    /// What validation finds in an accepted reading makes it suspect.
    /// </summary>
    public static Decision Decide(RegisterState state, RegisterReadingInput input, Instant now,
        ReadingContext? context = null)
    {
        var known = new KnownReading(input.ReadAt, input.IndexSteps);
        if (ReadingCorrections.Versions(state, input.ReadAt) is [{ } sent, ..])
            return sent.IndexSteps == input.IndexSteps
                ? new Decision.AlreadyRecorded { Is = fact => IsReadingOf(fact, input.ReadAt) }
                : new Decision.Rejected(Rejection.EvidenceConflict,
                    $"index {input.IndexSteps} differs from {sent.IndexSteps}, recorded for the same instant");
        if (state.InForce(input.ReadAt) is not { } meter || meter.Installed.Register != input.Register)
            return new Decision.Rejected(Rejection.UnknownRegister, $"register {input.Register} is not installed");
        if (input.MeterSerial is { } serial && serial != meter.Installed.MeterSerial)
            return OfAnotherMeter(serial, meter, input.ReadAt);
        if (Limits.IsInTheFuture(input.ReadAt, now))
            return new Decision.Rejected(Rejection.ReadInTheFuture,
                $"read at {InstantPattern.ExtendedIso.Format(input.ReadAt)}, which is after now, "
                + $"{InstantPattern.ExtendedIso.Format(now)}");

        var (installed, place) = (meter.Installed, ~state.Readings.BinarySearch(known, ByTime));
        var (before, after) = (state.Of(meter, state.Readings, place - 1), state.Of(meter, state.Readings, place));
        if (after is { } next && !FitsBefore(installed, before, input.IndexSteps, next))
            return new Decision.Rejected(Rejection.ReadBeforeLastReading,
                $"late index {input.IndexSteps} does not fit before {next.IndexSteps} of " +
                InstantPattern.ExtendedIso.Format(next.ReadAt));
        if (input.IndexSteps < 0)
            return new Decision.Rejected(Rejection.NegativeEnergy, $"index {input.IndexSteps} is negative");
        if (input.IndexSteps >= Energy.PowerOfTen(installed.Digits))
            return new Decision.Rejected(Rejection.TooManyDigits,
                $"index {input.IndexSteps} has more than {installed.Digits} digits");

        if (after is null && before is { } last && Quarantine(installed, last, known) is { } refused)
            return Accept(input, new RegisterReadingQuarantined(
                input.Register, input.ReadAt, input.IndexSteps, refused.Code, refused.Detail, input.Evidence));
        var first = place;
        while (place - first < ReadingValidation.ReadingsCompared
            && state.Of(meter, state.Readings, first - 1) is not null) first--;
        var findings = ReadingValidation.OfReading(installed, state.Readings.GetRange(first, place - first), known,
                context ?? ReadingContext.Nothing, MeterThresholds.Default)
            .Where(finding => finding.Severity == FindingSeverity.Suspect).ToList();
        var accepted = Accept(input, new RegisterReadingRecorded(
            input.Register, input.ReadAt, input.IndexSteps,
            findings.Count > 0 ? ReadingQuality.Suspect : input.Quality, input.Evidence));
        return new Decision.Accepted(
            [.. accepted.Facts, .. findings.Select(finding =>
                MeterRules.Fact(input.Register, finding, input.Evidence))]);
    }

    private static bool IsReadingOf(LedgerEvent fact, Instant at) => fact switch
    {
        RegisterReadingRecorded reading => reading.ReadAt == at,
        RegisterReadingQuarantined reading => reading.ReadAt == at,
        _ => false,
    };

    /// <summary>Refuses a value of a meter that did not count the register then.</summary>
    public static Decision.Rejected OfAnotherMeter(string serial, RegisterInForce meter, Instant readAt) =>
        new(Rejection.UnknownRegister, $"a value of meter {serial} at {InstantPattern.ExtendedIso.Format(readAt)}, when "
            + $"register {meter.Installed.Register} was counted by meter {meter.Installed.MeterSerial}");

    /// <summary>Why the latest index may not count: it fell, or it is zero and no rollover explains that.</summary>
    private static (Rejection Code, string Detail)? Quarantine(RegisterInstalled installed, KnownReading last,
        KnownReading now)
    {
        if (Difference(installed, last.IndexSteps, now.IndexSteps) is { Code: { } code, Detail: { } detail })
            return (code, detail);
        return ReadingValidation.BeginsAtZero(installed, last.IndexSteps, now.IndexSteps)
            ? (Rejection.BeginIsZero, $"index 0 after {last.IndexSteps} steps, which is not near the modulus")
            : null;
    }

    /// <summary>
    /// Judges an installation: one that says nothing new is already recorded. One by which a recorded index would be
    /// another, because the steps are others, is refused: such a reading is withdrawn first, and corrected afterwards.
    /// So is one by which a value would be another meter's than the one that signed it.
    /// </summary>
    public static Decision DecideInstalled(RegisterState state, RegisterInstalled installed, Instant from)
    {
        if (installed.Digits is < 1 or > Limits.RegisterDigitsMax)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a register has 1 to {Limits.RegisterDigitsMax} digits, not {installed.Digits}");
        if (installed.Decimals < 0 || installed.Decimals > Math.Min(DecimalsMax, installed.Digits))
            return new Decision.Rejected(Rejection.OutOfRange,
                $"decimals are 0 to {Math.Min(DecimalsMax, installed.Digits)}, not {installed.Decimals}");
        if (installed.Factor is < 1 or > Limits.RegisterFactorMax)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a factor is 1 to {Limits.RegisterFactorMax}, not {installed.Factor}");
        if (installed.ModulusSteps is { } modulus && (modulus < 1 || modulus > Energy.PowerOfTen(installed.Digits)))
            return new Decision.Rejected(Rejection.OutOfRange,
                $"a modulus is 1 to {Energy.PowerOfTen(installed.Digits)} steps, not {modulus}");
        var meter = new RegisterInForce(from, installed);
        if (state.InForce(from)?.Installed == installed || state.Installations.Contains(meter))
            return new Decision.AlreadyRecorded();
        if (SignedByAnother(state, meter) is { } value)
            return new Decision.Rejected(Rejection.ChangeOfBasis,
                $"the reading of {InstantPattern.ExtendedIso.Format(value.ReadAt)}, {value.IndexSteps} steps, was signed "
                + $"by meter {state.InForce(value.ReadAt)!.Installed.MeterSerial} and not by {installed.MeterSerial}: "
                + "withdraw it, then install");
        return ReadOtherwise(state, meter) is { } read
            ? new Decision.Rejected(Rejection.ChangeOfBasis,
                $"the reading of {InstantPattern.ExtendedIso.Format(read.ReadAt)}, {read.IndexSteps} steps, was read "
                + $"with {state.InForce(read.ReadAt)!.Installed.Decimals} decimals and not with {installed.Decimals}: "
                + "withdraw it, then install, then correct it")
            : new Decision.Accepted(NewFact.At(
                installed, from, InstalledKey(installed.Register, installed.MeterSerial)));
    }

    /// <summary>A reading that counts and that another meter has signed than the one that would have counted it; null
    /// where there is none.</summary>
    private static KnownReading? SignedByAnother(RegisterState state, RegisterInForce meter)
    {
        var then = state with { Installations = With(state.Installations, meter) };
        foreach (var reading in state.Readings)
            if (reading.IsSigned && then.InForce(reading.ReadAt) == meter
                && state.InForce(reading.ReadAt)?.Installed.MeterSerial is { } serial
                && serial != meter.Installed.MeterSerial)
                return reading;
        return null;
    }

    /// <summary>A reading that stands and would be read with other decimals; null where there is none.</summary>
    private static KnownReading? ReadOtherwise(RegisterState state, RegisterInForce meter)
    {
        var then = state with { Installations = With(state.Installations, meter) };
        foreach (var reading in state.Readings.Concat(state.Quarantined))
            if (then.InForce(reading.ReadAt) == meter
                && state.InForce(reading.ReadAt)?.Installed.Decimals is { } decimals
                && decimals != meter.Installed.Decimals
                && ReadingCorrections.Versions(state, reading.ReadAt)[^1].Quality != ReadingQuality.Missing)
                return reading;
        return null;
    }

    /// <summary>The state after a fact.</summary>
    /// <param name="from">From when on what happened holds.</param>
    public static RegisterState Evolve(RegisterState state, LedgerEvent happened, Instant from) => happened switch
    {
        RegisterInstalled installed => state with { Installations = With(state.Installations, new(from, installed)) },
        RegisterReadingRecorded r => state with
        {
            Readings = Insert(state.Readings,
                new(r.ReadAt, r.IndexSteps, r.Quality == ReadingQuality.MeasuredSigned)),
        },
        RegisterReadingQuarantined q => state with
        {
            Quarantined = Insert(state.Quarantined, new(q.ReadAt, q.IndexSteps)),
        },
        RegisterReadingCorrected c => ReadingCorrections.Evolve(state, c),
        _ => state,
    };

    private static ImmutableList<RegisterInForce> With(
        ImmutableList<RegisterInForce> installations, RegisterInForce meter) =>
        installations.Insert(installations.FindLastIndex(each => each.From <= meter.From) + 1, meter);

    // Late readings fit when the two parts add up to what the whole was: a rollover can not be counted twice.
    internal static bool FitsBefore(RegisterInstalled installed, KnownReading? before, long index, KnownReading next)
    {
        if (Difference(installed, index, next.IndexSteps).Delta is not { } later) return false;
        if (before is not { } previous) return true;
        return Difference(installed, previous.IndexSteps, index).Delta is { } sooner
            && Difference(installed, previous.IndexSteps, next.IndexSteps).Delta == sooner + later;
    }

    private static Decision.Accepted Accept(RegisterReadingInput input, LedgerEvent fact) =>
        new(NewFact.At(fact, input.ReadAt, ReadingKey(input.Register, input.ReadAt)));

    internal static KnownReading? At(ImmutableList<KnownReading> readings, KnownReading sought) =>
        readings.BinarySearch(sought, ByTime) is >= 0 and var found ? readings[found] : null;

    internal static ImmutableList<KnownReading> Insert(ImmutableList<KnownReading> readings, KnownReading reading) =>
        readings.BinarySearch(reading, ByTime) is < 0 and var place ? readings.Insert(~place, reading) : readings;
}
