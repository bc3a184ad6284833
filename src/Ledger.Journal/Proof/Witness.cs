using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using NodaTime;

namespace Ledger.Journal.Proof;

/// <summary>
/// A witness of c2sp.org/tlog-witness in its folder: <c>witness.key</c>, made with the folder and readable by its
/// owner alone; <c>trusted</c>, one vkey of a log a line, whose name is the log's origin; and
/// <c>logs/HASH/checkpoint</c>, the latest checkpoint of each log that it vouched for, HASH being SHA-256 of the origin
/// in hex. One process serves a folder; within it one request at a time looks, decides and makes its answer durable
/// before anybody sees it. So no two histories of one log can both be vouched for, whatever is asked at once and
/// whenever the process ends.
/// </summary>
public sealed class Witness : IDisposable
{
    public const string KeyFileName = "witness.key", TrustedFileName = "trusted", LogsFolder = "logs";
    private const string CheckpointName = "checkpoint", RefusedFolder = "refused", LockName = "witness.lock";
    /// <summary>Refused checkpoints of one log that are kept as evidence against it; later ones are not.</summary>
    public const int RefusedMax = 100;
    // A copy would have forgotten what was vouched for since.
    private const string Remedy = "nothing is vouched for any more: retire this witness's key, and make another witness";
    private readonly string directory;
    private readonly SignerKey key;
    private readonly IClock clock;
    private readonly FileStream held;
    private readonly Lock turn = new();

    private Witness(string directory, SignerKey key, IClock clock, FileStream held) =>
        (this.directory, this.key, this.clock, this.held) = (directory, key, clock, held);

    /// <summary>The key by which others know what this witness signed.</summary>
    public VerifierKey Verifier => key.WitnessVerifier;

    /// <summary>The key of the folder, made where there is none and a name is given; null where there is
    /// none.</summary>
    public static SignerKey? KeyOf(string directory, string? name)
    {
        if (name is null) return Directory.Exists(directory) ? SigningKeyFile.Read(directory, KeyFileName) : null;
        DurableFiles.CreateDirectory(directory);
        return SigningKeyFile.ReadOrCreate(directory, name, fileName: KeyFileName);
    }

    /// <summary>Takes the folder to answer requests; throws <see cref="IOException"/> where another process has it,
    /// <see cref="NoteRefusedException"/> where a line of <c>trusted</c> is no key.</summary>
    public static Witness Open(string directory, SignerKey key, IClock clock)
    {
        Trusted(directory);
        try
        {
            return new(directory, key, clock, new FileStream(Path.Combine(directory, LockName), FileMode.OpenOrCreate,
                FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException) when (File.Exists(Path.Combine(directory, LockName)))
        {
            throw new IOException($"another process answers for the witness in {directory}");
        }
    }

    /// <summary>The keys of the logs that this witness watches.</summary>
    public static IReadOnlyList<VerifierKey> Trusted(string directory) => [.. Lines(directory).Select(ReadLogKey)];

    /// <summary>Adds a log's key; false where it is there already. A running witness knows it with its next
    /// request.</summary>
    public static bool Trust(string directory, VerifierKey log)
    {
        var lines = Lines(directory).ToList();
        if (lines.Contains($"{ReadLogKey($"{log}")}")) return false;
        DurableFiles.Replace(Path.Combine(directory, TrustedFileName),
            Encoding.UTF8.GetBytes(string.Concat(lines.Append($"{log}").Select(line => $"{line}\n"))),
            DurableFiles.Public);
        return true;
    }

    private static VerifierKey ReadLogKey(string line) => VerifierKey.Parse(line) is var key
        && key.Algorithm == NoteAlgorithm.Ed25519
        ? key
        : throw new NoteRefusedException($"{key.Name}+{key.Id:x8} is a witness's key, not a log's");

    private static IEnumerable<string> Lines(string directory)
    {
        var path = Path.Combine(directory, TrustedFileName);
        return !File.Exists(path) ? [] : File.ReadLines(path).Select(line => line.Trim())
            .Where(line => line.Length > 0 && line[0] != '#');
    }

    /// <summary>
    /// Answers a request. What it vouches for is durable before this returns; the time of a cosignature is never before
    /// that of the one before, because each says that nothing larger was seen by then. Throws
    /// <see cref="InvalidDataException"/> where what it kept is damaged, <see cref="IOException"/> where it cannot keep
    /// more.
    /// </summary>
    public WitnessAnswer Add(ReadOnlySpan<byte> request)
    {
        AddCheckpointRequest asked;
        Checkpoint checkpoint;
        try
        {
            asked = AddCheckpointRequest.Parse(request);
            checkpoint = Checkpoint.Parse(asked.Note.Text);
        }
        catch (NoteRefusedException refused)
        {
            return new WitnessAnswer.Malformed(refused.Message);
        }
        var trusted = Lines(directory).Where(line => line.StartsWith($"{checkpoint.Origin}+", StringComparison.Ordinal))
            .Select(ReadLogKey).Where(log => log.Name == checkpoint.Origin).ToList();
        lock (turn)
        {
            var (latest, seenAt) = LatestOf(checkpoint.Origin);
            if (WitnessAnswer.Refusal(asked, checkpoint, trusted, latest) is { } refusal)
            {
                if (IsEvidence(refusal, checkpoint, latest)) KeepRefused(asked.Note, checkpoint);
                return refusal;
            }
            var now = clock.GetCurrentInstant().ToUnixTimeSeconds();
            var cosignature = key.Cosign(asked.Note.Text, Math.Max(seenAt, now));
            // Of two lines of one key the first was verified; the other may be anything.
            var signed = asked.Note.Signatures.Where(line => trusted.Any(line.IsOf))
                .DistinctBy(line => (line.Name, line.KeyId));
            Keep(checkpoint.Origin, new SignedNote(asked.Note.Text, [.. signed, cosignature]));
            return new WitnessAnswer.Cosigned(cosignature);
        }
    }

    /// <summary>The latest checkpoint that it vouched for, by SHA-256 of the origin in hex; null where there is
    /// none.</summary>
    public SignedNote? Latest(string originHash) => LatestIn(directory, originHash);

    /// <summary>The same of a folder that another process may have.</summary>
    public static SignedNote? LatestIn(string directory, string originHash) =>
        originHash.Length == 64 && originHash.All(char.IsAsciiHexDigitLower)
        && Path.Combine(directory, LogsFolder, originHash, CheckpointName) is var path && File.Exists(path)
            ? Read(path)
            : null;

    private static SignedNote Read(string path)
    {
        try
        {
            return SignedNote.Parse(File.ReadAllBytes(path));
        }
        catch (NoteRefusedException damaged)
        {
            throw new InvalidDataException($"{path} is damaged: {damaged.Message}; {Remedy}");
        }
    }

    /// <summary>How a log is called in paths.</summary>
    public static string HashOf(string origin) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)));

    /// <summary>How many checkpoints of a log are kept that were refused although the log had signed them.</summary>
    public static int RefusedOf(string directory, string origin) =>
        Path.Combine(directory, LogsFolder, HashOf(origin), RefusedFolder) is var folder && Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder).Count() : 0;

    /// <summary>The latest checkpoint and its time; a file that this witness did not sign is never taken for
    /// one.</summary>
    private (Checkpoint? Latest, long SeenAt) LatestOf(string origin)
    {
        if (Latest(HashOf(origin)) is not { } note) return (null, 0);
        try
        {
            note.SignedBy([Verifier]);
            var checkpoint = Checkpoint.Parse(note.Text);
            var own = note.Signatures.First(line => line.IsOf(Verifier));
            if (checkpoint.Origin == origin && Cosignature.TryRead(own.Bytes, out var seenAt, out _))
                return (checkpoint, seenAt);
            throw new NoteRefusedException($"it is of {checkpoint.Origin}");
        }
        catch (NoteRefusedException damaged)
        {
            throw new InvalidDataException(
                $"{LogsFolder}/{HashOf(origin)}/{CheckpointName} is not what this witness kept of {origin}: "
                + $"{damaged.Message}; {Remedy}");
        }
    }

    private void Keep(string origin, SignedNote note)
    {
        var folder = Path.Combine(directory, LogsFolder, HashOf(origin));
        DurableFiles.CreateDirectory(Path.Combine(directory, LogsFolder));
        DurableFiles.CreateDirectory(folder);
        DurableFiles.Replace(Path.Combine(folder, CheckpointName), note.ToBytes(), DurableFiles.Public);
    }

    /// <summary>Whether the log signed something that it should not have: a proof that is only wrong proves nothing
    /// by itself, but may.</summary>
    private static bool IsEvidence(WitnessAnswer refusal, Checkpoint checkpoint, Checkpoint? latest) =>
        refusal is WitnessAnswer.NotContinued
        || (refusal is WitnessAnswer.AnotherSize && checkpoint.Size == latest?.Size
            && !checkpoint.Root.AsSpan().SequenceEqual(latest.Root));

    private void KeepRefused(SignedNote note, Checkpoint checkpoint)
    {
        if (RefusedOf(directory, checkpoint.Origin) >= RefusedMax) return;
        var folder = Path.Combine(directory, LogsFolder, HashOf(checkpoint.Origin), RefusedFolder);
        DurableFiles.CreateDirectory(Path.Combine(directory, LogsFolder));
        DurableFiles.CreateDirectory(Path.GetDirectoryName(folder)!);
        DurableFiles.CreateDirectory(folder);
        DurableFiles.Create(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture,
            $"{checkpoint.Size:D19}-{Convert.ToHexStringLower(checkpoint.Root)}")), note.ToBytes(),
            DurableFiles.Public);
    }

    public void Dispose() => held.Dispose();
}
