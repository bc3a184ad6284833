using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Projections;

/// <summary>One direction of a settlement period between two readings of its register.</summary>
public sealed record PeriodSideRow(
    RegisterVerdict Check, string Why, Energy Register, Energy Curve, ErrorBudget Budget)
{
    [WrittenAfter(nameof(Curve))]
    public Energy Residual => Register - Curve;
    [WrittenAfter(nameof(Residual))]
    public Energy Tolerance => Budget?.Tolerance ?? Energy.Zero; // of a damaged row too
}

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
    public static void Read(ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow point, Instant at)
    {
        var periods = rows.Between<PeriodRow>(keys.Periods, at - Longest, at, until: at);
        for (var i = 0; i < periods.Count; i++)
            if (at <= periods[i].End)
                Check(rows, keys, register, keys.DayOf(point, periods[i].Start).Place, periods[i]);
    }

    /// <summary>Asks the registers of a period anew, where they were read at both its edges.</summary>
    public static void Record(ChangedRows rows, PointKeys keys, PointRow place, PeriodRow period)
    {
        Check(rows, keys, keys.Import, place, period);
        Check(rows, keys, keys.Export, place, period);
    }

    private static void Check(
        ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow place, PeriodRow period)
    {
        if (RegisterCount.Of(rows, register, new(period.Start, period.End)) is not var (counted, step, _)) return;
        var export = register.Register.Direction == Direction.Export;
        PeriodSideRow? side = counted is { } amount && step is { } one
            ? Side(register.Register.Direction, amount, one, place, period)
            : null;
        var key = new RowKey(keys.Checks, period.Start);
        var before = rows.Get<PeriodCheckRow>(key);
        rows.Put(key, new PeriodCheckRow(period.Point, before?.Start ?? period.Start, before?.End ?? period.End,
            export ? side : before?.Export, export ? before?.Import : side));
    }

    private static PeriodSideRow Side(
        Direction direction, Energy register, Energy step, PointRow place, PeriodRow period)
    {
        var (curve, covered) = Counts(period)
            ? (VerifiedExport.Of(period, direction), period.CoveredMicroseconds) : (Energy.Zero, 0);
        var length = (period.End - period.Start).ToInt64Nanoseconds() / 1000;
        var budget = new ErrorBudget(
            RegisterCheck.AssumedMeterClass.Of(register), RegisterCheck.AssumedCurveClass.Of(register), step,
            ClockDoubt(period, direction) * 2, // at both edges
            Unseen(place, direction, Math.Max(0, length - covered)).Uncertainty, Energy.Zero);
        var found = RegisterCheck.Judge(register, curve, budget, RegisterCheck.Decides);
        return new(found.Verdict, found.Why, register, curve, budget);
    }
}
