using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Bundles;

/// <summary>The events of a bundle that are in the signed log, decoded, and the evidence that they name.</summary>
/// <param name="files">The bundle's files, by name.</param>
/// <param name="note">The checkpoint, as it stands in every proof.</param>
internal sealed class BundleEvents(
    IReadOnlyDictionary<string, byte[]> files, string note, Checkpoint checkpoint, string ledger, Findings findings)
{
    private readonly SortedDictionary<long, (RecordedEvent Recorded, LedgerEvent Fact)> events = [];
    private readonly Erasures erasures = new();

    /// <summary>In order of position.</summary>
    public IReadOnlyCollection<(RecordedEvent Recorded, LedgerEvent Fact)> All => events.Values;

    /// <summary>These events as a journal, from which what they give can be calculated again.</summary>
    public DisclosedJournal Journal(LedgerId of, long length) =>
        new(of, length, [.. events.Values.Select(known => known.Recorded)]);

    /// <summary>Reads every proof: its leaf is at its place under the root,
    /// and its event is one of this ledger.</summary>
    public void VerifyProofs()
    {
        foreach (var (name, content) in files.Where(file =>
            file.Key.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal)))
            try
            {
                Verify(name, content);
            }
            catch (Exception damaged) when (damaged is NoteRefusedException or InvalidDataException
                or DecoderFallbackException)
            {
                findings.Add(name, damaged.Message, "the proof of an event");
            }
            catch (Exception unknown) when (unknown is UnknownWireNameException or PoisonEventException)
            {
                findings.Add(name, unknown.Message, "a fact that this program knows");
            }
        VerifyOrder();
    }

    private void Verify(string name, byte[] content)
    {
        var proof = TlogProof.Parse(Encoding.UTF8.GetString(content));
        if (name != BundleFiles.Event(proof.Index))
            findings.Add(name, $"index {proof.Index}", "the index that its name says");
        if (proof.Checkpoint != note) findings.Add(name, "another checkpoint", "the checkpoint of the bundle");
        var shown = DisclosedEvent.Read(proof.Extra ?? throw new InvalidDataException("the proof discloses no event"));
        if (!MerkleVerification.Includes(
            proof.Index, checkpoint.Size, MerkleTree.LeafHash(shown.LeafEntry()), proof.Hashes, checkpoint.Root))
        {
            findings.Add(name, "an event that is not in the log",
                $"the event at position {proof.Index} under the checkpoint");
            return;
        }
        var recorded = shown.At(proof.Index);
        if (recorded.Envelope.Ledger.Value != ledger) findings.Add(name, $"ledger {recorded.Envelope.Ledger}", ledger);
        events[proof.Index] = (recorded, EventCodec.Decode(recorded));
    }

    /// <summary>
    /// Each stream is whole from its beginning, but for those of the settlement run, of erasures and of the station
    /// tree, of which only what is asked is here; and no event was recorded before the one in front of it.
    /// </summary>
    private void VerifyOrder()
    {
        var next = new Dictionary<string, long>(StringComparer.Ordinal);
        var ids = new HashSet<EventId>();
        RecordedEvent? before = null;
        foreach (var (recorded, fact) in events.Values)
        {
            if (!ids.Add(recorded.Envelope.Id))
                findings.Add(BundleFiles.Event(recorded.Position), $"id {recorded.Envelope.Id} again", "an id of its own");
            var (stream, revision) = (recorded.Envelope.Stream, recorded.Envelope.Revision);
            var expected = next.GetValueOrDefault(stream);
            if (revision != expected && fact is not (SettlementRunCompleted or SubjectErased or PointPlaced))
                findings.Add(BundleFiles.Event(recorded.Position), $"revision {revision} of {stream}",
                    $"revision {expected}, which is missing");
            next[stream] = revision + 1;
            if (before is not null && recorded.Envelope.RecordedAt < before.Envelope.RecordedAt)
                findings.Add(BundleFiles.Event(recorded.Position), $"recorded at {recorded.Envelope.RecordedAt}",
                    $"no earlier than {before.Envelope.RecordedAt}, position {before.Position}");
            before = recorded;
        }
    }

    /// <summary>The evidence is what its name says; all that the events name is there, and nothing else.
    /// Counts its bytes.</summary>
    public (long Pieces, long Bytes) VerifyEvidence()
    {
        var (pieces, bytes) = (0L, 0L);
        var named = Named();
        foreach (var (name, content) in files.Where(file =>
            file.Key.StartsWith(BundleFiles.EvidenceFolder, StringComparison.Ordinal)))
        {
            (pieces, bytes) = (pieces + 1, bytes + content.Length);
            if (BundleFiles.EvidenceFolder + BundleFiles.Digest(content) is var right && right != name)
                findings.Add(name, $"bytes whose SHA-256 is {right[BundleFiles.EvidenceFolder.Length..]}",
                    "the bytes of its name");
            if (!named.ContainsKey(name))
                findings.Add(name, "evidence that no event names", "only what the events name");
        }
        var needed = new HashSet<long>();
        foreach (var (name, position) in named.Where(file => !files.ContainsKey(file.Key)))
            if (erasures.At(DigestOf(name)) is { } erasedAt)
            {
                needed.Add(erasedAt);
                findings.Erase(DigestOf(name), erasedAt);
            }
            else
                findings.Add(name, "no such file",
                    $"the evidence of the event at position {position.ToString(CultureInfo.InvariantCulture)}");
        foreach (var (recorded, fact) in events.Values)
            if (fact is SubjectErased && !needed.Contains(recorded.Position))
                findings.Add(BundleFiles.Event(recorded.Position), "an erasure of nothing that is missing here",
                    "only erasures of what the events name");
        if (findings.ErasedCount > 0)
            findings.LeaveOut($"{findings.ErasedCount} pieces of evidence that were erased, and what comes from them");
        return (pieces, bytes);
    }

    private static EvidenceDigest DigestOf(string name) => new(name[BundleFiles.EvidenceFolder.Length..]);

    /// <summary>The raw bytes of a piece of evidence; null where the bundle does not have it. Throws
    /// <see cref="EvidenceErasedException"/> where an event of the bundle says that it was erased.</summary>
    public byte[]? Evidence(EvidenceDigest digest) =>
        files.TryGetValue(BundleFiles.Evidence(digest), out var content) ? SaltedEvidence.Raw(content)
        : erasures.At(digest) is null ? null : throw new EvidenceErasedException(digest);

    /// <summary>Each file of evidence that should be here, and the first event that asks for it.</summary>
    private SortedDictionary<string, long> Named()
    {
        var named = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (recorded, fact) in events.Values)
        {
            if (NamedEvidence.Of(fact) is not { } digest) continue;
            named.TryAdd(BundleFiles.Evidence(digest), recorded.Position);
            if (files.GetValueOrDefault(BundleFiles.Evidence(digest)) is not { } content) continue;
            try
            {
                var listed = EvidenceManifest.Listed(digest, content);
                if (fact is SubjectErased erased) erasures.Add(erased, recorded.Position, listed);
                else foreach (var piece in listed) named.TryAdd(BundleFiles.Evidence(piece), recorded.Position);
            }
            catch (InvalidDataException damaged)
            {
                findings.Add(BundleFiles.Evidence(digest), damaged.Message, "a list of digests");
            }
        }
        return named;
    }
}
