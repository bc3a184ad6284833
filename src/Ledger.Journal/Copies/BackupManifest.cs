using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Copies;

/// <summary>A file of a backup, by its path below the copied data folder, with '/'.</summary>
/// <param name="Mode">Its Unix mode; null where the backup was made on Windows.</param>
public sealed record BackupFile(string Path, long Bytes, string Sha256, UnixFileMode? Mode);

/// <summary>
/// What a backup is: the folder <c>ledger</c>, which is a data folder; <c>backup.json</c>, which says of which journal
/// and names every file; and <c>SHA256SUMS</c>, the digests of all of them as sha256sum writes and checks them.
/// </summary>
public sealed record BackupManifest(
    string Ledger, long Events, string Root, Instant MadeAt, IReadOnlyList<BackupFile> Files)
{
    public const string FolderName = "ledger", FileName = "backup.json", SumsName = "SHA256SUMS";
    private const int Format = 1;

    /// <summary>The manifest of the folder that was copied.</summary>
    /// <param name="directory">The backup's folder.</param>
    public static BackupManifest Of(string directory, string ledger, LedgerCopy copy)
    {
        var folder = System.IO.Path.Combine(directory, FolderName);
        var files = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Select(path => System.IO.Path.GetRelativePath(folder, path).Replace('\\', '/'))
            .Order(StringComparer.Ordinal).Select(path => FileOf(folder, path)).ToList();
        return new(ledger, copy.Events, Convert.ToHexStringLower(copy.Root), copy.MadeAt, files);
    }

    private static BackupFile FileOf(string folder, string path)
    {
        if (!IsSafe(path)) throw new IOException($"the name of {path} cannot stand in a backup");
        var full = System.IO.Path.Combine(folder, path);
        var (bytes, digest) = CopiedFile.Hash(full);
        return new(path, bytes, digest, OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(full));
    }

    /// <summary>Writes <c>backup.json</c> and <c>SHA256SUMS</c>, and returns when all of the backup is on the
    /// disk.</summary>
    public void Write(string directory)
    {
        var json = Encoding.UTF8.GetBytes(ToJson());
        File.WriteAllBytes(System.IO.Path.Combine(directory, FileName), json);
        File.WriteAllText(System.IO.Path.Combine(directory, SumsName), Sums(json));
        Sync(directory);
    }

    /// <summary>Returns when all files and directories below, and their names, are on the disk.</summary>
    public static void Sync(string directory)
    {
        foreach (var path in Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories))
            DurableFiles.SyncDirectory(path); // fsync is the same for a file
        DurableFiles.SyncDirectory(directory);
    }

    /// <summary>Gives a folder its name, durably.</summary>
    public static void Move(string from, string to)
    {
        Directory.Move(from, to);
        DurableFiles.SyncDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(to))!);
    }

    /// <summary>
    /// Reads the manifest of a backup. Throws <see cref="InvalidDataException"/> where it is not what was written.
    /// </summary>
    public static BackupManifest Read(string directory)
    {
        var json = File.ReadAllBytes(System.IO.Path.Combine(directory, FileName));
        BackupManifest manifest;
        try
        {
            manifest = Parse(json);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or UnparsableValueException or OverflowException)
        {
            throw new InvalidDataException($"{FileName} is damaged: {e.Message}");
        }
        if (manifest.Files.FirstOrDefault(file => !IsSafe(file.Path)) is { } outside)
            throw new InvalidDataException($"{FileName} names {outside.Path}, which is no file of a data folder");
        return File.ReadAllText(System.IO.Path.Combine(directory, SumsName)) == manifest.Sums(json)
            ? manifest
            : throw new InvalidDataException($"{FileName} and {SumsName} do not say the same: one of them is damaged");
    }

    /// <summary>A path that stays below its folder on every machine, and in one line.</summary>
    public static bool IsSafe(string path) => path.Length > 0 && !path.Any(char.IsControl)
        && path.AsSpan().IndexOfAny('\\', ':') < 0 && path.Split('/').All(part => part is not ("" or "." or ".."));

    private string Sums(byte[] json) => string.Concat(Files.Select(file => $"{file.Sha256}  {FolderName}/{file.Path}\n")
        .Append($"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(json))}  {FileName}\n"));

    private string ToJson() => new JsonObject
    {
        ["format"] = Format,
        ["ledger"] = Ledger,
        ["events"] = Events,
        ["root"] = Root,
        ["madeAt"] = InstantPattern.ExtendedIso.Format(MadeAt),
        ["files"] = new JsonArray([.. Files.Select(file => new JsonObject
        {
            ["path"] = file.Path,
            ["bytes"] = file.Bytes,
            ["sha256"] = file.Sha256,
            ["mode"] = file.Mode is { } mode ? Convert.ToString((int)mode, 8) : null,
        })]),
    }.ToJsonString(Written) + "\n";

    private static readonly JsonSerializerOptions Written = new() { WriteIndented = true, NewLine = "\n" };

    private static BackupManifest Parse(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.GetProperty("format").GetInt32() is var format && format != Format)
            throw new FormatException(string.Create(CultureInfo.InvariantCulture,
                $"it has format {format}; this program reads format {Format}"));
        return new(root.GetProperty("ledger").GetString()!, root.GetProperty("events").GetInt64(),
            root.GetProperty("root").GetString()!,
            InstantPattern.ExtendedIso.Parse(root.GetProperty("madeAt").GetString()!).Value,
            [.. root.GetProperty("files").EnumerateArray().Select(file => new BackupFile(
                file.GetProperty("path").GetString()!, file.GetProperty("bytes").GetInt64(),
                file.GetProperty("sha256").GetString()!,
                file.GetProperty("mode").GetString() is { } mode ? (UnixFileMode)Convert.ToInt32(mode, 8) : null))]);
    }
}
