using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Ingest.Streaming;

/// <summary>From which block on something is to be done after a start.</summary>
/// <param name="Needed">The log has to be read from here on.</param>
/// <param name="Unsaid">What does not count of blocks before this address was refused on record; what is read of them
/// again is not refused again.</param>
internal readonly record struct LogMark(FrameAddress Needed, FrameAddress Unsaid);

/// <summary>
/// From which block on the log has to be read after a start. It only saves time: where it is missing or damaged the log
/// is read from its beginning, what is recorded already is recognised, and what was refused is refused once more. What
/// is left out then was recorded in the journal up to a length, so the mark says that length and the leaf of the event
/// before it: of a journal that has lost this event, or has another in its place, the mark says nothing.
/// </summary>
/// <param name="folder">The frame log's.</param>
/// <param name="secret">The ledger's, from which the salts of the leaves come.</param>
internal sealed class LowWater(string folder, IJournal journal, byte[] secret)
{
    private const string FileName = "streams.resume";
    private LogMark? written;

    public LogMark? Read()
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) return null;
        var text = File.ReadAllText(path);
        return text.Split(' ') is [var address, .. var said, var length, var leaf, var sum]
            && sum == Sum(text[..text.LastIndexOf(' ')]) && FrameAddress.TryParse(address, out var needed)
            // A mark of an earlier version says nothing of what was refused.
            && UnsaidOf(said, needed) is { } unsaid
            && long.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var known)
            && known <= journal.Length && leaf == LeafBefore(known) ? new(needed, unsaid) : null;
    }

    private static FrameAddress? UnsaidOf(string[] said, FrameAddress needed) => said switch
    {
        [] => needed,
        [var one] when FrameAddress.TryParse(one, out var unsaid) => unsaid,
        _ => null,
    };

    /// <summary>Moves it on; it may be behind, and never ahead. All that lies before it is recorded.</summary>
    public void Write(LogMark mark)
    {
        if (written == mark) return;
        var length = journal.Length;
        var text = string.Create(CultureInfo.InvariantCulture,
            $"{mark.Needed} {mark.Unsaid} {length} {LeafBefore(length)}");
        DurableFiles.Replace(Path.Combine(folder, FileName), Encoding.ASCII.GetBytes($"{text} {Sum(text)}"),
            DurableFiles.OwnerOnly);
        written = mark;
    }

    /// <summary>Forgets the mark, so that the next start reads the log from its beginning.</summary>
    public static void Forget(string folder)
    {
        if (Directory.Exists(folder)) File.Delete(Path.Combine(folder, FileName));
    }

    private string LeafBefore(long length) => length == 0 ? "-"
        : Convert.ToHexStringLower(LeafEntries.Of(journal, secret, length - 1, length).Single());

    private static string Sum(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)).AsSpan(0, 8));
}
