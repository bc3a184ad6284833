using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Verified export (and, of the same shape, import) per settlement point, period and settlement day, and per station
/// (its connectors only: a grid connection measures the same energy again). Where readings of the register stand at
/// both edges of the day, their difference is the amount; else the curve is, without what is suspect. The curve says
/// when, period by period, from the latest record version. The residual is published with the error budget of
/// <see cref="RegisterCheck"/>: the assumed classes of meter and curve, one register step times the factor,
/// the power at each edge of the day over the clock offset there, and what may have flowed,
/// up to rated power in either direction, while the curve does not cover the day.
/// </summary>
public sealed class VerifiedExport : IProjection
{
    public sealed record PointRow(
        string Station, SettlementPointKind Kind, string Zone, long RatedMilliwatts, bool Bidirectional);
    public sealed record RegisterRow(
        string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps, Instant ValidFrom);
    /// <summary>A reading as its latest correction has it.</summary>
    public sealed record ReadingRow(Instant ReadAt, long IndexSteps, ReadingQuality Quality, int Version);
    public sealed record PeriodRow(
        string Point, Instant Start, Instant End, string? Day, int Version, IntervalRecordState State,
        Energy Export, string ExportKwh, Energy Import, string ImportKwh, long MinimumMilliwatts,
        long MaximumMilliwatts, long CoveredMicroseconds, long ClockOffsetMicroseconds, ReadingQuality Quality,
        string? Reason, string Evidence);
    /// <summary>One direction of a day. <c>Suspect</c> is the part of the curve that proves nothing.</summary>
    /// <param name="RegisterStep">The smallest energy that the register shows, factor applied.</param>
    /// <param name="RegisterProblem">Why the register gives no amount; null where it does.</param>
    /// <param name="Budget">The terms of the tolerance.</param>
    /// <param name="StartDoubt">What the clock offset of the day's first record can shift across the edge.</param>
    /// <param name="EndDoubt">The same of its last record.</param>
    public sealed record SideRow(
        Energy Verified, string VerifiedKwh, RegisterVerdict Check, string Why, Energy Curve, Energy Suspect,
        Energy? Register, Energy? RegisterStep, string? RegisterProblem, Energy? Residual, Energy? Tolerance,
        ErrorBudget? Budget, Energy StartDoubt, Energy EndDoubt);
    public sealed record DayRow(
        string Point, string Station, SettlementPointKind Kind, string Day, string Zone, int Periods,
        long CoveredMicroseconds, long UncoveredMicroseconds, SideRow Export, SideRow Import);
    public sealed record StationRow(
        string Station, string Day, int Connectors, Energy Export, string ExportKwh, Energy Import, string ImportKwh);

    private const string NoReadings = "no register reading at both edges of the day";

    public string Name => "VerifiedExport";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(RegisterReadingRecorded),
        typeof(RegisterReadingCorrected),
        typeof(IntervalRecorded),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        var next = new ChangedRows(rows);
        switch (fact.Event)
        {
            case SettlementPointRegistered e: Register(next, e); break;
            case RegisterInstalled e: Install(next, e, fact.ValidTime.Start); break;
            case RegisterReadingRecorded e: Read(next, e.Register, new(e.ReadAt, e.IndexSteps, e.Quality, 1)); break;
            case RegisterReadingCorrected e:
                Read(next, e.Register, new(e.ReadAt, e.IndexSteps, e.Quality, e.Version));
                break;
            case IntervalRecorded e: Record(next, e); break;
        }
        return next.Changes;
    }

    // Records and readings that came before their point was known have no day yet: they find it here.
    private static void Register(ChangedRows rows, SettlementPointRegistered e)
    {
        var keys = PointKeys.Of(e.Point);
        var known = rows.Get<PointRow>(keys.Point) is not null;
        var place = new PointRow(e.Station.Value, e.Kind, e.Zone, e.Rated.Milliwatts, e.Bidirectional);
        rows.Put(keys.Point, place);
        if (known) return;
        foreach (var period in rows.Between<PeriodRow>(keys.Periods, Instant.MinValue, Instant.MaxValue).All)
            Place(rows, keys, null, period);
        foreach (var register in keys.Registers)
            foreach (var reading in rows.Between<ReadingRow>(
                register.Readings, Instant.MinValue, Instant.MaxValue).All)
                ReadDays(rows, keys, register, place, reading.ReadAt);
    }

    private static void Install(ChangedRows rows, RegisterInstalled e, Instant from)
    {
        var keys = PointKeys.Of(e.Register.Point);
        var register = keys.Of(e.Register.Direction);
        rows.Put(new(register.Installed, from),
            new RegisterRow(e.MeterSerial, e.Digits, e.Decimals, e.Factor, e.ModulusSteps, from));
        if (rows.Get<PointRow>(keys.Point) is not { } place) return;
        foreach (var reading in rows.Between<ReadingRow>(register.Readings, from, Instant.MaxValue).All)
            ReadDays(rows, keys, register, place, reading.ReadAt);
    }

    private static void Read(ChangedRows rows, RegisterId id, ReadingRow now)
    {
        var keys = PointKeys.Of(id.Point);
        var register = keys.Of(id.Direction);
        var key = register.Reading(now.ReadAt);
        // superseded before it came
        if (rows.Get<ReadingRow>(key) is { } before && before.Version >= now.Version) return;
        rows.Put(key, now);
        if (rows.Get<PointRow>(keys.Point) is { } place) ReadDays(rows, keys, register, place, now.ReadAt);
    }

    // A reading at midnight belongs to two days, as the end of one and the start of the next.
    private static void ReadDays(
        ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow place, Instant at)
    {
        var day = SettlementDay.Containing(place.Zone, at);
        if (at == day.Edges.Start) ReadDay(rows, keys, register, place, day.Before());
        ReadDay(rows, keys, register, place, day);
        PeriodChecks.Read(rows, keys, register, place, at);
    }

    /// <summary>Asks the register anew, where it can answer: most readings come before the day's end is read.</summary>
    private static void ReadDay(
        ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow place, SettlementDay date)
    {
        if (rows.Get<ReadingRow>(register.Reading(date.Edges.End)) is null
            || rows.Get<ReadingRow>(register.Reading(date.Edges.Start)) is null) return;
        var (counted, step, problem) = Difference(rows, register, date.Edges);
        var key = DayKey(date.Name, register.Register.Point.Value);
        var before = rows.Get<DayRow>(key);
        var day = before ?? Nothing(register.Register.Point, place, date.Name);
        SideRow With(SideRow side) => side with { Register = counted, RegisterStep = step, RegisterProblem = problem };
        Judge(rows, place, date.Edges, key, before, register.Register.Direction == Direction.Export
            ? day with { Export = With(day.Export) }
            : day with { Import = With(day.Import) });
    }

    /// <summary>What the register counted from edge to edge, reading by reading, and one step of it.</summary>
    internal static (Energy? Counted, Energy? Step, string? Problem) Difference(
        ChangedRows rows, RegisterKeys register, Interval edges)
    {
        var installed = rows.Between<RegisterRow>(register.Installed, Instant.MinValue, edges.End - Duration.Epsilon);
        if (installed.Count == 0 || installed[0].ValidFrom > edges.Start)
            return (null, null, "no register is installed");
        var meter = installed[installed.Count - 1];
        if (meter.ValidFrom > edges.Start)
            return (null, null, $"meter {meter.MeterSerial} was installed during the day");
        var rule = new RegisterInstalled(register.Register, meter.MeterSerial, meter.Digits, meter.Decimals,
            meter.Factor, meter.ModulusSteps);
        var readings = Counted(rows.Between<ReadingRow>(register.Readings, edges.Start, edges.End));
        if (readings.Count < 2 || readings[0].ReadAt != edges.Start || readings[^1].ReadAt != edges.End)
            return (null, null, NoReadings);
        if (readings.Find(reading => reading.Quality == ReadingQuality.Suspect) is { } doubtful)
            return (null, null, $"the reading of {doubtful.ReadAt} is suspect");
        var sum = Energy.Zero;
        for (var i = 1; i < readings.Count; i++)
        {
            var part = Domain.Register.Difference(rule, readings[i - 1].IndexSteps, readings[i].IndexSteps);
            if (part.Delta is not { } delta) return (null, null, part.Detail);
            sum += delta;
        }
        return (sum, Domain.Register.Difference(rule, 0, 1).Delta, null);
    }

    private static List<ReadingRow> Counted(SeriesRows<ReadingRow> readings)
    {
        var counted = new List<ReadingRow>(readings.Count);
        for (var i = 0; i < readings.Count; i++)
            if (readings[i] is { Quality: not ReadingQuality.Missing } reading) counted.Add(reading);
        return counted;
    }

    private static void Record(ChangedRows rows, IntervalRecorded e)
    {
        var keys = PointKeys.Of(e.Point);
        var before = rows.Get<PeriodRow>(new(keys.Periods, e.Period.Start));
        if (before is not null && before.Version >= e.Version) return; // an earlier version, arriving late
        Place(rows, keys, before, new PeriodRow(
            e.Point.Value, e.Period.Start, e.Period.End, before?.Day, e.Version, e.State,
            e.Export, e.Export.ToKwh(), e.Import, e.Import.ToKwh(), e.Minimum.Milliwatts, e.Maximum.Milliwatts,
            e.CoveredMicroseconds, e.ClockOffsetMicroseconds, e.Quality, e.Reason, e.Evidence.Hex));
    }

    /// <summary>Puts a period into its day, in place of its version before.</summary>
    private static void Place(ChangedRows rows, PointKeys keys, PeriodRow? before, PeriodRow now)
    {
        var place = rows.Get<PointRow>(keys.Point);
        var day = place is null ? null : DayOf(place, now);
        rows.Put(new(keys.Periods, now.Start), now.Day is null && day is not null ? now with { Day = day.Name } : now);
        if (place is null || day is null) return;
        PeriodChecks.Record(rows, keys, place, now);
        var key = DayKey(day.Name, now.Point);
        var known = rows.Get<DayRow>(key);
        var sums = known ?? Nothing(new(now.Point), place, day.Name);
        var counted = before?.Day is null || !Counts(before) ? null : before;
        var counts = Counts(now) ? now : null;
        Judge(rows, place, day.Edges, key, known, sums with
        {
            Periods = sums.Periods + (counts is null ? 0 : 1) - (counted is null ? 0 : 1),
            CoveredMicroseconds = sums.CoveredMicroseconds
                + (counts?.CoveredMicroseconds ?? 0) - (counted?.CoveredMicroseconds ?? 0),
            Export = Replaced(sums.Export, Direction.Export),
            Import = Replaced(sums.Import, Direction.Import),
        });

        SideRow Replaced(SideRow side, Direction direction)
        {
            var doubt = RegisterCheck.Clock(Extreme(now, direction), Offset(now));
            return side with
            {
                Curve = side.Curve + Of(counts, direction) - Of(counted, direction),
                Suspect = side.Suspect + Doubtful(counts, direction) - Doubtful(counted, direction),
                StartDoubt = now.Start == day.Edges.Start ? doubt : side.StartDoubt,
                EndDoubt = now.End == day.Edges.End ? doubt : side.EndDoubt,
            };
        }
    }

    private static Energy Of(PeriodRow? period, Direction direction) =>
        period is null ? Energy.Zero : direction == Direction.Export ? period.Export : period.Import;

    private static Energy Doubtful(PeriodRow? period, Direction direction) =>
        period?.Quality == ReadingQuality.Suspect ? Of(period, direction) : Energy.Zero;

    internal static bool Counts(PeriodRow period) =>
        period.State != IntervalRecordState.Superseded && period.Quality != ReadingQuality.Missing;

    /// <summary>The highest power that a period shows in one direction.</summary>
    internal static Power Extreme(PeriodRow period, Direction direction) =>
        new(Math.Max(0, direction == Direction.Export ? -period.MinimumMilliwatts : period.MaximumMilliwatts));

    internal static Duration Offset(PeriodRow period) => Duration.FromTicks(period.ClockOffsetMicroseconds * 10);

    /// <summary>What may have flowed while no curve looked: up to rated power,
    /// where the point can go that way.</summary>
    internal static GapBound Unseen(PointRow place, Direction direction, long microseconds)
    {
        var able = direction == Direction.Import || place.Bidirectional || place.Kind != SettlementPointKind.Connector;
        var rated = new Power(able ? place.RatedMilliwatts : 0);
        return new(Duration.FromTicks(microseconds * 10), -rated, rated);
    }

    private static RowKey DayKey(string day, string point) => $"day|{day}|{point}";

    /// <summary>The row of a day of which nothing is known yet.</summary>
    private static DayRow Nothing(SettlementPointId point, PointRow place, string day)
    {
        var nothing = new SideRow(Energy.Zero, "", RegisterVerdict.Undecidable, "", Energy.Zero, Energy.Zero, null,
            null,
            NoReadings, null, null, null, Energy.Zero, Energy.Zero);
        return new(point.Value, place.Station, place.Kind, day, place.Zone, 0, 0, 0, nothing, nothing);
    }

    /// <summary>The one place that decides: amounts, checks, and the station's totals.</summary>
    /// <param name="before">The day as it stands; null where it has no row.</param>
    private static void Judge(
        ChangedRows rows, PointRow place, Interval edges, RowKey key, DayRow? before, DayRow day)
    {
        var length = edges.Duration.ToInt64Nanoseconds() / 1000;
        var uncovered = Math.Max(0, length - day.CoveredMicroseconds);
        day = day with
        {
            UncoveredMicroseconds = uncovered,
            Export = Check(day.Export, Unseen(place, Direction.Export, uncovered)),
            Import = Check(day.Import, Unseen(place, Direction.Import, uncovered)),
        };
        rows.Put(key, day);
        if (day.Kind != SettlementPointKind.Connector) return;
        RowKey ofStation = $"station|{day.Day}|{day.Station}";
        var station = rows.Get<StationRow>(ofStation);
        var export = (station?.Export ?? Energy.Zero) + day.Export.Verified - (before?.Export.Verified ?? Energy.Zero);
        var import = (station?.Import ?? Energy.Zero) + day.Import.Verified - (before?.Import.Verified ?? Energy.Zero);
        rows.Put(ofStation, new StationRow(
            day.Station, day.Day, (station?.Connectors ?? 0) + (before is null ? 1 : 0),
            export, export.ToKwh(), import, import.ToKwh()));
    }

    private static SideRow Check(SideRow side, GapBound unseen)
    {
        var verified = side.Register ?? side.Curve - side.Suspect;
        if (side.Register is not { } register || side.RegisterStep is not { } step)
            return side with
            {
                Verified = verified,
                VerifiedKwh = verified.ToKwh(),
                Check = RegisterVerdict.Undecidable,
                Why = side.RegisterProblem ?? "no register",
                Residual = null,
                Tolerance = null,
                Budget = null,
            };
        var budget = new ErrorBudget(
            RegisterCheck.AssumedMeterClass.Of(register), RegisterCheck.AssumedCurveClass.Of(register), step,
            side.StartDoubt + side.EndDoubt, unseen.Uncertainty, Energy.Zero);
        var found = RegisterCheck.Judge(register, side.Curve, budget, RegisterCheck.Decides);
        return side with
        {
            Verified = verified,
            VerifiedKwh = verified.ToKwh(),
            Check = found.Verdict,
            Why = found.Why,
            Residual = found.Difference,
            Tolerance = budget.Tolerance,
            Budget = budget,
        };
    }

    /// <summary>The day that a period was put into when it came first; else the day of its start.</summary>
    private static SettlementDay DayOf(PointRow place, PeriodRow period)
    {
        var day = SettlementDay.Containing(place.Zone, period.Start);
        return period.Day is null || period.Day == day.Name ? day
            : SettlementDay.Of(place.Zone, RowJson.Day(period.Day));
    }
}
