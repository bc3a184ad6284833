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
    /// <param name="handovers">The notes by which keys followed each other, by their files' names and in order: who
    /// trusts an earlier key trusts the one that signed.</param>
    public static CheckpointSigners? Verify(
        byte[] keys, SignedNote note, IReadOnlyList<VerifierKey>? trusted,
        IReadOnlyList<(string Name, byte[] Note)> handovers, Findings findings)
    {
        trusted = Followed(keys, trusted, handovers, findings);
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

    private static IReadOnlyList<VerifierKey>? Followed(
        byte[] keys, IReadOnlyList<VerifierKey>? trusted,
        IReadOnlyList<(string Name, byte[] Note)> handovers, Findings findings)
    {
        VerifierKey? before = null;
        foreach (var (name, bytes) in handovers)
            try
            {
                var note = SignedNote.Parse(bytes);
                if (before is not null) note.SignedBy([before]);
                before = Handovers.Next(note);
                if (trusted is not null) trusted = Handovers.Follow(trusted, [bytes]);
                if (name == handovers[^1].Name && Read(keys).All(key => $"{key}" != $"{before}"))
                    findings.Add(name, $"the key {before.Name}+{before.Id:x8}", "the key that signed the checkpoint");
            }
            catch (NoteRefusedException refused)
            {
                findings.Add(name, refused.Message, "a note in which the key before names this one");
            }
        return trusted;
    }
}
