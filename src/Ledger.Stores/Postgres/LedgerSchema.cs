using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Weasel.Core;
using Weasel.Postgresql;
using DbCommandBuilder = Weasel.Core.DbCommandBuilder;

namespace Ledger.Stores.Postgres;

/// <summary>
/// The tables of one ledger, in a PostgreSQL schema of its own. Marten creates them and prints their SQL; a table, or a
/// column of one, is only ever added, and what is in one stays readable.
/// </summary>
internal static class LedgerSchema
{
    /// <summary>How far views have come, with the column that earlier programs did not have.</summary>
    public const string Checkpoint = "checkpoint", RowVersion = "row_version";

    private const string Prefix = "ledger_";
    private const int NameLengthMax = 63; // bytes of a PostgreSQL identifier
    private const int DigestCharacters = 8;

    /// <summary>
    /// The schema of a ledger: its id in small letters, digits and underscores; with the start of the id's SHA-256
    /// where that lost anything. An id that is made to look like another's schema would share it: whoever opens journal
    /// or views asks whose they are.
    /// </summary>
    public static string NameOf(LedgerId ledger)
    {
        var plain = new StringBuilder(Prefix);
        foreach (var c in ledger.Value)
            plain.Append(char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) ? c : char.IsAsciiLetterUpper(c)
                ? char.ToLowerInvariant(c) : '_');
        var name = plain.ToString();
        if (name.Length <= NameLengthMax && name[Prefix.Length..] == ledger.Value) return name;
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ledger.Value)));
        var kept = Math.Min(name.Length, NameLengthMax - 1 - DigestCharacters);
        return $"{name[..kept]}_{digest[..DigestCharacters]}";
    }

    /// <summary>Every table, in the order in which they are made.</summary>
    public static IEnumerable<LedgerTable> TablesOf(string schema) =>
        Tables.Select(table => new LedgerTable(schema, table.Name,
            string.Format(CultureInfo.InvariantCulture, table.Sql, schema),
            table.Name == Checkpoint ? RowVersion : null));

    // Texts that are compared or ordered have the collation "C": the order of bytes, whatever the database's own is.
    private static readonly (string Name, string Sql)[] Tables =
    [
        ("ledger", """
            CREATE TABLE IF NOT EXISTS {0}.ledger (
              id smallint PRIMARY KEY CHECK (id = 1), name text NOT NULL, length bigint NOT NULL,
              frontier bytea NOT NULL, recorded_at bigint NOT NULL, fence bigint NOT NULL);
            """),
        ("streams", """
            CREATE TABLE IF NOT EXISTS {0}.streams (
              key bigint PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE);
            """),
        ("events", """
            CREATE TABLE IF NOT EXISTS {0}.events (
              position bigint PRIMARY KEY, stream bigint NOT NULL, revision bigint NOT NULL, id uuid NOT NULL UNIQUE,
              header bytea NOT NULL, payload bytea NOT NULL, leaf bytea NOT NULL, UNIQUE (stream, revision));
            """),
        ("view_row", """
            CREATE TABLE IF NOT EXISTS {0}.view_row (
              projection text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, from_position bigint NOT NULL,
              to_position bigint NOT NULL, json text NOT NULL, PRIMARY KEY (projection, key, from_position));
            CREATE UNIQUE INDEX IF NOT EXISTS open_row ON {0}.view_row (projection, key)
              WHERE to_position = 9223372036854775807;
            """),
        ("view_history", """
            CREATE TABLE IF NOT EXISTS {0}.view_history (
              projection text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, from_position bigint NOT NULL,
              to_position bigint NOT NULL, from_positions bigint[] NOT NULL, to_positions bigint[] NOT NULL,
              jsons text[] NOT NULL, PRIMARY KEY (projection, key, from_position));
            """),
        // Of rows that were there before their version was kept it is 0. That the column must be named makes a program
        // that does not know it stop, which would write its rows among those of another version.
        (Checkpoint, """
            CREATE TABLE IF NOT EXISTS {0}.checkpoint (
              projection text COLLATE "C" PRIMARY KEY, next_position bigint NOT NULL, row_version integer NOT NULL);
            ALTER TABLE {0}.checkpoint ADD COLUMN IF NOT EXISTS row_version integer NOT NULL DEFAULT 0;
            ALTER TABLE {0}.checkpoint ALTER COLUMN row_version DROP DEFAULT;
            """),
        ("view_version", """
            CREATE TABLE IF NOT EXISTS {0}.view_version (
              projection text COLLATE "C" PRIMARY KEY, stored_as text COLLATE "C" NOT NULL);
            """),
        ("lease", """
            CREATE TABLE IF NOT EXISTS {0}.lease (
              name text COLLATE "C" PRIMARY KEY, token bigint NOT NULL, holder text NOT NULL,
              expires_at timestamptz NOT NULL);
            """),
        ("alarm", """
            CREATE TABLE IF NOT EXISTS {0}.alarm (
              position bigint NOT NULL, projection text NOT NULL, wire_name text NOT NULL, reason text NOT NULL);
            """),
    ];
}

/// <summary>One table as Marten's migrations see it: there, or still to be made.</summary>
/// <param name="column">One that was added later; null where none was.</param>
internal sealed class LedgerTable(string schema, string name, string sql, string? column) : ISchemaObject
{
    public string? Column => column;

    public DbObjectName Identifier { get; } = new PostgresqlObjectName(
        schema, name, SchemaUtils.IdentifierUsage.General);

    public void WriteCreateStatement(Migrator migrator, TextWriter writer) => writer.WriteLine(sql);

    /// <summary>Never: what a ledger holds is dropped by nobody's migration.</summary>
    public void WriteDropStatement(Migrator rules, TextWriter writer) =>
        throw new NotSupportedException($"{Identifier} is never dropped");

    public void ConfigureQueryCommand(DbCommandBuilder builder)
    {
        if (column is null)
        {
            builder.Append("SELECT 1 WHERE to_regclass(");
            builder.AppendParameter(Identifier.QualifiedName);
            builder.Append(") IS NOT NULL;");
            return;
        }
        builder.Append("SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(");
        builder.AppendParameter(Identifier.QualifiedName);
        builder.Append(") AND attname = ");
        builder.AppendParameter(column);
        builder.Append(" AND NOT attisdropped;");
    }

    public async Task<ISchemaObjectDelta> CreateDeltaAsync(DbDataReader reader, CancellationToken ct = default) =>
        new SchemaObjectDelta(this, await reader.ReadAsync(ct).ConfigureAwait(false)
            ? SchemaPatchDifference.None
            : SchemaPatchDifference.Create);

    public IEnumerable<DbObjectName> AllNames() => [Identifier];
}
