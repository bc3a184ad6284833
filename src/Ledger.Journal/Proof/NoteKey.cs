using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>What the bytes of a note's signature are, by the first byte of its key: c2sp.org/signed-note.</summary>
public enum NoteAlgorithm : byte
{
    /// <summary>Ed25519 over the note's text.</summary>
    Ed25519 = 0x01,
    /// <summary>ECDSA; its key id has a rule of its own.</summary>
    Ecdsa = 0x02,
    /// <summary>A witness's time and Ed25519 over both: c2sp.org/tlog-cosignature, cosignature/v1.</summary>
    Cosignature = 0x04,
    /// <summary>The tree head of a certificate log; its key id is of the log's id.</summary>
    TreeHead = 0x05,
}

/// <summary>
/// A public key of notes: a name and Ed25519, either of a log or of a witness. Its text, the vkey, is
/// NAME+KEYID+BASE64(algorithm ‖ public key).
/// </summary>
public sealed class VerifierKey
{
    private readonly byte[] publicKey;

    public VerifierKey(string name, NoteAlgorithm algorithm, byte[] publicKey)
    {
        if (!IsName(name)) throw new NoteRefusedException($"'{name}' is no key's name: it has no space and no +");
        if (algorithm is not (NoteAlgorithm.Ed25519 or NoteAlgorithm.Cosignature))
            throw new NoteRefusedException($"keys of algorithm {(byte)algorithm} are not verified here");
        if (!Ed25519Signature.IsPublicKey(publicKey))
            throw new NoteRefusedException($"the key of {name} is no Ed25519 key");
        (Name, Algorithm, this.publicKey, Id) = (name, algorithm, publicKey, IdOf(name, algorithm, publicKey));
    }

    public string Name { get; }
    public NoteAlgorithm Algorithm { get; }

    /// <summary>The first four bytes of SHA-256(name ‖ LF ‖ algorithm ‖ public key): tells keys of one name apart,
    /// proves nothing.</summary>
    public uint Id { get; }

    /// <summary>Reads a vkey; throws <see cref="NoteRefusedException"/> where its parts do not fit together.</summary>
    public static VerifierKey Parse(string vkey)
    {
        var parts = vkey.Split('+', 3); // base64 has a + too
        if (parts.Length < 3) throw new NoteRefusedException($"'{vkey}' is not NAME+KEYID+KEY");
        var key = NoteText.Base64(parts[2], "the key");
        if (key.Length == 0) throw new NoteRefusedException("the key has no algorithm");
        var verifier = new VerifierKey(parts[0], (NoteAlgorithm)key[0], key[1..]);
        return verifier.ToString() == vkey
            ? verifier
            : throw new NoteRefusedException($"the key id of {parts[0]} is {verifier.Id:x8}, not {parts[1]}");
    }

    public override string ToString() => $"{Name}+{Id:x8}+{Convert.ToBase64String([(byte)Algorithm, .. publicKey])}";

    /// <summary>Whether both wrap one public key, whatever they are called: two names of one key are one
    /// signer.</summary>
    public bool IsSameKeyAs(VerifierKey other) => publicKey.AsSpan().SequenceEqual(other.publicKey);

    /// <summary>Whether the signature, without its key id, is this key's of the text.</summary>
    public bool Verify(string text, byte[] signature) => Algorithm == NoteAlgorithm.Ed25519
        ? Ed25519Signature.Verify(publicKey, Encoding.UTF8.GetBytes(text), signature)
        : Cosignature.TryRead(signature, out var unixSeconds, out var ed25519)
            && Ed25519Signature.Verify(publicKey, Cosignature.Message(unixSeconds, text), ed25519);

    /// <summary>
    /// The key id of any algorithm. Of ECDSA it is of the SubjectPublicKeyInfo alone, of a tree head of the log's id,
    /// which is SHA-256 of the SubjectPublicKeyInfo (RFC 6962 §3.2).
    /// </summary>
    public static uint IdOf(string name, NoteAlgorithm algorithm, byte[] publicKey)
    {
        var key = algorithm == NoteAlgorithm.TreeHead ? SHA256.HashData(publicKey) : publicKey;
        return BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(algorithm == NoteAlgorithm.Ecdsa
            ? key
            : [.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)algorithm, .. key]));
    }

    /// <summary>Whether a key or a log may be called so.</summary>
    public static bool IsName(string name) =>
        name.Length > 0 && !name.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '+');
}

/// <summary>The private key of a log: 32 bytes, of which nothing is ever printed. Its text is
/// PRIVATE+KEY+NAME+KEYID+BASE64(1 ‖ seed).</summary>
public sealed class SignerKey
{
    private readonly byte[] seed;

    public SignerKey(string name, byte[] seed)
    {
        if (seed.Length != Ed25519Signature.SeedBytes)
            throw new NoteRefusedException($"a private key has {Ed25519Signature.SeedBytes} bytes");
        (this.seed, Verifier) =
            (seed, new VerifierKey(name, NoteAlgorithm.Ed25519, Ed25519Signature.PublicKeyOf(seed)));
    }

    public VerifierKey Verifier { get; }

    /// <summary>Reads a private key's text; throws <see cref="NoteRefusedException"/>, without the text,
    /// where it is none.</summary>
    public static SignerKey Parse(string text) =>
        text.Split('+', 5) is ["PRIVATE", "KEY", var name, _, var key] && NoteText.TryBase64(key, out var bytes)
            && bytes is [(byte)NoteAlgorithm.Ed25519, .. var seed] && new SignerKey(name, seed) is var signer
            && signer.ToText() == text
            ? signer
            : throw new NoteRefusedException("this is no private key of notes");

    /// <summary>What is kept in the key's file, and nowhere else.</summary>
    public string ToText() =>
        $"PRIVATE+KEY+{Verifier.Name}+{Verifier.Id:x8}+{Convert.ToBase64String([(byte)NoteAlgorithm.Ed25519, .. seed])}";

    /// <summary>The signature of a note's text, by this log.</summary>
    public NoteSignature Sign(string text) =>
        new(Verifier.Name, Verifier.Id, Ed25519Signature.Sign(seed, Encoding.UTF8.GetBytes(text)));

    /// <summary>The key by which the same seed vouches as a witness.</summary>
    public VerifierKey WitnessVerifier =>
        new(Verifier.Name, NoteAlgorithm.Cosignature, Ed25519Signature.PublicKeyOf(seed));

    /// <summary>The witness's signature of a checkpoint that it saw at this time.</summary>
    public NoteSignature Cosign(string text, long unixSeconds) => new(WitnessVerifier.Name, WitnessVerifier.Id,
        Cosignature.Bytes(unixSeconds, Ed25519Signature.Sign(seed, Cosignature.Message(unixSeconds, text))));

    public override string ToString() => $"private key of {Verifier}";
}
