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
        var known = rows.Get<PointRow>($"point|{e.Point}") is not null;
        var place = new PointRow(e.Station.Value, e.Kind, e.Zone, e.Rated.Milliwatts, e.Bidirectional);
        rows.Put($"point|{e.Point}", place);
        if (known) return;
        foreach (var (_, period) in rows.Range<PeriodRow>($"period|{e.Point}|", $"period|{e.Point}|~"))
            Place(rows, null, period);
        foreach (var register in Both(e.Point))
            foreach (var (_, reading) in rows.Range<ReadingRow>($"reading|{register}|", $"reading|{register}|~"))
                ReadDays(rows, register, place, reading.ReadAt);
    }

    private static void Install(ChangedRows rows, RegisterInstalled e, Instant from)
    {
        rows.Put($"register|{e.Register}|{RowJson.Key(from)}",
            new RegisterRow(e.MeterSerial, e.Digits, e.Decimals, e.Factor, e.ModulusSteps, from));
        if (rows.Get<PointRow>($"point|{e.Register.Point}") is not { } place) return;
        foreach (var (_, reading) in rows.Range<ReadingRow>(
            $"reading|{e.Register}|{RowJson.Key(from)}", $"reading|{e.Register}|~"))
            ReadDays(rows, e.Register, place, reading.ReadAt);
    }

    private static void Read(ChangedRows rows, RegisterId register, ReadingRow now)
    {
        var key = $"reading|{register}|{RowJson.Key(now.ReadAt)}";
        // superseded before it came
        if (rows.Get<ReadingRow>(key) is { } before && before.Version >= now.Version) return;
        rows.Put(key, now);
        if (rows.Get<PointRow>($"point|{register.Point}") is { } place) ReadDays(rows, register, place, now.ReadAt);
    }

    // A reading at midnight belongs to two days, as the end of one and the start of the next.
    private static void ReadDays(ChangedRows rows, RegisterId register, PointRow place, Instant at)
    {
        var day = DayOf(place, at);
        if (at == SettlementCalendar.Day(Zone(place), day).Start) ReadDay(rows, register, place, day.PlusDays(-1));
        ReadDay(rows, register, place, day);
        PeriodChecks.Read(rows, register, place, at);
    }

    /// <summary>Asks the register anew, where it can answer: most readings come before the day's end is read.</summary>
    private static void ReadDay(ChangedRows rows, RegisterId register, PointRow place, LocalDate date)
    {
        var edges = SettlementCalendar.Day(Zone(place), date);
        if (rows.Get<ReadingRow>($"reading|{register}|{RowJson.Key(edges.Start)}") is null
            || rows.Get<ReadingRow>($"reading|{register}|{RowJson.Key(edges.End)}") is null) return;
        var (counted, step, problem) = Difference(rows, register, edges);
        var day = Day(rows, register.Point, place, date);
        SideRow With(SideRow side) => side with { Register = counted, RegisterStep = step, RegisterProblem = problem };
        Judge(rows, place, edges, register.Direction == Direction.Export
            ? day with { Export = With(day.Export) }
            : day with { Import = With(day.Import) });
    }

    /// <summary>What the register counted from edge to edge, reading by reading, and one step of it.</summary>
    internal static (Energy? Counted, Energy? Step, string? Problem) Difference(
        ChangedRows rows, RegisterId register, Interval edges)
    {
        var installed = rows
            .Range<RegisterRow>($"register|{register}|", $"register|{register}|{RowJson.Key(edges.End)}")
            .Select(row => row.Value).Where(row => row.ValidFrom < edges.End).ToList();
        if (installed.Count == 0 || installed[0].ValidFrom > edges.Start)
            return (null, null, "no register is installed");
        var meter = installed[^1];
        if (meter.ValidFrom > edges.Start)
            return (null, null, $"meter {meter.MeterSerial} was installed during the day");
        var rule = new RegisterInstalled(
            register, meter.MeterSerial, meter.Digits, meter.Decimals, meter.Factor, meter.ModulusSteps);
        var readings = rows.Range<ReadingRow>(
            $"reading|{register}|{RowJson.Key(edges.Start)}", $"reading|{register}|{RowJson.Key(edges.End)}")
            .Select(row => row.Value).Where(reading => reading.Quality != ReadingQuality.Missing).ToList();
        if (readings.Count < 2 || readings[0].ReadAt != edges.Start || readings[^1].ReadAt != edges.End)
            return (null, null, NoReadings);
        if (readings.Find(reading => reading.Quality == ReadingQuality.Suspect) is { } doubtful)
            return (null, null, $"the reading of {doubtful.ReadAt} is suspect");
        var sum = Energy.Zero;
        foreach (var (from, to) in readings.Zip(readings.Skip(1)))
        {
            var part = Domain.Register.Difference(rule, from.IndexSteps, to.IndexSteps);
            if (part.Delta is not { } delta) return (null, null, part.Detail);
            sum += delta;
        }
        return (sum, Domain.Register.Difference(rule, 0, 1).Delta, null);
    }

    private static void Record(ChangedRows rows, IntervalRecorded e)
    {
        var before = rows.Get<PeriodRow>($"period|{e.Point}|{RowJson.Key(e.Period.Start)}");
        if (before is not null && before.Version >= e.Version) return; // an earlier version, arriving late
        Place(rows, before, new PeriodRow(
            e.Point.Value, e.Period.Start, e.Period.End, before?.Day, e.Version, e.State,
            e.Export, e.Export.ToKwh(), e.Import, e.Import.ToKwh(), e.Minimum.Milliwatts, e.Maximum.Milliwatts,
            e.CoveredMicroseconds, e.ClockOffsetMicroseconds, e.Quality, e.Reason, e.Evidence.Hex));
    }

    /// <summary>Puts a period into its day, in place of its version before.</summary>
    private static void Place(ChangedRows rows, PeriodRow? before, PeriodRow now)
    {
        var place = rows.Get<PointRow>($"point|{now.Point}");
        LocalDate? date = now.Day is { } known ? RowJson.Day(known) : place is null ? null : DayOf(place, now.Start);
        rows.Put($"period|{now.Point}|{RowJson.Key(now.Start)}",
            now with { Day = date is { } placed ? RowJson.Day(placed) : null });
        if (place is null || date is not { } local) return;
        PeriodChecks.Record(rows, place, now);
        var edges = SettlementCalendar.Day(Zone(place), local);
        var day = Day(rows, new(now.Point), place, local);
        var counted = before?.Day is null || !Counts(before) ? null : before;
        var counts = Counts(now) ? now : null;
        Judge(rows, place, edges, day with
        {
            Periods = day.Periods + (counts is null ? 0 : 1) - (counted is null ? 0 : 1),
            CoveredMicroseconds = day.CoveredMicroseconds
                + (counts?.CoveredMicroseconds ?? 0) - (counted?.CoveredMicroseconds ?? 0),
            Export = Edged(Replaced(day.Export, counted, counts, period => period.Export), Direction.Export),
            Import = Edged(Replaced(day.Import, counted, counts, period => period.Import), Direction.Import),
        });

        SideRow Edged(SideRow side, Direction direction)
        {
            var doubt = RegisterCheck.Clock(Extreme(now, direction), Offset(now));
            return side with
            {
                StartDoubt = now.Start == edges.Start ? doubt : side.StartDoubt,
                EndDoubt = now.End == edges.End ? doubt : side.EndDoubt,
            };
        }
    }

    private static SideRow Replaced(SideRow side, PeriodRow? before, PeriodRow? now, Func<PeriodRow, Energy> energy)
    {
        Energy Of(PeriodRow? period) => period is null ? Energy.Zero : energy(period);
        Energy Doubtful(PeriodRow? period) => period?.Quality == ReadingQuality.Suspect ? Of(period) : Energy.Zero;
        return side with
        {
            Curve = side.Curve + Of(now) - Of(before),
            Suspect = side.Suspect + Doubtful(now) - Doubtful(before),
        };
    }

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

    private static DayRow Day(ChangedRows rows, SettlementPointId point, PointRow place, LocalDate date)
    {
        var day = RowJson.Day(date);
        var nothing = new SideRow(Energy.Zero, "", RegisterVerdict.Undecidable, "", Energy.Zero, Energy.Zero, null,
            null,
            NoReadings, null, null, null, Energy.Zero, Energy.Zero);
        return rows.Get<DayRow>($"day|{day}|{point}") ?? new DayRow(point.Value, place.Station, place.Kind, day,
            place.Zone, 0, 0, 0, nothing, nothing);
    }

    /// <summary>The one place that decides: amounts, checks, and the station's totals.</summary>
    private static void Judge(ChangedRows rows, PointRow place, Interval edges, DayRow day)
    {
        var before = rows.Get<DayRow>($"day|{day.Day}|{day.Point}");
        var length = edges.Duration.ToInt64Nanoseconds() / 1000;
        var uncovered = Math.Max(0, length - day.CoveredMicroseconds);
        day = day with
        {
            UncoveredMicroseconds = uncovered,
            Export = Check(day.Export, Unseen(place, Direction.Export, uncovered)),
            Import = Check(day.Import, Unseen(place, Direction.Import, uncovered)),
        };
        rows.Put($"day|{day.Day}|{day.Point}", day);
        if (day.Kind != SettlementPointKind.Connector) return;
        var station = rows.Get<StationRow>($"station|{day.Day}|{day.Station}");
        var export = (station?.Export ?? Energy.Zero) + day.Export.Verified - (before?.Export.Verified ?? Energy.Zero);
        var import = (station?.Import ?? Energy.Zero) + day.Import.Verified - (before?.Import.Verified ?? Energy.Zero);
        rows.Put($"station|{day.Day}|{day.Station}", new StationRow(
            day.Station, day.Day, (station?.Connectors ?? 0) + (before is null ? 1 : 0),
            export, export.ToKwh(), import, import.ToKwh()));
    }

    private static SideRow Check(SideRow side, GapBound unseen)
    {
        var verified = side.Register ?? side.Curve - side.Suspect;
        side = side with { Verified = verified, VerifiedKwh = verified.ToKwh() };
        if (side.Register is not { } register || side.RegisterStep is not { } step)
            return side with
            {
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
            Check = found.Verdict,
            Why = found.Why,
            Residual = found.Difference,
            Tolerance = budget.Tolerance,
            Budget = budget,
        };
    }

    internal static RegisterId[] Both(SettlementPointId point) =>
        [new(point, Direction.Import), new(point, Direction.Export)];

    private static DateTimeZone Zone(PointRow place) => DateTimeZoneProviders.Tzdb[place.Zone];
    private static LocalDate DayOf(PointRow place, Instant at) => SettlementCalendar.DayContaining(Zone(place), at);
}
