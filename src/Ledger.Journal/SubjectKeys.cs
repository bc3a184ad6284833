using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>Which key of which subject: the first is generation 1, the next follows where one was erased.</summary>
public readonly record struct SubjectKeyId(SubjectPseudonym Subject, int Generation)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Subject} key {Generation}");
}

/// <summary>
/// The keys of subjects: the file <c>ledger.subjects</c>, readable by its owner alone. Each key is random and derived
/// from nothing, so that who has the ledger's secret cannot make a destroyed one again. New keys are appended and
/// durable before anything is sealed under them; a destroyed one is gone from the file, which is written anew without
/// it, and the bytes of the old file are overwritten. Whoever copied the file before has the key still.
/// </summary>
internal sealed class SubjectKeys
{
    public const string FileName = "ledger.subjects";
    public const int KeyBytes = 32;
    // "LSK1", pseudonym, u32 generation, key, first 8 of SHA-256 of what precedes
    private const int PseudonymAt = 4, GenerationAt = 36, KeyAt = 40, ChecksumAt = 72, RecordBytes = 80;

    private readonly string path;
    private readonly byte[] nameKey;
    private readonly Dictionary<SubjectKeyId, byte[]> keys = [];
    private readonly Dictionary<SubjectPseudonym, int> newest = [];
    /// <summary>Generations that are used for nothing new: erased, or about to be.</summary>
    private readonly Dictionary<SubjectPseudonym, int> closed = [];
    private long length;

    private SubjectKeys(string path, byte[] secret) => (this.path, nameKey) = (path, HKDF.DeriveKey(
        HashAlgorithmName.SHA256, secret, 32, info: "ledger subject name"u8.ToArray()));

    /// <summary>Reads the keys that are there; changes nothing. Throws <see cref="JournalRefusedException"/> where the
    /// file is damaged, or open to others than its owner.</summary>
    public static SubjectKeys Open(string directory, byte[] secret)
    {
        var opened = new SubjectKeys(Path.Combine(directory, FileName), secret);
        opened.Load();
        return opened;
    }

    /// <summary>Brings to its end what a crash interrupted, and writes the file again: evidence will be sealed under
    /// what is read of it, which may be in memory alone. For the folder's owner.</summary>
    public static void Renew(string directory)
    {
        var path = Path.Combine(directory, FileName);
        SecretFile.Finish(path);
        DurableFiles.WriteAgain(path);
        DurableFiles.SyncDirectory(directory);
    }

    /// <summary>
    /// The name under which the ledger knows a subject. Blanks around it and the case of letters do not count: readers
    /// of cards write one number in several ways.
    /// </summary>
    public SubjectPseudonym PseudonymOf(string subject) => new(Convert.ToHexStringLower(
        HMACSHA256.HashData(nameKey, Encoding.UTF8.GetBytes(subject.Trim().ToUpperInvariant()))));

    public byte[]? Find(SubjectKeyId id) => keys.GetValueOrDefault(id);

    /// <summary>The subject's newest key that is there; null where there is none.</summary>
    public int? NewestOf(SubjectPseudonym subject) =>
        newest.TryGetValue(subject, out var generation) && keys.ContainsKey(new(subject, generation))
            ? generation : null;

    /// <summary>A generation that was used: what is sealed next has a later one, or this one while it is open.
    /// </summary>
    public void Saw(SubjectKeyId id) =>
        newest[id.Subject] = Math.Max(newest.GetValueOrDefault(id.Subject), id.Generation);

    /// <summary>Nothing new is sealed under these keys of the subject.</summary>
    public void Close(SubjectPseudonym subject, int generation)
    {
        closed[subject] = Math.Max(closed.GetValueOrDefault(subject), generation);
        Saw(new(subject, generation));
    }

    /// <summary>The keys under which something new is sealed; those that are missing are made, durably.</summary>
    public IReadOnlyList<SubjectKeyId> Current(IReadOnlyCollection<SubjectPseudonym> subjects)
    {
        var made = new List<SubjectKeyId>();
        var current = new List<SubjectKeyId>();
        foreach (var subject in subjects)
        {
            var generation = newest.GetValueOrDefault(subject);
            var id = new SubjectKeyId(subject, generation);
            if (generation <= closed.GetValueOrDefault(subject) || !keys.ContainsKey(id))
            {
                id = new(subject, generation + 1);
                made.Add(id);
            }
            current.Add(id);
        }
        if (made.Count > 0) Append(made);
        return current;
    }

    /// <summary>Destroys the subject's keys up to a generation, durably; says whether any was there.</summary>
    public bool Destroy(SubjectPseudonym subject, int generation)
    {
        Close(subject, generation);
        var gone = Enumerable.Range(1, generation).Select(of => new SubjectKeyId(subject, of))
            .Where(keys.ContainsKey).ToHashSet();
        if (gone.Count == 0) return false;
        var left = keys.Where(entry => !gone.Contains(entry.Key)).OrderBy(entry => entry.Key.Subject.Hex,
            StringComparer.Ordinal).ThenBy(entry => entry.Key.Generation).ToList();
        var content = new byte[left.Count * RecordBytes];
        for (var i = 0; i < left.Count; i++)
            Write(content.AsSpan(i * RecordBytes, RecordBytes), left[i].Key, left[i].Value);
        SecretFile.Replace(path, content);
        length = content.Length;
        foreach (var id in gone)
        {
            CryptographicOperations.ZeroMemory(keys[id]);
            keys.Remove(id);
        }
        return true;
    }

    private void Append(List<SubjectKeyId> made)
    {
        var records = new byte[made.Count * RecordBytes];
        var fresh = made.ConvertAll(_ => RandomNumberGenerator.GetBytes(KeyBytes));
        for (var i = 0; i < made.Count; i++)
            Write(records.AsSpan(i * RecordBytes, RecordBytes), made[i], fresh[i]);
        var options = new FileStreamOptions
        {
            Mode = FileMode.OpenOrCreate,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            BufferSize = 0,
            // WriteThrough (O_SYNC) because .NET's Flush(true) swallows the errors of fsync on Linux.
            Options = FileOptions.WriteThrough,
        };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = DurableFiles.OwnerOnly;
        using (var file = new FileStream(path, options))
            RandomAccess.Write(file.SafeFileHandle, records, length);
        if (length == 0) DurableFiles.SyncDirectory(Path.GetDirectoryName(path)!);
        length += records.Length;
        for (var i = 0; i < made.Count; i++)
        {
            keys.Add(made[i], fresh[i]);
            Saw(made[i]);
        }
    }

    /// <summary>
    /// Records at the end whose bytes are not whole were never acknowledged: nothing is sealed under their keys, and
    /// the next one takes their place. Anywhere else they are damage.
    /// </summary>
    private void Load()
    {
        if (!File.Exists(path)) return;
        var content = DurableFiles.ReadOwnerOnly(path);
        for (var at = 0; at + RecordBytes <= content.Length; at += RecordBytes)
        {
            var record = content.AsSpan(at, RecordBytes);
            if (!IsWhole(record)) continue;
            if (at > length) throw new JournalRefusedException($"{path} is damaged at byte {length}");
            var id = new SubjectKeyId(
                new(Convert.ToHexStringLower(record[PseudonymAt..GenerationAt])),
                BinaryPrimitives.ReadInt32BigEndian(record[GenerationAt..]));
            keys[id] = record[KeyAt..ChecksumAt].ToArray();
            Saw(id);
            length = at + RecordBytes;
        }
        CryptographicOperations.ZeroMemory(content);
    }

    private static bool IsWhole(ReadOnlySpan<byte> record) => record[..PseudonymAt].SequenceEqual("LSK1"u8)
        && SHA256.HashData(record[..ChecksumAt]).AsSpan(0, RecordBytes - ChecksumAt)
            .SequenceEqual(record[ChecksumAt..]);

    private static void Write(Span<byte> record, SubjectKeyId id, byte[] key)
    {
        "LSK1"u8.CopyTo(record);
        Convert.FromHexString(id.Subject.Hex).CopyTo(record[PseudonymAt..]);
        BinaryPrimitives.WriteInt32BigEndian(record[GenerationAt..], id.Generation);
        key.CopyTo(record[KeyAt..]);
        SHA256.HashData(record[..ChecksumAt]).AsSpan(0, RecordBytes - ChecksumAt).CopyTo(record[ChecksumAt..]);
    }
}
