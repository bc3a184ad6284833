namespace Ledger.Tests;

/// <summary>The files of a folder, to lay them out again: what many tests begin with is made once.</summary>
internal sealed class SavedFolder
{
    private readonly List<(string Name, byte[] Content, UnixFileMode Mode)> files;

    public SavedFolder(string path) => files = [.. Directory.GetFiles(path, "*", SearchOption.AllDirectories).Select(
        file => (Path.GetRelativePath(path, file), File.ReadAllBytes(file), ModeOf(file)))];

    public void LayOut(string path)
    {
        foreach (var (name, content, mode) in files)
        {
            var file = Path.Combine(path, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, content);
            if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file, mode);
        }
    }

    private static UnixFileMode ModeOf(string file) =>
        OperatingSystem.IsWindows() ? UnixFileMode.None : File.GetUnixFileMode(file);
}
