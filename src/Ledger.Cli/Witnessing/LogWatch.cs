using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Witnessing;

/// <summary>What one look at a published log came to.</summary>
/// <param name="Word">How it stands to what was kept, in one word; REFUSED where it is no checkpoint of trusted
/// keys.</param>
/// <param name="Kept">The largest checkpoint that was kept before; null before the first.</param>
/// <param name="Note">What was published; null where it is no note.</param>
internal sealed record Look(
    string Word, bool IsWell, string? Origin, long? Size, string? Root, IReadOnlyList<string> Witnesses,
    IReadOnlyList<string> Problems, SignedNote? Kept, SignedNote? Note);

/// <summary>Looks at a published log, proves that it continues what is kept in a folder, and keeps what it
/// saw.</summary>
internal sealed class LogWatch(PublishedLog log, WatchFolder folder, TrustedKeys trusted) : IDisposable
{
    private readonly CheckpointTurn turn = folder.TryTake()
        ?? throw new CouldNotException($"another process watches into {folder.Path}");

    /// <summary>Throws <see cref="CouldNotException"/> where the log does not answer, or lacks what it takes to
    /// prove.</summary>
    public async Task<Look> LookAsync()
    {
        var kept = folder.Latest();
        SignedNote note;
        Checkpoint seen;
        CheckpointSigners signers;
        try
        {
            note = await log.CheckpointAsync().ConfigureAwait(false);
        }
        catch (NoteRefusedException refused)
        {
            return Refused(refused, kept, null);
        }
        try
        {
            signers = CheckpointSigners.Of(note, trusted.Keys!);
            seen = Checkpoint.Parse(note.Text);
        }
        catch (NoteRefusedException refused)
        {
            return Refused(refused, kept, note);
        }
        var continuation = Compare(kept, seen);
        if (continuation.IsSound) turn.Keep(note);
        else folder.KeepAsEvidence(note, seen);
        var findings = new Findings();
        trusted.Require(signers, findings);
        return new(continuation.Word, continuation.IsSound && findings.FaultCount == 0, seen.Origin, seen.Size,
            Convert.ToHexStringLower(seen.Root),
            [.. signers.Witnesses.Select(vouching => $"{vouching.Witness.Name}+{vouching.Witness.Id:x8}")],
            [.. Problems(continuation, kept, seen), .. findings.Faults.Select(fault => $"{fault}")], kept, note);
    }

    private LogContinuation Compare(SignedNote? kept, Checkpoint seen)
    {
        var before = kept is null ? null : Checkpoint.Parse(kept.Text);
        try
        {
            // One that was kept at this very size says more than that the log has shrunk.
            if (before?.Size > seen.Size && folder.At(seen.Size) is { } then
                && !Checkpoint.Parse(then.Text).Root.AsSpan().SequenceEqual(seen.Root))
                return new LogContinuation.Forked(seen.Root);
            return LogContinuation.Of(before, seen, new TileHashes(seen.Size, log.Read));
        }
        catch (InvalidDataException damaged)
        {
            throw new CouldNotException($"{log.Url} publishes tiles that cannot be read: {damaged.Message}");
        }
    }

    private static Look Refused(NoteRefusedException refused, SignedNote? kept, SignedNote? note) =>
        new("REFUSED", false, null, null, null, [], [refused.Message], kept, note);

    private static IEnumerable<string> Problems(LogContinuation continuation, SignedNote? kept, Checkpoint seen) =>
        continuation switch
        {
            LogContinuation.Forked forked =>
            [
                "the same key has signed two histories: the one that is published now has the root "
                + $"{Convert.ToHexStringLower(forked.Root)} where another was kept",
            ],
            LogContinuation.Shrunk =>
            [
                $"it has {seen.Size} entries, and {Checkpoint.Parse(kept!.Text).Size} were signed before",
            ],
            LogContinuation.AnotherLog => [$"it is the log {seen.Origin}, and another was kept here"],
            LogContinuation.NotItsTiles damaged =>
            [
                $"its tiles have the root {Convert.ToHexStringLower(damaged.Root)}, which is not the signed one",
            ],
            _ => [],
        };

    public void Dispose() => turn.Dispose();
}
