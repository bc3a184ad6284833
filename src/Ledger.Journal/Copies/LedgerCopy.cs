using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Copies;

/// <summary>The folder is a copy of a ledger: it can be read, and nothing can be recorded or signed in it.</summary>
public sealed class LedgerCopyException(string directory, LedgerCopy copy) : Exception(string.Create(
    CultureInfo.InvariantCulture, $"{directory} is a copy of {copy.Events} events, which can only be read: the ledger "
    + $"that it was copied from may go on. Where that one has ended for good, make this one the ledger with: "
    + $"ledger restore --take-over --by NAME {LedgerIdentity.OnCommandLine(directory)}"));

/// <summary>
/// The mark of a copy, the file <c>copy.json</c> of its data folder: of which journal it was made, and when. Two
/// folders with one key could tell two histories, so a copy records and signs nothing until a person decides that it
/// is the ledger from now on; then the mark goes, and the decision is a fact.
/// </summary>
/// <param name="Events">The journal's length at the cut.</param>
/// <param name="Root">The journal's root at that length.</param>
/// <param name="MadeAt">The clock of the machine that made the copy.</param>
/// <param name="IsUnfinished">It is being made, or was interrupted: there is less in it than it says.</param>
public sealed record LedgerCopy(long Events, byte[] Root, Instant MadeAt, bool IsUnfinished = false)
{
    public const string FileName = "copy.json";

    /// <summary>The mark of a folder; null where it is no copy. Throws <see cref="JournalRefusedException"/> where the
    /// mark cannot be read, because what is perhaps a copy is not written either.</summary>
    public static LedgerCopy? Find(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var mark = json.RootElement;
            var copy = new LedgerCopy(mark.GetProperty("events").GetInt64(),
                Convert.FromHexString(mark.GetProperty("root").GetString()!),
                InstantPattern.ExtendedIso.Parse(mark.GetProperty("madeAt").GetString()!).Value,
                mark.TryGetProperty("unfinished", out var unfinished) && unfinished.GetBoolean());
            return copy.Events >= 0 && copy.Root.Length == MerkleTree.HashBytes
                ? copy
                : throw new JournalRefusedException($"{path} is damaged: it names no journal");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or UnparsableValueException or ArgumentNullException)
        {
            throw new JournalRefusedException($"{path} is damaged: {e.Message}");
        }
    }

    /// <summary>Throws <see cref="LedgerCopyException"/> where the folder is a copy.</summary>
    public static void Refuse(string directory)
    {
        if (Find(directory) is { } copy) throw new LedgerCopyException(directory, copy);
    }

    /// <summary>Marks a folder as this copy, durably, in place of a mark that it has.</summary>
    public void Write(string directory)
    {
        var mark = new JsonObject
        {
            ["events"] = Events,
            ["root"] = Convert.ToHexStringLower(Root),
            ["madeAt"] = InstantPattern.ExtendedIso.Format(MadeAt),
        };
        if (IsUnfinished) mark["unfinished"] = true;
        DurableFiles.Replace(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(mark),
            DurableFiles.OwnerOnly);
    }

    internal static void Remove(string directory)
    {
        File.Delete(Path.Combine(directory, FileName));
        DurableFiles.SyncDirectory(directory);
    }
}
