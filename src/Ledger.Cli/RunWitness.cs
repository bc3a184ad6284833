using System.Globalization;
using System.Net;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger witness</c>: vouches for the checkpoints of other people's logs as long as each continues the one before,
/// c2sp.org/tlog-witness. Its folder has its own key, and is no ledger's: who vouches for itself adds nothing.
/// </summary>
public static class RunWitness
{
    public const int PortDefault = 8481;

    public static Verb Verb { get; } = new("witness", "serve|trust|show|key",
        "vouches for the checkpoints of other people's ledgers, as long as each continues the one before: serve "
        + "answers requests, trust VKEY… adds public keys of logs, show says how far each log is, key prints the "
        + "witness's own",
        "ledger witness serve --data ./my-witness --name witness.example/w1",
        [
            new("--name", "NAME", "makes the folder and its key, where there is none; best a host's name and a path"),
            new("--port", "N", $"the port; {PortDefault.ToString(CultureInfo.InvariantCulture)} where it is not given, "
                + "0 for any free one"),
            new("--listen", "ADDRESS", "127.0.0.1 where it is not given; one that other machines reach needs no more "
                + "than the protocol has, but TLS is left to what stands before it"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var directory = line.Required("--data");
        if (File.Exists(Path.Combine(directory, LedgerIdentity.FileName)))
            throw new CouldNotException($"{directory} is a ledger's folder; a witness has one of its own, best on "
                + "somebody else's machine");
        if (line.Option("--name") is { } name && !VerifierKey.IsName(name))
            throw new UsageException("--name is a name without spaces and without +");
        var key = KeyOf(line, directory);
        if (line.Option("--name") is { } other && other != key.Verifier.Name)
            throw new CouldNotException($"the witness in {directory} is called {key.Verifier.Name}, not {other}");
        return await DoAsync(line, shell, directory, key, ct).ConfigureAwait(false);
    }

    private static SignerKey KeyOf(CommandLine line, string directory)
    {
        try
        {
            return Witness.KeyOf(directory, line.Option("--name"))
                ?? throw new CouldNotException($"{directory} holds no witness; make one with --name NAME");
        }
        catch (JournalRefusedException open)
        {
            throw new CouldNotException(open.Message); // no journal is in doubt, so its remedy would mislead
        }
    }

    private static async Task<int> DoAsync(
        CommandLine line, Shell shell, string directory, SignerKey key, CancellationToken ct)
    {
        switch (line.Words)
        {
            case ["serve"]: return await ServeAsync(line, shell, directory, key, ct).ConfigureAwait(false);
            case ["trust", _, ..]: return Trust(line, shell, directory, line.Words.Skip(1));
            case ["show"]: return Show(line, shell, directory, key);
            case ["key"]:
                if (line.Json) new Page().Field("key", null, $"{key.WitnessVerifier}").Write(shell.Output, json: true);
                else shell.Output.WriteLine($"{key.WitnessVerifier}");
                return ExitCode.Done;
            default: throw new UsageException("witness is followed by serve, trust VKEY…, show or key");
        }
    }

    private static async Task<int> ServeAsync(
        CommandLine line, Shell shell, string directory, SignerKey key, CancellationToken ct)
    {
        var options = new ServerOptions(Serve.AddressOf(line), Serve.PortOf(line, PortDefault));
        using var witness = Witness.Open(directory, key, shell.Clock);
        await using var server = await StartAsync(witness, options, shell, ct).ConfigureAwait(false);
        shell.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"witness {key.WitnessVerifier} at {server.Url} knows {Witness.Trusted(directory).Count} keys of logs"));
        await Task.WhenAny(Task.Delay(Timeout.Infinite, ct)).ConfigureAwait(false);
        return ExitCode.Done;
    }

    private static async Task<WitnessServer> StartAsync(
        Witness witness, ServerOptions options, Shell shell, CancellationToken ct)
    {
        try
        {
            return await WitnessServer.StartAsync(witness, options, TextWriter.Synchronized(shell.Errors), ct)
                .ConfigureAwait(false);
        }
        catch (IOException taken)
        {
            throw new CouldNotException(taken.Message);
        }
    }

    private static int Trust(CommandLine line, Shell shell, string directory, IEnumerable<string> vkeys)
    {
        var keys = vkeys.Select(VerifierKey.Parse).ToList();
        var added = keys.Select(key => (Key: key, IsNew: Witness.Trust(directory, key))).ToList();
        new Page().Table("trusted", "may sign from now on", Listing.Of(added,
            new("origin", "log", row => row.Key.Name), new("key", "key", row => $"{row.Key.Name}+{row.Key.Id:x8}"),
            new("isNew", "new", row => row.IsNew))).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static int Show(CommandLine line, Shell shell, string directory, SignerKey key)
    {
        var logs = Witness.Trusted(directory).Select(log => log.Name).Distinct(StringComparer.Ordinal)
            .Select(origin => (Origin: origin, Note: Latest(directory, origin))).ToList();
        var rows = logs.Select(log => (log.Origin, Latest: log.Note is null ? null : Checkpoint.Parse(log.Note.Text),
            At: log.Note is null ? null : TimeOf(log.Note, key.WitnessVerifier),
            Refused: Witness.RefusedOf(directory, log.Origin)));
        new Page().Field("key", "witness", $"{key.WitnessVerifier}").Table("logs", "logs", Listing.Of(rows,
            new("origin", "log", row => row.Origin), new("size", "events", row => row.Latest?.Size),
            new("root", "root", row => row.Latest is null ? null : Convert.ToHexStringLower(row.Latest.Root)),
            new("at", "vouched for at", row => row.At), new("refused", "refused and kept", row => row.Refused)))
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static SignedNote? Latest(string directory, string origin)
    {
        try
        {
            return Witness.LatestIn(directory, Witness.HashOf(origin));
        }
        catch (InvalidDataException damaged)
        {
            throw new CouldNotException(damaged.Message); // a copy of the folder is no remedy
        }
    }

    private static Instant? TimeOf(SignedNote note, VerifierKey witness) =>
        note.Signatures.FirstOrDefault(line => line.IsOf(witness)) is { } own
            && Cosignature.TryRead(own.Bytes, out var unixSeconds, out _)
            ? Instant.FromUnixTimeSeconds(unixSeconds) : null;
}
