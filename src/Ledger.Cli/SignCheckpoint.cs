using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Cli.Witnessing;
using Ledger.Journal.Proof;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger checkpoint</c>: signs how long the journal is and its root, and prints the signed note. Whoever keeps one
/// can show later that the ledger was rewritten. It works beside the process that owns the folder. With a policy it
/// also asks witnesses to vouch, and says of each whether it does; the checkpoint is kept whatever they answer.
/// </summary>
public static class SignCheckpoint
{
    public static Verb Verb { get; } = new("checkpoint", "",
        "signs the journal's length and Merkle root and prints the checkpoint; with the first one the ledger gets its "
        + "key",
        "ledger checkpoint --data ./ledger-data --origin ledger.example/my-area",
        [
            new("--origin", "NAME", "how the log is called for ever, best a host's name and a path; the ledger's id "
                + "where the first does not say"),
            LedgerKey.NewKeyOption,
            new("--witnesses", "POLICY", "a c2sp.org/tlog-policy file: asks its witnesses to vouch for the checkpoint; "
                + "exit code 1 where they are not its quorum, or one knows another history"),
            new("--key", null, "prints the public key with which checkpoints are verified, and signs nothing"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"checkpoint takes no '{line.Words[0]}'");
        var policy = line.Option("--witnesses") is { } file
            ? TrustedKeys.Read(file, "--witnesses", bytes => WitnessPolicy.Parse(bytes)) : null;
        var options = DataFolder.OptionsOf(line, shell);
        await using var journal = LedgerStores.OpenReader(options);
        if (line.Flag("--key"))
        {
            var signs = (await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false)).LastOrDefault()
                ?? throw new CouldNotException("there is no key yet; make one with: ledger checkpoint");
            if (line.Json) new Page().Field("key", null, $"{signs}").Write(shell.Output, json: true);
            else shell.Output.WriteLine($"{signs}");
            return ExitCode.Done;
        }
        var (key, known) = await LedgerKey.OpenAsync(line, shell, options, journal, ct).ConfigureAwait(false);
        if (policy is { Logs.Count: > 0 } && !policy.Logs.Any(key.Verifier.IsSameKeyAs))
            throw new CouldNotException($"the policy is not of this log: it does not name {key.Verifier}");
        var log = options.Log;
        var note = await log.SignAsync(journal, key, known, ct, publishes: policy is null).ConfigureAwait(false);
        IReadOnlyList<WitnessReply> replies = [];
        if (policy is not null) (note, replies) = await CosignedAsync(log, note, policy, ct).ConfigureAwait(false);
        Write(line, shell, key, note, replies);
        return policy is null ? ExitCode.Done : Verdict(shell, policy, replies);
    }

    private static async Task<(SignedNote Note, IReadOnlyList<WitnessReply> Replies)> CosignedAsync(
        TransparencyLog log, SignedNote note, WitnessPolicy policy, CancellationToken ct)
    {
        IReadOnlyList<WitnessReply> replies = [];
        try
        {
            using var witnesses = new AskWitnesses(log.Checkpoints, log.Tiles.Read, ct);
            replies = await witnesses.AllAsync(policy, note).ConfigureAwait(false);
        }
        finally
        {
            // Published in any case, also where somebody stops it: the signature is made, and must not be hidden.
            note = await log.CosignAsync(Checkpoint.Parse(note.Text).Size,
                [.. replies.Select(reply => reply.Cosignature).OfType<NoteSignature>()],
                [.. policy.Witnesses.Select(witness => witness.Key)], CancellationToken.None).ConfigureAwait(false);
        }
        return (note, replies);
    }

    private static void Write(
        CommandLine line, Shell shell, SignerKey key, SignedNote note, IReadOnlyList<WitnessReply> replies)
    {
        // The note alone is on standard output, so that it can be kept as it comes.
        if (!line.Json)
        {
            shell.Output.Write($"{note}");
            foreach (var reply in replies)
                shell.Errors.WriteLine(reply.Why is null
                    ? $"{reply.Witness.Name} vouches, at {Cell.Shown(TimeOf(reply))}"
                    : $"{reply.Witness.Name} {reply.Why}");
            return;
        }
        var checkpoint = Checkpoint.Parse(note.Text);
        new Page().Field("origin", null, checkpoint.Origin).Field("size", null, checkpoint.Size)
            .Field("root", null, Convert.ToHexStringLower(checkpoint.Root)).Field("key", null, $"{key.Verifier}")
            .Field("note", null, $"{note}")
            .Table("witnesses", null, Listing.Of(replies,
                new("witness", null, reply => reply.Witness.Name),
                new("key", null, reply => $"{reply.Witness.Key.Name}+{reply.Witness.Key.Id:x8}"),
                new("vouches", null, reply => reply.Cosignature is not null),
                new("at", null, reply => TimeOf(reply)), new("why", null, reply => reply.Why)))
            .Write(shell.Output, json: true);
    }

    private static Instant? TimeOf(WitnessReply reply) =>
        reply.UnixSeconds is { } seconds ? Instant.FromUnixTimeSeconds(seconds) : null;

    private static int Verdict(Shell shell, WitnessPolicy policy, IReadOnlyList<WitnessReply> replies)
    {
        var vouching = replies.Where(reply => reply.Cosignature is not null).Select(reply => reply.Witness.Key)
            .ToList();
        var missing = TrustedKeys.Missing(policy, vouching);
        if (missing is not null)
            shell.Errors.WriteLine($"ledger checkpoint: signed and kept, but {missing}; the quorum is {policy.Quorum}. "
                + "Run it again to ask those that are missing");
        return missing is null && !replies.Any(reply => reply.IsAlarm) ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }
}
