using System.Data.Common;
using Ledger.Stores.EventStoreDb;
using Npgsql;

namespace Ledger.Api;

/// <summary>A store that cannot be what was meant; the message names the value and the rule that it breaks.</summary>
public sealed class StoreRefusedException(string message) : Exception(message);

/// <summary>The server that keeps the ledger cannot be reached, or does not let it in.</summary>
public sealed class StoreUnavailableException(StoreChoice store, Exception cause)
    : Exception($"{store.Name} cannot be opened: {cause.Message}", cause);

/// <summary>
/// Where the journal and the views of a ledger are kept, as <c>--store</c> and <c>--views</c> name it. It is decided
/// once, where the program is put together: <see cref="LedgerStores"/>. Identity, evidence, checkpoints and the frame
/// log are in the data folder with every store.
/// </summary>
public abstract record StoreChoice
{
    private const string SqlitePrefix = "sqlite:", PostgresPrefix = "postgres:";
    private static readonly string[] EventStorePrefixes =
        ["esdb://", "esdb+discover://", "kurrentdb://", "kurrentdb+discover://"];

    /// <summary>What may be said.</summary>
    public const string Rule =
        "sqlite:DIR, postgres:Host=…;Database=…, esdb://HOST:PORT or esdb+discover://HOST:PORT";
    /// <summary>What may be said of views.</summary>
    public const string ViewsRule = "sqlite:FILE or postgres:Host=…;Database=…";

    private StoreChoice() { }

    /// <summary>How it is called wherever it is shown or kept: without user names, passwords and settings.</summary>
    public abstract string Name { get; }

    /// <summary>SQLite: journal.db, journal.head and views.db in one folder.</summary>
    public sealed record Sqlite(string Directory) : StoreChoice
    {
        public override string Name => SqlitePrefix + Path.TrimEndingDirectorySeparator(Path.GetFullPath(Directory));
    }

    /// <summary>PostgreSQL: the journal and the views in one database.</summary>
    /// <param name="Connection">Names a host and a database.</param>
    public sealed record Postgres(string Connection) : StoreChoice
    {
        public override string Name => PostgresPrefix + NameOf(Connection);
    }

    /// <summary>EventStoreDB or KurrentDB: the journal is a stream of the server, the views are elsewhere.</summary>
    public sealed record EventStoreDb(string Connection, ViewsChoice Views) : StoreChoice
    {
        public override string Name
        {
            get
            {
                var hosts = Connection.IndexOf("://", StringComparison.Ordinal) + 3;
                var end = Connection.AsSpan(hosts).IndexOfAny('/', '?') is >= 0 and var at
                    ? hosts + at : Connection.Length;
                var user = Connection.AsSpan(hosts, end - hosts).LastIndexOf('@');
                return string.Concat(Connection[..hosts], Connection[(hosts + user + 1)..end]);
            }
        }
    }

    /// <summary>Where views are kept that are not in the store of their journal.</summary>
    public abstract record ViewsChoice
    {
        private ViewsChoice() { }
        public sealed record SqliteFile(string File) : ViewsChoice;
        public sealed record Postgres(string Connection) : ViewsChoice;
    }

    /// <summary>Whether a store that is named so keeps the journal alone.</summary>
    public static bool HasViewsElsewhere(string text) =>
        EventStorePrefixes.Any(prefix => text.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>
    /// Reads a store's name. Throws <see cref="StoreRefusedException"/> with the value and the rule that it breaks.
    /// </summary>
    /// <param name="from">Where the value was said, for the message: --store or LEDGER_STORE.</param>
    /// <param name="views">Where the views are; null where it is not said.</param>
    /// <param name="data">The data folder, in which views lie that are nowhere else.</param>
    public static StoreChoice Parse(string text, string from, string? views, string data)
    {
        var isEventStore = HasViewsElsewhere(text);
        if (views is not null && !isEventStore)
            throw new StoreRefusedException(
                $"--views goes with an esdb:// store; the views of another one are with its journal, not in '{Shown(views)}'");
        if (text.StartsWith(SqlitePrefix, StringComparison.Ordinal) && text[SqlitePrefix.Length..] is var directory)
            return directory.Length == 0 ? throw new StoreRefusedException($"{from} is '{text}', and names no folder: {Rule}")
                : File.Exists(directory) ? throw new StoreRefusedException(
                    $"{from} is '{text}', and {directory} is a file: sqlite:DIR names the folder of journal.db")
                : new Sqlite(directory);
        if (text.StartsWith(PostgresPrefix, StringComparison.Ordinal))
            return new Postgres(ConnectionOf(text, from, Rule));
        if (!isEventStore) throw new StoreRefusedException($"{from} is {Rule}, not '{Shown(text)}'");
        var store = new EventStoreDb(text, ParseViews(views, data));
        if (store.Name.EndsWith('/'))
            throw new StoreRefusedException($"{from} is '{Shown(text)}', and names no host: {Rule}");
        try
        {
            EventStoreClientSettings.Create(text).ForJournal();
            return store;
        }
        catch (ConnectionStringParseException wrong)
        {
            throw new StoreRefusedException($"{from} is '{Shown(text)}': {wrong.Message}");
        }
    }

    private static ViewsChoice ParseViews(string? text, string data)
    {
        if (text is null) return new ViewsChoice.SqliteFile(Path.Combine(data, OpenLedger.ViewsFileName));
        if (text.StartsWith(PostgresPrefix, StringComparison.Ordinal))
            return new ViewsChoice.Postgres(ConnectionOf(text, "--views", ViewsRule));
        if (!text.StartsWith(SqlitePrefix, StringComparison.Ordinal) || text.Length == SqlitePrefix.Length)
            throw new StoreRefusedException($"--views is {ViewsRule}, not '{Shown(text)}'");
        var file = text[SqlitePrefix.Length..];
        return Directory.Exists(file)
            ? throw new StoreRefusedException($"--views is '{text}', and {file} is a folder: sqlite:FILE names a file")
            : new ViewsChoice.SqliteFile(file);
    }

    private static string ConnectionOf(string text, string from, string rule)
    {
        var connection = text[PostgresPrefix.Length..];
        if (Parts(connection) is not { } parts)
            throw new StoreRefusedException($"{from} is '{Shown(text)}', which is no list of NAME=VALUE;…: {rule}");
        foreach (var needed in (string[])["Host", "Database"])
            if (!parts.ContainsKey(needed))
                throw new StoreRefusedException($"{from} is '{Shown(text)}', and names no {needed}: {rule}");
        if (Wrong(connection) is { } wrong) throw new StoreRefusedException($"{from} is '{Shown(text)}', and {wrong}");
        return connection;
    }

    /// <summary>The settings of a connection; null where the text is no list of them.</summary>
    private static DbConnectionStringBuilder? Parts(string connection)
    {
        try
        {
            return new() { ConnectionString = connection };
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>What is wrong with a list of settings, without any of it that may be a secret; null where nothing is.
    /// </summary>
    private static string? Wrong(string connection)
    {
        NpgsqlConnectionStringBuilder settings;
        try
        {
            settings = new(connection);
        }
        catch (ArgumentException wrong)
        {
            // A name that there is can be shown; one that there is not may be the end of a password.
            return wrong.InnerException is null or KeyNotFoundException
                ? "has a NAME that no connection to PostgreSQL has" : $"has a {wrong.ParamName} that cannot be";
        }
        if (settings.Host?.Contains(',', StringComparison.Ordinal) != true) return null; // one server is which it is
        const string because = "; a journal is read where it is written, because another server may not have yet what was "
            + "acknowledged";
        return settings.TargetSessionAttributes is { } kind && kind != "primary"
            ? $"says Target Session Attributes={kind}{because}"
            : settings.LoadBalanceHosts ? $"says Load Balance Hosts{because}" : null;
    }

    /// <summary>What is said of a connection: where it goes, and nothing of who asks.</summary>
    private static string NameOf(string connection)
    {
        var parts = new DbConnectionStringBuilder { ConnectionString = connection };
        return string.Join(';', Places
            .Where(parts.ContainsKey).Select(name => $"{name}={parts[name]}"));
    }

    /// <summary>A value that broke a rule, as far as it can be shown: it may hold a password, and where a list of
    /// settings has more than where it goes, one of them may be a password under any name.</summary>
    private static string Shown(string text)
    {
        var isSecret = text.Contains('@', StringComparison.Ordinal)
            || (text.StartsWith(PostgresPrefix, StringComparison.Ordinal)
                ? Parts(text[PostgresPrefix.Length..]) is { } parts
                    ? parts.Keys.Cast<string>().Any(name => !Places.Contains(name, StringComparer.OrdinalIgnoreCase))
                    : text.Contains('=', StringComparison.Ordinal)
                : Secrets.Any(name => text.Contains(name, StringComparison.OrdinalIgnoreCase)));
        return isSecret ? text[..(text.IndexOf(':', StringComparison.Ordinal) + 1)] + "…" : text;
    }

    private static readonly string[] Places = ["Host", "Port", "Database", "Search Path"];
    private static readonly string[] Secrets = ["password", "pwd", "psw"];
}
