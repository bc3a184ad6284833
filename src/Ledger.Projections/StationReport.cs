using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>How much of a period's evidence is there, for one settlement point.</summary>
/// <param name="Expected">Settlement periods of those days of the report on which the point was at the station.</param>
/// <param name="Recorded">Those with a record that counts, provisional or final.</param>
/// <param name="Readings">Register readings of these days, each as its latest version has it.</param>
/// <param name="Signed">Those of them with a verified signature.</param>
public sealed record PointEvidence(
    MasterData.PointRow Point, long Expected, long Recorded, long Final, long Suspect, long Readings, long Signed)
{
    public long Missing => Expected - Recorded;
}

/// <summary>
/// What a regulator files about one station: what it declares, what its tests and calls showed, what may be promised of
/// it, when it was above a limit, its verified energy, and how complete and how signed the evidence of all this is.
/// Nothing is calculated for it alone; it is what the views answer of these days, put together.
/// </summary>
/// <param name="Zone">In which its days are days.</param>
/// <param name="To">The last day, which is in it.</param>
/// <param name="Points">All that are at the station, in order of name.</param>
/// <param name="Tests">Test dispatches that touch its days and are reached; announced, and therefore no sample.</param>
/// <param name="Calls">Real calls that touch them and are reached.</param>
/// <param name="Windows">What the real calls of every issuer let anyone promise: they name nobody.</param>
/// <param name="LimitDays">Each limit on each day on which it held.</param>
public sealed record StationReport(
    StationId Station, DateTimeZone Zone, LocalDate From, LocalDate To, IReadOnlyList<MasterData.PointRow> Points,
    IReadOnlyList<MasterData.StandardRow> Standards, IReadOnlyList<StationCall> Tests, IReadOnlyList<StationCall> Calls,
    StationWindows Windows, IReadOnlyList<MasterData.LimitRow> Limits, IReadOnlyList<LimitAnswer> LimitDays,
    IReadOnlyList<VerifiedExport.StationRow> Energy, IReadOnlyList<PointEvidence> Evidence)
{
    public IReadOnlyList<string> Owners =>
        [.. Points.Select(point => point.Owner).Distinct().Order(StringComparer.Ordinal)];

    public IReadOnlyList<MasterData.PointRow> Connectors =>
        [.. Points.Where(point => point.Kind == SettlementPointKind.Connector)];

    /// <summary>The rated power of all connectors.</summary>
    public Power Installed => Rated(Connectors);

    /// <summary>The rated power of those that also give energy back.</summary>
    public Power Bidirectional => Rated(Connectors.Where(point => point.Bidirectional));

    public IReadOnlyList<LimitCompliance.TotalRow> LimitTotals =>
        LimitCompliance.Totals(LimitDays.Select(answer => answer.Day));

    /// <summary>The settlement periods that were above a limit for certain, in order of time.</summary>
    public IReadOnlyList<LimitCompliance.PeriodRow> LimitViolations =>
        [.. LimitDays.SelectMany(answer => answer.Periods).Where(period => period.Verdict == LimitVerdict.Above)
            .OrderBy(period => period.Start)];

    /// <summary>The report of some settlement days, the last one included; null where nothing is at such a station
    /// then, or a point of it is not reached: its sums would say what that one did.</summary>
    /// <param name="at">At which its calls are read.</param>
    public static StationReport? Of(Answers answers, StationId station, LocalDate from, LocalDate to, Instant at)
    {
        var ever = answers.PointsAt(station, new Interval(Instant.MinValue, Instant.MaxValue));
        if (ever.Count == 0 || !answers.Reaches(station)) return null;
        var zone = DateTimeZoneProviders.Tzdb[ever[0].Zone];
        var days = Enumerable.Range(0, Period.DaysBetween(from, to) + 1).Select(from.PlusDays).ToList();
        var time = new Interval(SettlementCalendar.Day(zone, from).Start, SettlementCalendar.Day(zone, to).End);
        var points = answers.PointsAt(station, time);
        if (points.Count == 0) return null;
        var calls = Touching(answers);
        var limits = points.ToDictionary(
            point => point, point => answers.StandingLimits(new SettlementPointId(point.Point)));
        var limitsAsked = new LimitAnswers(answers);
        var there = points.ToDictionary(point => point, point => DaysThere(answers, point, days));
        return new(station, zone, from, to, points,
            [.. answers.Standards(station).Where(standard => Touches(standard.ValidFrom, standard.ValidTo, time))],
            calls.FindAll(call => call.Test is not null), calls.FindAll(call => call.Test is null),
            StationWindows.Of(Touching(answers.OfEveryIssuer())),
            [.. points.SelectMany(point => limits[point])
                .Where(limit => Touches(limit.ValidFrom, limit.ValidTo, time))],
            [.. points.Where(point => limits[point].Count > 0).SelectMany(point => there[point]
                .SelectMany(on => limitsAsked.On(on.Day, new SettlementPointId(point.Point))))],
            [.. days.SelectMany(answers.Stations).Where(day => day.Station == station.Value)],
            [.. points.Select(point => EvidenceOf(answers, point, there[point]))]);

        List<StationCall> Touching(Answers of) =>
            [.. of.Calls(station, at).Where(call => call.Order.Start < time.End && call.Order.End > time.Start)];
    }

    private static bool Touches(Instant from, Instant? to, Interval time) =>
        from < time.End && (to is not { } end || end > time.Start);

    private static Power Rated(IEnumerable<MasterData.PointRow> points) =>
        new(points.Sum(point => point.RatedMilliwatts));

    /// <summary>The days on which a point was at its station, each with its master data of that day; none before it was
    /// registered.</summary>
    private static List<(LocalDate Day, Interval Edges, MasterData.PointRow Then)> DaysThere(
        Answers answers, MasterData.PointRow point, IEnumerable<LocalDate> days)
    {
        var versions = answers.Versions(new(point.Point));
        return
        [
            .. days.Select(day => (Day: day, Then: versions.On(day))).Where(on => on.Then.Station == point.Station)
                .Select(on => (on.Day,
                    Edges: SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[on.Then.Zone], on.Day), on.Then))
                .Where(on => on.Edges.End > versions[0].ValidFrom),
        ];
    }

    // A reading at the last midnight ends the last day, so it belongs to the report.
    private static PointEvidence EvidenceOf(Answers answers, MasterData.PointRow point,
        IReadOnlyList<(LocalDate Day, Interval Edges, MasterData.PointRow Then)> days)
    {
        var id = new SettlementPointId(point.Point);
        var expected = days.Sum(on =>
            on.Edges.Duration.ToInt64Nanoseconds() / (on.Then.PeriodMinutes * 60_000_000_000L));
        var records = days.SelectMany(on => answers.IntervalRecords(id, on.Day))
            .Where(record => record.State != IntervalRecordState.Superseded && record.Quality != ReadingQuality.Missing)
            .ToList();
        var readings = days.SelectMany(on => answers.Readings(id, on.Edges))
            .DistinctBy(reading => (reading.Direction, reading.ReadAt)).ToList();
        return new(point, expected, records.Count,
            records.Count(record => record.State == IntervalRecordState.Final),
            records.Count(record => record.Quality == ReadingQuality.Suspect), readings.Count,
            readings.Count(reading => reading.Quality == ReadingQuality.MeasuredSigned));
    }
}
