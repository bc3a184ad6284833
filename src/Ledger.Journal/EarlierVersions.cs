using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// An instruction as it was written before instructions named their programme and could be tests: it belongs to no
/// programme and was a real call.
/// </summary>
internal sealed record DispatchInstructedV1(
    InstructionId Instruction, InstructionKind Kind, PartyId IssuedBy, Instant IssuedAt, Interval Period,
    IReadOnlyList<InstructionTarget> Targets, Power Tolerance, long RampAllowanceMs,
    decimal PricePerKwh, decimal PenaltyPerKwh)
{
    public DispatchInstructed Upcast() => new(
        Instruction, Kind, IssuedBy, IssuedAt, Period, Targets, Tolerance, RampAllowanceMs, PricePerKwh, PenaltyPerKwh,
        Programme: null, Test: null);
}

/// <summary>An instruction that takes no offers, as it is written since instructions can be tests.</summary>
internal sealed record DispatchInstructedV2(
    InstructionId Instruction, InstructionKind Kind, PartyId IssuedBy, Instant IssuedAt, Interval Period,
    IReadOnlyList<InstructionTarget> Targets, Power Tolerance, long RampAllowanceMs,
    decimal PricePerKwh, decimal PenaltyPerKwh, ProgrammeId? Programme, TestRule? Test)
{
    public DispatchInstructed Upcast() => new(
        Instruction, Kind, IssuedBy, IssuedAt, Period, Targets, Tolerance, RampAllowanceMs, PricePerKwh, PenaltyPerKwh,
        Programme, Test);

    /// <summary>Null where the instruction says more than this version can.</summary>
    public static DispatchInstructedV2? Of(DispatchInstructed now) => now.Activation is not null ? null : new(
        now.Instruction, now.Kind, now.IssuedBy, now.IssuedAt, now.Period, now.Targets, now.Tolerance,
        now.RampAllowanceMs, now.PricePerKwh, now.PenaltyPerKwh, now.Programme, now.Test);
}

/// <summary>A programme that pays nothing for availability.</summary>
internal sealed record ProgrammePublishedV3(
    ProgrammeId Programme, int Version, Instant ValidFrom, ServiceKind Service, RulePackId BaselinePack,
    RulePackId ScoringPack, long NoticeMs, long RampMs, int TolerancePermille, PaymentLevel PaidPer, int Precedence,
    IReadOnlyList<ProgrammeId> SharesWith, string Currency, decimal PricePerKwh, int? ActivationPermilleMin,
    RedistributionWeight? Redistribution, PartyId? Payer, PartyId? Payee)
{
    public ProgrammePublished Upcast() => new(
        Programme, Version, ValidFrom, Service, BaselinePack, ScoringPack, NoticeMs, RampMs, TolerancePermille, PaidPer,
        Precedence, SharesWith, Currency, PricePerKwh, ActivationPermilleMin, Redistribution, Payer, Payee);

    /// <summary>Null where the programme says more than this version can, or no more than the one before.</summary>
    public static ProgrammePublishedV3? Of(ProgrammePublished now) =>
        now.AvailabilityPerKwHour is not null || ProgrammePublishedV2.Of(now) is not null
            || ProgrammePublishedV1.Of(now) is not null ? null : new(
            now.Programme, now.Version, now.ValidFrom, now.Service, now.BaselinePack, now.ScoringPack, now.NoticeMs,
            now.RampMs, now.TolerancePermille, now.PaidPer, now.Precedence, now.SharesWith, now.Currency,
            now.PricePerKwh, now.ActivationPermilleMin, now.Redistribution, now.Payer, now.Payee);
}

/// <summary>A programme that names nobody who pays or is paid by statement.</summary>
internal sealed record ProgrammePublishedV2(
    ProgrammeId Programme, int Version, Instant ValidFrom, ServiceKind Service, RulePackId BaselinePack,
    RulePackId ScoringPack, long NoticeMs, long RampMs, int TolerancePermille, PaymentLevel PaidPer, int Precedence,
    IReadOnlyList<ProgrammeId> SharesWith, string Currency, decimal PricePerKwh, int? ActivationPermilleMin,
    RedistributionWeight? Redistribution)
{
    public ProgrammePublished Upcast() => new(
        Programme, Version, ValidFrom, Service, BaselinePack, ScoringPack, NoticeMs, RampMs, TolerancePermille, PaidPer,
        Precedence, SharesWith, Currency, PricePerKwh, ActivationPermilleMin, Redistribution);

    /// <summary>Null where the programme says more than this version can, or no more than the one before.</summary>
    public static ProgrammePublishedV2? Of(ProgrammePublished now) =>
        now.Payer is not null || now.AvailabilityPerKwHour is not null
            || ProgrammePublishedV1.Of(now) is not null ? null : new(
            now.Programme, now.Version, now.ValidFrom, now.Service, now.BaselinePack, now.ScoringPack, now.NoticeMs,
            now.RampMs, now.TolerancePermille, now.PaidPer, now.Precedence, now.SharesWith, now.Currency,
            now.PricePerKwh, now.ActivationPermilleMin, now.Redistribution);
}

/// <summary>A programme whose offers are taken whole and whose penalties are kept.</summary>
internal sealed record ProgrammePublishedV1(
    ProgrammeId Programme, int Version, Instant ValidFrom, ServiceKind Service, RulePackId BaselinePack,
    RulePackId ScoringPack, long NoticeMs, long RampMs, int TolerancePermille, PaymentLevel PaidPer, int Precedence,
    IReadOnlyList<ProgrammeId> SharesWith, string Currency, decimal PricePerKwh)
{
    public ProgrammePublished Upcast() => new(
        Programme, Version, ValidFrom, Service, BaselinePack, ScoringPack, NoticeMs, RampMs, TolerancePermille, PaidPer,
        Precedence, SharesWith, Currency, PricePerKwh);

    /// <summary>Null where the programme says more than this version can.</summary>
    public static ProgrammePublishedV1? Of(ProgrammePublished now) =>
        now.ActivationPermilleMin is not null || now.Redistribution is not null || now.Payer is not null
            || now.AvailabilityPerKwHour is not null ? null : new(
            now.Programme, now.Version, now.ValidFrom, now.Service, now.BaselinePack, now.ScoringPack, now.NoticeMs,
            now.RampMs, now.TolerancePermille, now.PaidPer, now.Precedence, now.SharesWith, now.Currency,
            now.PricePerKwh);
}

/// <summary>A baseline by the first version of the engine's rules, or of which every version says the same.</summary>
internal sealed record BaselineFrozenV1(
    InstructionId Instruction, SettlementPointId Point, long AtPosition, long? CompletedAtPosition,
    RulePackId Pack, int PackVersion, bool Provisional, BaselineMethod Method, string Zone,
    IReadOnlyList<FrozenPeriod> Periods, IReadOnlyList<BaselineDayUse> Days, BaselineCorrection Adjustment,
    Interval? Awaits, string? Insufficient, IReadOnlyList<string> Notes,
    IReadOnlyList<LocalDate> EventDays, IReadOnlyList<LocalDate> Holidays)
{
    public BaselineFrozen Upcast() => new(
        Instruction, Point, AtPosition, CompletedAtPosition, Pack, PackVersion, Provisional, Method, Zone, Periods,
        Days, Adjustment, Awaits, Insufficient, Notes, EventDays, Holidays);

    /// <summary>Null where the baseline says more than this version can.</summary>
    public static BaselineFrozenV1? Of(BaselineFrozen now) => now.RuleVersion is not null ? null : new(
        now.Instruction, now.Point, now.AtPosition, now.CompletedAtPosition, now.Pack, now.PackVersion,
        now.Provisional, now.Method, now.Zone, now.Periods, now.Days, now.Adjustment, now.Awaits, now.Insufficient,
        now.Notes, now.EventDays, now.Holidays);
}

/// <summary>A tariff that is a price per period and no more.</summary>
internal sealed record TariffPublishedV1(
    TariffId Tariff, int Version, string Currency, string Zone, IReadOnlyList<TariffRule> Rules,
    IReadOnlyList<TariffPrice> Prices, IReadOnlyList<LocalDate> Holidays, int EnergyDecimals, int MoneyDecimals)
{
    public TariffPublished Upcast() =>
        new(Tariff, Version, Currency, Zone, Rules, Prices, Holidays, EnergyDecimals, MoneyDecimals);

    /// <summary>Null where the tariff says more than this version can.</summary>
    public static TariffPublishedV1? Of(TariffPublished now) => now.Terms is not null ? null : new(
        now.Tariff, now.Version, now.Currency, now.Zone, now.Rules, now.Prices, now.Holidays, now.EnergyDecimals,
        now.MoneyDecimals);
}

/// <summary>A fee that each settlement point bears.</summary>
internal sealed record TariffFeeV2(string Name, FeeBasis Per, decimal Amount, int StepSeconds, decimal? TaxPercent);

/// <summary>The terms of a tariff that charges nothing of the account as a whole.</summary>
internal sealed record TariffTermsV2(
    IReadOnlyList<EnergyPrice> Prices, IReadOnlyList<TariffRule> ExportRules,
    IReadOnlyList<DemandCharge> DemandCharges, string? UseBy, IReadOnlyList<TariffFeeV2> Fees, decimal TaxPercent,
    PriceBounds? Bounds, RatioRule? Ratios)
{
    public TariffTerms Upcast() => new(Prices, ExportRules, DemandCharges, UseBy,
        [.. Fees.Select(fee => new TariffFee(fee.Name, fee.Per, fee.Amount, fee.StepSeconds, fee.TaxPercent))],
        TaxPercent, Bounds, Ratios);

    public static TariffTermsV2 Of(TariffTerms now) => new(now.Prices, now.ExportRules, now.DemandCharges, now.UseBy,
        [.. now.Fees.Select(fee => new TariffFeeV2(fee.Name, fee.Per, fee.Amount, fee.StepSeconds, fee.TaxPercent))],
        now.TaxPercent, now.Bounds, now.Ratios);
}

/// <summary>A tariff with terms, of which every fee is of a point.</summary>
internal sealed record TariffPublishedV2(
    TariffId Tariff, int Version, string Currency, string Zone, IReadOnlyList<TariffRule> Rules,
    IReadOnlyList<TariffPrice> Prices, IReadOnlyList<LocalDate> Holidays, int EnergyDecimals, int MoneyDecimals,
    TariffTermsV2? Terms)
{
    public TariffPublished Upcast() => new(Tariff, Version, Currency, Zone, Rules, Prices, Holidays, EnergyDecimals,
        MoneyDecimals, Terms?.Upcast());

    /// <summary>Null where the tariff says more than this version can, or no more than the one before.</summary>
    public static TariffPublishedV2? Of(TariffPublished now) =>
        now.Terms is not { ChargeTheAccount: false } terms ? null : new(
            now.Tariff, now.Version, now.Currency, now.Zone, now.Rules, now.Prices, now.Holidays, now.EnergyDecimals,
            now.MoneyDecimals, TariffTermsV2.Of(terms));
}

/// <summary>An assignment that names nobody who sells.</summary>
internal sealed record TariffAssignedV1(PartyId Account, TariffId Tariff)
{
    public TariffAssigned Upcast() => new(Account, Tariff);

    /// <summary>Null where the assignment says more than this version can.</summary>
    public static TariffAssignedV1? Of(TariffAssigned now) =>
        now.Seller is not null ? null : new(now.Account, now.Tariff);
}

/// <summary>A settlement point of which nobody says in whose grid it lies.</summary>
internal sealed record SettlementPointRegisteredV1(
    SettlementPointId Point, StationId Station, SettlementPointKind Kind, PartyId Owner, string Zone,
    int PeriodMinutes, Power Rated, bool Bidirectional)
{
    public SettlementPointRegistered Upcast() =>
        new(Point, Station, Kind, Owner, Zone, PeriodMinutes, Rated, Bidirectional);

    /// <summary>Null where the registration says more than this version can.</summary>
    public static SettlementPointRegisteredV1? Of(SettlementPointRegistered now) => now.GridOperator is not null ? null
        : new(now.Point, now.Station, now.Kind, now.Owner, now.Zone, now.PeriodMinutes, now.Rated, now.Bidirectional);
}

/// <summary>A gap of which nothing says why.</summary>
internal sealed record CurveGapV1(Interval Missing);

/// <summary>A record of a batch of samples; as JSON only its view, because its bytes have a layout.</summary>
internal sealed record IntervalRecordedV1(
    SettlementPointId Point, Interval Period, int Version, IntervalRecordState State,
    Energy Import, Energy Export, Power Minimum, Power Maximum,
    long CoveredMicroseconds, long Ramp1sMilliwattsMax, IReadOnlyList<CurveGapV1> Gaps,
    int Samples, int LateSamples, int DuplicateSamples, int ConflictingSamples,
    long ClockOffsetMicroseconds, ReadingQuality Quality, string? Reason, EvidenceDigest Evidence)
{
    public IntervalRecorded Upcast() => new(
        Point, Period, Version, State, Import, Export, Minimum, Maximum, CoveredMicroseconds, Ramp1sMilliwattsMax,
        [.. Gaps.Select(gap => new CurveGap(gap.Missing))], Samples, LateSamples, DuplicateSamples,
        ConflictingSamples, ClockOffsetMicroseconds, Quality, Reason, Evidence);

    /// <summary>Null where the record says more than this version can.</summary>
    public static IntervalRecordedV1? Of(IntervalRecorded now) => !IntervalRecordBytes.IsOfBatch(now) ? null : new(
        now.Point, now.Period, now.Version, now.State, now.Import, now.Export, now.Minimum, now.Maximum,
        now.CoveredMicroseconds, now.Ramp1sMilliwattsMax, [.. now.Gaps.Select(gap => new CurveGapV1(gap.Missing))],
        now.Samples, now.LateSamples, now.DuplicateSamples, now.ConflictingSamples, now.ClockOffsetMicroseconds,
        now.Quality, now.Reason, now.Evidence);
}
