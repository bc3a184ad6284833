using Ledger.Cli.Listings;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger checkpoint</c>: signs how long the journal is and its root, and prints the signed note. Whoever keeps one
/// can show later that the ledger was rewritten. It works beside the process that owns the folder.
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
            new("--key", null, "prints the public key with which checkpoints are verified, and signs nothing"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"checkpoint takes no '{line.Words[0]}'");
        var options = DataFolder.OptionsOf(line, shell);
        await using var journal = SqliteJournalReader.Open(options);
        if (line.Flag("--key"))
        {
            var signs = (await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false)).LastOrDefault()
                ?? throw new CouldNotException("there is no key yet; make one with: ledger checkpoint");
            if (line.Json) new Page().Field("key", null, $"{signs}").Write(shell.Output, json: true);
            else shell.Output.WriteLine($"{signs}");
            return ExitCode.Done;
        }
        var (key, known) = await LedgerKey.OpenAsync(line, shell, options, journal, ct).ConfigureAwait(false);
        var note = await new TransparencyLog(options).SignAsync(journal, key, known, ct).ConfigureAwait(false);
        if (!line.Json)
        {
            shell.Output.Write($"{note}");
            return ExitCode.Done;
        }
        var checkpoint = Checkpoint.Parse(note.Text);
        new Page().Field("origin", null, checkpoint.Origin).Field("size", null, checkpoint.Size)
            .Field("root", null, Convert.ToHexStringLower(checkpoint.Root)).Field("key", null, $"{key.Verifier}")
            .Field("note", null, $"{note}").Write(shell.Output, json: true);
        return ExitCode.Done;
    }
}
