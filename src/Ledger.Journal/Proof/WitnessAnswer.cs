using System.Diagnostics;

namespace Ledger.Journal.Proof;

/// <summary>
/// What a witness answers to a checkpoint, c2sp.org/tlog-witness@v1.0.0. The rule is pure; the order in which it looks
/// is the document's.
/// </summary>
public abstract record WitnessAnswer
{
    private WitnessAnswer() { }

    /// <summary>It vouches.</summary>
    public sealed record Cosigned(NoteSignature Signature) : WitnessAnswer;
    /// <summary>The request is none, or its old size is larger than the checkpoint's.</summary>
    public sealed record Malformed(string Why) : WitnessAnswer;
    /// <summary>It does not know the log.</summary>
    public sealed record UnknownLog(string Origin) : WitnessAnswer;
    /// <summary>No key of the log that it trusts signed, or such a line does not hold.</summary>
    public sealed record NotSigned(string Why) : WitnessAnswer;
    /// <summary>It knows another size than the request says.</summary>
    public sealed record AnotherSize(long Known) : WitnessAnswer;
    /// <summary>The checkpoint does not continue what it knows, or was not proven to.</summary>
    public sealed record NotContinued(string Why) : WitnessAnswer;

    /// <summary>The HTTP status, fixed by the document.</summary>
    public int Status => this switch
    {
        Cosigned => 200,
        Malformed => 400,
        NotSigned => 403,
        UnknownLog => 404,
        AnotherSize => 409,
        NotContinued => 422,
        _ => throw new UnreachableException(),
    };

    /// <summary>What speaks against vouching; null where nothing does.</summary>
    /// <param name="trusted">The keys that may sign for the checkpoint's origin.</param>
    /// <param name="latest">The latest checkpoint of that log that the witness vouched for; null before the
    /// first.</param>
    public static WitnessAnswer? Refusal(
        AddCheckpointRequest request, Checkpoint checkpoint, IReadOnlyCollection<VerifierKey> trusted,
        Checkpoint? latest)
    {
        if (trusted.Count == 0) return new UnknownLog(checkpoint.Origin);
        try
        {
            request.Note.SignedBy(trusted);
        }
        catch (NoteRefusedException refused)
        {
            return new NotSigned(refused.Message);
        }
        if (request.OldSize > checkpoint.Size)
            return new Malformed($"the old size {request.OldSize} is larger than the checkpoint's {checkpoint.Size}");
        if (request.OldSize != (latest?.Size ?? 0)) return new AnotherSize(latest?.Size ?? 0);
        return MerkleVerification.IsConsistent(request.OldSize, checkpoint.Size, request.Proof,
            latest?.Root ?? new MerkleTree().Root(), checkpoint.Root)
            ? null
            : new NotContinued($"the checkpoint of {checkpoint.Size} is not proven to continue the {request.OldSize} "
                + "that this witness vouched for");
    }
}
