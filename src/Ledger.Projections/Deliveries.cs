using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// One settlement period of one target. <paramref name="OrderedKwh"/> is the change that the instruction asks of the
/// baseline; delivered is what of it came, up to the order, and what came beyond is over-delivery. A delivery may be
/// negative before it is clamped: then the deficiency exceeds the order.
/// <paramref name="HeldElsewhereKwh"/> is credited to other programmes. Null is unknown,
/// and <paramref name="Unproven"/> says why.
/// </summary>
public sealed record DeliveredPeriod(
    SettlementPointId Point, Interval Period, decimal? OrderedKwh, decimal? BaselineKwh, decimal? MeteredKwh,
    decimal? DeliveredKwh, decimal? DeficiencyKwh, decimal? OverDeliveryKwh, decimal HeldElsewhereKwh,
    string? Unproven)
{
    /// <summary>How it was metered; null where nothing is known of it. What is worse than measured proves nothing, and
    /// then the metered energy is unknown.</summary>
    public ReadingQuality? Quality { get; init; }

    /// <summary>What of the order may be missing without a penalty, by the ramp and the tolerance.</summary>
    public decimal MayLackKwh { get; init; }

    /// <summary>What of the response is this programme's: one kWh counts once, at the point where it came. A response
    /// against the order has nothing that another programme could hold. Null is unknown.</summary>
    public decimal? OwnKwh => BaselineKwh - MeteredKwh is { } response
        ? response - Math.Max(0m, Math.Min(HeldElsewhereKwh, response)) : null;
}

/// <summary>A part of a period's energy that another programme's claim holds.</summary>
public sealed record HeldElsewhere(
    SettlementPointId Point, Interval Period, ClaimId Claim, ProgrammeId Programme, int Precedence, decimal Kwh)
{
    /// <summary>Whether the claim is of the direction that the order is not of: of an export, where a load is to be
    /// curtailed.</summary>
    public bool IsOfOtherDirection { get; init; }
}

/// <summary>What is paid together, as the programme says: one point, the points of a station,
/// or those of an account.</summary>
/// <param name="Statement">Null where nothing can be scored, and <paramref name="WhyNot"/> says why.</param>
/// <param name="Penalties">What it gets of the penalties of the call; null where they are not given back.</param>
public sealed record DeliveryShare(
    string Paid, IReadOnlyList<SettlementPointId> Points, FlexStatement? Statement, string? WhyNot,
    PenaltyShare? Penalties = null)
{
    /// <summary>Whether it is a part of its station, beside those of other owners.</summary>
    public bool IsOfOneOwner { get; init; }

    /// <summary>Whether an earlier call of the programme has the same time.</summary>
    public bool IsCalledTwice { get; init; }

    /// <summary>Whether it would be another one by the times that instructions say of themselves.</summary>
    public bool IsAsRecorded { get; init; }

    /// <summary>Whether it is another one than before <see cref="Settlement.EachPointRuleVersion"/>.</summary>
    public bool IsOfEachPoint { get; init; }

    /// <summary>Whether it is not settled because its rule pays nothing for late data; before
    /// <see cref="Settlement.InTimeRuleVersion"/> none were.</summary>
    public bool MayBeLate { get; init; }

    /// <summary>Whether it is another one than before <see cref="Settlement.AgreedRuleVersion"/>.</summary>
    public bool IsAsAgreed { get; init; }

    /// <summary>Why what is missing of it has no penalty; null where it has one, or nothing is missing.</summary>
    public string? WhyNoPenalty { get; init; }

    /// <summary>Payment less penalty, and what comes back of all penalties; null while any of it is unknown.</summary>
    public decimal? Net => Penalties is { } penalties ? Statement?.Net + penalties.Back : Statement?.Net;
}

/// <summary>
/// An instruction's delivery and what it is worth: as metered before a position, against the frozen baselines, by the
/// terms that held when it was issued.
/// </summary>
public sealed record Delivered(
    DispatchInstructed Order, Instant? WithdrawnAt, CallTerms? Terms, string? WhyNoTerms,
    IReadOnlyList<BaselineFrozen> Baselines, IReadOnlyList<DeliveredPeriod> Periods, IReadOnlyList<HeldElsewhere> Held,
    IReadOnlyList<DeliveryShare> Shares)
{
    /// <summary>Which targets take part in the programme; empty by rules that do not ask.</summary>
    public IReadOnlyList<TakesPart> TakesPart { get; init; } = [];

    /// <summary>Targets that lie behind another one of the order, where the same energy is paid.</summary>
    public IReadOnlyList<(SettlementPointId Point, SettlementPointId Before)> Behind { get; init; } = [];

    /// <summary>The instant at which it is read, where that is before the end of the call; null where the call is
    /// over, or nobody asks.</summary>
    public Instant? NotOverAt { get; init; }

    /// <summary>Whether an interval for which nothing is settled is not over.</summary>
    public bool IsToCome(Interval unproven) => NotOverAt is { } at && unproven.End > at;

    /// <summary>Whether a number behind any figure was not read in the rule itself.</summary>
    public bool Provisional => Baselines.Any(frozen => frozen.Provisional) || Terms is { Scoring.Provisional: true };

    /// <summary>Null while anything of it is unproven or not scored.</summary>
    public decimal? Net => Shares.Count == 0 || Shares.Any(share => share.Net is null) ? null
        : Shares.Sum(share => share.Net);
}

/// <summary>The one way to derive a delivery, for every door.
/// It reads the journal up to a position and nothing else.</summary>
public static class Deliveries
{
    /// <summary>Decimals of a statement's money: those of most currencies (ISO 4217);
    /// no fact of a programme says others.</summary>
    public const int MoneyDecimals = 2;

    /// <summary>The baselines that hold of an instruction's targets, as known before a position,
    /// in order of the points.</summary>
    public static async Task<IReadOnlyList<BaselineFrozen>> FrozenAsync(
        IJournal journal, InstructionId instruction, long position, CancellationToken ct)
    {
        var state = await new KnownFacts(journal, position, ct)
            .StateAsync(Streams.Baselines(instruction), FrozenBaselinesState.Empty, FrozenBaselines.Evolve)
            .ConfigureAwait(false);
        return [.. state.Frozen.Select(frozen => frozen.Point).Distinct().Order().Select(point => state.Of(point)!)];
    }

    /// <summary>The delivery of an instruction as it is paid, beside the other calls of its programme
    /// (<see cref="CallsBeside"/>); null where there is no such instruction before the position.</summary>
    /// <param name="answers">Asked which other calls to look at.</param>
    public static Task<Delivered?> PaidAsync(IJournal journal, Answers answers, InstructionId instruction,
        long position, CancellationToken ct) =>
        PaidAsync(journal, answers, instruction, position, Settlement.NewestRuleVersion, ct);

    /// <summary>The same by the rules of a statement's version.</summary>
    public static async Task<Delivered?> PaidAsync(IJournal journal, Answers answers, InstructionId instruction,
        long position, string ruleVersion, CancellationToken ct) =>
        await DeriveAsync(journal, instruction, position, ruleVersion, ct).ConfigureAwait(false)
            is not { } delivered ? null
            : await CallsBeside.PaidOnceAsync(new(journal, position, ct), answers, delivered, ruleVersion)
                .ConfigureAwait(false);

    /// <summary>The delivery of a call by itself; null where there is no such instruction before the
    /// position.</summary>
    public static Task<Delivered?> DeriveAsync(IJournal journal, InstructionId instruction, long position,
        CancellationToken ct) => DeriveAsync(journal, instruction, position, Settlement.NewestRuleVersion, ct);

    private static async Task<Delivered?> DeriveAsync(IJournal journal, InstructionId instruction, long position,
        string ruleVersion, CancellationToken ct)
    {
        var known = new KnownFacts(journal, position, ct);
        var call = await known.StateAsync(Streams.Instruction(instruction), DispatchState.Empty, Dispatch.Evolve)
            .ConfigureAwait(false);
        if (call.Instructed is not { } order) return null;
        var recorded = (await known.ReadAsync(Streams.Instruction(instruction)).ConfigureAwait(false))
            .First(each => each.Event is DispatchInstructed);
        var frozen = await FrozenAsync(journal, instruction, position, ct).ConfigureAwait(false);
        var (terms, not) = frozen.Count == 0 ? (null, null)
            : await BaselineCalculations.TermsAsync(journal, order, frozen.Min(each => each.AtPosition), ct)
                .ConfigureAwait(false);
        var facts = new CallFacts(known, order, recorded.RecordedAt, call.Withdrawn?.At, frozen, terms,
            terms is not null ? null : not?.Detail ?? "no baseline of it is frozen");
        if (!Settlement.CountsAsAgreed(ruleVersion))
            return await OfAsync(facts, NothingAgreed, ruleVersion).ConfigureAwait(false);
        var agreed = new Agreement(terms is null ? [] : await AgreedCall.OfAsync(
            new(journal, recorded.Position, ct), order, terms.Programme).ConfigureAwait(false),
            await new WaysToGrid(known, order.Period.Start).BehindAnotherAsync(
                [.. order.Targets.Select(target => target.Point)]).ConfigureAwait(false));
        var now = await OfAsync(facts, agreed, ruleVersion).ConfigureAwait(false);
        if (now.Shares.Count == 0) return now;
        var before = await OfAsync(facts, NothingAgreed, Settlement.InTimeRuleVersion).ConfigureAwait(false);
        return now with { Shares = [.. now.Shares.Select(share => Told(share, before.Shares))] };
    }

    /// <summary>What a call is derived from.</summary>
    private sealed record CallFacts(
        KnownFacts Known, DispatchInstructed Order, Instant RecordedAt, Instant? WithdrawnAt,
        IReadOnlyList<BaselineFrozen> Frozen, CallTerms? Terms, string? WhyNoTerms);

    /// <param name="Behind">Targets that lie behind another one of the order, with the one that they are paid
    /// at.</param>
    private sealed record Agreement(
        IReadOnlyList<TakesPart> TakesPart, IReadOnlyDictionary<SettlementPointId, SettlementPointId> Behind);

    private static readonly Agreement NothingAgreed = new([], new Dictionary<SettlementPointId, SettlementPointId>());

    private static async Task<Delivered> OfAsync(CallFacts call, Agreement agreed, string ruleVersion)
    {
        var (known, order, terms) = (call.Known, call.Order, call.Terms);
        var (periods, held, paid) = (new List<DeliveredPeriod>(), new List<HeldElsewhere>(),
            new List<SettlementPointRegistered>());
        foreach (var target in order.Targets.OrderBy(target => target.Point))
        {
            if (await BaselineCalculations.RegisteredAsync(known, target.Point, order.Period)
                .ConfigureAwait(false) is not { } registered) continue;
            if (!agreed.Behind.ContainsKey(target.Point)) paid.Add(registered);
            var claims = await known.StateAsync(Streams.Claims(target.Point), ClaimsState.Empty, DeliveryClaims.Evolve)
                .ConfigureAwait(false);
            var called = new PointLoad(registered).Periods(order.Period)
                .Where(period => call.WithdrawnAt is not { } withdrawn || period.End <= withdrawn).ToList();
            var baseline = call.Frozen.FirstOrDefault(each => each.Point == target.Point);
            var energies = await new PointLoad(registered).OfAsync(known, called).ConfigureAwait(false);
            IReadOnlyList<MeteredEnergy?> metered = !Settlement.CountsAsAgreed(ruleVersion) ? energies
                : [.. energies.Select(energy => energy?.IsMeasured == false ? null : energy)];
            var elsewhere = called.SelectMany((period, i) => Held(claims, order, terms?.Programme, target.Point, period)
                .Concat(!Settlement.CountsBothDirections(ruleVersion) ? [] : HeldOfOther(claims, order,
                    terms?.Programme, target.Point, period, BaselineOf(baseline, period), metered[i]))).ToList();
            held.AddRange(elsewhere);
            periods.AddRange(Periods(order, target, called, baseline, metered, elsewhere).Zip(energies,
                (period, energy) => AsAgreed(period, energy, order, terms?.Programme, ruleVersion)));
        }
        return new(order, call.WithdrawnAt, terms, call.WhyNoTerms, call.Frozen, periods, held, terms is null ? []
            : PenaltiesBack.Among(terms, Shares(order, terms, paid, periods, call.RecordedAt, agreed, ruleVersion)))
        {
            TakesPart = agreed.TakesPart,
            Behind = [.. agreed.Behind.OrderBy(each => each.Key).Select(each => (each.Key, each.Value))],
        };
    }

    private static DeliveredPeriod AsAgreed(DeliveredPeriod period, MeteredEnergy? energy, DispatchInstructed order,
        ProgrammePublished? programme, string ruleVersion) => period with
        {
            Quality = energy?.Quality,
            Unproven = period.Unproven is not null && period.BaselineKwh is not null && energy is { IsMeasured: false }
                ? $"{energy.Quality.ToString().ToLowerInvariant()}, not measured" : period.Unproven,
            MayLackKwh = Settlement.CountsAsAgreed(ruleVersion) && programme is not null && period.OrderedKwh is { } kwh
                ? AgreedCall.MayLackKwh(order, programme, kwh, period.Period) : 0m,
        };

    /// <summary>A share beside what it was by the version before, whose marks it keeps.</summary>
    private static DeliveryShare Told(DeliveryShare share, IReadOnlyList<DeliveryShare> before) =>
        before.FirstOrDefault(each => each.Paid == share.Paid) is not { } former ? share with { IsAsAgreed = true }
            : share with
            {
                IsAsAgreed = !Same(share.Statement, former.Statement) || share.WhyNot != former.WhyNot,
                IsAsRecorded = former.IsAsRecorded,
                IsOfEachPoint = former.IsOfEachPoint,
                MayBeLate = former.MayBeLate,
            };

    private static IReadOnlyList<DeliveryShare> Shares(DispatchInstructed order, CallTerms terms,
        IReadOnlyList<SettlementPointRegistered> paid, IReadOnlyList<DeliveredPeriod> periods, Instant recordedAt,
        Agreement agreed, string ruleVersion)
    {
        var tooLate = Settlement.CountsAsRecorded(ruleVersion) ? AgreedCall.TooLate(order, recordedAt,
            Settlement.CountsAsAgreed(ruleVersion) ? terms.Programme.NoticeMs : 0) : null;
        string? WhyNoPenalty(DeliveryShare share) => tooLate ?? agreed.TakesPart
            .FirstOrDefault(point => point.WhyNot is not null && share.Points.Contains(point.Point))?.WhyNot;
        var before = Shares(order, terms, paid, periods, WhyNoPenalty, false);
        if (!Settlement.CountsEachPoint(ruleVersion)) return before;
        var shares = Shares(order, terms, paid, periods, WhyNoPenalty, true).Zip(before, (share, former) =>
            share with { IsOfEachPoint = !Same(share.Statement, former.Statement) });
        return !Settlement.CountsInTime(ruleVersion) || terms.Scoring is not { Scoring.LatePaysNothing: true } pack
            ? [.. shares] : [.. shares.Select(share => Unsettled(share, pack))];
    }

    /// <summary>Nobody has agreed to be paid for late data, and of none it is known: a value has the time when it came,
    /// and no fact says when it was due.</summary>
    private static DeliveryShare Unsettled(DeliveryShare share, RulePackPublished pack) =>
        share.Statement is null ? share : share with
        {
            Statement = null,
            WhyNot = $"{pack.Pack} pays nothing for late data, and no fact says when they were due; a version of the "
                + "pack can leave it out",
            MayBeLate = true,
        };

    private static bool Same(FlexStatement? one, FlexStatement? other) => one is null || other is null
        ? one is null && other is null
        : one.Lines.SequenceEqual(other.Lines) && one.Unproven.SequenceEqual(other.Unproven);

    private static IReadOnlyList<DeliveryShare> Shares(DispatchInstructed order, CallTerms terms,
        IReadOnlyList<SettlementPointRegistered> paid, IReadOnlyList<DeliveredPeriod> periods,
        Func<DeliveryShare, string?> whyNoPenalty, bool ofEachPoint)
    {
        IReadOnlyList<DeliveryShare> shares = [.. DeliveryScores.Of(order, terms, paid, periods, ofEachPoint)];
        if (shares.All(share => whyNoPenalty(share) is null)) return shares;
        var unpenalised = DeliveryScores.Of(
            order, terms with { Scoring = terms.Scoring?.Unpenalised() }, paid, periods, ofEachPoint);
        return [.. shares.Zip(unpenalised, (share, without) => whyNoPenalty(share) is { } why
            && share.Statement?.Lines.Any(line => line.Penalty != 0m) == true
                ? without with { WhyNoPenalty = why, IsAsRecorded = true } : share)];
    }

    private static decimal? BaselineOf(BaselineFrozen? frozen, Interval period) =>
        frozen?.Periods.FirstOrDefault(each => each.Period == period)?.Kwh;

    private static IEnumerable<DeliveredPeriod> Periods(
        DispatchInstructed order, InstructionTarget target, IReadOnlyList<Interval> called, BaselineFrozen? frozen,
        IReadOnlyList<MeteredEnergy?> metered, IReadOnlyList<HeldElsewhere> elsewhere) =>
        called.Select((period, i) =>
        {
            var baseline = BaselineOf(frozen, period);
            var unproven = baseline is not null && metered[i] is not null ? null
                : baseline is not null ? "not wholly metered"
                : frozen is null ? "no baseline is frozen"
                : frozen.Awaits is not null ? "the baseline awaits meter values"
                : frozen.Insufficient is { } why ? $"no baseline: {why}" : "the baseline is of other periods";
            var ordered = baseline is { } without ? Ordered(order, target, without, period) : (decimal?)null;
            var response = baseline - metered[i]?.Net;
            return new DeliveredPeriod(target.Point, period, ordered, baseline, metered[i]?.Net,
                Most(0, response < ordered ? response : ordered, response), Most(0, ordered - response, response),
                Most(0, response - ordered, response),
                elsewhere.Where(part => part.Period == period).Sum(part => part.Kwh), unproven);
        });

    // Unknown where the response is.
    private static decimal? Most(decimal least, decimal? value, decimal? response) =>
        response is null ? null : Math.Max(least, value!.Value);

    /// <summary>
    /// What the order asks of the baseline, in kWh: to come down to the cap, or to the ordered export.
    /// An order that the baseline already meets asks nothing. A cap under which part of an offer is taken asks for that
    /// part, wherever the baseline lies: so much less was offered, and so much of it was bought (UFTP flex order).
    /// </summary>
    private static decimal Ordered(
        DispatchInstructed order, InstructionTarget target, decimal baselineKwh, Interval period) =>
        order is { Kind: InstructionKind.Curtail, Activation: { } activation }
            ? Kwh(activation.Of(target.Point), period)
            : Math.Max(0, baselineKwh
                - (order.Kind == InstructionKind.Export ? -Kwh(target.Quantity, period)
                    : Kwh(target.Quantity, period)));

    // kWh = kW · s ÷ 3600, kept to the decimals of a frozen baseline.
    private static decimal Kwh(Power power, Interval period) => Math.Round(
        power.Kilowatts * (decimal)period.Duration.TotalSeconds / 3600m, FrozenBaselines.KwhDecimals,
        MidpointRounding.ToEven);

    /// <summary>
    /// One kWh counts once: what the claim of another programme holds of a period,
    /// unless both declared that they share. Precedence was decided when it was claimed;
    /// this programme gets back what it claims and precedes in.
    /// </summary>
    private static IEnumerable<HeldElsewhere> Held(
        ClaimsState claims, DispatchInstructed order, ProgrammePublished? terms, SettlementPointId point,
        Interval period) => Held(claims, OwnDirection(order), terms, point, period);

    /// <summary>
    /// What claims of the other direction hold: a load that is curtailed may turn into an export, and an order to
    /// export first ends a load. No more is held by them than came in their own direction, in order of the claims.
    /// </summary>
    private static IEnumerable<HeldElsewhere> HeldOfOther(
        ClaimsState claims, DispatchInstructed order, ProgrammePublished? terms, SettlementPointId point,
        Interval period, decimal? baselineKwh, MeteredEnergy? metered)
    {
        if (baselineKwh is not { } without || metered is null) yield break;
        var other = OwnDirection(order) == Direction.Import ? Direction.Export : Direction.Import;
        var left = other == Direction.Export
            ? metered.Export - Math.Max(0m, -without) : Math.Max(0m, without) - metered.Import;
        foreach (var held in Held(claims, other, terms, point, period))
        {
            var kwh = Math.Min(held.Kwh, left);
            if (kwh <= 0m) yield break;
            left -= kwh;
            yield return held with { Kwh = kwh, IsOfOtherDirection = true };
        }
    }

    private static Direction OwnDirection(DispatchInstructed order) =>
        order.Kind == InstructionKind.Export ? Direction.Export : Direction.Import;

    private static IEnumerable<HeldElsewhere> Held(
        ClaimsState claims, Direction direction, ProgrammePublished? terms, SettlementPointId point,
        Interval period) =>
        DeliveryClaims.Holding(claims, direction, period)
            .Where(stretch => terms is not null && stretch.Claim.Programme != terms.Programme
                && !(terms.SharesWith.Contains(stretch.Claim.Programme)
                && stretch.Claim.SharesWith.Contains(terms.Programme)))
            .Select(stretch =>
                new HeldElsewhere(point, period, stretch.Claim.Claim, stretch.Claim.Programme, stretch.Claim.Precedence,
                DeliveryClaims.EnergyWithin(stretch.Claim, new Interval(
                    Instant.Max(stretch.Period.Start, period.Start), Instant.Min(stretch.Period.End, period.End)))
                    .ToDecimalKwh(FrozenBaselines.KwhDecimals)));
}
