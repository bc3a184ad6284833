using System.Security.Cryptography;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>
/// Raw evidence, as received, addressed by its digest; kept once, in append-only segments, and encrypted: what names
/// nobody under the ledger's key (<see cref="EvidenceSeal"/>), what names persons under theirs
/// (<see cref="SealedEvidence"/>), so that destroying a person's key erases it. Only pruning a month writes a segment
/// anew; what it leaves out is taken from the month's archive, where that is at hand.
/// </summary>
public sealed class EvidenceArchive : IDisposable
{
    public const string FolderName = "evidence";
    private const int HeadBytes = EvidenceSeal.HeadBytes;
    private const long SegmentBytesMax = 256L * 1024 * 1024;
    private const int BytesMax = int.MaxValue - HeadBytes; // of one record behind its head
    private const long ReadAtOpenMax = 16L * 1024 * 1024; // bytes of the last facts' evidence
    private readonly string directory;
    private readonly FileAccess access;
    private readonly EvidenceSeal seal;
    private readonly byte[] saltKey, ledgerKey;
    private readonly SubjectKeys keys;
    private readonly Lock gate = new();
    private readonly Dictionary<EvidenceDigest, Place> index = [];
    private readonly Dictionary<SubjectPseudonym, List<(int Generation, EvidenceDigest Evidence)>> named = [];
    private readonly PrunedPieces pruned = new();
    private readonly EvidenceSegments segments;
    private readonly List<EvidenceArchive> months = [];
    private readonly EvidenceTail tail = new();

    /// <summary>Where a record begins, and how many bytes follow its head.</summary>
    /// <param name="PrunedBy">Where a mark stands there: the position of the fact that says so.</param>
    private readonly record struct Place(int Segment, long Offset, int Bytes, bool IsSealed, long? PrunedBy = null);

    private EvidenceArchive(string dataDirectory, byte[] secret, FileAccess access)
    {
        (directory, this.access) = (Path.Combine(dataDirectory, FolderName), access);
        segments = new(directory, access);
        (seal, saltKey, ledgerKey) = (new(secret), SaltedEvidence.SaltKey(secret), SealedEvidence.LedgerKey(secret));
        keys = SubjectKeys.Open(dataDirectory, secret);
    }

    /// <summary>
    /// Opens the archive in the folder <c>evidence</c> of the data folder, whose owner the caller is. Throws
    /// <see cref="InvalidDataException"/> with the place where it is damaged, and changes nothing then.
    /// </summary>
    /// <param name="needed">What the journal's last facts name, latest first: a fact is recorded after its evidence is
    /// durable, so what of it is not here was lost since.</param>
    public static EvidenceArchive Open(
        string dataDirectory, byte[] secret, IEnumerable<EvidenceDigest>? needed = null)
    {
        var directory = Path.Combine(dataDirectory, FolderName);
        DurableFiles.CreateDirectory(directory);
        SubjectKeys.Renew(dataDirectory);
        EvidenceCompaction.RemoveUnfinished(directory);
        var archive = Open(dataDirectory, secret, FileAccess.ReadWrite);
        try
        {
            archive.Require(needed ?? []);
            archive.CutUnfinished();
            DurableFiles.SyncDirectory(directory); // the names of what an earlier process began may be in memory alone
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Opens what is there, beside its owner too, and changes nothing. Opened after the journal it has the evidence of
    /// every fact that the journal shows.
    /// </summary>
    public static EvidenceArchive OpenForReading(string dataDirectory, byte[] secret) =>
        Open(dataDirectory, secret, FileAccess.Read);

    private static EvidenceArchive Open(string dataDirectory, byte[] secret, FileAccess access)
    {
        var archive = new EvidenceArchive(dataDirectory, secret, access);
        try
        {
            while (archive.segments.HasMore) archive.Scan(archive.segments.Open(), archive.segments.HasMore);
            return archive;
        }
        catch
        {
            archive.Dispose();
            throw;
        }
    }

    private void Require(IEnumerable<EvidenceDigest> needed)
    {
        var read = 0L;
        foreach (var digest in needed)
        {
            if (!index.TryGetValue(digest, out var at))
                throw new InvalidDataException($"evidence {digest}, which the journal names, is not in the archive: "
                    + (segments.Count == 0 ? $"{directory} has no segment" : $"what {segments.Last.Name} has whole ends "
                        + $"at byte {segments.WholeBytesOfLast} of {segments.Last.Length}"));
            if (at.PrunedBy is not null || read >= ReadAtOpenMax) continue;
            read += at.Bytes;
            if (Unseal(digest, at) is null)
                throw new InvalidDataException(
                    $"{segments[at.Segment].Name} is damaged at byte {at.Offset}: evidence {digest}");
        }
    }

    /// <summary>What a crash interrupted was never acknowledged, and the next record goes where it stands. The last
    /// whole one counts from now on: <see cref="DurableFiles.WriteAgain(string, long)"/>.</summary>
    private void CutUnfinished()
    {
        if (segments.Count == 0) return;
        var last = segments.Last;
        if (segments.WholeBytesOfLast < last.Length) last.SetLength(segments.WholeBytesOfLast);
        var ofLast = index.Values.Where(at => at.Segment == segments.Count - 1).Select(at => at.Offset);
        DurableFiles.WriteAgain(last.SafeFileHandle, last.Name, ofLast.DefaultIfEmpty().Max());
    }

    /// <summary>Keeps bytes that name nobody and that the ledger itself made for a fact, as a manifest, durably, and
    /// returns their name, which is their SHA-256; bytes that are there already are not kept twice, and what was pruned
    /// is kept again. Where there is no room for them the archive is left as it was; where that cannot be, it stops
    /// (<see cref="EvidenceStoppedException"/>).</summary>
    public EvidenceDigest Put(ReadOnlySpan<byte> evidence) => Put(evidence, true, out _);

    private EvidenceDigest Put(ReadOnlySpan<byte> evidence, bool comesBack, out bool isNew)
    {
        var hash = SHA256.HashData(evidence);
        var digest = Digest(hash);
        lock (gate)
        {
            isNew = !index.ContainsKey(digest);
            if (!Knows(digest, comesBack)) Append(digest, seal.Seal(hash, evidence), isSealed: false);
        }
        return digest;
    }

    /// <summary>What the disk of the archive has free, in bytes.</summary>
    public long FreeBytes => new DriveInfo(directory).AvailableFreeSpace;

    /// <summary>
    /// Keeps a submission, durably, and returns its name. What names persons is sealed under their keys, and its name
    /// is salted; erased bytes that come again keep their name and stay erased, also where nobody says any more whom
    /// they name. Bytes that were kept under the ledger's key before stay as they are, and what was pruned stays away.
    /// </summary>
    public EvidenceDigest Put(Submission submission) => Put(submission, out _);

    /// <param name="isNew">Whether it never was there before: what comes back is not new.</param>
    public EvidenceDigest Put(Submission submission, out bool isNew) => Put(submission, false, out isNew);

    /// <summary>The same of what facts are about to be made of. What was pruned is kept again then, because facts that
    /// no pruning has to do with come to rest on it.</summary>
    public EvidenceDigest Hold(Submission submission, out bool isNew) => Put(submission, true, out isNew);

    private EvidenceDigest Put(Submission submission, bool comesBack, out bool isNew)
    {
        var raw = submission.Bytes.Span;
        if (!submission.NamesSomebody && !SealsAny()) return Put(raw, comesBack, out isNew);
        var (bareHash, hash) = (SHA256.HashData(raw), SHA256.HashData(SaltedEvidence.Of(saltKey, raw)));
        var (bare, digest) = (Digest(bareHash), Digest(hash));
        lock (gate)
        {
            isNew = !index.ContainsKey(bare) && !index.ContainsKey(digest);
            if (Knows(bare, comesBack)) return bare;
            if (Knows(digest, comesBack)) return digest;
            if (!submission.NamesSomebody)
            {
                Append(bare, seal.Seal(bareHash, raw), isSealed: false);
                return bare;
            }
            if (access == FileAccess.Read) throw NotOurs();
            var parts = SealedEvidence.PartsOf(submission.Personal, raw.Length, keys);
            Append(digest, SealedEvidence.Seal(hash, raw, parts, ledgerKey, keys), isSealed: true);
            Know(digest, parts);
        }
        return digest;
    }

    private bool Knows(EvidenceDigest digest, bool comesBack) =>
        index.TryGetValue(digest, out var at) && (at.PrunedBy is null || !comesBack);

    private bool SealsAny()
    {
        lock (gate) return named.Count > 0;
    }

    /// <summary>The bytes under a digest as they were received, verified against it; null where the archive does not
    /// have them. Throws <see cref="EvidenceErasedException"/> where a part of them was erased, and
    /// <see cref="EvidencePrunedException"/> where they are in a month's archive that is not at hand.</summary>
    public byte[]? Get(EvidenceDigest digest) => Find(digest) switch
    {
        { Missing.Count: > 0 } => throw new EvidenceErasedException(digest),
        var piece => piece?.Raw,
    };

    /// <summary>The evidence under a digest, verified against it, or what is left of it; null where the archive does
    /// not have it. Throws <see cref="EvidencePrunedException"/> where it is in a month's archive that is not at hand.
    /// </summary>
    public EvidencePiece? Find(EvidenceDigest digest)
    {
        lock (gate)
        {
            if (!index.TryGetValue(digest, out var at)) return null;
            if (at.PrunedBy is { } position)
                return months.Select(month => month.Find(digest)).FirstOrDefault(piece => piece is not null)
                    ?? throw new EvidencePrunedException(digest, position);
            return Unseal(digest, at) ?? throw new InvalidDataException($"evidence {digest} is damaged");
        }
    }

    /// <summary>From now on, what was pruned is taken from the archive of a month.</summary>
    public void TakePrunedFrom(string monthDirectory, byte[] secret)
    {
        lock (gate) months.Add(OpenForReading(monthDirectory, secret));
    }

    /// <summary>The position of the fact by which evidence was pruned; null where it was not, or came back.</summary>
    public long? PrunedBy(EvidenceDigest digest)
    {
        lock (gate) return index.TryGetValue(digest, out var at) ? at.PrunedBy : null;
    }

    /// <summary>Whether evidence was pruned by a fact before a position, whatever became of it since.</summary>
    public bool WasPrunedBefore(EvidenceDigest digest, long position)
    {
        lock (gate) return pruned.WasPrunedBefore(digest, position);
    }

    /// <summary>What was pruned and came back, each piece with the position of the fact that pruned it last.</summary>
    public IReadOnlyDictionary<EvidenceDigest, long> CameBack
    {
        get
        {
            lock (gate)
                return pruned.All.Where(of => index[of.Piece].PrunedBy is null)
                    .ToDictionary(of => of.Piece, of => of.LastBy);
        }
    }

    /// <summary>Whether evidence is here and names nobody, so that everybody may read it; it is not opened for that.
    /// </summary>
    public bool NamesNobody(EvidenceDigest digest)
    {
        lock (gate) return index.TryGetValue(digest, out var at) && at is { IsSealed: false, PrunedBy: null };
    }

    /// <summary>Whether anything was pruned.</summary>
    public bool HasPruned
    {
        get
        {
            lock (gate) return !pruned.IsEmpty;
        }
    }

    /// <summary>What is here and can be read, but for what was erased.</summary>
    public IReadOnlySet<EvidenceDigest> Kept
    {
        get
        {
            lock (gate)
                return index.Where(entry => entry.Value.PrunedBy is null).Select(entry => entry.Key).ToHashSet();
        }
    }

    /// <summary>Whom evidence names; nobody where it is not here.</summary>
    public IReadOnlyCollection<SubjectPseudonym> SubjectsOf(EvidenceDigest digest)
    {
        lock (gate)
            return index.TryGetValue(digest, out var at) && at.IsSealed
                ? [.. (Table(at) ?? []).SelectMany(part => part.Subjects).Select(id => id.Subject).Distinct()] : [];
    }

    /// <summary>
    /// Removes pieces that name nobody, durably, and gives back how many bytes the segments are shorter. Each segment
    /// is written anew beside the old one and takes its name when it is whole, so that after a crash it is the one or
    /// the other. What is not here, or was removed before, stays so.
    /// </summary>
    /// <param name="pieces">Each with the position of the fact that says so.</param>
    /// <param name="again">Also what came back after that fact had removed it; else it stays, because facts may rest on
    /// it that came with it.</param>
    public long Prune(IReadOnlyDictionary<EvidenceDigest, long> pieces, bool again = false)
    {
        if (access == FileAccess.Read) throw NotOurs();
        lock (gate)
        {
            var going = pieces.Where(piece => again || !pruned.WasPrunedBy(piece.Key, piece.Value)).ToDictionary();
            return Prunable(going.Keys).OrderBy(of => of.Key).ToList().Sum(of => Compact(of.Key, going));
        }
    }

    /// <summary>The bytes that must be free to remove pieces: the largest segment that is written anew.</summary>
    public long RoomToPrune(IEnumerable<EvidenceDigest> pieces)
    {
        lock (gate)
            return Prunable(pieces).Select(of => segments[of.Key].Length
                - of.Sum(at => HeadBytes + (long)at.Bytes - PrunedMark.RecordBytes)).DefaultIfEmpty().Max();
    }

    private IEnumerable<IGrouping<int, Place>> Prunable(IEnumerable<EvidenceDigest> pieces) =>
        pieces.Where(index.ContainsKey).Select(piece => index[piece])
            .Where(at => at is { IsSealed: false, PrunedBy: null }).GroupBy(at => at.Segment);

    /// <summary>Whether evidence was kept under this digest, erased or not.</summary>
    public bool Has(EvidenceDigest digest)
    {
        lock (gate) return index.ContainsKey(digest);
    }

    /// <summary>Whether a part of the evidence is sealed under a key that is not there any more.</summary>
    public bool IsErased(EvidenceDigest digest)
    {
        lock (gate)
            return index.TryGetValue(digest, out var at) && at.IsSealed
                && Table(at)?.Any(part => part.Subjects.Any(id => keys.Find(id) is null)) == true;
    }

    /// <summary>The name under which the ledger knows a subject.</summary>
    public SubjectPseudonym PseudonymOf(string subject) => keys.PseudonymOf(subject);

    /// <summary>
    /// The subject's newest key, null where there is none, what is sealed under its keys, and who else is named in the
    /// same parts. From now on whatever names the subject is sealed under a key that comes after, so that both lists
    /// stay whole.
    /// </summary>
    public (int? Generation, IReadOnlyList<EvidenceDigest> Evidence, IReadOnlyCollection<SubjectPseudonym> Together)
        CloseKeys(SubjectPseudonym subject)
    {
        lock (gate)
        {
            if (keys.NewestOf(subject) is not { } newest) return (null, [], []);
            keys.Close(subject, newest);
            EvidenceDigest[] pieces = [.. named.GetValueOrDefault(subject, [])
                .Where(piece => keys.Find(new(subject, piece.Generation)) is not null)
                .Select(piece => piece.Evidence).Distinct()];
            return (newest, pieces, [.. pieces.Select(piece => Table(index[piece])).OfType<IReadOnlyList<SealedPart>>()
                .SelectMany(parts => parts).Select(part => part.Subjects.Select(id => id.Subject))
                .Where(subjects => subjects.Contains(subject)).SelectMany(subjects => subjects).Distinct()
                .Where(other => other != subject)]);
        }
    }

    /// <summary>Destroys the keys of a subject up to a generation, durably; what is gone already stays so.</summary>
    public void DestroyKeys(SubjectPseudonym subject, int generation)
    {
        if (access == FileAccess.Read) throw NotOurs();
        lock (gate) keys.Destroy(subject, generation);
    }

    private static InvalidOperationException NotOurs() => new("the evidence is open for reading only");

    private static EvidenceDigest Digest(ReadOnlySpan<byte> hash) => new(Convert.ToHexStringLower(hash));

    private void Append(EvidenceDigest digest, byte[] record, bool isSealed)
    {
        if (access == FileAccess.Read) throw NotOurs();
        if (segments.Count == 0 || segments.Last.Length >= SegmentBytesMax) BeginSegment();
        var offset = tail.Append(segments.Last, record);
        index[digest] = new(segments.Count - 1, offset, record.Length - HeadBytes, isSealed);
    }

    private void BeginSegment()
    {
        segments.Open();
        segments.IsWholeUpTo(0);
        tail.OrStop(() => DurableFiles.SyncDirectory(directory));
    }

    private long Compact(int number, IReadOnlyDictionary<EvidenceDigest, long> pieces)
    {
        var before = segments[number].Length;
        var unfinished = DurableFiles.Unfinished(segments.PathOf(number));
        var records = EvidenceCompaction.Write(segments[number].SafeFileHandle, unfinished, pieces);
        segments.Replace(number, unfinished);
        foreach (var (digest, was, now) in records)
            if (index.TryGetValue(digest, out var at) && (at.Segment, at.Offset) == (number, was))
                index[digest] = PlaceAt(number, now);
        // After a crash the name might be the old file's again, without what is kept from now on.
        tail.OrStop(() => DurableFiles.SyncDirectory(directory));
        return before - segments[number].Length;
    }

    private Place PlaceAt(int segment, long offset)
    {
        var head = new byte[HeadBytes];
        RandomAccess.Read(segments[segment].SafeFileHandle, head, offset);
        return PlaceOf(head, segment, offset);
    }

    private void Know(EvidenceDigest digest, IReadOnlyList<SealedPart> parts)
    {
        foreach (var id in parts.SelectMany(part => part.Subjects).Distinct())
        {
            keys.Saw(id);
            if (!named.TryGetValue(id.Subject, out var pieces)) named[id.Subject] = pieces = [];
            pieces.Add((id.Generation, digest));
        }
    }

    /// <summary>What a record holds; null where its bytes are cut short or changed.</summary>
    private EvidencePiece? Unseal(EvidenceDigest digest, Place at)
    {
        if (Record(at) is not { } record) return null;
        if (at.IsSealed) return SealedEvidence.Read(digest, record, ledgerKey, saltKey, keys);
        return seal.Open(Convert.FromHexString(digest.Hex), record.AsSpan(HeadBytes)) is { } plain
            ? new(digest, plain, plain, [], [], false, false) : null;
    }

    private byte[]? Record(Place at)
    {
        var record = new byte[HeadBytes + at.Bytes];
        return RandomAccess.Read(segments[at.Segment].SafeFileHandle, record, at.Offset) == record.Length
            ? record : null;
    }

    /// <summary>The segments as they were opened, each with its bytes up to the end of the last whole record.</summary>
    internal IEnumerable<(string Path, long Bytes)> Whole => segments.Whole;

    /// <summary>The segments of a data folder, in order.</summary>
    internal static IEnumerable<string> Segments(string dataDirectory) =>
        EvidenceSegments.In(Path.Combine(dataDirectory, FolderName));

    /// <summary>
    /// Indexes a segment. What a crash interrupted stands at the very end of the last one and was never acknowledged:
    /// an incomplete record, which its owner cuts off once it is open, or a complete one whose bytes did not reach the
    /// disk, which does not count as kept. A damaged head anywhere else is refused.
    /// </summary>
    private void Scan(FileStream segment, bool isFollowed)
    {
        var head = new byte[HeadBytes];
        var (offset, end, whole) = (0L, segment.Length, 0L);
        (EvidenceDigest Digest, Place? Before)? last = null;
        while (offset < end)
        {
            var isWhole = RandomAccess.Read(segment.SafeFileHandle, head, offset) == HeadBytes
                && (head.AsSpan().ContainsAnyExcept((byte)0) || !EvidenceTail.IsUnwritten(segment, offset));
            if (isWhole && !EvidenceSeal.IsHead(head) && !SealedEvidence.IsHead(head) && !PrunedMark.IsHead(head))
                throw Damaged();
            var place = isWhole ? PlaceOf(head, segments.Count - 1, offset) : default;
            if (!isWhole || offset + HeadBytes + place.Bytes > end)
            {
                if (isFollowed) throw Damaged();
                break;
            }
            var digest = Digest(head.AsSpan(8, 32));
            (last, whole) = ((digest, index.TryGetValue(digest, out var known) ? known : null), offset);
            index[digest] = place; // of two the later: the earlier was not kept, or is a mark and the bytes came back
            if (PrunedMark.IsHead(head) && place.PrunedBy is null) throw Damaged(); // written whole, or not at all
            offset += HeadBytes + place.Bytes;
            if (!place.IsSealed) continue;
            if (Table(place) is { } parts) Know(digest, parts);
            else if (isFollowed || offset < end) throw Damaged();
        }
        if (!isFollowed && last is var (latest, before) && index[latest] is { PrunedBy: null } at
            && Unseal(latest, at) is null)
        {
            if (before is { PrunedBy: not null } mark) index[latest] = mark;
            else index.Remove(latest);
            foreach (var pieces in named.Values) pieces.RemoveAll(piece => piece.Evidence == latest);
            offset = whole; // so that it is cut off: behind the next record it would be damage
        }
        segments.IsWholeUpTo(offset);
        InvalidDataException Damaged() => new($"{segment.Name} is damaged at byte {offset}");
    }

    private IReadOnlyList<SealedPart>? Table(Place at)
    {
        var (segment, start) = (segments[at.Segment].SafeFileHandle, new byte[SealedEvidence.TableAt]);
        RandomAccess.Read(segment, start, at.Offset);
        if (SealedEvidence.BytesUpToTable(start, HeadBytes + at.Bytes) is not { } upTo) return null;
        var table = new byte[upTo];
        RandomAccess.Read(segment, table, at.Offset);
        return SealedEvidence.Table(table, HeadBytes + at.Bytes);
    }

    private Place PlaceOf(ReadOnlySpan<byte> head, int segment, long offset)
    {
        var bytes = EvidenceCompaction.BytesOf(head) - HeadBytes;
        if (bytes > BytesMax) throw new InvalidDataException($"{segments[segment].Name} is damaged at byte {offset}");
        var place = new Place(segment, offset, (int)bytes, SealedEvidence.IsHead(head));
        if (!PrunedMark.IsHead(head)) return place;
        if (Record(place) is not { } mark || PrunedMark.Position(mark) is not { } fact) return place;
        pruned.Add(Digest(head.Slice(8, 32)), fact);
        return place with { PrunedBy = fact };
    }

    public void Dispose()
    {
        foreach (var month in months) month.Dispose();
        segments.Dispose();
        seal.Dispose();
    }
}
