using System.Globalization;
using System.Text.Json;
using Ledger.Cli.Lines;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
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
    private string? of;

    public Findings Findings { get; } = new();

    public VerificationReport Report(string path) => new("bundle", path, ledger, checkpoint?.Root, steps, Findings,
        checkpoint is null ? "checkpoint=none" : $"checkpoint={Count(checkpoint.Size)}", closing)
    {
        Signers = trusted is null ? null : signers,
        Of = of,
    };

    public async Task RunAsync()
    {
        var manifest = VerifyFiles();
        if (manifest is null || ledger is not { } named)
        {
            Findings.LeaveOut("everything else: the files of the bundle are not known");
            return;
        }
        of = manifest.Run;
        if (VerifyCheckpoint() is not { } note)
        {
            Findings.LeaveOut("events, evidence and statement: there is no checkpoint that they are under");
            return;
        }
        var events = new BundleEvents(files, $"{note}", checkpoint!, named.Value, Findings);
        await VerifyContentAsync(events, named, manifest).ConfigureAwait(false);
        Findings.LeaveOut("README.txt: nothing vouches for it");
        Findings.LeaveOut("whether the ledger holds other facts that should have counted: ask for all of it");
    }

    private async Task VerifyContentAsync(BundleEvents events, LedgerId named, BundleManifest manifest)
    {
        var before = Findings.FaultCount;
        events.VerifyProofs();
        steps.Add(new("events", events.All.Count, $"{Count(checkpoint!.Size)} in the log",
            Findings.FaultCount - before));
        before = Findings.FaultCount;
        var (pieces, bytes) = events.VerifyEvidence();
        steps.Add(new("evidence", pieces, $"{Count(bytes)} bytes", Findings.FaultCount - before));
        if (isThorough) await VerifyRecordsAsync(events, events.Journal(named, checkpoint.Size)).ConfigureAwait(false);
        else Findings.LeaveOut("interval records and register readings against their raw evidence: --fast");
        shell.Progress("calculating the statement again");
        before = Findings.FaultCount;
        if (manifest.Format == BundleFiles.LinesFormat)
        {
            var lines = new LinesVerification(files, events, manifest, Findings, ct);
            await lines.VerifyAsync(named, checkpoint.Size).ConfigureAwait(false);
            closing += $" {lines.Request?.Closing}";
            steps.Add(new("lines", lines.Examined, $"{Count(lines.Population)} in {Count(lines.Runs)} statements",
                Findings.FaultCount - before));
            return;
        }
        if (RunId.TryParse(manifest.Run, out var run)) closing += $" run={run}";
        var derived = await new BundleStatement(files, events, manifest.Run, Findings, ct)
            .VerifyAsync(named, checkpoint.Size).ConfigureAwait(false);
        steps.Add(new("statements", derived is null ? 0 : 1, $"{Count(derived?.Lines.Count ?? 0)} lines",
            Findings.FaultCount - before));
        before = Findings.FaultCount;
        var values = derived is null ? 0 : await NodeVerification.VerifyAsync(
            events.Journal(named, checkpoint.Size), derived, BundleFiles.Lines, Findings, ct).ConfigureAwait(false);
        steps.Add(new("line values", values, null, Findings.FaultCount - before));
    }

    /// <summary>The zip is the one of its files, and the manifest lists them; null where nobody can say.</summary>
    private BundleManifest? VerifyFiles()
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
        var right = BundleZip.Write(files);
        if (!zip.AsSpan().SequenceEqual(right) && zip.AsSpan().CommonPrefixLength(right) is var same)
            Findings.Add($"zip, byte {Count(same)}", same == zip.Length ? "the end" : "another byte or too many",
                "the one zip of these files");
        var manifest = VerifyManifest();
        var format = manifest?.Format ?? BundleFiles.Format;
        foreach (var name in BundleFiles.SingleOf(format).Where(name => !files.ContainsKey(name)))
            Findings.Add(name, "no such file", "one in every bundle");
        foreach (var name in files.Keys.Where(name => !IsName(name, format)))
            Findings.Add(name, "a file of this name", "none in a bundle");
        if (files.TryGetValue(BundleFiles.Sums, out var sums)
            && !sums.AsSpan().SequenceEqual(BundleFiles.SumsOf(files)))
            Findings.Add(BundleFiles.Sums, "other digests", "those of the files");
        steps.Add(new("files", files.Count, $"{Count(zip.Length)} bytes", Findings.FaultCount));
        return manifest;
    }

    private static bool IsName(string name, string format) => BundleFiles.SingleOf(format).Contains(name)
        || BundleFiles.FoldersOf(format).Any(folder => name.StartsWith(folder, StringComparison.Ordinal));

    private BundleManifest? VerifyManifest()
    {
        if (!files.TryGetValue(BundleFiles.Manifest, out var bytes)) return null;
        try
        {
            var manifest = BundleManifest.Parse(bytes);
            manifest.Verify(files, Findings);
            if (!LedgerId.TryParse(manifest.Ledger, out var parsed))
                throw new JsonException($"'{manifest.Ledger}' is no ledger");
            ledger = parsed;
            return manifest;
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
            signers = BundleKeys.Verify(
                files.GetValueOrDefault(BundleFiles.Keys, []), note, trusted, HandoverNotes(), Findings);
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

    /// <summary>The notes of handover in the order of the keys; another file in their folder is a fault.</summary>
    private List<(string Name, byte[] Note)> HandoverNotes()
    {
        var notes = new List<(string Name, byte[] Note)>();
        for (var key = 2; files.TryGetValue(BundleFiles.Handover(key), out var note); key++)
            notes.Add((BundleFiles.Handover(key), note));
        foreach (var name in files.Keys.Where(name =>
            name.StartsWith(BundleFiles.HandoversFolder, StringComparison.Ordinal)).Except(notes.Select(n => n.Name)))
            Findings.Add(name, "a note of handover", "one for each key after the first");
        return notes;
    }

    private async Task VerifyRecordsAsync(BundleEvents events, IJournal journal)
    {
        var before = Findings.FaultCount;
        var records = new RecordVerification(events.Evidence, Findings);
        var versions = new RecordVersions(Findings, journal);
        foreach (var (recorded, fact) in events.All)
        {
            ct.ThrowIfCancellationRequested();
            if (fact is IntervalRecorded record)
                records.Verify(recorded.Position, record,
                    await versions.BeforeAsync(recorded, record, ct).ConfigureAwait(false));
        }
        records.Finish();
        steps.Add(new("interval records", records.Derived.Records, $"{Count(records.Derived.Samples)} samples",
            Findings.FaultCount - before));
        if (records.Erased > 0) Findings.LeaveOut($"{Count(records.Erased)} interval records whose evidence was erased");
        await VerifyReadingsAsync(events, journal).ConfigureAwait(false);
    }

    private async Task VerifyReadingsAsync(BundleEvents events, IJournal journal)
    {
        var before = Findings.FaultCount;
        var facts = events.All.Select(known => known.Fact).ToList();
        var readings = new ReadingVerification(events.Evidence, Findings, new(
            facts.OfType<SettlementPointRegistered>().Select(point => point.Point.Value).ToHashSet(),
            facts.OfType<RegisterInstalled>().Select(installed => installed.MeterSerial).ToHashSet()));
        var (places, registers) = (new FactPlaces(Findings), new RegisterDecisions(journal, Findings));
        foreach (var (recorded, fact) in events.All)
            try
            {
                places.Verify(recorded, fact);
                var isForTheRule = readings.Verify(
                    recorded.Position, recorded.Envelope.Stream, recorded.Envelope.ValidFrom, fact);
                await registers.VerifyAsync(recorded, fact, isForTheRule, ct).ConfigureAwait(false);
            }
            catch (Exception wrong) when (RunVerification.IsOfFacts(wrong))
            {
                Findings.Add(BundleFiles.Event(recorded.Position), wrong.Message, "a fact that can be verified");
            }
        await registers.FinishAsync(ct).ConfigureAwait(false);
        places.Finish();
        readings.Finish();
        if (readings.Unrecorded > 0)
            Findings.LeaveOut($"{Count(readings.Unrecorded)} readings of these points that stand in evidence of others and "
                + "that no fact here records from it: recorded from other evidence before, refused, or left out");
        steps.AddRange(readings.Steps(Findings.FaultCount - before));
        if (readings.Registers.Signatures > 0)
            Findings.LeaveOut("whether the keys of signed values are those of their meters: a bundle has no key list");
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
