using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// The verification of one data folder, step after step; each needs what the steps before found to be sound. It takes
/// no lock and changes no byte.
/// </summary>
/// <param name="isThorough">Also derives interval records from raw evidence,
/// and has SQLite check its own files.</param>
/// <param name="trusted">The keys that the auditor trusts; null where only the ledger's own is there to ask.</param>
/// <param name="kept">A checkpoint that the auditor kept, by its name.</param>
public sealed class LedgerVerification(
    string directory, bool isThorough, IReadOnlyCollection<VerifierKey>? trusted, (string Name, byte[] Note)? kept,
    Shell shell, CancellationToken ct)
{
    /// <summary>The archives of months that were pruned, by their folders.</summary>
    public IReadOnlyList<string> Archives { get; init; } = [];
    /// <summary>Where the journal and the views are.</summary>
    public StoreChoice Store { get; init; } = new StoreChoice.Sqlite(directory);

    private string Frames => Path.Combine(directory, FrameLogOptions.FolderName);
    private PruningVerification? pruning;
    private FrameDroppings? droppings;
    private readonly List<VerificationStep> steps = [];
    private readonly List<(long Position, BaselineFrozen Frozen)> baselines = [];
    private readonly HashSet<EvidenceDigest> neverKept = []; // what disputes show and nobody handed in
    private readonly SettlementOrder settlements = new();

    /// <summary>Null where the folder does not say it.</summary>
    public LedgerId? Ledger { get; private set; }

    /// <summary>The root over all events, hashed anew.</summary>
    public byte[]? Root { get; private set; }

    /// <summary>How many events the largest checkpoint covers whose signature holds; null where none does.</summary>
    public long? SignedSize { get; private set; }

    /// <summary>Who signed the largest checkpoint; null without one.</summary>
    private CheckpointSigners? signers;

    public Findings Findings { get; } = new();

    public VerificationReport Report => new("folder", directory, Ledger, Root, steps, Findings,
        $"checkpoint={(SignedSize is { } size ? Count(size) : "none")}", (Root is null
            ? "" : $"digest={Convert.ToHexStringLower(Root)}")
            + (trusted is null ? "" : $" witnesses={Count(signers?.Witnesses.Count ?? 0)}"))
    {
        Signers = trusted is null ? null : signers,
    };

    public async Task RunAsync()
    {
        LedgerIdentity identity;
        try
        {
            identity = LedgerIdentity.Open(directory);
        }
        catch (Exception damaged) when (damaged is JournalRefusedException or IOException)
        {
            Findings.Add(LedgerIdentity.FileName, damaged.Message, "the ledger's name and its secret");
            Findings.LeaveOut("everything else: without the ledger's name and secret no leaf can be hashed");
            return;
        }
        Ledger = identity.Ledger;
        FindUnfinished();
        var before = Findings.FaultCount;
        var options = new LedgerOptions(directory, identity.Ledger, shell.Clock, identity.Secret)
        {
            Store = Store,
            IsExamined = true,
        };
        var claims = await CheckpointsAsync(options).ConfigureAwait(false);
        pruning = new(Archives, options, Findings, shell, ct);
        IReadOnlyList<RootClaim> archives = Archives.Count == 0 ? []
            : pruning.VerifyArchives([.. await FollowedAsync(options).ConfigureAwait(false)
                ?? await OwnKeysAsync(options).ConfigureAwait(false)]);
        var ofCheckpoints = new VerificationStep("checkpoints", claims.Count, null, Findings.FaultCount - before);
        SignedSize = claims.Count == 0 ? null : claims.Max(claim => claim.Length);
        signers = claims.Where(claim => claim.Length == SignedSize)
            .MaxBy(claim => claim.Signers!.Witnesses.Count)?.Signers;
        var journal = await EventsAsync(options, [.. claims, .. archives]).ConfigureAwait(false);
        Root = journal.Root;
        if (SignedSize is { } signed && signed < journal.Events)
            Findings.LeaveOut($"who signed events {Count(signed)} to {Count(journal.Events - 1)}: they came after the last "
                + "checkpoint; the next is made with: ledger checkpoint");
        var archived = Counted("evidence", found => EvidenceVerification.Verify(
            directory, identity.Secret, found, Seen("hashing evidence, bytes"), ct),
            found => (found.Kept.Count, $"{found.Bytes} bytes"));
        if (journal.IsSound) await ReadDroppingsAsync(options).ConfigureAwait(false);
        if (Directory.Exists(Frames))
            Counted("frame log", found => FrameLogVerification.Verify(
                Frames, droppings?.State, found, Seen("hashing frames, bytes"), ct),
                found => (found.Blocks, $"{found.Frames} frames, {found.Bytes} bytes"));
        steps.Add(ofCheckpoints);
        if (!journal.IsSound)
            Findings.LeaveOut("interval records, views and statements, and what was erased: the journal that says it "
                + "is not as it was");
        else await VerifyDerivedAsync(options, identity, archived).ConfigureAwait(false);
    }

    /// <summary>What is here of a copy that was not finished may be sound, and is less than it says.</summary>
    private void FindUnfinished()
    {
        try
        {
            if (LedgerCopy.Find(directory) is { IsUnfinished: true })
                Findings.Add(LedgerCopy.FileName, "a copy that was not finished", "a whole one: run the same ledger copy again");
        }
        catch (JournalRefusedException damaged)
        {
            Findings.Add(LedgerCopy.FileName, damaged.Message, "the mark of a copy, or none");
        }
    }

    private async Task ReadDroppingsAsync(LedgerOptions options)
    {
        await using var journal = LedgerStores.OpenReader(options);
        droppings = await FrameDroppings.ReadAsync(journal, ct).ConfigureAwait(false);
        Findings.Drop(droppings);
    }

    /// <summary>The events of a file as they stand in its tables, those of a server as it gives them.</summary>
    private async Task<JournalFound> EventsAsync(LedgerOptions options, IReadOnlyList<RootClaim> claims)
    {
        if (options.Embedded is { Directory: var folder })
            return Counted("events", found => JournalVerification.Verify(folder, options.Ledger, options.Secret, claims,
                isThorough, found, Seen("hashing events"), ct, shell.Clock), found => (found.Events, null));
        var before = Findings.FaultCount;
        var known = KnownOfServer(); // first: its owner writes it after the events
        await using var journal = LedgerStores.OpenReader(options);
        var events = await EventsVerification.VerifyAsync(journal, options.Secret, [.. claims, .. known], Findings,
            Seen("hashing events"), ct, shell.Clock).ConfigureAwait(false);
        steps.Add(new("events", events.Events, null, Findings.FaultCount - before));
        Findings.LeaveOut($"how {options.Store.Name} keeps the journal: events were hashed as the server gives them, and "
            + "its files, indexes and copies are its own");
        return events;
    }

    /// <summary>What the folder itself knows of a journal that is at a server.</summary>
    private IReadOnlyList<RootClaim> KnownOfServer()
    {
        try
        {
            return JournalHead.Read(directory) is { } head ? [new(JournalHead.FileName, head.Length, head.Root)] : [];
        }
        catch (JournalRefusedException damaged)
        {
            Findings.Add(JournalHead.FileName, damaged.Message, "an intact slot");
            return [];
        }
    }

    private async Task<IReadOnlyList<RootClaim>> CheckpointsAsync(LedgerOptions options)
    {
        var own = await OwnKeysAsync(options).ConfigureAwait(false);
        VerifyKeyFile(own);
        if ((trusted ?? own).Count == 0)
        {
            Findings.LeaveOut("who signed the journal: it names no key; the first is made with: ledger checkpoint");
            return [];
        }
        var claims = LogVerification.Checkpoints(
            directory, await FollowedAsync(options).ConfigureAwait(false) ?? own, kept, Findings);
        // signed-note, "verifying": without a signature of a known key a note says nothing, and so does a folder.
        if (claims.Count == 0 && trusted is not null)
            Findings.Add("checkpoint", "none that a key you trust signed", "one that vouches for these events");
        else if (claims.Count == 0)
            Findings.LeaveOut("who signed the journal: there is no checkpoint; make one with: ledger checkpoint");
        else if (trusted is null)
            Findings.LeaveOut("whether the ledger's key is the one you know: give it with --keys");
        if (kept is null)
            Findings.LeaveOut(
                "whether history was rewritten and signed again: give a checkpoint that you kept with --since");
        return claims;
    }

    /// <summary>The keys that the auditor trusts, and those that they handed over to; null where there are none to
    /// follow.</summary>
    private async Task<IReadOnlyCollection<VerifierKey>?> FollowedAsync(LedgerOptions options)
    {
        if (trusted is null) return null;
        try
        {
            await using var journal = LedgerStores.OpenReader(options);
            var notes = await Handovers.ReadAsync(journal, ct).ConfigureAwait(false);
            return Handovers.Follow(trusted, notes.Select(System.Text.Encoding.UTF8.GetBytes));
        }
        catch (Exception damaged) when (SqliteFile.IsDamage(damaged) || damaged is JournalRefusedException
            or InvalidDataException or PoisonEventException or UnknownWireNameException or NoteRefusedException)
        {
            return trusted; // of a journal that cannot be read its own step tells
        }
    }

    /// <summary>Every key that the journal names; none where it cannot be read, of which its own step tells.</summary>
    private async Task<IReadOnlyList<VerifierKey>> OwnKeysAsync(LedgerOptions options)
    {
        try
        {
            await using var journal = LedgerStores.OpenReader(options);
            return await LogKeys.ReadAsync(journal, ct).ConfigureAwait(false);
        }
        catch (Exception damaged) when (SqliteFile.IsDamage(damaged) || damaged is JournalRefusedException
            or InvalidDataException or PoisonEventException or UnknownWireNameException or NoteRefusedException)
        {
            return [];
        }
    }

    private void VerifyKeyFile(IReadOnlyList<VerifierKey> own)
    {
        try
        {
            if (SigningKeyFile.Read(directory) is { } key && own is [.., var last] && $"{key.Verifier}" != $"{last}")
                Findings.Add(SigningKeyFile.FileName, $"the private key of {key.Verifier}",
                    $"that of {last}, which signs");
        }
        catch (Exception damaged) when (damaged is NoteRefusedException or JournalRefusedException or IOException)
        {
            Findings.Add(SigningKeyFile.FileName, damaged.Message, "the ledger's private key");
        }
    }

    private async Task VerifyDerivedAsync(
        LedgerOptions options, LedgerIdentity identity, EvidenceFound archived)
    {
        await using var journal = LedgerStores.OpenReader(options);
        Counted("tiles", found => LogVerification.Tiles(
            directory, LeafEntries.Of(journal, options.Secret, 0, journal.Length), found, ct),
            count => (count, null));
        await VerifyErasuresAsync(journal, identity, archived).ConfigureAwait(false);
        await VerifyPruningsAsync(journal, identity, archived).ConfigureAwait(false);
        await VerifyFactsAsync(journal, identity, archived).ConfigureAwait(false);
        shell.Progress("computing the views from the journal");
        using var views = new ViewsVerification(options, journal, isThorough, Findings, ct);
        var sound = await views.VerifyAsync().ConfigureAwait(false);
        if (views.Step is { } ofViews) steps.Add(ofViews);
        var before = Findings.FaultCount;
        await BaselineVerification.VerifyAsync(journal, sound, baselines, Findings, ct).ConfigureAwait(false);
        steps.Add(new("baselines", baselines.Count, "frozen or completed", Findings.FaultCount - before));
        await VerifyStatementsAsync(journal, sound).ConfigureAwait(false);
    }

    /// <summary>Every fact can be read and is where it is settled from, the evidence that it names is kept, a record
    /// says what its evidence says, and what the rule of registers decided it decides again.</summary>
    private async Task VerifyFactsAsync(
        IJournal journal, LedgerIdentity identity, EvidenceFound archived)
    {
        var (before, facts) = (Findings.FaultCount, 0L);
        using var archive = OpenEvidence(identity);
        var records = archive is null || !isThorough ? null
            : new RecordVerification(archive.Get, Findings, new(Frames), droppings);
        var (readings, beside) = (records is null ? null : new ReadingVerification(archive!.Get, Findings), 0L);
        var versions = new RecordVersions(Findings, journal);
        var (places, registers) = (new FactPlaces(Findings), new RegisterDecisions(journal, Findings));
        await foreach (var recorded in journal.ReadAllAsync(0, ct).ConfigureAwait(false))
        {
            if (facts++ % 1024 == 0)
                shell.Progress($"deriving records again, event {Count(facts)} of {Count(journal.Length)}");
            var fact = EventCodec.Decode(recorded);
            var isKept = IsKept(recorded.Position, fact, archived);
            if (fact is BaselineFrozen frozen) baselines.Add((recorded.Position, frozen));
            var until = Findings.FaultCount;
            try
            {
                if (fact is IntervalRecorded record)
                {
                    var earlier = await versions.BeforeAsync(recorded, record, ct).ConfigureAwait(false);
                    if (isKept) records?.Verify(recorded.Position, record, earlier);
                }
                settlements.Take(recorded, fact);
                until = Findings.FaultCount;
                places.Verify(recorded, fact);
                var isForTheRule = readings is not null && readings.Verify(
                    recorded.Position, recorded.Envelope.Stream, recorded.Envelope.ValidFrom, fact);
                await registers.VerifyAsync(recorded, fact, isForTheRule, ct).ConfigureAwait(false);
            }
            catch (Exception wrong) when (RunVerification.IsOfFacts(wrong))
            {
                Findings.Add($"position {Count(recorded.Position)}, {recorded.Envelope.WireName}", wrong.Message,
                    "a fact that can be verified");
            }
            beside += Findings.FaultCount - until;
        }
        var ofRegisters = Findings.FaultCount;
        await registers.FinishAsync(ct).ConfigureAwait(false);
        places.Finish();
        if (neverKept.Count > 0)
            Findings.LeaveOut($"{Count(neverKept.Count)} pieces of evidence that disputes show: nobody handed them in");
        beside += Findings.FaultCount - ofRegisters;
        FinishFacts(records, readings, before, beside, archive is null ? "the archive cannot be opened" : "--fast");
    }

    /// <summary>Whether the evidence that a fact names is here; a fault where what it was made of is not.</summary>
    private bool IsKept(long position, LedgerEvent fact, EvidenceFound archived)
    {
        var lost = NamedEvidence.AllOf(fact).Where(named => !archived.Knows(named)).ToList();
        if (NamedEvidence.IsShownBy(fact)) neverKept.UnionWith(lost);
        else
            foreach (var named in lost)
                Findings.Add($"position {Count(position)}", $"evidence {named} is not kept",
                    "the evidence that the fact names");
        return lost.Count == 0;
    }

    /// <param name="beside">Faults since <paramref name="before"/> that are of no interval record.</param>
    /// <param name="whyNot">Why evidence was not read, where it was not.</param>
    private void FinishFacts(
        RecordVerification? records, ReadingVerification? readings, long before, long beside, string whyNot)
    {
        if (records is not null)
        {
            shell.Progress("deriving records of streams again from the frame log");
            records.Finish();
            steps.Add(new("interval records", records.Derived.Records, $"{Count(records.Derived.Samples)} samples",
                Findings.FaultCount - before - beside));
            if (records.Erased > 0)
                Findings.LeaveOut($"{Count(records.Erased)} interval records whose evidence was erased");
            if (records.Pruned > 0)
                Findings.LeaveOut($"{Count(records.Pruned)} interval records whose evidence was pruned");
        }
        else
        {
            Findings.LeaveOut($"interval records against their raw evidence: {whyNot}");
            Findings.LeaveOut(
                $"readings, their signatures and charge records against the text of their evidence: {whyNot}");
            return;
        }
        before = Findings.FaultCount;
        readings!.Finish();
        if (readings.Unrecorded > 0)
            Findings.LeaveOut($"{Count(readings.Unrecorded)} readings that stand in evidence of others and that no fact "
                + "records from it: recorded from other evidence before, refused, of no register, or left out");
        steps.AddRange(readings.Steps(beside + Findings.FaultCount - before));
    }

    /// <summary>
    /// Evidence whose keys are not there was erased if the journal says so; then it is neither verified nor a fault.
    /// </summary>
    private async Task VerifyErasuresAsync(IJournal journal, LedgerIdentity identity, EvidenceFound archived)
    {
        using var archive = OpenEvidence(identity);
        var erasures = await Erasures.ReadAsync(journal, Listed, ct).ConfigureAwait(false);
        EvidenceVerification.Verify(directory, identity.Secret, archived, erasures, Findings);
        foreach (var digest in archived.Erased.Keys)
            if (erasures.At(digest) is { } position) Findings.Erase(digest, position);
        if (Findings.ErasedCount > 0)
            Findings.LeaveOut($"{Count(Findings.ErasedCount)} pieces of evidence that were erased, wholly or in part, "
                + "and what comes from them");

        IEnumerable<EvidenceDigest> Listed(EvidenceDigest manifest)
        {
            try
            {
                return archive?.Get(manifest) is { } bytes ? [.. EvidenceManifest.Listed(manifest, bytes)] : [];
            }
            catch (InvalidDataException)
            {
                return []; // of which the evidence's own step has told
            }
        }
    }

    private async Task VerifyPruningsAsync(IJournal journal, LedgerIdentity identity, EvidenceFound archived)
    {
        using var archive = OpenEvidence(identity);
        var before = Findings.FaultCount;
        var atHand = await pruning!.VerifyAsync(journal, archive, archived).ConfigureAwait(false);
        if (Findings.Pruned.Count > 0)
            steps.Add(new("pruned evidence", atHand,
                $"{Count(Findings.Pruned.Sum(month => month.Pieces))} pieces, from archives",
                Findings.FaultCount - before));
    }

    /// <summary>Null where the archive is damaged, of which the evidence's own step has told.</summary>
    private EvidenceArchive? OpenEvidence(LedgerIdentity identity)
    {
        try
        {
            var opened = EvidenceArchive.OpenForReading(directory, identity.Secret);
            pruning!.Lend(opened);
            return opened;
        }
        catch (Exception damaged) when (damaged is InvalidDataException or JournalRefusedException)
        {
            return null;
        }
    }

    private async Task VerifyStatementsAsync(IJournal journal, IViewStore sound)
    {
        shell.Progress("deriving the settlement runs again");
        var before = Findings.FaultCount;
        var (lines, values, runs) = (0L, 0L, new Answers(sound).Runs());
        var rules = new EarlierRules(settlements, Findings);
        foreach (var fault in settlements.Faults) Findings.Add(fault.Place, fault.Found, fault.Expected);
        foreach (var run in runs)
        {
            lines += run.Lines;
            var place = $"position {Count(run.RecordedPosition)}, run {run.Run}";
            try
            {
                values += await VerifyRunAsync(journal, sound, run, place, rules).ConfigureAwait(false);
            }
            catch (Exception wrong) when (RunVerification.IsOfFacts(wrong))
            {
                Findings.Add(place, $"a run that cannot be calculated: {wrong.Message}",
                    "facts of which a statement can be made");
            }
        }
        rules.Finish();
        foreach (var leftOut in RunVerification.OtherTimeZones(
            [.. runs.Select(run => run.TzdbVersion), .. settlements.TimeZonesOfCorrections]))
            Findings.LeaveOut(leftOut);
        steps.Add(new("statements", runs.Count, $"{Count(lines)} lines", Findings.FaultCount - before));
        steps.Add(new("line values", values, "each derived from its children", 0));
    }

    /// <summary>How many values of its lines were derived.</summary>
    private async Task<long> VerifyRunAsync(
        IJournal journal, IViewStore sound, TimeOfUseSettlement.RunRow run, string place, EarlierRules rules)
    {
        var (again, byNewest) =
            await Settlements.RederiveByNewestAsync(journal, sound, run, ct).ConfigureAwait(false);
        if (again.Differs is { } differs) Findings.Add(place, differs, "what was recorded");
        if (again.Statement is not { } statement) return 0;
        rules.Take(run, place, statement, byNewest);
        var values = await NodeVerification.VerifyAsync(journal, statement, place, Findings, ct).ConfigureAwait(false);
        foreach (var fault in await RunVerification.FaultsAsync(journal, sound, run, statement, ct)
            .ConfigureAwait(false)) Findings.Add(place, fault, "what was recorded");
        return values;
    }

    private T Counted<T>(string what, Func<Findings, T> verify, Func<T, (long Count, string? Of)> count)
    {
        var before = Findings.FaultCount;
        var found = verify(Findings);
        var (number, of) = count(found);
        steps.Add(new(what, number, of, Findings.FaultCount - before));
        return found;
    }

    private Action<long> Seen(string doing) => count => shell.Progress($"{doing}: {Count(count)}");

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
