using Ledger.Domain;

namespace Ledger.Journal.Verification;

/// <summary>What the journal says was erased: which keys, and which evidence can no longer be read for it.</summary>
public sealed class Erasures
{
    private readonly Dictionary<SubjectPseudonym, int> generations = [];
    private readonly Dictionary<EvidenceDigest, long> erasedAt = [];

    /// <summary>Every subject that was erased, and the newest key that should be gone.</summary>
    public IReadOnlyDictionary<SubjectPseudonym, int> Generations => generations;

    /// <summary>Reads every erasure of a journal that was found to be sound.</summary>
    /// <param name="listed">The pieces of evidence that a manifest lists.</param>
    public static async Task<Erasures> ReadAsync(
        IJournal journal, Func<EvidenceDigest, IEnumerable<EvidenceDigest>> listed, CancellationToken ct)
    {
        var erasures = new Erasures();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Subjects, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is SubjectErased erased)
                erasures.Add(erased, recorded.Position, erased.Evidence is { } manifest ? listed(manifest) : []);
        return erasures;
    }

    public void Add(SubjectErased erased, long position, IEnumerable<EvidenceDigest> evidence)
    {
        generations[erased.Subject] = Math.Max(generations.GetValueOrDefault(erased.Subject), erased.Generation);
        foreach (var piece in evidence) erasedAt.TryAdd(piece, position);
    }

    /// <summary>Where the journal says first that this evidence is erased, or a part of it; null where it does not
    /// say so.</summary>
    public long? At(EvidenceDigest evidence) =>
        erasedAt.TryGetValue(evidence, out var position) ? position : null;

    /// <summary>Whether this key should be gone.</summary>
    public bool Cover(SubjectKeyId key) => generations.GetValueOrDefault(key.Subject) >= key.Generation;
}
