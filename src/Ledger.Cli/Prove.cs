using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger prove POSITION</c>: one file that shows an event and proves that it is in the ledger, under the latest
/// checkpoint. It discloses that event, with its salt, and no other.
/// </summary>
public static class Prove
{
    public static Verb Verb { get; } = new("prove", "POSITION|RUN#LINE",
        "writes an event with its proof under the latest checkpoint, as a c2sp.org/tlog-proof file; or a line of a "
        + "statement, also named as RUN POINT DIRECTION START, with all that it is made of, as a zip",
        "ledger prove 2 --out event-2.tlog-proof",
        [new("--out", "FILE", $"where it goes; POSITION{TlogProof.FileExtension} or RUN-LINE.zip where it is not given"),
            .. RecordedRun.Options, PrunedEvidence.ArchiveOption, .. Disclosing.Options],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (ProveLine.Names(line.Words)) return await ProveLine.RunAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is not [var word])
            throw new UsageException("prove needs one POSITION, RUN#LINE, or RUN POINT DIRECTION START");
        var position = CommandLine.Read<long>(word, LedgerReader.TryPosition, "POSITION is a number from 0 on");
        var options = DataFolder.OptionsOf(line, shell);
        await using var journal = LedgerStores.OpenReader(options);
        if (position >= journal.Length)
            throw new CouldNotException(
                $"there is no event at position {position}; the journal has {journal.Length} events");
        var recorded = await EventAsync(journal, position, ct).ConfigureAwait(false);
        var proof = options.Log.Prove(recorded);
        var path = line.Option("--out") ?? position.ToString(CultureInfo.InvariantCulture) + TlogProof.FileExtension;
        await OutFile.WriteAsync(path, System.Text.Encoding.UTF8.GetBytes($"{proof}"), ct).ConfigureAwait(false);
        var checkpoint = Checkpoint.Parse(SignedNote.Parse(System.Text.Encoding.UTF8.GetBytes(proof.Checkpoint)).Text);
        new Page().Field("out", "written to", path)
            .Field("position", "position", position).Field("fact", "fact", recorded.Envelope.WireName)
            .Field("origin", "in the log", checkpoint.Origin).Field("size", "of so many events", checkpoint.Size)
            .Field("root", "with the root", Convert.ToHexStringLower(checkpoint.Root))
            .Field("hashes", "proven by so many hashes", proof.Hashes.Count)
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static async Task<RecordedEvent> EventAsync(IJournal journal, long position,
        CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadAllAsync(position, ct).ConfigureAwait(false)) return recorded;
        throw new CouldNotException($"there is no event at position {position}");
    }
}
