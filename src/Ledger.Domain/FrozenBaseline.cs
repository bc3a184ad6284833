using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// The frozen baseline of one settlement period, in kWh and signed (export is negative); null is unknown, never zero.
/// <paramref name="UnadjustedKwh"/> is what the kept days alone say, before the day's own correction.
/// </summary>
public sealed record FrozenPeriod(Interval Period, decimal? Kwh, decimal? UnadjustedKwh);

/// <summary>
/// What would have been metered at one target without its instruction, as one version of one rule pack says it of the
/// facts before <paramref name="AtPosition"/>. Nothing that is recorded later changes it.
/// </summary>
/// <param name="AtPosition">Only facts before this position of the journal counted.</param>
/// <param name="CompletedAtPosition">
/// Null at the freeze itself. A rule may need meter values that nobody has yet (hours around the call): those, and they
/// alone, are taken from the facts before this position.
/// </param>
/// <param name="Awaits">What the rule still has to see metered; until then every period is unknown. Null:
/// nothing.</param>
/// <param name="Insufficient">Why there is no baseline; null where there is one, or one is awaited.</param>
/// <param name="EventDays">Days with an earlier call of this point, as known then.</param>
/// <param name="Holidays">As the asker named them: no fact of the ledger does.</param>
/// <param name="RuleVersion">By which version of the engine's rules, as <see cref="Baseline.RuleVersion"/>; null where
/// it is the first one, or says the same.</param>
public sealed record BaselineFrozen(
    InstructionId Instruction, SettlementPointId Point, long AtPosition, long? CompletedAtPosition,
    RulePackId Pack, int PackVersion, bool Provisional, BaselineMethod Method, string Zone,
    IReadOnlyList<FrozenPeriod> Periods, IReadOnlyList<BaselineDayUse> Days, BaselineCorrection Adjustment,
    Interval? Awaits, string? Insufficient, IReadOnlyList<string> Notes,
    IReadOnlyList<LocalDate> EventDays, IReadOnlyList<LocalDate> Holidays, string? RuleVersion = null) : LedgerEvent
{
    /// <summary>Whether two freezes say the same, list by list.</summary>
    public bool Says(BaselineFrozen other) =>
        this with
        {
            Periods = other.Periods,
            Days = other.Days,
            Notes = other.Notes,
            EventDays = other.EventDays,
            Holidays = other.Holidays,
        } == other
        && Periods.SequenceEqual(other.Periods) && Days.SequenceEqual(other.Days) && Notes.SequenceEqual(other.Notes)
        && EventDays.SequenceEqual(other.EventDays) && Holidays.SequenceEqual(other.Holidays);
}

/// <summary>The frozen baselines of one instruction, in the order of their recording.</summary>
public sealed record FrozenBaselinesState(IReadOnlyList<BaselineFrozen> Frozen)
{
    public static readonly FrozenBaselinesState Empty = new([]);

    /// <summary>What holds of a target: its completed baseline, else the frozen one; null before both.</summary>
    public BaselineFrozen? Of(SettlementPointId point) => Frozen.LastOrDefault(frozen => frozen.Point == point);

    /// <summary>The version of the engine's rules for a target: what is frozen by one stays by it.</summary>
    public string RuleVersionOf(SettlementPointId point) => Of(point) is { } frozen
        ? frozen.RuleVersion ?? Baseline.FirstRuleVersion
        : Baseline.RuleVersion;
}

/// <summary>
/// When a baseline may be frozen. It is frozen once: whoever could freeze it again, with other facts or another version
/// of the pack, could choose what to be paid. One that awaits meter values is completed once, on the same days.
/// </summary>
public static class FrozenBaselines
{
    /// <summary>Most settlement periods of one call; the fact then still fits one decision.
    /// A week of quarter hours has 672.</summary>
    public const int PeriodsMax = 1_000;

    /// <summary>Decimals of a kWh to which a baseline is frozen, half to even: 1 mWh,
    /// so that every amount is exact.</summary>
    public const int KwhDecimals = 6;

    /// <summary>Guards in order of their codes: range, target, instruction, another freeze, too early,
    /// no whole period.</summary>
    /// <param name="instructedAt">The position of the instruction.</param>
    public static Decision Decide(
        FrozenBaselinesState state, DispatchInstructed? order, long instructedAt, BaselineFrozen frozen, Instant now)
    {
        if (frozen.Periods.Count > PeriodsMax)
            return Refuse(Rejection.OutOfRange,
                $"a call of {frozen.Periods.Count} settlement periods; at most {PeriodsMax} are frozen");
        if (order is not null && frozen.AtPosition < instructedAt)
            return Refuse(Rejection.OutOfRange,
                $"position {frozen.AtPosition} is before the instruction at {instructedAt}");
        if (frozen.CompletedAtPosition is not null && state.Of(frozen.Point) is null)
            return Refuse(Rejection.OutOfRange, "nothing is frozen that could be completed");
        // The targets are those of the instruction, so no point is unknown (202) before the instruction is known (204).
        if (order is null) return Refuse(Rejection.UnknownInstruction, $"{frozen.Instruction} is not instructed");
        if (order.Targets.All(target => target.Point != frozen.Point))
            return Refuse(Rejection.UnknownSettlementPoint, $"{frozen.Point} is no target of {frozen.Instruction}");
        if (state.Frozen.Any(known => known.Says(frozen))) return new Decision.AlreadyRecorded();
        if (state.Of(frozen.Point) is { } before && WhyNotAfter(before, frozen) is { } difference)
            return Refuse(Rejection.AlreadyRegistered, $"the baseline of {frozen.Point} is frozen: {difference}");
        if (state.Of(frozen.Point)?.Awaits is { End: var end }
            && Limits.IsInTheFuture(end, now))
            return Refuse(Rejection.ReadInTheFuture, $"what it awaits ends {end}");
        return frozen.Periods.Count == 0
            ? Refuse(Rejection.PeriodMisaligned, $"the call {order.Period} holds no whole settlement period")
            : new Decision.Accepted(new NewFact(frozen, order.Period, new EvidenceKey(
                $"baseline/{frozen.Instruction}/{frozen.Point}{(frozen.CompletedAtPosition is null ? "" : "/completed")}")));
    }

    public static FrozenBaselinesState Evolve(FrozenBaselinesState state, LedgerEvent happened) =>
        happened is BaselineFrozen frozen ? new([.. state.Frozen, frozen]) : state;

    /// <summary>Why one can not follow the other; null where it completes it.</summary>
    private static string? WhyNotAfter(BaselineFrozen before, BaselineFrozen next) =>
        (before.Pack, before.PackVersion) != (next.Pack, next.PackVersion)
            ? $"by {before.Pack} version {before.PackVersion}, not {next.Pack} version {next.PackVersion}"
        : before.RuleVersion != next.RuleVersion
            ? $"by {before.RuleVersion ?? Baseline.FirstRuleVersion}, not "
                + $"{next.RuleVersion ?? Baseline.FirstRuleVersion}"
        : before.AtPosition != next.AtPosition
            ? $"from the facts before position {before.AtPosition}, not {next.AtPosition}"
        : before.CompletedAtPosition is { } completed ? $"completed from the facts before position {completed}"
        : before.Awaits is null || next.CompletedAtPosition is null ? "with another result"
        : next.Awaits is not null ? "nothing completes it yet"
        : before.Days.Any(day => day.Used) && !Used(before).SequenceEqual(Used(next)) ? "on other days"
        : null;

    private static IEnumerable<LocalDate> Used(BaselineFrozen frozen) =>
        frozen.Days.Where(day => day.Used).Select(day => day.Day);

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
