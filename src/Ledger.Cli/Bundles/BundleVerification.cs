using System.Globalization;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Bundles;

/// <summary>
/// The verification of an evidence bundle, which needs the zip alone: no ledger, no server, no network. Each step needs
/// what the steps before found; a step that cannot be done is said to be left out.
/// </summary>
/// <param name="trusted">The keys that somebody trusts; null where only the bundle's own are known.</param>
/// <param name="isThorough">Also derives interval records from raw evidence.</param>
public sealed class BundleVerification(
    byte[] zip, IReadOnlyList<VerifierKey>? trusted, bool isThorough, Shell shell, CancellationToken ct)
{
    private readonly List<VerificationStep> steps = [];
    private SortedDictionary<string, byte[]> files = [];
    private LedgerId? ledger;
    private Checkpoint? checkpoint;
    private CheckpointSigners? signers;
    private string closing = "";

    public Findings Findings { get; } = new();

    public VerificationReport Report(string path) => new("bundle", path, ledger, checkpoint?.Root, steps, Findings,
        checkpoint is null ? "checkpoint=none" : $"checkpoint={Count(checkpoint.Size)}", closing)
    {
        Signers = trusted is null ? null : signers,
    };

    public async Task RunAsync()
    {
        var run = VerifyFiles();
        if (run is null || ledger is not { } named)
        {
            Findings.LeaveOut("everything else: the files of the bundle are not known");
            return;
        }
        if (VerifyCheckpoint() is not { } note)
        {
            Findings.LeaveOut("events, evidence and statement: there is no checkpoint that they are under");
            return;
        }
        var events = new BundleEvents(files, $"{note}", checkpoint!, named.Value, Findings);
        await VerifyContentAsync(events, named, run).ConfigureAwait(false);
        Findings.LeaveOut("README.txt: nothing vouches for it");
        Findings.LeaveOut("whether the ledger holds other facts that should have counted: ask for all of it");
        if (isThorough) Findings.LeaveOut("register readings against the text of their evidence");
    }

    private async Task VerifyContentAsync(BundleEvents events, LedgerId named, string run)
    {
        var before = Findings.FaultCount;
        events.VerifyProofs();
        steps.Add(new("events", events.All.Count, $"{Count(checkpoint!.Size)} in the log",
            Findings.FaultCount - before));
        before = Findings.FaultCount;
        var (pieces, bytes) = events.VerifyEvidence();
        steps.Add(new("evidence", pieces, $"{Count(bytes)} bytes", Findings.FaultCount - before));
        if (isThorough) VerifyRecords(events);
        else Findings.LeaveOut("interval records and register readings against their raw evidence: --fast");
        shell.Progress("calculating the statement again");
        before = Findings.FaultCount;
        var lines = await new BundleStatement(files, events, run, Findings, ct).VerifyAsync(named, checkpoint.Size)
            .ConfigureAwait(false);
        steps.Add(new("statements", lines is null ? 0 : 1, $"{Count(lines ?? 0)} lines", Findings.FaultCount - before));
    }

    /// <summary>The zip is the one of its files, and the manifest lists them. The run that it names;
    /// null where nobody can say.</summary>
    private string? VerifyFiles()
    {
        try
        {
            files = BundleZip.Read(zip);
        }
        catch (InvalidDataException damaged)
        {
            Findings.Add("zip", damaged.Message, "an evidence bundle");
            return null;
        }
        if (zip.AsSpan().CommonPrefixLength(BundleZip.Write(files)) is var same && same < zip.Length)
            Findings.Add($"zip, byte {Count(same)}", "another byte or too many", "the one zip of these files");
        foreach (var name in BundleFiles.Single.Where(name => !files.ContainsKey(name)))
            Findings.Add(name, "no such file", "one in every bundle");
        foreach (var name in files.Keys.Where(name => !IsName(name)))
            Findings.Add(name, "a file of this name", "none in a bundle");
        var run = VerifyManifest();
        if (files.TryGetValue(BundleFiles.Sums, out var sums)
            && !sums.AsSpan().SequenceEqual(BundleFiles.SumsOf(files)))
            Findings.Add(BundleFiles.Sums, "other digests", "those of the files");
        steps.Add(new("files", files.Count, $"{Count(zip.Length)} bytes", Findings.FaultCount));
        return run;
    }

    private static bool IsName(string name) => BundleFiles.Single.Contains(name)
        || name.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)
        || name.StartsWith(BundleFiles.EvidenceFolder, StringComparison.Ordinal);

    private string? VerifyManifest()
    {
        if (!files.TryGetValue(BundleFiles.Manifest, out var bytes)) return null;
        try
        {
            var manifest = BundleManifest.Parse(bytes);
            manifest.Verify(files, Findings);
            if (!LedgerId.TryParse(manifest.Ledger, out var parsed))
                throw new JsonException($"'{manifest.Ledger}' is no ledger");
            ledger = parsed;
            return manifest.Run;
        }
        catch (JsonException damaged)
        {
            Findings.Add(BundleFiles.Manifest, damaged.Message, $"a manifest of {BundleFiles.Format}");
            return null;
        }
    }

    private SignedNote? VerifyCheckpoint()
    {
        if (!files.TryGetValue(BundleFiles.Checkpoint, out var bytes)) return null;
        try
        {
            var note = SignedNote.Parse(bytes);
            checkpoint = Checkpoint.Parse(note.Text);
            signers = BundleKeys.Verify(files.GetValueOrDefault(BundleFiles.Keys, []), note, trusted, Findings);
            if (signers is null) return note;
            // Without trusted keys whoever packed the bundle could name any witness.
            var witnesses = trusted is null ? 0 : signers.Witnesses.Count;
            if (witnesses == 0)
                Findings.LeaveOut("whether another history was signed with this key: "
                    + (trusted is null ? "name witnesses that you trust with --keys FILE"
                        : "no witness that you trust vouches for the checkpoint"));
            closing = $"digest={Convert.ToHexStringLower(checkpoint.Root)} "
                + (trusted is null ? "key=not-checked" : $"key={signers.Log.Name}+{signers.Log.Id:x8}")
                + $" witnesses={Count(witnesses)}";
            return note;
        }
        catch (NoteRefusedException refused)
        {
            Findings.Add(BundleFiles.Checkpoint, refused.Message, "a signed checkpoint");
            return null;
        }
    }

    private void VerifyRecords(BundleEvents events)
    {
        var before = Findings.FaultCount;
        var records = new RecordVerification(events.Evidence, Findings);
        foreach (var (recorded, fact) in events.All)
        {
            ct.ThrowIfCancellationRequested();
            if (fact is IntervalRecorded record) records.Verify(recorded.Position, record);
        }
        steps.Add(new("interval records", records.Derived.Records, $"{Count(records.Derived.Samples)} samples",
            Findings.FaultCount - before));
        if (records.Erased > 0) Findings.LeaveOut($"{Count(records.Erased)} interval records whose evidence was erased");
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
