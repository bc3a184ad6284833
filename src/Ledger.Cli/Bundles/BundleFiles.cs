using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Journal.Proof;

namespace Ledger.Cli.Bundles;

/// <summary>The names of the files in an evidence bundle: docs/evidence-bundle.md.</summary>
public static class BundleFiles
{
    public const string Format = "ledger-bundle/1";
    /// <summary>The format of a bundle of single lines: one that was asked for, or a sample.</summary>
    public const string LinesFormat = "ledger-lines/1";
    public const string Readme = "README.txt", Sums = "SHA256SUMS", Manifest = "manifest.json";
    public const string Checkpoint = TileFolder.CheckpointName, Keys = "keys";
    public const string Csv = "statement.csv", Json = "statement.json", Lines = "statement.lines";
    public const string LinesJson = "lines.json", LinesExtension = ".lines";
    public const string EventsFolder = "events/", EvidenceFolder = "evidence/", HandoversFolder = "handovers/",
        StatementsFolder = "statements/";

    /// <summary>The files of which there is one in every bundle of a format.</summary>
    public static IReadOnlyList<string> SingleOf(string format) => format == LinesFormat
        ? [Readme, Sums, Checkpoint, Keys, Manifest, LinesJson]
        : [Readme, Sums, Checkpoint, Keys, Manifest, Csv, Json, Lines];

    /// <summary>The folders that a bundle of a format may have.</summary>
    public static IReadOnlyList<string> FoldersOf(string format) => format == LinesFormat
        ? [EventsFolder, EvidenceFolder, HandoversFolder, StatementsFolder]
        : [EventsFolder, EvidenceFolder, HandoversFolder];

    /// <summary>The note by which the n-th key of the log was named; the first was named by nobody.</summary>
    public static string Handover(int key) => HandoversFolder + key.ToString(CultureInfo.InvariantCulture);

    public static string Event(long position) =>
        EventsFolder + position.ToString(CultureInfo.InvariantCulture) + TlogProof.FileExtension;

    public static string Evidence(EvidenceDigest digest) => EvidenceFolder + digest.Hex;

    public static string Digest(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>What <c>sha256sum -c</c> reads, of all files that have no list in them.</summary>
    public static byte[] SumsOf(IEnumerable<KeyValuePair<string, byte[]>> files) =>
        Encoding.ASCII.GetBytes(string.Concat(
        files.Where(file => file.Key is not (Sums or Manifest)).Select(file => $"{Digest(file.Value)}  {file.Key}\n")));
}
