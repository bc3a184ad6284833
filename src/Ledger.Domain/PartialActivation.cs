using NodaTime;

namespace Ledger.Domain;

/// <summary>The power that one settlement point had ready for a whole call, as its order repeats it.</summary>
public sealed record PointOffer(SettlementPointId Point, Power Offered);

/// <summary>
/// An order that takes the offers of its targets: so many per mille of each, of which 1000 is the whole. The offers
/// are part of the fact, so what is declared later changes no order.
/// </summary>
public sealed record Activation(int Permille, IReadOnlyList<PointOffer> Offers)
{
    /// <summary>What the order takes of one target's offer; it was accepted, so it is whole milliwatts.</summary>
    public Power Of(SettlementPointId point) =>
        PartialActivation.Part(Offers.First(offer => offer.Point == point).Offered, Permille)!.Value;

    /// <summary>Whether two activations say the same; offers are compared by what they hold.</summary>
    public bool Says(Activation other) => Permille == other.Permille && Offers.SequenceEqual(other.Offers);
}

/// <summary>What is known, when an order comes in, of its programme and of the enrolments of its targets.</summary>
public sealed record KnownOffers(
    ProgrammeState Programme, IReadOnlyDictionary<SettlementPointId, EnrolmentState> Enrolments)
{
    public static readonly KnownOffers None =
        new(ProgrammeState.Empty, new Dictionary<SettlementPointId, EnrolmentState>());
}

/// <summary>
/// An order that takes part of an offer (market rules §1, UFTP flex order: the order repeats the offered power, and
/// its activation factor scales power and price; 0.8 is 0.8 of the power in every period). What a point offers is what
/// it declared to have ready for the call, and where it declared nothing, its prequalified power. Nothing is rounded.
/// </summary>
public static class PartialActivation
{
    /// <summary>The whole offer, per mille.</summary>
    public const int Whole = 1000;

    /// <summary>The part of an offer's power in any period, or of its price.</summary>
    /// <param name="permille">1 to 1000: the whole offer.</param>
    /// <exception cref="OverflowException">The exact product needs more digits than a decimal has.</exception>
    public static decimal Of(decimal offered, int permille)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(permille, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(permille, Whole);
        return ExactDecimal.Times(offered, permille / (decimal)Whole);
    }

    /// <summary>That part of an offered power; null where it is no whole number of milliwatts.</summary>
    public static Power? Part(Power offered, int permille)
    {
        var (milliwatts, rest) = Int128.DivRem((Int128)offered.Milliwatts * permille, Whole);
        return rest == 0 ? new Power((long)milliwatts) : null;
    }

    /// <summary>
    /// What a point has ready through a whole call, as declared by the time of the order: the least of what stands at
    /// any time of it. Null where it is not enrolled for all of it.
    /// </summary>
    public static Power? Offered(EnrolmentState enrolments, ProgrammeId programme, Interval call, Instant issuedAt)
    {
        var enrolled = enrolments.Covering(programme, call);
        if (enrolled.Count == 0) return null;
        var declared = enrolments.Declared.Where(each => each.Programme == programme && each.DeclaredAt <= issuedAt
            && each.Period.Start < call.End && call.Start < each.Period.End).ToList();
        // Between two edges one declaration stands, and one enrolment where there is none, so the edges inside the call
        // are all that has to be looked at.
        return declared.SelectMany(each => new[] { each.Period.Start, each.Period.End })
            .Concat(enrolled.Select(each => each.Enrolled.From)).Append(call.Start).Where(call.Contains)
            .Select(edge => declared.LastOrDefault(each => each.Period.Contains(edge))?.Available
                ?? enrolled.Last(each => each.Enrolled.From <= edge).Enrolled.Prequalified)
            .Min();
    }

    /// <summary>Why an order does not say which offers it takes; null where it does, or takes none.</summary>
    internal static string? Missing(DispatchInstructed order) =>
        order.Activation is not { } activation ? null
        : order.Programme is null ? "offers are made for a programme, and the order names none"
        : activation.Offers.Select(offer => offer.Point).SequenceEqual(order.Targets.Select(target => target.Point))
            ? null : "an order that takes offers repeats the offer of each target, in their order";

    /// <summary>Why an order's own numbers do not fit each other; null where they do.</summary>
    internal static string? Incoherence(DispatchInstructed order)
    {
        if (order.Activation is not { } activation) return null;
        if (activation.Permille is < 1 or > Whole) return "an order takes 1 to 1000 per mille of an offer";
        foreach (var (target, offer) in order.Targets.Zip(activation.Offers))
        {
            if (offer.Offered <= Power.Zero) return $"the offer of {offer.Point} is nothing";
            if (Part(offer.Offered, activation.Permille) is not { } part)
                return $"{activation.Permille} per mille of {offer.Offered} is no whole number of milliwatts";
            // A cap is an upper limit of its own; an export is ordered at the part that is taken.
            if (order.Kind == InstructionKind.Export && target.Quantity != part)
                return $"{target.Point} is ordered {target.Quantity}, and {activation.Permille} per mille of "
                    + $"{offer.Offered} is {part}";
        }
        return null;
    }

    /// <summary>Guards in order of their codes: programme, enrolment, least part, offer;
    /// null where none refuses.</summary>
    internal static Decision.Rejected? Refusal(DispatchInstructed order, KnownOffers known)
    {
        if (order is not { Activation: { } activation, Programme: { } programme }) return null;
        if (known.Programme.At(order.IssuedAt) is not { } terms)
            return new(Rejection.UnknownProgramme, $"{programme} is not published for {order.IssuedAt}");
        var offered = activation.Offers.Select(offer => (Repeated: offer, Made: Offered(
            known.Enrolments.GetValueOrDefault(offer.Point) ?? EnrolmentState.Empty, programme, order.Period,
            order.IssuedAt))).ToList();
        foreach (var (repeated, made) in offered)
            if (made is null)
                return new(Rejection.NotEnrolled, $"{repeated.Point} is not enrolled in {programme} for all of it");
        var least = terms.ActivationPermilleMin ?? Whole;
        if (activation.Permille < least)
            return new(Rejection.ActivationBelowLeast,
                $"{programme} version {terms.Version} lets an order take {least} per mille of an offer or more, not "
                + $"{activation.Permille}");
        foreach (var (repeated, made) in offered)
            if (made != repeated.Offered)
                return new(Rejection.NotAsOffered,
                    $"{repeated.Point} has {made} ready through the call, not {repeated.Offered}");
        return null;
    }
}
