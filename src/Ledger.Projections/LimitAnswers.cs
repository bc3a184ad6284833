using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The standing limits of a day as a reader asks for them: which records measure each of them, and what was in force
/// where one was exceeded. A day has the points, and the places of them, that were in force at its start. What all
/// limits and days have in common is read once, and each limit looks at its own station alone.
/// </summary>
public sealed class LimitAnswers(Answers answers)
{
    /// <summary>All versions of each point that was ever at a station, by the station.</summary>
    private readonly ILookup<string, IGrouping<string, MasterData.PointRow>> versions = answers.EveryVersion()
        .SelectMany(point => point.Select(version => version.Station).Distinct(StringComparer.Ordinal)
            .Select(station => (Station: station, Point: point)))
        .ToLookup(at => at.Station, at => at.Point, StringComparer.Ordinal);
    private readonly ILookup<string, MasterData.PlaceRow> places =
        answers.EveryPlace().ToLookup(place => place.Point, StringComparer.Ordinal);
    private readonly Lazy<IReadOnlyList<CurtailmentCompliance.InstructionRow>> orders = new(answers.Instructions);

    /// <summary>Every limit that held on a day, of all points or of one, against that day's interval records.</summary>
    public IReadOnlyList<LimitAnswer> On(LocalDate day, SettlementPointId? point = null) =>
        [.. answers.StandingLimits(point).GroupBy(limit => limit.Point)
            .SelectMany(limits => Of(day, new(limits.Key), [.. limits]))];

    private IEnumerable<LimitAnswer> Of(
        LocalDate day, SettlementPointId point, IReadOnlyList<MasterData.LimitRow> limits)
    {
        if (answers.PointOn(point, day) is not { } limited) return [];
        var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[limited.Zone], day).Start;
        var station = new StationPoints(limited.Station, start, versions[limited.Station], places);
        var behind = station.From(limited).Where(one => answers.Reaches(new SettlementPointId(one.Point))).ToList();
        var last = behind.FindAll(one => !station.Behind(one).Any());
        return LimitCompliance.Of(limited, day, limits, Measured(station, limited, day))
            .Select(answer => answer with
            {
                Periods = [.. answer.Periods.Select(period => period.Verdict != LimitVerdict.Above ? period
                    : period with { Causes = CausesOf(period, behind, last) })],
            });
    }

    /// <summary>A point that nobody measured is the sum of what lies behind it, each of that measured or such a sum:
    /// what a meter has of the points behind it is counted once, and what may lie behind it is of any size.</summary>
    private IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> Measured(
        StationPoints station, MasterData.PointRow point, LocalDate day)
    {
        var own = answers.IntervalRecords(new(point.Point), day);
        if (own.Count > 0) return [own];
        IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> sum =
        [
            .. station.Behind(point).SelectMany(one => Measured(station, one, day)),
            .. station.MayLieBehind(point).Select(_ => own),
        ];
        return sum.Count > 0 ? sum : [own];
    }

    /// <param name="behind">The limited point and all that lies behind it.</param>
    /// <param name="last">Those of them with nothing behind them.</param>
    private IReadOnlyList<string> CausesOf(LimitCompliance.PeriodRow period,
        IReadOnlyList<MasterData.PointRow> behind, IReadOnlyList<MasterData.PointRow> last)
    {
        var calls = orders.Value.Where(order => order.Start < period.End && order.End > period.Start)
            .Select(order => new LimitCause.OpenCall(order, [.. answers.Instruction(new(order.Instruction))!.Targets
                .Where(target => behind.Any(point => point.Point == target.Point))]))
            .Where(call => call.Targets.Count > 0).ToList();
        return LimitCause.Of(period.Direction, period.Start, [.. last.Select(Around)], calls);

        LimitCause.Behind Around(MasterData.PointRow one)
        {
            var point = new SettlementPointId(one.Point);
            // The longest settlement period is an hour, and the one before the period counts too.
            var records = answers.RecordsFrom(point, new(period.Start - Duration.FromHours(2), period.End));
            var during = records.FirstOrDefault(record => record.Start <= period.Start && record.End >= period.End);
            return new(one, records.FirstOrDefault(record => record.End == during?.Start), during,
                answers.ChargingFacts(point, new(period.Start, period.End)));
        }
    }
}
