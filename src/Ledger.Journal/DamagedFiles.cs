using System.Globalization;
using Ledger.Journal.Copies;

namespace Ledger.Journal;

/// <summary>What a recovery is about to change is kept first, as it was found: <c>damaged/POSITION</c>, the position up
/// to which the journal was acknowledged.</summary>
public static class DamagedFiles
{
    private const string FolderName = "damaged";

    /// <summary>Copies files of a data folder there, durably. What is there under its name is whole: it is never
    /// written again, because a recovery that a crash interrupted may have changed the files since.</summary>
    /// <param name="names">Of the files; one that does not exist is left out.</param>
    public static void KeepAside(string directory, long acknowledgedLength, params ReadOnlySpan<string> names)
    {
        var aside = Path.Combine(
            directory, FolderName, acknowledgedLength.ToString(CultureInfo.InvariantCulture));
        DurableFiles.CreateDirectory(aside);
        foreach (var name in names)
        {
            var (from, to) = (Path.Combine(directory, name), Path.Combine(aside, name));
            if (!File.Exists(from) || File.Exists(to)) continue;
            var unfinished = to + ".unfinished";
            File.Delete(unfinished);
            CopiedFile.Write(from, unfinished, null);
            DurableFiles.SyncFile(unfinished);
            File.Move(unfinished, to);
            DurableFiles.SyncDirectory(aside);
        }
    }
}
