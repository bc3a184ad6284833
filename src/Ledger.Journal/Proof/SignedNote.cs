using System.Buffers.Binary;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>One signature line of a note: whose it says it is, and the bytes after the key id.</summary>
public sealed record NoteSignature(string Name, uint KeyId, byte[] Bytes)
{
    private const string Mark = "— "; // U+2014 and a space
    private const int IdBytes = 4;

    /// <summary>Whether it says to be this key's; nothing is verified by that.</summary>
    public bool IsOf(VerifierKey key) => Name == key.Name && KeyId == key.Id;

    public override string ToString()
    {
        var signature = new byte[IdBytes + Bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(signature, KeyId);
        Bytes.CopyTo(signature, IdBytes);
        return $"{Mark}{Name} {Convert.ToBase64String(signature)}";
    }

    /// <summary>Reads one line without its line feed; throws <see cref="NoteRefusedException"/> where it is
    /// none.</summary>
    public static NoteSignature Parse(string line)
    {
        var parts = line.StartsWith(Mark, StringComparison.Ordinal) ? line[Mark.Length..].Split(' ', 2) : [];
        if (parts.Length < 2 || !VerifierKey.IsName(parts[0]))
            throw new NoteRefusedException($"'{line}' is no signature line");
        var signature = NoteText.Base64(parts[1], $"the signature of {parts[0]}");
        return signature.Length > IdBytes
            ? new(parts[0], BinaryPrimitives.ReadUInt32BigEndian(signature), signature[IdBytes..])
            : throw new NoteRefusedException($"the signature of {parts[0]} is cut short");
    }
}

/// <summary>
/// A signed note, c2sp.org/signed-note: a text that ends with a line feed, an empty line, and one signature a line. The
/// text is what is signed, and the last empty line is what parts it from the signatures.
/// </summary>
public sealed record SignedNote(string Text, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>The longest note that is read, in bytes; and the most signatures. The limits of Go's reader.</summary>
    public const int BytesMax = 1_000_000;
    public const int SignaturesMax = 100;

    /// <summary>Reads a note, of which nothing is verified yet;
    /// throws <see cref="NoteRefusedException"/> where it is none.</summary>
    public static SignedNote Parse(ReadOnlySpan<byte> note)
    {
        if (note.Length > BytesMax) throw new NoteRefusedException($"a note has at most {BytesMax} bytes");
        string all;
        try
        {
            all = JournalBytes.Utf8.GetString(note);
        }
        catch (DecoderFallbackException)
        {
            throw new NoteRefusedException("the note is not UTF-8");
        }
        if (all.Any(c => c < ' ' && c != '\n')) throw new NoteRefusedException("the note has control characters");
        var split = all.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (split < 0 || split + 2 == all.Length || all[^1] != '\n')
            throw new NoteRefusedException("the note does not end with an empty line and its signatures");
        var lines = all[(split + 2)..^1].Split('\n');
        if (lines.Length > SignaturesMax)
            throw new NoteRefusedException($"a note has at most {SignaturesMax} signatures");
        return new(all[..(split + 1)], [.. lines.Select(NoteSignature.Parse)]);
    }

    /// <summary>A note with its first signature.</summary>
    public static SignedNote Sign(string text, SignerKey key)
    {
        if (!text.EndsWith('\n') || text.Any(c => c < ' ' && c != '\n'))
            throw new ArgumentException("a note's text is lines, each with its line feed", nameof(text));
        return new(text, [key.Sign(text)]);
    }

    /// <summary>
    /// The known keys that signed. Lines of keys that nobody here knows are ignored. Throws
    /// <see cref="NoteRefusedException"/> where a known key's line does not verify, or no known key signed at all.
    /// </summary>
    public IReadOnlyList<VerifierKey> SignedBy(IReadOnlyCollection<VerifierKey> known)
    {
        var signers = new List<VerifierKey>();
        foreach (var line in Signatures)
        {
            var keys = known.Where(key => key.Name == line.Name && key.Id == line.KeyId).ToList();
            if (keys.Count > 1)
                throw new NoteRefusedException($"two known keys have the name and id of {line.Name}+{line.KeyId:x8}");
            if (keys is not [var key] || signers.Contains(key)) continue;
            if (!key.Verify(Text, line.Bytes))
                throw new NoteRefusedException($"the signature of {line.Name}+{line.KeyId:x8} does not hold");
            signers.Add(key);
        }
        return signers.Count > 0 ? signers : throw new NoteRefusedException("no known key signed the note");
    }

    public override string ToString() => Text + '\n' + string.Concat(Signatures.Select(signature => $"{signature}\n"));

    public byte[] ToBytes() => Encoding.UTF8.GetBytes(ToString());
}
