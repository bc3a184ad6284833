using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal.Verification;

/// <summary>
/// The streams of a journal as its events are read: which revision comes next in each, eight bytes a stream. Their
/// names stay in the database; those that were asked for lately are kept.
/// </summary>
internal sealed class StreamsSeen : IDisposable
{
    private const int NamesKept = 4096; // a power of two; a stream may have no other place than that of its number
    private readonly SqliteConnection connection;
    private readonly SqliteStatement nameOf;
    private readonly long[] next;
    private readonly (long Key, byte[]? Name)[] names = new (long, byte[]?)[NamesKept];

    // What no row of the table of streams says: only in a journal that is not as it should be.
    private readonly Dictionary<long, long> unknownKeys = [];
    private readonly Dictionary<string, long> unknownNames = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> keys = new(StringComparer.Ordinal);

    public StreamsSeen(SqliteConnection connection)
    {
        this.connection = connection;
        nameOf = new(connection, "SELECT name FROM streams WHERE key = ?1");
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT count(*) FROM streams";
        next = new long[(long)select.ExecuteScalar()!];
    }

    /// <summary>Whether the table gives the stream of this number the name.</summary>
    public bool IsNamed(long key, ReadOnlySpan<byte> name) => Name(key) is { } known && name.SequenceEqual(known);

    /// <summary>The name that the table gives the stream of this number; null where it gives none.</summary>
    public string? NameOf(long key) => Name(key) is { } name ? JournalBytes.Utf8.GetString(name) : null;

    /// <summary>The revision that the next event of a stream should have.</summary>
    public ref long NextOf(long key)
    {
        if (key >= 0 && key < next.Length) return ref next[key];
        return ref CollectionsMarshal.GetValueRefOrAddDefault(unknownKeys, key, out _);
    }

    /// <summary>The same of a stream by its name.</summary>
    public ref long NextOf(ReadOnlySpan<byte> name)
    {
        var text = JournalBytes.Utf8.GetString(name);
        if (!keys.TryGetValue(text, out var key)) keys.Add(text, key = KeyOf(text));
        if (key >= 0) return ref NextOf(key);
        return ref CollectionsMarshal.GetValueRefOrAddDefault(unknownNames, text, out _);
    }

    private long KeyOf(string name)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT key FROM streams WHERE name = $name";
        select.Parameters.AddWithValue("$name", name);
        return select.ExecuteScalar() is long key ? key : -1;
    }

    private byte[]? Name(long key)
    {
        ref var kept = ref names[key & (NamesKept - 1)];
        if (kept.Name is not null && kept.Key == key) return kept.Name;
        nameOf.Bind(1, key);
        var name = nameOf.IsRow() && nameOf.IsText(0) ? nameOf.Blob(0).ToArray() : null;
        nameOf.Reset();
        kept = (key, name);
        return name;
    }

    public void Dispose() => nameOf.Dispose();
}
