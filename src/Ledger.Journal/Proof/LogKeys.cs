using System.Text;
using Ledger.Domain;

namespace Ledger.Journal.Proof;

/// <summary>
/// The keys of the log as the journal has them: the first is believed,
/// each later one was handed over by the one before, in a note that any reader of signed notes can check.
/// </summary>
public static class LogKeys
{
    /// <summary>All keys that have signed here, in order; the last one signs now.</summary>
    public static async Task<IReadOnlyList<VerifierKey>> ReadAsync(IJournal journal, CancellationToken ct)
    {
        var state = SigningKeyState.Empty;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.SigningKeys, 0, ct).ConfigureAwait(false))
            state = SigningKeys.Evolve(state, EventCodec.Decode(recorded));
        return [.. state.Keys.Select(VerifierKey.Parse)];
    }

    /// <summary>The note by which the current key hands over to the next.</summary>
    public static string HandOver(SignerKey current, VerifierKey next) =>
        $"{SignedNote.Sign(SigningKeys.HandoverText($"{next}"), current)}";

    /// <summary>What a decision must know of a candidate.</summary>
    public static SigningKeyCheck Check(SigningKeyState state, SigningKeyRegistered candidate) => new(
        Holds(() => VerifierKey.Parse(candidate.Key).Algorithm == NoteAlgorithm.Ed25519),
        state.Current is { } current && candidate.Handover is { } handover
            && Holds(() => Signed(handover, current, candidate.Key)));

    private static bool Signed(string handover, string current, string next)
    {
        var note = SignedNote.Parse(Encoding.UTF8.GetBytes(handover));
        return note.Text == SigningKeys.HandoverText(next) && note.SignedBy([VerifierKey.Parse(current)]).Count == 1;
    }

    private static bool Holds(Func<bool> check)
    {
        try
        {
            return check();
        }
        catch (NoteRefusedException)
        {
            return false;
        }
    }
}
