using System.Security.Cryptography;
using System.Text;
using Ledger.Cli.Bundles;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Tests;

/// <summary>A bundle whose events somebody changed who signs a log of them: every file is as it should be, but for what
/// the events say.</summary>
internal static class SignedAgain
{
    /// <summary>Puts the bundle into a log of the same events, but for those that are forged; of the events that it
    /// does not show, other leaves stand in the log.</summary>
    /// <param name="of">What the manifest says that it is of.</param>
    /// <param name="forge">An event's payload from its name and the payload that it has.</param>
    public static void Sign(SortedDictionary<string, byte[]> files, string of, string format,
        Func<string, byte[], byte[]> forge)
    {
        var shown = files.Where(file => file.Key.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal))
            .Select(file => TlogProof.Parse(Encoding.UTF8.GetString(file.Value)))
            .ToDictionary(proof => proof.Index, proof => DisclosedEvent.Read(proof.Extra!));
        foreach (var (position, known) in shown.ToList())
        {
            var envelope = known.At(position).Envelope;
            if (forge(envelope.WireName, known.Payload) is var payload && payload == known.Payload) continue;
            shown[position] = new(known.Salt, EnvelopeBytes.Write(envelope, payload.Length), payload);
        }
        var size = Checkpoint.Parse(SignedNote.Parse(files[BundleFiles.Checkpoint]).Text).Size;
        byte[][] leaves = [.. Enumerable.Range(0, (int)size).Select(at => MerkleTree.LeafHash(
            shown.TryGetValue(at, out var known) ? known.LeafEntry() : SHA256.HashData(BitConverter.GetBytes(at))))];
        var key = new SignerKey("ledger.example/town", new byte[32]);
        var note = $"{SignedNote.Sign(new Checkpoint("ledger.example/town", size, RootOf(leaves)).ToText(), key)}";
        files[BundleFiles.Checkpoint] = Encoding.UTF8.GetBytes(note);
        files[BundleFiles.Keys] = Encoding.UTF8.GetBytes($"{key.Verifier}\n");
        foreach (var (position, known) in shown)
            files[BundleFiles.Event(position)] = Encoding.UTF8.GetBytes(
                $"{new TlogProof(position, Inclusion(leaves, position), note, known.ToBytes())}");
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", of, files, format).ToBytes();
    }

    public static byte[][] LeavesOf(IEnumerable<string> lines) =>
        [.. lines.Select(line => MerkleTree.LeafHash(Encoding.UTF8.GetBytes(line)))];

    public static IReadOnlyList<byte[]> Inclusion(byte[][] leaves, long index) => MerkleProof.Inclusion(
        index, leaves.Length, (level, at) => RootOf(leaves.Skip((int)(at << level)).Take(1 << level)));

    public static byte[] RootOf(IEnumerable<byte[]> leaves)
    {
        List<byte[]> hashes = [.. leaves];
        while (hashes.Count > 1)
            hashes = [.. hashes.Chunk(2)
                .Select(pair => pair.Length == 1 ? pair[0] : MerkleTree.NodeHash(pair[0], pair[1]))];
        return hashes[0];
    }
}
