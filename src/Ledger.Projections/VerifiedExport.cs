using System.Text.Json.Serialization;
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
    /// <summary>A point, with the versions of it that begin later.</summary>
    public sealed record PointRow(
        string Station, SettlementPointKind Kind, string Zone, long RatedMilliwatts, bool Bidirectional,
        string? Owner = null, Instant ValidFrom = default,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<PointRow>? Later = null)
        : IPointVersion<PointRow>
    {
        public PointRow With(IReadOnlyList<PointRow>? later) => this with { Later = later };
    }
    public sealed record RegisterRow(
        string MeterSerial, int Digits, int Decimals, int Factor, long? ModulusSteps, Instant ValidFrom);
    /// <summary>A reading as its latest correction has it.</summary>
    public sealed record ReadingRow(Instant ReadAt, long IndexSteps, ReadingQuality Quality, int Version);
    public sealed record PeriodRow(
        string Point, Instant Start, Instant End, string? Day, int Version, IntervalRecordState State,
        Energy Export, Energy Import, long MinimumMilliwatts, long MaximumMilliwatts, long CoveredMicroseconds,
        long ClockOffsetMicroseconds, ReadingQuality Quality, string? Reason, string Evidence) : ILastingRow
    {
        [WrittenAfter(nameof(Export))]
        public string ExportKwh => Export.ToKwh();
        [WrittenAfter(nameof(Import))]
        public string ImportKwh => Import.ToKwh();
    }
    /// <summary>One direction of a day. <c>Suspect</c> is the part of the curve that proves nothing.</summary>
    /// <param name="RegisterStep">The smallest energy that the register shows, factor applied.</param>
    /// <param name="RegisterProblem">Why the register gives no amount; null where it does.</param>
    /// <param name="Budget">The terms of the tolerance; null where the register gives no amount.</param>
    /// <param name="StartDoubt">What the clock offset of the day's first record can shift across the edge.</param>
    /// <param name="EndDoubt">The same of its last record.</param>
    public sealed record SideRow(
        Energy Verified, RegisterVerdict Check, string Why, Energy Curve, Energy Suspect,
        Energy? Register, Energy? RegisterStep, string? RegisterProblem, ErrorBudget? Budget, Energy StartDoubt,
        Energy EndDoubt)
    {
        [WrittenAfter(nameof(Verified))]
        public string VerifiedKwh => Verified.ToKwh();
        [WrittenAfter(nameof(RegisterProblem))]
        public Energy? Residual => Budget is null ? null : Register - Curve;
        [WrittenAfter(nameof(Residual))]
        public Energy? Tolerance => Budget?.Tolerance;
    }
    public sealed record DayRow(
        string Point, string Station, SettlementPointKind Kind, string Day, string Zone, int Periods,
        long CoveredMicroseconds, long UncoveredMicroseconds, SideRow Export, SideRow Import);
    public sealed record StationRow(string Station, string Day, int Connectors, Energy Export, Energy Import)
    {
        [WrittenAfter(nameof(Export))]
        public string ExportKwh => Export.ToKwh();
        [WrittenAfter(nameof(Import))]
        public string ImportKwh => Import.ToKwh();
    }

    public string Name => "VerifiedExport";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(SettlementPointRegistered), typeof(RegisterInstalled), typeof(RegisterReadingRecorded),
        typeof(RegisterReadingCorrected),
        typeof(IntervalRecorded),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        var next = rows.Unchanged();
        switch (fact.Event)
        {
            case SettlementPointRegistered e: Register(next, e, fact.ValidTime.Start); break;
            case RegisterInstalled e: Install(next, e, fact.ValidTime.Start); break;
            case RegisterReadingRecorded e: Read(next, e.Register, new(e.ReadAt, e.IndexSteps, e.Quality, 1)); break;
            case RegisterReadingCorrected e:
                Read(next, e.Register, new(e.ReadAt, e.IndexSteps, e.Quality, e.Version));
                break;
            case IntervalRecorded e: Record(next, e); break;
        }
        return next;
    }

    // Records and readings that came before their point was known have no day yet: they find it here.
    private static void Register(ChangedRows rows, SettlementPointRegistered e, Instant from)
    {
        var keys = rows.KeysOf(e.Point);
        var known = rows.Get<PointRow>(keys.Point);
        var point = known.And(new PointRow(
            e.Station.Value, e.Kind, e.Zone, e.Rated.Milliwatts, e.Bidirectional, e.Owner.Value, from));
        rows.Put(keys.Point, point);
        if (known is not null) return;
        foreach (var period in rows.Between<PeriodRow>(keys.Periods, Instant.MinValue, Instant.MaxValue).All)
        {
            var day = keys.DayOf(point, period.Day, period.Start);
            Place(rows, keys, day, null, period.Day is null ? period with { Day = day.Day.Name } : period);
        }
        foreach (var register in (RegisterKeys[])[keys.Import, keys.Export])
            foreach (var reading in rows.Between<ReadingRow>(
                register.Readings, Instant.MinValue, Instant.MaxValue).All)
                ReadDays(rows, keys, register, point, reading.ReadAt);
    }

    private static void Install(ChangedRows rows, RegisterInstalled e, Instant from)
    {
        var keys = rows.KeysOf(e.Register.Point);
        var register = keys.Of(e.Register.Direction);
        rows.Put(new(register.Installed, from),
            new RegisterRow(e.MeterSerial, e.Digits, e.Decimals, e.Factor, e.ModulusSteps, from));
        if (rows.Get<PointRow>(keys.Point) is not { } point) return;
        foreach (var reading in rows.Between<ReadingRow>(register.Readings, from, Instant.MaxValue).All)
            ReadDays(rows, keys, register, point, reading.ReadAt);
    }

    private static void Read(ChangedRows rows, RegisterId id, ReadingRow now)
    {
        var keys = rows.KeysOf(id.Point);
        var register = keys.Of(id.Direction);
        var key = register.Reading(now.ReadAt);
        // superseded before it came
        if (rows.Get<ReadingRow>(key) is { } before && before.Version >= now.Version) return;
        rows.Put(key, now);
        if (rows.Get<PointRow>(keys.Point) is { } point) ReadDays(rows, keys, register, point, now.ReadAt);
    }

    // A reading at midnight belongs to two days, as the end of one and the start of the next.
    private static void ReadDays(
        ChangedRows rows, PointKeys keys, RegisterKeys register, PointRow point, Instant at)
    {
        var day = keys.DayOf(point, at);
        if (at == day.Day.Edges.Start) ReadDay(rows, register, keys.DayOf(point, at - Duration.Epsilon));
        ReadDay(rows, register, day);
        PeriodChecks.Read(rows, keys, register, point, at);
    }

    /// <summary>Asks the register anew, where it can answer.</summary>
    private static void ReadDay(ChangedRows rows, RegisterKeys register, DayKeys keys)
    {
        if (RegisterCount.Of(rows, register, keys.Day.Edges) is not { } counted) return;
        var before = rows.Get<DayRow>(keys.OfPoint);
        var sums = DaySums.Of(before);
        Judge(rows, keys, before, register.Register.Direction == Direction.Export
            ? sums with { Export = sums.Export with { Register = counted } }
            : sums with { Import = sums.Import with { Register = counted } });
    }

    private static void Record(ChangedRows rows, IntervalRecorded e)
    {
        var keys = rows.KeysOf(e.Point);
        var before = rows.Get<PeriodRow>(new(keys.Periods, e.Period.Start));
        if (before is not null && before.Version >= e.Version) return; // an earlier version, arriving late
        var day = rows.Get<PointRow>(keys.Point) is { } point
            ? keys.DayOf(point, before?.Day, e.Period.Start) : null;
        Place(rows, keys, day, before, new PeriodRow(
            e.Point.Value, e.Period.Start, e.Period.End, before?.Day ?? day?.Day.Name, e.Version, e.State,
            e.Export, e.Import, e.Minimum.Milliwatts, e.Maximum.Milliwatts, e.CoveredMicroseconds,
            e.ClockOffsetMicroseconds, e.Quality, e.Reason, e.Evidence.Hex));
    }

    /// <summary>Puts a period into its day, in place of its version before.</summary>
    /// <param name="day">Null where it is not known where the point is.</param>
    private static void Place(ChangedRows rows, PointKeys keys, DayKeys? day, PeriodRow? before, PeriodRow now)
    {
        rows.Put(new(keys.Periods, now.Start), now);
        if (day is null) return;
        PeriodChecks.Record(rows, keys, day.Place, now);
        var known = rows.Get<DayRow>(day.OfPoint);
        Judge(rows, day, known, DaySums.Of(known).Replaced(
            before?.Day is null || !Counts(before) ? null : before, Counts(now) ? now : null, now, day.Day.Edges));
    }

    internal static Energy Of(PeriodRow? period, Direction direction) =>
        period is null ? Energy.Zero : direction == Direction.Export ? period.Export : period.Import;

    internal static bool Counts(PeriodRow period) =>
        period.State != IntervalRecordState.Superseded && period.Quality != ReadingQuality.Missing;

    /// <summary>What the period's clock can shift across one of its edges: its highest power may have flowed
    /// there.</summary>
    internal static Energy ClockDoubt(PeriodRow period, Direction direction) => RegisterCheck.Clock(
        new(Math.Max(0, direction == Direction.Export ? -period.MinimumMilliwatts : period.MaximumMilliwatts)),
        Duration.FromTicks(period.ClockOffsetMicroseconds * 10));

    /// <summary>What may have flowed while no curve looked: up to rated power,
    /// where the point can go that way.</summary>
    internal static GapBound Unseen(PointRow place, Direction direction, long microseconds)
    {
        var able = direction == Direction.Import || place.Bidirectional || place.Kind != SettlementPointKind.Connector;
        var rated = new Power(able ? place.RatedMilliwatts : 0);
        return new(Duration.FromTicks(microseconds * 10), -rated, rated);
    }

    /// <summary>The one place that decides: amounts, checks, and the station's totals.</summary>
    /// <param name="before">The day as it stands; null where it has no row.</param>
    private static void Judge(ChangedRows rows, DayKeys keys, DayRow? before, in DaySums sums)
    {
        var place = keys.Place;
        var length = keys.Day.Edges.Duration.ToInt64Nanoseconds() / 1000;
        var uncovered = Math.Max(0, length - sums.CoveredMicroseconds);
        // A day stays with the station at which its first fact found the point.
        var day = new DayRow(
            keys.Point, before?.Station ?? place.Station, before?.Kind ?? place.Kind, keys.Day.Name,
            before?.Zone ?? place.Zone, sums.Periods, sums.CoveredMicroseconds, uncovered,
            Check(sums.Export, Unseen(place, Direction.Export, uncovered)),
            Check(sums.Import, Unseen(place, Direction.Import, uncovered)));
        rows.Put(keys.OfPoint, day);
        if (day.Kind != SettlementPointKind.Connector) return;
        var ofStation = keys.OfStation(day.Station);
        var station = rows.Get<StationRow>(ofStation);
        rows.Put(ofStation, new StationRow(
            day.Station, day.Day, (station?.Connectors ?? 0) + (before is null ? 1 : 0),
            (station?.Export ?? Energy.Zero) + day.Export.Verified - (before?.Export.Verified ?? Energy.Zero),
            (station?.Import ?? Energy.Zero) + day.Import.Verified - (before?.Import.Verified ?? Energy.Zero)));
    }

    private static SideRow Check(in SideSums sums, GapBound unseen)
    {
        var (register, step, problem) = sums.Register;
        if (register is not { } amount || step is not { } one)
            return new(register ?? sums.Curve - sums.Suspect, RegisterVerdict.Undecidable, problem ?? "no register",
                sums.Curve, sums.Suspect, register, step, problem, null, sums.StartDoubt, sums.EndDoubt);
        var budget = new ErrorBudget(
            RegisterCheck.AssumedMeterClass.Of(amount), RegisterCheck.AssumedCurveClass.Of(amount), one,
            sums.StartDoubt + sums.EndDoubt, unseen.Uncertainty, Energy.Zero);
        var found = RegisterCheck.Judge(amount, sums.Curve, budget, RegisterCheck.Decides);
        return new(amount, found.Verdict, found.Why, sums.Curve, sums.Suspect, register, step, problem, budget,
            sums.StartDoubt, sums.EndDoubt);
    }
}
