using System.Collections.ObjectModel;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>The lines of flexibility of a statement, and the rule packs by which they were measured and
/// scored.</summary>
/// <param name="CountsOnce">Whether something is not paid because it is paid otherwise: by an earlier call, or to
/// another owner of the station.</param>
/// <param name="CountsBothDirections">Whether a claim of the other direction than its order's holds something of
/// it.</param>
/// <param name="CountsAsRecorded">Whether it matters when an instruction was recorded.</param>
/// <param name="CountsEachPoint">Whether it pays otherwise than before
/// <see cref="Settlement.EachPointRuleVersion"/>.</param>
/// <param name="CountsInTime">The same of <see cref="Settlement.InTimeRuleVersion"/>.</param>
/// <param name="CountsAsAgreed">The same of <see cref="Settlement.AgreedRuleVersion"/>.</param>
/// <param name="CountsReadyOnce">The same of <see cref="Settlement.ReadyOnceRuleVersion"/>.</param>
public sealed record FlexibilityStatement(
    IReadOnlyList<FlexibilityLine> Lines, IReadOnlyList<(RulePackId Pack, int Version)> Packs, bool CountsOnce,
    bool CountsBothDirections, bool CountsAsRecorded, bool CountsEachPoint, bool CountsInTime,
    bool CountsAsAgreed, bool CountsReadyOnce);

/// <summary>
/// What the programmes that name a payer owe an account for the calls of one day: from the deliveries as known before
/// a position, so that a position gives the same lines for ever. A call belongs to the settlement day on which it
/// begins, and to the statement of whom it pays; power held ready, to the days on which it was. A call that was
/// withdrawn before it began is owed nothing; one without a frozen baseline is owed what nobody knows yet.
/// </summary>
public static class FlexibilityStatements
{
    public static async Task<FlexibilityStatement> OfAsync(IJournal journal, IViewStore views, PartyId account,
        LocalDate day, long position, string ruleVersion, CancellationToken ct)
    {
        var (lines, packs) = (new List<FlexibilityLine>(), new List<(RulePackId, int)>());
        var (once, both, recorded, eachPoint, inTime, agreed) = (false, false, false, false, false, false);
        var answers = new Answers(views, position - 1);
        foreach (var instruction in Calls(answers, account, day))
        {
            if (await Deliveries.PaidAsync(journal, answers, instruction, position, ruleVersion, ct)
                .ConfigureAwait(false) is not { } delivered) continue;
            var known = new KnownFacts(journal, position, ct);
            if (await ProgrammeAsync(known, delivered).ConfigureAwait(false) is not { Payer: { } payer } programme
                || payer == account || delivered.WithdrawnAt <= delivered.Order.Period.Start) continue;
            var owned = await OwnersAsync(known, delivered).ConfigureAwait(false);
            bool Pays(SettlementPointId point) => owned.TryGetValue(point, out var of)
                && (programme.Payee ?? of.Owner) == account
                && delivered.Order.Period.Start.InZone(DateTimeZoneProviders.Tzdb[of.Zone]).Date == day;
            if (delivered.Terms is not { } terms)
            {
                lines.AddRange(delivered.Order.Targets.Select(target => target.Point).Where(Pays).Order()
                    .Select(point => Unknown(delivered, programme, $"{point}", payer, account, delivered.WhyNoTerms ?? "no terms")));
                continue;
            }
            agreed |= delivered.Behind.Any(each => Pays(each.Point));
            foreach (var share in delivered.Shares.Where(share => Pays(share.Points[0])))
            {
                once |= share.IsCalledTwice || share.IsOfOneOwner;
                // What is given back of penalties follows from all shares of the call.
                var from = terms.Programme.Redistribution is null ? [share] : delivered.Shares;
                recorded |= from.Any(each => each.IsAsRecorded);
                eachPoint |= from.Any(each => each.IsOfEachPoint);
                inTime |= from.Any(each => each.MayBeLate);
                agreed |= from.Any(each => each.IsAsAgreed)
                    || (terms.Programme.Redistribution is not null && delivered.Behind.Count > 0);
                both |= delivered.Held.Any(held =>
                    held.IsOfOtherDirection && from.Any(each => each.Points.Contains(held.Point)));
                lines.AddRange(Lines(delivered, share, terms, payer, account));
                packs.AddRange(delivered.Baselines.Select(frozen => (frozen.Pack, frozen.PackVersion)));
                if (terms.Scoring is { } scoring) packs.Add((scoring.Pack, scoring.Version));
            }
        }
        var (ready, readyInTime, readyOnce) = await ReadyAsync(
            journal, answers, account, day, position, ruleVersion, ct).ConfigureAwait(false);
        lines.AddRange(ready);
        return new([.. lines.Select((line, i) => line with { Number = i + 1 })], [.. packs.Distinct().Order()], once,
            both, recorded, eachPoint, inTime || readyInTime, agreed, readyOnce);
    }

    /// <summary>What is paid for power held ready on the day, in order of point and programme, and whether it is
    /// another pay than where all terms are believed, or where points behind each other are paid each; which to look
    /// at, the views are asked.</summary>
    private static async Task<(IReadOnlyList<FlexibilityLine> Lines, bool InTime, bool Once)> ReadyAsync(
        IJournal journal, Answers answers, PartyId account, LocalDate day, long position, string ruleVersion,
        CancellationToken ct)
    {
        var paying = answers.Programmes().Where(programme => programme.AvailabilityPerKwHour is not null)
            .ToLookup(programme => programme.Programme, StringComparer.Ordinal);
        if (paying.Count == 0) return ([], false, false);
        var own = answers.PointsOf(account).Select(point => point.Value).ToHashSet(StringComparer.Ordinal);
        var (reasons, lines) = (new CallReasons(journal, answers, position, ruleVersion, ct),
            new List<FlexibilityLine>());
        var (inTime, once) = (false, false);
        foreach (var (point, programme) in answers.Enrolments().Where(row => paying.Contains(row.Programme)
                && (own.Contains(row.Point) || paying[row.Programme].Any(version => version.Payee == account.Value)))
            .Select(row => (new SettlementPointId(row.Point), new ProgrammeId(row.Programme))).Distinct().Order())
        {
            if (await reasons.DayOfAsync(point, day).ConfigureAwait(false) is not (var registered, var whole)) continue;
            var ready = await reasons.ReadyAsync(programme, point, whole).ConfigureAwait(false);
            var paid = ReadyLines(ready, account, registered.Owner, whole);
            var believed = ready with { RecordedAt = ReadOnlyDictionary<long, Instant>.Empty };
            inTime |= !paid.SequenceEqual(ReadyLines(believed, account, registered.Owner, whole));
            once |= !paid.SequenceEqual(ReadyLines(ready with { Beside = [] }, account, registered.Owner, whole));
            lines.AddRange(paid);
        }
        return (lines, inTime, once);
    }

    private static List<FlexibilityLine> ReadyLines(ReadyPoint ready, PartyId account, PartyId owner, Interval day) =>
        [.. AvailabilityPay.Of(ready, day, Deliveries.MoneyDecimals)
            .Where(each => (each.Programme.Fact.Payee ?? owner) == account && each.Programme.Fact.Payer != account)
            .Select(each => new FlexibilityLine(0, null, each.Programme.Fact.Programme, ready.Point.Value, each.Covers,
                FlexibilityKind.Availability, each.KwHours, Credited(each.Amount), each.Programme.Fact.Currency,
                each.Programme.Fact.Payer!.Value, account, $"{each.Programme.Fact.Programme} v"
                    + each.Programme.Fact.Version.ToString(CultureInfo.InvariantCulture), null))];

    /// <summary>
    /// The calls to look at, in order of their beginning: those of a programme that pays, near the day, that name a
    /// point of the account or whose programme pays it. The views are only asked which; what is owed comes from the
    /// journal, and a call that they hide is missed by the number and root of the lines.
    /// </summary>
    private static IEnumerable<InstructionId> Calls(Answers answers, PartyId account, LocalDate day)
    {
        var paying = answers.Programmes().Where(programme => programme.Payer is not null).ToLookup(
            programme => programme.Programme, StringComparer.Ordinal);
        if (paying.Count == 0) return [];
        var points = answers.PointsOf(account).Select(point => point.Value).ToHashSet(StringComparer.Ordinal);
        return [.. answers.Instructions().Where(order => order.Programme is { } named && paying.Contains(named)
                // What begins more than a day away begins on no day of that date, in whatever zone.
                && Math.Abs(Period.DaysBetween(order.Start.InUtc().Date, day)) <= 1
                && (paying[named].Any(version => version.Payee == account.Value)
                    || answers.Instruction(new(order.Instruction))!.Targets
                        .Any(target => points.Contains(target.Point))))
            .OrderBy(order => order.Start).ThenBy(order => order.Instruction, StringComparer.Ordinal)
            .Select(order => new InstructionId(order.Instruction))];
    }

    /// <summary>The programme as it held when the call was issued.</summary>
    private static async Task<ProgrammePublished?> ProgrammeAsync(KnownFacts known, Delivered delivered) =>
        delivered.Order.Programme is not { } named ? null
        : delivered.Terms?.Programme ?? (await known.StateAsync(Streams.Programme(named), ProgrammeState.Empty,
            Programmes.Evolve).ConfigureAwait(false)).At(delivered.Order.IssuedAt);

    private static FlexibilityLine Unknown(Delivered delivered, ProgrammePublished programme, string paid,
        PartyId payer, PartyId payee, string why) => new(
        0, delivered.Order.Instruction, programme.Programme, paid, delivered.Order.Period, FlexibilityKind.Energy, null,
        null, programme.Currency, payer, payee, "no baseline", why);

    private static IEnumerable<FlexibilityLine> Lines(
        Delivered delivered, DeliveryShare share, CallTerms terms, PartyId payer, PartyId payee)
    {
        var source = terms.Scoring is { } scoring
            ? $"{scoring.Pack} v{scoring.Version.ToString(CultureInfo.InvariantCulture)}" : "no scoring";
        FlexibilityLine Line(Interval covers, FlexibilityKind kind, decimal? kwh, decimal? amount,
            string? problem) => new(
            0, delivered.Order.Instruction, terms.Programme.Programme, share.Paid, covers, kind, kwh, amount,
            terms.Programme.Currency, payer, payee, source, problem);
        if (share.Statement is not { } statement)
        {
            yield return Line(delivered.Order.Period, FlexibilityKind.Energy, null, null, share.WhyNot ?? "not scored");
            yield break;
        }
        foreach (var line in statement.Lines)
        {
            yield return Line(line.Covers, FlexibilityKind.Energy, line.EffectiveKwh, Credited(line.Payment), null);
            if (line.Penalty != 0m)
                yield return Line(line.Covers, FlexibilityKind.Penalty, line.ShortfallKwh, line.Penalty, null);
        }
        foreach (var gap in statement.Unproven)
            yield return Line(gap, FlexibilityKind.Energy, null, null, "unproven");
        if (share.Penalties is { } back)
            yield return Line(delivered.Order.Period, FlexibilityKind.Redistribution, null,
                back.Back is { } due ? Credited(due) : null,
                back.Back is null ? back.WhyNot : null);
    }

    // Nothing is zero, never a zero below zero, which would be another text.
    private static decimal Credited(decimal due) => due == 0m ? 0m : -due;

    /// <summary>Who owns each target when the call begins, and in which zone its day is.</summary>
    private static async Task<Dictionary<SettlementPointId, (PartyId Owner, string Zone)>> OwnersAsync(
        KnownFacts known, Delivered delivered)
    {
        var owners = new Dictionary<SettlementPointId, (PartyId, string)>();
        foreach (var target in delivered.Order.Targets)
            if (await BaselineCalculations.RegisteredAsync(known, target.Point, delivered.Order.Period)
                .ConfigureAwait(false) is { } registered)
                owners[target.Point] = (registered.Owner, registered.Zone);
        return owners;
    }
}
