using Ledger.Domain;

namespace Ledger.Journal.Proof;

/// <summary>
/// The notes by which the log's keys followed each other. Whoever trusts one key trusts what it handed over to, note by
/// note, and needs nothing else for it than the notes.
/// </summary>
public static class Handovers
{
    /// <summary>The notes of a journal, in order: the first names the second key.</summary>
    public static async Task<IReadOnlyList<string>> ReadAsync(IJournal journal, CancellationToken ct)
    {
        var notes = new List<string>();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.SigningKeys, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is SigningKeyRegistered { Handover: { } note }) notes.Add(note);
        return notes;
    }

    /// <summary>
    /// The trusted keys and those that they handed over to. A note that no trusted key signed says nothing. Throws
    /// <see cref="NoteRefusedException"/> where one is no note of handover, or a trusted key's signature does not hold.
    /// </summary>
    /// <param name="notes">In the order of the keys.</param>
    public static IReadOnlyList<VerifierKey> Follow(
        IReadOnlyCollection<VerifierKey> trusted, IEnumerable<byte[]> notes)
    {
        var keys = trusted.ToList();
        foreach (var bytes in notes)
        {
            var note = SignedNote.Parse(bytes);
            var next = Next(note);
            if (keys.Any(key => $"{key}" == $"{next}")) continue;
            var by = keys.FirstOrDefault(key => key.Algorithm == NoteAlgorithm.Ed25519 && key.Name == next.Name
                && note.Signatures.Any(line => line.Name == key.Name && line.KeyId == key.Id));
            if (by is null) continue;
            note.SignedBy([by]);
            keys.Add(next);
        }
        return keys;
    }

    /// <summary>The key that a note names; throws <see cref="NoteRefusedException"/> where it names none.</summary>
    public static VerifierKey Next(SignedNote note)
    {
        var lines = note.Text.Split('\n');
        return lines is [_, var vkey, ""] && note.Text == SigningKeys.HandoverText(vkey)
            && VerifierKey.Parse(vkey) is { Algorithm: NoteAlgorithm.Ed25519 } next
            ? next : throw new NoteRefusedException("the note hands over to no key");
    }
}
