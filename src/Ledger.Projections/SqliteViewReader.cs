using System.Text;
using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>
/// A connection of its own to views.db, for reads: what they find is the same whatever is written meanwhile, so they
/// wait for no writer and for none of each other. Its statements stay prepared, and none holds a snapshot after it
/// returns. One caller at a time.
/// </summary>
internal sealed class SqliteViewReader : IDisposable
{
    private const string Number = SqliteViewTables.Number, Open = SqliteViewTables.Open;
    private readonly SqliteReading file;
    // Each is prepared when it is asked first.
    private SqliteStatement? checkpoint, row, rowAsOf, range, rangeAsOf, scan, versions;
    private readonly TextBuffer one = new(), other = new(); // texts of versions that are unpacked

    public SqliteViewReader(string path)
    {
        file = new(path);
        SqliteViewTables.ShowAsNow(file.Database);
    }

    public ViewCheckpoint Reached(string projection)
    {
        checkpoint ??= new(file.Database, "SELECT next_position, row_version FROM projected WHERE name = ?1");
        checkpoint.Bind(1, projection);
        using var asked = checkpoint.Asked();
        return checkpoint.IsRow()
            ? new(checkpoint.Int64(0), SqliteViewTables.RowVersion(checkpoint.Int64(1))) : default;
    }

    public string? Get(string projection, string key)
    {
        row ??= new(file.Database, $"SELECT json FROM current_row WHERE projection = {Number} AND key = ?2");
        row.Bind(1, projection);
        row.Bind(2, key);
        using var asked = row.Asked();
        return row.IsRow() ? row.Text(0) : null;
    }

    /// <summary>The current row, or of those closed before it the last one that begins by then: no other is looked at.
    /// </summary>
    public string? Get(string projection, string key, long asOf)
    {
        rowAsOf ??= new(file.Database, $"""
            SELECT key, from_position, {Open}, json FROM current_row
            WHERE projection = {Number} AND key = ?2 AND from_position <= ?3
            UNION ALL SELECT * FROM (
              SELECT key, from_position, to_position, versions FROM view_history
              WHERE projection = {Number} AND key = ?2 AND from_position <= ?3 ORDER BY from_position DESC LIMIT 1)
            """);
        rowAsOf.Bind(1, projection);
        rowAsOf.Bind(2, key);
        rowAsOf.Bind(3, asOf);
        string? found = null;
        using var asked = rowAsOf.Asked();
        while (found is null && rowAsOf.IsRow())
            Current(rowAsOf, asOf, (_, _, _, json) => found = Encoding.UTF8.GetString(json));
        return found;
    }

    public List<ViewRow> Range(string projection, string first, string last, long? asOf)
    {
        var rows = new List<ViewRow>();
        Each(projection, first, last, asOf, (key, from, to, json) => rows.Add(
            new(projection, Encoding.UTF8.GetString(key), from, to, Encoding.UTF8.GetString(json))));
        return rows;
    }

    public void Scan(string projection, string first, string last, long? asOf, RowTaker take)
    {
        if (asOf is not null)
        {
            Each(projection, first, last, asOf, (_, _, _, json) => take(json));
            return;
        }
        scan ??= new(file.Database, $"""
            SELECT json FROM current_row WHERE projection = {Number} AND key >= ?2 AND key <= ?3 ORDER BY key
            """);
        scan.Bind(1, projection);
        scan.Bind(2, first);
        scan.Bind(3, last);
        using var asked = scan.Asked();
        while (scan.IsRow()) take(scan.Blob(0));
    }

    /// <summary>Who asks as of the last event that was applied, or of a later one, is answered by what is current: no
    /// version that has ended is looked at, as many as there may be.</summary>
    private void Each(string projection, string first, string last, long? asOf, VersionTaker take)
    {
        var rows = asOf is null
            ? range ??= new(file.Database, $"""
                SELECT key, from_position, {Open}, json FROM current_row
                WHERE projection = {Number} AND key >= ?2 AND key <= ?3 ORDER BY key
                """)
            : rangeAsOf ??= new(file.Database, $"""
                SELECT key, from_position, {Open}, json FROM current_row
                WHERE projection = {Number} AND key >= ?2 AND key <= ?3 AND from_position <= ?4
                UNION ALL SELECT key, from_position, to_position, versions
                FROM projected AS p CROSS JOIN view_history AS h ON h.projection = p.number
                WHERE p.name = ?1 AND p.next_position > ?4 + 1
                  AND key >= ?2 AND key <= ?3 AND from_position <= ?4 AND to_position > ?4
                ORDER BY 1
                """);
        rows.Bind(1, projection);
        rows.Bind(2, first);
        rows.Bind(3, last);
        if (asOf is { } position) rows.Bind(4, position);
        using var asked = rows.Asked();
        while (rows.IsRow()) Current(rows, asOf ?? ViewRow.Open - 1, take);
    }

    /// <summary>Hands over the version of the row that is current at a position, if it has one.</summary>
    private void Current(SqliteStatement row, long position, VersionTaker take)
    {
        var key = row.Blob(0);
        var (from, to) = (row.Int64(1), row.Int64(2));
        if (row.IsText(3))
        {
            if (position < to) take(key, from, to, row.Blob(3));
            return;
        }
        var unpacked = new UnpackedVersions(row.Blob(3), from, one, other);
        while (unpacked.Next())
        {
            if (unpacked.To <= position) continue;
            if (unpacked.From <= position) take(key, unpacked.From, unpacked.To, unpacked.Json);
            return;
        }
        if (!unpacked.IsWhole || unpacked.To != to)
            throw new InvalidDataException($"versions of {Encoding.UTF8.GetString(key)} are damaged: rebuild the views");
    }

    /// <summary>Of versions that cannot be unpacked what is stored is handed over: it is no row that a fold made, and
    /// is found by its key.</summary>
    public void ScanVersions(string projection, VersionTaker take)
    {
        versions ??= new(file.Database, $"""
            SELECT key, from_position, to_position, versions FROM view_history WHERE projection = {Number}
            UNION ALL SELECT key, from_position, {Open}, json FROM current_row WHERE projection = {Number}
            ORDER BY 1, 2
            """);
        versions.Bind(1, projection);
        using var asked = versions.Asked();
        while (versions.IsRow())
        {
            var key = versions.Blob(0);
            var (from, to) = (versions.Int64(1), versions.Int64(2));
            if (versions.IsText(3))
            {
                take(key, from, to, versions.Blob(3));
                continue;
            }
            var unpacked = new UnpackedVersions(versions.Blob(3), from, one, other);
            while (unpacked.Next()) take(key, unpacked.From, unpacked.To, unpacked.Json);
            if (!unpacked.IsWhole || unpacked.To != to) take(key, unpacked.To, to, versions.Blob(3));
        }
    }

    public void Dispose()
    {
        foreach (var statement in (SqliteStatement?[])[checkpoint, row, rowAsOf, range, rangeAsOf, scan, versions])
            statement?.Dispose();
        file.Dispose();
    }
}
