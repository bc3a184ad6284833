using System.Globalization;
using Ledger.Domain;
using Ledger.Journal.Copies;

namespace Ledger.Journal;

/// <summary>
/// What a recovery is about to change is kept first, as it was found: <c>damaged/POSITION</c>, the position up to which
/// the journal was acknowledged; <c>POSITION-2</c> and so on where another history that was acknowledged as far was
/// lost before. The file <c>found</c> there says where the journal ended, so a recovery that a crash interrupted is
/// told from an earlier one, of which the journal's last fact may be.
/// </summary>
public sealed class DamagedFiles
{
    private const string FolderName = "damaged", FoundName = "found";
    private readonly string aside;
    private readonly bool isFirst;

    private DamagedFiles(string aside, bool isFirst) => (this.aside, this.isFirst) = (aside, isFirst);

    /// <summary>Copies files of a data folder there, durably. What is there under its name is whole: it is never
    /// written again, because a recovery that a crash interrupted may have changed the files since.</summary>
    /// <param name="names">Of the files, the head among them; one that does not exist is left out.</param>
    public static DamagedFiles KeepAside(
        string directory, long acknowledgedLength, params ReadOnlySpan<string> names)
    {
        var kept = Of(directory, acknowledgedLength);
        DurableFiles.CreateDirectory(kept.aside);
        foreach (var name in names)
        {
            var (from, to) = (Path.Combine(directory, name), Path.Combine(kept.aside, name));
            if (!File.Exists(from) || File.Exists(to)) continue;
            var unfinished = to + ".unfinished";
            File.Delete(unfinished);
            CopiedFile.Write(from, unfinished, null);
            DurableFiles.SyncFile(unfinished);
            File.Move(unfinished, to);
            DurableFiles.SyncDirectory(kept.aside);
        }
        return kept;
    }

    /// <summary>The first that has this head, or that is not there yet.</summary>
    private static DamagedFiles Of(string directory, long acknowledgedLength)
    {
        var head = JournalHead.Read(directory);
        for (var number = 1; ; number++)
        {
            var aside = Path.Combine(directory, FolderName, acknowledgedLength.ToString(CultureInfo.InvariantCulture)
                + (number == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{number}")));
            if (!File.Exists(Path.Combine(aside, JournalHead.FileName)) || (JournalHead.Read(aside) is { } kept
                && kept.Length == head?.Length && kept.Root.AsSpan().SequenceEqual(head.Root)))
                return new(aside, isFirst: number == 1);
        }
    }

    /// <summary>The journal's last fact where it is the one of this recovery, which was interrupted after it; else
    /// null.</summary>
    public JournalRecovered? Interrupted(LedgerEvent? last, long acknowledgedLength)
    {
        if (last is not JournalRecovered recovered || recovered.AcknowledgedPosition != acknowledgedLength) return null;
        var found = Path.Combine(aside, FoundName);
        var isOfThis = File.Exists(found)
            ? File.ReadAllText(found) == Text(recovered.FoundPosition)
            : isFirst; // as an earlier program left it
        return isOfThis ? recovered : null;
    }

    /// <summary>Says where the journal ends, durably, before that is recorded.</summary>
    public void Found(long position) => DurableFiles.Replace(Path.Combine(aside, FoundName),
        System.Text.Encoding.ASCII.GetBytes(Text(position)), DurableFiles.OwnerOnly);

    private static string Text(long position) => string.Create(CultureInfo.InvariantCulture, $"{position}\n");
}
