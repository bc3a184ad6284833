using System.Globalization;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>
/// Every checkpoint that was ever signed here, one note a file, named by its size: <c>checkpoints/SIZE</c>. A text that
/// is there is never replaced, so a size has one root for ever; cosignatures are added below it. The keys of witnesses
/// that have vouched here stand in <c>checkpoints/witnesses</c>, one vkey a line.
/// </summary>
public sealed class CheckpointStore(string dataDirectory)
{
    public const string DirectoryName = "checkpoints";
    private const string TurnName = "turn", WitnessesName = "witnesses";
    private const string SizeFormat = "D19"; // the digits of the largest size, so that names stand in order
    private readonly string directory = Path.Combine(dataDirectory, DirectoryName);

    /// <summary>The sizes that were signed, in order.</summary>
    public IReadOnlyList<long> Sizes => !Directory.Exists(directory) ? [] :
    [
        .. Directory.EnumerateFiles(directory).Select(path => Path.GetFileName(path))
            .Where(name => name.Length == 19 && name.All(char.IsAsciiDigit))
            .Select(name => long.Parse(name, NumberStyles.None, CultureInfo.InvariantCulture)).Order(),
    ];

    /// <summary>The note of a size; throws <see cref="NoteRefusedException"/> where the file is not what its name
    /// says.</summary>
    public SignedNote Read(long size)
    {
        var note = SignedNote.Parse(File.ReadAllBytes(PathOf(size)));
        return Checkpoint.Parse(note.Text).Size == size
            ? note
            : throw new NoteRefusedException($"{PathOf(size)} is the checkpoint of another size");
    }

    /// <summary>The checkpoint of the largest size; null before the first.</summary>
    public SignedNote? Latest() => Sizes is [.., var size] ? Read(size) : null;

    /// <summary>The keys of the witnesses that have vouched for a checkpoint here.</summary>
    public IReadOnlyList<VerifierKey> Witnesses => File.Exists(PathOfWitnesses)
        ? [.. File.ReadAllLines(PathOfWitnesses).Select(VerifierKey.Parse)] : [];

    /// <summary>
    /// The one turn to sign: who holds it may look at the latest checkpoint and add the next.
    /// Null where another process has it. It is the operating system's lock,
    /// and ends with the process however that ends.
    /// </summary>
    public CheckpointTurn? TryTakeTurn()
    {
        DurableFiles.CreateDirectory(directory);
        try
        {
            return new CheckpointTurn(this, new FileStream(
                Path.Combine(directory, TurnName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException)
        {
            return null;
        }
    }

    internal void Add(long size, SignedNote note)
    {
        DurableFiles.Create(PathOf(size), note.ToBytes(), DurableFiles.Public);
        if (!File.ReadAllBytes(PathOf(size)).AsSpan().SequenceEqual(note.ToBytes()))
            throw new NoteRefusedException($"{PathOf(size)} was signed before with another content");
    }

    /// <summary>Puts cosignatures below the checkpoint of a size, and their keys beside it.</summary>
    internal SignedNote AddCosignatures(
        long size, IEnumerable<NoteSignature> cosignatures, IReadOnlyCollection<VerifierKey> witnesses)
    {
        var note = Read(size);
        var added = cosignatures.Where(one => witnesses.Any(key => one.IsOf(key) && key.Verify(note.Text, one.Bytes))
            && !note.Signatures.Any(there => (there.Name, there.KeyId) == (one.Name, one.KeyId))).ToList();
        if (added.Count == 0) return note;
        var keys = Witnesses.Concat(witnesses.Where(key => added.Any(one => one.IsOf(key))))
            .Select(key => $"{key}").Distinct(StringComparer.Ordinal);
        // The keys first: who reads a cosignature can then always ask whose it is.
        DurableFiles.Replace(PathOfWitnesses, Encoding.UTF8.GetBytes(string.Concat(keys.Select(key => $"{key}\n"))),
            DurableFiles.Public);
        var cosigned = note with { Signatures = [.. note.Signatures, .. added] };
        DurableFiles.Replace(PathOf(size), cosigned.ToBytes(), DurableFiles.Public);
        return cosigned;
    }

    private string PathOfWitnesses => Path.Combine(directory, WitnessesName);

    private string PathOf(long size) =>
        Path.Combine(directory, size.ToString(SizeFormat, CultureInfo.InvariantCulture));
}

/// <summary>The turn to sign, until it is given back.</summary>
public sealed class CheckpointTurn : IDisposable
{
    private readonly CheckpointStore store;
    private readonly FileStream held;

    internal CheckpointTurn(CheckpointStore store, FileStream held) => (this.store, this.held) = (store, held);

    /// <summary>
    /// Signs the next checkpoint and keeps it, durably, before anyone sees it: compare and swap, in that the latest one
    /// is compared within the turn. The same size and root again is the same checkpoint. Throws
    /// <see cref="NoteRefusedException"/> where the tree does not continue what was signed before.
    /// </summary>
    /// <param name="next">What is to be signed.</param>
    /// <param name="tree">The tree of that size, from which the consistency is proven.</param>
    /// <param name="key">Signs the next.</param>
    /// <param name="known">The keys of this log that may have signed the latest.</param>
    public SignedNote Sign(Checkpoint next, TileHashes tree, SignerKey key, IReadOnlyCollection<VerifierKey> known)
    {
        if (store.Latest() is { } latest)
        {
            latest.SignedBy(known);
            var before = Checkpoint.Parse(latest.Text);
            if (before.Origin != next.Origin)
                throw new NoteRefusedException($"the log is {before.Origin}, not {next.Origin}");
            if (next.Size < before.Size)
                throw new NoteRefusedException($"the journal has {next.Size} events, and {before.Size} were signed");
            if (!MerkleVerification.IsConsistent(before.Size, next.Size,
                MerkleProof.Consistency(before.Size, next.Size, tree.At), before.Root, next.Root))
                throw new NoteRefusedException(
                    $"the journal of {next.Size} events does not continue the one of {before.Size} "
                    + $"that was signed with root {Convert.ToHexStringLower(before.Root)}");
            if (before.Size == next.Size) return latest;
        }
        var note = SignedNote.Sign(next.ToText(), key);
        store.Add(next.Size, note);
        return note;
    }

    /// <summary>
    /// Adds what witnesses have signed to the checkpoint of a size; what is there already, and what is of none of these
    /// keys, is left out. Returns the checkpoint as it is then.
    /// </summary>
    public SignedNote AddCosignatures(
        long size, IReadOnlyCollection<NoteSignature> cosignatures, IReadOnlyCollection<VerifierKey> witnesses) =>
        store.AddCosignatures(size, cosignatures, witnesses);

    /// <summary>Keeps a checkpoint of somebody else's log, as it was seen; of one that is there already nothing
    /// changes.</summary>
    public void Keep(SignedNote note)
    {
        var size = Checkpoint.Parse(note.Text).Size;
        if (!store.Sizes.Contains(size)) store.Add(size, note);
    }

    public void Dispose() => held.Dispose();
}
