using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;

namespace Ledger.Ingest;

/// <summary>A day's metered facts by their evidence.</summary>
/// <param name="Differ">Positions of facts that are not as their evidence gives them.</param>
/// <param name="NotShown">Those of them that their evidence does not show at all: they stand as recorded.</param>
/// <param name="AsRecorded">Positions of facts that have no evidence to be read.</param>
public sealed record EvidencedDay(
    MeteredFacts Facts, IReadOnlySet<long> Differ, IReadOnlySet<long> NotShown, IReadOnlySet<long> AsRecorded);

/// <summary>
/// A day's metered facts as their evidence gives them: each reading and record is read again from the raw bytes, and
/// put in the place of what was recorded. So an auditor's figure comes from evidence and not from the fact that is
/// audited. What has no evidence to be read stays as it is, and is counted.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/>.</param>
public sealed class EvidencedFacts(Func<EvidenceDigest, byte[]?> evidence)
{
    private readonly ReadingEvidence readings = new(evidence);
    private readonly RecordVerification records = new(evidence, new Findings());
    private readonly Dictionary<EvidenceDigest, bool> kept = [];

    public EvidencedDay Of(MeteredFacts facts, SettlementPointRegistered point)
    {
        SortedSet<long> differ = [], notShown = [], asRecorded =
        [
            .. facts.ReadingCorrections.Select(known => known.Position),
            .. facts.IntervalCorrections.Select(known => known.Position),
            .. facts.Estimates.Select(known => known.Position),
        ];
        var again = facts with
        {
            Readings = Each(facts.Readings, known => Index(facts, known, point)),
            IntervalReadings = Each(facts.IntervalReadings, Interval),
            IntervalRecords = Each(facts.IntervalRecords, Record),
        };
        return new(again, differ, notShown, asRecorded);

        List<Positioned<T>> Each<T>(IReadOnlyList<Positioned<T>> all, Func<Positioned<T>, T?> derive)
            where T : LedgerEvent => [.. all.Select(known => known with { Fact = One(known, derive) })];

        T One<T>(Positioned<T> known, Func<Positioned<T>, T?> derive) where T : LedgerEvent
        {
            try
            {
                if (derive(known) is { } derived)
                {
                    if (derived != known.Fact) differ.Add(known.Position);
                    return derived;
                }
                asRecorded.Add(known.Position);
            }
            catch (EvidenceErasedException)
            {
                asRecorded.Add(known.Position);
            }
            catch (InvalidDataException)
            {
                differ.Add(known.Position);
                notShown.Add(known.Position);
            }
            return known.Fact;
        }
    }

    private RegisterReadingRecorded? Index(
        MeteredFacts facts, Positioned<RegisterReadingRecorded> known, SettlementPointRegistered point)
    {
        var recorded = known.Fact;
        // A reading is read by the meter that was in force, as far as that was known when it came in.
        if (recorded.Evidence is not { } digest || InForce(facts, recorded, known.Position) is not { } register)
            return null;
        // It counts by the one that is in force by all that is known, whose steps have to be the same.
        if (InForce(facts, recorded, long.MaxValue)!.Decimals != register.Decimals
            && !facts.ReadingCorrections.Any(each =>
                each.Fact.Register == recorded.Register && each.Fact.ReadAt == recorded.ReadAt))
            throw new InvalidDataException($"evidence {digest} shows steps of other decimals than count");
        var shown = readings.Index(register, recorded.ReadAt, recorded.IndexSteps, digest, point, out var isKept);
        return !isKept ? null : recorded with
        {
            IndexSteps = shown?.Steps(register)
                ?? throw new InvalidDataException($"evidence {digest} shows no such reading"),
        };
    }

    private static RegisterInstalled? InForce(MeteredFacts facts, RegisterReadingRecorded reading, long before) =>
        facts.Installations.Where(entry =>
                entry.Fact.Installed.Register == reading.Register && entry.Position < before)
            .OrderBy(entry => entry.Position).Aggregate(RegisterState.Empty, (state, entry) =>
                Register.Evolve(state, entry.Fact.Installed, entry.Fact.From))
            .InForce(reading.ReadAt)?.Installed;

    private IntervalReadingRecorded? Interval(Positioned<IntervalReadingRecorded> known)
    {
        if (known.Fact.Evidence is not { } digest) return null;
        var shown = readings.Interval(known.Fact, digest, out var isKept);
        return !isKept ? null : known.Fact with
        {
            Energy = shown?.Energy ?? throw new InvalidDataException($"evidence {digest} shows no such interval"),
        };
    }

    private IntervalRecorded? Record(Positioned<IntervalRecorded> known)
    {
        var recorded = known.Fact;
        // What a stream's record rests on is a range of the frame log, which whoever examines lines may not have.
        if (recorded.Stream is not null) return null;
        if (!kept.TryGetValue(recorded.Evidence, out var isKept))
            kept[recorded.Evidence] = isKept = evidence(recorded.Evidence) is not null;
        if (!isKept) return null;
        var integral = records.Derive(recorded).Integral;
        return recorded with
        {
            Import = integral.Import,
            Export = integral.Export,
            CoveredMicroseconds = integral.CoveredMicroseconds,
            Gaps = recorded.Gaps.SequenceEqual(integral.Gaps) ? recorded.Gaps : integral.Gaps,
            Quality = IntervalRecords.QualityOf(integral.CoveredMicroseconds, recorded.ClockOffsetMicroseconds),
        };
    }
}
