using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Projections;

/// <summary>One direction of a settlement period between two readings of its register.</summary>
public sealed record PeriodSideRow(
    RegisterVerdict Check, string Why, Energy Register, Energy Curve, Energy Residual, Energy Tolerance,
    ErrorBudget Budget);

/// <summary>The register against the curve over one settlement period;
/// a side is null where its register was not read.</summary>
public sealed record PeriodCheckRow(
    string Point, Instant Start, Instant End, PeriodSideRow? Export, PeriodSideRow? Import);

/// <summary>
/// Where readings of a register stand on the edges of a settlement period, the period has a check of its own (market
/// rules 2.5): finer than the day's, because an error of one quarter hour is small beside a day.
/// </summary>
internal static class PeriodChecks
{
    /// <summary>The longest settlement period.</summary>
    private static readonly Duration Longest = Duration.FromHours(1);

    /// <summary>Asks the periods that a reading begins, divides or ends.</summary>
    public static void Read(ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow place, Instant at)
    {
        var periods = rows.Between<PeriodRow>(keys.Periods, at - Longest, at);
        for (var i = 0; i < periods.Count; i++)
            if (at <= periods[i].End) Check(rows, keys, register, place, periods[i]);
    }

    /// <summary>Asks the registers of a period anew, where they were read at both its edges.</summary>
    public static void Record(ChangedRows rows, PointKeys keys, PointRow place, PeriodRow period)
    {
        foreach (var register in keys.Registers) Check(rows, keys, register, place, period);
    }

    private static void Check(
        ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow place, PeriodRow period)
    {
        if (rows.Get<ReadingRow>(register.Reading(period.End)) is null
            || rows.Get<ReadingRow>(register.Reading(period.Start)) is null) return;
        var edges = new Interval(period.Start, period.End);
        var (counted, step, _) = Difference(rows, register, edges);
        var export = register.Register.Direction == Direction.Export;
        var curve = export ? period.Export : period.Import;
        PeriodSideRow? side = counted is { } amount && step is { } one
            ? Side(register.Register.Direction, amount, Counts(period) ? curve : Energy.Zero, one, place, period)
            : null;
        var key = new RowKey(keys.Checks, period.Start);
        var before = rows.Get<PeriodCheckRow>(key);
        rows.Put(key, new PeriodCheckRow(period.Point, before?.Start ?? period.Start, before?.End ?? period.End,
            export ? side : before?.Export, export ? before?.Import : side));
    }

    private static PeriodSideRow Side(
        Direction direction, Energy register, Energy curve, Energy step, PointRow place, PeriodRow period)
    {
        var length = (period.End - period.Start).ToInt64Nanoseconds() / 1000;
        var uncovered = Math.Max(0, length - (Counts(period) ? period.CoveredMicroseconds : 0));
        var extreme = Extreme(period, direction);
        // The highest power may have flowed at both edges.
        var budget = new ErrorBudget(
            RegisterCheck.AssumedMeterClass.Of(register), RegisterCheck.AssumedCurveClass.Of(register), step,
            RegisterCheck.Clock(extreme, Offset(period)) * 2, Unseen(place, direction, uncovered).Uncertainty,
            Energy.Zero);
        var found = RegisterCheck.Judge(register, curve, budget, RegisterCheck.Decides);
        return new(found.Verdict, found.Why, register, curve, found.Difference, budget.Tolerance, budget);
    }
}
