using System.Globalization;
using System.Text;
using Ledger.Api;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using NodaTime.Text;

namespace Ledger.Cli.Months;

/// <summary>
/// The verification of a month's archive, which needs the archive alone; only its evidence, which lies sealed, needs
/// the ledger's secret. Each step needs what the steps before found; one that cannot be done is said to be left out.
/// </summary>
/// <param name="ledger">The ledger whose secret opens the evidence; null where it is not at hand.</param>
/// <param name="trusted">The keys that somebody trusts; null where only the archive's own are known.</param>
/// <param name="kept">A checkpoint that somebody kept, by its name.</param>
/// <param name="isThorough">Also derives interval records from raw evidence.</param>
internal sealed class MonthVerification(string directory, LedgerOptions? ledger,
    IReadOnlyList<VerifierKey>? trusted, (string Name, byte[] Note)? kept, bool isThorough, Shell shell,
    CancellationToken ct)
{
    private readonly List<VerificationStep> steps = [];
    private readonly TileFolder log = new(Path.Combine(directory, TransparencyLog.DirectoryName));
    private MonthArchive? archive;
    private byte[]? root;
    private CheckpointSigners? signers;

    public Findings Findings { get; } = new();

    /// <summary>What the archive says of itself, once it was verified; null before, and where it is damaged.</summary>
    public ArchivedMonth? Verified => Findings.FaultCount > 0 || archive is null || root is null ? null
        : new(archive.Ledger, archive.Month, archive.From, archive.To, archive.Size,
            new(Convert.ToHexStringLower(root)),
            new(CopiedFile.Hash(Path.Combine(directory, FileSums.Name)).Sha256));

    public VerificationReport Report(string path) => new("archive", path, archive?.Ledger, root, steps, Findings,
        archive is null ? "checkpoint=none" : $"checkpoint={Count(archive.Size)}", archive is null || root is null ? ""
            : $"month={YearMonthPattern.Iso.Format(archive.Month)} from={Count(archive.From)} to={Count(archive.To)} "
            + $"digest={Convert.ToHexStringLower(root)} "
            + (trusted is null || signers is null ? "key=not-checked" : $"key={signers.Log.Name}+{signers.Log.Id:x8}")
            + $" witnesses={Count(trusted is null ? 0 : signers?.Witnesses.Count ?? 0)}")
    {
        Signers = trusted is null ? null : signers,
    };

    public void Run()
    {
        Step("files", () => FileSums.Verify(directory, Findings, ct));
        if (Findings.FaultCount > 0)
        {
            Findings.LeaveOut("everything else: the files are not those that were written");
            return;
        }
        try
        {
            archive = MonthArchive.Read(directory);
            VerifyLog(archive);
            if (root is null) Findings.LeaveOut("events and evidence: there is no log that they are in");
            else
            {
                var before = Findings.FaultCount;
                Step("events", () => VerifyEvents(archive));
                if (Findings.FaultCount == before) VerifyEvidence(archive);
                else Findings.LeaveOut("evidence: the events that name it are not those of the log");
            }
        }
        catch (Exception damaged) when (damaged is InvalidDataException or FileNotFoundException
            or DirectoryNotFoundException or NoteRefusedException)
        {
            Findings.Add("archive", damaged.Message, "what ledger export month wrote");
        }
        Findings.LeaveOut("whether the events before and after the month were recorded outside it: ask for their months");
        if (archive is { } last && last.To == last.Size)
            Findings.LeaveOut("whether the month goes on: no event after it is in the log");
        Findings.LeaveOut("readings, their signatures and charge records against the text of their evidence: what they "
            + "mean follows from registers and keys of all of the ledger");
        Findings.LeaveOut("views and statements: they come from all of the ledger");
    }

    private void VerifyLog(MonthArchive month)
    {
        var own = BundleKeys.Read(File.ReadAllBytes(Path.Combine(directory, MonthArchive.KeysName)));
        if (trusted is null)
            Findings.LeaveOut("whether the key is the ledger's: it came with the archive; give yours with --keys");
        var before = Findings.FaultCount;
        // Who trusts a key trusts what it handed over to: the note of one that cannot be followed is a fault above.
        var known = trusted is null ? own : Handovers.Follow(trusted, MonthArchive.ReadHandovers(directory));
        var claims = LogVerification.Checkpoints(directory, known, kept, Findings);
        steps.Add(new("checkpoints", claims.Count, null, Findings.FaultCount - before));
        signers = claims.Where(claim => claim.Length == month.Size)
            .MaxBy(claim => claim.Signers!.Witnesses.Count)?.Signers;
        if (signers is null)
        {
            Findings.Add($"{TransparencyLog.DirectoryName}/{TileFolder.CheckpointName}",
                "no signature of a known key, or another length", $"a checkpoint of {Count(month.Size)} events");
            return;
        }
        before = Findings.FaultCount;
        var tree = new MerkleTree();
        Compare(claims, tree);
        foreach (var entry in MonthArchive.Entries(log, month.Size))
        {
            tree.Append(entry);
            Compare(claims, tree);
        }
        foreach (var claim in claims)
            if (claim.Length > month.Size)
                Findings.LeaveOut($"{claim.Place}: it is of {Count(claim.Length)} events, and the log here has "
                    + $"{Count(month.Size)}");
        var tiles = LogVerification.Tiles(directory, MonthArchive.Entries(log, month.Size), Findings, ct);
        steps.Add(new("tiles", tiles, $"{Count(month.Size)} events", Findings.FaultCount - before));
        if (Findings.FaultCount == before) root = tree.Root();
    }

    private void Compare(IReadOnlyList<RootClaim> claims, MerkleTree tree)
    {
        foreach (var claim in claims)
            if (claim.Length == tree.Size && !tree.Root().AsSpan().SequenceEqual(claim.Root))
                Findings.Add(claim.Place,
                    $"root of {Count(claim.Length)} events {Convert.ToHexStringLower(claim.Root)}",
                    Convert.ToHexStringLower(tree.Root()));
    }

    /// <summary>Every event is the one at its position of the log, of this ledger, and recorded in the month.</summary>
    private long VerifyEvents(MonthArchive month)
    {
        var position = month.From;
        using var entries = MonthArchive.Entries(log, month.Size).Skip(checked((int)month.From)).GetEnumerator();
        foreach (var disclosed in MonthArchive.Events(directory))
        {
            ct.ThrowIfCancellationRequested();
            if (position % 4096 == 0) shell.Progress($"hashing events: {Count(position - month.From)}");
            var place = $"position {Count(position)}";
            if (position == month.To || !entries.MoveNext()) throw new InvalidDataException(
                $"there are more events than the {Count(month.To - month.From)} that {MonthArchive.FileName} names");
            if (!disclosed.LeafEntry().AsSpan().SequenceEqual(entries.Current))
                Findings.Add(place, "another event", "the one that is in the log");
            else VerifyEvent(month, place, disclosed.At(position));
            position++;
        }
        if (position < month.To)
            Findings.Add($"position {Count(position)}", "no event", $"events up to position {Count(month.To)}");
        return position - month.From;
    }

    private void VerifyEvent(MonthArchive month, string place, RecordedEvent recorded)
    {
        var (of, at) = (recorded.Envelope.Ledger, recorded.Envelope.RecordedAt);
        if (of != month.Ledger) Findings.Add(place, $"an event of ledger {of}", month.Ledger.Value);
        if (at < month.Start || at >= month.End)
            Findings.Add(place, $"recorded at {InstantPattern.ExtendedIso.Format(at)}",
                $"in {YearMonthPattern.Iso.Format(month.Month)}");
        EventCodec.Decode(recorded); // what cannot be read stops here
    }

    /// <summary>The facts that rest on evidence, read once more: a month may be longer than memory.</summary>
    private IEnumerable<(long Position, string Stream, LedgerEvent Fact)> Resting(MonthArchive month)
    {
        var position = month.From;
        foreach (var disclosed in MonthArchive.Events(directory))
        {
            ct.ThrowIfCancellationRequested();
            var recorded = disclosed.At(position);
            var fact = EventCodec.Decode(recorded);
            if (NamedEvidence.AllOf(fact).Count > 0) yield return (position, recorded.Envelope.Stream, fact);
            position++;
        }
    }

    private void VerifyEvidence(MonthArchive month)
    {
        if (ledger is null)
        {
            Findings.LeaveOut("evidence: it is sealed; name the ledger that has the secret with --data");
            return;
        }
        if (ledger.Ledger != month.Ledger)
        {
            Findings.LeaveOut($"evidence: the ledger at hand is {ledger.Ledger}, and its secret does not open it");
            return;
        }
        var before = Findings.FaultCount;
        var found = EvidenceVerification.Verify(directory, ledger.Secret, Findings,
            count => shell.Progress($"hashing evidence, bytes: {Count(count)}"), ct);
        using var pieces = EvidenceArchive.OpenForReading(directory, ledger.Secret);
        using var own = EvidenceArchive.OpenForReading(ledger.Directory, ledger.Secret);
        var resting = new RestingEvidence(digest => found.Kept.Contains(digest) ? pieces.Get(digest) : null);
        HashSet<EvidenceDigest> personal = [], again = [], never = [];
        foreach (var (position, _, fact) in Resting(month))
            foreach (var digest in resting.NotYetSeen(fact))
                if (found.Kept.Contains(digest)) continue;
                else if (own.WasPrunedBefore(digest, position)) again.Add(digest); // it came once more and was refused
                else if (own.SubjectsOf(digest).Count > 0) personal.Add(digest);
                else if (NamedEvidence.IsShownBy(fact) && !own.Has(digest)) never.Add(digest);
                else
                    Findings.Add($"position {Count(position)}", $"evidence {digest} is not in the archive",
                        "all that the fact rests on");
        if (personal.Count > 0)
            Findings.LeaveOut($"{Count(personal.Count)} pieces of evidence that name persons: they are kept in the "
                + "ledger alone");
        if (again.Count > 0)
            Findings.LeaveOut($"{Count(again.Count)} pieces of evidence that were pruned before and came again: they are "
                + "in the archive of an earlier month");
        if (never.Count > 0)
            Findings.LeaveOut($"{Count(never.Count)} pieces of evidence that disputes show: nobody handed them in");
        steps.Add(new("evidence", found.Kept.Count, $"{Count(found.Bytes)} bytes", Findings.FaultCount - before));
        if (!isThorough) Findings.LeaveOut("interval records against their raw evidence: --fast");
        else if (Findings.FaultCount == before) VerifyRecords(month, pieces, [.. personal, .. again]);
    }

    private void VerifyRecords(MonthArchive month, EvidenceArchive pieces, HashSet<EvidenceDigest> elsewhere)
    {
        var before = Findings.FaultCount;
        var records = new RecordVerification(
            digest => elsewhere.Contains(digest) ? throw new EvidenceErasedException(digest) : pieces.Get(digest),
            Findings);
        var versions = new RecordVersions(Findings);
        foreach (var (position, stream, fact) in Resting(month))
            if (fact is IntervalRecorded record)
                records.Verify(position, record, versions.Before(position, stream, record));
        records.Finish();
        versions.Finish();
        if (records.Erased > 0)
            Findings.LeaveOut($"{Count(records.Erased)} interval records whose evidence names persons, or is of an "
                + "earlier month");
        steps.Add(new("interval records", records.Derived.Records, $"{Count(records.Derived.Samples)} samples",
            Findings.FaultCount - before));
    }

    private void Step(string what, Func<long> verify)
    {
        var before = Findings.FaultCount;
        var count = verify();
        steps.Add(new(what, count, null, Findings.FaultCount - before));
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
