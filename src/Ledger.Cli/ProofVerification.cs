using System.Globalization;
using System.Text;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>
/// The verification of one event with its proof, as <c>ledger prove</c> writes it: the event's leaf is at its place
/// under the root of the checkpoint, which the log signed with a key that somebody trusts. It needs the file and that
/// key alone. Every byte of the file counts: what it says has one spelling, and a signature that nobody here can check
/// is a fault and not passed over, because a damaged line of a witness would look the same.
/// </summary>
/// <param name="trusted">The keys that somebody trusts. A proof brings none: whoever made it could name any.</param>
public sealed class ProofVerification(byte[] file, IReadOnlyList<VerifierKey> trusted)
{
    private const string Name = "proof";
    private TlogProof? proof;
    private Checkpoint? checkpoint;
    private CheckpointSigners? signers;
    private RecordedEvent? recorded;
    private bool isReadable;

    public Findings Findings { get; } = new();

    /// <summary>Whether a file is a proof, of whichever version.</summary>
    public static bool IsProof(ReadOnlySpan<byte> file) => file.StartsWith("c2sp.org/tlog-proof@"u8);

    public void Run()
    {
        try
        {
            proof = TlogProof.Parse(Encoding.UTF8.GetString(file));
            if (!file.AsSpan().SequenceEqual(Encoding.UTF8.GetBytes($"{proof}")))
                Findings.Add(Name, "another spelling", "the one spelling of what it says");
            VerifyCheckpoint(SignedNote.Parse(Encoding.UTF8.GetBytes(proof.Checkpoint)));
            VerifyEvent();
        }
        catch (Exception damaged) when (damaged is NoteRefusedException or InvalidDataException)
        {
            Findings.Add(Name, damaged.Message, "one event, its proof and a signed checkpoint");
        }
        if (signers is { Witnesses.Count: 0 })
            Findings.LeaveOut("whether another history was signed with this key: no witness that you trust vouches for "
                + "the checkpoint");
        Findings.LeaveOut("what the ledger holds beside this event: ask for all of it");
    }

    public VerificationReport Report(string path)
    {
        var closing = recorded is null || signers is null || checkpoint is null ? "" : string.Create(
            CultureInfo.InvariantCulture, $"position={recorded.Position} fact={recorded.Envelope.WireName} "
                + $"digest={Convert.ToHexStringLower(checkpoint.Root)} key={signers.Log.Name}+{signers.Log.Id:x8} "
                + $"witnesses={signers.Witnesses.Count}");
        // A checkpoint that no trusted key signed says nothing of any log.
        return new(Name, path, recorded?.Envelope.Ledger, signers is null ? null : checkpoint?.Root,
            [new("events", recorded is null ? 0 : 1, Of(), Findings.FaultCount)], Findings,
            $"checkpoint={checkpoint?.Size.ToString(CultureInfo.InvariantCulture) ?? "none"}", closing)
        {
            Signers = signers,
            Event = isReadable ? recorded : null,
        };
    }

    private string? Of() => checkpoint is null ? null
        : $"{checkpoint.Size.ToString(CultureInfo.InvariantCulture)} in the log";

    private void VerifyCheckpoint(SignedNote note)
    {
        checkpoint = Checkpoint.Parse(note.Text);
        foreach (var line in note.Signatures.Where(line => !trusted.Any(line.IsOf)))
            Findings.Add("checkpoint", $"a signature of {line.Name}+{line.KeyId:x8}",
                "only those of keys that you name: add this key, or take the line away, which leaves a proof");
        if (note.Signatures.DistinctBy(line => (line.Name, line.KeyId)).Count() != note.Signatures.Count)
            Findings.Add("checkpoint", "two signatures of one key", "one of each, of which each is checked");
        signers = CheckpointSigners.Of(note, trusted);
    }

    private void VerifyEvent()
    {
        var shown = DisclosedEvent.Read(proof!.Extra ?? throw new InvalidDataException("the proof shows no event"));
        if (!MerkleVerification.Includes(proof.Index, checkpoint!.Size, MerkleTree.LeafHash(shown.LeafEntry()),
            proof.Hashes, checkpoint.Root))
        {
            Findings.Add(Name, "an event that is not in the log",
                $"the event at position {proof.Index.ToString(CultureInfo.InvariantCulture)} under the checkpoint");
            return;
        }
        recorded = shown.At(proof.Index);
        try
        {
            EventCodec.Decode(recorded);
            isReadable = true;
        }
        catch (UnknownWireNameException unknown)
        {
            Findings.LeaveOut($"what the event says: {unknown.Message}");
        }
        catch (PoisonEventException unreadable)
        {
            Findings.Add(Name, unreadable.Message, "a fact that can be read");
        }
    }
}
