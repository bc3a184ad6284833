using System.Text;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Stores.Postgres;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger schema</c>: the SQL that makes a ledger's schema on PostgreSQL, for whoever lets no program make tables.
/// It may be run again, and over a schema of an earlier version: what is there stays. <c>ledger schema api</c>: the
/// OpenAPI document of the interface, made from its resources, as the build has it made.
/// </summary>
public static class Schema
{
    private const string Interface = "api";

    public static Verb Verb { get; } = new("schema", $"[{Interface}]",
        "prints the SQL that makes the ledger's tables on PostgreSQL; a ledger that finds them makes none itself; or the "
            + "OpenAPI document of the HTTP interface",
        "ledger schema --ledger city-charging | psql my-database",
        [
            new("--ledger", "ID", "of this ledger; without it, of the ledger in the data folder"),
            new("--out", "FILE", "of the interface: where its document is written, in place of printing it"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (line.Words is [Interface]) return await DescribeAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words.Count > 0) throw new UsageException($"schema takes no '{line.Words[0]}'");
        if (line.Option("--out") is not null) throw new UsageException($"--out is of schema {Interface}");
        var ledger = line.Option<LedgerId>("--ledger", LedgerId.TryParse, "an identifier")
            ?? DataFolder.OptionsOf(line, shell).Ledger;
        var sql = PostgresLedger.SchemaSqlOf(ledger);
        if (line.Json) new Page().Field("schema", null, sql).Write(shell.Output, line.Json);
        else shell.Output.WriteLine(sql);
        return ExitCode.Done;
    }

    /// <summary>The resources ask for a ledger when they are made, so there is an empty one as long as it
    /// takes.</summary>
    private static async Task<int> DescribeAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("ledger-described-");
        try
        {
            byte[] document;
            await using (var ledger = OpenLedger.Open(folder.FullName, new LedgerId("described"), shell.Clock))
            await using (var streams = ledger.OpenStreams())
                document = await LedgerServer.DescribeAsync(ledger, streams, ServeJobs.Kinds(line, shell), ct)
                    .ConfigureAwait(false);
            if (line.Option("--out") is { } file) await File.WriteAllBytesAsync(file, document, ct).ConfigureAwait(false);
            else shell.Output.Write(Encoding.UTF8.GetString(document));
            return ExitCode.Done;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
