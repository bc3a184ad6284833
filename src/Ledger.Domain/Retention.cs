using System.Collections.Immutable;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// The raw evidence of a month was handed over to its archive alone: the fact comes first, and the removal follows, at
/// the latest when the ledger is opened again. Facts stay, and with them amounts, views and every proof.
/// </summary>
/// <param name="Month">Of recording, in UTC.</param>
/// <param name="From">The month's first position.</param>
/// <param name="To">The position after its last.</param>
/// <param name="Size">The length of the log of which the archive has the signed checkpoint.</param>
/// <param name="Root">The root at that length.</param>
/// <param name="Sums">SHA-256 of the archive's SHA256SUMS, which stands for all of its files.</param>
/// <param name="Evidence">A manifest of the evidence that is removed; null where all of it is needed elsewhere.</param>
/// <param name="Retention">The policy by which it is.</param>
public sealed record MonthPruned(
    YearMonth Month, long From, long To, long Size, EvidenceDigest Root, EvidenceDigest Sums,
    EvidenceDigest? Evidence, RetentionId Retention) : LedgerEvent;

/// <summary>A month's archive that was verified; members as in <see cref="MonthPruned"/>.</summary>
public sealed record ArchivedMonth(
    LedgerId Ledger, YearMonth Month, long From, long To, long Size, EvidenceDigest Root, EvidenceDigest Sums);

/// <summary>That a month shall be pruned, and what was found where its archive should be.</summary>
/// <param name="Archive">Null where there is none that was verified.</param>
/// <param name="Fault">Why not; null where there is one.</param>
public sealed record PruneMonth(YearMonth Month, RetentionId Retention, ArchivedMonth? Archive, string? Fault);

/// <summary>What the ledger itself says of the month.</summary>
/// <param name="End">The instant at which it is over.</param>
/// <param name="RootAtSize">The journal's root at the archive's length; null where it is shorter or none was asked.
/// </param>
/// <param name="Cases">The open cases of whoever is named in evidence of the month.</param>
/// <param name="NotSettled">A metered fact of the month that no final run has read; null where there is none.</param>
public sealed record MonthAsRecorded(
    LedgerId Ledger, Instant End, long From, long To, EvidenceDigest? RootAtSize, IReadOnlyCollection<string> Cases,
    string? NotSettled);

/// <summary>Every month that was pruned.</summary>
public sealed record PrunedMonths(ImmutableSortedDictionary<YearMonth, MonthPruned> Known)
{
    public static readonly PrunedMonths None = new(ImmutableSortedDictionary<YearMonth, MonthPruned>.Empty);

    /// <summary>Whether the fact at this position is of a month that was pruned, whose archive has its evidence.
    /// </summary>
    public bool Cover(long position) =>
        Known.Values.Any(month => position >= month.From && position < month.To);
}

/// <summary>
/// When the evidence of a month may be removed. What is kept no longer than needed (Regulation (EU) 2016/679, Article
/// 5(1)(e), where it is about persons) is the operator's policy; that nothing is lost by it is this rule's.
/// </summary>
public static class Retention
{
    /// <summary>Guards in order of their codes: held, not over, no verified archive, another's archive, not settled.
    /// </summary>
    public static Decision Decide(
        PrunedMonths state, PruneMonth asked, MonthAsRecorded recorded, EvidenceDigest? evidence, Instant now)
    {
        if (state.Known.ContainsKey(asked.Month)) return new Decision.AlreadyRecorded();
        if (recorded.Cases.Count > 0)
            return new Decision.Rejected(Rejection.LegalHold,
                $"held by case {string.Join(", ", recorded.Cases.Order(StringComparer.Ordinal).Take(8))}");
        if (now < recorded.End)
            return new Decision.Rejected(Rejection.MonthNotEnded, $"{Text(asked.Month)} has not ended (UTC)");
        if (asked.Archive is not { } archive)
            return new Decision.Rejected(Rejection.ArchiveNotVerified, $"no verified archive: {asked.Fault}");
        if (Differs(asked, archive, recorded) is { } differs)
            return new Decision.Rejected(Rejection.ArchiveDoesNotMatch, differs);
        if (recorded.NotSettled is { } open) return new Decision.Rejected(Rejection.NotSettled, open);
        return new Decision.Accepted(NewFact.At(
            new MonthPruned(archive.Month, archive.From, archive.To, archive.Size, archive.Root, archive.Sums, evidence,
                asked.Retention), now, new EvidenceKey($"pruned/{Text(asked.Month)}")));
    }

    public static PrunedMonths Evolve(PrunedMonths state, LedgerEvent happened) =>
        happened is MonthPruned pruned ? new(state.Known.SetItem(pruned.Month, pruned)) : state;

    /// <summary>
    /// The point and an instant of the settlement day to which a metered fact belongs; null of any other fact. A
    /// register reading ends what was metered, so it is of the day before where it stands at a midnight.
    /// </summary>
    public static (SettlementPointId Point, Instant At)? Metered(LedgerEvent fact) => fact switch
    {
        IntervalRecorded record => (record.Point, record.Period.Start),
        IntervalReadingRecorded reading => (reading.Register.Point, reading.Period.Start),
        IntervalReadingCorrected corrected => (corrected.Register.Point, corrected.Period.Start),
        IntervalEstimated estimate => (estimate.Register.Point, estimate.Period.Start),
        RegisterReadingRecorded reading => (reading.Register.Point, reading.ReadAt - Duration.Epsilon),
        RegisterReadingCorrected corrected => (corrected.Register.Point, corrected.ReadAt - Duration.Epsilon),
        _ => null,
    };

    private static string? Differs(PruneMonth asked, ArchivedMonth archive, MonthAsRecorded recorded)
    {
        if (archive.Ledger != recorded.Ledger) return $"the archive is of ledger {archive.Ledger}";
        if (archive.Month != asked.Month) return $"the archive is of {Text(archive.Month)}";
        if (archive.Root != recorded.RootAtSize)
            return $"the archive's log of {archive.Size} events has another root than the journal";
        return (archive.From, archive.To) == (recorded.From, recorded.To) ? null
            : $"the archive has the positions {archive.From} to before {archive.To}, the month is {recorded.From} to "
                + $"before {recorded.To}";
    }

    private static string Text(YearMonth month) => YearMonthPattern.Iso.Format(month);
}
