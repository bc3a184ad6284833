using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The targets of an instruction. An order that takes offers says how many per mille of each
/// (<c>activationPermille</c>) and repeats the offer of each target (<c>offeredKw</c>); the power of an export then
/// follows from both.
/// </summary>
internal static class OfferText
{
    /// <summary>Settlement points in one instruction; the instruction then still fits one decision.</summary>
    private const int TargetsMax = 2_000;

    public static (IReadOnlyList<InstructionTarget> Targets, Activation? Activation) Targets(
        InputObject fact, InstructionKind kind)
    {
        var (input, permille) = (fact.Required("targets"),
            fact.Optional("activationPermille")?.Integer(1, PartialActivation.Whole));
        var rows = input.Array();
        if (rows.Count is 0 or > TargetsMax)
            throw input.Refused(Rejection.WrongCount, $"must have 1 to {TargetsMax} targets");
        if (permille is not { } part) return (rows.ConvertAll(Target), null);
        var taken = rows.ConvertAll(row => Taken(row, kind, part));
        return (taken.ConvertAll(each => each.Target), new(part, taken.ConvertAll(each => each.Offer)));
    }

    private static InstructionTarget Target(InputValue row)
    {
        var target = row.Object("point", "kw");
        return new(target.Required("point").Point(), target.Required("kw").Kilowatts());
    }

    private static (InstructionTarget Target, PointOffer Offer) Taken(
        InputValue row, InstructionKind kind, int permille)
    {
        var target = row.Object("point", "kw", "offeredKw");
        var point = target.Required("point").Point();
        var offered = target.Required("offeredKw");
        var offer = new PointOffer(point, offered.Kilowatts());
        // A cap does not follow from an offer: it says where the power shall be, and nobody knows yet from where.
        if (kind == InstructionKind.Curtail) return (new(point, target.Required("kw").Kilowatts()), offer);
        var part = PartialActivation.Part(offer.Offered, permille) ?? throw offered.Refused(
            Rejection.OutOfRange, $"of which {permille} per mille must be whole milliwatts");
        return target.Optional("kw") is { } kw && kw.Kilowatts() != part
            ? throw kw.Refused(Rejection.OutOfRange, $"must be {part}, {permille} per mille of offeredKw, or left out")
            : (new(point, part), offer);
    }
}
