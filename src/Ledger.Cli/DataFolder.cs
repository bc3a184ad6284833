using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;

namespace Ledger.Cli;

/// <summary>The folder that <c>--data</c> names, and the store of its ledger: a folder that holds no ledger, or another
/// one, is named as such.</summary>
internal static class DataFolder
{
    /// <summary>The option of verbs that may make a ledger.</summary>
    public static Option LedgerOption { get; } =
        new("--ledger", "ID", "makes a new ledger of this name in the folder, where there is none");

    /// <summary>What the ledger in the folder is opened with;
    /// made first where the command line names it and there is none.</summary>
    public static LedgerOptions OptionsOf(CommandLine line, Shell shell)
    {
        var store = StoreSettings.StoreOf(line);
        var create = line.Option<LedgerId>("--ledger", LedgerId.TryParse, "an identifier");
        if (create is null && !File.Exists(Path.Combine(line.Data, LedgerIdentity.FileName)))
            throw new CouldNotException((Directory.Exists(line.Data)
                ? $"{line.Data} holds no ledger ({LedgerIdentity.FileName} is missing)"
                : $"there is no folder {line.Data}")
                + "; name another with --data, or make a ledger with import --ledger ID");
        try
        {
            var identity = create is { } named
                ? LedgerIdentity.OpenOrCreate(line.Data, named) : LedgerIdentity.Open(line.Data);
            RefuseUnfinished(line.Data);
            return new(line.Data, identity.Ledger, shell.Clock, identity.Secret) { Store = store };
        }
        catch (JournalRefusedException wrong)
        {
            // The folder is not what it should be; the journal itself is not in doubt, so its remedy would mislead.
            throw new CouldNotException(wrong.Message);
        }
    }

    /// <summary>Nobody takes what is not whole for a ledger.</summary>
    public static void RefuseUnfinished(string directory)
    {
        if (LedgerCopy.Find(directory) is { IsUnfinished: true })
            throw new CouldNotException(
                $"{directory} is a copy that was not finished: run the same ledger copy again");
    }

    /// <summary>The ledger in the folder, owned by this process until it is disposed.</summary>
    public static OpenLedger Open(CommandLine line, Shell shell) => Open(OptionsOf(line, shell), shell);

    /// <summary>The same, where how it is opened is known.</summary>
    public static OpenLedger Open(LedgerOptions options, Shell shell)
    {
        var ledger = OpenLedger.Open(options);
        if (ledger.Unpruned is { } why)
            shell.Errors.WriteLine($"ledger: evidence that was pruned is still in {options.Directory}, and is removed when "
                + $"the ledger is opened next: {why}");
        return ledger;
    }
}
