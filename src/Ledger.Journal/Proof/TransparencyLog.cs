using Ledger.Journal.Copies;

namespace Ledger.Journal.Proof;

/// <summary>
/// The ledger of a data folder as a transparency log: its key, its checkpoints, and its tiles in <c>log/</c>. It reads
/// the journal, wherever that is kept, and appends nothing to it, so it works beside the process that owns the folder.
/// </summary>
/// <param name="directory">The data folder.</param>
/// <param name="secret">The ledger's secret, from which the salts of what is shown come.</param>
public sealed class TransparencyLog(string directory, byte[] secret)
{
    public const string DirectoryName = "log";
    private static readonly TimeSpan BetweenTurns = TimeSpan.FromMilliseconds(50);
    private const int TurnsMax = 600; // half a minute: a large journal's first tiles take some seconds

    public CheckpointStore Checkpoints { get; } = new(directory);

    /// <summary>The published files, complete up to the checkpoint that lies beside them.</summary>
    public TileFolder Tiles { get; } = new(Path.Combine(directory, DirectoryName));

    /// <summary>Signs what the journal has acknowledged by now;
    /// the same checkpoint again where nothing came since.</summary>
    /// <param name="publishes">False where witnesses are asked first: <see cref="CosignAsync"/> publishes it then.
    /// </param>
    public async Task<SignedNote> SignAsync(
        IJournalReader journal, SignerKey key, IReadOnlyCollection<VerifierKey> known, CancellationToken ct,
        bool publishes = true)
    {
        LedgerCopy.Refuse(directory);
        using var turn = await TurnAsync(ct).ConfigureAwait(false);
        var now = AcknowledgedOf(journal);
        var tree = Tiles.Grow(now.Length, now.Root, from => LeafEntries.Of(journal, secret, from, now.Length));
        var note = turn.Sign(new Checkpoint(key.Verifier.Name, now.Length, now.Root), tree, key, known);
        if (publishes) Tiles.Publish(note);
        return note;
    }

    /// <summary>
    /// How far the journal is acknowledged: what the folder says of it, which is on the disk when this returns. Beside
    /// a server it reaches the disk later than a batch is answered, and a checkpoint that is of more than the disk says
    /// would, after a power cut, be contradicted by a journal that the folder finds whole. What the server has beyond
    /// that its owner acknowledges in a moment, or whoever opens it next.
    /// </summary>
    private Acknowledged AcknowledgedOf(IJournalReader journal)
    {
        var known = JournalHead.Read(directory); // first: its owner writes it after the events
        var now = journal.Look();
        // A folder that has just come knows nothing yet; one that knows less than it has signed is told so.
        if (known is not { Length: > 0 } || Checkpoints.Sizes is [.., var signed] && known.Length < signed) return now;
        if (now.Length < known.Length)
            throw new JournalRefusedException(
                $"the journal ends at position {now.Length} but was acknowledged up to position {known.Length}");
        DurableFiles.SyncFile(Path.Combine(directory, JournalHead.FileName));
        return known;
    }

    /// <summary>
    /// Adds what witnesses have signed to the checkpoint of a size, and publishes the latest. Returns that of the size.
    /// </summary>
    public async Task<SignedNote> CosignAsync(
        long size, IReadOnlyCollection<NoteSignature> cosignatures, IReadOnlyCollection<VerifierKey> witnesses,
        CancellationToken ct)
    {
        using var turn = await TurnAsync(ct).ConfigureAwait(false);
        var note = turn.AddCosignatures(size, cosignatures, witnesses);
        if (Checkpoints.Latest() is { } latest) Tiles.Publish(latest);
        return note;
    }

    /// <summary>The event at a position with its proof under the latest checkpoint.</summary>
    public TlogProof Prove(RecordedEvent recorded) => Prove([recorded])[0];

    /// <summary>
    /// Events with their proofs, all under the one checkpoint that is the latest. Throws
    /// <see cref="NoteRefusedException"/> where no checkpoint covers one yet, or it is not the one of the log.
    /// </summary>
    public IReadOnlyList<TlogProof> Prove(IReadOnlyCollection<RecordedEvent> events)
    {
        var note = Tiles.Checkpoint()
            ?? throw new NoteRefusedException("no checkpoint was signed yet; make one with: ledger checkpoint");
        var checkpoint = Checkpoint.Parse(note.Text);
        var tree = new TileHashes(checkpoint.Size, Tiles.ReadHashes);
        return [.. events.Select(recorded => Prove(recorded, $"{note}", checkpoint, tree))];
    }

    private TlogProof Prove(RecordedEvent recorded, string note, Checkpoint checkpoint, TileHashes tree)
    {
        if (recorded.Position >= checkpoint.Size)
            throw new NoteRefusedException(
                $"the latest checkpoint is of {checkpoint.Size} events and does not cover position "
                + $"{recorded.Position}; make one with: ledger checkpoint");
        var shown = DisclosedEvent.Of(recorded, secret);
        var hashes = MerkleProof.Inclusion(recorded.Position, checkpoint.Size, tree.At);
        return MerkleVerification.Includes(
            recorded.Position, checkpoint.Size, MerkleTree.LeafHash(shown.LeafEntry()), hashes, checkpoint.Root)
            ? new TlogProof(recorded.Position, hashes, note, shown.ToBytes())
            : throw new NoteRefusedException(
                $"the event at position {recorded.Position} is not the one that was signed");
    }

    /// <summary>Copies the log, as of its latest checkpoint, to a folder of plain files;
    /// what is there already is continued.</summary>
    public Checkpoint Export(IJournal journal, TileFolder to)
    {
        var note = Tiles.Checkpoint()
            ?? throw new NoteRefusedException("no checkpoint was signed yet; make one with: ledger checkpoint");
        var checkpoint = Checkpoint.Parse(note.Text);
        to.Grow(checkpoint.Size, checkpoint.Root, from => LeafEntries.Of(journal, secret, from, checkpoint.Size));
        to.Publish(note);
        return checkpoint;
    }

    /// <summary>The turn to sign, as soon as nobody else has it.</summary>
    public async Task<CheckpointTurn> TurnAsync(CancellationToken ct)
    {
        for (var look = 0; look < TurnsMax; look++)
        {
            if (Checkpoints.TryTakeTurn() is { } turn) return turn;
            await Task.Delay(BetweenTurns, ct).ConfigureAwait(false);
        }
        throw new NoteRefusedException("another process has been signing a checkpoint for half a minute");
    }
}
