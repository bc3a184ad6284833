using System.Globalization;

namespace Ledger.Journal;

/// <summary>Another process owns the data folder.</summary>
public sealed class FolderOwnedException(string directory, int? owner)
    : Exception($"{directory} is owned by process {owner?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}")
{
    /// <summary>The owner's process id, where it could be read.</summary>
    public int? Owner { get; } = owner;
}

/// <summary>
/// Exactly one process owns a data folder. The lock is the operating system's (flock), so it ends with the process
/// however that ends; the owner's pid stands in a second file, which the one that is refused can read.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private readonly FileStream held;

    private FolderLock(FileStream held) => this.held = held;

    public static FolderLock Take(string directory)
    {
        var ownerPath = Path.Combine(directory, "journal.owner");
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(directory, "journal.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(ownerPath))
        {
            int? owner = int.TryParse(File.ReadAllText(ownerPath), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;
            throw new FolderOwnedException(directory, owner);
        }
        File.WriteAllText(ownerPath, Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new FolderLock(held);
    }

    public void Dispose() => held.Dispose();
}
