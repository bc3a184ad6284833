using System.Text;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Bundles;

/// <summary>Who signed a bundle's checkpoint: by the keys that the bundle brings itself,
/// and by those that somebody trusts.</summary>
internal static class BundleKeys
{
    /// <summary>Public keys, one vkey a line; empty lines and those that begin with # are left out.</summary>
    public static IReadOnlyList<VerifierKey> Read(byte[] file) =>
    [
        .. Encoding.UTF8.GetString(file).Split('\n').Select(line => line.Trim())
            .Where(line => line.Length > 0 && line[0] != '#').Select(VerifierKey.Parse),
    ];

    /// <summary>
    /// The log and the witnesses that signed; null where no key of the log did.
    /// With keys that are trusted only their signatures count; without,
    /// it is said that whose keys these are was not checked.
    /// </summary>
    public static CheckpointSigners? Verify(
        byte[] keys, SignedNote note, IReadOnlyList<VerifierKey>? trusted, Findings findings)
    {
        try
        {
            var own = CheckpointSigners.Of(note, Read(keys));
            if (trusted is null)
            {
                findings.LeaveOut($"whose key {own.Log.Name}+{own.Log.Id:x8} is: it came with the bundle; "
                    + "name the keys that you trust with --keys FILE");
                return own;
            }
        }
        catch (NoteRefusedException refused)
        {
            findings.Add(BundleFiles.Keys, refused.Message, "the key that signed the checkpoint");
            if (trusted is null) return null;
        }
        try
        {
            return CheckpointSigners.Of(note, trusted);
        }
        catch (NoteRefusedException refused)
        {
            var signers = string.Join(", ",
                note.Signatures.Select(signature => $"{signature.Name}+{signature.KeyId:x8}"));
            findings.Add(BundleFiles.Checkpoint, $"{refused.Message}; it names {signers}",
                "the signature of a key that you trust: "
                    + string.Join(", ", trusted.Select(key => $"{key.Name}+{key.Id:x8}")));
            return null;
        }
    }
}
