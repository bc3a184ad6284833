using System.Text;
using Ledger.Journal.Copies;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Months;

/// <summary>The digests of all files of a folder, in the file <c>SHA256SUMS</c>, as sha256sum writes and checks
/// them.</summary>
internal static class FileSums
{
    public const string Name = BackupManifest.SumsName;
    private const int DigestLength = 64; // hex digits, and two spaces before the path

    /// <summary>Writes the file; returns its own SHA-256, which stands for the whole folder.</summary>
    public static string Write(string directory)
    {
        var lines = Files(directory).Select(path =>
            $"{CopiedFile.Hash(Path.Combine(directory, path)).Sha256}  {path}\n");
        File.WriteAllText(Path.Combine(directory, Name), string.Concat(lines));
        return CopiedFile.Hash(Path.Combine(directory, Name)).Sha256;
    }

    /// <summary>Finds every file that is changed, gone, or not listed; returns how many are listed.</summary>
    public static long Verify(string directory, Findings findings, CancellationToken ct)
    {
        var there = Files(directory).ToHashSet(StringComparer.Ordinal);
        var listed = 0L;
        foreach (var line in File.ReadLines(Path.Combine(directory, Name), Encoding.UTF8))
        {
            ct.ThrowIfCancellationRequested();
            listed++;
            var path = line.Length > DigestLength + 2 ? line[(DigestLength + 2)..] : "";
            if (!BackupManifest.IsSafe(path)) findings.Add($"{Name}, line {listed}", line, "DIGEST  PATH");
            else if (!there.Remove(path)) findings.Add(path, "no such file, or named twice", line[..DigestLength]);
            else if (CopiedFile.Hash(Path.Combine(directory, path)).Sha256 is var digest
                && line != $"{digest}  {path}")
                findings.Add(path, $"SHA-256 {digest}", line[..DigestLength]);
        }
        foreach (var path in there.Order(StringComparer.Ordinal)) findings.Add(path, "a file", $"none that {Name} lacks");
        return listed;
    }

    private static IEnumerable<string> Files(string directory) =>
        Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(directory, path).Replace('\\', '/'))
            .Where(path => path != Name).Order(StringComparer.Ordinal);
}
