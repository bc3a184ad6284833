using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger recover</c>: after damage to the journal a person decides. It says what was acknowledged and what is still
/// there; only with <c>--accept-loss</c> does the journal go on from what is there,
/// with that decision as its next fact.
/// </summary>
public static class Recover
{
    private const int NameLengthMax = Limits.IdentifierLengthMax;

    public static Verb Verb { get; } = new("recover", "",
        "says what a damaged journal has lost, and with --accept-loss lets it go on without; the decision is recorded",
        "ledger recover --data ./ledger-data --by 'A. Person' --accept-loss",
        [
            new("--by", "NAME", "who decides"),
            new("--accept-loss", null, "goes on without what was lost; without it nothing is changed"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"recover takes no '{line.Words[0]}'");
        var options = DataFolder.EmbeddedOf(line, shell,
            "what a server has lost, its own copies have; nothing of it is accepted here");
        try
        {
            await using var sound = SqliteJournalReader.Open(options);
            shell.Output.WriteLine(
                $"the journal holds all {sound.Length} events that were acknowledged: there is nothing to recover");
            return ExitCode.Done;
        }
        catch (JournalRefusedException damage)
        {
            return line.Flag("--accept-loss")
                ? await AcceptAsync(line, shell, options, ct).ConfigureAwait(false)
                : Ask(line, shell, damage);
        }
    }

    private static int Ask(CommandLine line, Shell shell, JournalRefusedException damage)
    {
        shell.Errors.WriteLine($"ledger recover: {damage.Message}");
        shell.Errors.WriteLine($"Nothing was changed. Restore {line.Data} from a copy if there is one; "
            + "to go on without what was lost, say who decides: --by NAME --accept-loss");
        return ExitCode.NotAsItShouldBe;
    }

    private static async Task<int> AcceptAsync(CommandLine line, Shell shell, SqliteJournalOptions options,
        CancellationToken ct)
    {
        var name = line.Required("--by");
        if (name.Length is 0 or > NameLengthMax || name.Any(char.IsControl))
            throw new UsageException($"--by is a name of 1 to {NameLengthMax} characters");
        var by = new Principal(name, new PartyId(options.Ledger.Value), new HashSet<string>());
        var recovered = await JournalRecovery.AcceptLossAsync(options, by,
            found => LostEvents.ForgetBeside(line.Data, options.Directory, found), ct).ConfigureAwait(false);
        new Page().Field("recover", null, "accepted").Field("ledger", "ledger", options.Ledger.Value)
            .Field("acknowledgedPosition", "was acknowledged up to position", recovered.AcknowledgedPosition)
            .Field("foundPosition", "is there up to position", recovered.FoundPosition)
            .Field("lost", "events lost", recovered.AcknowledgedPosition - recovered.FoundPosition)
            .Field("by", "accepted by", recovered.By)
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
