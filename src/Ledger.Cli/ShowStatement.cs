using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>What a page of a statement says beside its lines: how complete it is, who published it, its corrections as
/// deltas, its flexibility, and its double entries.</summary>
internal sealed record ShowStatement(
    TimeOfUseSettlement.RunRow Run, Statement Statement, (Completeness Completeness, int Behind) Known,
    TimeOfUseSettlement.PublicationRow? Publication, CorrectedStatement? Corrected)
{
    public static async Task<ShowStatement> GatherAsync(LedgerReader ledger, Answers answers,
        TimeOfUseSettlement.RunRow run, Statement statement, CancellationToken ct) => new(
        run, statement,
        await Publications.CompletenessAsync(ledger.Journal, ledger.Views, run, statement, ct).ConfigureAwait(false),
        answers.Publications().FirstOrDefault(row => row.IsOf(run)),
        await StatementCorrections.CheckAsync(
            ledger.Journal, ledger.Views, run, statement, answers.KnownBefore, ct).ConfigureAwait(false));

    private Completeness Completeness => Known.Completeness;

    private bool IsComplete => Completeness.IsCompleteWith(Statement.Incomplete ? 0 : Statement.Flexibility.Count);

    private IReadOnlyList<LedgerEntry> Entries => DoubleEntry.Of(Statement, Publication is not null);

    public void AddFields(Page page)
    {
        page.Field("complete", null, IsComplete)
            .Field("stationsExpected", null, Completeness.StationsExpected)
            .Field("stationsComplete", null, Completeness.StationsComplete)
            .Field("linesExpected", null, Completeness.LinesExpected)
            .Field("linesMetered", null, Completeness.LinesMetered)
            .Field("linesPriced", null, Completeness.LinesPriced)
            .Field("pointsLeftOut", null, Completeness.PointsLeftOut)
            .Field(null, "complete", $"{Cell.Shown(IsComplete)}: {Completeness.StationsComplete} of "
                + $"{Count(Completeness.StationsExpected, "station")}, {Completeness.LinesPriced} of "
                + $"{Count(Completeness.LinesExpected, "line")}; {LeftOut()}")
            .Field("publishedBy", "published by", Publication?.PublishedBy ?? "nobody yet")
            .Field("calculatedBy", Publication is null ? null : "calculated by", Publication?.CalculatedBy)
            .Field("runDigest", Publication is null ? null : "run's SHA-256", Publication?.RunDigest)
            .Field("tariffDigest", Publication is null ? null : "tariff's SHA-256", Publication?.TariffDigest)
            .Field("conserved", "nothing made or lost",
                DoubleEntry.NotConserved(Statement, Entries) ?? "yes");
        if (Corrected is not null)
            page.Field("totalWithDeltas", "total with its deltas", (Money)Corrected.Total)
                .Field("totalRunAgain", "the day run again", (Money)Corrected.TotalRunAgain)
                .Field("deltasAdd", "run and deltas are it", Corrected.Unlike is null)
                .Field("deltasDiffer", Corrected.Unlike is null ? null : "not the same", Corrected.Unlike);
        if (Statement.Flexibility.Count == 0) return;
        page.Field("flexibilityTotal", "of the total, flexibility", (Money)Money.With(
                Statement.MoneyDecimals, Statement.Flexibility.Sum(line => line.Amount ?? 0m)))
            .Field("flexibilityDiffers", null, Publication is not null
                && Publication.FlexibilityRoot != FlexibilityLines.Root(Statement.Flexibility).Hex);
    }

    /// <summary>What flows at a point behind one that is settled flows through that one too, and is settled there.
    /// </summary>
    private string LeftOut()
    {
        var (behind, others) = (Known.Behind, Completeness.PointsLeftOut - Known.Behind);
        var again = $"{Count(behind, "point")} behind one that is settled, and not settled again";
        return behind == 0 ? $"{Count(others, "point")} left out"
            : others == 0 ? again : $"{again}; {Count(others, "other point")} left out";
    }

    private static string Count(int count, string what) => string.Create(
        CultureInfo.InvariantCulture, $"{count} {what}{(count == 1 ? "" : "s")}");

    public void AddTables(Page page)
    {
        if (Publication is { RulePacks.Count: > 0 })
            page.Table("rulePacks", "rule packs", Listing.Of(Publication.RulePacks, new("pack", "pack", row => row.Pack),
                new("version", "version", row => row.Version), new("sha256", "SHA-256", row => row.Digest)));
        if (Corrected is not null)
            page.Table("deltas", "corrections booked on it", Listing.Of(Corrected.Deltas,
                new("run", "correction", row => row.Booked.Run.Value), new("style", "style", row => row.Booked.Style),
                new("atPosition", "facts before position", row => row.Booked.AtPosition),
                new("lines", "lines", row => row.Booked.Lines), new("total", "total", row => (Money)Money.With(Statement.MoneyDecimals, row.Booked.Total)),
                new("differs", "derived again", row => row.Differs ?? "the same")));
        if (Statement.Flexibility.Count > 0)
            page.Table("flexibility", "lines of flexibility", SettlementListings.Flexibility(Statement.Flexibility));
        page.Table("balances", "what each account has by double entry", Listing.Of(DoubleEntry.Balances(Entries),
            new("account", "account", row => row.Account),
            new("energyPendingKwh", "kWh pending", row => row.EnergyPending),
            new("energyPostedKwh", "kWh posted", row => row.EnergyPosted),
            new("moneyPending", "money pending", row => (Money)Money.With(Statement.MoneyDecimals, row.MoneyPending)),
            new("moneyPosted", "money posted", row => (Money)Money.With(Statement.MoneyDecimals, row.MoneyPosted))));
    }
}
