using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// The key with which this folder signs: the one of its file, which must be the last that the journal has. The first is
/// made and recorded when it is needed; another one follows when a person says so.
/// </summary>
internal static class LedgerKey
{
    public static Option NewKeyOption { get; } =
        new("--new-key", null,
            "first makes another key, which the current one hands over to; the current one is destroyed");

    /// <summary>The key that signs, and all keys of the log.</summary>
    public static async Task<(SignerKey Signs, IReadOnlyList<VerifierKey> Known)> OpenAsync(
        CommandLine line, Shell shell, LedgerOptions options, IJournalReader journal, CancellationToken ct)
    {
        LedgerCopy.Refuse(options.Directory);
        // A backup that is made meanwhile has the key before or the one after, with the journal that names it.
        using var turn = await options.Log.TurnAsync(ct).ConfigureAwait(false);
        var origin = line.Option("--origin");
        if (origin is not null && !VerifierKey.IsName(origin))
            throw new UsageException("--origin is a name without spaces and without +");
        var known = await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false);
        var key = known.Count == 0
            ? SigningKeyFile.ReadOrCreate(options.Directory, origin ?? options.Ledger.Value)
            : Current(options.Directory, known[^1]);
        if (origin is not null && key.Verifier.Name != origin)
            throw new CouldNotException($"the log is called {key.Verifier.Name} for ever, not {origin}");
        if (known.Count == 0) await RecordAsync(line, shell, key.Verifier, null, ct).ConfigureAwait(false);
        if (line.Flag("--new-key"))
        {
            var next = SigningKeyFile.ReadOrCreate(options.Directory, key.Verifier.Name,
                fileName: SigningKeyFile.NextFileName);
            await RecordAsync(line, shell, next.Verifier, LogKeys.HandOver(key, next.Verifier), ct)
                .ConfigureAwait(false);
            SigningKeyFile.Replace(options.Directory);
            key = next;
        }
        journal.Look();
        return (key, await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false));
    }

    /// <summary>The key's file, after what a crash may have left of a handover is brought to its end.</summary>
    private static SignerKey Current(string directory, VerifierKey signs)
    {
        if ($"{SigningKeyFile.Read(directory, SigningKeyFile.NextFileName)?.Verifier}" == $"{signs}")
            SigningKeyFile.Replace(directory);
        else SigningKeyFile.FinishReplacing(directory);
        return SigningKeyFile.Read(directory) is { } key && $"{key.Verifier}" == $"{signs}"
            ? key
            : throw new CouldNotException($"the log is signed by {signs}, whose private key is not in {directory}");
    }

    private static async Task RecordAsync(CommandLine line, Shell shell, VerifierKey key, string? handover,
        CancellationToken ct)
    {
        var fact = new JsonObject { ["type"] = "signing-key", ["key"] = $"{key}" };
        if (handover is not null) fact["handover"] = handover;
        var text = new Submission(System.Text.Encoding.UTF8.GetBytes(fact.ToJsonString()), "ledger checkpoint");
        var answer = (await Import.RecordAsync(line, shell, [text], new(), ct).ConfigureAwait(false)).Single();
        shell.EndProgress();
        if (answer.Recorded + answer.AlreadyThere == 0)
            throw new CouldNotException($"the key was not recorded: {answer.Uncounted.FirstOrDefault()?.Detail}");
    }
}
