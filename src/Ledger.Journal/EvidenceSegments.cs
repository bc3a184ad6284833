namespace Ledger.Journal;

/// <summary>The files of an evidence archive, in the order in which they were begun, each written through to the disk.
/// </summary>
internal sealed class EvidenceSegments(string directory, FileAccess access) : IDisposable
{
    private readonly List<FileStream> files = [];
    private readonly List<long> whole = [];

    public int Count => files.Count;
    public FileStream this[int number] => files[number];
    public FileStream Last => files[^1];

    /// <summary>The segments as they were opened, each with its bytes up to the end of the last whole record.</summary>
    public IEnumerable<(string Path, long Bytes)> Whole =>
        files.Zip(whole, (segment, bytes) => (segment.Name, bytes));

    public long WholeBytesOfLast => whole[^1];

    /// <summary>Whether there is another one behind those that are open.</summary>
    public bool HasMore => File.Exists(PathOf(files.Count));

    /// <summary>Opens the next one, or begins it.</summary>
    public FileStream Open()
    {
        files.Add(Open(files.Count));
        return files[^1];
    }

    /// <summary>Says how far the one that was opened last is whole.</summary>
    public void IsWholeUpTo(long bytes) => whole.Add(bytes);

    /// <summary>Puts a file that is whole in the place of a segment. Whatever this throws, the segment that is open is
    /// the one that has the name: the new one where it was moved, and else the old one.</summary>
    public void Replace(int number, string by)
    {
        files[number].Dispose();
        try
        {
            File.Move(by, PathOf(number), overwrite: true);
        }
        finally
        {
            files[number] = Open(number);
            whole[number] = files[number].Length;
        }
    }

    /// <summary>The segments of a folder, in order.</summary>
    public static IEnumerable<string> In(string directory) =>
        Enumerable.Range(0, int.MaxValue).Select(number => PathOf(directory, number)).TakeWhile(File.Exists);

    public string PathOf(int number) => PathOf(directory, number);
    private static string PathOf(string directory, int number) => Path.Combine(directory, $"{number:D6}.segment");

    // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
    private FileStream Open(int number)
    {
        var (mode, share) = access == FileAccess.Read
            ? (FileMode.Open, FileShare.ReadWrite) : (FileMode.OpenOrCreate, FileShare.Read);
        return new FileStream(PathOf(number), mode, access, share, 0, FileOptions.WriteThrough);
    }

    public void Dispose()
    {
        foreach (var file in files) file.Dispose();
    }
}
