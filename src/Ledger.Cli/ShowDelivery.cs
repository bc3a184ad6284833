using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger show delivery INSTRUCTION</c> and <c>ledger show baseline INSTRUCTION</c>: what would have been, what was,
/// and what the difference is worth by the terms that held at the notice.
/// </summary>
internal static class ShowDelivery
{
    public static async Task<Page> BaselineAsync(LedgerReader ledger, long? asOf, string about, CancellationToken ct)
    {
        var id = Instruction(about);
        var frozen = await Deliveries.FrozenAsync(ledger.Journal, id, Before(ledger, asOf), ct).ConfigureAwait(false);
        return frozen.Count == 0
            ? throw new CouldNotException($"no baseline of {id} is frozen; 'ledger freeze {id}' does it")
            : ledger.Page("baseline", asOf).Field("instruction", "instruction", id.Value).Add(frozen);
    }

    /// <summary>The delivery of an instruction as known at a position, and as it reads at an instant.</summary>
    public static async Task<Delivered> FindAsync(
        LedgerReader ledger, long? asOf, Instant at, string about, CancellationToken ct) =>
        (await Deliveries.PaidAsync(ledger.Journal, ledger.Answers(asOf), Instruction(about), Before(ledger, asOf), ct)
            .ConfigureAwait(false)
            ?? throw new CouldNotException($"there is no dispatch instruction {about}")).ReadAt(at);

    public static async Task<Page> PageAsync(
        LedgerReader ledger, long? asOf, Instant readAt, string about, CancellationToken ct)
    {
        var found = await FindAsync(ledger, asOf, readAt, about, ct).ConfigureAwait(false);
        var order = found.Order;
        var id = order.Instruction;
        var page = ledger.Page("delivery", asOf)
            .Field("instruction", null, id.Value).Field("kind", null, order.Kind)
            .Field(null, "instruction", $"{id}: {Cell.Shown(order.Kind)}, issued at {Cell.Shown(order.IssuedAt)}")
            .Field("start", null, order.Period.Start).Field("end", null, order.Period.End)
            .Field(null, "holds", $"{Cell.Shown(order.Period.Start)} to {Cell.Shown(order.Period.End)}"
                + (found.WithdrawnAt is { } at ? $", withdrawn at {Cell.Shown(at)}" : "")
                + (found.NotOverAt is not null ? $"; {CallTime.NotOverYet}" : ""))
            .Field("isNotOver", null, found.NotOverAt is not null)
            .Field("withdrawnAt", null, found.WithdrawnAt)
            .Field("activationPermille", null, order.Activation?.Permille);
        var answers = ledger.Answers(asOf);
        if (answers.UnknownTargets(answers.Instruction(id)!) is { Count: > 0 } unknown)
            page.Field(null, "unknown", $"{string.Join(", ", unknown)}: {ShowCompliance.NobodyRegistered}");
        if (order.Activation is { } activation)
            page.Field(null, "takes", $"{Cell.Shown(activation.Permille / 10m)} % of what was offered");
        Terms(page, found);
        return Tables(page
            .Field("net", null, found.Net)
            .Field(null, "net", found.Net is { } net ? $"{Cell.Shown(net)} {found.Terms!.Programme.Currency}"
                : found.NotOverAt is not null ? "unknown: the call is not over yet"
                : "unknown: something of it is unproven or not scored"), found);
    }

    private static void Terms(Page page, Delivered found)
    {
        page.Field("provisional", "provisional", found.Provisional
            ? "yes: numbers of a rule behind these figures were not read in the rule itself" : "no");
        if (found.Terms is not { Programme: var programme } terms)
        {
            page.Field("notScored", "not scored", found.WhyNoTerms);
            return;
        }
        page.Field(null, "programme",
            $"{programme.Programme} v{programme.Version}, paid per {Cell.Shown(programme.PaidPer)}")
            .Field("programme", null, programme.Programme.Value).Field("programmeVersion", null, programme.Version)
            .Field("paidPer", null, programme.PaidPer).Field("currency", null, programme.Currency)
            .Field("baselinePack", null, terms.Baseline.Pack.Value)
            .Field("baselinePackVersion", null, terms.Baseline.Version)
            .Field(null, "baseline by", Named(terms.Baseline))
            .Field("scoringPack", null, terms.Scoring?.Pack.Value)
            .Field("scoringPackVersion", null, terms.Scoring?.Version)
            .Field("level", null, terms.Scoring?.Scoring?.Level)
            .Field("redistribution", null, programme.Redistribution)
            .Field(null, "scored by", terms.Scoring is { Scoring: { } rule } scoring
                ? $"{Named(scoring)}, over each {Cell.Shown(rule.Level)}" : null);
        if (programme.Redistribution is { } by)
            page.Field(null, "penalties", $"given back to those who were called, by what was {Energy(by)}");
        page.Field("noticeMs", null, programme.NoticeMs)
            .Field("rampMs", null, Math.Max(programme.RampMs, found.Order.RampAllowanceMs))
            .Field("tolerancePermille", null, programme.TolerancePermille);
        if (found.Periods.Sum(period => period.MayLackKwh) is > 0m and var kwh)
            page.Field(null, "may lack", $"{Cell.Shown(kwh)} kWh without a penalty, by ramp and tolerance");
        if (terms.Scoring?.Scoring?.Level == ScoringLevel.Month)
            page.Note("The rule counts over a month; this page counts this call alone.");
    }

    private static string Energy(RedistributionWeight by) => by switch
    {
        RedistributionWeight.OverDelivery => "delivered beyond the order",
        RedistributionWeight.Delivered => "delivered",
        _ => "ordered",
    };

    private static string Named(RulePackPublished pack) =>
        $"{pack.Pack} v{pack.Version}{(pack.Provisional ? ", provisional" : "")}: {pack.Source}";

    private static Page Tables(Page page, Delivered found)
    {
        page.Table("shares", found.Terms?.Programme.Redistribution is null
                ? "payment less penalty is net" : "payment less penalty, and what comes back of all penalties, is net",
                DeliveryListings.Shares(found))
            // Where nobody is paid there are none, and it is said why.
            .Table("lines", found.Shares.Count == 0 ? null : "lines, at the level of the rule",
                DeliveryListings.Lines(found.Shares))
            .Table("unprovenIntervals", found.Shares.Count == 0 ? null : "intervals for which nothing is settled",
                DeliveryListings.Gaps(found))
            .Table("periods", "delivery by settlement period, kWh", DeliveryListings.Periods(found.Periods))
            .Table("unprovenPeriods", null, DeliveryListings.Unproven(found.Periods))
            .Table("unprovenTogether", "periods of which something is unknown",
                DeliveryListings.UnprovenTogether(found.Periods));
        if (found.Order.Activation is not null)
            page.Table("offers", "offers, of which the order takes a part", DeliveryListings.Offers(found.Order));
        if (found.Behind.Count > 0)
            page.Table("behind", "targets that lie behind another one, where the same energy is paid",
                DeliveryListings.Behind(found));
        if (found.Held.Count > 0)
            page.Table("heldElsewhere", "energy that another programme holds: it is not paid here again",
                DeliveryListings.Held(found.Held));
        return page.Note("Ordered is what the instruction asks of the frozen baseline. 'ledger show baseline' has its "
            + "days and reasons.");
    }

    private static InstructionId Instruction(string about) =>
        CommandLine.Read<InstructionId>(about, InstructionId.TryParse, "INSTRUCTION is an identifier");

    private static long Before(LedgerReader ledger, long? asOf) => ledger.Answers(asOf).KnownBefore;
}
