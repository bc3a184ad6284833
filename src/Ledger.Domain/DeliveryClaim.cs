using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A claim as it comes in, before it is known what its programme had declared.</summary>
public sealed record DeliveryClaim(
    ClaimId Claim, ProgrammeId Programme, SettlementPointId Point, Direction Direction, Interval Period, Energy Energy,
    PartyId ClaimedBy);

/// <summary>
/// A programme is credited with the energy of one point and direction over a period. What the programme declared when
/// the claim was made is part of the fact: a later version of the programme moves no claim.
/// </summary>
public sealed record DeliveryClaimed(
    ClaimId Claim, ProgrammeId Programme, SettlementPointId Point, Direction Direction, Interval Period, Energy Energy,
    PartyId ClaimedBy, int ProgrammeVersion, int Precedence, IReadOnlyList<ProgrammeId> SharesWith) : LedgerEvent;

/// <summary>
/// A claim lost part of its time, and the energy in it, to the claim of a programme that precedes its own.
/// </summary>
public sealed record ClaimDisplaced(
    ClaimId Claim, SettlementPointId Point, ClaimId By, ProgrammeId ByProgramme, Interval Period,
    Energy Energy) : LedgerEvent;

/// <summary>A stretch of time that a claim holds.</summary>
public sealed record HeldStretch(Interval Period, DeliveryClaimed Claim);

/// <summary>All claims on one settlement point, and the stretches that they hold,
/// in order of start and claim.</summary>
public sealed record ClaimsState(
    ImmutableDictionary<ClaimId, DeliveryClaimed> Claims, ImmutableSortedSet<HeldStretch> Held)
{
    public static readonly ClaimsState Empty = new(
        ImmutableDictionary<ClaimId, DeliveryClaimed>.Empty,
        ImmutableSortedSet.Create<HeldStretch>(comparer: Comparer<HeldStretch>.Create((a, b) =>
            (a.Period.Start, a.Claim.Claim).CompareTo((b.Period.Start, b.Claim.Claim)))));
}

/// <summary>
/// One kWh counts once. At each instant the energy of one point and direction belongs to one claim, or to several whose
/// programmes all declared that they share. A claim by a programme that precedes takes the time that it needs, and what
/// the other loses is recorded with it; a claim by a programme that does not precede is refused and told which of its
/// time is held, and not by whom: whoever reaches the point reads its claims, and who claims for others need not know
/// his rivals. What flows at a point flows at those before it too, so that what is held at one of them, or at one
/// behind, is not claimed again here; whoever precedes takes nothing from another point.
/// A claim says no more than its sum, so its energy counts as spread evenly over its time: who meters by the quarter
/// hour claims by the quarter hour.
/// </summary>
public static class DeliveryClaims
{
    /// <summary>
    /// Longest claim: the longest settlement day. So the claims around an instant are found without reading all of
    /// them.
    /// </summary>
    public static readonly Duration PeriodMax = Duration.FromHours(25);

    /// <summary>Most stretches that one claim may displace;
    /// what is recorded of it then still fits one decision.</summary>
    public const int DisplacedMax = 1_000;

    /// <summary>Guards in order of their codes: range, name, time, period, programme, enrolment,
    /// other claims.</summary>
    /// <param name="onItsWay">The stretches of the claim's direction that claims hold at points before and behind
    /// it.</param>
    public static Decision Decide(
        ClaimsState state, ProgrammeState programme, EnrolmentState enrolment, DeliveryClaim claim, Instant now,
        IEnumerable<HeldStretch>? onItsWay = null)
    {
        if (claim.Energy <= Energy.Zero || claim.Period.Duration > PeriodMax)
            return Refuse(Rejection.OutOfRange,
                $"a claim is of some energy over at most {PeriodMax.TotalHours:0} hours");
        if (state.Claims.TryGetValue(claim.Claim, out var known))
            return Claimed(known) == claim
                ? new Decision.AlreadyRecorded()
                : Refuse(Rejection.AlreadyRegistered, $"{claim.Claim} claims something else");
        if (Limits.IsInTheFuture(claim.Period.End, now))
            return Refuse(Rejection.ReadInTheFuture, $"ends {claim.Period.End}");
        if (claim.Period.Duration <= Duration.Zero) return Refuse(Rejection.IntervalEmpty, "the period is empty");
        if (programme.At(claim.Period.Start) is not { } terms)
            return Refuse(Rejection.UnknownProgramme, $"{claim.Programme} is not published for {claim.Period.Start}");
        if (enrolment.Covering(claim.Programme, claim.Period).Count == 0)
            return Refuse(Rejection.NotEnrolled, $"{claim.Point} is not enrolled in {claim.Programme} for all of it");
        var made = new DeliveryClaimed(
            claim.Claim, claim.Programme, claim.Point, claim.Direction, claim.Period, claim.Energy, claim.ClaimedBy,
            terms.Version, terms.Precedence, terms.SharesWith);
        var rivals = Holding(state, made.Direction, made.Period).Where(held => !Share(made, held.Claim)).ToList();
        if (rivals.Count > DisplacedMax)
            return Refuse(Rejection.AlreadyClaimed,
                $"{rivals.Count} stretches would be displaced; claim a part at a time");
        if ((onItsWay ?? []).FirstOrDefault(each => !Share(made, each.Claim)) is { Period: var beside })
            return Refuse(Rejection.AlreadyClaimed, $"{Instant.Max(beside.Start, made.Period.Start)} to "
                + $"{Instant.Min(beside.End, made.Period.End)} is held by a claim at a point before or behind "
                + $"{made.Point}, where the same energy flows");
        return rivals.FirstOrDefault(held => held.Claim.Precedence >= made.Precedence) is { Period: var held }
            ? Refuse(Rejection.AlreadyClaimed, $"{Instant.Max(held.Start, made.Period.Start)} to "
                + $"{Instant.Min(held.End, made.Period.End)} is held by a claim that {made.Programme} (precedence "
                + $"{made.Precedence}) does not precede")
            : new Decision.Accepted([
                new NewFact(made, made.Period, Key(made.Point, $"{made.Claim}")),
                .. rivals.Select(held => Displaced(held, made)),
            ]);
    }

    public static ClaimsState Evolve(ClaimsState state, LedgerEvent happened) => happened switch
    {
        DeliveryClaimed claim => new(state.Claims.Add(claim.Claim, claim), state.Held.Add(new(claim.Period, claim))),
        ClaimDisplaced loss => state with { Held = Without(state.Held, state.Claims[loss.Claim], loss.Period) },
        _ => state,
    };

    /// <summary>The stretches of one direction that meet a period, in order of time.</summary>
    public static IEnumerable<HeldStretch> Holding(ClaimsState state, Direction direction, Interval period) =>
        Meeting(state.Held, period).Where(stretch => stretch.Claim.Direction == direction);

    /// <summary>
    /// The energy of a claim inside a part of its period: what had been claimed by the part's end less what had been by
    /// its start, each cut off to a whole unit, so that parts always add up to the claim.
    /// </summary>
    public static Energy EnergyWithin(DeliveryClaimed claim, Interval part) =>
        Until(claim, part.End) - Until(claim, part.Start);

    // Ticks of 100 ns are what the journal keeps; a day of them times 9 GWh fits 128 bits.
    private static Energy Until(DeliveryClaimed claim, Instant at) => new(
        claim.Energy.HalfNanojoules * (at - claim.Period.Start).BclCompatibleTicks
            / claim.Period.Duration.BclCompatibleTicks);

    private static bool Share(DeliveryClaimed a, DeliveryClaimed b) =>
        a.Programme != b.Programme && a.SharesWith.Contains(b.Programme) && b.SharesWith.Contains(a.Programme);

    private static NewFact Displaced(HeldStretch held, DeliveryClaimed by)
    {
        var lost = new Interval(
            Instant.Max(held.Period.Start, by.Period.Start), Instant.Min(held.Period.End, by.Period.End));
        return new NewFact(
            new ClaimDisplaced(held.Claim.Claim, by.Point, by.Claim, by.Programme, lost,
                EnergyWithin(held.Claim, lost)), lost,
            Key(by.Point, $"{held.Claim.Claim}/displaced/{by.Claim}/{lost.Start.ToUnixTimeTicks()}"));
    }

    private static ImmutableSortedSet<HeldStretch> Without(
        ImmutableSortedSet<HeldStretch> held, DeliveryClaimed claim, Interval lost)
    {
        var next = held.ToBuilder();
        foreach (var stretch in Meeting(held, lost).Where(stretch => stretch.Claim.Claim == claim.Claim))
        {
            next.Remove(stretch);
            if (stretch.Period.Start < lost.Start) next.Add(new(new Interval(stretch.Period.Start, lost.Start), claim));
            if (stretch.Period.End > lost.End) next.Add(new(new Interval(lost.End, stretch.Period.End), claim));
        }
        return next.ToImmutable();
    }

    private static IEnumerable<HeldStretch> Meeting(ImmutableSortedSet<HeldStretch> held, Interval period)
    {
        for (var i = FirstFrom(held, period.Start - PeriodMax); i < held.Count && held[i].Period.Start < period.End;
            i++)
            if (held[i].Period.End > period.Start) yield return held[i];
    }

    /// <summary>The index of the first stretch that starts at or after an instant.</summary>
    private static int FirstFrom(ImmutableSortedSet<HeldStretch> held, Instant from)
    {
        var (low, high) = (0, held.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (held[middle].Period.Start < from) low = middle + 1; else high = middle;
        }
        return low;
    }

    private static DeliveryClaim Claimed(DeliveryClaimed known) => new(
        known.Claim, known.Programme, known.Point, known.Direction, known.Period, known.Energy, known.ClaimedBy);

    private static EvidenceKey Key(SettlementPointId point, string what) => new($"claim/{point}/{what}");

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
