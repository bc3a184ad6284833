using JasperFx;
using Ledger.Domain;
using Marten;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>Another process records facts of this ledger; there is one at a time.</summary>
public sealed class LedgerOwnedException(string message) : IOException(message);

/// <summary>
/// Where one ledger lies on PostgreSQL: its schema, the connections to it, and Marten's document store over both, which
/// makes the tables. What journal and views promise is in their own statements (docs/decisions.md, 71, 93 and 98).
/// </summary>
public sealed class PostgresLedger : IDisposable
{
    /// <summary>
    /// Applied to each connection by the server. A client that stops amid a transaction, or whose machine is gone, must
    /// not hold locks for longer than a take-over may last.
    /// </summary>
    private const string ServerOptions = "-c idle_in_transaction_session_timeout=5000 -c tcp_keepalives_idle=5 "
        + "-c tcp_keepalives_interval=1 -c tcp_keepalives_count=3";

    private const int ReadBufferBytes = 32 * 1024; // a page of events comes in fewer steps than in the driver's 8 KiB

    private readonly List<NpgsqlDataSource> sources = [];
    private readonly Lazy<DocumentStore> store; // who only reads needs no Marten
    private readonly Lazy<NpgsqlDataSource> writing; // and who only reads writes nothing
    private bool? hasLz4;

    /// <summary>Nothing is connected yet.</summary>
    /// <param name="connection">In the form of Npgsql: <c>Host=…;Database=…;Username=…</c>.</param>
    /// <exception cref="ArgumentException">The text is no connection string.</exception>
    public PostgresLedger(string connection, LedgerId ledger)
    {
        (Ledger, Schema) = (ledger, LedgerSchema.NameOf(ledger));
        var text = new NpgsqlConnectionStringBuilder(connection);
        text.ApplicationName ??= "ledger";
        text.MaxAutoPrepare = 32; // a statement that comes again is not planned again
        text.ReadBufferSize = Math.Max(text.ReadBufferSize, ReadBufferBytes);
        text.Options = text.Options is { Length: > 0 } own ? $"{ServerOptions} {own}" : ServerOptions;
        if (text.TcpKeepAliveTime == 0) (text.TcpKeepAliveTime, text.TcpKeepAliveInterval) = (5, 1); // seconds
        text.TcpKeepAlive = true;
        Connections = SourceOf(text);
        text.CommandTimeout = 0;
        text.WriteBufferSize = Math.Max(text.WriteBufferSize, BinaryCopy.BufferBytes);
        writing = new(() => SourceOf(text));
        store = new(() => DocumentStore.For(Configure));
    }

    /// <summary>Where several servers are named, the one that is no standby: another may not have yet what was
    /// acknowledged, and would look whole.</summary>
    private NpgsqlDataSource SourceOf(NpgsqlConnectionStringBuilder text)
    {
        if (text.Host?.Contains(',', StringComparison.Ordinal) != true) return Kept(NpgsqlDataSource.Create(text));
        text.TargetSessionAttributes = null; // the driver takes it from its caller alone
        var servers = new NpgsqlDataSourceBuilder(text.ConnectionString).BuildMultiHost();
        Kept(servers);
        return servers.WithTargetSession(TargetSessionAttributes.Primary);
    }

    private NpgsqlDataSource Kept(NpgsqlDataSource source)
    {
        lock (sources) sources.Add(source);
        return source;
    }

    private void Configure(StoreOptions options)
    {
        options.Connection(Connections);
        options.DatabaseSchemaName = Schema;
        options.AutoCreateSchemaObjects = AutoCreate.None; // tables are made when a ledger is opened, not between
        options.Storage.ExtendedSchemaObjects.AddRange(LedgerSchema.TablesOf(Schema));
        // A commit whose answer was lost may be durable: nobody but a new start may decide to try again.
        options.ConfigurePolly(_ => { });
        options.ConfigureWritePolly(_ => { });
    }

    public LedgerId Ledger { get; }
    public string Schema { get; }

    /// <summary>Marten over this schema.</summary>
    public IDocumentStore Store => store.Value;

    internal NpgsqlDataSource Connections { get; }

    /// <summary>
    /// Connections of the journal's writer. A commit takes as long as its standby does: who cancels it at a time of his
    /// own is told that it has committed. A server whose machine is gone is noticed by probes of the connection.
    /// </summary>
    internal NpgsqlDataSource Writing => writing.Value;

    /// <summary>Whether the server can compress with lz4, which takes it a tenth of the time of its own way.</summary>
    internal bool HasLz4
    {
        get
        {
            if (hasLz4 is { } known) return known;
            using var command = Connections.CreateCommand("""
                SELECT EXISTS (SELECT FROM pg_settings
                  WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals))
                """);
            return (hasLz4 = (bool)command.ExecuteScalar()!).Value;
        }
    }

    /// <summary>The SQL of a ledger's schema, asked of no server.</summary>
    public static string SchemaSqlOf(LedgerId ledger)
    {
        using var nowhere = new PostgresLedger("Host=nowhere", ledger);
        return nowhere.SchemaSql;
    }

    /// <summary>The SQL that makes the schema and its tables where they are not there; it may be run again.</summary>
    public string SchemaSql => Store.Storage.ToDatabaseScript();

    /// <summary>Makes what is missing of the schema.</summary>
    public void ApplySchema()
    {
        if (!IsComplete()) Store.Storage.ApplyAllConfiguredChangesToDatabaseAsync(AutoCreate.CreateOrUpdate)
            .GetAwaiter().GetResult();
    }

    /// <summary>Whether a ledger is kept in this database.</summary>
    internal bool Exists() => IsThere("ledger");

    /// <summary>Where the ledger is, by whatever name the server is reached: when the server began, the database and
    /// the table; null where it is not in this database.</summary>
    public string? Place()
    {
        using var command = Connections.CreateCommand("""
            SELECT concat_ws(' ', extract(epoch FROM pg_postmaster_start_time()),
              (SELECT oid FROM pg_database WHERE datname = current_database()), to_regclass($1)::oid)
            WHERE to_regclass($1) IS NOT NULL
            """);
        command.Parameters.Add(new() { Value = $"{Schema}.ledger" });
        return command.ExecuteScalar() as string;
    }

    // Looking costs one round trip; migrating asks the catalogue about every table and takes a lock.
    private bool IsComplete() => LedgerSchema.TablesOf(Schema).All(table => table.Column is { } column
        ? IsThere(table.Identifier.Name, column) : IsThere(table.Identifier.Name));

    internal bool IsThere(string table)
    {
        using var command = Connections.CreateCommand("SELECT to_regclass($1) IS NOT NULL");
        command.Parameters.Add(new() { Value = $"{Schema}.{table}" });
        return (bool)command.ExecuteScalar()!;
    }

    internal bool IsThere(string table, string column)
    {
        using var command = Connections.CreateCommand("SELECT EXISTS (SELECT FROM pg_attribute "
            + "WHERE attrelid = to_regclass($1) AND attname = $2 AND NOT attisdropped)");
        command.Parameters.Add(new() { Value = $"{Schema}.{table}" });
        command.Parameters.Add(new() { Value = column });
        return (bool)command.ExecuteScalar()!;
    }

    public void Dispose()
    {
        if (store.IsValueCreated) store.Value.Dispose();
        lock (sources) foreach (var source in sources) source.Dispose();
    }
}
