using Ledger.Api;
using Ledger.Journal.Copies;

namespace Ledger.Cli;

/// <summary>Views that are brought up to their journal by who only reads it: those of a copy, and those of a ledger
/// whose journal a server keeps.</summary>
internal static class ViewsBeside
{
    /// <summary>Applies what the views lack. An event that cannot be applied leaves them before it, with its alarm,
    /// as it does in the ledger.</summary>
    public static async Task CatchUpAsync(LedgerOptions options, CancellationToken ct)
    {
        await using (var journal = LedgerStores.OpenReader(options))
        {
            var views = LedgerStores.OpenViews(options);
            try
            {
                await LedgerStores.Following(options, journal, views).CatchUpAsync(ct).ConfigureAwait(false);
            }
            finally
            {
                LedgerStores.Close(views);
            }
        }
        // Whoever reads a copy changes nothing: what stands in a log beside the file is brought into it. The views of a
        // ledger may be read by others meanwhile, with whom the log stays.
        if (LedgerStores.ViewsFile(options) is { } path && LedgerCopy.Find(options.Directory) is not null)
            SqliteCopy.Settle(path);
    }
}
