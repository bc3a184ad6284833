using System.Text.RegularExpressions;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal.Verification;

/// <summary>What can be said of an SQLite file whatever its tables hold:
/// a changed table or index could hide rows.</summary>
public static partial class SqliteFile
{
    /// <summary>Adds a fault for each table and index that is not as its program makes it.</summary>
    /// <param name="schema">The statements that make the tables.</param>
    public static void VerifySchema(SqliteConnection connection, string file, string schema, Findings findings)
    {
        using var made = new SqliteConnection("Data Source=:memory:");
        made.Open();
        using var create = made.CreateCommand();
        create.CommandText = schema;
        create.ExecuteNonQuery();
        var (found, expected) = (Texts(connection), Texts(made));
        foreach (var name in found.Keys.Union(expected.Keys).Order(StringComparer.Ordinal))
            if (found.GetValueOrDefault(name) != expected.GetValueOrDefault(name))
                findings.Add($"{file}, {name}", found.GetValueOrDefault(name) ?? "not there",
                    expected.GetValueOrDefault(name) ?? "nothing of this name");
    }

    /// <summary>Adds a fault for each page or index that SQLite itself finds damaged.</summary>
    public static void VerifyPages(SqliteConnection connection, string file, Findings findings)
    {
        using var check = connection.CreateCommand();
        check.CommandText = "PRAGMA integrity_check";
        using var row = check.ExecuteReader();
        while (row.Read())
            if (row.GetString(0) is var message && message != "ok") findings.Add(file, message, "ok");
    }

    /// <summary>
    /// Whether reading failed because the file is damaged. A flipped bit of a row's header makes a NULL, or another
    /// type, where the table allows none: SQLite gives it out, and the reader of the value throws.
    /// </summary>
    public static bool IsDamage(Exception failed) =>
        failed is SqliteException or InvalidCastException or InvalidOperationException;

    private static Dictionary<string, string> Texts(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT type || ' ' || name, tbl_name || coalesce(': ' || sql, '') FROM sqlite_schema";
        using var rows = select.ExecuteReader();
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        while (rows.Read()) texts[rows.GetString(0)] = Space().Replace(rows.GetString(1), " ");
        return texts;
    }

    // Where a statement breaks its lines is no difference: a folder may have been made by another version.
    [GeneratedRegex("[ \n]+")]
    private static partial Regex Space();
}
