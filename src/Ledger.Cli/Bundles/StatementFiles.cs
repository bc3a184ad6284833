using System.Text;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Bundles;

/// <summary>A run's statement as files: for a spreadsheet, for a program,
/// and as the texts that the run's root is over.</summary>
internal static class StatementFiles
{
    public static IReadOnlyDictionary<string, byte[]> Of(TimeOfUseSettlement.RunRow run, Statement statement) =>
        new Dictionary<string, byte[]>
        {
            [BundleFiles.Csv] = Text(SettlementListings.Lines(statement.Lines).Plain().WriteCsv),
            [BundleFiles.Json] = Text(writer => PageOf(run, statement).Write(writer, json: true)),
            [BundleFiles.Lines] =
                Encoding.UTF8.GetBytes(string.Concat(statement.Lines.Select(line => line.Canonical())
                    .Concat(statement.Charges.Select(charge => charge.Canonical()))
                    .Concat(statement.Flexibility.Select(line => line.Canonical())).Select(text => text + '\n'))),
        };

    private static Page PageOf(TimeOfUseSettlement.RunRow run, Statement statement)
    {
        var page = EnergyOf(run, statement);
        if (statement.Charges.Count > 0)
            page.Table("charges", null, SettlementListings.Charges(statement.Charges).Plain());
        if (statement.Flexibility.Count > 0)
            page.Table("flexibility", null, SettlementListings.Flexibility(statement.Flexibility).Plain());
        return page;
    }

    private static Page EnergyOf(TimeOfUseSettlement.RunRow run, Statement statement) => new Page()
        .Field("run", null, run.Run).Field("kind", null, run.Kind).Field("supersedes", null, run.Supersedes)
        .Field("account", null, run.Account).Field("day", null, run.Day).Field("zone", null, run.Zone)
        .Field("atPosition", null, run.AtPosition).Field("recordedPosition", null, run.RecordedPosition)
        .Field("tariff", null, run.Tariff).Field("tariffVersion", null, run.TariffVersion)
        .Field("ruleVersion", null, run.RuleVersion).Field("tzdbVersion", null, run.TzdbVersion)
        .Field("currency", null, run.Currency).Field("importTotal", null, statement.ImportTotal)
        .Field("exportTotal", null, statement.ExportTotal).Field("total", null, statement.Total)
        .Field("residual", null, statement.Residual).Field("incomplete", null, statement.Incomplete)
        .Field("linesRoot", null, statement.LinesRoot.Hex)
        .Table("postings", null, SettlementListings.Postings(statement.Postings).Plain())
        .Table("lines", null, SettlementListings.Lines(statement.Lines).Plain());

    private static byte[] Text(Action<TextWriter> write)
    {
        using var text = new StringWriter { NewLine = "\n" };
        write(text);
        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
