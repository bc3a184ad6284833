using System.Text;

namespace Ledger.Journal.Proof;

/// <summary>
/// What a log sends to a witness, c2sp.org/tlog-witness@v1.0.0 add-checkpoint: the size that the witness is believed to
/// know, the proof that the checkpoint continues it, and the checkpoint.
/// </summary>
/// <param name="OldSize">Number of leaves; 0 where the witness is believed to know nothing.</param>
/// <param name="Proof">The consistency proof of RFC 6962 §2.1.2; empty from 0.</param>
public sealed record AddCheckpointRequest(long OldSize, IReadOnlyList<byte[]> Proof, SignedNote Note)
{
    /// <summary>Hashes that a proof has at most; a tree has at most 2^63 leaves.</summary>
    public const int HashesMax = 63;
    /// <summary>The longest request that is read, in bytes: room for all hashes and more than sixteen
    /// signatures.</summary>
    public const int BytesMax = 64 * 1024;
    private const string OldWord = "old ";

    /// <summary>Reads a request, of which nothing is verified yet;
    /// throws <see cref="NoteRefusedException"/> where it is none.</summary>
    public static AddCheckpointRequest Parse(ReadOnlySpan<byte> request)
    {
        if (request.Length > BytesMax) throw new NoteRefusedException($"a request has at most {BytesMax} bytes");
        var split = request.IndexOf("\n\n"u8);
        if (split < 0) throw new NoteRefusedException("the request has no empty line before its checkpoint");
        var head = request[..split];
        if (head.ContainsAnyExceptInRange((byte)'\n', (byte)'~'))
            throw new NoteRefusedException("a line before the checkpoint is not ASCII");
        var lines = Encoding.ASCII.GetString(head).Split('\n');
        if (!lines[0].StartsWith(OldWord, StringComparison.Ordinal))
            throw new NoteRefusedException($"the request does not begin with '{OldWord}' and a size");
        if (lines.Length - 1 > HashesMax) throw new NoteRefusedException($"a proof has at most {HashesMax} hashes");
        return new(NoteText.Number(lines[0][OldWord.Length..], "the old size"),
            [.. lines[1..].Select(line => NoteText.Hash(line, "a hash"))], SignedNote.Parse(request[(split + 2)..]));
    }

    public byte[] ToBytes() => Encoding.UTF8.GetBytes($"{OldWord}{NoteText.Number(OldSize)}\n"
        + string.Concat(Proof.Select(hash => Convert.ToBase64String(hash) + '\n')) + $"\n{Note}");
}
