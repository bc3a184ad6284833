namespace Ledger.Journal.Proof;

/// <summary>A witness that vouches for a checkpoint.</summary>
/// <param name="UnixSeconds">When it says to have seen that the checkpoint continues all it had seen before.</param>
public sealed record Vouching(VerifierKey Witness, long UnixSeconds);

/// <summary>Who signed a checkpoint, of the keys that somebody knows: the log itself, and the witnesses that vouch for
/// it.</summary>
public sealed record CheckpointSigners(VerifierKey Log, IReadOnlyList<Vouching> Witnesses)
{
    /// <summary>
    /// Throws <see cref="NoteRefusedException"/> where no known key of the log signed, or a known key's line does not
    /// hold. A public key counts once, under whatever names it is known: a cosignature does not say whose it is.
    /// </summary>
    public static CheckpointSigners Of(SignedNote note, IReadOnlyCollection<VerifierKey> known)
    {
        var origin = Checkpoint.Parse(note.Text).Origin;
        var signers = note.SignedBy(known);
        var log = signers.FirstOrDefault(key => key.Algorithm == NoteAlgorithm.Ed25519 && key.Name == origin)
            ?? throw new NoteRefusedException($"no known key of the log {origin} signed the checkpoint");
        var witnesses = new List<Vouching>();
        foreach (var witness in signers.Where(key => key.Algorithm == NoteAlgorithm.Cosignature))
            if (!witness.IsSameKeyAs(log) && !witnesses.Any(other => other.Witness.IsSameKeyAs(witness)))
                witnesses.Add(new(witness, TimeOf(note, witness)));
        return new(log, witnesses);
    }

    private static long TimeOf(SignedNote note, VerifierKey witness) =>
        Cosignature.TryRead(note.Signatures.First(line => line.IsOf(witness)).Bytes, out var unixSeconds, out _)
            ? unixSeconds
            : throw new NoteRefusedException($"the cosignature of {witness.Name}+{witness.Id:x8} has no time");
}
