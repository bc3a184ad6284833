using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Ledger.Journal;

/// <summary>
/// A secret that gives way to another: the new one takes its name whole and durably, then the bytes of the old one are
/// overwritten, because they would stay on the disk without a name. Until that is done the old one has a second name,
/// by which <see cref="Finish"/> finds it after a crash. A file system that writes elsewhere (copy on write, flash) may
/// keep the bytes all the same, and one without hard links keeps those of which a crash comes between.
/// </summary>
internal static class SecretFile
{
    private const string New = ".new", Old = ".old";

    /// <summary>What a replacement has not finished, by its path in the data folder: no part of the ledger.</summary>
    public static bool IsUnfinished(string path) => path is SubjectKeys.FileName + New or SubjectKeys.FileName + Old
        or Proof.SigningKeyFile.FileName + Old;

    /// <summary>Puts content in the place of a file that is there, whose bytes are gone afterwards.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        Finish(path);
        DurableFiles.Write(path + New, content, DurableFiles.OwnerOnly);
        Replace(path, path + New);
    }

    /// <summary>Puts another file, whole and durable, in the place of the one that is there.</summary>
    public static void Replace(string path, string by)
    {
        Finish(path, by);
        if (!File.Exists(path))
        {
            DurableFiles.Settle(by, path);
            return;
        }
        using (var before = OpenToOverwrite(path))
        {
            if (TryLink(path, path + Old)) DurableFiles.SyncDirectory(DirectoryOf(path));
            DurableFiles.Settle(by, path);
            before.Write(new byte[before.Length]);
        }
        if (!File.Exists(path + Old)) return;
        File.Delete(path + Old);
        DurableFiles.SyncDirectory(DirectoryOf(path));
    }

    /// <summary>
    /// Overwrites and removes what a crash left of a replacement. Before the new file has taken the name both names are
    /// of the one file, which then only loses the second: of two that are not the same the contents differ.
    /// </summary>
    /// <param name="kept">The file that is about to take the name.</param>
    public static void Finish(string path, string? kept = null)
    {
        if (path + New != kept && File.Exists(path + New)) Overwrite(path + New);
        if (!File.Exists(path + Old) || !File.Exists(path)) return;
        if (File.ReadAllBytes(path + Old).AsSpan().SequenceEqual(File.ReadAllBytes(path)))
        {
            File.Delete(path + Old);
            DurableFiles.SyncDirectory(DirectoryOf(path));
        }
        else Overwrite(path + Old);
    }

    private static void Overwrite(string path)
    {
        using (var file = OpenToOverwrite(path)) file.Write(new byte[file.Length]);
        File.Delete(path);
        DurableFiles.SyncDirectory(DirectoryOf(path));
    }

    private static FileStream OpenToOverwrite(string path) => new(path, new FileStreamOptions
    {
        Mode = FileMode.Open,
        Access = FileAccess.Write,
        Share = FileShare.ReadWrite | FileShare.Delete,
        BufferSize = 0,
        // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
        Options = FileOptions.WriteThrough,
    });

    private static string DirectoryOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path))!;

    /// <summary>Gives a file a second name; false where its file system has no such thing.</summary>
    private static bool TryLink(string path, string second)
    {
        if (OperatingSystem.IsWindows()) return false;
        if (Link(path, second) == 0) return true;
        var error = Marshal.GetLastPInvokeError();
        return error is NotPermitted or NotSupportedOnLinux or NotSupportedOnMac or NotImplementedOnLinux ? false
            : throw new IOException($"link {path}", new Win32Exception(error));
    }

    private const int NotPermitted = 1, NotSupportedOnLinux = 95, NotSupportedOnMac = 45, NotImplementedOnLinux = 38;

    [DllImport("libc", EntryPoint = "link", SetLastError = true, CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    private static extern int Link(string path, string second);
}
