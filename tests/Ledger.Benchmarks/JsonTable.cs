using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Ledger.Journal;
using Microsoft.Data.Sqlite;

namespace Ledger.Benchmarks;

/// <summary>
/// What a replay is measured by on whatever machine: the same facts as JSON texts in a table of SQLite, each read and
/// made an object by System.Text.Json, as a program would that keeps its events without a layout of its own. Nothing
/// is verified, folded or kept.
/// </summary>
internal sealed class JsonTable : IDisposable
{
    private readonly SqliteConnection connection;
    private readonly List<JsonTypeInfo> types = [];

    public JsonTable(string path, IReadOnlyList<RecordedEvent> events)
    {
        connection = new($"Data Source={path};Pooling=False");
        connection.Open();
        Do("CREATE TABLE events(position INTEGER PRIMARY KEY, type INTEGER NOT NULL, fact BLOB NOT NULL)");
        using var all = connection.BeginTransaction();
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT INTO events VALUES ($position, $type, $fact)";
        foreach (var name in (string[])["$position", "$type", "$fact"])
            insert.Parameters.Add(new() { ParameterName = name });
        foreach (var recorded in events)
        {
            var fact = EventCodec.Decode(recorded);
            var type = EventCodec.ToldTypeOf(fact.GetType());
            if (!types.Contains(type)) types.Add(type);
            insert.Parameters[0].Value = recorded.Position;
            insert.Parameters[1].Value = types.IndexOf(type);
            insert.Parameters[2].Value = JsonSerializer.SerializeToUtf8Bytes(fact, type);
            insert.ExecuteNonQuery();
        }
        all.Commit();
    }

    public Task ReadAsync()
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT type, fact FROM events ORDER BY position";
        using var rows = select.ExecuteReader();
        while (rows.Read())
            if (JsonSerializer.Deserialize(rows.GetFieldValue<byte[]>(1), types[rows.GetInt32(0)]) is null)
                throw new InvalidOperationException("a fact is null");
        return Task.CompletedTask;
    }

    public void Dispose() => connection.Dispose();

    private void Do(string text)
    {
        using var command = connection.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }
}
