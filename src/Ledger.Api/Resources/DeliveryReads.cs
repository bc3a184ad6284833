using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>One settlement period of one target, in kWh; null is unknown, and <c>unproven</c> says why. <c>quality</c>
/// is that of the meter values, of which only measured ones count; <c>mayLackKwh</c> may be missing without a
/// penalty.</summary>
public sealed record DeliveredPeriodAnswer(
    string Point, Instant Start, Instant End, decimal? OrderedKwh, decimal? BaselineKwh, decimal? MeteredKwh,
    decimal? DeliveredKwh, decimal? DeficiencyKwh, decimal? OverDeliveryKwh, decimal HeldElsewhereKwh, string? Unproven,
    ReadingQuality? Quality, decimal MayLackKwh)
{
    public static DeliveredPeriodAnswer Of(DeliveredPeriod row) => new(
        row.Point.Value, row.Period.Start, row.Period.End, row.OrderedKwh, row.BaselineKwh, row.MeteredKwh,
        row.DeliveredKwh, row.DeficiencyKwh, row.OverDeliveryKwh, row.HeldElsewhereKwh, row.Unproven, row.Quality,
        row.MayLackKwh);
}

/// <summary>What another programme's claim holds of a period, in kWh.</summary>
public sealed record HeldElsewhereAnswer(
    string Point, Instant Start, Instant End, string Claim, string Programme, int Precedence, decimal Kwh);

/// <summary>A target that lies behind another one of the order, where the same energy is paid.</summary>
public sealed record TargetBehindAnswer(string Point, string Before);

/// <summary>One line at the level of the rule, in kWh and money.</summary>
public sealed record DeliveryLineAnswer(
    Instant Start, Instant End, decimal OrderedKwh, decimal DeliveredKwh, decimal EffectiveKwh, decimal ShortfallKwh,
    decimal Payment, decimal Penalty, decimal Net);

/// <summary>An interval for which nothing is settled.</summary>
public sealed record UnprovenAnswer(Instant Start, Instant End)
{
    public static UnprovenAnswer Of(Interval gap) => new(gap.Start, gap.End);
}

/// <summary>What one target offered, and what the order takes of it.</summary>
public sealed record TakenOfferAnswer(string Point, decimal OfferedKw, decimal TakenKw);

/// <summary>
/// What is paid together. <c>net</c> is null while an interval of it is unproven. <c>penaltiesBack</c> is what comes
/// back of all penalties of the call, null where they are not given back or not all known, and <c>whyNotBack</c> says
/// what there is to say; <c>whyNoPenalty</c> says why what is missing has no penalty. Intervals for which nothing is
/// settled are <c>unproven</c> or <c>notOverYet</c>.
/// </summary>
public sealed record DeliveryShareAnswer(
    string Paid, IReadOnlyList<string> Points, IReadOnlyList<DeliveryLineAnswer> Lines,
    IReadOnlyList<UnprovenAnswer> Unproven, IReadOnlyList<UnprovenAnswer> NotOverYet,
    decimal? PenaltiesBack, decimal? Net, string? WhyNot, string? WhyNotBack, string? WhyNoPenalty)
{
    public static DeliveryShareAnswer Of(Delivered found, DeliveryShare share) => new(
        share.Paid, [.. share.Points.Select(point => point.Value)],
        [.. (share.Statement?.Lines ?? []).Select(line => new DeliveryLineAnswer(
            line.Covers.Start, line.Covers.End, line.OrderedKwh, line.DeliveredKwh, line.EffectiveKwh,
            line.ShortfallKwh,
            line.Payment, line.Penalty, line.Net))],
        [.. Gaps(share).Where(gap => !found.IsToCome(gap)).Select(UnprovenAnswer.Of)],
        [.. Gaps(share).Where(found.IsToCome).Select(UnprovenAnswer.Of)],
        share.Penalties?.Back, share.Net, share.WhyNot, share.Penalties?.WhyNot,
        share.WhyNoPenalty);

    private static IReadOnlyList<Interval> Gaps(DeliveryShare share) => share.Statement?.Unproven ?? [];
}

/// <summary>The frozen baselines of the targets that are reached, as they were recorded.</summary>
public sealed record FrozenBaselinesAnswer(long? AsOf, IReadOnlyList<ToldFact<BaselineFrozen>> Baselines);

/// <summary>What an instruction brought about. What is of its programme is null where it has none that scores it, and
/// <c>notScored</c> says why.</summary>
public sealed record DeliveryAnswer(
    long? AsOf, string Instruction, InstructionKind Kind, Instant IssuedAt, Instant? WithdrawnAt, bool IsNotOver,
    bool Provisional,
    string? Programme, int? ProgrammeVersion, string? Currency, string? BaselinePack, int? BaselinePackVersion,
    string? ScoringPack, int? ScoringPackVersion, ScoringLevel? Level, RedistributionWeight? Redistribution,
    int? ActivationPermille, IReadOnlyList<TakenOfferAnswer>? Offers, string? NotScored, decimal? Net,
    IReadOnlyList<DeliveryShareAnswer> Shares, IReadOnlyList<DeliveredPeriodAnswer> Periods,
    IReadOnlyList<HeldElsewhereAnswer> HeldElsewhere, IReadOnlyList<TargetBehindAnswer> Behind)
{
    public static DeliveryAnswer Of(Delivered found, long? position) => new(
        position, found.Order.Instruction.Value, found.Order.Kind, found.Order.IssuedAt, found.WithdrawnAt,
        found.NotOverAt is not null, found.Provisional, found.Terms?.Programme.Programme.Value,
        found.Terms?.Programme.Version, found.Terms?.Programme.Currency, found.Terms?.Baseline.Pack.Value,
        found.Terms?.Baseline.Version,
        found.Terms?.Scoring?.Pack.Value, found.Terms?.Scoring?.Version, found.Terms?.Scoring?.Scoring?.Level,
        found.Terms?.Programme.Redistribution, found.Order.Activation?.Permille,
        found.Order.Activation is not { } activation ? null
            : [.. activation.Offers.Select(offer => new TakenOfferAnswer(
                offer.Point.Value, offer.Offered.Kilowatts, activation.Of(offer.Point).Kilowatts))],
        found.WhyNoTerms, found.Net, [.. found.Shares.Select(share => DeliveryShareAnswer.Of(found, share))],
        [.. found.Periods.Select(DeliveredPeriodAnswer.Of)],
        [.. found.Held.Select(part => new HeldElsewhereAnswer(part.Point.Value, part.Period.Start, part.Period.End,
            part.Claim.Value, part.Programme.Value, part.Precedence, part.Kwh))],
        [.. found.Behind.Select(each => new TargetBehindAnswer(each.Point.Value, each.Before.Value))]);
}

/// <summary>Frozen baselines and what was delivered against them.</summary>
internal static class DeliveryReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/frozen-baselines", async (HttpContext context) =>
        {
            var (instruction, seen, position) = await AskedAsync(ledger, context).ConfigureAwait(false);
            var frozen = await Deliveries.FrozenAsync(
                ledger.Journal, instruction, (position ?? -1) + 1, context.RequestAborted).ConfigureAwait(false);
            return Answering.Read(new FrozenBaselinesAnswer(position,
                [.. frozen.Where(fact => seen?.Targets.Any(target => target.Point == fact.Point.Value) == true)
                    .Select(fact => new ToldFact<BaselineFrozen>(fact))]), position);
        }).Reads("frozen-baselines",
            "The frozen baselines of an instruction's targets, with every day and why it was used or not.",
            "instruction");

        app.MapGet("/v1/deliveries", async (HttpContext context) =>
        {
            var (instruction, seen, position) = await AskedAsync(ledger, context).ConfigureAwait(false);
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            // Which call is paid is the same for everybody; what of it is shown is what the caller reaches.
            return seen is not null && await Deliveries.PaidAsync(ledger.Journal, new(ledger.Views, position),
                    instruction, (position ?? -1) + 1, context.RequestAborted).ConfigureAwait(false) is { } found
                ? Answering.Read(DeliveryAnswer.Of(ReachedDelivery.Of(found, seen).ReadAt(at), position), position)
                : throw new ProblemException(404, Rejection.UnknownInstruction, $"there is no instruction {instruction}");
        }).Reads("deliveries",
            "What an instruction brought about against the frozen baselines, and what it is worth by the "
            + "rule packs in force at its notice.", "instruction").Refuses(404);
    }

    private static async Task<(InstructionId Instruction, InstructionAnswer? Seen, long? Position)> AskedAsync(
        OpenLedger ledger, HttpContext context)
    {
        var instruction = Asking.Required<InstructionId>(
            context.Request, "instruction", InstructionId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
        var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
        return (instruction, answers.Instruction(instruction), position);
    }
}
