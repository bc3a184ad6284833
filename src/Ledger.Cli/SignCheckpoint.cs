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
        "signs the journal's length and Merkle root and prints the checkpoint; with the first one the ledger gets its key",
        "ledger checkpoint --data ./ledger-data --origin ledger.example/my-area",
        [
            new("--origin", "NAME", "how the log is called for ever, best a host's name and a path; the ledger's id where the first does not say"),
            new("--key", null, "prints the public key with which checkpoints are verified, and signs nothing"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"checkpoint takes no '{line.Words[0]}'");
        var options = DataFolder.OptionsOf(line, shell);
        await using var journal = SqliteJournalReader.Open(options);
        var key = KeyOf(line, options);
        if (line.Flag("--key"))
        {
            if (line.Json) new Page().Field("key", null, $"{key.Verifier}").Write(shell.Output, json: true);
            else shell.Output.WriteLine($"{key.Verifier}");
            return ExitCode.Done;
        }
        var note = await new TransparencyLog(options).SignAsync(journal, key, [key.Verifier], ct).ConfigureAwait(false);
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

    private static SignerKey KeyOf(CommandLine line, SqliteJournalOptions options)
    {
        var origin = line.Option("--origin");
        if (origin is not null && !VerifierKey.IsName(origin)) throw new UsageException("--origin is a name without spaces and without +");
        if (line.Flag("--key"))
            return SigningKeyFile.Read(options.Directory) ?? throw new CouldNotException("there is no key yet; make one with: ledger checkpoint");
        var key = SigningKeyFile.ReadOrCreate(options.Directory, origin ?? options.Ledger.Value);
        return origin is null || key.Verifier.Name == origin
            ? key
            : throw new CouldNotException($"the log is called {key.Verifier.Name} for ever, not {origin}");
    }
}
