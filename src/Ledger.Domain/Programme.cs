using NodaTime;

namespace Ledger.Domain;

/// <summary>What a programme buys.</summary>
public enum ServiceKind
{
    /// <summary>Import below what it would have been.</summary>
    DemandReduction = 1,
    /// <summary>Import above what it would have been.</summary>
    DemandIncrease = 2,
    /// <summary>Energy out of vehicles or storage into the grid.</summary>
    Export = 3,
    /// <summary>Following a signal from second to second.</summary>
    Regulation = 4,
    /// <summary>Standing ready, and delivering where called.</summary>
    Reserve = 5,
}

/// <summary>Over what a programme adds deliveries up before it pays:
/// netting between points happens there or nowhere.</summary>
public enum PaymentLevel { SettlementPoint = 1, Station = 2, Account = 3 }

/// <summary>
/// A version of a programme: the contract that rules one kind of flexibility, from <paramref name="ValidFrom"/> on
/// until a later version begins.
/// </summary>
/// <param name="BaselinePack">The rule pack that says what would have been metered without the call.</param>
/// <param name="ScoringPack">The rule pack that turns ordered and delivered into money.</param>
/// <param name="NoticeMs">Least time from an instruction's recording to the start of its period: one that comes later
/// penalises nobody.</param>
/// <param name="RampMs">Time from the start within which the ordered power need not be reached, without a
/// penalty.</param>
/// <param name="TolerancePermille">Share of the ordered power by which a delivery may miss it without one.</param>
/// <param name="Precedence">Of two programmes that claim the same energy,
/// the one with the higher number has it.</param>
/// <param name="SharesWith">
/// Programmes with which this one may be paid for the same energy. It holds where both declare it, so that no programme
/// can decide for another.
/// </param>
/// <param name="ActivationPermilleMin">
/// The least part of an offer that an order may take, 1 to 1000 per mille; null: offers are taken whole.
/// </param>
/// <param name="Redistribution">
/// By what the penalties of a call are given back to those who were called; null: whoever pays one has paid it.
/// </param>
/// <param name="Payer">Who pays for its calls on settlement statements; null: they are paid elsewhere.</param>
/// <param name="Payee">
/// Who is paid, an aggregator say; null: the account of the points that were called. Only with a payer.
/// </param>
/// <param name="AvailabilityPerKwHour">
/// What a kW that was declared ready is paid for an hour, called or not; null: nothing. Only with a payer.
/// </param>
public sealed record ProgrammePublished(
    ProgrammeId Programme, int Version, Instant ValidFrom, ServiceKind Service, RulePackId BaselinePack,
    RulePackId ScoringPack, long NoticeMs, long RampMs, int TolerancePermille, PaymentLevel PaidPer, int Precedence,
    IReadOnlyList<ProgrammeId> SharesWith, string Currency, decimal PricePerKwh,
    int? ActivationPermilleMin = null, RedistributionWeight? Redistribution = null, PartyId? Payer = null,
    PartyId? Payee = null, decimal? AvailabilityPerKwHour = null) : LedgerEvent;

/// <summary>The published versions of one programme, in the order of their recording.</summary>
public sealed record ProgrammeState(IReadOnlyList<ProgrammePublished> Published)
{
    public static readonly ProgrammeState Empty = new([]);

    /// <summary>The version that holds at an instant, of several from one instant the highest;
    /// null before the first.</summary>
    public ProgrammePublished? At(Instant at) => Published.Where(version => version.ValidFrom <= at)
        .OrderBy(version => version.ValidFrom).ThenBy(version => version.Version).LastOrDefault();
}

/// <summary>When a version of a programme may be published. A version is never changed;
/// new terms are a new version.</summary>
public static class Programmes
{
    private const int PermilleMax = 1000;

    /// <summary>Guards in order of their codes: range, known version.</summary>
    public static Decision Decide(ProgrammeState state, ProgrammePublished programme, EvidenceKey evidence)
    {
        if (programme.Version < 1 || programme.NoticeMs < 0 || programme.RampMs < 0 || programme.PricePerKwh < 0m
            || programme.TolerancePermille is < 0 or > PermilleMax)
            return new Decision.Rejected(Rejection.OutOfRange,
                "versions count from 1; notice, ramp and price are never negative; a tolerance is 0 to 1000 per mille");
        if (programme.SharesWith.Contains(programme.Programme)
            || programme.SharesWith.Distinct().Count() != programme.SharesWith.Count)
            return new Decision.Rejected(Rejection.OutOfRange, "a programme shares with others, and names each once");
        if (programme.ActivationPermilleMin is < 1 or > PermilleMax)
            return new Decision.Rejected(Rejection.OutOfRange, "the least part of an offer is 1 to 1000 per mille");
        if (programme is { Payer: null, Payee: not null } || (programme.Payer is { } payer && payer == programme.Payee))
            return new Decision.Rejected(Rejection.OutOfRange, "a payee is paid by a payer, and is another party");
        if (programme.AvailabilityPerKwHour < 0m || programme is { Payer: null, AvailabilityPerKwHour: not null })
            return new Decision.Rejected(Rejection.OutOfRange, "availability is paid by a payer, and never below zero");
        if (state.Published.FirstOrDefault(version => version.Version == programme.Version) is { } known)
            return known with { SharesWith = [] } == programme with { SharesWith = [] }
                && known.SharesWith.SequenceEqual(programme.SharesWith)
                ? new Decision.AlreadyRecorded()
                : new Decision.Rejected(Rejection.AlreadyRegistered,
                    $"version {programme.Version} is published and differs");
        return new Decision.Accepted(NewFact.At(programme, programme.ValidFrom, evidence));
    }

    public static ProgrammeState Evolve(ProgrammeState state, LedgerEvent happened) =>
        happened is ProgrammePublished programme ? new([.. state.Published, programme]) : state;
}
