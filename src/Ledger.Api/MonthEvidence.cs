using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api;

/// <summary>
/// On which evidence the facts of a month rest, which of it no other month needs, who is named in it, and whether all
/// that was metered in the month is finally settled: gathered from all of the journal, and from the month once more.
/// </summary>
internal sealed class MonthEvidence(EvidenceArchive evidence, PrunedMonths pruned, long from, long to)
{
    private readonly HashSet<EvidenceDigest> own = [], needed = [], ofMonth = [];
    private readonly Dictionary<EvidenceDigest, EvidenceDigest[]> listed = [];
    private readonly Dictionary<SettlementPointId, SettlementPointState> points = [];
    private readonly HashSet<PartyId> priced = [];
    private readonly Dictionary<RegisterId, Instant> firstRead = [];
    private readonly Dictionary<(PartyId Account, LocalDate Day), long> settledBefore = [];
    private SubjectsState subjects = SubjectsState.Empty;

    /// <summary>A metered fact of the month that no final run has read; null where there is none.</summary>
    public string? NotSettled { get; private set; }

    /// <summary>The open cases of whoever is named in evidence of the month: what surrounds it is held with it.
    /// </summary>
    public IReadOnlyCollection<string> Cases => [.. ofMonth.SelectMany(evidence.SubjectsOf).Distinct()
        .SelectMany(subject => subjects.Of(subject).OpenCases).Distinct()];

    /// <summary>
    /// The pieces that may go, in order: of this month's facts and of no other's that is not pruned itself, naming
    /// nobody, and among those that are archived.
    /// </summary>
    public IReadOnlyList<EvidenceDigest> Prunable(IReadOnlySet<EvidenceDigest> archived) =>
        [.. own.Where(piece => !needed.Contains(piece) && archived.Contains(piece) && evidence.Has(piece)
            && evidence.PrunedBy(piece) is null && evidence.SubjectsOf(piece).Count == 0)
            .OrderBy(piece => piece.Hex, StringComparer.Ordinal)];

    /// <summary>What was pruned with an earlier month and handed in again, as with a folder of files, and of which
    /// nothing new came: no fact that is not pruned rests on it.</summary>
    public IReadOnlyDictionary<EvidenceDigest, long> CameBackForNothing => evidence.CameBack
        .Where(piece => !own.Contains(piece.Key) && !needed.Contains(piece.Key)).ToDictionary();

    public static async Task<MonthEvidence> GatherAsync(
        IJournal journal, EvidenceArchive evidence, PrunedMonths pruned, long from, long to, CancellationToken ct)
    {
        var month = new MonthEvidence(evidence, pruned, from, to);
        await foreach (var recorded in journal.ReadAllAsync(0, ct).ConfigureAwait(false))
        {
            var fact = EventCodec.Decode(recorded);
            month.Rest(recorded.Position, fact);
            month.Know(fact, recorded.Envelope.ValidFrom);
        }
        await foreach (var recorded in journal.ReadAllAsync(from, ct).ConfigureAwait(false))
        {
            if (recorded.Position >= to || month.NotSettled is not null) break;
            month.Settle(recorded.Position, EventCodec.Decode(recorded));
        }
        return month;
    }

    private void Rest(long position, LedgerEvent fact)
    {
        foreach (var named in NamedEvidence.AllOf(fact)) Rest(position, fact, named);
    }

    private void Rest(long position, LedgerEvent fact, EvidenceDigest named)
    {
        // What the ledger itself wrote of its evidence tells what is not there any more, so it always stays; and of a
        // charge record the evidence is the record, which is read, compared and taken back later.
        if (fact is SubjectErased or EvidenceDisclosed or MonthPruned)
        {
            needed.Add(named);
            return;
        }
        var (isOfMonth, pieces) = (position >= from && position < to, Pieces(fact, named));
        if (isOfMonth) ofMonth.UnionWith(pieces);
        // A manifest stays also where another fact names it as a piece, as a dispute does.
        if (fact is ChargeRecorded || !pieces.Contains(named)) needed.Add(named);
        if (fact is ChargeRecorded) return;
        if (isOfMonth) own.UnionWith(pieces);
        else if (!pruned.Cover(position)) needed.UnionWith(pieces);
    }

    /// <summary>The raw pieces that a fact rests on. Manifests stay: a few hundred bytes each, by which a sample that
    /// comes late finds what its period rests on.</summary>
    private EvidenceDigest[] Pieces(LedgerEvent fact, EvidenceDigest named)
    {
        if (fact is not IntervalRecorded || evidence.PrunedBy(named) is not null) return [named];
        if (!listed.TryGetValue(named, out var pieces))
            listed[named] = pieces = evidence.Find(named) is { } piece
                ? [.. EvidenceManifest.Listed(named, piece.Raw)] : [named];
        return pieces;
    }

    private void Know(LedgerEvent fact, Instant validFrom)
    {
        switch (fact)
        {
            case SettlementPointRegistered point:
                points[point.Point] = SettlementPoint.Evolve(
                    points.GetValueOrDefault(point.Point, SettlementPointState.Empty), point, validFrom);
                break;
            case TariffAssigned assigned: priced.Add(assigned.Account); break;
            case RegisterReadingRecorded reading:
                firstRead[reading.Register] = firstRead.TryGetValue(reading.Register, out var first)
                    ? Instant.Min(first, reading.ReadAt) : reading.ReadAt;
                break;
            case SettlementRunCompleted { Kind: RunKind.Final or RunKind.Correction, Incomplete: false } run:
                var day = (run.Account, run.Day);
                settledBefore[day] = Math.Max(settledBefore.GetValueOrDefault(day), run.AtPosition);
                break;
            default: subjects = Erasure.Evolve(subjects, fact); break;
        }
    }

    /// <summary>What nobody owned then, and an owner to whom no tariff was ever assigned, are never settled. A
    /// register's first reading ends nothing.</summary>
    private void Settle(long position, LedgerEvent fact)
    {
        if (Retention.Metered(fact) is not var (id, at) || points.GetValueOrDefault(id)?.HolderAt(at) is not { } holder
            || !priced.Contains(holder.Owner)
            || (fact is RegisterReadingRecorded reading && firstRead[reading.Register] == reading.ReadAt)) return;
        var day = at.InZone(DateTimeZoneProviders.Tzdb[holder.Zone]).Date;
        if (settledBefore.GetValueOrDefault((holder.Owner, day)) <= position)
            NotSettled = $"no final run of {holder.Owner} for {LocalDatePattern.Iso.Format(day)} has read the fact at "
                + $"position {position.ToString(System.Globalization.CultureInfo.InvariantCulture)}";
    }
}
