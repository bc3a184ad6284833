using System.Globalization;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Witnessing;

/// <summary>
/// The verification of what a URL publishes of a log: the checkpoint's signatures, every entry under its root, every
/// tile, and that it continues a checkpoint that was kept. What the entries are of cannot be seen there: each is a
/// hash.
/// </summary>
/// <param name="trusted">The keys that somebody trusts; null where nobody said any.</param>
/// <param name="kept">A checkpoint that the auditor kept, by its name.</param>
internal sealed class PublishedVerification(
    PublishedLog log, IReadOnlyList<VerifierKey>? trusted, (string Name, byte[] Note)? kept, Shell shell,
    CancellationToken ct)
{
    private readonly List<VerificationStep> steps = [];
    private readonly Findings findings = new();
    private readonly MerkleTree tree = new();
    private readonly List<RootClaim> claims = [];
    private (Tile Tile, byte[] Content)? bundle;
    private Checkpoint? checkpoint;
    private CheckpointSigners? signers;

    public VerificationReport Report => new("url", log.Url, null, checkpoint?.Root, steps, findings,
        checkpoint is null ? "checkpoint=none" : $"checkpoint={Count(checkpoint.Size)}",
        checkpoint is null ? "" : $"digest={Convert.ToHexStringLower(checkpoint.Root)} "
            + (signers is null ? "key=not-checked" : $"key={signers.Log.Name}+{signers.Log.Id:x8}")
            + $" witnesses={Count(signers?.Witnesses.Count ?? 0)}")
    {
        Signers = signers,
    };

    public async Task RunAsync()
    {
        await VerifyCheckpointsAsync().ConfigureAwait(false);
        LeaveOut();
        if (checkpoint is null)
        {
            findings.LeaveOut("tiles and entries: there is no checkpoint that they are under");
            return;
        }
        var before = findings.FaultCount;
        var tiles = LogVerification.Tiles("", checkpoint.Size, Find, Entries(checkpoint.Size), findings, ct);
        steps.Add(new("entries", tree.Size, null, 0));
        steps.Add(new("tiles", tiles, null, findings.FaultCount - before));
        VerifyRoots();
        if (tree.Size == checkpoint.Size) return;
        findings.Add("tile/entries", $"{Count(tree.Size)} entries that can be read", Count(checkpoint.Size));
    }

    private async Task VerifyCheckpointsAsync()
    {
        var before = findings.FaultCount;
        checkpoint = Read(TileFolder.CheckpointName,
            await NoteAsync().ConfigureAwait(false), signed => signers = signed);
        if (kept is var (name, bytes) && Parsed(name, bytes) is { } note && Read(name, note, _ => { }) is { } earlier)
        {
            if (checkpoint is not null && earlier.Origin != checkpoint.Origin)
                findings.Add(TileFolder.CheckpointName, $"a checkpoint of {checkpoint.Origin}",
                    $"one of {earlier.Origin}, as in {name}");
            if (checkpoint is not null && earlier.Size > checkpoint.Size)
                findings.Add(TileFolder.CheckpointName, $"{Count(checkpoint.Size)} entries",
                    $"at least {Count(earlier.Size)}, as in {name}");
            claims.Add(new(name, earlier.Size, earlier.Root));
        }
        if (checkpoint is not null) claims.Add(new(TileFolder.CheckpointName, checkpoint.Size, checkpoint.Root));
        steps.Add(new("checkpoints", claims.Count, null, findings.FaultCount - before));
    }

    private async Task<SignedNote?> NoteAsync()
    {
        try
        {
            return await log.CheckpointAsync().ConfigureAwait(false);
        }
        catch (NoteRefusedException refused)
        {
            findings.Add(TileFolder.CheckpointName, refused.Message, "a signed checkpoint");
            return null;
        }
    }

    private SignedNote? Parsed(string name, byte[] bytes)
    {
        try
        {
            return SignedNote.Parse(bytes);
        }
        catch (NoteRefusedException refused)
        {
            findings.Add(name, refused.Message, "a signed checkpoint");
            return null;
        }
    }

    /// <summary>The checkpoint in a note; a signature that does not hold is a fault, and the rest is looked at all the
    /// same.</summary>
    private Checkpoint? Read(string place, SignedNote? note, Action<CheckpointSigners> signed)
    {
        if (note is null) return null;
        Checkpoint? read = null;
        try
        {
            read = Checkpoint.Parse(note.Text);
            if (trusted is not null) signed(CheckpointSigners.Of(note, trusted));
        }
        catch (NoteRefusedException refused)
        {
            findings.Add(place, refused.Message, "a checkpoint that a key you trust has signed");
        }
        return read;
    }

    private void LeaveOut()
    {
        if (trusted is null) findings.LeaveOut("who signed the checkpoint: name the keys that you trust with --keys");
        else if (signers is { Witnesses.Count: 0 })
            findings.LeaveOut("whether others are shown another history: no witness that you trust vouches for it");
        if (kept is null)
            findings.LeaveOut(
                "whether history was rewritten and signed again: give a checkpoint that you kept with --since");
        findings.LeaveOut("events, evidence, interval records, views and statements: a log publishes hashes alone");
    }

    private byte[]? Find(Tile tile)
    {
        if (bundle is var (there, content) && there == tile) return content;
        try
        {
            return log.Find(tile);
        }
        catch (InvalidDataException damaged)
        {
            findings.Add($"{tile}", damaged.Message, "the tile");
            return [];
        }
    }

    /// <summary>The entries in their order, up to the first that cannot be read.</summary>
    private IEnumerable<byte[]> Entries(long size)
    {
        for (var first = 0L; first < size; first += Tile.FullWidth)
        {
            shell.Progress($"entries: {Count(first)} of {Count(size)}");
            var tile = Tile.HoldingEntry(first, size);
            if (Bundle(tile) is not { } entries) yield break;
            foreach (var entry in entries)
            {
                VerifyRoots();
                tree.Append(entry);
                yield return entry;
            }
        }
    }

    private IReadOnlyList<byte[]>? Bundle(Tile tile)
    {
        if (Find(tile) is not { } content)
        {
            findings.Add($"{tile}", "no such file", "the bundle of entries");
            return null;
        }
        try
        {
            var entries = EntryBundle.Read(content);
            bundle = (tile, content);
            if (entries.Count == tile.Width) return entries;
            findings.Add($"{tile}", $"{entries.Count} entries", $"{tile.Width}");
        }
        catch (InvalidDataException damaged)
        {
            findings.Add($"{tile}", damaged.Message, "a bundle of entries");
        }
        return null;
    }

    /// <summary>Everyone who names this size names this root.</summary>
    private void VerifyRoots()
    {
        foreach (var claim in claims)
            if (claim.Length == tree.Size && tree.Root() is var root && !root.AsSpan().SequenceEqual(claim.Root))
                findings.Add(claim.Place,
                    $"root of {Count(claim.Length)} entries {Convert.ToHexStringLower(claim.Root)}",
                    $"{Convert.ToHexStringLower(root)}, of the entries that are published");
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
