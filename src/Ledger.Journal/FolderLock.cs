using System.Globalization;

namespace Ledger.Journal;

/// <summary>Another process owns the data folder.</summary>
public sealed class FolderOwnedException(string directory, int? owner, string? url = null) : Exception(
    $"{directory} is owned by process {owner?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}"
    + (url is null ? "" : $", which answers at {url}"))
{
    /// <summary>The owner's process id, where it could be read.</summary>
    public int? Owner { get; } = owner;
    /// <summary>Where the owner takes facts over HTTP, if it does.</summary>
    public string? Url { get; } = url;
}

/// <summary>
/// Exactly one process owns a data folder. The lock is the operating system's (flock), so it ends with the process
/// however that ends; the owner's pid, and its URL where it has one, stand as two lines in a second file, which the one
/// that is refused can read.
/// </summary>
public sealed class FolderLock : IDisposable
{
    private const string LockName = "journal.lock", OwnerName = "journal.owner";
    private readonly string directory;
    private readonly FileStream held;

    private FolderLock(string directory, FileStream held) => (this.directory, this.held) = (directory, held);

    public static FolderLock Take(string directory)
    {
        FileStream held;
        try
        {
            held = new FileStream(Path.Combine(directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite,
                FileShare.None);
        }
        catch (IOException) when (File.Exists(Path.Combine(directory, OwnerName)))
        {
            var lines = File.ReadAllLines(Path.Combine(directory, OwnerName));
            var named = int.TryParse(lines.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture,
                out var pid);
            throw new FolderOwnedException(directory, named ? pid : null, lines.ElementAtOrDefault(1));
        }
        var owned = new FolderLock(directory, held);
        owned.WriteOwner(null);
        return owned;
    }

    /// <summary>Says where this process takes facts, so that a command beside it can hand its own over.</summary>
    public void PublishUrl(string url) => WriteOwner(url);

    /// <summary>Replaced whole, because another process may be reading it.</summary>
    private void WriteOwner(string? url)
    {
        var path = Path.Combine(directory, OwnerName);
        var pid = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        File.WriteAllLines(path + ".new", url is null ? [pid] : [pid, url]);
        File.Move(path + ".new", path, overwrite: true);
    }

    public void Dispose() => held.Dispose();
}
