using Ledger.Api;
using Ledger.Api.Resources;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger import FILE…</c>: hands files of any format to the ledger and says what became of each. Where another
/// process owns the folder and takes facts over HTTP, the files are handed to that one.
/// </summary>
public static class Import
{
    public static Verb Verb { get; } = new("import", "FILE…",
        "records what files hold; the format of each is found by its content, and what is refused is named and kept",
        "ledger import meter-data.csv --ledger my-area",
        [
            DataFolder.LedgerOption,
            new("--dry-run", null, "says every fault of every row, and records nothing"),
            new("--point", "POINT", "the settlement point of a curve that names none"),
            new("--zone", "ZONE", "the IANA time zone of local times, like Europe/Berlin"),
            new("--subject", "NAME", "the person whom all of it is about; what is kept of it can be erased with them"),
            new("--sent-at", "INSTANT", "the sender's clock when it sent, so that its offset is recorded"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count == 0) throw new UsageException("import needs a FILE");
        var hints = HintsOf(line);
        var files = line.Words.Select(Read).ToList();
        if (line.Flag("--dry-run"))
            return await ImportTrial.RunAsync(line, shell, files, hints, ct).ConfigureAwait(false);
        var answers = await RecordAsync(line, shell, files, hints, ct).ConfigureAwait(false);
        shell.EndProgress();
        PageOf(answers).Write(shell.Output, line.Json);
        if (answers.Any(file => file.Uncounted.Any(part => part.Standing == UncountedPart.NotTakenStanding)))
            return ExitCode.CouldNot;
        return answers.All(file => file.Refused == 0) ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    /// <summary>Records files here, or by the process that owns the folder.</summary>
    internal static async Task<List<FileAnswer>> RecordAsync(
        CommandLine line, Shell shell, List<Submission> files, IntakeHints hints, CancellationToken ct)
    {
        try
        {
            await using var ledger = DataFolder.Open(line, shell);
            return await TakeAsync(ledger, shell, files, hints, ct).ConfigureAwait(false);
        }
        catch (FolderOwnedException owned) when (owned.Url is not null)
        {
            return await OwnerImport.SendAsync(new Uri(owned.Url), line, files, ct).ConfigureAwait(false);
        }
    }

    private static IntakeHints HintsOf(CommandLine line)
    {
        DateTimeZone? zone = null;
        if (line.Option("--zone") is { } name && !SettlementCalendar.TryZone(name, out zone))
            throw new UsageException($"--zone is an IANA time zone like Europe/Berlin, not '{name}'");
        return new IntakeHints(
            line.Option<SettlementPointId>("--point", SettlementPointId.TryParse, "a settlement point's identifier"),
            zone,
            line.Instant("--sent-at"), Subject: line.Option("--subject"));
    }

    // A file's own name is its source: the folder that it lay in says nothing, and differs between machines.
    private static Submission Read(string path)
    {
        if (!File.Exists(path)) throw new CouldNotException($"there is no file {path}");
        if (new FileInfo(path).Length > Limits.ImportBytesMax)
            throw new CouldNotException($"{path} is larger than {Limits.ImportBytesMax} bytes; divide it");
        return new Submission(File.ReadAllBytes(path), Path.GetFileName(path));
    }

    private static async Task<List<FileAnswer>> TakeAsync(
        OpenLedger ledger, Shell shell, List<Submission> files, IntakeHints hints, CancellationToken ct)
    {
        var answers = new List<FileAnswer>();
        foreach (var file in files)
        {
            shell.Progress($"{file.Source} ({answers.Count + 1} of {files.Count})");
            answers.Add(await FileAnswer.TakeAsync(ledger, file, hints, ledger.Operator("cli"), ct)
                .ConfigureAwait(false));
        }
        return answers;
    }

    private static Page PageOf(List<FileAnswer> files)
    {
        var uncounted = files.SelectMany(file => file.Uncounted.Select(part => (File: file.Name, Part: part))).ToList();
        var noted = files.SelectMany(file => file.Noted.Select(part => (File: file.Name, Part: part))).ToList();
        var page = new Page().Field("ledger", "ledger", files[0].Ledger)
            .Table("files", "files", Listing.Of(files,
                new("file", "file", row => row.Name), new("format", "format", row => row.Format),
                new("recorded", "recorded", row => row.Recorded),
                new("alreadyThere", "already there", row => row.AlreadyThere),
                new("quarantined", "quarantined", row => row.Quarantined),
                new("refused", "refused", row => row.Refused),
                new("kept", "kept", row => row.Kept)))
            .Table("uncounted", uncounted.Count == 0 ? null : "what does not count, and why", Listing.Of(uncounted,
                new("file", null, row => row.File), new("part", "part", row => row.Part.Part),
                new("standing", "standing", row => row.Part.Standing), new("code", "code", row => row.Part.Code),
                new("name", "name", row => row.Part.Name), new("detail", "detail", row => row.Part.Detail)))
            .Table("noted", noted.Count == 0 ? null : "recorded, and to be known", Listing.Of(noted,
                new("file", null, row => row.File), new("part", "part", row => row.Part.Part),
                new("detail", "detail", row => row.Part.Detail)));
        return uncounted.Exists(row => row.Part.Code == (int)Rejection.UnknownFormat)
            ? page.Note("docs/master-data.md has the headers of readings and master data as CSV, docs/curves.md those of "
                + "power curves.") : page;
    }
}
