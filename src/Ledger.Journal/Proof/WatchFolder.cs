using System.Globalization;

namespace Ledger.Journal.Proof;

/// <summary>
/// What an auditor keeps of one log: <c>checkpoints/SIZE</c>, each proven to continue the one before, of which none is
/// ever replaced; and <c>evidence/SIZE-ROOT</c>, signed checkpoints that do not continue them.
/// </summary>
public sealed class WatchFolder(string directory)
{
    private const string EvidenceName = "evidence";
    private readonly CheckpointStore store = new(directory);

    public string Path => directory;

    /// <summary>The turn to keep; null where another process has it.</summary>
    public CheckpointTurn? TryTake()
    {
        DurableFiles.CreateDirectory(directory);
        return store.TryTakeTurn();
    }

    /// <summary>The largest checkpoint that was kept; null before the first.</summary>
    public SignedNote? Latest() => store.Latest();

    /// <summary>The checkpoint of a size; null where none was kept.</summary>
    public SignedNote? At(long size) => store.Sizes.Contains(size) ? store.Read(size) : null;

    /// <summary>Keeps what speaks against the log.</summary>
    public void KeepAsEvidence(SignedNote note, Checkpoint checkpoint)
    {
        var folder = System.IO.Path.Combine(directory, EvidenceName);
        DurableFiles.CreateDirectory(folder);
        DurableFiles.Create(System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture,
            $"{checkpoint.Size:D19}-{Convert.ToHexStringLower(checkpoint.Root)}")), note.ToBytes(),
            DurableFiles.Public);
    }
}
