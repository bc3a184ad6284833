using Ledger.Journal.Proof;

namespace Ledger.Journal;

/// <summary>
/// What the data folder of a ledger knows of its journal at a server: how far it was acknowledged, and its root there,
/// in <c>journal.head</c> as beside an embedded one. A server may lose what it has acknowledged, by a fail-over that
/// waits for no standby or by a backup that is restored, and what is recorded next would take the same positions: so
/// the journal is compared when it is opened.
/// </summary>
/// <remarks>
/// It is written before a batch is answered, and reaches the disk in the operating system's own time. So it outlives
/// this process however that ends, and what it says is true in any case; where this machine loses its power it may say
/// less than was acknowledged in the last half minute, and a loss at the server within that is not noticed. It is never
/// less than a checkpoint that was signed: for one it is brought to the disk first (<see cref="TransparencyLog"/>).
/// </remarks>
public sealed class ServerHead : IDisposable
{
    /// <summary>What a store keeps beside the head, so that an opening need not read all of the journal.</summary>
    public const string PlacesFileName = "journal.places";
    private readonly JournalHead head;

    private ServerHead(string directory, JournalHead head, Acknowledged claim) =>
        (Directory, this.head, Claim) = (directory, head, claim);

    /// <summary>The data folder.</summary>
    public string Directory { get; }

    /// <summary>What the journal has to hold; as long as nothing was acknowledged here the newest checkpoint.</summary>
    public Acknowledged Claim { get; private set; }

    /// <summary>
    /// Opens the folder's word, whose lock the caller holds. Throws <see cref="JournalRefusedException"/> where it is
    /// damaged, and <see cref="NoteRefusedException"/> where only a checkpoint says it, and that is.
    /// </summary>
    public static ServerHead Open(string directory)
    {
        var claim = ClaimOf(directory);
        JournalHead.Open(directory).Dispose(); // one that is new is on the disk whole
        return new(directory, JournalHead.Open(directory, isWrittenThrough: false), claim);
    }

    /// <summary>What a folder knows of the journal at a server, also beside the owner that writes it.</summary>
    public static Acknowledged ClaimOf(string directory) =>
        JournalHead.Read(directory) is { Length: > 0 } known ? known
            : new CheckpointStore(directory).Latest() is { } note && Checkpoint.Parse(note.Text) is var signed
                ? new Acknowledged(signed.Size, signed.Root) : new Acknowledged(0, new MerkleTree().Root());

    /// <summary>The same as <see cref="Verify"/> of a journal that is only read; nothing is changed.</summary>
    /// <param name="claim">What the folder knew before the journal was opened.</param>
    /// <param name="secret">The ledger's.</param>
    public static void Compare(Acknowledged claim, IJournal journal, byte[] secret)
    {
        var (tree, root) = (new MerkleTree(), new MerkleTree().Root());
        foreach (var leaf in LeafEntries.Of(journal, secret, 0, journal.Length))
        {
            tree.Append(leaf);
            if (tree.Size == claim.Length) root = tree.Root();
        }
        claim.Verify(tree, _ => root);
    }

    /// <summary>
    /// Refuses a journal that holds less than the folder knows, or something else, with
    /// <see cref="JournalRefusedException"/> and the place. What it holds beyond that, another process recorded, or
    /// this one before it was ended: it stays.
    /// </summary>
    /// <param name="rootAt">The root over the first so many events of the journal; asked only where it holds more.
    /// </param>
    public void Verify(MerkleTree found, Func<long, byte[]> rootAt)
    {
        if (Claim.Length > 0) Claim.Verify(found, rootAt);
        if (found.Size > head.Now.Length) Write(new(found.Size, found.Root()));
    }

    /// <summary>What is durable at the server now.</summary>
    public void Write(Acknowledged next)
    {
        head.Write(next);
        Claim = next;
    }

    public void Dispose()
    {
        head.Dispose();
        DurableFiles.SyncFile(Path.Combine(Directory, JournalHead.FileName));
    }
}
