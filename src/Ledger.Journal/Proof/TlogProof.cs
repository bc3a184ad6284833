using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>
/// A proof that fits in one file, c2sp.org/tlog-proof@v1: that an entry is in a log, with the checkpoint that says so.
/// Whoever has the entry and the log's public key needs nothing else.
/// </summary>
/// <param name="Index">The entry's place in the log.</param>
/// <param name="Hashes">Its path to the root, sibling of the leaf first.</param>
/// <param name="Checkpoint">The signed checkpoint, as it was published.</param>
/// <param name="Extra">What the log adds for the reader; nothing vouches for it.</param>
public sealed record TlogProof(long Index, IReadOnlyList<byte[]> Hashes, string Checkpoint, byte[]? Extra = null)
{
    public const string FileExtension = ".tlog-proof";
    private const string Header = "c2sp.org/tlog-proof@v1", ExtraWord = "extra ", IndexWord = "index ";
    private const int HashesMax = 63; // a tree of 2^63 leaves

    /// <summary>Reads a proof, of which nothing is verified yet;
    /// throws <see cref="NoteRefusedException"/> where it is none.</summary>
    public static TlogProof Parse(string text)
    {
        if (text.Length > 2 * SignedNote.BytesMax) throw new NoteRefusedException("the proof is longer than any proof");
        var split = text.IndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0) throw new NoteRefusedException("the proof has no empty line before its checkpoint");
        var lines = new Queue<string>(text[..split].Split('\n'));
        if (lines.Dequeue() != Header) throw new NoteRefusedException($"the proof does not begin with {Header}");
        var extra = Word(lines, ExtraWord) is { } base64 ? NoteText.Base64(base64, "the extra data") : null;
        var index = NoteText.Number(Word(lines, IndexWord)
            ?? throw new NoteRefusedException("the proof has no index"), "the index");
        if (lines.Count > HashesMax) throw new NoteRefusedException($"a proof has at most {HashesMax} hashes");
        return new(index, [.. lines.Select(line => NoteText.Hash(line, "a hash"))], text[(split + 2)..], extra);
    }

    private static string? Word(Queue<string> lines, string word) =>
        lines.TryPeek(out var line) && line.StartsWith(word, StringComparison.Ordinal)
            ? lines.Dequeue()[word.Length..] : null;

    public override string ToString() =>
        $"{Header}\n{(Extra is null ? "" : $"{ExtraWord}{Convert.ToBase64String(Extra)}\n")}{IndexWord}{NoteText.Number(Index)}\n"
        + string.Concat(Hashes.Select(hash => Convert.ToBase64String(hash) + '\n')) + '\n' + Checkpoint;

    /// <summary>
    /// The checkpoint that proves the entry to be in the log of <paramref name="key"/>, whose origin is the key's name.
    /// Throws <see cref="NoteRefusedException"/> where it does not.
    /// </summary>
    public Checkpoint Verify(byte[] entry, VerifierKey key)
    {
        var note = SignedNote.Parse(Encoding.UTF8.GetBytes(Checkpoint));
        note.SignedBy([key]);
        var checkpoint = Proof.Checkpoint.Parse(note.Text);
        if (checkpoint.Origin != key.Name)
            throw new NoteRefusedException($"the checkpoint is of {checkpoint.Origin}, the key of {key.Name}");
        return MerkleVerification.Includes(Index, checkpoint.Size, MerkleTree.LeafHash(entry), Hashes, checkpoint.Root)
            ? checkpoint
            : throw new NoteRefusedException($"the entry is not at {Index} of the log with this checkpoint");
    }
}
