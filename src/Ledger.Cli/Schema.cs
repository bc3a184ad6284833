using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Stores.Postgres;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger schema</c>: the SQL that makes a ledger's schema on PostgreSQL, for whoever lets no program make tables.
/// It may be run again, and over a schema of an earlier version: what is there stays.
/// </summary>
public static class Schema
{
    public static Verb Verb { get; } = new("schema", "",
        "prints the SQL that makes the ledger's tables on PostgreSQL; a ledger that finds them makes none itself",
        "ledger schema --ledger city-charging | psql my-database",
        [new("--ledger", "ID", "of this ledger; without it, of the ledger in the data folder")],
        RunAsync);

    private static Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"schema takes no '{line.Words[0]}'");
        ct.ThrowIfCancellationRequested();
        var ledger = line.Option<LedgerId>("--ledger", LedgerId.TryParse, "an identifier")
            ?? DataFolder.OptionsOf(line, shell).Ledger;
        var sql = PostgresLedger.SchemaSqlOf(ledger);
        if (line.Json) new Page().Field("schema", null, sql).Write(shell.Output, line.Json);
        else shell.Output.WriteLine(sql);
        return Task.FromResult(ExitCode.Done);
    }
}
