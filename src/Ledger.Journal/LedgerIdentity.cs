using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal.Copies;

namespace Ledger.Journal;

/// <summary>
/// What makes a data folder one ledger's own: <c>ledger.json</c> (its id and the version of the folder's format) and
/// <c>ledger.secret</c> (32 random bytes, from which the salts of the leaves and the keys of the evidence come). Both
/// are written once, whole and durably, before anything that depends on them. Without the secret nobody could ever
/// prove a leaf or read evidence again, so it is never made anew beside a journal.
/// </summary>
public sealed class LedgerIdentity
{
    public const string FileName = "ledger.json";
    public const string SecretFileName = "ledger.secret";
    public const int SecretBytes = 32;
    /// <summary>What no folder has before it has its name and secret, wherever its journal is.</summary>
    private static readonly string[] OfLedger =
        [SqliteJournal.FileName, JournalHead.FileName, DataFolderCopy.StoreMarkFileName];
    private const int Format = 1;

    private LedgerIdentity(LedgerId ledger, byte[] secret) => (Ledger, Secret) = (ledger, secret);

    public LedgerId Ledger { get; }

    /// <summary>The secret: never logged, never sent.</summary>
    public byte[] Secret { get; }

    /// <summary>Opens the folder of a ledger that is there;
    /// throws <see cref="JournalRefusedException"/> where none is.</summary>
    public static LedgerIdentity Open(string directory)
    {
        if (!File.Exists(Path.Combine(directory, FileName)))
            throw new JournalRefusedException($"{directory} is no ledger's folder: {FileName} is missing");
        var ledger = ReadName(Path.Combine(directory, FileName));
        return new LedgerIdentity(ledger, ReadSecret(Path.Combine(directory, SecretFileName)));
    }

    /// <summary>
    /// Opens the folder, or makes it one of <paramref name="ledger"/> where nothing is yet. A secret is given where it
    /// has to come out the same each time (a demonstration from a seed), else it is random.
    /// </summary>
    public static LedgerIdentity OpenOrCreate(string directory, LedgerId ledger, byte[]? secret = null)
    {
        if (secret is not null && secret.Length != SecretBytes)
            throw new ArgumentException($"a ledger's secret has {SecretBytes} bytes", nameof(secret));
        var (namePath, secretPath) = (Path.Combine(directory, FileName), Path.Combine(directory, SecretFileName));
        RefuseLost(directory, namePath, secretPath);
        DurableFiles.CreateDirectory(directory);
        // The secret first: a folder with a name but no secret is one that lost it.
        if (!File.Exists(secretPath)) DurableFiles.Create(secretPath, secret
            ?? RandomNumberGenerator.GetBytes(SecretBytes), DurableFiles.OwnerOnly);
        if (!File.Exists(namePath)) DurableFiles.Create(namePath, Name(ledger),
            DurableFiles.OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        var identity = Open(directory);
        if (identity.Ledger != ledger)
            throw new JournalRefusedException(
                $"{directory} is the folder of ledger {identity.Ledger}, not of {ledger}");
        if (secret is not null && !CryptographicOperations.FixedTimeEquals(secret, identity.Secret))
            throw new JournalRefusedException($"{secretPath} holds another secret than the one that was given");
        return identity;
    }

    /// <summary>A folder that is a ledger's, whose journal may be at a server, gets nothing in the place of what it
    /// lost.</summary>
    private static void RefuseLost(string directory, string namePath, string secretPath)
    {
        var isNamed = File.Exists(namePath); // asked first: whoever makes the folder just now makes the name last
        if (isNamed && !File.Exists(secretPath))
            throw new JournalRefusedException($"{secretPath} is missing beside {FileName}: put it back from where it is kept");
        var found = isNamed ? null : OfLedger.FirstOrDefault(name => Path.Exists(Path.Combine(directory, name)));
        if (found is null) return;
        foreach (var path in (string[])[namePath, secretPath])
            if (!File.Exists(path)) throw new JournalRefusedException($"{path} is missing beside {found} of a ledger");
    }

    /// <summary>How a command line names the ledger in a folder: with its store, where that is not the folder. Its name
    /// and password are not known here.</summary>
    public static string OnCommandLine(string directory) =>
        File.Exists(Path.Combine(directory, DataFolderCopy.StoreMarkFileName))
            ? $"--data {directory} --store STORE" : $"--data {directory}";

    private static byte[] Name(LedgerId ledger) => JsonSerializer.SerializeToUtf8Bytes(
        new JsonObject { ["ledger"] = ledger.Value, ["format"] = Format });

    private static LedgerId ReadName(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            var format = json.RootElement.GetProperty("format").GetInt32();
            if (format != Format)
                throw new JournalRefusedException(string.Create(CultureInfo.InvariantCulture,
                    $"{path} has format {format}; this program reads format {Format}"));
            return LedgerId.TryParse(json.RootElement.GetProperty("ledger").GetString(), out var ledger)
                ? ledger
                : throw new JournalRefusedException($"{path} names no ledger");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            throw new JournalRefusedException($"{path} is damaged: {e.Message}");
        }
    }

    private static byte[] ReadSecret(string path)
    {
        if (!File.Exists(path)) throw new JournalRefusedException($"{path} is missing");
        var secret = DurableFiles.ReadOwnerOnly(path);
        return secret.Length == SecretBytes
            ? secret
            : throw new JournalRefusedException($"{path} has {secret.Length} bytes, not {SecretBytes}");
    }
}
