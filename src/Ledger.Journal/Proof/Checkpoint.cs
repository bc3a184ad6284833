namespace Ledger.Journal.Proof;

/// <summary>
/// What a log signs of itself, c2sp.org/tlog-checkpoint: the text of a note with its origin, its size, its root, and
/// lines that anyone may add but no witness vouches for; ours has none.
/// </summary>
/// <param name="Origin">The name of the log, in our case also the name of its key.</param>
/// <param name="Size">Number of leaves.</param>
/// <param name="Root">The RFC 6962 root over them, 32 bytes.</param>
public sealed record Checkpoint(string Origin, long Size, byte[] Root, IReadOnlyList<string> Extensions)
{
    private const int LinesMin = 3;

    public Checkpoint(string origin, long size, byte[] root) : this(origin, size, root, []) { }

    /// <summary>Reads the text of a note; throws <see cref="NoteRefusedException"/> where it is no
    /// checkpoint.</summary>
    public static Checkpoint Parse(string text)
    {
        if (!text.EndsWith('\n')) throw new NoteRefusedException("the last line of the checkpoint does not end");
        var lines = text[..^1].Split('\n');
        if (lines.Length < LinesMin) throw new NoteRefusedException("a checkpoint has an origin, a size and a root");
        if (lines.Any(line => line.Length == 0)) throw new NoteRefusedException("a line of the checkpoint is empty");
        return new(lines[0], NoteText.Number(lines[1], "the size"), NoteText.Hash(lines[2], "the root"),
            lines[LinesMin..]);
    }

    /// <summary>The text that is signed.</summary>
    public string ToText() =>
        $"{Origin}\n{NoteText.Number(Size)}\n{Convert.ToBase64String(Root)}\n"
            + string.Concat(Extensions.Select(line => line + '\n'));
}
