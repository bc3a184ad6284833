using Ledger.Domain;
using Ledger.Journal.Verification;

namespace Ledger.Ingest;

/// <summary>
/// A day's metered facts as their evidence gives them: each reading and record is read again from the raw bytes, and
/// put in the place of what was recorded. So an auditor's figure comes from evidence and not from the fact that is
/// audited. What has no evidence to be read stays as it is, and is counted.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept.</param>
public sealed class EvidencedFacts(Func<EvidenceDigest, byte[]?> evidence)
{
    private readonly ReadingEvidence readings = new(evidence);
    private readonly RecordVerification records = new(evidence, new Findings());
    private readonly Dictionary<EvidenceDigest, bool> kept = [];

    /// <summary>The facts by their evidence, the positions of those that differ, and of those taken as recorded.</summary>
    public (MeteredFacts Facts, IReadOnlySet<long> Differ, IReadOnlySet<long> AsRecorded) Of(
        MeteredFacts facts, SettlementPointRegistered point)
    {
        var (differ, asRecorded) = (new SortedSet<long>(), new SortedSet<long>());
        var again = facts with
        {
            Readings = [.. facts.Readings.Select(known => known with { Fact = Each(known, Index) })],
            IntervalReadings = [.. facts.IntervalReadings.Select(known => known with { Fact = Each(known, Interval) })],
            IntervalRecords = [.. facts.IntervalRecords.Select(known => known with { Fact = Each(known, Record) })],
        };
        asRecorded.UnionWith(facts.ReadingCorrections.Select(known => known.Position));
        asRecorded.UnionWith(facts.IntervalCorrections.Select(known => known.Position));
        asRecorded.UnionWith(facts.Estimates.Select(known => known.Position));
        return (again, differ, asRecorded);

        T Each<T>(Positioned<T> known, Func<Positioned<T>, T?> derive) where T : LedgerEvent
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
            catch (InvalidDataException)
            {
                // Its evidence does not say what the fact says that it does; without it there is no other value.
                differ.Add(known.Position);
            }
            return known.Fact;
        }

        RegisterReadingRecorded? Index(Positioned<RegisterReadingRecorded> known)
        {
            var recorded = known.Fact;
            // A reading is read by the register that was known last when it came in.
            if (recorded.Evidence is not { } digest || facts.Installations.Where(entry =>
                    entry.Fact.Installed.Register == recorded.Register && entry.Position < known.Position)
                .MaxBy(entry => entry.Position) is not { } installation) return null;
            var shown = readings.Index(installation.Fact.Installed, recorded.ReadAt, recorded.IndexSteps, digest, point,
                out var isKept);
            return !isKept ? null : recorded with
            {
                IndexSteps = shown?.Steps(installation.Fact.Installed)
                    ?? throw new InvalidDataException($"evidence {digest} shows no such reading"),
            };
        }

        IntervalReadingRecorded? Interval(Positioned<IntervalReadingRecorded> known)
        {
            var recorded = known.Fact;
            if (recorded.Evidence is not { } digest) return null;
            var shown = readings.Interval(recorded, digest, out var isKept);
            return !isKept ? null : recorded with
            {
                Energy = shown?.Energy
                    ?? throw new InvalidDataException($"evidence {digest} shows no such interval"),
            };
        }
    }

    private IntervalRecorded? Record(Positioned<IntervalRecorded> known)
    {
        var recorded = known.Fact;
        if (!kept.TryGetValue(recorded.Evidence, out var isKept))
            kept[recorded.Evidence] = isKept = evidence(recorded.Evidence) is not null;
        if (!isKept) return null;
        var integral = records.Derive(recorded).Integral;
        var gaps = recorded.Gaps.SequenceEqual(integral.Gaps) ? recorded.Gaps : integral.Gaps;
        return recorded with
        {
            Import = integral.Import,
            Export = integral.Export,
            CoveredMicroseconds = integral.CoveredMicroseconds,
            Gaps = gaps,
            Quality = IntervalRecords.QualityOf(integral.CoveredMicroseconds, recorded.ClockOffsetMicroseconds),
        };
    }
}
