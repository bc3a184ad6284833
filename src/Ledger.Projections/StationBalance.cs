using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The energy balance of a station, settlement period by settlement period, with the losses, the verified V2G export
/// and what storage, photovoltaic plants and nobody get of the connection's export (<see cref="EnergyBalance"/>). It
/// is computed from two views when it is asked for, and kept nowhere: from the master data in force at the start of
/// each period and the latest interval records. What a record says of a period that its curve does not cover whole, or
/// says in doubt, is not measured.
/// </summary>
public static class StationBalance
{
    /// <summary>What one point measured, the losses allocated to it, and its part of the connection's export.</summary>
    public sealed record PartRow(
        string Point, SettlementPointKind Kind, Energy Import, Energy Export, Energy ImportLosses, Energy ExportLosses,
        Energy Attributed);

    /// <summary>One period. Where it is unproven, <c>Why</c> names all that is missing,
    /// and the figures are null.</summary>
    public sealed record PeriodRow(
        Instant Start, Instant End, bool Proven, string? Why, Energy? Import, Energy? Export, Energy? Losses,
        Energy? Surplus, Energy? V2gMeasured, Energy? VerifiedV2g, Energy? Storage, Energy? Photovoltaic,
        Energy? Unattributed, IReadOnlyList<PartRow> Parts);

    /// <summary>The sums of the proven periods; how many are not proven says what they lack.</summary>
    public sealed record DayRow(
        string Station, string Day, string Zone, int Periods, int Unproven, Energy Import, Energy Export, Energy Losses,
        Energy Surplus, Energy V2gMeasured, Energy VerifiedV2g, Energy Storage, Energy Photovoltaic,
        Energy Unattributed);

    /// <summary>What the balance reads: all versions of points, places and loss factors,
    /// and the records of a point.</summary>
    public sealed record Facts(
        IReadOnlyList<MasterData.PointRow> Points, IReadOnlyList<MasterData.PlaceRow> Places,
        IReadOnlyList<MasterData.LossFactorRow> LossFactors,
        Func<SettlementPointId, Interval, IReadOnlyList<VerifiedExport.PeriodRow>> Records);

    /// <summary>The periods of a day on the calendar of the station's connection;
    /// none where it has no connection.</summary>
    public static IReadOnlyList<PeriodRow> Periods(StationId station, LocalDate day, Facts facts)
    {
        if (ConnectionOf(station, day, facts) is not { } known) return [];
        if (!SettlementCalendar.TryPeriods(
            DateTimeZoneProviders.Tzdb[known.Zone], day, known.PeriodMinutes, out var periods, out _)) return [];
        var edges = new Interval(periods[0].Start, periods[^1].End);
        var records = facts.Points.Where(row => row.Station == station.Value).Select(row => row.Point).Distinct()
            .ToDictionary(point => point, point => facts.Records(new(point), edges)
                .ToDictionary(record => record.Start));
        return [.. periods.Select(period => Of(station, period, facts, records))];
    }

    public static DayRow? Day(StationId station, LocalDate day, Facts facts, IReadOnlyList<PeriodRow> periods)
    {
        if (periods.Count == 0) return null;
        Energy Sum(Func<PeriodRow, Energy?> energy) =>
            periods.Aggregate(Energy.Zero, (sum, period) => sum + (energy(period) ?? Energy.Zero));
        return new(
            station.Value, RowJson.Day(day), ConnectionOf(station, day, facts)!.Zone, periods.Count,
            periods.Count(period => !period.Proven),
            Sum(period => period.Import), Sum(period => period.Export), Sum(period => period.Losses),
            Sum(period => period.Surplus), Sum(period => period.V2gMeasured), Sum(period => period.VerifiedV2g),
            Sum(period => period.Storage), Sum(period => period.Photovoltaic), Sum(period => period.Unattributed));
    }

    private static PeriodRow Of(
        StationId station, Interval period, Facts facts,
        Dictionary<string, Dictionary<Instant, VerifiedExport.PeriodRow>> records)
    {
        var (points, doubts) = (new List<BalancePoint>(), new List<string>());
        foreach (var registered in InForce(facts.Points, row => row.Point, row => row.ValidFrom, period.Start)
            .Where(row => row.Station == station.Value))
        {
            var record = records[registered.Point].GetValueOrDefault(period.Start);
            if (Doubt(record, period) is { } doubt) doubts.Add($"{registered.Point}: {doubt}");
            points.Add(PointOf(registered, record, period, facts));
        }
        var connections = points.FindAll(point => point is { Kind: SettlementPointKind.GridConnection, Parent: null });
        if (connections.Count != 1) doubts.Add($"{connections.Count} grid connections with nothing before them");
        if (doubts.Count > 0) return Unproven(period, string.Join("; ", doubts));
        var children = points.Where(point => point.Point != connections[0].Point).ToList();
        return EnergyBalance.Of(connections[0], children) switch
        {
            StationEnergy.Proven p => new(
                period.Start, period.End, true, null, p.Import, p.Export, p.Losses, p.Surplus, p.V2gMeasured,
                p.VerifiedV2g, p.Storage, p.Photovoltaic, p.Unattributed, [.. p.Parts.Select(part => new PartRow(
                    part.Point.Value, part.Kind, part.Import, part.Export, part.ImportLosses, part.ExportLosses,
                    part.Attributed))]),
            StationEnergy.Unproven u => Unproven(period, $"not measured: {string.Join(", ", u.Missing)}"),
            var other => throw new InvalidOperationException(other.GetType().Name),
        };
    }

    private static BalancePoint PointOf(
        MasterData.PointRow registered, VerifiedExport.PeriodRow? record, Interval period, Facts facts)
    {
        var loss = InForce(facts.LossFactors, row => row.Point, row => row.ValidFrom, period.Start)
            .FirstOrDefault(row => row.Point == registered.Point);
        var place = InForce(facts.Places, row => row.Point, row => row.ValidFrom, period.Start)
            .FirstOrDefault(row => row.Point == registered.Point);
        // A milliwatt times a microsecond is two half nanojoules.
        var fixedLoss = new Energy((Int128)(loss?.FixedMilliwatts ?? 0) * Microseconds(period) * 2);
        return new(
            new(registered.Point), registered.Kind, registered.Bidirectional, record?.Import, record?.Export,
            loss?.PartsPerMillion ?? 0, fixedLoss, place is null ? null : new(place.Parent));
    }

    /// <summary>Why a record does not measure its period, null where it does.</summary>
    private static string? Doubt(VerifiedExport.PeriodRow? record, Interval period) => record switch
    {
        null => "no interval record",
        { State: IntervalRecordState.Superseded } or { Quality: ReadingQuality.Missing } => "no interval record",
        { Quality: ReadingQuality.Suspect } => "its record is suspect",
        _ when record.End != period.End => "its record is of another period",
        _ when record.CoveredMicroseconds < Microseconds(period) =>
            RowJson.Text((Microseconds(period) - record.CoveredMicroseconds) / 1_000_000m) + " s are not covered",
        _ => null,
    };

    /// <summary>The connection at a day's start; a feeder that is placed behind it keeps the same calendar.</summary>
    private static MasterData.PointRow? ConnectionOf(StationId station, LocalDate day, Facts facts) =>
        facts.Points.GroupBy(row => row.Point, StringComparer.Ordinal).Select(versions => versions.ToList().On(day))
            .LastOrDefault(row => row.Station == station.Value && row.Kind == SettlementPointKind.GridConnection);

    private static long Microseconds(Interval period) => period.Duration.ToInt64Nanoseconds() / 1000;

    private static PeriodRow Unproven(Interval period, string why) =>
        new(period.Start, period.End, false, why, null, null, null, null, null, null, null, null, null, []);

    /// <summary>Of each key the version in force at an instant; rows are in order of key and time.</summary>
    private static IEnumerable<TRow> InForce<TRow>(
        IEnumerable<TRow> rows, Func<TRow, string> key, Func<TRow, Instant> from, Instant at) where TRow : class =>
        rows.Where(row => from(row) <= at).GroupBy(key).Select(versions => versions.MaxBy(from)!);
}
