using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>The lines of flexibility of a statement, and the rule packs by which they were measured and
/// scored.</summary>
public sealed record FlexibilityStatement(
    IReadOnlyList<FlexibilityLine> Lines, IReadOnlyList<(RulePackId Pack, int Version)> Packs);

/// <summary>
/// What the programmes that name a payer owe an account for the calls of one day: from the deliveries as known before
/// a position, so that a position gives the same lines for ever. A call belongs to the settlement day on which it
/// begins, and to the statement of whom it pays.
/// </summary>
public static class FlexibilityStatements
{
    public static async Task<FlexibilityStatement> OfAsync(IJournal journal, IViewStore views, PartyId account,
        LocalDate day, long position, CancellationToken ct)
    {
        var (lines, packs) = (new List<FlexibilityLine>(), new List<(RulePackId, int)>());
        foreach (var order in new Answers(views, position - 1).Instructions()
            .OrderBy(order => order.Start).ThenBy(order => order.Instruction, StringComparer.Ordinal))
        {
            // What begins more than a day away begins on no day of that date, in whatever zone.
            if (Math.Abs(Period.DaysBetween(order.Start.InUtc().Date, day)) > 1) continue;
            if (await Deliveries.DeriveAsync(journal, new(order.Instruction), position, ct).ConfigureAwait(false)
                is not { Terms: { Programme.Payer: { } payer } terms } delivered) continue;
            var owned = await OwnersAsync(journal, delivered, position, ct).ConfigureAwait(false);
            foreach (var share in delivered.Shares)
            {
                var (owner, zone) = owned[share.Points[0]];
                if ((terms.Programme.Payee ?? owner) != account || payer == account
                    || delivered.Order.Period.Start.InZone(DateTimeZoneProviders.Tzdb[zone]).Date != day) continue;
                lines.AddRange(Lines(delivered, share, terms, payer, account));
                packs.AddRange(delivered.Baselines.Select(frozen => (frozen.Pack, frozen.PackVersion)));
                if (terms.Scoring is { } scoring) packs.Add((scoring.Pack, scoring.Version));
            }
        }
        return new([.. lines.Select((line, i) => line with { Number = i + 1 })], [.. packs.Distinct().Order()]);
    }

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
        IJournal journal, Delivered delivered, long position, CancellationToken ct)
    {
        var known = new KnownFacts(journal, position, ct);
        var owners = new Dictionary<SettlementPointId, (PartyId, string)>();
        foreach (var point in delivered.Shares.SelectMany(share => share.Points))
            if (await known.InForceAsync<SettlementPointRegistered>(
                Streams.Point(point), delivered.Order.Period.Start).ConfigureAwait(false) is { } registered)
                owners[point] = (registered.Owner, registered.Zone);
        return owners;
    }
}
