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
        var options = DataFolder.OptionsOf(line, shell);
        StoreMark.Check(options); // a folder whose journal is elsewhere looks like one that has lost it
        try
        {
            shell.Output.WriteLine($"the journal holds all {await LengthAsync(options).ConfigureAwait(false)} events that "
                + "were acknowledged: there is nothing to recover");
            return ExitCode.Done;
        }
        catch (JournalRefusedException damage)
        {
            return line.Flag("--accept-loss")
                ? await AcceptAsync(line, shell, options, ct).ConfigureAwait(false)
                : Ask(line, shell, damage);
        }
    }

    private static async Task<long> LengthAsync(LedgerOptions options)
    {
        if (options.Embedded is not { } embedded) return await ServerRecovery.CheckAsync(options).ConfigureAwait(false);
        await using var sound = SqliteJournalReader.Open(embedded);
        return sound.Length;
    }

    private static int Ask(CommandLine line, Shell shell, JournalRefusedException damage)
    {
        shell.Errors.WriteLine($"ledger recover: {damage.Message}");
        shell.Errors.WriteLine($"Nothing was changed. Restore {line.Data} from a copy if there is one; "
            + "to go on without what was lost, say who decides: --by NAME --accept-loss");
        return ExitCode.NotAsItShouldBe;
    }

    private static async Task<int> AcceptAsync(CommandLine line, Shell shell, LedgerOptions options,
        CancellationToken ct)
    {
        var name = line.Required("--by");
        if (name.Length is 0 or > NameLengthMax || name.Any(char.IsControl))
            throw new UsageException($"--by is a name of 1 to {NameLengthMax} characters");
        var by = new Principal(name, new PartyId(options.Ledger.Value), new HashSet<string>());
        var recovered = options.Embedded is { } embedded
            ? await JournalRecovery.AcceptLossAsync(embedded, by,
                found => LostEvents.ForgetBeside(line.Data, embedded.Directory, found), ct).ConfigureAwait(false)
            : await ServerRecovery.AcceptLossAsync(options, by, ct).ConfigureAwait(false);
        new Page().Field("recover", null, "accepted").Field("ledger", "ledger", options.Ledger.Value)
            .Field("acknowledgedPosition", "was acknowledged up to position", recovered.AcknowledgedPosition)
            .Field("foundPosition", "is there up to position", recovered.FoundPosition)
            .Field("lost", "events lost", recovered.AcknowledgedPosition - recovered.FoundPosition)
            .Field("by", "accepted by", recovered.By)
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
