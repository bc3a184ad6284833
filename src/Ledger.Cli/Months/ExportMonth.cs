using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Months;

/// <summary>
/// <c>ledger export month YYYY-MM DIR</c>: what was recorded in a month that has ended, as an archive that is verified
/// without the ledger. It works beside the process that owns the folder. The same checkpoint gives the same bytes each
/// time, as long as no key follows and nothing pruned comes back.
/// </summary>
internal static class ExportMonth
{
    public const string Name = "month";

    public static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not [_, var text, var named])
            throw new UsageException($"export {Name} needs YYYY-MM and one DIR");
        var month = CommandLine.Read<YearMonth>(text, TryMonth, "the month is like 2026-06");
        var options = DataFolder.OptionsOf(line, shell);
        var directory = NewFolder.Checked(named, line.Data);
        var unfinished = NewFolder.Unfinished(directory);
        try
        {
            DataFolderCopy.CreateOwnDirectory(unfinished);
            var archive = await WriteAsync(options, month, unfinished, shell, ct).ConfigureAwait(false);
            var digest = FileSums.Write(unfinished);
            var verification = new MonthVerification(unfinished, options, null, null, false, shell, ct);
            verification.Run();
            shell.EndProgress();
            var report = verification.Report(named);
            if (!report.IsVerified) return report.Write(line, shell);
            BackupManifest.Sync(unfinished);
            NewFolder.Place(unfinished, directory);
            PageOf(directory, archive, digest, report).Write(shell.Output, line.Json);
            return ExitCode.Done;
        }
        finally
        {
            NewFolder.Remove(unfinished);
        }
    }

    internal static bool TryMonth(string text, out YearMonth month) => DayText.TryMonth(text, out month);

    private static async Task<MonthArchive> WriteAsync(LedgerOptions options, YearMonth month, string directory,
        Shell shell, CancellationToken ct)
    {
        await using var journal = LedgerStores.OpenReader(options);
        await RefusePrunedAsync(journal, month, ct).ConfigureAwait(false);
        var (from, to) = await RecordedMonth.PositionsAsync(journal, month, ct).ConfigureAwait(false);
        var archive = new MonthArchive(options.Ledger, month, from, to, 0);
        if (archive.End > options.Clock.GetCurrentInstant())
            throw new CouldNotException($"{YearMonthPattern.Iso.Format(month)} has not ended (UTC)");
        if (LedgerCopy.Find(options.Directory) is { } copy && copy.MadeAt < archive.End)
            throw new CouldNotException($"{options.Directory} is a copy of {InstantPattern.ExtendedIso.Format(copy.MadeAt)}, "
                + $"before {YearMonthPattern.Iso.Format(month)} had ended (UTC): export it from the ledger, or from a later "
                + "copy");
        if (from == to) throw new CouldNotException($"nothing was recorded in {YearMonthPattern.Iso.Format(month)} (UTC)");
        shell.Progress("writing the log");
        var checkpoint = options.Log.Export(journal, new TileFolder(
            Path.Combine(directory, TransparencyLog.DirectoryName)));
        if (checkpoint.Size < to)
            throw new CouldNotException($"the latest checkpoint is of {checkpoint.Size} events and the month ends at "
                + $"position {to}; make one with: ledger checkpoint");
        var keys = await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false);
        File.WriteAllText(Path.Combine(directory, MonthArchive.KeysName), string.Concat(keys.Select(key => $"{key}\n")));
        MonthArchive.WriteHandovers(directory, await Handovers.ReadAsync(journal, ct).ConfigureAwait(false));
        archive = archive with { Size = checkpoint.Size };
        archive.Write(directory);
        shell.Progress("writing events");
        await MonthArchive.WriteEventsAsync(directory, Of(journal, archive, ct), options.Secret, ct)
            .ConfigureAwait(false);
        shell.Progress("writing evidence");
        await WriteEvidenceAsync(options, journal, archive, directory, ct).ConfigureAwait(false);
        return archive;
    }

    /// <summary>
    /// What names a person stays in the ledger, under the keys of whom it names: in an archive that others keep, no
    /// erasure would reach it.
    /// </summary>
    private static async Task WriteEvidenceAsync(LedgerOptions options, IJournal journal, MonthArchive archive,
        string directory, CancellationToken ct)
    {
        using var evidence = EvidenceArchive.OpenForReading(options.Directory, options.Secret);
        using var archived = EvidenceArchive.Open(directory, options.Secret);
        var resting = new RestingEvidence(digest =>
            evidence.PrunedBy(digest) is null ? evidence.Find(digest)?.Raw : null);
        await foreach (var recorded in Of(journal, archive, ct).ConfigureAwait(false))
        {
            var fact = EventCodec.Decode(recorded);
            foreach (var digest in resting.NotYetSeen(fact))
                // What nobody could read and came again after it was pruned is in the archive of an earlier month.
                if (evidence.PrunedBy(digest) is not null) continue;
                else if (evidence.Find(digest) is { } piece)
                {
                    if (piece.Subjects.Count == 0) archived.Put(piece.Raw);
                }
                else if (!NamedEvidence.IsShownBy(fact))
                    throw new InvalidDataException($"evidence {digest} of position {recorded.Position} is not kept");
        }
    }

    private static async Task RefusePrunedAsync(IJournal journal, YearMonth month, CancellationToken ct)
    {
        var prunings = await Prunings.ReadAsync(journal, _ => [], ct).ConfigureAwait(false);
        if (prunings.Months.FirstOrDefault(pruned => pruned.Fact.Month == month) is { Fact: { } fact } found)
            throw new CouldNotException($"{PrunedEvidence.Describe(found.Position, fact)}: its evidence is in that "
                + "archive alone");
    }

    private static async IAsyncEnumerable<RecordedEvent> Of(IJournal journal, MonthArchive archive,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadAllAsync(archive.From, ct).ConfigureAwait(false))
        {
            if (recorded.Position >= archive.To) yield break;
            yield return recorded;
        }
    }

    private static Page PageOf(string directory, MonthArchive archive, string digest, VerificationReport report) =>
        new Page().Field("export", null, Name).Field("ledger", "ledger", archive.Ledger.Value)
            .Field("month", "month (UTC)", YearMonthPattern.Iso.Format(archive.Month))
            .Field("out", "written to", directory)
            .Field("from", "from position", archive.From).Field("to", "to before position", archive.To)
            .Field("size", "log of so many events", archive.Size)
            .Field("root", "with the root", report.Root is null ? null : Convert.ToHexStringLower(report.Root))
            .Field("sha256", $"SHA-256 of {FileSums.Name}", digest)
            .Table("verified", "verified in it", Listing.Of(report.Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of)))
            .Note("Whoever has it can read every fact of the month. Its evidence is sealed as in the ledger, and opens "
                + "only with the ledger's secret: ledger verify ARCHIVE --data LEDGER. Evidence that names persons is "
                + "not in it.");
}
