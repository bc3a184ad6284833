using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>The measured peak of a station's connection on a day beside what it would have been.</summary>
/// <param name="Unproven">How many of the periods the balance does not prove; they are in no figure.</param>
/// <param name="Peaks">Null where no period is proven. Periods are counted among the proven ones.</param>
/// <param name="Starts">When each proven period begins.</param>
/// <param name="Unknown">Connectors that charged without a session that was requested, so that nobody knows what they
/// would have drawn.</param>
public sealed record StationPeak(
    int Periods, int Unproven, PeakComparison? Peaks, IReadOnlyList<Instant> Starts, IReadOnlyList<string> Unknown);

/// <summary>
/// Peak shaving of a day, by settlement periods of the connection: measured is what the station's balance proves,
/// storage what its storage points had, and unmanaged what the sessions asked for would have drawn at once
/// (<see cref="SessionRequests"/>), as far as point and contract allow when its first period begins. A figure is of proven periods only, so the true peak may be higher.
/// </summary>
public static class StationPeaks
{
    /// <summary>Null where the station has no grid connection with such a day.</summary>
    public static StationPeak? Of(Answers answers, StationId station, LocalDate day)
    {
        if (answers.Balance(station, day) is not { } balance) return null;
        var proven = balance.Periods.Where(period => period.Proven).ToList();
        var periods = proven.ConvertAll(period => new Interval(period.Start, period.End));
        var requested = new Dictionary<string, IReadOnlyList<decimal?>>(StringComparer.Ordinal);
        foreach (var point in proven.SelectMany(period => period.Parts)
            .Where(part => part.Kind == SettlementPointKind.Connector).Select(part => part.Point).Distinct())
            requested[point] = Requested(answers, point, proven, periods);
        return new(balance.Periods.Count, balance.Periods.Count - proven.Count,
            proven.Count == 0 ? null : PeakShaving.Compare([.. proven.Select((period, i) => Of(period, i, requested))]),
            [.. proven.Select(period => period.Start)],
            [.. requested.Where(of => of.Value.Contains(null)).Select(of => of.Key).Order(StringComparer.Ordinal)]);
    }

    private static PeakPeriod Of(
        StationBalance.PeriodRow period, int at, Dictionary<string, IReadOnlyList<decimal?>> requested)
    {
        var connectors = period.Parts.Where(part => part.Kind == SettlementPointKind.Connector).ToList();
        var asked = connectors.ConvertAll(part => requested[part.Point][at]);
        return new(
            Mean(period, period.Import!.Value - period.Export!.Value),
            Mean(period, Sum(period, SettlementPointKind.Storage, part => part.Export)),
            Mean(period, Sum(period, SettlementPointKind.Storage, part => part.Import)),
            Mean(period, Sum(period, SettlementPointKind.Connector, part => part.Import - part.Export)),
            asked.Contains(null) ? null
                : new Power((long)decimal.Round(asked.Sum(kw => kw!.Value) * 1_000_000m, MidpointRounding.ToEven)));
    }

    /// <summary>Mean kW in each period: nothing where nobody charged; null where somebody did whose session is not
    /// known.</summary>
    private static IReadOnlyList<decimal?> Requested(
        Answers answers, string point, List<StationBalance.PeriodRow> proven, List<Interval> periods)
    {
        var since = proven.First(period => period.Parts.Any(part => part.Point == point)).Start;
        var rated = answers.Versions(new(point)).Last(row => row.ValidFrom <= since).RatedMilliwatts;
        var sessions = SessionRequests.KnownBy(answers.Sessions(new(point)).Select(row => new SessionRequested(
            new(row.Point), row.RequestedAt, row.Arrival, row.Departure, row.Requested,
            row.VehicleMaxMilliwatts is { } most ? new Power(most) : null, row.Source)), Instant.MaxValue);
        var contract = answers.StandingLimits(new(point)).Where(limit => limit is
        { Kind: StandingLimitKind.ContractDemand, Direction: Direction.Import } && limit.ValidFrom <= since
                && !(limit.ValidTo <= since)).MaxBy(limit => limit.Position)?.MostMilliwatts;
        var most = new Power(Math.Min(rated, contract ?? rated));
        var drawn = SessionRequests.MeanKilowatts(sessions, periods, most.Kilowatts);
        return [.. proven.Select((period, i) =>
            sessions.Any(session => SessionRequests.IsThere(session, periods[i])) ? drawn[i]
            : period.Parts.Any(part => part.Point == point && part.Import > Energy.Zero) ? (decimal?)null
            : 0m)];
    }

    private static Energy Sum(
        StationBalance.PeriodRow period, SettlementPointKind kind, Func<StationBalance.PartRow, Energy> energy) =>
        period.Parts.Where(part => part.Kind == kind)
            .Aggregate(Energy.Zero, (sum, part) => sum + energy(part));

    private static Power Mean(StationBalance.PeriodRow period, Energy energy) =>
        energy.MeanOver(period.End - period.Start);
}
