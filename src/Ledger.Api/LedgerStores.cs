using System.Diagnostics;
using System.Net.Sockets;
using Grpc.Core;
using Ledger.Journal;
using Ledger.Projections;
using Ledger.Stores.EventStoreDb;
using Ledger.Stores.Postgres;
using Npgsql;

namespace Ledger.Api;

/// <summary>The one place that opens a ledger's journal and views in the store that was chosen.</summary>
public static class LedgerStores
{
    /// <summary>The journal, for whoever records, in the store that the folder's mark names.</summary>
    /// <param name="owned">The lock of the data folder, which the caller holds as long as the journal is open.</param>
    public static IJournalImport OpenJournal(LedgerOptions options, FolderLock owned) =>
        Marked(options, () => options.Store is StoreChoice.Sqlite
            ? OpenJournal(options, owned, null) // it has a head itself
            : OpenWithHead(options, owned));

    /// <summary>The journal of a copy, for whoever fills it.</summary>
    public static IJournalImport OpenCopy(LedgerOptions options, FolderLock owned) =>
        Marked(options, () => OpenJournal(options, owned, null));

    /// <summary>Opens what the mark names. A mark that is made for it is taken back where the store is not reached:
    /// nothing was begun there, and the right one would be refused.</summary>
    private static IJournalImport Marked(LedgerOptions options, Func<IJournalImport> open)
    {
        var isNew = StoreMark.Keep(options);
        try
        {
            return open();
        }
        catch (StoreUnavailableException) when (isNew)
        {
            StoreMark.TakeBack(options);
            throw;
        }
    }

    private static IJournalImport OpenWithHead(LedgerOptions options, FolderLock owned)
    {
        var head = ServerHead.Open(options.Directory);
        try
        {
            return OpenJournal(options, owned, head);
        }
        catch
        {
            head.Dispose();
            throw;
        }
    }

    /// <summary>The journal of a server as it is, whatever the folder knows of it; of a copy, that is nothing yet.
    /// </summary>
    internal static IJournalImport OpenJournal(LedgerOptions options, FolderLock owned, ServerHead? head) =>
        Reached<IJournalImport>(options.Store, () => options.Store switch
        {
            StoreChoice.Sqlite => SqliteJournal.Open(options.Embedded! with
            {
                Owned = options.IsInOneFolder ? owned : null,
            }),
            StoreChoice.Postgres(var connection) => MartenJournal.Open(new PostgresLedger(connection, options.Ledger),
                new SequencingOptions(options.Ledger, options.Clock, options.Secret), head: head),
            StoreChoice.EventStoreDb(var connection, _) => EventStoreDbJournal.OpenAsync(
                ServerOptions(options, connection) with { Head = head, Noted = Noted }, CancellationToken.None)
                .GetAwaiter().GetResult(),
            _ => throw new UnreachableException(),
        });

    /// <summary>The journal, for whoever only reads, also beside who records.</summary>
    public static IJournalReader OpenReader(LedgerOptions options)
    {
        StoreMark.Check(options);
        return Reached<IJournalReader>(options.Store, () => options.Store switch
        {
            StoreChoice.Sqlite => SqliteJournalReader.Open(options.Embedded!),
            StoreChoice.Postgres(var connection) =>
                MartenJournalReader.Open(new PostgresLedger(connection, options.Ledger)),
            StoreChoice.EventStoreDb(var connection, _) => EventStoreDbJournalReader.OpenAsync(
                ServerOptions(options, connection), CancellationToken.None).GetAwaiter().GetResult(),
            _ => throw new UnreachableException(),
        });
    }

    /// <summary>Whether two names of stores mean one journal: a server has many names, and so has a folder.</summary>
    public static bool IsSamePlace(LedgerOptions one, LedgerOptions other) => one.Store.Name == other.Store.Name
        || (one.Store.GetType() == other.Store.GetType() && PlaceOf(one) is { } place && place == PlaceOf(other));

    /// <summary>Where the journal is, by what its store says of it; null where there is none yet.</summary>
    private static string? PlaceOf(LedgerOptions options) => Reached(options.Store, () =>
    {
        switch (options.Store)
        {
            case StoreChoice.Sqlite(var directory): return Resolved(directory);
            case StoreChoice.Postgres(var connection):
                using (var ledger = new PostgresLedger(connection, options.Ledger)) return ledger.Place();
            case StoreChoice.EventStoreDb(var connection, _):
                return EventStoreDbJournalReader.PlaceAsync(ServerOptions(options, connection), CancellationToken.None)
                    .GetAwaiter().GetResult();
            default: throw new UnreachableException();
        }
    });

    /// <summary>The path without links, also where its end is not there yet.</summary>
    private static string Resolved(string path)
    {
        var full = Path.GetFullPath(path);
        var resolved = Path.GetPathRoot(full)!;
        foreach (var name in full[resolved.Length..].Split(
            Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))
        {
            resolved = Path.Combine(resolved, name);
            if (new DirectoryInfo(resolved) is { LinkTarget: not null } link)
                resolved = Resolved(link.ResolveLinkTarget(returnFinalTarget: true)!.FullName);
        }
        return resolved;
    }

    /// <summary>The views, for whoever brings them up to the journal; made where there are none.</summary>
    public static IViewStore OpenViews(LedgerOptions options) => ViewsFile(options) is { } file
        ? new SqliteViews(file)
        : Reached<IViewStore>(options.Store,
            () => MartenViews.Open(new PostgresLedger(ViewsConnection(options), options.Ledger)));

    /// <summary>The views for whoever only looks: nothing is changed, and nothing is made; null where there are
    /// none.</summary>
    public static IViewStore? OpenViewsForReading(LedgerOptions options) => ViewsFile(options) is { } file
        ? File.Exists(file) ? SqliteViews.OpenForReading(file) : null
        : Reached<IViewStore?>(options.Store,
            () => MartenViews.OpenForReading(new PostgresLedger(ViewsConnection(options), options.Ledger)));

    /// <summary>What brings views up to the journal, for whoever writes them.</summary>
    public static CurrentViews Following(LedgerOptions options, IJournal journal, IViewStore views) =>
        new(journal, views, StandardProjections.All,
            (wireName, version, payload) => EventCodec.Decode(wireName, version, payload), LeaseOf(options), Noted);

    /// <summary>As whom this process writes the views: where nobody but the folder's owner can open them, as that.
    /// </summary>
    public static RunnerLease LeaseOf(LedgerOptions options) =>
        ViewsFile(options) is null ? RunnerLease.OfThisProcess : RunnerLease.OfFolderOwner;

    /// <summary>The file of the views where SQLite keeps them; null where a server does.</summary>
    public static string? ViewsFile(LedgerOptions options) => options.Store switch
    {
        StoreChoice.Sqlite(var directory) => Path.Combine(directory, OpenLedger.ViewsFileName),
        StoreChoice.EventStoreDb(_, StoreChoice.ViewsChoice.SqliteFile(var file)) => file,
        _ => null,
    };

    /// <summary>Closes views, where their store has something to close.</summary>
    public static void Close(IViewStore? views) => (views as IDisposable)?.Dispose();

    /// <summary>What goes wrong on the way to a server is said of the server, and not of the data folder.</summary>
    private static T Reached<T>(StoreChoice store, Func<T> open)
    {
        try
        {
            return open();
        }
        catch (Exception unreached) when (unreached is NpgsqlException or RpcException or DiscoveryException
            or AccessDeniedException or NotAuthenticatedException or SocketException or TimeoutException)
        {
            throw new StoreUnavailableException(store, unreached);
        }
    }

    /// <summary>For whoever wonders why a start took long.</summary>
    private static void Noted(string what) => Console.Error.WriteLine($"ledger: {what}");

    private static string ViewsConnection(LedgerOptions options) => options.Store switch
    {
        StoreChoice.Postgres(var connection) => connection,
        StoreChoice.EventStoreDb(_, StoreChoice.ViewsChoice.Postgres(var connection)) => connection,
        _ => throw new UnreachableException(),
    };

    private static EventStoreDbJournalOptions ServerOptions(LedgerOptions options, string connection) =>
        new(EventStoreClientSettings.Create(connection), options.Ledger, options.Clock, options.Secret);
}
