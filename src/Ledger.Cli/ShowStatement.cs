using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>What a page of a statement says beside its lines: how complete it is, who published it, its corrections as
/// deltas, its flexibility, and its double entries.</summary>
internal static class ShowStatement
{
    public static async Task<Page> AddToAsync(
        Page page, LedgerReader ledger, Answers answers, TimeOfUseSettlement.RunRow run, Statement statement,
        CancellationToken ct)
    {
        var complete = await Publications.CompletenessAsync(ledger.Journal, ledger.Views, run, statement, ct)
            .ConfigureAwait(false);
        page.Field("complete", "complete", complete.IsComplete)
            .Field("stationsExpected", null, complete.StationsExpected)
            .Field("stationsComplete", null, complete.StationsComplete)
            .Field("linesExpected", null, complete.LinesExpected).Field("linesMetered", null, complete.LinesMetered)
            .Field("linesPriced", null, complete.LinesPriced).Field("pointsLeftOut", null, complete.PointsLeftOut)
            .Field(null, "received", $"{complete.StationsComplete} of {complete.StationsExpected} stations, "
                + $"{complete.LinesMetered} of {complete.LinesExpected} lines metered, {complete.LinesPriced} priced; "
                + $"{complete.PointsLeftOut} points left out");
        var publication = answers.Publications().FirstOrDefault(row => row.Run == run.Run);
        page.Field("publishedBy", "published by", publication?.PublishedBy ?? "nobody yet")
            .Field("calculatedBy", null, publication?.CalculatedBy);
        if (publication is not null)
            page.Field("runDigest", "run's SHA-256", publication.RunDigest)
                .Field("tariffDigest", "tariff's SHA-256", publication.TariffDigest);
        if (publication is { RulePacks.Count: > 0 })
            page.Table("rulePacks", "rule packs", Listing.Of(publication.RulePacks, new("pack", "pack", row => row.Pack),
                new("version", "version", row => row.Version), new("sha256", "SHA-256", row => row.Digest)));
        var flexibility = await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new(run.Account),
            RowJson.Day(run.Day), run.AtPosition, ct).ConfigureAwait(false);
        await AddCorrectionsAsync(page, ledger, run, statement, ct).ConfigureAwait(false);
        if (flexibility.Lines.Count > 0) AddFlexibility(page, flexibility, run, publication);
        return AddEntries(page, statement, flexibility.Lines, publication is not null);
    }

    private static async Task AddCorrectionsAsync(Page page, LedgerReader ledger, TimeOfUseSettlement.RunRow run,
        Statement statement, CancellationToken ct)
    {
        if (await StatementCorrections.CheckAsync(ledger.Journal, ledger.Views, run, statement, ct)
            .ConfigureAwait(false) is not { } corrected) return;
        page.Field("totalWithDeltas", "total with its deltas", corrected.Total)
            .Field("totalRunAgain", "the day run again", corrected.TotalRunAgain)
            .Field("deltasAdd", "run and deltas are it", corrected.Unlike is null)
            .Field("deltasDiffer", corrected.Unlike is null ? null : "not the same", corrected.Unlike)
            .Table("deltas", "corrections booked on it", Listing.Of(corrected.Deltas,
                new("run", "correction", row => row.Booked.Run.Value), new("style", "style", row => row.Booked.Style),
                new("atPosition", "facts before position", row => row.Booked.AtPosition),
                new("lines", "lines", row => row.Booked.Lines), new("total", "total", row => row.Booked.Total),
                new("differs", "derived again", row => row.Differs ?? "the same")));
    }

    private static void AddFlexibility(Page page, FlexibilityStatement flexibility, TimeOfUseSettlement.RunRow run,
        TimeOfUseSettlement.PublicationRow? publication)
    {
        var total = flexibility.Lines.Sum(line => line.Amount ?? 0m);
        page.Field("flexibilityTotal", "flexibility", total)
            .Field("totalWithFlexibility", "total with flexibility", run.Currency == flexibility.Lines[0].Currency
                ? run.Total + total : null)
            .Field("flexibilityDiffers", null, publication is not null
                && publication.FlexibilityRoot != FlexibilityLines.Root(flexibility.Lines).Hex)
            .Table("flexibility", "lines of flexibility", Listing.Of(flexibility.Lines,
                new("line", "line", row => row.Number), new("instruction", "instruction", row => row.Instruction.Value),
                new("programme", "programme", row => row.Programme.Value), new("paid", "paid", row => row.Paid),
                new("start", "from", row => row.Covers.Start), new("kind", "kind", row => row.Kind),
                new("kwh", "kWh", row => row.Kwh), new("amount", "amount", row => row.Amount),
                new("payer", "payer", row => row.Payer.Value), new("payee", "payee", row => row.Payee.Value),
                new("source", "by", row => row.Source), new("problem", "problem", row => row.Problem)))
            .Table("flexibilityPostings", "their postings",
                SettlementListings.Postings(FlexibilityLines.Postings(flexibility.Lines)));
    }

    private static Page AddEntries(Page page, Statement statement, IReadOnlyList<FlexibilityLine> flexibility,
        bool isPublished)
    {
        var entries = DoubleEntry.Of(statement, isPublished, flexibility);
        return page.Field("conserved", "nothing made or lost",
                DoubleEntry.NotConserved(statement, entries, flexibility) ?? "yes")
            .Table("balances", "what each account has by double entry", Listing.Of(DoubleEntry.Balances(entries),
                new("account", "account", row => row.Account),
                new("energyPendingKwh", "kWh pending", row => row.EnergyPending),
                new("energyPostedKwh", "kWh posted", row => row.EnergyPosted),
                new("moneyPending", "money pending", row => row.MoneyPending),
                new("moneyPosted", "money posted", row => row.MoneyPosted)));
    }
}
