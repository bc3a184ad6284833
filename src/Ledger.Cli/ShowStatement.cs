using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>What a page of a statement says beside its lines: how complete it is, who published it, its corrections as
/// deltas, its flexibility, and its double entries.</summary>
internal sealed record ShowStatement(
    TimeOfUseSettlement.RunRow Run, Statement Statement, Completeness Completeness,
    TimeOfUseSettlement.PublicationRow? Publication, FlexibilityStatement Flexibility, CorrectedStatement? Corrected)
{
    public static async Task<ShowStatement> GatherAsync(LedgerReader ledger, Answers answers,
        TimeOfUseSettlement.RunRow run, Statement statement, CancellationToken ct) => new(
        run, statement,
        await Publications.CompletenessAsync(ledger.Journal, ledger.Views, run, statement, ct).ConfigureAwait(false),
        answers.Publications().FirstOrDefault(row => row.Run == run.Run),
        await FlexibilityStatements.OfAsync(ledger.Journal, ledger.Views, new(run.Account), RowJson.Day(run.Day),
            run.AtPosition, ct).ConfigureAwait(false),
        await StatementCorrections.CheckAsync(ledger.Journal, ledger.Views, run, statement, ct).ConfigureAwait(false));

    private IReadOnlyList<LedgerEntry> Entries => DoubleEntry.Of(Statement, Publication is not null, Flexibility.Lines);

    public void AddFields(Page page)
    {
        page.Field("complete", null, Completeness.IsComplete)
            .Field("stationsExpected", null, Completeness.StationsExpected)
            .Field("stationsComplete", null, Completeness.StationsComplete)
            .Field("linesExpected", null, Completeness.LinesExpected)
            .Field("linesMetered", null, Completeness.LinesMetered)
            .Field("linesPriced", null, Completeness.LinesPriced)
            .Field("pointsLeftOut", null, Completeness.PointsLeftOut)
            .Field(null, "complete", $"{Cell.Shown(Completeness.IsComplete)}: {Completeness.StationsComplete} of "
                + $"{Completeness.StationsExpected} stations, {Completeness.LinesPriced} of {Completeness.LinesExpected} "
                + $"lines; {Completeness.PointsLeftOut} points left out")
            .Field("publishedBy", "published by", Publication?.PublishedBy ?? "nobody yet")
            .Field("calculatedBy", Publication is null ? null : "calculated by", Publication?.CalculatedBy)
            .Field("runDigest", Publication is null ? null : "run's SHA-256", Publication?.RunDigest)
            .Field("tariffDigest", Publication is null ? null : "tariff's SHA-256", Publication?.TariffDigest)
            .Field("conserved", "nothing made or lost",
                DoubleEntry.NotConserved(Statement, Entries, Flexibility.Lines) ?? "yes");
        if (Corrected is not null)
            page.Field("totalWithDeltas", "total with its deltas", Corrected.Total)
                .Field("totalRunAgain", "the day run again", Corrected.TotalRunAgain)
                .Field("deltasAdd", "run and deltas are it", Corrected.Unlike is null)
                .Field("deltasDiffer", Corrected.Unlike is null ? null : "not the same", Corrected.Unlike);
        if (Flexibility.Lines.Count == 0) return;
        var total = Flexibility.Lines.Sum(line => line.Amount ?? 0m);
        page.Field("flexibilityTotal", "flexibility", total)
            .Field("totalWithFlexibility", "total with flexibility", Run.Currency == Flexibility.Lines[0].Currency
                ? Run.Total + total : null)
            .Field("flexibilityDiffers", null, Publication is not null
                && Publication.FlexibilityRoot != FlexibilityLines.Root(Flexibility.Lines).Hex);
    }

    public void AddTables(Page page)
    {
        if (Publication is { RulePacks.Count: > 0 })
            page.Table("rulePacks", "rule packs", Listing.Of(Publication.RulePacks, new("pack", "pack", row => row.Pack),
                new("version", "version", row => row.Version), new("sha256", "SHA-256", row => row.Digest)));
        if (Corrected is not null)
            page.Table("deltas", "corrections booked on it", Listing.Of(Corrected.Deltas,
                new("run", "correction", row => row.Booked.Run.Value), new("style", "style", row => row.Booked.Style),
                new("atPosition", "facts before position", row => row.Booked.AtPosition),
                new("lines", "lines", row => row.Booked.Lines), new("total", "total", row => row.Booked.Total),
                new("differs", "derived again", row => row.Differs ?? "the same")));
        if (Flexibility.Lines.Count > 0)
            page.Table("flexibility", "lines of flexibility", FlexibilityTable())
                .Table("flexibilityPostings", "their postings",
                    SettlementListings.Postings(FlexibilityLines.Postings(Flexibility.Lines)));
        page.Table("balances", "what each account has by double entry", Listing.Of(DoubleEntry.Balances(Entries),
            new("account", "account", row => row.Account),
            new("energyPendingKwh", "kWh pending", row => row.EnergyPending),
            new("energyPostedKwh", "kWh posted", row => row.EnergyPosted),
            new("moneyPending", "money pending", row => row.MoneyPending),
            new("moneyPosted", "money posted", row => row.MoneyPosted)));
    }

    private Listing FlexibilityTable() => Listing.Of(Flexibility.Lines,
        new("line", "line", row => row.Number), new("instruction", "instruction", row => row.Instruction.Value),
        new("programme", "programme", row => row.Programme.Value), new("paid", "paid", row => row.Paid),
        new("start", "from", row => row.Covers.Start), new("kind", "kind", row => row.Kind),
        new("kwh", "kWh", row => row.Kwh), new("amount", "amount", row => row.Amount),
        new("payer", "payer", row => row.Payer.Value), new("payee", "payee", row => row.Payee.Value),
        new("source", "by", row => row.Source), new("problem", "problem", row => row.Problem));
}
