using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Register against curve.</summary>
public enum RegisterCheck { Consistent = 1, Inconsistent = 2, Undecidable = 3 }

/// <summary>
/// Verified export per settlement point, period and settlement day, and per station (its connectors only: a grid
/// connection measures the same energy again). Where readings of register 2.8.0 stand at both edges of the day, their
/// difference is the amount; else the curve is. The curve says when, period by period, from the latest record version.
/// The residual is published with its tolerance: one register step times the factor (half a step at each edge, twice)
/// plus rated power over the time that the curve does not cover.
/// </summary>
public sealed class VerifiedExport : IProjection
{
    public sealed record PointRow(string Station, SettlementPointKind Kind, string Zone, long RatedMilliwatts);
    public sealed record RegisterRow(int Digits, int Decimals, int Factor, long? ModulusSteps);
    public sealed record ReadingRow(Instant ReadAt, long IndexSteps);
    public sealed record PeriodRow(
        string Point, Instant Start, Instant End, string? Day, int Version, Energy Export, string ExportKwh,
        long CoveredMicroseconds, ReadingQuality Quality, string? Reason, string Evidence);
    public sealed record DayRow(
        string Point, string Station, SettlementPointKind Kind, string Day, string Zone, int Periods, Energy Curve,
        long CoveredMicroseconds, Energy? Register, Energy Verified, string VerifiedKwh, RegisterCheck Check,
        Energy? Residual, Energy? Tolerance, string Why);
    public sealed record StationRow(string Station, string Day, int Connectors, Energy Verified, string VerifiedKwh);

    /// <summary>A curve that misses more than 1 % of the day makes the tolerance too wide to decide anything (ours).</summary>
    private const int MissingShareMax = 100;

    public string Name => "VerifiedExport";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(RegisterReadingRecorded),
        typeof(IntervalRecorded),
    };
    public IReadOnlySet<Type> Ignored { get; } = new HashSet<Type>
    {
        typeof(RegisterReadingQuarantined), typeof(IntervalReadingRecorded), typeof(DispatchInstructed),
        typeof(InstructionClockRecorded), typeof(InstructionWithdrawn), typeof(ChargingFactRecorded),
        typeof(ReasonClaimed), typeof(TariffPublished), typeof(TariffAssigned), typeof(SettlementRunCompleted),
        typeof(EvidenceRefused), typeof(EvidenceKept), typeof(ClockSteppedBack), typeof(JournalRecovered),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, LedgerEvent happened, long position)
    {
        var next = new WorkingRows(rows);
        var changes = new List<RowChange>();
        void Put(string key, object row) => changes.AddRange(next.Accept([new(key, RowJson.Write(row))]));
        switch (happened)
        {
            case SettlementPointRegistered e: Register(next, Put, e); break;
            case IntervalRecorded e: Record(next, Put, e); break;
            case RegisterInstalled { Register.Direction: Direction.Export } e:
                Put($"register|{e.Register.Point}", new RegisterRow(e.Digits, e.Decimals, e.Factor, e.ModulusSteps));
                break;
            case RegisterReadingRecorded { Register.Direction: Direction.Export } e: Read(next, Put, e); break;
        }
        return changes;
    }

    private delegate void Put(string key, object row);

    // Records that came before their point was known have no day yet: they find it here.
    private static void Register(WorkingRows rows, Put put, SettlementPointRegistered e)
    {
        put($"point|{e.Point}", new PointRow(e.Station.Value, e.Kind, e.Zone, e.Rated.Milliwatts));
        foreach (var held in rows.Range($"period|{e.Point}|", $"period|{e.Point}|~"))
        {
            var period = RowJson.Read<PeriodRow>(held.Json)!;
            if (period.Day is null) Place(rows, put, null, period);
        }
    }

    private static void Record(WorkingRows rows, Put put, IntervalRecorded e)
    {
        var key = $"period|{e.Point}|{RowJson.Key(e.Period.Start)}";
        var before = RowJson.Read<PeriodRow>(rows.Get(key));
        if (before is not null && before.Version >= e.Version) return; // an earlier version, arriving late
        Place(rows, put, before, new PeriodRow(
            e.Point.Value, e.Period.Start, e.Period.End, before?.Day, e.Version, e.Export, e.Export.ToKwh(),
            e.CoveredMicroseconds, e.Quality, e.Reason, e.Evidence.Hex));
    }

    private static void Place(WorkingRows rows, Put put, PeriodRow? before, PeriodRow now)
    {
        var point = RowJson.Read<PointRow>(rows.Get($"point|{now.Point}"));
        var date = now.Day ?? (point is null ? null : RowJson.Day(now.Start.InZone(Zone(point)).Date));
        put($"period|{now.Point}|{RowJson.Key(now.Start)}", now with { Day = date });
        if (point is null || date is null) return;
        var counted = before?.Day is null ? null : before;
        var day = Day(rows, now.Point, point, date);
        Judge(rows, put, point, day with
        {
            Periods = day.Periods + (counted is null ? 1 : 0),
            Curve = day.Curve + now.Export - (counted?.Export ?? Energy.Zero),
            CoveredMicroseconds = day.CoveredMicroseconds + now.CoveredMicroseconds - (counted?.CoveredMicroseconds ?? 0),
        });
    }

    // A reading at midnight belongs to two days, as the end of one and the start of the next.
    private static void Read(WorkingRows rows, Put put, RegisterReadingRecorded e)
    {
        var point = e.Register.Point.Value;
        put($"reading|{point}|{RowJson.Key(e.ReadAt)}", new ReadingRow(e.ReadAt, e.IndexSteps));
        if (RowJson.Read<PointRow>(rows.Get($"point|{point}")) is not { } place) return;
        var date = e.ReadAt.InZone(Zone(place)).Date;
        foreach (var day in new[] { date.PlusDays(-1), date })
            if (rows.Get($"day|{point}|{RowJson.Day(day)}") is not null || Bracket(rows, point, place, day) is not null)
                Judge(rows, put, place, Day(rows, point, place, RowJson.Day(day)));
    }

    private static DayRow Day(WorkingRows rows, string point, PointRow place, string day) =>
        RowJson.Read<DayRow>(rows.Get($"day|{point}|{day}")) ?? new DayRow(
            point, place.Station, place.Kind, day, place.Zone, 0, Energy.Zero, 0, null, Energy.Zero,
            Energy.Zero.ToKwh(), RegisterCheck.Undecidable, null, null, "");

    /// <summary>The one place that decides: the amount, the check, and the station's total.</summary>
    private static void Judge(WorkingRows rows, Put put, PointRow place, DayRow day)
    {
        var date = NodaTime.Text.LocalDatePattern.Iso.Parse(day.Day).Value;
        var register = Bracket(rows, day.Point, place, date);
        var length = (End(place, date) - Start(place, date)).ToInt64Nanoseconds() / 1000;
        var missing = Math.Max(0, length - day.CoveredMicroseconds);
        Energy? residual = register is { } known ? known.Difference - day.Curve : null;
        // Half nanojoules: milliwatts times microseconds, doubled.
        Energy? tolerance = register is { } with ? with.Step + new Energy((Int128)place.RatedMilliwatts * missing * 2) : null;
        var (check, why) = (residual, tolerance) switch
        {
            (null, _) or (_, null) => (RegisterCheck.Undecidable, "no register reading at both edges of the day"),
            _ when missing > length / MissingShareMax => (RegisterCheck.Undecidable, "the curve misses more than 1 % of the day"),
            ({ } apart, { } allowed) when Energy.Max(apart, -apart) <= allowed => (RegisterCheck.Consistent, "within tolerance"),
            _ => (RegisterCheck.Inconsistent, "register and curve differ by more than the tolerance"),
        };
        var verified = register?.Difference ?? day.Curve;
        var before = RowJson.Read<DayRow>(rows.Get($"day|{day.Point}|{day.Day}"));
        put($"day|{day.Point}|{day.Day}", day with
        {
            Register = register?.Difference, Verified = verified, VerifiedKwh = verified.ToKwh(),
            Check = check, Residual = residual, Tolerance = tolerance, Why = why,
        });
        if (day.Kind != SettlementPointKind.Connector) return;
        var station = RowJson.Read<StationRow>(rows.Get($"station|{day.Station}|{day.Day}"));
        var total = (station?.Verified ?? Energy.Zero) + verified - (before?.Verified ?? Energy.Zero);
        put($"station|{day.Station}|{day.Day}", new StationRow(
            day.Station, day.Day, (station?.Connectors ?? 0) + (before is null ? 1 : 0), total, total.ToKwh()));
    }

    /// <summary>The day's register difference, reading by reading, and one step times the factor; null without both edges.</summary>
    private static (Energy Difference, Energy Step)? Bracket(WorkingRows rows, string point, PointRow place, LocalDate day)
    {
        if (RowJson.Read<RegisterRow>(rows.Get($"register|{point}")) is not { } register) return null;
        var (start, end) = (Start(place, day), End(place, day));
        var readings = rows.Range($"reading|{point}|{RowJson.Key(start)}", $"reading|{point}|{RowJson.Key(end)}")
            .Select(row => RowJson.Read<ReadingRow>(row.Json)!).ToList();
        if (readings.Count < 2 || readings[0].ReadAt != start || readings[^1].ReadAt != end) return null;
        // Readings outside the rollover rule were quarantined before they came here, so a decrease is a rollover.
        var modulus = register.ModulusSteps ?? (long)PowerOfTen(register.Digits);
        Int128 steps = 0;
        foreach (var (from, to) in readings.Zip(readings.Skip(1)))
            steps += to.IndexSteps - from.IndexSteps + (to.IndexSteps < from.IndexSteps ? modulus : 0);
        // A step is 10^-decimals kWh; 1 kWh is 7.2e15 half nanojoules, so a step is whole up to 14 decimals.
        var kilowattHour = (Int128)Energy.HalfNanojoulesPerWattHour * 1000;
        return (new Energy(Int128.CreateChecked(steps * register.Factor * kilowattHour / PowerOfTen(register.Decimals))),
            new Energy(register.Factor * kilowattHour / PowerOfTen(register.Decimals)));
    }

    private static Int128 PowerOfTen(int exponent)
    {
        Int128 power = 1;
        for (var i = 0; i < exponent; i++) power *= 10;
        return power;
    }

    private static DateTimeZone Zone(PointRow place) => DateTimeZoneProviders.Tzdb[place.Zone];
    private static Instant Start(PointRow place, LocalDate day) => Zone(place).AtStartOfDay(day).ToInstant();
    private static Instant End(PointRow place, LocalDate day) => Start(place, day.PlusDays(1));
}
