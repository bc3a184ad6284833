using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Bundles;

/// <summary>A file as the manifest lists it.</summary>
public sealed record BundleManifestFile(string Path, int Bytes, string Sha256);

/// <summary>What a bundle is of (a settlement run, or the lines asked for), and every file of it but the manifest
/// itself, in order of their names.</summary>
public sealed record BundleManifest(string Format, string Ledger, string Run, IReadOnlyList<BundleManifestFile> Files)
{
    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static BundleManifest Of(string ledger, string run, IEnumerable<KeyValuePair<string, byte[]>> files,
        string format = BundleFiles.Format) => new(
        format, ledger, run, [.. files.Where(file => file.Key != BundleFiles.Manifest)
            .Select(file => new BundleManifestFile(file.Key, file.Value.Length, BundleFiles.Digest(file.Value)))]);

    /// <summary>Throws <see cref="JsonException"/> where it is no manifest.</summary>
    public static BundleManifest Parse(byte[] bytes) =>
        JsonSerializer.Deserialize<BundleManifest>(bytes, Options) ?? throw new JsonException("it is null");

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(JsonSerializer.Serialize(this, Options) + '\n');

    /// <summary>Adds a fault for each file that is not as it is listed, not listed, or not there.</summary>
    public void Verify(IReadOnlyDictionary<string, byte[]> files, Findings findings)
    {
        var before = findings.FaultCount;
        if (Format is not (BundleFiles.Format or BundleFiles.LinesFormat))
            findings.Add(BundleFiles.Manifest, $"format {Format}",
                $"{BundleFiles.Format} or {BundleFiles.LinesFormat}");
        var right = Of(Ledger, Run, files, Format);
        var (listed, found) = (Files.ToLookup(file => file.Path), right.Files.ToDictionary(file => file.Path));
        foreach (var file in right.Files)
            if (listed[file.Path].FirstOrDefault() is not { } said)
                findings.Add(file.Path, "a file that the manifest does not list", "none");
            else if (said != file)
                findings.Add(file.Path, $"{file.Bytes} bytes with SHA-256 {file.Sha256}",
                    $"{said.Bytes} with {said.Sha256} by the manifest");
        foreach (var file in Files.Where(file => !found.ContainsKey(file.Path)))
            findings.Add(file.Path, "no such file", "the one that the manifest lists");
        if (findings.FaultCount == before && !files[BundleFiles.Manifest].AsSpan().SequenceEqual(right.ToBytes()))
            findings.Add(BundleFiles.Manifest, "other bytes", "the one manifest of these files");
    }
}
