using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The standing limits of a day as a reader asks for them: which records measure each of them, and what was in force
/// where one was exceeded. A day has the points, and the places of them, that were in force at its start.
/// </summary>
public static class LimitAnswers
{
    /// <summary>What every limit of a day is answered from.</summary>
    private sealed record Asked(
        Answers Answers, LocalDate Day, IReadOnlyList<IGrouping<string, MasterData.PointRow>> Versions,
        IReadOnlyList<MasterData.PlaceRow> Places, Lazy<IReadOnlyList<CurtailmentCompliance.InstructionRow>> Orders);

    /// <summary>Every limit that held on a day, of all points or of one, against that day's interval records.</summary>
    public static IReadOnlyList<LimitAnswer> Limits(
        this Answers answers, LocalDate day, SettlementPointId? point = null)
    {
        var asked = new Asked(
            answers, day, [.. answers.EveryVersion()], answers.EveryPlace(), new(answers.Instructions));
        return [.. answers.StandingLimits(point).GroupBy(limit => limit.Point)
            .SelectMany(limits => Of(asked, new(limits.Key), [.. limits]))];
    }

    private static IEnumerable<LimitAnswer> Of(
        Asked asked, SettlementPointId point, IReadOnlyList<MasterData.LimitRow> limits)
    {
        var (answers, day) = (asked.Answers, asked.Day);
        if (answers.PointOn(point, day) is not { } limited) return [];
        var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[limited.Zone], day).Start;
        var station = new StationPoints(limited.Station, start, asked.Versions, asked.Places);
        var behind = station.From(limited).Where(one => answers.Reaches(new SettlementPointId(one.Point))).ToList();
        var last = behind.FindAll(one => !station.Behind(one).Any());
        return LimitCompliance.Of(limited, day, limits, Measured(answers, station, limited, day))
            .Select(answer => answer with
            {
                Periods = [.. answer.Periods.Select(period => period.Verdict != LimitVerdict.Above ? period
                    : period with { Causes = CausesOf(asked, period, behind, last) })],
            });
    }

    /// <summary>A point that nobody measured is the sum of what lies behind it, each of that measured or such a sum:
    /// what a meter has of the points behind it is counted once, and what may lie behind it is of any size.</summary>
    private static IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> Measured(
        Answers answers, StationPoints station, MasterData.PointRow point, LocalDate day)
    {
        var own = answers.IntervalRecords(new(point.Point), day);
        if (own.Count > 0) return [own];
        IReadOnlyList<IReadOnlyList<VerifiedExport.PeriodRow>> sum =
        [
            .. station.Behind(point).SelectMany(one => Measured(answers, station, one, day)),
            .. station.MayLieBehind(point).Select(_ => own),
        ];
        return sum.Count > 0 ? sum : [own];
    }

    /// <param name="behind">The limited point and all that lies behind it.</param>
    /// <param name="last">Those of them with nothing behind them.</param>
    private static IReadOnlyList<string> CausesOf(Asked asked, LimitCompliance.PeriodRow period,
        IReadOnlyList<MasterData.PointRow> behind, IReadOnlyList<MasterData.PointRow> last)
    {
        var answers = asked.Answers;
        var calls = asked.Orders.Value.Where(order => order.Start < period.End && order.End > period.Start)
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
