using Ledger.Api;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>The views of a copy: brought up to its journal once, so that whoever reads the copy changes
/// nothing.</summary>
internal static class CopiedViews
{
    /// <summary>Applies what the views lack. An event that cannot be applied leaves them before it, with its alarm,
    /// as it does in the ledger.</summary>
    public static async Task CatchUpAsync(SqliteJournalOptions options, CancellationToken ct)
    {
        var path = Path.Combine(options.Directory, OpenLedger.ViewsFileName);
        await using (var journal = SqliteJournalReader.Open(options))
        using (var views = new SqliteViews(path))
            await new ProjectionRunner(journal, views, StandardProjections.All,
                (wireName, version, payload) => EventCodec.Decode(wireName, version, payload))
                .CatchUpAsync(ct).ConfigureAwait(false);
        SqliteCopy.Settle(path);
    }
}
