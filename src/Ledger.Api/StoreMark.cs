using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Journal;
using Ledger.Journal.Copies;

namespace Ledger.Api;

/// <summary>
/// The file <c>store.json</c> of a data folder: in which store the ledger's journal is, where that is not the folder
/// itself. Who forgets to name the store would else begin a second journal under one identity. It holds no user name
/// and no password, so the store is named each time, and only compared.
/// </summary>
public static class StoreMark
{
    public const string FileName = DataFolderCopy.StoreMarkFileName;

    /// <summary>Throws <see cref="StoreRefusedException"/> where the ledger's journal is in another store.</summary>
    public static void Check(LedgerOptions options)
    {
        var path = Path.Combine(options.Directory, FileName);
        if (File.Exists(path))
        {
            if (Read(path) is var kept && kept != options.Store.Name)
                throw new StoreRefusedException($"the journal of the ledger in {options.Directory} is in {kept}, as "
                    + $"{FileName} says, and not in {options.Store.Name}: name it with --store");
        }
        else if (!options.IsInOneFolder && File.Exists(Path.Combine(options.Directory, SqliteJournal.FileName)))
            throw new StoreRefusedException($"{options.Directory} has a journal of its own, so its ledger is not in "
                + $"{options.Store.Name}; move it with: ledger copy");
    }

    /// <summary>Writes the mark where there is none yet and one is needed, and says whether it did; the caller owns
    /// the folder.</summary>
    internal static bool Keep(LedgerOptions options)
    {
        Check(options);
        var path = Path.Combine(options.Directory, FileName);
        if (options.IsInOneFolder) return false;
        if (File.Exists(path))
        {
            DurableFiles.SyncDirectory(options.Directory); // whoever wrote it may have been ended before that
            return false;
        }
        DurableFiles.Create(path, JsonSerializer.SerializeToUtf8Bytes(
            new JsonObject { ["store"] = options.Store.Name }, Written), DurableFiles.Public);
        return true;
    }

    /// <summary>Takes back a mark that names a store in which nothing was begun.</summary>
    internal static void TakeBack(LedgerOptions options)
    {
        File.Delete(Path.Combine(options.Directory, FileName));
        DurableFiles.SyncDirectory(options.Directory);
    }

    // A path or a host's name reads as it is.
    private static readonly JsonSerializerOptions Written =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Read(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return json.RootElement.GetProperty("store").GetString() ?? throw new JsonException("it names no store");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new StoreRefusedException($"{path} is damaged: {e.Message}");
        }
    }
}
